//! A renewal whose outcome the server does not know is taken back: the browser, which was told nothing, keeps its session.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

mod common;

use std::time::Duration;

use common::{Gate, World, after, policy};
use session_core::Owner;
use session_driver::{Error, Session};

type Handler = fn(&Session) -> Result<(), Error>;

fn owner(name: &str) -> Owner {
    Owner::new(name).unwrap()
}

const MOVES: [(&str, Handler); 4] = [
    ("renew", |session| session.renew()),
    ("rotate", |session| session.rotate()),
    ("login as the same", |session| session.login(owner("user1"))),
    ("renew after a change", |session| {
        session.insert("n", 1)?;
        session.renew()
    }),
];

/// Whose session the cookie leads to, and the cookie after that request; `None` for a stranger's.
async fn look(world: &World, cookie: &str) -> (Option<Owner>, String) {
    let exchange = world.begin(cookie);
    let owner = exchange.session().await.unwrap().owner().unwrap();
    (owner, after(cookie, &exchange.finish().await.unwrap()))
}

/// Waits until the old cookie leads to its owner again.
async fn comes_back(world: &World, cookie: &str, what: &str) -> String {
    let back = async {
        loop {
            match look(world, cookie).await {
                (Some(found), cookie) if found == owner("user1") => return cookie,
                _ => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), back).await.unwrap_or_else(|_| panic!("{what}: logged out"))
}

/// A request that is dropped while its last save is under way, before or after the store has carried it out.
async fn dropped(world: &World, cookie: &str, handler: Handler, gate: Gate) {
    let exchange = world.begin(cookie);
    handler(&exchange.session().await.unwrap()).unwrap();
    world.probe.hold(gate);
    tokio::select! {
        _ = exchange.finish() => panic!("the store does not answer"),
        () = world.probe.arrived(1) => {}
    }
    drop(exchange);
    world.probe.release();
}

#[tokio::test]
async fn a_request_dropped_while_it_renews_costs_nobody_the_session() {
    for (name, handler) in MOVES {
        for gate in [Gate::BeforeWrites, Gate::AfterWrites] {
            let world = World::new(policy());
            let cookie = world.logged_in().await;
            dropped(&world, &cookie, handler, gate).await;
            let now = comes_back(&world, &cookie, name).await;
            // It goes on with one session, whichever of the two cookies it sends.
            world.request(&now, |session| session.insert("after", 1)).await.unwrap();
            assert_eq!(world.read(&cookie, "after").await, Some(1), "{name}");
        }
    }
}

#[tokio::test]
async fn a_login_that_nobody_was_told_of_gives_the_old_cookie_no_rights() {
    for gate in [Gate::BeforeWrites, Gate::AfterWrites] {
        let world = World::new(policy());
        let anonymous = world.request("", |session| session.insert("cart", 7)).await.unwrap();
        dropped(&world, &anonymous, |session| session.login(owner("user1")), gate).await;
        let back = async {
            while world.read(&anonymous, "cart").await != Some(7) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), back).await.expect("the cart is back");
        assert_eq!(look(&world, &anonymous).await.0, None);
    }
}

#[tokio::test]
async fn who_asked_to_leave_an_owner_is_not_put_back_into_the_owners_session() {
    let handlers: [Handler; 2] =
        [|session| session.regenerate(), |session| session.login(owner("somebody else"))];
    for handler in handlers {
        let world = World::new(policy());
        let cookie = world.logged_in().await;
        dropped(&world, &cookie, handler, Gate::AfterWrites).await;
        let led_on = async {
            while look(&world, &cookie).await.1 == cookie {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), led_on).await.expect("the old cookie leads on");
        assert_eq!(look(&world, &cookie).await.0, None);
        assert_eq!(world.read(&cookie, "n").await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_answers_after_the_deadline_costs_nobody_the_session() {
    for (name, handler) in MOVES {
        let world = World::new(policy());
        let cookie = world.logged_in().await;
        let exchange = world.begin(&cookie);
        handler(&exchange.session().await.unwrap()).unwrap();
        world.probe.hold(Gate::AfterWrites);
        let error = exchange.finish().await.unwrap_err();
        assert_eq!(error.status(), 503, "{name}: {error}");
        world.probe.release();
        comes_back(&world, &cookie, name).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_is_settled_when_a_store_that_went_away_comes_back() {
    let world = World::new(policy());
    let cookie = world.logged_in().await;
    dropped_into_an_outage(&world, &cookie).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    world.probe.set_down(false);
    comes_back(&world, &cookie, "renew").await;
}

async fn dropped_into_an_outage(world: &World, cookie: &str) {
    let exchange = world.begin(cookie);
    exchange.session().await.unwrap().renew().unwrap();
    world.probe.hold(Gate::AfterWrites);
    tokio::select! {
        _ = exchange.finish() => panic!("the store does not answer"),
        () = world.probe.arrived(1) => {}
    }
    world.probe.set_down(true);
    world.probe.release();
}

#[tokio::test]
async fn a_logout_is_not_undone_by_the_settling_of_a_renewal() {
    let world = World::new(policy());
    let cookie = world.logged_in().await;
    dropped_into_an_outage(&world, &cookie).await;
    // The logout comes first: it has the store to itself, since the task only looks now and then.
    world.probe.set_down(false);
    world.request(&cookie, Session::logout).await.unwrap();
    for _ in 0..100 {
        assert_eq!(look(&world, &cookie).await.0, None, "the session was revived");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn a_rotation_whose_response_got_lost_is_told_again_and_a_renewal_is_not() {
    for (handler, leads_on) in [(Session::rotate as Handler, true), (Session::renew as Handler, false)] {
        let world = World::new(policy());
        let old = world.logged_in().await;
        let new = world.request(&old, handler).await.unwrap();
        assert_ne!(old, new);
        let (found, told) = look(&world, &old).await;
        assert_eq!(found.is_some(), leads_on);
        assert_eq!(told == new, leads_on);
        // The way is open for a minute, and not longer.
        world.clock.advance(Duration::from_secs(61));
        assert_eq!(look(&world, &old).await.0, None);
        assert!(look(&world, &new).await.0.is_some());
    }
}
