//! Every interleaving of two and of three requests on one session, over a model store, cut at every point.
//!
//! The core is pure, so this is a proof and no sample, as far as it goes: all schedules of the scripts in
//! `interleavings/script.rs`, under each policy, with a store that folds touches into its loads and one that does not.
//! What must hold is in `interleavings/checks.rs`; that the checks bite is shown by `interleavings/mutants.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    missing_debug_implementations,
    reason = "a test says what it expects"
)]

#[path = "interleavings/checks.rs"]
mod checks;
#[path = "interleavings/explore.rs"]
mod explore;
#[path = "interleavings/request.rs"]
mod request;
#[path = "interleavings/script.rs"]
mod script;
#[path = "interleavings/setup.rs"]
mod setup;
#[path = "interleavings/store.rs"]
mod store;

use explore::{Budget, Report, explore};
use script::ALL;
use setup::{Mode, Setup};
use store::Fold;

/// Every pair, with each of the two dropped or not.
fn pairs(mode: Mode, fold: Fold) {
    let setup = Setup::new(mode, fold);
    let mut report = Report::default();
    let start = std::time::Instant::now();
    for first in ALL {
        for second in ALL {
            explore(&setup, &[first, second], Budget { cuts: 2, failures: 0 }, &mut report);
        }
    }
    println!("{:?}", start.elapsed());
    report.assert_clean(&format!("pairs, {mode:?}, touch {fold:?}"));
}

#[test]
fn pairs_merge_fold() {
    pairs(Mode::Merge, Fold::InTheLoad)
}
#[test]
fn pairs_merge_nofold() {
    pairs(Mode::Merge, Fold::Never)
}
#[test]
fn pairs_nt_nofold() {
    pairs(Mode::NoTombstones, Fold::Never)
}
#[test]
fn pairs_lww_nofold() {
    pairs(Mode::LastWriteWins, Fold::Never)
}
