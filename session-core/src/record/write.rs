//! Writing a record as `JSON.stringify` would.

use std::fmt::Write as _;

use serde::Serialize;
use time::OffsetDateTime;

use super::{Facts, FactsJson, LAYOUT, RecordCookie};
use crate::clock::{millis, to_iso};
use crate::cookie::Attributes;
use crate::values::{Values, array_index};

/// Puts a payload together.
pub(crate) fn encode(
    cookie: &RecordCookie,
    expires: Option<OffsetDateTime>,
    facts: &Facts,
    values: &Values,
) -> String {
    // Room for the cookie and the facts as they usually are.
    let mut json = String::with_capacity(256 + values.text_len());
    json.push('{');
    for (key, value) in values.array_indices() {
        push_member(&mut json, key, value.get());
        json.push(',');
    }
    json.push_str("\"cookie\":");
    push_cookie(&mut json, cookie, expires);
    for (key, value) in values.iter().filter(|(key, _)| array_index(key).is_none()) {
        json.push(',');
        push_member(&mut json, key, value.get());
    }
    if !facts.is_empty() {
        json.push(',');
        push_facts(&mut json, facts);
    }
    json.push('}');
    json
}

/// The payload of a tombstone: a session to nobody, without a life that a touch could extend.
pub(crate) fn tombstone(facts: &Facts) -> String {
    let mut json = String::from("{\"cookie\":{},");
    push_facts(&mut json, facts);
    json.push('}');
    json
}

fn push_facts(json: &mut String, facts: &Facts) {
    json.push_str("\"_session\":");
    push_json(
        json,
        &FactsJson {
            v: LAYOUT,
            created: facts.created.map(millis),
            auth: facts.authenticated.map(millis),
            owner: facts.owner.as_ref().map(|owner| owner.as_str().into()),
            life: facts.own_life,
            moved: facts.moved.as_ref().map(|moved| moved.to.as_str().into()),
            until: facts.moved.as_ref().map(|moved| millis(moved.until)),
            next: facts.moved.as_ref().and_then(|moved| moved.next.as_deref()).map(Into::into),
            undone: facts.undone,
        },
    );
}

fn push_cookie(json: &mut String, cookie: &RecordCookie, expires: Option<OffsetDateTime>) {
    let Attributes { path, domain, http_only, secure, same_site, partitioned, priority } = &cookie.attributes;
    match cookie.original_max_age {
        Some(ms) => drop(write!(json, "{{\"originalMaxAge\":{ms}")),
        None => json.push_str("{\"originalMaxAge\":null"),
    }
    if *partitioned {
        json.push_str(",\"partitioned\":true");
    }
    if let Some(priority) = priority {
        let _ = write!(json, ",\"priority\":\"{}\"", priority.lower_case());
    }
    match expires {
        Some(expires) => {
            json.push_str(",\"expires\":\"");
            json.push_str(&to_iso(expires));
            json.push('"');
        }
        None => json.push_str(",\"expires\":null"),
    }
    if *secure {
        json.push_str(",\"secure\":true");
    }
    json.push_str(if *http_only { ",\"httpOnly\":true" } else { ",\"httpOnly\":false" });
    if let Some(domain) = domain {
        json.push_str(",\"domain\":");
        push_text(json, domain);
    }
    json.push_str(",\"path\":");
    push_text(json, path);
    if let Some(same_site) = same_site {
        let _ = write!(json, ",\"sameSite\":\"{}\"", same_site.lower_case());
    }
    json.push('}');
}

fn push_member(json: &mut String, key: &str, value: &str) {
    push_text(json, key);
    json.push(':');
    json.push_str(value);
}

/// Appends a text as a JSON string. Almost none has anything to escape.
fn push_text(json: &mut String, text: &str) {
    if text.bytes().any(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        push_json(json, text);
        return;
    }
    json.push('"');
    json.push_str(text);
    json.push('"');
}

/// Appends `value` as JSON. Only for types that always become JSON: strings and the facts above.
fn push_json<T: Serialize + ?Sized>(json: &mut String, value: &T) {
    json.push_str(&serde_json::to_string(value).unwrap_or_default());
}
