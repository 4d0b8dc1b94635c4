//! What can go wrong in the core, in words that say what to do and never show an id, a secret or a value.

use std::borrow::Cow;

use thiserror::Error;

/// What went wrong while a handler used its session, or when the session was closed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// A value does not become JSON (a map with non-string keys, a failing `Serialize`).
    #[error(
        "the value for session key `{key}` cannot be written as JSON; store a type whose Serialize gives JSON"
    )]
    Serialize {
        /// The key under which it was to be stored.
        key: String,
    },
    /// A stored value is not of the type that was asked for.
    #[error(
        "the value of session key `{key}` is not of the type asked for; read it as the type it was written with, or remove it"
    )]
    Deserialize {
        /// The key that was read.
        key: String,
    },
    /// The key is used by the record layout itself.
    #[error("`{key}` is reserved in the session record; choose another key")]
    ReservedKey {
        /// The refused key.
        key: String,
    },
    /// The session is larger than [`max_payload`](crate::policy::PolicyBuilder::max_payload).
    #[error(
        "the session holds {size} bytes and at most {limit} are allowed; keep large data elsewhere and a reference here, or raise max_payload"
    )]
    TooLarge {
        /// Size of the record in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The session ended (logout, expiry, renewal) while this request ran, so its changes were not kept.
    #[error(
        "the session ended while this request ran, so its changes were not kept; repeat the request with the current cookie"
    )]
    Gone,
    /// The session was destroyed or unset earlier in this request.
    #[error(
        "the session was ended earlier in this request; call regenerate to begin a new one before putting anything in"
    )]
    Ended,
    /// The session is used outside a request, where no response could tell the browser of a new id.
    #[error("a session outside a request keeps its id: renew, regenerate and log in within a request")]
    Detached,
    /// A save of this request was broken off while the store worked on it, and cannot safely be made again.
    #[error("an earlier save of this request was broken off and its outcome is unknown; repeat the request")]
    InDoubt,
    /// The path of this request is outside the path of the session cookie.
    #[error(
        "this request's path is outside the session cookie's path; mount the route below it or widen the path"
    )]
    OutsidePath,
    /// The text cannot name an [`Owner`](crate::Owner).
    #[error("an owner is named by 1 to 255 bytes without a NUL; use the user's id")]
    InvalidOwner,
    /// A per-session cookie attribute is not allowed.
    #[error("the cookie attribute is refused: {0}")]
    Cookie(#[from] crate::policy::PolicyError),
}

/// Why a store could not answer.
///
/// Stores make one from what their client library reports. Only put words in it that are safe in a log:
/// an SQLSTATE, an `io::ErrorKind`, the name of the verb. Never a statement with its parameters, a
/// connection string or a record.
///
/// ```
/// use session_core::store::{StoreError, StoreErrorKind};
///
/// let error = StoreError::unavailable("connection refused");
/// assert_eq!(error.kind(), StoreErrorKind::Unavailable);
/// assert_eq!(error.to_string(), "the session store is unavailable: connection refused");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{kind}: {what}")]
pub struct StoreError {
    kind: StoreErrorKind,
    what: Cow<'static, str>,
}

/// The ways in which a store fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store cannot be reached or did not answer in time: trying again later may help.
    Unavailable,
    /// The store answered and refused: no permission, a name it does not know.
    Refused,
    /// The store can be read and takes no writes now (a replica, a full disk or memory, a lock that is held): nothing was
    /// written. A request that only reads is still served, and its session's life is not extended.
    ReadOnly,
    /// What the store holds cannot be read. The session is treated as absent and never overwritten.
    Corrupt,
}

impl std::fmt::Display for StoreErrorKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Unavailable => "the session store is unavailable",
            Self::Refused => "the session store refused",
            Self::ReadOnly => "the session store takes no writes",
            Self::Corrupt => "the session record cannot be read",
        })
    }
}

impl StoreError {
    /// The store cannot be reached, or did not answer in time.
    pub fn unavailable(what: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: StoreErrorKind::Unavailable, what: what.into() }
    }

    /// The store answered, and refused.
    pub fn refused(what: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: StoreErrorKind::Refused, what: what.into() }
    }

    /// The store can be read and takes no writes now; nothing was written.
    pub fn read_only(what: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: StoreErrorKind::ReadOnly, what: what.into() }
    }

    /// What the store holds for this key cannot be read.
    pub fn corrupt(what: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: StoreErrorKind::Corrupt, what: what.into() }
    }

    /// Which of them it is.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}
