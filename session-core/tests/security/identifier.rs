//! 4.1 Identifier.

use std::fmt::Debug;

use percent_encoding::percent_decode_str;
use session_core::close::Close;
use session_core::open::Notice;
use session_core::state::Use;
use session_core::store::{Created, Stored, Version};
use session_core::{IdsAtRest, Keyring, Open, Owner, Policy, SessionId, State};
use time::OffsetDateTime;

use crate::server::*;

/// ID-2
#[test]
fn an_id_says_nothing_of_the_time_or_of_the_user() {
    let cookie = |now: OffsetDateTime, owner: &str| {
        let mut server = Server::new(strong());
        let mut state = server.open(&[], now);
        state.login(Owner::new(owner).unwrap(), now).unwrap();
        state.insert("mail", owner).unwrap();
        server.close(state, now).cookie()
    };
    let here = cookie(NOW, "ann@example.com");
    assert_eq!(here, cookie(NOW + 365 * DAY, "ann@example.com"), "one draw of randomness, one id");
    assert_eq!(here, cookie(NOW, "bob@example.com"));
    let id = SessionId::from_entropy([9; 24]);
    assert_eq!(id.expose(), "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJ", "the random bytes and nothing else");
}

/// ID-4, FX-4, RV-1
#[test]
fn an_id_that_is_well_signed_and_not_stored_is_not_adopted() {
    for builder in [strong(), preset()] {
        let mut server = Server::new(builder);
        let planted = server.cookie_for("id-that-somebody-planted");
        let key = SessionId::new("id-that-somebody-planted").unwrap().key(server.policy.ids_at_rest());

        let mut state = server.open(&[&planted], NOW);
        assert!(state.is_new());
        assert_eq!(state.notices(), [Notice::Missed]);
        state.insert("a", 1).unwrap();
        let issued = server.close(state, NOW).cookie();
        assert_ne!(issued, planted);
        assert!(!server.records.contains_key(&key));

        // The same after a logout: the dead cookie does not come back to life.
        let mut state = server.open(&[&issued], NOW);
        state.destroy();
        let _ = server.close(state, NOW);
        let mut state = server.open(&[&issued], NOW);
        assert!(state.is_new());
        state.insert("a", 2).unwrap();
        assert_ne!(server.close(state, NOW).cookie(), issued);
    }
}

/// ID-6
#[test]
fn malformed_oversized_and_foreign_ids_never_reach_the_store() {
    let long = "x".repeat(1_000_000);
    let values: Vec<Vec<u8>> = [
        "",
        "s%3A",
        "s:.",
        "%00",
        "..%2f..%2fetc%2fpasswd",
        "'; DROP TABLE session; --",
        "\"",
        "%22%27",
        "j%3A%7B%22%24ne%22%3A1%7D",
        "{\"$ne\":1}",
        "s%3A%7B%22%24ne%22%3A1%7D.AAAA",
        &long,
    ]
    .into_iter()
    .map(|value| value.as_bytes().to_vec())
    .chain([b"\xff\xfe\x00".to_vec(), b"s%3Aid.\xc3\x28".to_vec()])
    // Signed by the real secret, and still no ids: empty, too long, control characters.
    .chain(
        ["", "\0", "a\0b", "a\r\nb", "\u{1b}[2J", "\u{85}", &"x".repeat(1025)]
            .map(|id| raw_seal(id).into_bytes()),
    )
    .collect();
    let server = Server::new(preset());
    for value in values {
        let header = [b"connect.sid=", value.as_slice()].concat();
        let open = server.policy.open(server.policy.visit(&tls(), [header.as_slice()]));
        assert!(matches!(open, Open::Ready(_)), "{:?}", String::from_utf8_lossy(&header));
    }
    let open = server
        .policy
        .open(server.policy.visit(&tls(), [format!("connect.sid={}", raw_seal("id")).as_bytes()]));
    assert!(matches!(open, Open::Load(_)), "the test signs as the server does");
}

/// ID-7
#[test]
fn an_id_that_is_taken_is_not_handed_out_again() {
    let mut server = Server::new(strong());
    let mut state = server.open(&[], NOW);
    state.insert("whose", "first").unwrap();
    let first = server.close(state, NOW).cookie();
    let before = server.records.clone();

    // The generator begins again from where it was.
    server.drawn.set(0);
    let mut state = server.open(&[], NOW);
    state.insert("whose", "second").unwrap();
    let second = server.close(state, NOW).cookie();
    assert_ne!(first, second);
    server.drawn.set(0);
    let mut state = server.open(&[&second], NOW);
    state.renew().unwrap();
    let third = server.close(state, NOW).cookie();
    assert!(third != first && third != second);
    for (key, stored) in before {
        assert_eq!(server.records.get(&key), Some(&stored), "the first session is untouched");
    }
    assert_eq!(server.open(&[&third], NOW).get::<String>("whose").unwrap().as_deref(), Some("second"));
}

/// ID-8
#[test]
fn no_public_type_shows_an_id_a_secret_or_a_value_in_debug() {
    const RETIRED: &str = "RETIRED-0123456789-abcdefghijklmnop";
    const VALUE: &str = "VALUE-of-the-session";
    const OWNER: &str = "OWNER-of-the-session";
    const ID: &str = "ID-of-the-session";
    let mut shown: Vec<(&'static str, String)> = Vec::new();
    fn show(shown: &mut Vec<(&'static str, String)>, what: &'static str, value: &dyn Debug) {
        shown.push((what, format!("{value:?}")));
        shown.push((what, format!("{value:#?}")));
    }

    let keyring = Keyring::new(SECRET).and_retired(RETIRED);
    show(&mut shown, "Keyring", &keyring);
    let builder = Policy::builder(keyring).ids_at_rest(IdsAtRest::Plain);
    show(&mut shown, "PolicyBuilder", &builder);
    let mut server = Server::new(builder);
    show(&mut shown, "Policy", &server.policy);
    let id = SessionId::new(ID).unwrap();
    show(&mut shown, "SessionId", &id);
    let key = id.key(IdsAtRest::Plain);
    show(&mut shown, "StoreKey", &key);
    let owner = Owner::new(OWNER).unwrap();
    show(&mut shown, "Owner", &owner);

    let mut state = server.open(&[], NOW);
    state.id(|| id.clone());
    state.insert("key", VALUE).unwrap();
    state.set_owner(Some(owner)).unwrap();
    show(&mut shown, "State", &state);
    let create = state.close(Use::Used, NOW, &mut no_id);
    show(&mut shown, "Close::Create", &create);
    let Close::Create(create) = create else { panic!("created") };
    let record = create.record().clone();
    show(&mut shown, "Record", &record);
    let stored = Stored { record, version: Version::from(VALUE) };
    show(&mut shown, "Stored", &stored);
    server.records.insert(key, stored.clone());
    let done = create.resume(Created::Done(Version::from(VALUE)), NOW, &mut no_id);
    show(&mut shown, "Close::Done", &done);
    let Close::Done(settled) = done else { panic!("done") };
    let reply = settled.into_reply(NOW);
    show(&mut shown, "Reply", &reply);
    let cookie = reply.cookie();
    let sealed = cookie.split_once('=').unwrap().1.to_owned();
    let signature = percent_decode_str(&sealed).decode_utf8().unwrap().rsplit_once('.').unwrap().1.to_owned();

    let two = format!("{cookie}; {cookie}");
    let visit = server.policy.visit(&tls(), [two.as_bytes()]);
    show(&mut shown, "Visit", &visit);
    let open = server.policy.open(visit);
    show(&mut shown, "Open::Load", &open);
    let loaded = || {
        let Open::Load(load) = server.policy.open(server.policy.visit(&tls(), [cookie.as_bytes()])) else {
            panic!("loaded")
        };
        match load.resume(Some(stored.clone()), NOW) {
            Open::Ready(state) => state,
            other => panic!("one cookie: {other:?}"),
        }
    };
    show(&mut shown, "Open::Ready", &Open::Ready(loaded()));
    let ends: [(&'static str, fn(&mut State)); 6] = [
        ("Close::Update", |state| state.insert("key", "another").unwrap()),
        ("Close::Update of a computed value", |state| {
            state
                .update("key", |value: Option<String>| value.unwrap_or_default() + "more")
                .map(drop)
                .unwrap();
        }),
        ("Close::Update after a removal", |state| assert!(state.remove("key").unwrap())),
        ("Close::Touch", |state| state.touch().unwrap()),
        ("Close::Rename", |state| state.renew().unwrap()),
        ("Close::Delete", State::destroy),
    ];
    for (what, end) in ends {
        let mut state = loaded();
        end(&mut state);
        show(&mut shown, what, &state.close(Use::Used, NOW + HOUR * 12, &mut || id.clone()));
    }
    let mut state = loaded();
    state.insert("key", VALUE.repeat(100_000)).unwrap();
    let refused = state.close(Use::Used, NOW, &mut no_id);
    show(&mut shown, "Close::Refused", &refused);
    let Close::Refused(refused) = refused else { panic!("too large") };
    show(&mut shown, "Error", &refused.error);
    shown.push(("Error in words", refused.error.to_string()));
    let error = loaded().get::<u32>("key").unwrap_err();
    shown.push(("Error in words", error.to_string()));

    let mut leaks = Vec::new();
    for (what, text) in &shown {
        for (name, secret) in [
            ("a secret", SECRET),
            ("a retired secret", RETIRED),
            ("a value", VALUE),
            ("the owner", OWNER),
            ("the id", ID),
            ("the sealed cookie", &*sealed),
            ("the signature", &*signature),
        ] {
            if text.contains(secret) {
                leaks.push(format!("{what} shows {name}"));
            }
        }
    }
    leaks.dedup();
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
}
