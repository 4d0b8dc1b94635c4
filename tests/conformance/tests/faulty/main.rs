//! Stores that deal badly with trouble, each caught by the fault cases that are there to catch it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

mod client;
mod server;

use std::collections::BTreeSet;
use std::time::Duration;

use session_conformance::{FaultSuite, Unavailable, Verdict};

use client::{Client, Flaw};

const REFUSED: &str = "while_the_server_refuses_every_verb_is_unavailable";
const SILENT: &str = "while_the_server_is_silent_every_verb_is_unavailable_in_time";
const MANY: &str = "many_verbs_at_once_all_end_in_an_outage_and_the_store_recovers";
const BETWEEN: &str = "a_server_that_falls_silent_between_two_verbs_costs_no_connection";
const CUT: &str = "an_answer_cut_in_the_middle_is_an_error_and_never_an_empty_session";
const LOST: &str = "a_lost_acknowledgement_leaves_the_old_or_the_new_state_and_no_wrong_answer";
const LATE: &str = "an_answer_that_comes_late_is_not_taken_for_anothers";
const SLOW: &str = "a_slow_server_is_not_taken_for_a_dead_one";
const SHOWN: &str = "an_error_shows_no_key_and_no_value";

const CAUGHT: &[(Flaw, &[&str])] = &[
    (Flaw::AnOutageIsAnEmptySession, &[REFUSED, SILENT, MANY, CUT]),
    (Flaw::WaitsForEver, &[SILENT, MANY]),
    (Flaw::NeverConnectsAnew, &[REFUSED]),
    (Flaw::SendsAgainWhenTheAnswerWasLost, &[LOST]),
    (Flaw::TakesALateAnswerForTheNext, &[LATE]),
    (Flaw::ShowsTheKey, &[SHOWN]),
    (Flaw::ACutAnswerIsACorruptRecord, &[CUT]),
    (Flaw::TakesSlowForDead, &[SLOW]),
    (Flaw::SaysDoneBeforeTheAnswer, &[REFUSED, SILENT]),
    (Flaw::MovesInTwoSteps, &[LOST]),
    (Flaw::OneVerbAtATime, &[MANY]),
    (Flaw::AsksWithoutEndWhetherItsConnectionIsGood, &[BETWEEN]),
];

fn suite(flaw: Flaw) -> FaultSuite {
    let server = server::start();
    session_conformance::faults(
        move || Ok::<_, Unavailable>(server.clone()),
        move |address| Client::connect(address, flaw),
    )
    .patience(Duration::from_secs(1))
}

fn failed(suite: FaultSuite) -> BTreeSet<&'static str> {
    let reports = suite.report().into_iter();
    reports.filter(|report| report.verdict != Verdict::Passed).map(|report| report.name).collect()
}

#[test]
fn the_unbroken_store_passes_every_case() {
    for report in suite(Flaw::Nothing).report() {
        assert_eq!(report.verdict, Verdict::Passed, "{}", report.name);
    }
}

#[test]
fn each_flaw_is_caught_by_the_cases_that_are_there_to_catch_it() {
    for (flaw, cases) in CAUGHT {
        let failed = failed(suite(*flaw).only(|name| cases.contains(&name)));
        assert_eq!(failed, cases.iter().copied().collect(), "{flaw:?}");
    }
}

#[test]
fn every_case_catches_a_flaw() {
    let all: BTreeSet<_> = suite(Flaw::Nothing).names().collect();
    let caught: BTreeSet<_> = CAUGHT.iter().flat_map(|(_, cases)| *cases).copied().collect();
    assert_eq!(all, caught);
}
