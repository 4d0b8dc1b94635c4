//! 4.8 Storage and deserialisation.

use session_core::open::Notice;
use session_core::policy::{Concurrency, SaveUninitialized};
use session_core::record::RecordError;
use session_core::store::Version;
use session_core::{Error, Owner, State};

use crate::server::*;

/// ST-1
#[test]
fn deep_wide_and_doubled_records_neither_panic_nor_overflow_the_stack() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let objects = format!("{}1{}", r#"{"a":"#.repeat(100_000), "}".repeat(100_000));
    let wide: String = (0..100_000).map(|n| format!(r#","k{n}":{n}"#)).collect();
    let mut server = Server::new(preset());
    let cookie = server.cookie_for("id");
    for (members, readable) in [
        (format!(r#","deep":{deep}"#), true),
        (format!(r#","deep":{objects}"#), true),
        (format!(r#","deep":"{}""#, "x".repeat(10_000_000)), true),
        (wide, true),
        (r#","a":1,"a":2"#.to_owned(), false),
        (r#","a":1,"\u0061":2"#.to_owned(), false),
        (r#","cookie":{}"#.to_owned(), false),
        (r#","_session":{"v":1},"_session":{"v":1}"#.to_owned(), false),
    ] {
        server.plant("id", &format!(r#"{{"cookie":{{"originalMaxAge":null}}{members}}}"#));
        let state = server.open(&[&cookie], NOW);
        assert_eq!(!state.is_new(), readable);
        if readable {
            // A handler that asks for the deep value as a tree gets an error, not a crash.
            let _ = state.get::<serde_json::Value>("deep").map(drop);
        } else {
            assert_eq!(state.notices(), [Notice::Unreadable(RecordError::Malformed)]);
        }
    }
    server.plant("id", &format!(r#"{{"cookie":{deep}}}"#));
    assert_eq!(server.open(&[&cookie], NOW).notices(), [Notice::Unreadable(RecordError::NoCookie)]);
    server.plant("id", &format!(r#"{{"cookie":{{"path":{deep},"domain":{objects}}}}}"#));
    assert_eq!(server.open(&[&cookie], NOW).notices(), []);
    server.plant("id", &format!(r#"{{"cookie":{{}},"_session":{{"v":1,"x":{deep}}}}}"#));
    let _ = server.open(&[&cookie], NOW);
}

/// ST-2
#[test]
fn an_unreadable_record_costs_one_user_one_session_and_is_an_event() {
    for garbage in
        ["", "\0", "null", "[]", "{", "<xml/>", "{\"a\":1}", "{\"cookie\":7}", "\u{feff}{\"cookie\":{}}"]
    {
        let mut server = Server::new(strong());
        let healthy = server.begin();
        let cookie = server.cookie_for("id");
        let key = server.plant("id", garbage);
        let planted = server.records[&key].clone();

        let mut state = server.open(&[&cookie], NOW);
        assert!(state.is_new() && state.is_empty());
        assert!(matches!(state.notices(), [Notice::Unreadable(_)]), "{garbage:?}: {:?}", state.notices());
        state.insert("a", 1).unwrap();
        let next = server.close(state, NOW).cookie();
        assert_ne!(next, cookie);
        assert_eq!(server.records[&key], planted, "it is left as it is, for whoever looks into it");

        // No loop: the next request is served, and nobody else noticed.
        let state = server.open(&[&next], NOW);
        assert!(!state.is_new() && state.notices().is_empty());
        assert!(!server.open(&[&healthy], NOW).is_new());
    }
}

/// ST-3
#[test]
fn a_record_of_a_newer_layout_is_never_written_or_removed() {
    let payload = r#"{"cookie":{"originalMaxAge":null},"a":1,"_session":{"v":2,"whatever":["comes"]}}"#;
    let ends: [fn(&mut State); 6] = [
        |_| (),
        |state| state.insert("a", 2).unwrap(),
        |state| state.touch().unwrap(),
        |state| state.renew().unwrap(),
        |state| state.login(Owner::new("ann").unwrap(), NOW).unwrap(),
        State::destroy,
    ];
    for end in ends {
        for builder in [strong(), preset(), preset().save_uninitialized(SaveUninitialized::On)] {
            let mut server = Server::new(builder);
            let key = server.plant("id", payload);
            let planted = server.records[&key].clone();
            let mut state = server.open(&[&server.cookie_for("id")], NOW);
            assert!(state.is_new());
            assert_eq!(state.notices(), [Notice::Unreadable(RecordError::Newer)]);
            end(&mut state);
            let _ = server.close(state, NOW);
            assert_eq!(server.records[&key], planted);
        }
    }
}

/// ST-3: also when the newer node wrote it while this request ran.
#[test]
fn a_record_that_became_newer_meanwhile_is_not_overwritten() {
    let payload = r#"{"cookie":{"originalMaxAge":null},"a":1,"_session":{"v":2}}"#;
    let mut server = Server::new(strong());
    let cookie = server.begin();
    let mut state = server.open(&[&cookie], NOW);
    state.insert("a", 2).unwrap();
    let (key, stored) = server.records.iter_mut().next().map(|(key, stored)| (key.clone(), stored)).unwrap();
    stored.record.payload = payload.into();
    stored.version = Version::from("newer");
    assert_eq!(server.try_close(state, NOW).unwrap_err(), Error::Gone);
    assert_eq!(&*server.records[&key].record.payload, payload);
}

/// ST-7
#[test]
fn reading_and_logging_out_without_a_session_store_nothing() {
    let mut server = Server::new(strong());
    for turn in 0..100 {
        let mut state = server.open(if turn % 2 == 0 { &[] } else { &["sid=forged"] }, NOW);
        let _ = state.get::<u32>("a").unwrap();
        match turn % 4 {
            0 => state.destroy(),
            1 => state.unset(),
            2 => state.renew().unwrap(),
            _ => assert!(!state.remove("a").unwrap()),
        }
        let reply = server.close(state, NOW);
        assert!(turn % 2 == 1 || reply.set_cookie().is_none(), "there is no cookie to take away");
    }
    assert!(server.records.is_empty());
    assert_eq!(server.verbs, 0);
}

/// ST-8
#[test]
fn a_session_that_grows_too_large_is_refused_by_a_typed_error_and_nothing_is_stored() {
    let mut server = Server::new(strong().max_payload(1000));
    let mut state = server.open(&[], NOW);
    state.insert("a", "x".repeat(1000)).unwrap();
    let error = server.try_close(state, NOW).unwrap_err();
    assert!(matches!(error, Error::TooLarge { size, limit: 1000 } if size > 1000), "{error}");
    assert!(server.records.is_empty());

    let cookie = server.begin();
    let before = server.only().clone();
    for change in [(|state| state.insert("a", "x".repeat(1000)).unwrap()) as fn(&mut State), |state| {
        state.insert("a", "x".repeat(1000)).unwrap();
        state.renew().unwrap();
    }] {
        let mut state = server.open(&[&cookie], NOW);
        change(&mut state);
        assert!(matches!(server.try_close(state, NOW), Err(Error::TooLarge { .. })));
        assert_eq!(server.only(), &before, "the session is what it was");
    }
    // To the byte.
    let size = before.record.payload.len();
    assert!(Server::new(strong().max_payload(size)).begin().starts_with("sid="));
    let mut server = Server::new(strong().max_payload(size - 1));
    let mut state = server.open(&[], NOW);
    state.insert("a", 1).unwrap();
    assert_eq!(server.try_close(state, NOW).unwrap_err(), Error::TooLarge { size, limit: size - 1 });
}

/// Concurrency is shown where stores and races are; the default is named here so that a change of it is noticed.
#[test]
fn the_default_merges_and_the_preset_does_not() {
    for (builder, merges) in
        [(strong(), true), (preset(), false), (preset().concurrency(Concurrency::Merge), true)]
    {
        let mut server = Server::new(builder);
        let cookie = server.begin();
        let [mut one, mut two] = [server.open(&[&cookie], NOW), server.open(&[&cookie], NOW)];
        one.insert("one", 1).unwrap();
        two.insert("two", 2).unwrap();
        let _ = (server.close(one, NOW), server.close(two, NOW));
        assert_eq!(server.open(&[&cookie], NOW).contains("one"), merges);
        assert!(server.open(&[&cookie], NOW).contains("two"));
    }
}
