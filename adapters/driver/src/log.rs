//! What is logged: one event for each thing that happens to a session, under the target `session`. Names and reasons
//! only; never an id, a key, an owner or a value. `docs/logging.md` has them all, and a test compares.
//!
//! `ERROR` is for what somebody must act on. A request that fails since the store is down is counted, not logged.

use session_core::close::{CookieProblem, CookieWarning};
use session_core::open::Notice;
use session_core::store::{Created, Deleted, Replaced, StoreError, StoreErrorKind, Touched, Updated};
use session_core::{Error as CoreError, State};
use time::OffsetDateTime;
use tracing::{debug, error, info, warn};

use crate::error::Error;
use crate::health::Period;

/// Logs and hands on the failure of a store to answer.
pub(crate) fn failure<T>(verb: &'static str, answer: Result<T, Error>) -> Result<T, Error> {
    match &answer {
        Err(Error::Store(error)) if error.kind() == StoreErrorKind::Corrupt => {
            warn!(target: "session", event = "unreadable", reason = %error);
        }
        Err(error) => debug!(target: "session", event = "store_failed", verb, %error),
        Ok(_) => {}
    }
    answer
}

pub(crate) fn outage_began(error: &StoreError) {
    error!(target: "session", event = "outage_began", %error);
}

pub(crate) fn outage_goes_on(so_far: &Period, now: OffsetDateTime) {
    let Period { failed, anonymous, unwritten, .. } = so_far;
    let seconds = so_far.seconds(now);
    warn!(target: "session", event = "outage_goes_on", seconds, failed, anonymous, unwritten);
}

pub(crate) fn outage_ended(outage: &Period, now: OffsetDateTime) {
    let Period { failed, anonymous, unwritten, .. } = outage;
    let seconds = outage.seconds(now);
    info!(target: "session", event = "outage_ended", seconds, failed, anonymous, unwritten);
}

pub(crate) fn read_only_began(error: &StoreError) {
    warn!(target: "session", event = "read_only_began", %error);
}

pub(crate) fn read_only_goes_on(so_far: &Period, now: OffsetDateTime) {
    let Period { failed, unwritten, .. } = so_far;
    warn!(target: "session", event = "read_only_goes_on", seconds = so_far.seconds(now), failed, unwritten);
}

pub(crate) fn read_only_ended(period: &Period, now: OffsetDateTime) {
    let Period { failed, unwritten, .. } = period;
    info!(target: "session", event = "read_only_ended", seconds = period.seconds(now), failed, unwritten);
}

pub(crate) fn opened(state: &State) {
    for notice in state.notices() {
        match notice {
            Notice::Rejected => info!(target: "session", event = "cookie_rejected"),
            Notice::Missed => info!(target: "session", event = "missed"),
            Notice::Expired => debug!(target: "session", event = "expired"),
            Notice::Superseded => debug!(target: "session", event = "superseded"),
            Notice::Unreadable(reason) => warn!(target: "session", event = "unreadable", %reason),
            _ => {}
        }
    }
    debug!(target: "session", event = "opened", new = state.is_new());
}

pub(crate) fn created(answer: &Created) {
    match answer {
        Created::Done(_) => debug!(target: "session", event = "created"),
        Created::Exists => warn!(target: "session", event = "id_collision"),
    }
}

pub(crate) fn updated(answer: &Updated) {
    match answer {
        Updated::Done(_) => debug!(target: "session", event = "updated"),
        Updated::Missing => debug!(target: "session", event = "missing", verb = "update"),
        Updated::Conflict(_) => debug!(target: "session", event = "conflict", verb = "update"),
    }
}

pub(crate) fn touched(answer: Touched) {
    match answer {
        Touched::Done => debug!(target: "session", event = "touched"),
        Touched::Changed => debug!(target: "session", event = "conflict", verb = "touch"),
        Touched::Missing => debug!(target: "session", event = "missing", verb = "touch"),
    }
}

pub(crate) fn replaced(answer: &Replaced) {
    match answer {
        Replaced::Done(_) => debug!(target: "session", event = "rotated"),
        Replaced::Missing => debug!(target: "session", event = "missing", verb = "replace"),
        Replaced::Exists => warn!(target: "session", event = "id_collision"),
        Replaced::Conflict(_) => debug!(target: "session", event = "conflict", verb = "replace"),
    }
}

pub(crate) fn deleted(answer: &Deleted) {
    match answer {
        Deleted::Done => debug!(target: "session", event = "destroyed"),
        Deleted::Missing => debug!(target: "session", event = "destroyed", already = true),
        Deleted::Conflict(_) => debug!(target: "session", event = "conflict", verb = "delete"),
    }
}

pub(crate) fn refused(error: &CoreError) {
    match error {
        CoreError::Gone => info!(target: "session", event = "gone"),
        CoreError::InDoubt => info!(target: "session", event = "in_doubt"),
        _ => debug!(target: "session", event = "refused", reason = %error),
    }
}

pub(crate) fn contended() -> Error {
    warn!(target: "session", event = "contended");
    Error::Contended
}

pub(crate) fn cookie_not_set(problem: CookieProblem) {
    warn!(target: "session", event = "cookie_not_set", reason = %problem);
}

pub(crate) fn cookie_looks_odd(warning: CookieWarning) {
    warn!(target: "session", event = "cookie_looks_odd", reason = %warning);
}

pub(crate) fn revoked(sessions: u64) {
    info!(target: "session", event = "revoked", sessions);
}

/// A client gets this error in place of a response.
pub(crate) fn answered(error: &Error) {
    match error.severity() {
        Severity::Expected => {
            debug!(target: "session", event = "request_refused", status = error.status(), %error)
        }
        Severity::Fault => {
            error!(target: "session", event = "request_failed", status = error.status(), %error)
        }
    }
}

/// Whether somebody must act on an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    /// Nobody: it is part of every day, or is logged where it began.
    Expected,
    /// Somebody: the application or what it runs on is at fault.
    Fault,
}
