//! Enumerating the schedules of sets of scripts, and judging what came of it.

use crate::checks::{LATE_IS_A_STRANGER, LOGOUT_LOSES_TO_RENEWAL};
use crate::explore::{Budget, Report, explore};
use crate::script::Script;
use crate::setup::Setup;

pub const NO_CUTS: Budget = Budget { cuts: 0, failures: 0, under_way: false, deaths: false };
pub const ONE_CUT: Budget = Budget { cuts: 1, ..NO_CUTS };
pub const BOTH_CUT: Budget = Budget { cuts: 2, ..NO_CUTS };
pub const ONE_FAILURE: Budget = Budget { failures: 1, ..NO_CUTS };
/// One request is dropped, perhaps with its call under way, while the store fails once.
pub const LOST_ANSWERS: Budget = Budget { cuts: 1, failures: 1, under_way: true, deaths: false };
/// The same, and the process ends soon afterwards.
pub const DEATHS: Budget = Budget { cuts: 2, failures: 0, under_way: true, deaths: true };

/// What an enumeration must come to at the least, so that it cannot become empty without anybody noticing.
pub struct Floor {
    pub sets: u64,
    pub schedules: u64,
    pub broken_off: u64,
}

pub fn prove(title: &str, setup: &Setup, sets: &[Vec<Script>], budget: Budget, floor: &Floor) {
    let mut report = Report::default();
    for scripts in sets {
        explore(setup, scripts, budget, &mut report);
    }
    report.assert_clean(&format!("{title}, {:?}, touch folded: {:?}", setup.mode, setup.store.fold));
    assert!(report.sets >= floor.sets, "too few sets of requests");
    assert!(report.schedules >= floor.schedules, "too few schedules");
    assert!(report.broken_off >= floor.broken_off, "too few of them broken off");
    // What the tombstones are for, they do; and what is documented as not guaranteed without them is real.
    let expected: &[&str] =
        if setup.tombstones() { &[] } else { &[LOGOUT_LOSES_TO_RENEWAL, LATE_IS_A_STRANGER] };
    assert_eq!(report.exceptions.keys().copied().collect::<Vec<_>>(), expected);
}

pub fn pairs(of: &[Script]) -> Vec<Vec<Script>> {
    let firsts = of.iter().enumerate();
    firsts.flat_map(|(at, first)| of[at..].iter().map(|second| vec![*first, *second])).collect()
}

pub fn triples(of: &[Script]) -> Vec<Vec<Script>> {
    let firsts = of.iter().enumerate();
    firsts
        .flat_map(|(at, first)| pairs(&of[at..]).into_iter().map(|rest| [vec![*first], rest].concat()))
        .collect()
}

/// Two requests that save in their midst and meet a third have so many schedules that they are left to the long run.
pub fn triples_that_save_once(of: &[Script]) -> Vec<Vec<Script>> {
    let mut sets = triples(of);
    sets.retain(|scripts| scripts.iter().filter(|script| script.parts() > 1).count() <= 1);
    sets
}
