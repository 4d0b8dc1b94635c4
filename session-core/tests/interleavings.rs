//! Every interleaving of two and of three requests on one session, over a model store, cut at every point.
//!
//! The core is pure, so this is a proof and no sample, as far as it goes: all schedules of the scripts in
//! `interleavings/script.rs`, under each policy, with a store that folds touches into its loads and one that does not.
//! What must hold is in `interleavings/checks.rs`, with the few things that are not guaranteed and why; that the checks
//! bite is shown by `interleavings/mutants.rs`.
//!
//! A set of scripts stands for all its orders: its schedules begin with each of them. The same script may be in it twice.
//! A request that comes late, with the cookie of a session that has been renewed or ended, is one whose first call comes
//! after the others' last.
//!
//! Triples of all scripts, and those with cuts, take some minutes, even in release:
//! `cargo test --release -p session-core --test interleavings -- --ignored --nocapture`

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    reason = "a test says what it expects"
)]

#[path = "interleavings/checks.rs"]
mod checks;
#[path = "interleavings/costs.rs"]
mod costs;
#[path = "interleavings/explore.rs"]
mod explore;
#[path = "interleavings/mutants.rs"]
mod mutants;
#[path = "interleavings/request.rs"]
mod request;
#[path = "interleavings/script.rs"]
mod script;
#[path = "interleavings/setup.rs"]
mod setup;
#[path = "interleavings/store.rs"]
mod store;
#[path = "interleavings/trace.rs"]
mod trace;

use checks::{LATE_IS_A_STRANGER, LOGOUT_LOSES_TO_RENEWAL, RENEWAL_IS_LOST};
use explore::{Budget, Report, explore};
use script::{ALL, CORE, Script};
use setup::{Mode, Setup};
use store::Fold;

const NO_CUTS: Budget = Budget { cuts: 0, failures: 0 };
const ONE_CUT: Budget = Budget { cuts: 1, failures: 0 };
const BOTH_CUT: Budget = Budget { cuts: 2, failures: 0 };
const ONE_FAILURE: Budget = Budget { cuts: 0, failures: 1 };

/// What an enumeration must come to at the least, so that it cannot become empty without anybody noticing.
struct Floor {
    sets: u64,
    schedules: u64,
    broken_off: u64,
}

fn prove(title: &str, setup: &Setup, sets: &[Vec<Script>], budget: Budget, floor: &Floor) {
    let mut report = Report::default();
    for scripts in sets {
        explore(setup, scripts, budget, &mut report);
    }
    report.assert_clean(&format!("{title}, {:?}, touch folded: {:?}", setup.mode, setup.store.fold));
    assert!(report.sets >= floor.sets, "too few sets of requests");
    assert!(report.schedules >= floor.schedules, "too few schedules");
    assert!(report.broken_off >= floor.broken_off, "too few of them broken off");
    // What the tombstones are for, they do; and what is documented as not guaranteed without them is real.
    let expected: &[&str] = match (setup.tombstones(), budget.failures) {
        (true, _) => &[],
        (false, 0) => &[LOGOUT_LOSES_TO_RENEWAL, LATE_IS_A_STRANGER],
        (false, _) => &[LOGOUT_LOSES_TO_RENEWAL, LATE_IS_A_STRANGER, RENEWAL_IS_LOST],
    };
    assert_eq!(report.exceptions.keys().copied().collect::<Vec<_>>(), expected);
}

fn pairs(of: &[Script]) -> Vec<Vec<Script>> {
    let firsts = of.iter().enumerate();
    firsts.flat_map(|(at, first)| of[at..].iter().map(|second| vec![*first, *second])).collect()
}

fn triples(of: &[Script]) -> Vec<Vec<Script>> {
    let firsts = of.iter().enumerate();
    firsts
        .flat_map(|(at, first)| pairs(&of[at..]).into_iter().map(|rest| [vec![*first], rest].concat()))
        .collect()
}

fn two_requests(mode: Mode, fold: Fold) {
    let floor = Floor { sets: 231, schedules: 20_000, broken_off: 15_000 };
    prove("pairs, both cut", &Setup::new(mode, fold), &pairs(&ALL), BOTH_CUT, &floor);
}

#[test]
fn two_requests_keep_every_promise() {
    two_requests(Mode::Merge, Fold::Never);
}

#[test]
fn two_requests_keep_every_promise_where_loads_extend_the_life() {
    two_requests(Mode::Merge, Fold::InTheLoad);
}

#[test]
fn two_requests_without_tombstones_keep_all_promises_but_two() {
    two_requests(Mode::NoTombstones, Fold::Never);
}

#[test]
fn two_requests_without_tombstones_keep_all_promises_but_two_where_loads_extend_the_life() {
    two_requests(Mode::NoTombstones, Fold::InTheLoad);
}

#[test]
fn two_requests_of_which_the_last_wins_revive_nothing() {
    two_requests(Mode::LastWriteWins, Fold::Never);
}

#[test]
fn two_requests_of_which_the_last_wins_revive_nothing_where_loads_extend_the_life() {
    two_requests(Mode::LastWriteWins, Fold::InTheLoad);
}

/// Two requests that save in their midst and meet a third have so many schedules that they are left to the long run.
fn triples_that_save_once(of: &[Script]) -> Vec<Vec<Script>> {
    let mut sets = triples(of);
    sets.retain(|scripts| scripts.iter().filter(|script| script.parts() > 1).count() <= 1);
    sets
}

#[test]
fn three_requests_keep_every_promise() {
    let sets = triples_that_save_once(&CORE);
    let floor = Floor { sets: 210, schedules: 35_000, broken_off: 0 };
    prove("triples", &Setup::new(Mode::Merge, Fold::Never), &sets, NO_CUTS, &floor);
}

#[test]
fn three_requests_without_tombstones_keep_all_promises_but_two() {
    let sets = triples(&CORE[..9]);
    let floor = Floor { sets: 165, schedules: 10_000, broken_off: 0 };
    prove("triples", &Setup::new(Mode::NoTombstones, Fold::InTheLoad), &sets, NO_CUTS, &floor);
}

#[test]
fn three_requests_of_which_the_last_wins_revive_nothing() {
    let sets = triples(&CORE[..9]);
    let floor = Floor { sets: 165, schedules: 10_000, broken_off: 0 };
    prove("triples", &Setup::new(Mode::LastWriteWins, Fold::InTheLoad), &sets, NO_CUTS, &floor);
}

#[test]
fn three_requests_of_which_one_is_cut_keep_every_promise() {
    let scripts = [Script::Write, Script::Renew, Script::Login, Script::Destroy];
    let floor = Floor { sets: 20, schedules: 18_000, broken_off: 15_000 };
    let setup = Setup::new(Mode::Merge, Fold::InTheLoad);
    prove("triples, one cut", &setup, &triples(&scripts), ONE_CUT, &floor);
}

#[test]
fn a_save_that_the_store_did_not_confirm_can_be_made_again() {
    let setup = Setup::new(Mode::Merge, Fold::Never);
    let floor = Floor { sets: 231, schedules: 20_000, broken_off: 20_000 };
    prove("pairs, one failure", &setup, &pairs(&ALL), ONE_FAILURE, &floor);
    for mode in [Mode::NoTombstones, Mode::LastWriteWins] {
        let setup = Setup::new(mode, Fold::InTheLoad);
        let floor = Floor { sets: 55, schedules: 2_500, broken_off: 2_200 };
        prove("pairs, one failure", &setup, &pairs(&CORE), ONE_FAILURE, &floor);
    }
}

#[test]
fn a_generator_that_repeats_itself_hands_out_nobody_elses_session() {
    let mut setup = Setup::new(Mode::Merge, Fold::Never);
    setup.ids.stutters = true;
    let floor = Floor { sets: 55, schedules: 9_000, broken_off: 8_000 };
    prove("pairs, ids twice", &setup, &pairs(&WITH_NEW_IDS), ONE_CUT, &floor);
}

/// Those that want a new id and leave the old one under its tombstone, or alone.
const WITH_NEW_IDS: [Script; 10] = [
    Script::Write,
    Script::RegenerateAndWrite,
    Script::Renew,
    Script::RenewAndWrite,
    Script::RenewTwice,
    Script::Login,
    Script::LoginThenWrite,
    Script::NewcomerWrites,
    Script::NewcomerLogsIn,
    Script::StrangerWrites,
];

#[test]
#[ignore = "takes minutes: run it in release"]
fn three_requests_of_all_kinds_keep_every_promise() {
    let floor = Floor { sets: 1_771, schedules: 1, broken_off: 0 };
    prove("all triples", &Setup::new(Mode::Merge, Fold::Never), &triples(&ALL), NO_CUTS, &floor);
}

#[test]
#[ignore = "takes minutes: run it in release"]
fn three_requests_of_all_kinds_without_tombstones_keep_all_promises_but_two() {
    for mode in [Mode::NoTombstones, Mode::LastWriteWins] {
        let floor = Floor { sets: 1_400, schedules: 1, broken_off: 0 };
        let sets = triples_that_save_once(&ALL);
        prove("all triples", &Setup::new(mode, Fold::InTheLoad), &sets, NO_CUTS, &floor);
    }
}

#[test]
#[ignore = "takes minutes: run it in release"]
fn three_requests_of_all_kinds_of_which_one_is_cut_keep_every_promise() {
    let mut sets = triples(&ALL);
    sets.retain(|scripts| scripts.iter().all(|script| script.parts() == 1));
    let floor = Floor { sets: 680, schedules: 1, broken_off: 1 };
    prove("triples, one cut", &Setup::new(Mode::Merge, Fold::InTheLoad), &sets, ONE_CUT, &floor);
}
