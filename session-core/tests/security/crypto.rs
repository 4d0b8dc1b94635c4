//! 4.7 Crypto.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use session_core::policy::{PolicyBuilder, PolicyError};
use session_core::{IdsAtRest, Keyring, Open, Owner, Policy, SessionId, Signature};

use crate::server::*;

/// CR-2
#[test]
fn who_reads_the_store_cannot_take_a_session_over() {
    let mut server = Server::new(strong());
    let mut state = server.open(&[], NOW);
    state.login(Owner::new("ann").unwrap(), NOW).unwrap();
    state.insert("a", 1).unwrap();
    let id = state.id(|| server.fresh()).expose().to_owned();
    let cookie = server.close(state, NOW).cookie();
    let dump: String = server
        .records
        .iter()
        .map(|(key, stored)| format!("{} {}\n", key.as_str(), stored.record.payload))
        .collect();
    let value = cookie.split_once('=').unwrap().1;
    let plain = percent_decode_str(value).decode_utf8().unwrap();
    let signature = plain.rsplit_once('.').unwrap().1;
    for secret in [&id, value, &*plain, signature] {
        assert!(!dump.contains(secret));
    }
    // What is in the dump is worth nothing as a cookie: not by itself, and not even signed by the server's own key.
    let key = server.records.keys().next().unwrap().as_str().to_owned();
    for planted in [format!("sid={key}"), format!("sid=s%3A{key}"), server.cookie_for(&key)] {
        assert!(server.open(&[&planted], NOW).is_new(), "{planted}");
    }
    let handle = server.records.keys().next().unwrap().handle();
    assert!(server.open(&[&server.cookie_for(&handle)], NOW).is_new(), "nor is what a list of devices shows");
}

/// CR-3
#[test]
fn whatever_does_not_verify_is_no_session_and_nothing_else_is_tried() {
    for builder in [strong(), preset()] {
        let mut server = Server::new(builder);
        let cookie = server.begin();
        let (name, value) = cookie.split_once('=').unwrap();
        let plain = percent_decode_str(value).decode_utf8().unwrap().into_owned();
        let refused = |value: &str| {
            let header = format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC));
            let open = server.policy.open(server.policy.visit(&tls(), [header.as_bytes()]));
            assert!(matches!(open, Open::Ready(_)), "{value}");
        };
        for at in 0..plain.len() {
            for bit in 0..7 {
                let mut bytes = plain.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                refused(&String::from_utf8(bytes).unwrap());
            }
        }
        let (id, signature) = plain.strip_prefix("s:").unwrap().rsplit_once('.').unwrap();
        for forged in [
            id.to_owned(),
            format!("s:{id}"),
            format!("s:{id}."),
            format!("{id}.{signature}"),
            format!("S:{id}.{signature}"),
            format!("s:{id}.{signature}="),
            format!("s:{id}.{}", signature.replace('+', "-").replace('/', "_") + "A"),
            format!("s:{id}.{}", &signature[..42]),
            format!("s:{id}.{}", "A".repeat(43)),
            r#"{"id":"x","user":"admin"}"#.to_owned(),
            r#"j:{"user":"admin"}"#.to_owned(),
            "eyJhbGciOiJub25lIn0.eyJ1c2VyIjoiYWRtaW4ifQ.".to_owned(),
        ] {
            refused(&forged);
        }
    }
}

/// CR-4
#[test]
fn a_signature_is_bound_to_the_cookie_s_name_to_its_purpose_and_to_a_version() {
    let mut server = Server::new(strong());
    let cookie = server.begin();
    let value = cookie.split_once('=').unwrap().1;
    let other = Server::new(strong().name("admin"));
    let open = other.policy.open(other.policy.visit(&tls(), [format!("admin={value}").as_bytes()]));
    assert!(matches!(open, Open::Ready(_)), "moved to another cookie");

    // A form token of the same secret does not open as a cookie.
    let mut state = server.open(&[&cookie], NOW);
    let token = state.csrf_token(NOW, [0; 32], no_id);
    for value in [token.clone(), format!("s%3A{token}"), format!("s%3Aid.{}", &token[token.len() - 43..])] {
        assert!(server.open(&[&format!("sid={value}")], NOW).is_new());
    }

    // The key is the secret's, for this purpose, version and name; computed here by other hands.
    let key = mac(SECRET.as_bytes(), b"session cookie 1\0sid");
    let signature = STANDARD_NO_PAD.encode(mac(&key, b"an id"));
    let value = utf8_percent_encode(&format!("s:an id.{signature}"), NON_ALPHANUMERIC).to_string();
    let open = server.policy.open(server.policy.visit(&tls(), [format!("sid={value}").as_bytes()]));
    let Open::Load(load) = open else { panic!("a cookie that was sealed by an earlier version still opens") };
    assert_eq!(load.key(), &SessionId::new("an id").unwrap().key(IdsAtRest::Hashed));
}

/// CR-5
#[test]
fn weak_secrets_do_not_build() {
    let build = |keyring: Keyring| Policy::builder(keyring).build().map(drop);
    for secret in ["", "s", "keyboard cat", &SECRET[..31]] {
        let bytes = secret.len();
        assert_eq!(build(Keyring::new(secret)), Err(PolicyError::ShortSecret { bytes }));
        assert_eq!(build(Keyring::new(SECRET).and_retired(secret)), Err(PolicyError::ShortSecret { bytes }));
    }
    for sample in [
        "a".repeat(64),
        "keyboard cat keyboard cat keyboard cat".to_owned(),
        "CHANGE ME: this is 32 bytes or more".to_owned(),
        "your-secret-your-secret-your-secret".to_owned(),
    ] {
        assert_eq!(build(Keyring::new(sample)), Err(PolicyError::SampleSecret));
    }
    assert_eq!(build(Keyring::new(SECRET).and_retired(SECRET)), Err(PolicyError::RepeatedSecret));
    assert_eq!(build(Keyring::new(&SECRET[..32])), Ok(()));
    // No opt-out makes an empty secret a secret.
    assert!(Policy::builder(Keyring::new("")).allow_weak_secrets().build().is_err());
    assert!(Policy::express_session(Keyring::new("")).build().is_err());
    assert!(Policy::builder(Keyring::new("s")).allow_weak_secrets().build().is_ok());
    for error in [build(Keyring::new("hunter2-hunter2")), build(Keyring::new("keyboard cat".repeat(4)))] {
        let error = error.unwrap_err();
        assert!(
            !format!("{error} {error:?}").contains("hunter2") && !format!("{error:?}").contains("keyboard")
        );
    }
}

/// CR-5
#[test]
fn a_retired_secret_verifies_does_not_sign_and_its_cookie_is_signed_anew_on_use() {
    const NEW: &str = "a new secret, of some 32 bytes or more";
    for base in [Policy::builder as fn(Keyring) -> PolicyBuilder, Policy::express_session] {
        let mut server = Server::new(base(Keyring::new(SECRET)));
        let old = server.begin();
        let [rotated, done] = [Keyring::new(NEW).and_retired(SECRET), Keyring::new(NEW)];
        server.policy = base(rotated).build().unwrap();
        let state = server.open(&[&old], NOW + MINUTE);
        assert!(!state.is_new());
        let renewed = server.close(state, NOW + MINUTE).cookie();
        assert_ne!(old, renewed, "reading is use enough");

        // Once the old secret is gone, so are the cookies that nobody used meanwhile, and only they.
        server.policy = base(done).build().unwrap();
        assert!(server.open(&[&old], NOW + MINUTE).is_new());
        let state = server.open(&[&renewed], NOW + MINUTE);
        assert!(!state.is_new());
        assert_eq!(server.close(state, NOW + MINUTE).set_cookie(), None, "it is not signed again and again");
    }
}

/// CR-7: `golden.rs` has the vectors.
#[test]
fn the_raw_signature_is_cookie_signature_s_and_a_migration_accepts_it_and_signs_anew() {
    let node = format!("connect.sid={}", raw_seal("made-by-node"));
    let payload = r#"{"cookie":{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"},"a":1}"#;

    let mut server = Server::new(preset());
    server.plant("made-by-node", payload);
    let state = server.open(&[&node], NOW);
    assert!(!state.is_new());
    assert_eq!(server.cookie_for("made-by-node"), node, "bit for bit");

    let migrating = || strong().name("connect.sid").ids_at_rest(IdsAtRest::Plain);
    let mut server = Server::new(migrating().signature(Signature::PerNameAcceptingRaw));
    server.plant("made-by-node", payload);
    let state = server.open(&[&node], NOW);
    assert_eq!(state.get::<u32>("a").unwrap(), Some(1));
    let ours = server.close(state, NOW).cookie();
    assert_ne!(ours, node);
    assert!(!server.open(&[&ours], NOW).is_new());

    server.policy = migrating().build().unwrap();
    assert!(server.open(&[&node], NOW).is_new(), "after the migration the raw signature is none");
    assert!(!server.open(&[&ours], NOW).is_new());
}
