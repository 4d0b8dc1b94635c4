//! What is logged: every event of a session's life, and never an id, a key, a secret, an owner or a value.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

mod common;

use std::io::Write;
use std::sync::{Arc, Mutex};

use common::{World, policy};
use session_core::policy::Secure;
use session_core::store::{Record, Store as _};
use session_core::{IdsAtRest, Owner, RequestFacts};
use session_driver::Clock as _;
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn count(&self, event: &str) -> usize {
        self.text().matches(&format!("event=\"{event}\"")).count()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Everything down to `TRACE`, for this thread.
fn listen() -> (Log, tracing::subscriber::DefaultGuard) {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    (log, tracing::subscriber::set_default(subscriber))
}

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
        ("refused", 1),
        ("cookie_rejected", 2),
        ("touched", 1),
        ("destroyed", 1),
        ("missed", 1),
        ("store_failed", 1),
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
    assert_eq!(log.count("store_failed"), 1);
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
    let warnings: Vec<_> = text.lines().filter(|line| line.contains("WARN")).collect();
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
