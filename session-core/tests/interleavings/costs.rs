//! What a request costs the store when nobody disturbs it, and what comes of ids that the server did not issue.

use session_core::Open;
use session_core::open::Notice;

use crate::explore::in_turn;
use crate::request::{End, Told};
use crate::script::Script;
use crate::setup::{Mode, SOON, Setup};
use crate::store::Fold;
use crate::trace::Trace;

fn calls(setup: &Setup, script: Script) -> Vec<&'static str> {
    in_turn(setup, &[script]).events.iter().map(|event| event.name).collect()
}

#[test]
fn an_undisturbed_request_costs_one_read_and_at_most_one_write() {
    for mode in [Mode::Merge, Mode::NoTombstones, Mode::LastWriteWins] {
        for fold in [Fold::InTheLoad, Fold::Never] {
            let setup = Setup::new(mode, fold);
            for (script, expected) in [
                (Script::Read, &["load"][..]),
                (Script::Write, &["load", "update"]),
                (Script::WriteShared, &["load", "update"]),
                (Script::Remove, &["load", "update"]),
                (Script::Increment, &["load", "update"]),
                (Script::Regenerate, &["load", "replace"]),
                (Script::RegenerateAndWrite, &["load", "replace"]),
                (Script::Renew, &["load", "replace"]),
                (Script::RenewAndWrite, &["load", "replace"]),
                (Script::Rotate, &["load", "replace"]),
                (Script::Login, &["load", "replace"]),
                (Script::Destroy, &["load", "delete"]),
                (Script::SaveThenWrite, &["load", "update", "update"]),
                (Script::NewcomerWrites, &["create"]),
                (Script::NewcomerLogsIn, &["create"]),
                (Script::StrangerWrites, &["load", "create"]),
            ] {
                assert_eq!(calls(&setup, script), expected, "{script:?} under {mode:?}, {fold:?}");
            }
        }
    }
}

#[test]
fn a_touch_costs_nothing_where_the_load_carries_it_out() {
    assert_eq!(calls(&Setup::new(Mode::Merge, Fold::InTheLoad), Script::Roll), ["load"]);
    assert_eq!(calls(&Setup::new(Mode::Merge, Fold::Never), Script::Roll), ["load", "touch"]);
    let mut setup = Setup::new(Mode::Merge, Fold::Never);
    setup.start = SOON;
    assert_eq!(calls(&setup, Script::Roll), ["load"], "it is not due yet");
}

#[test]
fn a_due_touch_is_announced_wherever_it_was_carried_out() {
    for fold in [Fold::InTheLoad, Fold::Never] {
        let setup = Setup::new(Mode::Merge, fold);
        let trace = in_turn(&setup, &[Script::Roll]);
        assert_eq!(trace.logs[0].end, End::Replied(Told::Given(setup.root.clone())), "{fold:?}");
    }
}

#[test]
fn no_cookie_and_a_forged_one_cost_nothing() {
    let setup = Setup::new(Mode::Merge, Fold::Never);
    assert!(matches!(setup.open(None), Open::Ready(_)));
    let mut forged = setup.cookie.clone();
    let last = if forged.pop() == Some('A') { 'B' } else { 'A' };
    // The last character of a MAC of 32 bytes has two bits that do not count, so the one before it changes too.
    forged.pop();
    forged.extend([last, last]);
    let Open::Ready(state) = setup.open(Some(&forged)) else {
        panic!("a forged cookie must not reach the store")
    };
    assert_eq!(state.notices(), [Notice::Rejected]);
    assert!(state.is_new() && state.is_empty() && state.owner().is_none());
}

#[test]
fn an_id_that_was_never_stored_is_not_adopted() {
    let setup = Setup::new(Mode::Merge, Fold::Never);
    let trace = in_turn(&setup, &[Script::StrangerWrites]);
    let asked = &trace.events[0].touched[0].key;
    let Told::Given(given) = told(&trace, 0) else { panic!("a write by a stranger makes a session") };
    assert!(given != *asked && given != setup.root);
    assert!(trace.store.get(&given).is_some() && trace.store.get(asked).is_none());
}

#[test]
fn a_late_request_with_the_old_cookie_sees_nothing_and_is_told_nothing() {
    for mover in [Script::Renew, Script::RegenerateAndWrite, Script::Login] {
        for late in [Script::Read, Script::Roll, Script::Renew] {
            let setup = Setup::new(Mode::Merge, Fold::Never);
            let scripts = [mover, late];
            let trace = in_turn(&setup, &scripts);
            assert!(matches!(told(&trace, 0), Told::Given(_)));
            assert_eq!(trace.logs[1].saw_data, Some(false));
            assert_eq!(told(&trace, 1), Told::Nothing);
        }
    }
}

#[test]
fn after_a_rotation_the_holder_of_the_old_id_reads_and_writes_and_is_told_the_new_one() {
    for late in [Script::Read, Script::Roll, Script::Write, Script::Increment] {
        let setup = Setup::new(Mode::Merge, Fold::Never);
        let scripts = [Script::Rotate, late];
        let trace = in_turn(&setup, &scripts);
        assert_eq!(trace.logs[1].saw_data, Some(true), "{late:?}");
        assert_eq!(told(&trace, 1), told(&trace, 0), "both end in one session: {late:?}");
    }
    let setup = Setup::new(Mode::Merge, Fold::Never);
    let scripts = [Script::Rotate, Script::Rotate, Script::Rotate, Script::Read];
    let trace = in_turn(&setup, &scripts);
    assert_eq!(trace.logs[3].saw_data, Some(true), "the way leads past several rotations");
    let scripts = [Script::Rotate, Script::Renew, Script::Read];
    let trace = in_turn(&setup, &scripts);
    assert_eq!(trace.logs[2].saw_data, Some(false), "and ends at a renewal");
}

#[test]
fn what_a_rotation_leaves_at_rest_opens_nothing() {
    let setup = Setup::new(Mode::Merge, Fold::Never);
    let trace = in_turn(&setup, &[Script::Rotate]);
    for (_, stored) in trace.store.entries() {
        for (id, _) in &trace.ids.issued {
            assert!(!stored.record.payload.contains(id.expose()));
        }
    }
}

fn told(trace: &Trace<'_>, request: usize) -> Told {
    match &trace.logs[request].end {
        End::Replied(told) => told.clone(),
        end => panic!("{request} ended as {end:?}"),
    }
}
