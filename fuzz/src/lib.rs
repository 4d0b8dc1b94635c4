//! What the fuzz targets share: policies, and the two ends of a request driven by hand.

use session_core::close::{Close, Update};
use session_core::state::Use;
use session_core::store::{Created, Record, Stored, Version};
use session_core::{Keyring, Load, Open, Policy, RequestFacts, SessionId, Signature, State};
use time::OffsetDateTime;
use time::macros::datetime;

/// The time at which everything happens.
pub const NOW: OffsetDateTime = datetime!(2030-01-01 0:00 UTC);

const SECRET: &str = "0123456789abcdefghijklmnopqrstuvwxyz";

/// The default policy, the one of a migration from Node, and the express-session preset. All name their cookie `sid`.
///
/// # Panics
///
/// If one of them does not build.
#[must_use]
pub fn policies() -> [Policy; 3] {
    let keyring = || Keyring::new(SECRET).and_retired("a retired secret, of some 32 bytes or more");
    [
        Policy::builder(keyring()),
        Policy::builder(keyring()).signature(Signature::PerNameAcceptingRaw),
        Policy::express_session(keyring()),
    ]
    .map(|builder| builder.name("sid").build().expect("the policies of the targets build"))
}

/// A request over https for `/`.
#[must_use]
pub fn facts() -> RequestFacts<'static> {
    RequestFacts::new("/").tls(true)
}

/// Where no new id is due.
///
/// # Panics
///
/// Always.
#[must_use]
pub fn no_id() -> SessionId {
    panic!("no id is to be made")
}

/// The value that the policy's cookie has for an id.
///
/// # Panics
///
/// If a new session is not created and announced.
#[must_use]
pub fn seal(policy: &Policy, id: &SessionId) -> String {
    let Open::Ready(mut state) = policy.open(policy.visit(&facts(), [])) else {
        panic!("without a cookie there is nothing to load")
    };
    state.id(|| id.clone());
    state.insert("a", 1).expect("a number is JSON");
    let Close::Create(create) = state.close(Use::Used, NOW, &mut no_id) else {
        panic!("a new session is created")
    };
    let Close::Done(settled) = create.resume(Created::Done(Version::from(1)), NOW, &mut no_id) else {
        panic!("created is done")
    };
    let reply = settled.into_reply(NOW);
    let line = reply.set_cookie().expect("a new session is announced");
    let value = line.split("; ").next().and_then(|pair| pair.strip_prefix("sid="));
    value.expect("the cookie comes first").to_owned()
}

/// The lookup that a `Cookie` header leads to.
///
/// # Panics
///
/// If `/` is outside the policy's path.
#[must_use]
pub fn load(policy: &Policy, header: &[u8]) -> Option<Load> {
    match policy.open(policy.visit(&facts(), header.split(|byte| *byte == b'\n'))) {
        Open::Load(load) => Some(load),
        Open::Ready(_) => None,
        Open::Outside => panic!("`/` covers everything"),
    }
}

/// The session in `payload`, if it is one.
///
/// # Panics
///
/// If the policy's own cookie leads nowhere.
#[must_use]
pub fn read(policy: &Policy, payload: &str) -> Option<Box<State>> {
    let cookie = seal(policy, &SessionId::from_entropy([1; 24]));
    let load = load(policy, format!("sid={cookie}").as_bytes()).expect("what was sealed opens");
    let record = Record { payload: payload.into(), expires_at: NOW + time::Duration::DAY, owner: None };
    match load.resume(Some(Stored { record, version: Version::from(1) }), NOW) {
        Open::Ready(state) => (!state.is_new()).then_some(state),
        Open::Load(_) | Open::Outside => panic!("there was one cookie"),
    }
}

/// The write that a changed session demands.
///
/// # Panics
///
/// If it demands none.
pub fn write(state: Box<State>) -> Update {
    match state.close(Use::Used, NOW, &mut no_id) {
        Close::Update(update) => update,
        other => panic!("a change is written, not {other:?}"),
    }
}
