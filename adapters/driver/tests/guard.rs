//! What adapters leave to the driver beside loading and saving: guards, several layers, headers, handlers that panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

mod common;

use common::{Probe, World, policy};
use session_core::store::StoreError;
use session_core::{Owner, RequestFacts};
use session_driver::{Challenge, Error, Field, LayerName, Others, Sessions};

#[tokio::test]
async fn a_guard_lets_owners_pass_and_has_a_challenge_for_everybody_else() {
    let world = World::new(policy());
    let cookie = world.logged_in().await;
    let exchange = world.begin(&cookie);
    let (session, owner) = exchange.signed_in("GET").await.unwrap();
    assert_eq!(session.owner().unwrap(), Some(owner));

    let stranger = world.begin("").signed_in("GET").await.unwrap_err();
    assert_eq!(stranger, Error::NotSignedIn(Challenge::Unauthorized));
    world.probe.set_down(true);
    assert_eq!(world.begin(&cookie).signed_in("GET").await.unwrap_err().status(), 503);
}

#[tokio::test]
async fn only_who_wants_to_see_a_page_is_sent_to_the_login_page() {
    let sessions =
        Sessions::builder(policy().build().unwrap(), Probe::default()).login_page("/log in").build();
    for (method, status) in [("GET", 303), ("HEAD", 303), ("POST", 401), ("DELETE", 401), ("get", 401)] {
        let error = sessions.begin(&RequestFacts::new("/"), []).signed_in(method).await.unwrap_err();
        assert_eq!(error.status(), status, "{method}");
        let fields: Vec<_> = Field::of_error(&error).map(|field| (field.name, field.value)).collect();
        let expected = match status {
            303 => ("location", "/log%20in".into()),
            _ => ("www-authenticate", "Cookie".into()),
        };
        assert_eq!(fields, [expected, ("cache-control", "no-store".into())], "{method}");
    }
}

#[tokio::test]
async fn a_session_without_an_owner_is_not_enough() {
    let world = World::new(policy());
    let cookie = world.request("", |session| session.insert("n", 1)).await.unwrap();
    let exchange = world.begin(&cookie);
    assert_eq!(exchange.signed_in("GET").await.unwrap_err().status(), 401);
    exchange.session().await.unwrap().set_owner(Owner::new("user1")).unwrap();
    assert!(exchange.signed_in("GET").await.is_ok());
}

struct Staff;

impl LayerName for Staff {
    const COOKIE: &'static str = "staff";
}

struct Nobody;

impl LayerName for Nobody {
    const COOKIE: &'static str = "nobody";
}

#[tokio::test]
async fn an_exchange_finds_those_further_out_by_the_names_of_their_cookies() {
    let named = |name| Sessions::new(policy().name(name).build().unwrap(), Probe::default());
    let outermost = named("staff").begin(&RequestFacts::new("/"), []);
    let middle = named("sid").begin_inside(Some(outermost.clone()), &RequestFacts::new("/"), []);
    let innermost = named("cart").begin_inside(Some(middle), &RequestFacts::new("/"), []);

    let staff = innermost.of_layer::<Staff>().unwrap();
    staff.session().await.unwrap().insert("n", 1).unwrap();
    assert_eq!(outermost.session().await.unwrap().get::<i64>("n").unwrap(), Some(1));
    for name in ["cart", "sid", "staff"] {
        assert!(innermost.named(name).is_some(), "{name}");
    }
    assert!(outermost.named("cart").is_none(), "not those further in");
    let missing = innermost.of_layer::<Nobody>().unwrap_err();
    assert_eq!((missing.status(), missing.to_string().contains("`nobody`")), (500, true));
}

#[tokio::test]
async fn what_an_abandoned_exchange_did_is_not_saved() {
    let world = World::new(policy());
    let cookie = world.logged_in().await;
    let exchange = world.begin(&cookie);
    let session = exchange.session().await.unwrap();
    session.insert("n", 99).unwrap();
    world.probe.verbs();
    exchange.abandon();
    assert!(exchange.is_idle());
    assert_eq!(exchange.finish().await.unwrap().set_cookie(), None);
    assert_eq!(session.insert("n", 1).unwrap_err(), Error::Finished);
    assert_eq!(session.save().await.unwrap_err(), Error::Finished);
    assert_eq!(world.probe.verbs(), Vec::<&str>::new());
    assert_ne!(world.read(&cookie, "n").await, Some(99));
}

#[tokio::test]
async fn a_reply_adds_its_cookie_beside_others_and_overrules_caching() {
    let world = World::new(policy());
    let exchange = world.begin("");
    exchange.session().await.unwrap().insert("n", 1).unwrap();
    let reply = exchange.finish().await.unwrap();
    let fields = |present| Field::of_reply(&reply, present).map(|field| (field.name, field.others));
    let expected = [("set-cookie", Others::Stay), ("cache-control", Others::Go), ("vary", Others::Stay)];
    assert_eq!(fields(Some("public")).collect::<Vec<_>>(), expected);
    assert_eq!(fields(Some("private")).count(), 2);
    let outage = Error::Store(StoreError::unavailable("down"));
    let names: Vec<_> = Field::of_error(&outage).map(|field| field.name).collect();
    assert_eq!(names, ["retry-after", "cache-control"]);
}
