//! What can go wrong with a session in a request, and what an adapter answers then.

use std::convert::Infallible;

use session_core::store::{StoreError, StoreErrorKind};
use thiserror::Error;

use crate::guard::Challenge;
use crate::log::{self, Severity};

/// Why a session could not be loaded, used or saved. No variant shows an id, a secret or a value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The session's data or its end: see [`session_core::Error`].
    #[error(transparent)]
    Session(#[from] session_core::Error),
    /// The handle was kept past the response.
    #[error(
        "the response to this request has been sent, so its session can no longer be used; open a detached session by its id instead"
    )]
    Finished,
    /// Another task of the same request is saving or reloading the session at this moment.
    #[error("the session is being saved by another task of this request; await that first")]
    Busy,
    /// Other requests changed the session each time this one tried to save it.
    #[error("too many requests changed this session at the same time; repeat the request")]
    Contended,
    /// The system's random generator failed, so that no id can be made.
    #[error("the system's random generator failed, so no session id can be made")]
    Randomness,
    /// No session layer has seen this request.
    #[error("there is no session layer around this route; add one to the router")]
    NoLayer,
    /// No session layer around this route has a cookie of this name.
    #[error("no session layer around this route has a cookie called `{0}`; add one, or correct the name")]
    NoLayerNamed(&'static str),
    /// The sessions of an owner are asked for, and the store was not given as one that finds them.
    #[error("these sessions were made without a directory; make them with Sessions::with_directory")]
    NoDirectory,
    /// Nobody has signed in, on a route for those who have.
    #[error("nobody has signed in, and this route is for those who have")]
    NotSignedIn(Challenge),
}

/// What cannot fail has no error: `session.login(7)?`.
impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl Error {
    /// The HTTP status an adapter answers with: 503 where trying again may help, 409 where the session ended or was
    /// renewed meanwhile, 401 or 303 where somebody must sign in, 500 where the application is at fault.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Store(error) => match error.kind() {
                StoreErrorKind::Corrupt => 500,
                _ => 503,
            },
            Self::Contended | Self::Randomness => 503,
            Self::Session(session_core::Error::Gone | session_core::Error::InDoubt) => 409,
            Self::NotSignedIn(Challenge::Unauthorized) => 401,
            Self::NotSignedIn(Challenge::LoginPage(_)) => 303,
            Self::Session(_)
            | Self::Finished
            | Self::Busy
            | Self::NoLayer
            | Self::NoLayerNamed(_)
            | Self::NoDirectory => 500,
        }
    }

    /// The value of the `Retry-After` header, in seconds, if trying again may help.
    #[must_use]
    pub fn retry_after(&self) -> Option<u64> {
        (self.status() == 503).then_some(1)
    }

    /// What the client is told: nothing about the server's inside.
    #[must_use]
    pub fn public_message(&self) -> &'static str {
        match self.status() {
            503 => "The service is busy. Please try again in a moment.",
            409 => "Your session has changed meanwhile. Please try again.",
            401 | 303 => "Please sign in.",
            _ => "Something went wrong.",
        }
    }

    /// Logs that the client gets this error in place of a response. Adapters call it when they make that response.
    ///
    /// An `ERROR` if somebody must act on it. What comes of an outage, of requests that come late or of visitors who have not
    /// signed in is a `DEBUG`: the outage has been logged when it began, the late request when its changes were refused.
    pub fn report(&self) {
        log::answered(self);
    }

    pub(crate) fn severity(&self) -> Severity {
        match self {
            Self::Store(error) if error.kind() == StoreErrorKind::Corrupt => Severity::Fault,
            Self::Session(session_core::Error::Gone | session_core::Error::InDoubt)
            | Self::Store(_)
            | Self::Contended
            | Self::NotSignedIn(_) => Severity::Expected,
            Self::Session(_)
            | Self::Finished
            | Self::Busy
            | Self::Randomness
            | Self::NoLayer
            | Self::NoLayerNamed(_)
            | Self::NoDirectory => Severity::Fault,
        }
    }
}
