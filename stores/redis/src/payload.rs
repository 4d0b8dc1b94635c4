//! What this store has to know of a payload: its version, and whose session it is.

use std::borrow::Cow;
use std::fmt::Write as _;

use redis::Value;
use serde::Deserialize;
use session_core::StoreKey;
use session_core::store::{Owner, Record, StoreError, Stored, Version};
use sha1::{Digest as _, Sha1};
use time::OffsetDateTime;

use crate::error::{unexpected, unreadable};
use crate::moment::ends;

/// The SHA-1 of the payload in hexadecimal digits, as `redis.sha1hex` gives it.
///
/// So a writer that knows nothing of versions changes the version too.
pub(crate) fn version(payload: &str) -> Version {
    Version::from(sha1_hex(payload).as_str())
}

pub(crate) fn sha1_hex(text: &str) -> String {
    let mut digits = String::with_capacity(40);
    for byte in Sha1::digest(text.as_bytes()) {
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

/// A base as the scripts take it: nothing for none, and what no payload hashes to for one of another store.
pub(crate) fn base(version: Option<&Version>) -> &str {
    version.map_or("", |version| version.text().filter(|text| !text.is_empty()).unwrap_or("-"))
}

#[derive(Deserialize)]
struct Outer<'a> {
    #[serde(rename = "_session", borrow)]
    facts: Facts<'a>,
}

#[derive(Deserialize)]
struct Facts<'a> {
    #[serde(borrow)]
    owner: Option<Cow<'a, str>>,
    #[serde(borrow)]
    moved: Option<Cow<'a, str>>,
}

fn facts(payload: &str) -> Option<Facts<'_>> {
    // Most sessions have none, and this is much faster than reading JSON.
    if !payload.contains("\"_session\"") {
        return None;
    }
    serde_json::from_str(payload).ok().map(|Outer { facts }| facts)
}

/// The owner that a payload names.
pub(crate) fn owner_of(payload: &str) -> Option<Owner> {
    facts(payload)?.owner.and_then(|owner| Owner::new(&owner))
}

/// Where the session is now, if the payload is what it left behind when it moved.
pub(crate) fn moved_to(payload: &str) -> Option<StoreKey> {
    facts(payload)?.moved.map(StoreKey::from_stored)
}

/// A record's owner is read back from its payload, so it must be there.
pub(crate) fn names_its_owner(record: &Record) -> Result<(), StoreError> {
    if owner_of(&record.payload) == record.owner {
        Ok(())
    } else {
        Err(StoreError::refused("the payload's `_session.owner` is not the record's owner"))
    }
}

/// A record as the server answers it: payload, and what is left of its life.
pub(crate) fn stored(payload: Value, left: &Value, now: OffsetDateTime) -> Result<Stored, StoreError> {
    let (Value::BulkString(payload), Value::Int(left)) = (payload, left) else {
        return Err(unexpected());
    };
    let payload = String::from_utf8(payload).map_err(|_| unreadable())?;
    let (version, owner) = (version(&payload), owner_of(&payload));
    let record = Record { payload: payload.into(), expires_at: ends(*left, now), owner };
    Ok(Stored { record, version })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_the_sha1_of_the_payload() {
        assert_eq!(version("abc").text(), Some("a9993e364706816aba3e25717850c26c9cd0d89d"));
        assert_eq!(base(Some(&version("abc"))), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(base(None), "");
        for foreign in [Version::unknown(), Version::from(7), Version::from("")] {
            assert_eq!(base(Some(&foreign)), "-");
        }
    }

    #[test]
    fn a_tombstone_says_where_the_session_is() {
        let tombstone = r#"{"cookie":{},"_session":{"v":1,"moved":"k","until":1}}"#;
        assert_eq!(moved_to(tombstone).unwrap().as_str(), "k");
        for payload in [r#"{"cookie":{},"moved":"k"}"#, r#"{"cookie":{},"_session":{"v":1}}"#, "junk"] {
            assert!(moved_to(payload).is_none(), "{payload}");
        }
    }

    #[test]
    fn the_owner_is_the_one_in_the_facts_only() {
        let owner = |payload| owner_of(payload).map(|owner| owner.as_str().to_owned());
        let named = r#"{"cookie":{},"a":[{"b":"\ud800"}],"_session":{"v":1,"owner":"a\"b"}}"#;
        assert_eq!(owner(named).as_deref(), Some("a\"b"));
        for payload in [
            r#"{"cookie":{},"owner":"x"}"#,
            r#"{"cookie":{},"a":{"_session":{"owner":"x"}}}"#,
            r#"{"cookie":{},"_session":{"v":1}}"#,
            r#"{"cookie":{},"_session":{"v":1,"owner":""}}"#,
            r#"{"cookie":{},"_session":{"v":1,"owner":7}}"#,
            r#"{"cookie":{},"a":"\"_session\":{\"owner\":\"x\"}"}"#,
            "junk \"_session\"",
        ] {
            assert_eq!(owner(payload), None, "{payload}");
        }
    }
}
