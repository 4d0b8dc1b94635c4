//! What is logged (each test here listens: a thread that does not would switch events off for the others): every event of a session's life, and never an id, a key, a secret, an owner or a value.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

mod common;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use common::log::listen;
use common::{World, policy};
use session_core::policy::{Rolling, Secure};
use session_core::store::{Record, Store as _, StoreError};
use session_core::{Error as CoreError, IdsAtRest, Owner, RequestFacts};
use session_driver::{Clock as _, Error, OnOutage, Session};

#[tokio::test]
async fn a_sessions_life_is_logged_without_anything_that_is_secret() {
    let (log, _guard) = listen();
    let world = World::new(policy());
    let mut secrets =
        vec![common::SECRET.to_owned(), "user1@example.com".to_owned(), "a private value".to_owned()];

    let owner = Owner::new("user1@example.com").unwrap();
    let cookie = world
        .request("", |session| {
            session.login(owner)?;
            session.insert("note", "a private value")
        })
        .await
        .unwrap();
    let exchange = world.begin(&cookie);
    let id = exchange.session().await.unwrap().id().unwrap();
    let slow = world.begin(&cookie);
    slow.session().await.unwrap().insert("m", 1).unwrap();
    exchange.session().await.unwrap().insert("n", 1).unwrap();
    let _ = exchange.finish().await.unwrap();
    let _ = slow.finish().await.unwrap();
    let renewed = world.request(&cookie, |session| session.renew()).await.unwrap();
    world.request(&cookie, |session| session.insert("late", 1)).await.unwrap_err();
    world.request("sid=s%3Aforged.signature; sid=junk", |_| Ok(())).await.unwrap();
    world.clock.advance(std::time::Duration::from_secs(3 * 3600));
    world.request(&renewed, |_| Ok(())).await.unwrap();
    world.request(&renewed, |session| session.logout()).await.unwrap();
    world.request(&renewed, |_| Ok(())).await.unwrap();
    world.probe.set_down(true);
    world.request(&renewed, |_| Ok(())).await.unwrap_err();

    for (event, at_least) in [
        ("created", 1),
        ("opened", 5),
        ("updated", 2),
        ("conflict", 1),
        ("rotated", 1),
        ("superseded", 1),
        ("gone", 1),
        ("cookie_rejected", 2),
        ("touched", 1),
        ("destroyed", 1),
        ("missed", 1),
        ("store_failed", 1),
        ("outage_began", 1),
    ] {
        assert!(log.count(event) >= at_least, "{event} in\n{}", log.text());
    }
    secrets.extend([id.expose().to_owned(), id.key(IdsAtRest::Hashed).as_str().to_owned()]);
    for cookie in [cookie, renewed] {
        let value = cookie.split('=').nth(1).unwrap().to_owned();
        secrets.extend(value.replace("s%3A", "").split('.').map(str::to_owned));
    }
    for secret in secrets {
        assert!(!log.text().contains(&secret), "a secret of {} characters is in the log", secret.len());
    }
}

#[tokio::test]
async fn an_unreadable_record_is_reported_absent_and_left_as_it_was() {
    let (log, _guard) = listen();
    let world = World::new(policy());
    let cookie = world.logged_in().await;
    let exchange = world.begin(&cookie);
    let key = exchange.session().await.unwrap().id().unwrap().key(IdsAtRest::Hashed);
    let _ = exchange.finish().await.unwrap();
    let now = world.clock.now();
    for garbage in ["not json at all", r#"{"cookie":{},"_session":{"v":99}}"#] {
        let record = Record { payload: garbage.into(), expires_at: now + time::Duration::HOUR, owner: None };
        world.probe.update(&key, &record, None, now).await.unwrap();
        let before = log.count("unreadable");
        let other = world
            .request(&cookie, |session| {
                assert!(session.is_new()?);
                session.insert("n", 1)
            })
            .await
            .unwrap();
        assert_ne!(other, cookie, "a session of its own");
        assert_eq!(log.count("unreadable"), before + 1, "reported once");
        let stored = world.probe.load(&key, None, now).await.unwrap().unwrap();
        assert_eq!(&*stored.record.payload, garbage);
    }
}

#[tokio::test]
async fn a_record_that_the_store_cannot_read_is_an_absent_session_and_one_event() {
    let (log, _guard) = listen();
    let world = World::new(policy());
    let cookie = world.logged_in().await;
    world.probe.set_corrupt(true);
    let other = world
        .request(&cookie, |session| {
            assert!(session.is_new()?);
            session.insert("n", 1)
        })
        .await
        .unwrap();
    assert_ne!(other, cookie);
    assert_eq!(log.count("unreadable"), 1);
    world.probe.set_corrupt(false);
    assert_eq!(world.read(&cookie, "n").await, Some(0), "it was left as it was");
}

#[tokio::test]
async fn a_cookie_that_cannot_be_set_is_warned_of_once_with_the_reason() {
    let (log, _guard) = listen();
    let world = World::new(policy().secure(Secure::Always));
    for _ in 0..3 {
        world.request("", |session| session.insert("n", 1)).await.unwrap();
    }
    assert_eq!(log.count("cookie_not_set"), 1);
    assert!(log.text().contains("trust_proxy"), "{}", log.text());
}

#[tokio::test]
async fn a_read_only_store_is_one_warning_and_one_word_when_it_is_over() {
    let (log, _guard) = listen();
    let world = World::new(policy());
    let cookie = world.logged_in().await;
    world.clock.advance(Duration::from_secs(3 * 3600));
    world.probe.set_read_only(true);
    for _ in 0..20 {
        world.read(&cookie, "n").await.unwrap();
        world.request(&cookie, |session| session.insert("n", 1)).await.unwrap_err().report();
    }
    assert_eq!(log.events(), ["WARN read_only_began"]);
    world.clock.advance(Duration::from_secs(7));
    world.probe.set_read_only(false);
    world.read(&cookie, "n").await.unwrap();
    assert_eq!(log.events(), ["WARN read_only_began", "INFO read_only_ended"]);
    let end = log.lines().pop().unwrap();
    assert!(end.contains("seconds=7 failed=20 unwritten=20"), "{end}");
}

#[tokio::test]
async fn an_outage_is_one_error_and_one_word_when_it_is_over() {
    let (log, _guard) = listen();
    let world = World::new(policy());
    let cookie = world.logged_in().await;
    world.probe.set_down(true);
    for _ in 0..30 {
        world.request(&cookie, |_| Ok(())).await.unwrap_err().report();
        world.request("", |session| session.insert("n", 1)).await.unwrap_err().report();
        world.begin(&cookie).session_on_outage(OnOutage::Anonymous).await.unwrap();
    }
    assert_eq!(log.events(), ["ERROR outage_began"]);
    world.clock.advance(Duration::from_secs(42));
    world.probe.set_down(false);
    world.request(&cookie, |session| session.insert("n", 2)).await.unwrap();
    assert_eq!(log.events(), ["ERROR outage_began", "INFO outage_ended"]);
    let end = log.lines().pop().unwrap();
    assert!(end.contains("seconds=42 failed=60 anonymous=30 unwritten=0"), "{end}");
}

#[tokio::test]
async fn an_outage_that_lasts_is_counted_now_and_then() {
    let (log, _guard) = listen();
    let world = World::new(policy());
    let cookie = world.logged_in().await;
    world.probe.set_down(true);
    for _ in 0..120 {
        world.request(&cookie, |_| Ok(())).await.unwrap_err().report();
        world.clock.advance(Duration::from_secs(1));
    }
    let lines = log.events();
    assert_eq!(lines[0], "ERROR outage_began");
    assert_eq!(lines[1..], ["WARN outage_goes_on"; 3], "one in thirty seconds");
}

#[tokio::test]
async fn a_store_that_fails_now_and_then_is_not_a_line_for_each_time() {
    let (log, _guard) = listen();
    let world = World::new(policy());
    let cookie = world.logged_in().await;
    for _ in 0..200 {
        world.probe.set_down(true);
        world.request(&cookie, |_| Ok(())).await.unwrap_err().report();
        world.probe.set_down(false);
        world.request(&cookie, |_| Ok(())).await.unwrap();
        world.clock.advance(Duration::from_millis(10));
    }
    assert_eq!(log.events(), ["ERROR outage_began", "INFO outage_ended"]);
    world.probe.set_down(true);
    for _ in 0..8 {
        world.request(&cookie, |_| Ok(())).await.unwrap_err().report();
        world.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(log.events()[2..], ["ERROR outage_began"], "one that lasts is told all the same");
}

#[tokio::test]
async fn writes_alone_that_fail_are_one_outage_until_one_succeeds() {
    let (log, _guard) = listen();
    let world = World::new(policy());
    let cookie = world.logged_in().await;
    for _ in 0..10 {
        let exchange = world.begin(&cookie);
        exchange.session().await.unwrap().insert("n", 1).unwrap();
        world.probe.set_down(true);
        exchange.finish().await.unwrap_err().report();
        world.probe.set_down(false);
        world.read(&cookie, "n").await.unwrap();
    }
    assert_eq!(log.events(), ["ERROR outage_began"], "reads that succeed do not end it");
    world.request(&cookie, |session| session.insert("n", 1)).await.unwrap();
    assert_eq!(log.events()[1..], ["INFO outage_ended"]);
}

#[tokio::test]
async fn a_late_request_after_a_logout_is_one_info() {
    let (log, _guard) = listen();
    let world = World::new(policy().rolling(Rolling::EveryRequest).touch_after(Duration::ZERO));
    for (change, expected) in [
        (
            (|session: &Session| session.insert("n", 1)) as fn(&Session) -> Result<(), Error>,
            vec!["INFO gone"],
        ),
        (Session::touch, vec![]),
        (Session::renew, vec![]),
    ] {
        let cookie = world.logged_in().await;
        let late = world.begin(&cookie);
        change(&late.session().await.unwrap()).unwrap();
        world.request(&cookie, |session| session.logout()).await.unwrap();
        let before = log.events().len();
        if let Err(error) = late.finish().await {
            error.report();
        }
        assert_eq!(log.events()[before..], expected);
    }
    let cookie = world.logged_in().await;
    world.request(&cookie, |session| session.logout()).await.unwrap();
    let before = log.events().len();
    world.request(&cookie, |session| session.get::<i64>("n").map(drop)).await.unwrap();
    assert_eq!(log.events()[before..], ["INFO missed"]);
}

#[tokio::test]
async fn only_what_somebody_must_act_on_is_an_error() {
    let (log, _guard) = listen();
    let read_only = StoreError::read_only("READONLY");
    for error in [
        Error::Store(StoreError::unavailable("down")),
        Error::Store(StoreError::refused("no permission")),
        Error::Store(read_only),
        Error::Contended,
        Error::Session(CoreError::Gone),
        Error::Session(CoreError::InDoubt),
        Error::NotSignedIn(session_driver::Challenge::Unauthorized),
    ] {
        error.report();
        assert_eq!(log.events(), Vec::<String>::new(), "{error}");
    }
    for error in [
        Error::Store(StoreError::corrupt("not text")),
        Error::Session(CoreError::TooLarge { size: 2, limit: 1 }),
        Error::Finished,
        Error::Busy,
        Error::Randomness,
        Error::NoLayer,
        Error::NoLayerNamed("sid"),
    ] {
        let before = log.events().len();
        error.report();
        assert_eq!(log.events()[before..], ["ERROR request_failed"], "{error}");
    }
}

/// The sources of a folder, and of those in it.
fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(std::fs::read_to_string(path).unwrap());
        }
    }
}

/// What stands after each `before`, up to `end`.
fn each<'a>(text: &'a str, before: &'a str, end: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let after = move |(at, _): (usize, &str)| {
        let (head, tail) = (&text[..at], &text[at + before.len()..]);
        Some((head, tail.split(end).next()?))
    };
    text.match_indices(before).filter_map(after)
}

/// The level of the macro that was opened last in `source`.
fn level(source: &str) -> String {
    let levels = ["error!(", "warn!(", "info!(", "debug!(", "trace!("];
    let last = levels.into_iter().max_by_key(|level| source.rfind(level).map_or(0, |at| at + 1)).unwrap();
    last.trim_end_matches("!(").to_uppercase()
}

#[test]
fn the_page_on_logging_has_every_event_with_its_level_and_no_other() {
    let (_log, _guard) = listen();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("docs/logging.md")).unwrap();
    let mut driver = Vec::new();
    sources(&root.join("adapters/driver/src"), &mut driver);
    let mut emitted = BTreeSet::new();
    for source in &driver {
        for (before, event) in each(source, "event = \"", "\"") {
            emitted.insert((event.to_owned(), level(before)));
        }
    }
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| `")?.split('|');
        let event = cells.next()?.trim().trim_end_matches('`').to_owned();
        Some((event, cells.next()?.trim().to_owned()))
    };
    let (events, messages) = page.split_once("## What the stores log").unwrap();
    let listed: BTreeSet<(String, String)> = events.lines().filter_map(row).collect();
    assert_eq!(emitted, listed, "the events of the code, and those of docs/logging.md");

    let mut stores = Vec::new();
    for store in std::fs::read_dir(root.join("stores")).unwrap() {
        sources(&store.unwrap().path().join("src"), &mut stores);
    }
    for source in &stores {
        for macro_name in ["tracing::error!(", "tracing::warn!(", "tracing::info!(", "tracing::debug!("] {
            for (_, call) in each(source, macro_name, ");") {
                // A long one is broken over lines.
                let words: Vec<&str> = call.rsplit('"').nth(1).unwrap().split_whitespace().collect();
                let message = words.join(" ").replace("\\ ", "");
                assert!(messages.contains(&message), "docs/logging.md lacks what a store logs: {message:?}");
            }
        }
    }
}

/// Whether a cookie of this policy is set for these facts, and the warnings of three such requests.
async fn warnings(policy: session_core::policy::PolicyBuilder, facts: &RequestFacts<'_>) -> (bool, String) {
    let (log, _guard) = listen();
    let world = World::new(policy);
    let mut is_set = false;
    for _ in 0..3 {
        let exchange = world.sessions.begin(facts, []);
        exchange.session().await.unwrap().insert("n", 1).unwrap();
        is_set = exchange.finish().await.unwrap().set_cookie().is_some();
    }
    let text = log.text();
    let warnings: Vec<_> = text.lines().filter(|line| line.contains("WARN session: event=")).collect();
    (is_set, warnings.join("\n"))
}

#[tokio::test]
async fn a_warning_names_what_is_really_missing_once() {
    let said = [("x-forwarded-proto", "https")];
    let facts = RequestFacts::new("/").host(Some("app:3000")).headers(&said).peer_hint("serve it otherwise");
    let peer = facts.peer(Some([203, 0, 113, 9].into()));
    let always = || policy().secure(Secure::Always);
    let trusting = |trust: &str| always().trust_proxy(trust.parse().unwrap());
    for (policy, facts, is_set, words) in [
        (always(), RequestFacts::new("/"), false, "nobody says that it is"),
        (always(), peer, false, "set trust_proxy"),
        (
            trusting("private-networks"),
            peer,
            false,
            "the address it comes from is not one that trust_proxy trusts",
        ),
        (trusting("private-networks"), facts, false, "serve it otherwise"),
        (trusting("1"), RequestFacts::new("/"), false, "let it send `X-Forwarded-Proto: https`"),
        (policy(), peer, true, "the cookie is set without Secure"),
        (policy().trust_proxy("loopback".parse().unwrap()), facts, true, "serve it otherwise"),
        (trusting("1").domain("shop.example"), facts, true, "let the proxy pass it on"),
        (
            policy().cookie_by_request(|_, cookie| cookie.domain = Some("a b".into())),
            facts,
            false,
            "for its domain",
        ),
    ] {
        let (set, warnings) = warnings(policy, &facts).await;
        assert_eq!(set, is_set, "{warnings}");
        assert_eq!(warnings.lines().count(), 1, "{warnings}");
        assert!(warnings.contains(words), "{words}: {warnings}");
        for value in ["app:3000", "203.0.113.9", "shop.example"] {
            assert!(!warnings.contains(value), "{warnings}");
        }
    }
    for (policy, facts) in [
        (trusting("1"), facts),
        (policy().domain("shop.example"), RequestFacts::new("/").host(Some("www.shop.example."))),
        (policy(), RequestFacts::new("/")),
        (policy().secure(Secure::Never), peer),
    ] {
        let (set, warnings) = warnings(policy, &facts).await;
        assert!(set && warnings.is_empty(), "{facts:?} {warnings}");
    }
}
