//! Broken adapters, each caught by the cases that are there to catch it.

#![allow(clippy::panic, clippy::print_stdout, reason = "a test says what it expects")]

mod fault;
mod half_done;
mod server;

use std::collections::BTreeSet;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use session_conformance::judge::Difference;
use session_conformance::{AdapterSuite, Feature, Verdict};

use fault::{Fault, MUTANTS};
use half_done::HalfDone;
use session_core::store::StoreError;

fn suite(fault: Option<Fault>) -> AdapterSuite {
    session_conformance::adapter(move |site| server::mount(fault, site))
        .without(Feature::Socket)
        .without(Feature::TwoLayers)
        .without(Feature::Guard)
}

/// The cases that fail.
fn failing(suite: AdapterSuite) -> BTreeSet<&'static str> {
    let reports = suite.report();
    reports.into_iter().filter(|report| report.verdict != Verdict::Passed).map(|report| report.name).collect()
}

fn the_unbroken_adapter_passes_every_case() -> Result<(), Failed> {
    for report in suite(None).report() {
        if let Verdict::Failed(why) | Verdict::Ignored(why) = report.verdict {
            return Err(format!("{}: {why}", report.name).into());
        }
    }
    Ok(())
}

fn every_case_that_is_named_exists() -> Result<(), Failed> {
    let all: BTreeSet<_> = suite(None).names().collect();
    let named: BTreeSet<_> = MUTANTS.iter().flat_map(|(_, cases)| *cases).copied().collect();
    let unknown: Vec<_> = named.difference(&all).collect();
    if unknown.is_empty() { Ok(()) } else { Err(format!("cases that are no more: {unknown:?}").into()) }
}

fn no_two_cases_have_one_name() -> Result<(), Failed> {
    let mut seen = BTreeSet::new();
    let twice: Vec<_> = suite(None).names().filter(|name| !seen.insert(*name)).collect();
    if twice.is_empty() { Ok(()) } else { Err(format!("twice: {twice:?}").into()) }
}

/// So many cases are about what is not to be kept, or about nothing that is.
const NOTHING_TO_KEEP: usize = 35;

fn an_adapter_that_saves_nothing_fails_nearly_every_case() -> Result<(), Failed> {
    let all: BTreeSet<_> = suite(None).names().collect();
    let failing = failing(suite(Some(Fault::NeverSaves)).deadline(Duration::from_secs(5)));
    let passed: Vec<_> = all.difference(&failing).collect();
    if passed.len() <= NOTHING_TO_KEEP {
        return Ok(());
    }
    Err(format!("{} of {} cases pass: {passed:#?}", passed.len(), all.len()).into())
}

fn every_difference_has_a_case() -> Result<(), Failed> {
    let met: BTreeSet<_> = suite(None).cases().flat_map(|case| case.differences).copied().collect();
    let idle: Vec<_> = Difference::ALL.iter().filter(|difference| !met.contains(difference)).collect();
    if idle.is_empty() { Ok(()) } else { Err(format!("differences that no case looks at: {idle:?}").into()) }
}

fn is_caught(fault: Fault, cases: &[&str]) -> Result<(), Failed> {
    let failing =
        failing(suite(Some(fault)).only(|name| cases.contains(&name)).deadline(Duration::from_secs(5)));
    let missed: Vec<_> = cases.iter().filter(|case| !failing.contains(*case)).collect();
    if missed.is_empty() { Ok(()) } else { Err(format!("not caught by {missed:?}").into()) }
}

/// The cases about browsers that leave, for a store that does or does not mend what a dropped verb has left.
fn left(mends: bool) -> BTreeSet<&'static str> {
    let store = move || async move { Ok::<_, StoreError>(HalfDone::new(mends)) };
    failing(
        session_conformance::pair(|site| server::mount(None, site), store)
            .only(|name| name.contains("browser")),
    )
}

fn a_store_whose_connections_stay_half_done_is_caught_by_browsers_that_leave() -> Result<(), Failed> {
    let sound = left(true);
    if !sound.is_empty() {
        return Err(format!("a store that mends its connections fails {sound:?}").into());
    }
    let case = "browsers_that_leave_in_mid_request_are_noticed_by_nobody";
    if left(false).contains(case) { Ok(()) } else { Err(format!("not caught by {case}").into()) }
}

/// Trials named after their functions.
macro_rules! trials {
    ($($trial:ident),* $(,)?) => { vec![$(Trial::test(stringify!($trial), $trial)),*] };
}

fn main() {
    let mut trials = trials![
        the_unbroken_adapter_passes_every_case,
        every_case_that_is_named_exists,
        no_two_cases_have_one_name,
        an_adapter_that_saves_nothing_fails_nearly_every_case,
        every_difference_has_a_case,
        a_store_whose_connections_stay_half_done_is_caught_by_browsers_that_leave,
    ];
    trials.extend(MUTANTS.iter().map(|(fault, cases)| {
        Trial::test(format!("{fault:?}"), || is_caught(*fault, cases)).with_kind("caught")
    }));
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}
