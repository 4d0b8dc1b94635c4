//! Requests, driven through the core by hand.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::value::RawValue;
use session_core::close::{Close, Update};
use session_core::open::Notice;
use session_core::policy::PolicyBuilder;
use session_core::state::Use;
use session_core::store::{Created, Record, Stored, Updated, Version};
use session_core::{Keyring, Load, Open, Policy, RequestFacts, SessionId, State};
use time::OffsetDateTime;
use time::macros::datetime;

pub const NOW: OffsetDateTime = datetime!(2030-01-01 0:00:00.250 UTC);
pub const SECRET: &str = "0123456789abcdefghijklmnopqrstuvwxyz";

pub fn facts() -> RequestFacts<'static> {
    RequestFacts::new("/").tls(true)
}

pub fn strong() -> PolicyBuilder {
    Policy::builder(Keyring::new(SECRET))
}

pub fn preset() -> PolicyBuilder {
    Policy::express_session(Keyring::new(SECRET))
}

/// The default policy and the preset: `sid` signed with a derived key, and `connect.sid` with the raw one.
pub fn policies() -> [Policy; 2] {
    [strong().build().unwrap(), preset().build().unwrap()]
}

pub fn no_id() -> SessionId {
    panic!("no id is to be made")
}

/// `name=value`, as a browser sends it back.
pub fn seal(policy: &Policy, id: &SessionId) -> String {
    let Open::Ready(mut state) = policy.open(policy.visit(&facts(), [])) else { panic!("nothing to load") };
    state.id(|| id.clone());
    state.insert("a", 1).unwrap();
    let Close::Create(create) = close(state) else { panic!("created") };
    let Close::Done(settled) = create.resume(Created::Done(Version::from(1)), NOW, &mut no_id) else {
        panic!("done")
    };
    value(settled.into_reply(NOW).set_cookie().unwrap())
}

/// The cookie in a `Set-Cookie` line.
pub fn value(line: &str) -> String {
    line.split("; ").next().unwrap().to_owned()
}

pub fn load(policy: &Policy, headers: &[Vec<u8>]) -> Option<Load> {
    match policy.open(policy.visit(&facts(), headers.iter().map(Vec::as_slice))) {
        Open::Load(load) => Some(load),
        Open::Ready(_) => None,
        Open::Outside => panic!("`/` covers everything"),
    }
}

pub fn stored(payload: &str, version: u64) -> Stored {
    let record =
        Record { payload: payload.into(), expires_at: NOW + Duration::from_secs(86_400), owner: None };
    Stored { record, version: Version::from(version) }
}

/// What becomes of a request whose record is `payload`.
pub fn loaded(policy: &Policy, payload: &str) -> Box<State> {
    let sealed = seal(policy, &SessionId::from_entropy([1; 24]));
    let load = load(policy, &[sealed.into_bytes()]).unwrap();
    match load.resume(Some(stored(payload, 1)), NOW) {
        Open::Ready(state) => state,
        other => panic!("there is one cookie only: {other:?}"),
    }
}

pub fn close(state: Box<State>) -> Close {
    state.close(Use::Used, NOW, &mut no_id)
}

pub fn written(state: Box<State>) -> String {
    match close(state) {
        Close::Update(update) => update.record().payload.to_string(),
        other => panic!("a change is written, not {other:?}"),
    }
}

/// The same update after the store said that the record is `payload` now.
pub fn rebased(update: Update, payload: &str) -> Update {
    match update.resume(Updated::Conflict(stored(payload, 2)), NOW) {
        Close::Update(update) => {
            assert_eq!(update.base(), Some(&Version::from(2)));
            update
        }
        other => panic!("tried again, not {other:?}"),
    }
}

/// A payload is read, or refused with a reason; what is read can be written.
pub fn survives(payload: &str) -> Result<(), TestCaseError> {
    for policy in policies() {
        let mut state = loaded(&policy, payload);
        if state.is_new() {
            let refused = state.notices().iter().any(|notice| {
                matches!(
                    notice,
                    Notice::Unreadable(_) | Notice::Superseded | Notice::Missed | Notice::Expired
                )
            });
            prop_assert!(refused, "{:?}", state.notices());
        } else {
            state.insert("last", "x").unwrap();
            let written = written(state);
            prop_assert!(serde_json::from_str::<HashMap<String, &RawValue>>(&written).is_ok(), "{written}");
            prop_assert!(!loaded(&policy, &written).is_new(), "{written}");
        }
    }
    Ok(())
}

pub fn json(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// A canonical array index, by the words of ECMAScript: the text of an integer below 2^32 - 1.
pub fn index(key: &str) -> Option<u32> {
    key.parse().ok().filter(|index: &u32| *index != u32::MAX && index.to_string() == key)
}

/// The members of an object as texts, in their order.
pub fn ordered(object: &str) -> Vec<(String, String)> {
    struct Visit;
    impl<'de> serde::de::Visitor<'de> for Visit {
        type Value = Vec<(String, String)>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some((key, value)) = map.next_entry::<String, &RawValue>()? {
                members.push((key, value.get().to_owned()));
            }
            Ok(members)
        }
    }
    struct Ordered(Vec<(String, String)>);
    impl<'de> Deserialize<'de> for Ordered {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_map(Visit).map(Ordered)
        }
    }
    serde_json::from_str::<Ordered>(object).unwrap().0
}

pub fn data(payload: &str) -> BTreeMap<String, String> {
    ordered(payload).into_iter().filter(|(key, _)| key != "cookie" && key != "_session").collect()
}
