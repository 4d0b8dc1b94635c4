//! What is logged: one event for each thing that happens to a session, under the target `session`. Names and reasons
//! only; never an id, a key, an owner or a value.

use session_core::open::Notice;
use session_core::store::{Created, Deleted, Replaced, Touched, Updated};
use session_core::{Error as CoreError, State};
use tracing::{debug, info, warn};

use crate::error::Error;

/// Logs and hands on the failure of a store to answer.
pub(crate) fn failure<T>(verb: &'static str, answer: Result<T, Error>) -> Result<T, Error> {
    if let Err(error) = &answer {
        warn!(target: "session", event = "store_failed", verb, %error);
    }
    answer
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
        Updated::Missing => info!(target: "session", event = "gone", verb = "update"),
        Updated::Conflict(_) => debug!(target: "session", event = "conflict", verb = "update"),
    }
}

pub(crate) fn touched(answer: Touched) {
    match answer {
        Touched::Done => debug!(target: "session", event = "touched"),
        Touched::Changed => debug!(target: "session", event = "conflict", verb = "touch"),
        Touched::Missing => info!(target: "session", event = "gone", verb = "touch"),
    }
}

pub(crate) fn replaced(answer: &Replaced) {
    match answer {
        Replaced::Done(_) => debug!(target: "session", event = "rotated"),
        Replaced::Missing => info!(target: "session", event = "gone", verb = "replace"),
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
    warn!(target: "session", event = "refused", reason = %error);
}

pub(crate) fn contended() -> Error {
    warn!(target: "session", event = "contended");
    Error::Contended
}
