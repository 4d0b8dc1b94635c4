//! Every golden vector of express-session, through the public interface, under the express-session preset.
//!
//! The vectors in `golden/` were made with the real Node packages (their versions stand in each file's `meta`). Where
//! this library decides otherwise, the vector stands in `golden/deviations.rs` with the reason: one that is listed and
//! does not differ fails the test, as does one that differs and is not listed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    missing_debug_implementations,
    reason = "a test says what it expects"
)]

#[path = "golden/compare.rs"]
mod compare;
#[path = "golden/deviations.rs"]
mod deviations;
#[path = "golden/options.rs"]
mod options;
#[path = "golden/request.rs"]
mod request;

use serde::Deserialize;
use session_core::close::Close;
use session_core::policy::SaveUninitialized;
use session_core::state::Use;
use session_core::{Keyring, Open, Policy};

use crate::compare::{File, check, listed, same};
use crate::options::{Members, OneOrMany, Refusal, With, change_cookie, from_hex, keyring};
use crate::request::{clock, create, fresh, id, loaded, looked_up, no_id, over_tls};

#[test]
fn every_id_is_signed_as_node_signs_it_and_the_cookie_opens_again() {
    #[derive(Deserialize)]
    struct Signing {
        sid: String,
        secret: Option<String>,
        secret_hex: Option<String>,
        signed: String,
        cookie_value: String,
    }
    check("signing", include_str!("golden/signing.json"), 149, |vector: Signing, _| {
        let secret = match (vector.secret, vector.secret_hex) {
            (Some(text), None) => text.into_bytes(),
            (None, Some(hex)) => from_hex(&hex),
            other => panic!("one secret, not {other:?}"),
        };
        let policy = Policy::express_session(Keyring::new(secret)).build().unwrap();
        let mut state = fresh(&policy, "/", &[]);
        state.id(|| id(&vector.sid));
        state.insert("a", 1).unwrap();
        let line = create(state).1.into_reply(clock()).set_cookie().unwrap().to_owned();
        let (cookie, _attributes) = line.split_once("; ").unwrap();
        same(cookie, &format!("connect.sid={}", vector.cookie_value))?;
        let decoded = percent_encoding::percent_decode_str(&vector.cookie_value).decode_utf8().unwrap();
        same(&*decoded, &*format!("s:{}", vector.signed))?;
        same(&looked_up(&policy, cookie), &Some(vector.sid))
    });
}

#[test]
fn every_cookie_header_leads_to_the_id_that_node_looks_up() {
    #[derive(Deserialize)]
    struct Verify {
        cookie_header: String,
        name: String,
        secrets: Vec<String>,
        sid: Option<String>,
    }
    check("verify", include_str!("golden/verify.json"), 74, |vector: Verify, _| {
        let policy = Policy::express_session(keyring(&vector.secrets)).name(vector.name).build().unwrap();
        same(&looked_up(&policy, &vector.cookie_header), &vector.sid)
    });
}

#[test]
fn every_set_cookie_line_is_node_s_to_the_letter() {
    #[derive(Deserialize)]
    struct SetCookie {
        cookie: Members,
        name: String,
        sid: String,
        secret: OneOrMany,
        cookie_changed_to: Option<Members>,
        url: Option<String>,
        #[serde(default)]
        before: Vec<String>,
        error: Option<String>,
        set_cookie: Vec<String>,
    }
    check("set_cookie", include_str!("golden/set_cookie.json"), 377, |vector: SetCookie, _| {
        let url = vector.url.or_else(|| vector.cookie.text("path").filter(|path| !path.is_empty()));
        let got = Policy::express_session(vector.secret.keyring())
            .name(vector.name)
            .save_uninitialized(SaveUninitialized::On)
            .with(&vector.cookie)
            .and_then(|builder| builder.build().map_err(Refusal::from))
            .and_then(|policy| {
                let visit = policy.visit(&over_tls(url.as_deref().unwrap_or("/")), []);
                let mut state = match policy.open(visit) {
                    Open::Ready(state) => state,
                    Open::Outside => return Ok(None),
                    Open::Load(_) => panic!("nothing to load"),
                };
                state.id(|| id(&vector.sid));
                if let Some(changes) = &vector.cookie_changed_to {
                    change_cookie(&mut state, changes)?;
                }
                let reply = create(state).1.into_reply(clock());
                assert_eq!(reply.problem(), None);
                Ok(reply.set_cookie().map(str::to_owned))
            });
        // Cookies that were set before are the adapters' to keep; ours comes after them.
        let expected =
            match (&vector.error, vector.set_cookie.strip_prefix(vector.before.as_slice()).unwrap()) {
                (Some(error), []) => Err(Refusal::of_node(error)),
                (None, []) => Ok(None),
                (None, [line]) => Ok(Some(line.clone())),
                other => panic!("a line or an error, not {other:?}"),
            };
        same(&got, &expected)
    });
}

#[test]
fn a_session_is_written_when_node_would_write_it() {
    #[derive(Deserialize)]
    struct Modification {
        before: String,
        after: String,
        modified: bool,
    }
    check("modification", include_str!("golden/modification.json"), 16, |vector: Modification, _| {
        let policy = Policy::express_session(Keyring::new("keyboard cat")).build().unwrap();
        let data = vector.before.strip_prefix('{').unwrap();
        let comma = if data == "}" { "" } else { "," };
        let cookie = r#"{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"}"#;
        let mut state = loaded(&policy, &format!(r#"{{"cookie":{cookie}{comma}{data}"#));
        let after: Members = serde_json::from_str(&vector.after).unwrap();
        let gone: Vec<String> =
            state.keys().filter(|key| after.get(key).is_none()).map(str::to_owned).collect();
        for key in gone {
            state.remove(&key).unwrap();
        }
        for (key, value) in &after.0 {
            state.insert(key, value).unwrap();
        }
        let written = match state.close(Use::Used, clock(), &mut no_id) {
            Close::Update(update) => {
                // What is written is the data as the handler left it, order apart.
                let record: serde_json::Value = serde_json::from_str(&update.record().payload).unwrap();
                let mut expected: serde_json::Value = serde_json::from_str(&vector.after).unwrap();
                expected["cookie"] = record["cookie"].clone();
                assert_eq!(record, expected);
                true
            }
            Close::Touch(_) | Close::Done(_) => false,
            other => panic!("neither write nor touch: {other:?}"),
        };
        same(&written, &vector.modified)
    });
}

#[test]
fn every_record_is_node_s_to_the_letter() {
    #[derive(Deserialize)]
    struct Records {
        cookie: Members,
        data: Members,
        cookie_changed_to: Option<Members>,
        record: String,
    }
    check("records", include_str!("golden/records.json"), 19, |vector: Records, _| {
        let policy = Policy::express_session(Keyring::new("keyboard cat"))
            .save_uninitialized(SaveUninitialized::On)
            .with(&vector.cookie)
            .unwrap()
            .build()
            .unwrap();
        let mut state = fresh(&policy, "/", &[]);
        state.id(|| id("apple"));
        for (key, value) in &vector.data.0 {
            let mut value: serde_json::Value = serde_json::from_str(value.get()).unwrap();
            if let Some(date) = value.get("$date") {
                value = date.clone();
            }
            state.insert(key, value).unwrap();
        }
        if let Some(changes) = &vector.cookie_changed_to {
            change_cookie(&mut state, changes).unwrap();
        }
        same(&*create(state).0.payload, &*vector.record)
    });
}

#[test]
fn a_record_of_node_s_is_read_and_written_back_to_the_letter() {
    #[derive(Deserialize)]
    struct Records {
        record: String,
    }
    let file: File = serde_json::from_str(include_str!("golden/records.json")).unwrap();
    let mut alike = 0;
    for vector in file.vectors {
        let Records { record } = serde_json::from_str(vector.get()).unwrap();
        if listed("records", vector.get()).is_some() {
            continue;
        }
        let policy = Policy::express_session(Keyring::new("keyboard cat")).build().unwrap();
        let mut state = loaded(&policy, &record);
        state.insert("last", true).unwrap();
        let Close::Update(update) = state.close(Use::Used, clock(), &mut no_id) else {
            panic!("a change is written")
        };
        let comma_last = r#","last":true}"#;
        assert_eq!(*update.record().payload, format!("{}{comma_last}", record.strip_suffix('}').unwrap()));
        alike += 1;
    }
    assert_eq!(alike, 16);
}
