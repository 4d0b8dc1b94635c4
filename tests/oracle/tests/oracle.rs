//! Every case that is true of both runs against the real express-session and against this library under its preset.
#![allow(clippy::print_stdout, reason = "the table is what this is for")]

#[path = "../../../adapters/axum/tests/conformance/mount.rs"]
mod mount;

use std::collections::BTreeMap;
use std::sync::Arc;

use session_conformance::judge::{self, CaseFacts, Scope};
use session_conformance::{CaseReport, Verdict};
use session_oracle::Judge;

fn main() {
    let node = Arc::new(Judge::start());
    let express = judge::suite(Arc::clone(&node)).named("express-session");
    let differences = judge::differences(node);
    let ours = session_conformance::adapter(mount::mount).named("ours");
    let all: Vec<_> = ours.cases().collect();
    let shared: Vec<CaseFacts> = express.cases().collect();
    let ours = ours.only(|name| shared.iter().any(|case| case.name == name));
    let run = session_conformance::run_together([express, ours, differences]);
    print(&shared, &all, &run.reports[..2]);
    run.exit_if_failed();
}

fn print(shared: &[CaseFacts], all: &[CaseFacts], reports: &[Vec<CaseReport>]) {
    let sides: Vec<BTreeMap<&str, &Verdict>> = reports
        .iter()
        .map(|reports| reports.iter().map(|report| (report.name, &report.verdict)).collect())
        .collect();
    let ran: Vec<_> =
        shared.iter().filter(|case| sides.iter().any(|side| side.contains_key(case.name))).collect();
    if ran.is_empty() {
        return;
    }
    let widest = ran.iter().map(|case| case.name.len()).max().unwrap_or_default();
    println!("\n{:widest$}  express-session  ours    differs on purpose", "case");
    for case in &ran {
        let [express, ours] =
            [0, 1].map(|side| word(sides.get(side).and_then(|side| side.get(case.name)).copied()));
        let differences: Vec<_> = case.differences.iter().map(|it| format!("{it:?}")).collect();
        println!("{:widest$}  {express:15}  {ours:6}  {}", case.name, differences.join(", "));
    }
    println!("\nwhere the two differ on purpose: express-session / ours (why)");
    let mut met: Vec<_> = ran.iter().flat_map(|case| case.differences).collect();
    met.sort_unstable();
    met.dedup();
    for difference in met {
        let [express, ours, why] = difference.sentences();
        println!("  {difference:?}: {express} / {ours} ({why})");
    }
    let own = all.iter().filter(|case| case.scope == Scope::Ours).count();
    println!("\n{} cases are shared; {own} more are about what express-session does not have", shared.len());
}

fn word(verdict: Option<&Verdict>) -> &'static str {
    match verdict {
        Some(Verdict::Passed) => "passed",
        Some(Verdict::Failed(_)) => "FAILED",
        Some(Verdict::Ignored(_)) => "ignored",
        None => "-",
    }
}
