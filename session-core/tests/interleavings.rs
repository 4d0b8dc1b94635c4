//! Every interleaving of two and of three requests on one session, over a model store, cut at every point.
//!
//! The core is pure, so this is a proof and no sample, as far as it goes: all schedules of the scripts in
//! `interleavings/script.rs`, under each policy, with a store that folds touches into its loads and one that does not.
//! What must hold is in `interleavings/checks.rs`, with the two things that are not guaranteed and why; that the checks
//! bite is shown by `interleavings/mutants.rs`.
//!
//! A set of scripts stands for all its orders: its schedules begin with each of them. The same script may be in it twice.
//! A request that comes late, with the cookie of a session that has been renewed or ended, is one whose first call comes
//! after the others' last.
//!
//! Triples of all scripts, and those with cuts, take some minutes, even in release:
//! `cargo run --release -p session-core --example all_interleavings`

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
#[path = "interleavings/prove.rs"]
mod prove;
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

use prove::{
    BOTH_CUT, DEATHS, Floor, LOST_ANSWERS, NO_CUTS, ONE_CUT, ONE_FAILURE, pairs, prove, triples,
    triples_that_save_once,
};
use script::{ALL, CORE, Script};
use setup::{Mode, Setup};
use store::Fold;

fn two_requests(mode: Mode, fold: Fold) {
    let floor = Floor { sets: 300, schedules: 20_000, broken_off: 15_000 };
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

#[test]
fn three_requests_keep_every_promise() {
    let sets = triples_that_save_once(&CORE);
    let floor = Floor { sets: 275, schedules: 35_000, broken_off: 0 };
    prove("triples", &Setup::new(Mode::Merge, Fold::Never), &sets, NO_CUTS, &floor);
}

#[test]
fn three_requests_without_tombstones_keep_all_promises_but_two() {
    let sets = triples(&CORE[..10]);
    let floor = Floor { sets: 220, schedules: 10_000, broken_off: 0 };
    prove("triples", &Setup::new(Mode::NoTombstones, Fold::InTheLoad), &sets, NO_CUTS, &floor);
}

#[test]
fn three_requests_of_which_the_last_wins_revive_nothing() {
    let sets = triples(&CORE[..10]);
    let floor = Floor { sets: 220, schedules: 10_000, broken_off: 0 };
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
    let floor = Floor { sets: 300, schedules: 20_000, broken_off: 20_000 };
    prove("pairs, one failure", &setup, &pairs(&ALL), ONE_FAILURE, &floor);
    for mode in [Mode::NoTombstones, Mode::LastWriteWins] {
        let setup = Setup::new(mode, Fold::InTheLoad);
        let floor = Floor { sets: 66, schedules: 2_500, broken_off: 2_200 };
        prove("pairs, one failure", &setup, &pairs(&CORE), ONE_FAILURE, &floor);
    }
}

#[test]
fn a_lost_answer_costs_nobody_the_session() {
    let scripts = [
        Script::Read,
        Script::Increment,
        Script::Renew,
        Script::RenewAndWrite,
        Script::RotateAndWrite,
        Script::RegenerateAndWrite,
        Script::Login,
        Script::LoginAgain,
        Script::Destroy,
    ];
    let floor = Floor { sets: 45, schedules: 50_000, broken_off: 50_000 };
    let setup = Setup::new(Mode::Merge, Fold::Never);
    prove("pairs, answers lost", &setup, &pairs(&scripts), LOST_ANSWERS, &floor);
}

#[test]
fn a_process_that_dies_before_it_has_settled_a_renewal_revives_nothing() {
    let scripts = [Script::Write, Script::Rotate, Script::LoginAgain, Script::Destroy];
    let floor = Floor { sets: 10, schedules: 10_000, broken_off: 10_000 };
    let setup = Setup::new(Mode::Merge, Fold::Never);
    prove("pairs, one process dies", &setup, &pairs(&scripts), DEATHS, &floor);
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
