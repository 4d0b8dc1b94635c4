//! What passes between the core and a store: the record, its owner, its version, and a touch that rides along.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use time::OffsetDateTime;

use crate::error::Error;

/// What a store keeps for one session.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// The session as JSON text, laid out as express-session lays it out. A store keeps it byte for byte.
    pub payload: Arc<str>,
    /// When the session ends unless it is touched. The store's own; the JSON may hold an older date.
    pub expires_at: OffsetDateTime,
    /// Whose session it is, for [`Directory`](super::Directory); `None` for a session nobody has logged in to.
    ///
    /// Always the `_session.owner` member of the payload.
    pub owner: Option<Owner>,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("payload", &format_args!("{} bytes, redacted", self.payload.len()))
            .field("expires_at", &self.expires_at)
            .field("owner", &self.owner)
            .finish()
    }
}

/// The application's name for the person (or service) that a session belongs to, its user id say.
///
/// `Debug` does not show it: it often is an e-mail address.
///
/// ```
/// use session_core::{Error, Owner};
///
/// assert_eq!(Owner::from(7_i64).as_str(), "7");
/// assert_eq!(Owner::try_from("ann")?.as_str(), "ann");
/// assert_eq!(Owner::try_from(String::new()), Err(Error::InvalidOwner));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owner(Arc<str>);

impl Owner {
    /// The longest owner, in bytes: a store must be able to index it.
    pub const MAX_BYTES: usize = 255;

    /// An owner, or `None` if `name` is empty, longer than [`Self::MAX_BYTES`] or holds a NUL.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let sound = !name.is_empty() && name.len() <= Self::MAX_BYTES && !name.contains('\0');
        sound.then(|| Self(name.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for Owner {
    type Error = Error;

    /// # Errors
    ///
    /// [`Error::InvalidOwner`] where [`Owner::new`] answers `None`.
    fn try_from(name: &str) -> Result<Self, Error> {
        Self::new(name).ok_or(Error::InvalidOwner)
    }
}

impl TryFrom<&String> for Owner {
    type Error = Error;

    fn try_from(name: &String) -> Result<Self, Error> {
        name.as_str().try_into()
    }
}

impl TryFrom<String> for Owner {
    type Error = Error;

    fn try_from(name: String) -> Result<Self, Error> {
        name.as_str().try_into()
    }
}

impl FromStr for Owner {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        name.try_into()
    }
}

macro_rules! owner_from {
    ($($number:ty),+) => {$(
        impl From<$number> for Owner {
            /// The number in decimal.
            fn from(id: $number) -> Self {
                Self(id.to_string().into())
            }
        }
    )+};
}

owner_from!(i32, i64, i128, u32, u64, u128);

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Owner(redacted)")
    }
}

/// Which state of a record this is; opaque to all but the store that made it.
///
/// A store may count ([`From<u64>`]) or hash the payload ([`From<&str>`]). Hashing also notices a writer that
/// knows nothing of versions, such as a Node server on the same database.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Version(Mark);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Mark {
    Unknown,
    Count(u64),
    Text(Arc<str>),
}

impl Version {
    /// A version that no record has: an update or a delete on it answers with the record as it is.
    #[must_use]
    pub fn unknown() -> Self {
        Self(Mark::Unknown)
    }

    /// The count it was made from, if it was made from one.
    #[must_use]
    pub fn count(&self) -> Option<u64> {
        match &self.0 {
            Mark::Count(count) => Some(*count),
            Mark::Unknown | Mark::Text(_) => None,
        }
    }

    /// The text it was made from, if it was made from one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.0 {
            Mark::Unknown | Mark::Count(_) => None,
            Mark::Text(text) => Some(text),
        }
    }
}

impl From<u64> for Version {
    fn from(count: u64) -> Self {
        Self(Mark::Count(count))
    }
}

impl From<&str> for Version {
    fn from(text: &str) -> Self {
        Self(Mark::Text(text.into()))
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Mark::Unknown => f.write_str("Version(unknown)"),
            Mark::Count(count) => write!(f, "Version({count})"),
            Mark::Text(_) => f.write_str("Version(text)"),
        }
    }
}

/// A record as a store returns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The record, with the expiry that is in force in the store.
    pub record: Record,
    /// The version to hand back as the base of an update.
    pub version: Version,
}

/// A touch that a [`load`](super::Store::load) may carry out on its way, to save a round trip.
///
/// It is for records whose own life is the usual one. A session with a life of its own ("remember me") is left
/// alone; the core touches it in a step of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extend {
    /// Only records that would end before this are touched.
    pub due_before: OffsetDateTime,
    /// The new expiry.
    pub to: OffsetDateTime,
    /// Only records with this `cookie.originalMaxAge`, in milliseconds, are touched; `None` stands for JSON's null.
    pub original_max_age: Option<i64>,
}

impl Extend {
    /// Whether this touch is meant for `record`, as it is in the store at `now`.
    ///
    /// Reads the payload only when the touch is due.
    #[must_use]
    pub fn applies_to(&self, record: &Record, now: OffsetDateTime) -> bool {
        record.expires_at > now
            && record.expires_at < self.due_before
            && crate::record::life_in_payload(&record.payload) == Some(self.original_max_age)
    }
}
