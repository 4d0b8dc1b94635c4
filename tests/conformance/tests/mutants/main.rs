//! Broken stores, each caught by the cases that are there to catch it; and no case without a store that it catches.

#![allow(clippy::panic, clippy::print_stdout, reason = "a test says what it expects")]

mod directory;
mod fault;
mod model;
mod verbs;

use std::collections::BTreeSet;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use session_conformance::{CaseReport, StoreSuite, Verdict};
use session_core::store::StoreError;

use fault::{Fault, MUTANTS};
use model::{Model, Nature};

fn suite(fault: Option<Fault>) -> StoreSuite {
    let shared = Model::new(fault);
    session_conformance::directory(move || {
        let model = if fault == Some(Fault::NamespaceIsShared) { shared.clone() } else { Model::new(fault) };
        async { Ok::<_, StoreError>(model) }
    })
    .deadline(Duration::from_secs(30))
}

fn failed(reports: &[CaseReport]) -> BTreeSet<&'static str> {
    reports.iter().filter(|report| report.verdict != Verdict::Passed).map(|report| report.name).collect()
}

fn passes(suite: StoreSuite) -> Result<(), Failed> {
    for report in suite.report() {
        if let Verdict::Failed(why) | Verdict::Ignored(why) = report.verdict {
            return Err(format!("{}: {why}", report.name).into());
        }
    }
    Ok(())
}

fn the_unbroken_store_passes_every_case() -> Result<(), Failed> {
    passes(suite(None))
}

fn sound(nature: Nature) -> StoreSuite {
    session_conformance::directory(move || async move { Ok::<_, StoreError>(Model::sound(nature)) })
}

fn a_store_that_ignores_the_touch_of_a_load_passes() -> Result<(), Failed> {
    passes(sound(Nature::IgnoresExtend))
}

fn a_store_with_a_clock_of_its_own_passes_if_it_says_so() -> Result<(), Failed> {
    passes(sound(Nature::ServerClock).server_clock())
}

fn a_store_of_whole_seconds_passes_if_it_says_so() -> Result<(), Failed> {
    passes(sound(Nature::WholeSeconds).expiry_precision(Duration::from_secs(1)))?;
    let failed = failed(&sound(Nature::WholeSeconds).report());
    if failed.contains("create_stores_and_load_returns_the_record") {
        return Ok(());
    }
    Err("a store of whole seconds passes as one of milliseconds".into())
}

fn a_store_with_one_namespace_passes_if_it_says_so() -> Result<(), Failed> {
    let one = Model::new(None);
    let make = move || {
        let one = one.clone();
        async { Ok::<_, StoreError>(one) }
    };
    passes(session_conformance::directory(make).shared_namespace())
}

fn every_case_catches_a_broken_store() -> Result<(), Failed> {
    let all: BTreeSet<_> = suite(None).names().collect();
    let caught: BTreeSet<_> = MUTANTS.iter().flat_map(|(_, cases)| *cases).copied().collect();
    let idle: Vec<_> = all.difference(&caught).collect();
    let unknown: Vec<_> = caught.difference(&all).collect();
    if idle.is_empty() && unknown.is_empty() {
        return Ok(());
    }
    Err(format!("cases that catch nothing: {idle:?}; cases that are no more: {unknown:?}").into())
}

fn is_caught(fault: Fault, cases: &[&str]) -> Result<(), Failed> {
    let named = failed(&suite(Some(fault)).only(|name| cases.contains(&name)).report());
    let missed: Vec<_> = cases.iter().filter(|case| !named.contains(*case)).collect();
    if missed.is_empty() {
        return Ok(());
    }
    let failed = failed(&suite(Some(fault)).report());
    Err(format!("not caught by {missed:?}, only by {failed:?}").into())
}

/// Trials named after their functions.
macro_rules! trials {
    ($($trial:ident),* $(,)?) => { vec![$(Trial::test(stringify!($trial), $trial)),*] };
}

fn main() {
    let mut trials = trials![
        the_unbroken_store_passes_every_case,
        a_store_that_ignores_the_touch_of_a_load_passes,
        a_store_with_a_clock_of_its_own_passes_if_it_says_so,
        a_store_of_whole_seconds_passes_if_it_says_so,
        a_store_with_one_namespace_passes_if_it_says_so,
        every_case_catches_a_broken_store,
    ];
    trials.extend(MUTANTS.iter().map(|(fault, cases)| {
        Trial::test(format!("{fault:?}"), || is_caught(*fault, cases)).with_kind("caught")
    }));
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}
