//! What a session takes in memory, by what the process has more of it when it holds many.

use std::fs;
use std::time::Duration;

use session_core::store::{Created, Record, Store};
use session_core::{IdsAtRest, SessionId};
use session_store_memory::MemoryStore;
use time::OffsetDateTime;
use tower_sessions::SessionStore as _;

/// The stores that can be weighed.
pub(crate) const STORES: &[&str] = &["session-store-memory", "tower-sessions"];

/// What a session is as text, as it is kept here.
const PAYLOAD: usize = 251;

/// A session of [`PAYLOAD`] bytes, with a number of eight digits in it, so that no two are the same.
fn payload(n: u64) -> String {
    let cookie = r#"{"originalMaxAge":86400000,"httpOnly":true,"path":"/","sameSite":"lax"}"#;
    let note =
        "Please leave the parcel with the neighbours on the second floor. They are in until six o'clock";
    let count = 10_000_000 + n;
    format!(
        r#"{{"cookie":{cookie},"name":"Ada Lovelace","email":"ada@example.org","count":{count},"note":"{note}"}}"#
    )
}

/// Bytes per session.
pub(crate) fn weigh(store: &str, sessions: u64) -> Result<f64, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| format!("tokio does not start: {error}"))?;
    let end = OffsetDateTime::now_utc() + Duration::from_secs(86_400);
    // The number is the point of it all, so that nobody can change the text and keep the number.
    for n in [0, sessions.saturating_sub(1)] {
        let length = payload(n).len();
        if length != PAYLOAD {
            return Err(format!("a session has {length} bytes and must have {PAYLOAD}; mend `payload`"));
        }
    }
    let (before, after) = runtime.block_on(async {
        match store {
            "session-store-memory" => ours(sessions, end).await,
            "tower-sessions" => tower_sessions(sessions, end).await,
            other => Err(format!("there is no store `{other}`; there are {}", STORES.join(", "))),
        }
    })?;
    Ok(after.saturating_sub(before) as f64 / sessions as f64)
}

async fn ours(sessions: u64, end: OffsetDateTime) -> Result<(u64, u64), String> {
    let store = MemoryStore::new();
    let before = resident()?;
    for n in 0..sessions {
        let mut entropy = [0; 24];
        entropy[..8].copy_from_slice(&n.to_le_bytes());
        let key = SessionId::from_entropy(entropy).key(IdsAtRest::Hashed);
        let record = Record { payload: payload(n).into(), expires_at: end, owner: None };
        match store.create(&key, &record, OffsetDateTime::now_utc()).await {
            Ok(Created::Done(_)) => {}
            other => return Err(format!("a session was not stored: {other:?}")),
        }
    }
    let after = resident()?;
    drop(store);
    Ok((before, after))
}

/// The same data without the cookie, which is not kept there.
async fn tower_sessions(sessions: u64, end: OffsetDateTime) -> Result<(u64, u64), String> {
    let store = tower_sessions::MemoryStore::default();
    let before = resident()?;
    for n in 0..sessions {
        let data: std::collections::HashMap<String, serde_json::Value> =
            serde_json::from_str(&payload(n)).map_err(|error| format!("the payload is no JSON: {error}"))?;
        let data = data.into_iter().filter(|(key, _)| key != "cookie").collect();
        let mut record = tower_sessions::session::Record {
            id: tower_sessions::session::Id::default(),
            data,
            expiry_date: end,
        };
        store.create(&mut record).await.map_err(|error| format!("a session was not stored: {error}"))?;
    }
    let after = resident()?;
    drop(store);
    Ok((before, after))
}

/// What this process has in memory.
fn resident() -> Result<u64, String> {
    let status = fs::read_to_string("/proc/self/status")
        .map_err(|error| format!("only Linux tells how much memory a process has: {error}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    Ok(kilobytes.ok_or("VmRSS is missing in /proc/self/status")? * 1024)
}
