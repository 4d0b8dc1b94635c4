//! What requests get while the store is down, and what is left of that when it is back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{Gate, World, policy};
use session_core::Owner;
use session_core::policy::{Rolling, SaveUninitialized};
use session_core::store::StoreErrorKind;
use session_driver::{Error, OnOutage, Session};
use tokio::task::JoinSet;

fn is_outage<T>(answer: Result<T, Error>, what: &str) {
    match answer {
        Err(Error::Store(error)) => assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{what}"),
        Err(other) => panic!("{what}: {other}"),
        Ok(_) => panic!("{what} was accepted"),
    }
}

/// A change of a session, and what it is called.
type Change = (&'static str, fn(&Session) -> Result<(), Error>);

const CHANGES: [Change; 14] = [
    ("insert", |session| session.insert("n", 2)),
    ("update", |session| session.update("n", |n: Option<i64>| n.unwrap_or(0) + 1).map(drop)),
    ("remove", |session| session.remove("n").map(drop)),
    ("clear", Session::clear),
    ("write_all", |session| session.write_all(&std::collections::BTreeMap::from([("n", 2)]))),
    ("renew", Session::renew),
    ("regenerate", Session::regenerate),
    ("login", |session| session.login(Owner::new("user2").unwrap())),
    ("logout", Session::logout),
    ("unset", Session::unset),
    ("set_owner", |session| session.set_owner(None)),
    ("flash", |session| session.flash("info", "text")),
    ("set_max_age", |session| session.set_max_age(None)),
    ("set_cookie", |session| session.set_cookie(session.cookie()?)),
];

#[tokio::test]
async fn an_anonymous_page_reads_nothing_and_changes_nothing() {
    for rolling in [Rolling::OnUse, Rolling::EveryRequest] {
        let policy = policy().rolling(rolling).save_uninitialized(SaveUninitialized::On);
        let world = World::new(policy);
        let cookie = world.logged_in().await;
        world.probe.set_down(true);
        let exchange = world.begin(&cookie);
        let session = exchange.session_on_outage(OnOutage::Anonymous).await.unwrap();
        assert_eq!(session.get::<i64>("n").unwrap(), None);
        assert_eq!(session.take::<i64>("n").unwrap(), None);
        assert_eq!(session.owner().unwrap(), None);
        assert_eq!(session.handle().unwrap(), None);
        assert_eq!(session.take_flash().unwrap(), []);
        assert!(session.is_new().unwrap() && session.keys().unwrap().is_empty());
        assert!(!session.authenticated_within(Duration::MAX / 4).unwrap());
        session.csrf_token().unwrap();
        session.touch().unwrap();
        for (name, change) in CHANGES {
            is_outage(change(&session), name);
        }
        is_outage(session.csrf_verify("x"), "csrf_verify");
        is_outage(session.id(), "id");
        is_outage(session.save().await, "save");
        is_outage(session.reload().await, "reload");
        world.probe.set_down(false);
        world.probe.verbs();
        is_outage(session.insert("n", 3), "a change when the store is back");

        let reply = exchange.finish().await.unwrap();
        assert_eq!(reply.set_cookie(), None);
        assert_eq!((reply.vary(), reply.cache_control(Some("public"))), (Some("Cookie"), Some("no-store")));
        assert_eq!(reply.cache_control(Some("private, max-age=60")), Some("no-store"));
        assert_eq!(world.probe.verbs(), Vec::<&str>::new(), "nothing is written");
        assert_eq!(session.insert("n", 1).unwrap_err(), Error::Finished);
        assert_eq!(world.read(&cookie, "n").await, Some(0), "still signed in");
    }
}

#[tokio::test]
async fn a_layer_and_a_route_say_what_an_outage_means() {
    for (layer, route, served) in [
        (OnOutage::FailClosed, None, false),
        (OnOutage::Anonymous, None, true),
        (OnOutage::FailClosed, Some(OnOutage::Anonymous), true),
        (OnOutage::Anonymous, Some(OnOutage::FailClosed), false),
    ] {
        let world = World::on_outage(policy(), layer);
        let cookie = world.logged_in().await;
        world.probe.set_down(true);
        let exchange = world.begin(&cookie);
        let answer = match route {
            Some(on_outage) => exchange.session_on_outage(on_outage).await,
            None => exchange.session().await,
        };
        assert_eq!(answer.is_ok(), served, "{layer:?} {route:?}");
        assert_eq!(exchange.finish().await.unwrap().set_cookie(), None);
    }
}

#[tokio::test]
async fn an_outage_sends_nobody_to_the_login_page() {
    let world = World::on_outage(policy(), OnOutage::Anonymous);
    let cookie = world.logged_in().await;
    world.probe.set_down(true);
    let exchange = world.begin(&cookie);
    is_outage(exchange.signed_in("GET").await, "the guard");
    exchange.session().await.unwrap();
    is_outage(exchange.signed_in("GET").await, "the guard behind an anonymous session");
    is_outage(exchange.session_on_outage(OnOutage::FailClosed).await, "a stricter route");
    is_outage(world.sessions.open_detached(session_core::SessionId::from_entropy([1; 24])).await, "detached");
    world.probe.set_down(false);
    assert!(world.begin(&cookie).signed_in("GET").await.is_ok());
}

#[tokio::test]
async fn who_has_no_cookie_does_not_notice_an_outage_until_he_writes() {
    for on_outage in [OnOutage::FailClosed, OnOutage::Anonymous] {
        let world = World::on_outage(policy(), on_outage);
        world.probe.set_down(true);
        world.request("", |session| session.get::<i64>("n").map(drop)).await.unwrap();
        assert_eq!(world.probe.verbs(), Vec::<&str>::new());
        is_outage(world.request("", |session| session.insert("n", 1)).await, "a first visit that writes");
    }
}

#[tokio::test]
async fn a_route_that_uses_no_session_is_served_anonymously_though_its_policy_rolls() {
    let world = World::on_outage(policy().rolling(Rolling::EveryRequest), OnOutage::Anonymous);
    let cookie = world.logged_in().await;
    world.probe.set_down(true);
    let reply = world.begin(&cookie).finish().await.unwrap();
    assert_eq!((reply.set_cookie(), reply.vary(), reply.cache_control(None)), (None, None, None));
}

#[tokio::test(start_paused = true)]
async fn few_at_a_time_ask_a_store_that_is_coming_back_and_all_are_served() {
    let world = Arc::new(World::new(policy()));
    let cookie = world.logged_in().await;
    world.probe.set_hanging(true);
    for _ in 0..8 {
        is_outage(world.request(&cookie, |_| Ok(())).await, "a store that does not answer");
    }
    world.probe.most_inside();
    let gate = world.probe.hold(Gate::AfterLoads);
    let back = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(world.probe.most_inside(), 16, "while the store hangs");
        world.probe.set_hanging(false);
        while world.probe.arrived_so_far() < 1000 - 16 {
            tokio::time::sleep(Duration::from_millis(1)).await;
            gate.add_permits(8);
        }
        gate.add_permits(1000);
    };
    let (answers, ()) = tokio::join!(crowd(&world, &cookie, 1000), back);
    let lost = answers.iter().filter(|answer| answer.is_err()).count();
    assert_eq!(lost, 16, "those whose question the store has swallowed");
    assert!(world.probe.most_inside() <= 32, "in the store at a time, the swallowed ones included");

    world.probe.hold(Gate::AfterLoads);
    let release = async {
        world.probe.arrived(100).await;
        world.probe.release();
    };
    let (answers, ()) = tokio::join!(crowd(&world, &cookie, 100), release);
    assert!(answers.iter().all(Result::is_ok), "all at once when it is well");
}

/// So many requests at the same time, and what they come to.
async fn crowd(world: &Arc<World>, cookie: &str, count: usize) -> Vec<Result<(), Error>> {
    let mut requests = JoinSet::new();
    for _ in 0..count {
        let (world, cookie) = (world.clone(), cookie.to_owned());
        requests.spawn(async move { world.request(&cookie, |_| Ok(())).await.map(drop) });
    }
    requests.join_all().await
}

#[tokio::test(start_paused = true)]
async fn a_ping_says_whether_sessions_can_be_read() {
    let world = World::new(policy());
    world.sessions.ping().await.unwrap();
    assert_eq!(world.probe.verbs(), ["load"]);
    world.probe.set_read_only(true);
    world.sessions.ping().await.unwrap();
    world.probe.set_down(true);
    is_outage(world.sessions.ping().await, "a ping");
    world.probe.set_down(false);
    world.sessions.ping().await.unwrap();
    world.probe.set_hanging(true);
    let began = tokio::time::Instant::now();
    is_outage(world.sessions.ping().await, "a ping without an answer");
    assert_eq!(began.elapsed(), session_driver::DEFAULT_DEADLINE);
}

#[tokio::test]
async fn what_only_the_policy_wants_written_fails_no_request_in_an_outage() {
    let world = World::new(policy().rolling(Rolling::EveryRequest).touch_after(Duration::ZERO));
    let cookie = world.logged_in().await;
    world.clock.advance(Duration::from_secs(60));
    let exchange = world.begin(&cookie);
    exchange.session().await.unwrap().get::<i64>("n").unwrap();
    world.probe.set_down(true);
    let _ = exchange.finish().await.unwrap();
    let _ = world.begin(&cookie).finish().await.unwrap();

    let world = World::new(policy().save_uninitialized(SaveUninitialized::On));
    world.probe.set_down(true);
    assert_eq!(world.request("", |_| Ok(())).await.unwrap(), "", "and no cookie");
    let exchange = world.begin("");
    is_outage(exchange.session().await.unwrap().save().await, "what a handler wants written");
}
