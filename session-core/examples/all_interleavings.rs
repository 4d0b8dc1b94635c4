//! The long run of `tests/interleavings.rs`: triples of all scripts, and triples of which one is cut.
//!
//! `cargo run --release -p session-core --example all_interleavings`; it takes some minutes, and panics at the first
//! promise that is not kept.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    reason = "a test says what it expects"
)]

#[path = "../tests/interleavings/checks.rs"]
mod checks;
#[path = "../tests/interleavings/explore.rs"]
mod explore;
#[path = "../tests/interleavings/prove.rs"]
mod prove;
#[path = "../tests/interleavings/request.rs"]
mod request;
#[path = "../tests/interleavings/script.rs"]
mod script;
#[path = "../tests/interleavings/setup.rs"]
mod setup;
#[path = "../tests/interleavings/store.rs"]
mod store;
#[path = "../tests/interleavings/trace.rs"]
mod trace;

use prove::{Floor, NO_CUTS, ONE_CUT, prove, triples, triples_that_save_once};
use script::ALL;
use setup::{Mode, Setup};
use store::Fold;

fn main() {
    three_requests_of_all_kinds_keep_every_promise();
    three_requests_of_all_kinds_without_tombstones_keep_all_promises_but_two();
    three_requests_of_all_kinds_of_which_one_is_cut_keep_every_promise();
}

fn three_requests_of_all_kinds_keep_every_promise() {
    let floor = Floor { sets: 2_600, schedules: 1, broken_off: 0 };
    prove("all triples", &Setup::new(Mode::Merge, Fold::Never), &triples(&ALL), NO_CUTS, &floor);
}

fn three_requests_of_all_kinds_without_tombstones_keep_all_promises_but_two() {
    for mode in [Mode::NoTombstones, Mode::LastWriteWins] {
        let floor = Floor { sets: 1_900, schedules: 1, broken_off: 0 };
        let sets = triples_that_save_once(&ALL);
        prove("all triples", &Setup::new(mode, Fold::InTheLoad), &sets, NO_CUTS, &floor);
    }
}

fn three_requests_of_all_kinds_of_which_one_is_cut_keep_every_promise() {
    let mut sets = triples(&ALL);
    sets.retain(|scripts| scripts.iter().all(|script| script.parts() == 1));
    let floor = Floor { sets: 816, schedules: 1, broken_off: 1 };
    prove("triples, one cut", &Setup::new(Mode::Merge, Fold::InTheLoad), &sets, ONE_CUT, &floor);
}
