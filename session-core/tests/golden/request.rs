//! One request, driven through the core by hand.

use std::time::Duration;

use session_core::close::{Close, Settled};
use session_core::state::Use;
use session_core::store::{Created, Record, Stored, Version};
use session_core::{Open, Policy, RequestFacts, SessionId, State};
use time::OffsetDateTime;

pub fn clock() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(1_893_456_000_250 * 1_000_000).unwrap()
}

pub fn millis(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap()
}

pub fn id(text: &str) -> SessionId {
    SessionId::new(text).unwrap()
}

pub fn no_id() -> SessionId {
    panic!("no id is to be made")
}

pub fn over_tls(path: &str) -> RequestFacts<'_> {
    RequestFacts::new(path).tls(true)
}

pub fn fresh(policy: &Policy, path: &str, cookies: &[&str]) -> Box<State> {
    let visit = policy.visit(&over_tls(path), cookies.iter().map(|cookie| cookie.as_bytes()));
    match policy.open(visit) {
        Open::Ready(state) => state,
        other => panic!("a new session, not {other:?}"),
    }
}

/// A session whose record is `payload`.
pub fn loaded(policy: &Policy, payload: &str) -> Box<State> {
    let mut state = fresh(policy, "/", &[]);
    state.id(|| id("apple"));
    state.insert("any", 1).unwrap();
    let line = create(state).1.into_reply(clock()).set_cookie().unwrap().to_owned();
    let cookie = line.split("; ").next().unwrap();
    let Open::Load(load) = policy.open(policy.visit(&over_tls("/"), [cookie.as_bytes()])) else {
        panic!("a good cookie is looked up")
    };
    let record =
        Record { payload: payload.into(), expires_at: clock() + Duration::from_secs(600), owner: None };
    match load.resume(Some(Stored { record, version: Version::from(1) }), clock()) {
        Open::Ready(state) if !state.is_new() => state,
        other => panic!("a session that was loaded, not {other:?}"),
    }
}

/// Closes a new session over a store that accepts it.
pub fn create(state: Box<State>) -> (Record, Settled) {
    let Close::Create(create) = state.close(Use::Used, clock(), &mut no_id) else {
        panic!("a new session is created")
    };
    let record = create.record().clone();
    match create.resume(Created::Done(Version::from(1)), clock(), &mut no_id) {
        Close::Done(settled) => (record, settled),
        other => panic!("created, then done, not {other:?}"),
    }
}

/// The id that is looked up for a `Cookie` header. Ids at rest are plain, so the key is the id.
pub fn looked_up(policy: &Policy, header: &str) -> Option<String> {
    match policy.open(policy.visit(&over_tls("/"), [header.as_bytes()])) {
        Open::Load(load) => Some(load.key().as_str().to_owned()),
        Open::Ready(_) => None,
        Open::Outside => panic!("`/` covers everything"),
    }
}
