//! The record as JSON text, laid out as express-session lays it out, so that both can share one store.
//!
//! `{"cookie":{"originalMaxAge":60000,"expires":"…","httpOnly":true,"path":"/"},"views":1,"_session":{…}}`
//!
//! `cookie` is express-session's, `_session` is ours and optional (owner, when it was made), everything else is the
//! application's data, kept as the text it came as. The layout is that of `JSON.stringify`: keys that are array
//! indices first, then `cookie`, then the rest in the order they were put in.
//!
//! `cookie.expires` is written and never read: a touch leaves it stale in most stores. Expiry is the store's word.

use std::borrow::Cow;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use thiserror::Error;
use time::OffsetDateTime;

use crate::cookie::Attributes;
use crate::id::StoreKey;
use crate::store::{Owner, Record};
use crate::values::Values;

mod cookie;
mod write;

pub(crate) use write::{encode, tombstone};

/// The member that holds what express-session has no place for.
pub const FACTS_KEY: &str = "_session";

/// The member that express-session keeps its cookie in.
pub const COOKIE_KEY: &str = "cookie";

/// The newest layout of [`FACTS_KEY`] that this version reads.
const LAYOUT: u32 = 1;

/// Why a payload is no session. The session is treated as absent; the record is never overwritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RecordError {
    /// Not JSON, not an object, or a member twice.
    #[error("the record is not a JSON object with distinct keys")]
    Malformed,
    /// No `cookie` member of a known shape.
    #[error("the record has no readable `cookie` member")]
    NoCookie,
    /// Written by a newer version of this library.
    #[error("the record was written in a newer layout than this version reads; upgrade this node too")]
    Newer,
}

/// A payload, taken apart.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) cookie: RecordCookie,
    pub(crate) facts: Facts,
    pub(crate) values: Values,
}

/// What the record says of the session's cookie.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RecordCookie {
    /// Milliseconds; `None` for a cookie that ends with the browser.
    pub(crate) original_max_age: Option<i64>,
    pub(crate) attributes: Attributes,
}

/// What express-session has no place for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) created: Option<OffsetDateTime>,
    pub(crate) authenticated: Option<OffsetDateTime>,
    pub(crate) owner: Option<Owner>,
    /// The life is this session's own choice, not the policy's.
    pub(crate) own_life: bool,
    /// How many renewals of this session were undone: it makes a record differ from what it was before.
    pub(crate) undone: u32,
    pub(crate) moved: Option<Moved>,
}

/// A tombstone: the session lives under another key now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) to: StoreKey,
    pub(crate) until: OffsetDateTime,
    /// The id it has there, [sealed](crate::successor) under the old one, if the old id may lead its holder on.
    pub(crate) next: Option<String>,
}

impl Facts {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Serialize, Deserialize)]
struct FactsJson<'a> {
    v: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auth: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    owner: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    life: bool,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    moved: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    next: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "is_zero")]
    undone: u32,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands out a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Takes a payload apart.
///
/// # Errors
///
/// [`RecordError`] says why it is no session.
pub(crate) fn decode(payload: &str) -> Result<Parts, RecordError> {
    let members: Members<'_> = serde_json::from_str(payload).map_err(|_| RecordError::Malformed)?;
    let mut cookie = None;
    let mut facts = Facts::default();
    let mut values = Values::with_capacity(members.0.len());
    for (key, value) in members.0 {
        match key.as_ref() {
            COOKIE_KEY => cookie = Some(cookie::decode(value)?),
            FACTS_KEY => facts = decode_facts(value)?,
            _ => values.push(key, value.to_owned()),
        }
    }
    if values.has_duplicates() {
        return Err(RecordError::Malformed);
    }
    Ok(Parts { cookie: cookie.ok_or(RecordError::NoCookie)?, facts, values })
}

fn decode_facts(value: &RawValue) -> Result<Facts, RecordError> {
    let json: FactsJson<'_> = serde_json::from_str(value.get()).map_err(|_| unreadable_facts(value))?;
    if json.v > LAYOUT {
        return Err(RecordError::Newer);
    }
    let moved = match (json.moved, json.until) {
        (Some(to), Some(until)) => Some(Moved {
            to: StoreKey::from_stored(to.into_owned()),
            until: crate::clock::from_millis(until),
            next: json.next.map(Cow::into_owned),
        }),
        (None, _) | (_, None) => None,
    };
    Ok(Facts {
        created: json.created.map(crate::clock::from_millis),
        authenticated: json.auth.map(crate::clock::from_millis),
        owner: json.owner.and_then(|owner| Owner::new(&owner)),
        own_life: json.life,
        undone: json.undone,
        moved,
    })
}

/// Why the facts could not be read: a newer layout may give its members other types.
fn unreadable_facts(value: &RawValue) -> RecordError {
    #[derive(Deserialize)]
    struct Layout {
        v: u32,
    }
    match serde_json::from_str(value.get()) {
        Ok(Layout { v }) if v > LAYOUT => RecordError::Newer,
        Ok(_) | Err(_) => RecordError::Malformed,
    }
}

/// Where the session went, if this is the payload of a tombstone.
pub(crate) fn moved_to(payload: &str) -> Option<StoreKey> {
    decode(payload).ok()?.facts.moved.map(|moved| moved.to)
}

/// `cookie.originalMaxAge` of a payload: `None` if there is no such member, `Some(None)` if it is null.
pub(crate) fn life_in_payload(payload: &str) -> Option<Option<i64>> {
    #[derive(Deserialize)]
    struct Outer {
        cookie: Inner,
    }
    #[derive(Deserialize)]
    struct Inner {
        #[serde(rename = "originalMaxAge", deserialize_with = "present")]
        life: Option<f64>,
    }
    // Without `deserialize_with`, serde would take an absent member for null.
    fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
        Option::deserialize(deserializer)
    }
    #[allow(clippy::cast_possible_truncation, reason = "saturating is what is wanted")]
    serde_json::from_str(payload).ok().map(|Outer { cookie }| cookie.life.map(|ms| ms.floor() as i64))
}

impl Record {
    /// Whether this is what a renewal left behind under the old key: no session, and nothing to show anybody.
    #[must_use]
    pub fn is_tombstone(&self) -> bool {
        self.payload.contains("\"moved\"") && moved_to(&self.payload).is_some()
    }

    /// When the session was made, if its record says so.
    #[must_use]
    pub fn created_at(&self) -> Option<OffsetDateTime> {
        decode(&self.payload).ok().and_then(|parts| parts.facts.created)
    }

    /// Reads one value of the session's data, for a list of sessions say.
    ///
    /// `None` if it is not there, or not a `T`.
    #[must_use]
    pub fn value<T: serde::de::DeserializeOwned>(&self, key: &str) -> Option<T> {
        let parts = decode(&self.payload).ok()?;
        serde_json::from_str(parts.values.get(key)?.get()).ok()
    }
}

/// The members of a JSON object in their order, values untouched.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                let (mut cookies, mut facts) = (0, 0);
                while let Some(Text(key)) = map.next_key()? {
                    cookies += usize::from(key == COOKIE_KEY);
                    facts += usize::from(key == FACTS_KEY);
                    members.push((key, map.next_value()?));
                }
                if cookies > 1 || facts > 1 {
                    return Err(serde::de::Error::custom("a reserved member twice"));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Visit)
    }
}

/// A key: borrowed where it holds no escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(payload: &str) -> Vec<String> {
        decode(payload).unwrap().values.iter().map(|(key, _)| key.to_owned()).collect()
    }

    #[test]
    fn what_was_read_is_written_back_as_it_was() {
        let payload = r#"{"1":"y","cookie":{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"},"b":1.50,"a":{"x":[1e3]}}"#;
        let parts = decode(payload).unwrap();
        assert_eq!(encode(&parts.cookie, None, &parts.facts, &parts.values), payload);
    }

    #[test]
    fn a_reader_takes_what_node_stores_write() {
        // connect-mongo with stringify: false writes null for what is unset
        let payload = r#"{"cookie":{"originalMaxAge":60000,"partitioned":null,"priority":null,"expires":"x","secure":null,"httpOnly":true,"domain":null,"path":"/","sameSite":null},"n":1}"#;
        assert_eq!(decode(payload).unwrap().cookie.original_max_age, Some(60_000));
        assert_eq!(keys(r#"{"cookie":{},"n":1,"unknown":{}}"#), ["n", "unknown"]);
    }

    #[test]
    fn what_is_no_session_says_why() {
        for payload in
            ["", "null", "[]", "7", "{", r#"{"cookie":{},"a":1,"a":2}"#, r#"{"cookie":{},"cookie":{}}"#]
        {
            assert_eq!(decode(payload).unwrap_err(), RecordError::Malformed, "{payload}");
        }
        for payload in
            ["{}", r#"{"cookie":null}"#, r#"{"cookie":7}"#, r#"{"cookie":"x"}"#, r#"{"cookie":[]}"#]
        {
            assert_eq!(decode(payload).unwrap_err(), RecordError::NoCookie, "{payload}");
        }
        assert_eq!(decode(r#"{"cookie":{},"_session":{"v":2,"new":[]}}"#).unwrap_err(), RecordError::Newer);
    }

    fn attributes(cookie: &str) -> Attributes {
        decode(&format!("{{\"cookie\":{cookie}}}")).unwrap().cookie.attributes
    }

    #[test]
    fn a_cookie_member_that_is_missing_or_that_no_browser_could_have_been_sent_has_its_default() {
        let defaults = Attributes { path: "/".to_owned(), http_only: true, ..Attributes::default() };
        for cookie in [
            "{}",
            r#"{"path":"/;x","domain":"a\r\nb","sameSite":"bogus"}"#,
            r#"{"path":7,"domain":{"a":[1]},"httpOnly":[true],"secure":0,"sameSite":1,"priority":[],"partitioned":{}}"#,
        ] {
            assert_eq!(attributes(cookie), defaults, "{cookie}");
        }
        let nulls =
            attributes(r#"{"path":null,"httpOnly":null,"secure":null,"partitioned":null,"priority":null}"#);
        assert_eq!(nulls, Attributes::default());
    }

    #[test]
    fn a_life_of_another_type_is_none() {
        for life in ["null", "false", "true", "\"60000\"", "[]", "{}"] {
            let payload = format!(r#"{{"cookie":{{"originalMaxAge":{life},"expires":{life}}},"n":1}}"#);
            assert_eq!(decode(&payload).unwrap().cookie.original_max_age, None, "{payload}");
        }
        let long = decode(r#"{"cookie":{"originalMaxAge":1e300}}"#).unwrap().cookie.original_max_age;
        assert_eq!(long, Some(i64::MAX));
    }

    #[test]
    fn the_life_is_found_in_a_payload_and_absent_is_not_null() {
        assert_eq!(life_in_payload(r#"{"a":1,"cookie":{"originalMaxAge":5000}}"#), Some(Some(5000)));
        assert_eq!(life_in_payload(r#"{"cookie":{"originalMaxAge":null}}"#), Some(None));
        assert_eq!(life_in_payload(r#"{"cookie":{}}"#), None);
        assert_eq!(life_in_payload("junk"), None);
    }

    #[test]
    fn deep_nesting_is_no_danger() {
        let deep = format!("{{\"cookie\":{{}},\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(keys(&deep), ["a"]);
    }
}
