//! What is left where a session ended, so that a request which is still moving that session cannot revive it.

use std::sync::atomic::Ordering;

use session_core::store::{Owner, Record, StoreError, Stored};
use time::{Duration, OffsetDateTime};

use crate::Migrating;

/// Far longer than a request may take from reading a session in the old store to writing it to the new one.
const LIFE: Duration = Duration::seconds(60);

/// No application names a person so. The owner makes fences countable.
const OWNER: &str = "session-store-migrating: a session ended here";

/// The payload names the owner of its record, as that of every record does.
const PAYLOAD: &str = r#"{"_session":{"owner":"session-store-migrating: a session ended here"}}"#;

/// Whether this is no session, but the place where one ended.
pub(crate) fn is_fence(stored: &Stored) -> bool {
    &*stored.record.payload == PAYLOAD
}

/// The owner that all fences have.
pub(crate) fn owner() -> Result<Owner, StoreError> {
    Owner::new(OWNER).ok_or_else(|| StoreError::refused("the fence has no usable owner"))
}

impl<New, Old> Migrating<New, Old> {
    /// Takes note of the time that a verb was told.
    pub(crate) fn at(&self, now: OffsetDateTime) -> OffsetDateTime {
        self.latest.fetch_max(now.unix_timestamp(), Ordering::Relaxed);
        now
    }

    /// The time for a verb that is told none: no earlier than any that was told.
    pub(crate) fn now(&self) -> OffsetDateTime {
        let told = OffsetDateTime::from_unix_timestamp(self.latest.load(Ordering::Relaxed));
        let clock = OffsetDateTime::now_utc();
        told.map_or(clock, |told| told.max(clock))
    }

    pub(crate) fn fence(&self, now: OffsetDateTime) -> Result<Record, StoreError> {
        Ok(Record { payload: PAYLOAD.into(), expires_at: now.saturating_add(LIFE), owner: Some(owner()?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payload_names_the_owner() {
        assert!(PAYLOAD.contains(OWNER));
        assert!(Owner::new(OWNER).is_some());
    }
}
