//! The handle that a handler holds: what a panic does that drops it, and what it takes at a login.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};

use common::{World, policy};
use session_driver::core::{Error as CoreError, Owner};
use session_driver::{Error, Session};

/// A handler that panics with this in hand.
fn panicking(held: Session) {
    let panicked = catch_unwind(AssertUnwindSafe(move || {
        held.insert("n", 99).unwrap();
        assert!(!held.contains("n").unwrap(), "a handler's own trouble");
    }));
    assert!(panicked.is_err());
}

#[tokio::test]
async fn a_panic_that_drops_the_handlers_session_leaves_it_as_it_was() {
    let world = World::new(policy());
    let cookie = world.request("", |session| session.insert("n", 1)).await.unwrap();
    let exchange = world.begin(&cookie);
    panicking(exchange.session().await.unwrap());
    assert!(exchange.is_idle());
    assert!(exchange.finish().await.unwrap().set_cookie().is_none());
    let session = world.begin(&cookie).session().await.unwrap();
    assert_eq!(session.get::<i64>("n").unwrap(), Some(1));
}

#[tokio::test]
async fn a_panic_of_a_task_that_holds_a_clone_does_not_give_up_the_handlers_work() {
    let world = World::new(policy());
    let exchange = world.begin("");
    let session = exchange.session().await.unwrap();
    panicking(session.clone());
    assert_eq!(session.get::<i64>("n").unwrap(), Some(99));
    assert!(exchange.finish().await.unwrap().set_cookie().is_some());
}

#[tokio::test]
async fn a_login_takes_whatever_names_an_owner() {
    let world = World::new(policy());
    let session = world.begin("").session().await.unwrap();
    let owner = || session.owner().unwrap().unwrap();
    session.login(7_i64).unwrap();
    assert_eq!(owner().as_str(), "7");
    session.login(String::from("ann")).unwrap();
    assert_eq!(owner().as_str(), "ann");
    session.login(Owner::from(u64::MAX)).unwrap();
    assert_eq!(owner().as_str(), u64::MAX.to_string());
    for name in ["", "a\0b", &"x".repeat(Owner::MAX_BYTES + 1)] {
        assert_eq!(session.login(name), Err(Error::Session(CoreError::InvalidOwner)));
    }
    assert_eq!(owner().as_str(), u64::MAX.to_string(), "a login that is refused changes nothing");
}
