//! Ending one session of an owner from outside it, wherever it moves meanwhile.
//!
//! ```
//! use session_core::revoke::Revoking;
//! use session_core::store::{Deleted, Version};
//! use session_core::{Owner, StoreKey};
//! # use time::macros::datetime;
//!
//! # let now = datetime!(2030-01-01 0:00 UTC);
//! let owner = Owner::new("user1").ok_or("too long")?;
//! let Revoking::Delete(step) = Revoking::begin(owner, StoreKey::from_stored("key"), Version::from(1)) else {
//!     return Err("it begins with a step".into());
//! };
//! // A driver asks the store to delete `step.key()` at `step.base()`, and hands the answer on.
//! assert!(matches!(step.resume(Deleted::Done, now), Revoking::Ended));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use time::OffsetDateTime;

use crate::id::StoreKey;
use crate::record;
use crate::store::{Deleted, Owner, Version};

/// How far the ending of a session that was found by its owner has come.
#[derive(Debug)]
#[must_use = "a session is ended only when its steps are carried out"]
pub enum Revoking {
    /// A record is to be removed.
    Delete(Revoke),
    /// The session is over, by this.
    Ended,
    /// There is no such session of this owner (any more).
    NotFound,
}

/// A record is to be removed, if it is still what it was.
#[derive(Debug)]
#[must_use = "the store's answer must be handed to `resume`"]
pub struct Revoke {
    owner: Owner,
    key: StoreKey,
    base: Version,
}

impl Revoking {
    /// Begins with the record of `owner` that is under `key` at `version`, as the store has just listed it.
    pub fn begin(owner: Owner, key: StoreKey, version: Version) -> Self {
        Self::Delete(Revoke { owner, key, base: version })
    }
}

impl Revoke {
    /// The key of the record.
    #[must_use]
    pub fn key(&self) -> &StoreKey {
        &self.key
    }

    /// The version it must still be at. Never none: whatever is removed is known to be this owner's.
    #[must_use]
    pub fn base(&self) -> &Version {
        &self.base
    }

    /// Goes on with the store's answer.
    pub fn resume(self, answer: Deleted, now: OffsetDateTime) -> Revoking {
        let stored = match answer {
            Deleted::Done => return Revoking::Ended,
            Deleted::Missing => return Revoking::NotFound,
            Deleted::Conflict(stored) => stored,
        };
        if stored.record.expires_at <= now {
            return Revoking::NotFound;
        }
        let Self { owner, .. } = self;
        match record::moved_to(&stored.record.payload) {
            // What is there is not known yet, so nothing is removed before the store has shown it.
            Some(key) => Revoking::Delete(Self { owner, key, base: Version::unknown() }),
            None if stored.record.owner.as_ref() == Some(&owner) => {
                Revoking::Delete(Self { owner, key: self.key, base: stored.version })
            }
            None => Revoking::NotFound,
        }
    }
}
