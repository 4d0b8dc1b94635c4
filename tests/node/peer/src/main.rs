//! The Rust side of the checks against the real Node packages.
//!
//! One JSON object a line comes in, one goes out. Each line is one request to a server: its policy, its cookies, the
//! clock, all that its store holds, and what the handler does. The answer is what the handler saw, the cookie, and what
//! the store holds then. There is no state from line to line, so the Node side owns the store.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead as _, Write as _};

use serde_json::{Value, json};

mod exchange;
mod policy;

use exchange::{Entry, Exchange};
use policy::PolicySpec;

/// One request.
#[derive(serde::Deserialize)]
struct Line {
    policy: PolicySpec,
    /// The `Cookie` header fields.
    #[serde(default)]
    cookies: Vec<String>,
    /// Milliseconds since the epoch.
    now: i64,
    /// What the store holds.
    #[serde(default)]
    records: BTreeMap<String, Entry>,
    /// What the handler does, one step after the other.
    #[serde(default)]
    script: Vec<Step>,
    /// Ids for sessions that need a new one.
    #[serde(default)]
    ids: Vec<String>,
}

/// One thing that a handler does.
#[derive(serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    /// Puts a value in.
    Insert(String, Value),
    /// Takes one out.
    Remove(String),
    /// Gives the session a life of its own, in milliseconds, or one that ends with the browser.
    MaxAge(Option<u64>),
    /// A new id, with the data.
    Renew,
    /// A new id, empty, for an owner.
    Login(String),
    /// The end.
    Destroy,
    /// Counts on.
    Count(String),
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let answer = answer(&line?).unwrap_or_else(|error| json!({ "error": error.to_string() }));
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

fn answer(line: &str) -> Result<Value, Box<dyn Error>> {
    let Line { policy, cookies, now, records, script, ids } = serde_json::from_str(line)?;
    let policy = policy.build()?;
    let now = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(now) * 1_000_000)?;
    let mut exchange = Exchange { policy, now, records, ids: ids.into_iter(), looked_up: Vec::new() };
    let Some(mut state) = exchange.open(&cookies) else {
        return Ok(json!({ "outside": true }));
    };
    let is_new = state.is_new();
    exchange.play(&mut state, script)?;
    let mut data = serde_json::Map::new();
    let keys: Vec<String> = state.keys().map(str::to_owned).collect();
    for key in &keys {
        data.insert(key.clone(), state.get::<Value>(key).ok().flatten().unwrap_or_default());
    }
    let max_age = state.cookie(now).max_age.map(|max_age| max_age.as_millis());
    let owner = state.owner().map(|owner| owner.as_str().to_owned());
    let set_cookie = exchange.close(state)?;
    Ok(json!({
        "isNew": is_new,
        "keys": keys,
        "data": data,
        "maxAge": max_age.and_then(|ms| u64::try_from(ms).ok()),
        "owner": owner,
        "lookedUp": exchange.looked_up,
        "setCookie": set_cookie,
        "records": exchange.records,
    }))
}
