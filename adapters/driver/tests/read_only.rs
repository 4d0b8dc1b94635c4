//! A store that can be read and takes no writes: who only reads is served, whatever the policy would have written.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

mod common;

use std::time::Duration;

use common::{Probe, World, after, policy};
use session_core::policy::{PolicyBuilder, Resave, Rolling, SaveUninitialized};
use session_core::store::StoreErrorKind;
use session_core::{Keyring, Policy};
use session_driver::{Clock as _, Error, Session};

const HOUR: Duration = Duration::from_secs(3600);

fn preset() -> PolicyBuilder {
    Policy::express_session(Keyring::new(common::SECRET)).max_age(24 * HOUR)
}

type MakePolicy = fn() -> PolicyBuilder;

/// Every way in which a policy may want something written that no handler asked for.
fn policies() -> Vec<(&'static str, MakePolicy)> {
    vec![
        ("default", policy),
        ("every request", || policy().rolling(Rolling::EveryRequest).touch_after(Duration::ZERO)),
        ("store only", || policy().rolling(Rolling::StoreOnly)),
        ("resave", || policy().resave(Resave::On)),
        ("the preset", preset),
        ("the preset, rolling", || preset().rolling(Rolling::EveryRequest)),
        ("save_uninitialized", || policy().save_uninitialized(SaveUninitialized::On)),
        ("absolute timeout", || preset().absolute_timeout(48 * HOUR)),
    ]
}

#[tokio::test]
async fn who_only_reads_is_served_whatever_the_policy_wants_written() {
    for (name, policy) in policies() {
        for probe in [Probe::default(), Probe::folding()] {
            let world = World::with(policy(), probe);
            let cookie = world.logged_in().await;
            world.clock.advance(3 * HOUR);
            world.probe.set_read_only(true);
            for _ in 0..3 {
                assert_eq!(world.read(&cookie, "n").await, Some(0), "{name}");
            }
            world.request(&cookie, Session::touch).await.unwrap();
            let exchange = world.begin(&cookie);
            let session = exchange.peek().await.unwrap();
            session.reload().await.unwrap();
            assert_eq!(session.get::<i64>("n").unwrap(), Some(0), "{name}");
            assert_eq!(after(&cookie, &exchange.finish().await.unwrap()), cookie, "{name}");
            let _ = world.begin(&cookie).finish().await.unwrap();
            world.request("", |session| session.get::<i64>("n").map(drop)).await.unwrap();

            for change in [|session: &Session| session.insert("n", 9), Session::renew, Session::logout] {
                let error = world.request(&cookie, change).await.unwrap_err();
                assert_eq!((error.status(), error.retry_after()), (503, Some(1)), "{name}");
            }
            let error = world.request("", |session| session.insert("n", 1)).await.unwrap_err();
            assert!(
                matches!(error, Error::Store(error) if error.kind() == StoreErrorKind::ReadOnly),
                "{name}"
            );

            world.probe.set_read_only(false);
            world.request(&cookie, |session| session.insert("n", 1)).await.unwrap();
            assert_eq!(world.read(&cookie, "n").await, Some(1), "{name}");
        }
    }
}

#[tokio::test]
async fn a_visitor_whose_empty_session_cannot_be_kept_gets_no_cookie() {
    let world = World::new(policy().save_uninitialized(SaveUninitialized::On));
    world.probe.set_read_only(true);
    assert_eq!(world.request("", |_| Ok(())).await.unwrap(), "");
    world.probe.set_read_only(false);
    assert_ne!(world.request("", |_| Ok(())).await.unwrap(), "");
}

#[tokio::test]
async fn a_cookie_that_a_retired_secret_signed_is_signed_anew_all_the_same() {
    let probe = Probe::default();
    let old =
        World::with(Policy::builder(Keyring::new("an old secret that is long enough too")), probe.clone());
    let cookie = old.logged_in().await;
    let keyring = Keyring::new(common::SECRET).and_retired("an old secret that is long enough too");
    let world = World::with(Policy::builder(keyring), probe);
    world.clock.advance(3 * HOUR);
    world.probe.set_read_only(true);
    let renewed = world.request(&cookie, |_| Ok(())).await.unwrap();
    assert_ne!(renewed, cookie);
    assert_eq!(world.read(&renewed, "n").await, Some(0));
}

#[tokio::test]
async fn a_session_that_cannot_be_extended_ends_when_its_record_does() {
    let world = World::with(policy(), Probe::folding());
    let exchange = world.begin("");
    exchange.session().await.unwrap().insert("n", 0).unwrap();
    let cookie = after("", &exchange.finish().await.unwrap());
    let end = {
        let exchange = world.begin(&cookie);
        exchange.peek().await.unwrap().expires_at().unwrap()
    };
    world.probe.set_read_only(true);
    world.clock.advance(3 * HOUR);
    world.read(&cookie, "n").await.unwrap();
    let exchange = world.begin(&cookie);
    assert_eq!(exchange.peek().await.unwrap().expires_at().unwrap(), end, "it says when");
    world.clock.set(end);
    assert_eq!(world.read(&cookie, "n").await, None);
}

#[tokio::test]
async fn a_read_only_store_is_not_asked_to_extend_by_every_request() {
    let world = World::with(policy(), Probe::folding());
    let cookie = world.logged_in().await;
    world.clock.advance(3 * HOUR);
    world.probe.set_read_only(true);
    world.probe.verbs();
    world.read(&cookie, "n").await.unwrap();
    assert_eq!(world.probe.verbs(), ["load", "load"], "it is read again");
    world.read(&cookie, "n").await.unwrap();
    assert_eq!(world.probe.verbs(), ["load"]);

    world.probe.set_read_only(false);
    world.clock.advance(Duration::from_secs(2));
    let before = world.clock.now();
    let exchange = world.begin(&cookie);
    let session = exchange.session().await.unwrap();
    assert!(session.expires_at().unwrap() > before + 3 * HOUR, "extended as soon as it can be");
    let _ = exchange.finish().await.unwrap();
}
