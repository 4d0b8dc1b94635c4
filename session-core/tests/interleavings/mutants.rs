//! Stores and drivers that are wrong in one thing each: the checks must notice, each by its name.

use std::collections::BTreeSet;

use crate::checks::*;
use crate::explore::{Budget, Report, explore};
use crate::script::{ALL, CORE, Script};
use crate::setup::{Driver, Mode, Setup};
use crate::store::{Flaw, Fold};

/// The names of the checks that fail, over all pairs of `scripts`.
fn noticed(setup: &Setup, scripts: &[Script], budget: Budget) -> BTreeSet<&'static str> {
    let mut report = Report::default();
    for pair in crate::pairs(scripts) {
        explore(setup, &pair, budget, &mut report);
    }
    report.failures.into_keys().collect()
}

fn bites(flaw: Flaw, expected: &[&'static str]) {
    let mut setup = Setup::flawed(Mode::Merge, Fold::Never, Some(flaw), Driver::Waits);
    // Two creations meet only if two ids do.
    setup.ids.stutters = flaw == Flaw::CreateOverwrites;
    let scripts: &[Script] = if setup.ids.stutters { &crate::WITH_NEW_IDS } else { &CORE };
    let noticed = noticed(&setup, scripts, Budget::default());
    let missed: Vec<_> = expected.iter().filter(|check| !noticed.contains(*check)).collect();
    assert!(missed.is_empty(), "{flaw:?} passes {missed:?}; it fails {noticed:?}");
}

#[test]
fn a_store_that_creates_over_a_record_is_noticed() {
    bites(Flaw::CreateOverwrites, &[ISSUED]);
}

#[test]
fn a_store_whose_update_revives_is_noticed() {
    bites(Flaw::UpdateUpserts, &[DESTROYED, ONE_SESSION]);
}

#[test]
fn a_store_that_accepts_a_stale_update_is_noticed() {
    bites(Flaw::UpdateIgnoresBase, &[NO_LOST_UPDATE, COUNTED, ONE_SESSION]);
}

#[test]
fn a_store_whose_touch_revives_is_noticed() {
    bites(Flaw::TouchUpserts, &[DESTROYED, TOUCHING, READING]);
}

#[test]
fn a_store_that_touches_what_a_renewal_left_is_noticed() {
    bites(Flaw::TouchIgnoresBase, &[COOKIE]);
}

#[test]
fn a_store_whose_touch_makes_a_new_version_is_noticed() {
    bites(Flaw::TouchChangesTheVersion, &[TOUCHING, READING]);
}

#[test]
fn a_store_that_moves_a_record_that_has_changed_is_noticed() {
    bites(Flaw::ReplaceIgnoresBase, &[ONE_SESSION, NO_LOST_UPDATE]);
}

#[test]
fn a_store_that_copies_where_it_should_move_is_noticed() {
    bites(Flaw::ReplaceKeepsTheOld, &[ONE_SESSION, OLD_ID]);
}

#[test]
fn a_store_that_leaves_no_tombstone_is_noticed() {
    bites(Flaw::ReplaceLeavesNoTombstone, &[LATE, DESTROYED, LED_ON]);
}

#[test]
fn a_store_that_deletes_whatever_it_finds_is_noticed() {
    bites(Flaw::DeleteIgnoresBase, &[DESTROYED]);
}

#[test]
fn a_store_that_does_not_delete_is_noticed() {
    bites(Flaw::DeleteDoesNothing, &[DESTROYED, OLD_ID]);
}

#[test]
fn a_driver_that_replies_before_the_write_is_noticed() {
    let setup = Setup::flawed(Mode::Merge, Fold::Never, None, Driver::RepliesEarly);
    let noticed = noticed(&setup, &CORE, Budget { cuts: 1, ..Budget::default() });
    assert!(noticed.is_superset(&BTreeSet::from([KEPT, COOKIE])), "{noticed:?}");
}

#[test]
fn a_driver_that_takes_away_the_cookie_of_a_renewed_session_is_noticed() {
    let setup = Setup::flawed(Mode::Merge, Fold::Never, None, Driver::TidiesUp);
    let noticed = noticed(&setup, &CORE, Budget::default());
    assert!(noticed.contains(REMOVAL), "{noticed:?}");
}

#[test]
fn a_driver_that_forgets_a_renewal_that_was_broken_off_is_noticed() {
    let setup = Setup::flawed(Mode::Merge, Fold::Never, None, Driver::NeverTakesBack);
    let noticed = noticed(&setup, &CORE, Budget { cuts: 1, ..Budget::default() });
    assert!(noticed.contains(BROWSER), "{noticed:?}");
}

#[test]
fn a_store_that_says_done_to_an_update_of_what_it_was_not_told_is_noticed() {
    let setup = Setup::flawed(Mode::Merge, Fold::Never, Some(Flaw::UnknownBaseIsSaidToBeDone), Driver::Waits);
    let noticed = noticed(&setup, &CORE, Budget { cuts: 1, ..Budget::default() });
    assert!(noticed.contains(RIGHTS), "{noticed:?}");
}

#[test]
fn every_check_is_one_that_some_mutant_fails() {
    let bitten = [
        ISSUED,
        DESTROYED,
        ONE_SESSION,
        NO_LOST_UPDATE,
        COUNTED,
        TOUCHING,
        READING,
        COOKIE,
        OLD_ID,
        LATE,
        KEPT,
        REMOVAL,
        BROWSER,
        RIGHTS,
        LED_ON,
    ];
    let all: BTreeSet<_> = CHECKS.iter().map(|(name, _)| *name).collect();
    assert_eq!(BTreeSet::from(bitten), all);
    // And none of them fails where nothing is wrong.
    let setup = Setup::new(Mode::Merge, Fold::Never);
    assert_eq!(noticed(&setup, &ALL, Budget::default()), BTreeSet::new());
}
