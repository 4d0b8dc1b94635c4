//! `cargo xtask conformance`: every promise of every store and adapter, tried on real servers, as a table.
//!
//! The suites are test programs; this runs them, reads what they print, and adds up.

pub(crate) mod program;
pub(crate) mod report;

use std::path::PathBuf;
use std::time::Instant;

use crate::args::{Arg, Args};
use crate::output::{self, Stop};
use crate::{process, servers};
use program::{Half, PROGRAMS};
use report::Subject;

pub(crate) const HELP: &str = "\
Run the conformance suites and print what each store and adapter keeps of its promises.

Usage: cargo xtask conformance [--store NAME|all] [--adapter NAME|all] [--json FILE] [--html FILE]

  --store NAME    memory, sqlite, postgres, pgbouncer, mysql, redis, redis-cluster, redis-sentinel, mongodb, mongodb-replica,
                  migrating, or all
  --adapter NAME  axum, actix-web, rocket, poem, or all
  --json FILE     write the result of every case there, too
  --html FILE     the same as a page to look at

With neither a store nor an adapter everything runs. With both, the matrix runs too: each of these adapters with each of
these stores, one whole story over HTTP. Servers that are not there are started, and stopped again. Exit code 1 if
a case failed, or, with CI=true, if one could not be tried.
";

/// What the command line chose.
#[derive(Debug, Default)]
struct Choice {
    store: Option<String>,
    adapter: Option<String>,
    json: Option<PathBuf>,
    html: Option<PathBuf>,
}

pub(crate) fn run(mut args: Args) -> Result<(), Stop> {
    let mut choice = Choice::default();
    while let Some(arg) = args.next() {
        match arg {
            Arg::Option(name) if name == "--store" => choice.store = Some(args.value(&name)?),
            Arg::Option(name) if name == "--adapter" => choice.adapter = Some(args.value(&name)?),
            Arg::Option(name) if name == "--json" => choice.json = Some(args.value(&name)?.into()),
            Arg::Option(name) if name == "--html" => choice.html = Some(args.value(&name)?.into()),
            other => return Err(other.unknown()),
        }
    }
    if choice.store.is_none() && choice.adapter.is_none() {
        choice.store = Some("all".into());
        choice.adapter = Some("all".into());
    }
    if !PROGRAMS.iter().any(|program| program.subjects().any(|subject| choice.takes(program.half, &subject)))
    {
        return Err(Stop::Usage("no suite has such a store or adapter".into()));
    }
    let subjects = subjects(&choice);
    servers::stop()?;
    let subjects = subjects?;
    say!("\n{}", output::table(&report::HEAD, &report::rows(&subjects)).trim_end());
    if let Some(file) = &choice.json {
        report::write(file, &report::json(&subjects))?;
    }
    if let Some(file) = &choice.html {
        report::write(file, &report::html(&subjects))?;
    }
    let total = report::total(&subjects);
    say!("cases: {} passed, {} failed, {} not tried", total.passed, total.failed, total.skipped);
    if total.failed > 0 || (process::in_ci() && total.skipped > 0) {
        return Err(Stop::Reported);
    }
    Ok(())
}

/// Runs what was chosen.
fn subjects(choice: &Choice) -> Result<Vec<Subject>, Stop> {
    let variables = servers::variables()?;
    let mut subjects = Vec::new();
    for program in PROGRAMS {
        let chosen = |subject: &str| choice.takes(program.half, subject);
        if !program.subjects().any(|subject| chosen(&subject)) {
            continue;
        }
        let begun = Instant::now();
        let found = program.run(&variables)?;
        let took = begun.elapsed().as_secs_f64();
        for subject in found.into_iter().filter(|subject| chosen(&subject.name)) {
            let counts = subject.counts();
            say!(
                "{:<10} {:<22} {:>4} passed, {} failed, {} not tried",
                program.half.name(),
                subject.name,
                counts.passed,
                counts.failed,
                counts.skipped
            );
            subjects.push(subject);
        }
        say!("{:<10} {} ran for {took:.1} s", "", program.package);
    }
    Ok(subjects)
}

impl Choice {
    /// Whether it takes in this subject of a suite.
    fn takes(&self, half: Half, subject: &str) -> bool {
        let is = |choice: &Option<String>, name: &str| {
            choice.as_deref().is_some_and(|choice| choice == "all" || choice == name)
        };
        match half {
            Half::Contract | Half::Faults => is(&self.store, subject),
            Half::Adapter => is(&self.adapter, subject),
            Half::Matrix => subject
                .split_once('+')
                .is_some_and(|(adapter, store)| is(&self.adapter, adapter) && is(&self.store, store)),
        }
    }
}
