//! The driver seen from an adapter: what a request costs, what a race comes to, what an outage does, what a dropped
//! future leaves behind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

mod common;

use std::time::Duration;

use common::{Gate, Probe, World, after, policy};
use session_core::policy::{Rolling, Secure};
use session_core::store::StoreErrorKind;
use session_core::{Error as CoreError, Keyring, Owner, Policy, SessionId};
use session_driver::{Error, Sessions};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_request_costs_as_few_store_calls_as_can_be() {
    for (probe, due_touch) in [(Probe::default(), vec!["load", "touch"]), (Probe::folding(), vec!["load"])] {
        let world = World::with(policy(), probe);
        let none: Vec<&str> = vec![];

        world.request("", |session| session.get::<i64>("n").map(drop)).await.unwrap();
        assert_eq!(world.probe.verbs(), none, "no cookie");

        let cookie = world.request("", |session| session.insert("n", 1)).await.unwrap();
        assert_eq!(world.probe.verbs(), ["create"], "a new session");

        let _ = world.begin(&cookie).finish().await.unwrap();
        assert_eq!(world.probe.verbs(), none, "cookie, session unused");

        let forged = format!("{}x", &cookie[..cookie.len() - 1]);
        world.request(&forged, |session| session.get::<i64>("n").map(drop)).await.unwrap();
        assert_eq!(world.probe.verbs(), none, "forged");

        world.request(&cookie, |session| session.get::<i64>("n").map(drop)).await.unwrap();
        assert_eq!(world.probe.verbs(), ["load"], "read");

        world.clock.advance(180 * MINUTE);
        world.request(&cookie, |session| session.get::<i64>("n").map(drop)).await.unwrap();
        assert_eq!(world.probe.verbs(), due_touch, "read with a due touch");

        world.request(&cookie, |session| session.insert("n", 2)).await.unwrap();
        assert_eq!(world.probe.verbs(), ["load", "update"], "write");

        let owner = Owner::new("user1").unwrap();
        let cookie = world.request(&cookie, |session| session.login(owner)).await.unwrap();
        assert_eq!(world.probe.verbs(), ["load", "replace"], "login");

        world.request(&cookie, |session| session.logout()).await.unwrap();
        assert_eq!(world.probe.verbs(), ["load", "delete"], "logout");
    }
}

#[tokio::test]
async fn a_forged_cookie_is_an_empty_session_and_its_id_is_never_adopted() {
    let world = World::new(policy());
    let never_stored = SessionId::from_entropy([7; 24]);
    let signer = World::with(policy(), Probe::default());
    let genid_world = {
        let id = never_stored.clone();
        Sessions::builder(policy().build().unwrap(), Probe::default()).genid(move || Some(id.clone())).build()
    };
    let exchange = genid_world.begin(&session_core::RequestFacts::new("/"), []);
    exchange.session().await.unwrap().insert("n", 1).unwrap();
    let signed = after("", &exchange.finish().await.unwrap());
    assert!(signed.contains(never_stored.expose()));
    let cookie = world.request(&signed, |session| session.insert("n", 1)).await.unwrap();
    assert!(!cookie.contains(never_stored.expose()), "a fresh id");
    drop(signer);
}

#[tokio::test]
async fn a_logout_during_a_slow_request_that_writes_stays_a_logout() {
    let world = World::new(policy());
    let cookie = world.logged_in().await;
    let slow = world.begin(&cookie);
    slow.session().await.unwrap().insert("report", "done").unwrap();

    let gone = world.request(&cookie, |session| session.logout()).await.unwrap();
    assert_eq!(gone, "");

    assert_eq!(slow.finish().await.unwrap_err(), Error::Session(CoreError::Gone));
    assert_eq!(world.read(&cookie, "n").await, None);
}

#[tokio::test]
async fn a_logout_during_reading_touching_and_renewing_requests_stays_a_logout() {
    let world = World::new(policy().rolling(Rolling::EveryRequest).touch_after(Duration::ZERO));
    let cookie = world.logged_in().await;
    world.clock.advance(MINUTE);
    let reader = world.begin(&cookie);
    reader.session().await.unwrap();
    let toucher = world.begin(&cookie);
    toucher.session().await.unwrap().touch().unwrap();
    let renewer = world.begin(&cookie);
    renewer.session().await.unwrap().renew().unwrap();

    world.request(&cookie, |session| session.logout()).await.unwrap();

    for exchange in [reader, toucher, renewer] {
        let reply = exchange.finish().await.unwrap();
        assert_eq!(reply.set_cookie(), None, "no cookie for a session that is no more");
    }
    assert_eq!(world.read(&cookie, "n").await, None);
}

#[tokio::test]
async fn a_logout_that_crosses_a_renewal_ends_the_renewed_session() {
    let world = World::new(policy());
    let cookie = world.logged_in().await;
    let logout = world.begin(&cookie);
    logout.session().await.unwrap().logout().unwrap();
    let renewed = world.request(&cookie, |session| session.renew()).await.unwrap();
    assert_ne!(renewed, cookie);

    let _ = logout.finish().await.unwrap();
    assert_eq!(world.read(&renewed, "n").await, None);

    let cookie = world.logged_in().await;
    let renewed = world.request(&cookie, |session| session.renew()).await.unwrap();
    world.request(&cookie, |session| session.logout()).await.unwrap();
    assert_eq!(world.read(&renewed, "n").await, None, "also when it comes after");
}

#[tokio::test]
async fn five_parallel_writes_of_five_keys_are_all_kept() {
    let world = World::new(policy());
    let cookie = world.logged_in().await;
    let mut exchanges = Vec::new();
    for key in ["a", "b", "c", "d", "e"] {
        let exchange = world.begin(&cookie);
        exchange.session().await.unwrap().insert(key, 1).unwrap();
        exchanges.push(exchange);
    }
    for exchange in exchanges {
        let _ = exchange.finish().await.unwrap();
    }
    for key in ["a", "b", "c", "d", "e"] {
        assert_eq!(world.read(&cookie, key).await, Some(1), "{key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_parallel_increments_are_a_hundred() {
    let world = std::sync::Arc::new(World::new(policy()));
    let cookie = world.logged_in().await;
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let (world, cookie) = (world.clone(), cookie.clone());
            tokio::spawn(async move {
                world
                    .request(&cookie, |session| {
                        session.update("n", |n: Option<i64>| n.unwrap_or(0) + 1).map(drop)
                    })
                    .await
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(world.read(&cookie, "n").await, Some(100));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_parallel_renewals_have_one_successor_and_turn_nobody_anonymous() {
    let world = std::sync::Arc::new(World::new(policy()));
    let cookie = world.logged_in().await;
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (world, cookie) = (world.clone(), cookie.clone());
            tokio::spawn(async move { world.request(&cookie, |session| session.renew()).await })
        })
        .collect();
    let mut successors = Vec::new();
    for task in tasks {
        let after = task.await.unwrap().unwrap();
        if after != cookie {
            successors.push(after);
        }
    }
    assert_eq!(successors.len(), 1);
    assert_eq!(world.read(&successors[0], "n").await, Some(0));
    assert_eq!(world.read(&cookie, "n").await, None);
}

#[tokio::test]
async fn a_late_request_with_the_old_cookie_is_not_handed_an_empty_session() {
    let world = World::new(policy());
    let old = world.logged_in().await;
    let new = world.request(&old, |session| session.renew()).await.unwrap();

    let late = world.request(&old, |session| session.insert("visits", 1)).await;
    assert_eq!(late.unwrap_err(), Error::Session(CoreError::Gone));
    assert_eq!(world.request(&old, |_| Ok(())).await.unwrap(), old, "reading is allowed, and sets no cookie");
    assert_eq!(world.read(&new, "n").await, Some(0));

    world.clock.advance(2 * MINUTE);
    let stranger = world.request(&old, |session| session.insert("visits", 1)).await.unwrap();
    assert_ne!(stranger, old, "after a minute it is a stranger's");
}

#[tokio::test]
async fn a_store_that_is_down_fails_requests_that_need_it_and_no_others() {
    let world = World::new(policy());
    let cookie = world.logged_in().await;
    world.probe.set_down(true);

    let error = world.request(&cookie, |_| Ok(())).await.unwrap_err();
    assert_eq!((error.status(), error.retry_after()), (503, Some(1)));
    let _ = world.begin(&cookie).finish().await.unwrap();
    world.request("", |session| session.get::<i64>("n").map(drop)).await.unwrap();
    let error = world.request("", |session| session.insert("n", 1)).await.unwrap_err();
    assert_eq!(error.status(), 503, "a failed save is an error, not a cookie");

    world.probe.set_down(false);
    assert_eq!(world.read(&cookie, "n").await, Some(0), "an outage is no logout");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_is_given_up_at_the_deadline() {
    let world = World::new(policy());
    let cookie = world.logged_in().await;
    world.probe.set_hanging(true);
    let began = tokio::time::Instant::now();
    let error = world.request(&cookie, |_| Ok(())).await.unwrap_err();
    assert!(matches!(error, Error::Store(error) if error.kind() == StoreErrorKind::Unavailable));
    assert_eq!(began.elapsed(), session_driver::DEFAULT_DEADLINE);
}

#[tokio::test]
async fn a_handle_kept_past_the_response_says_so() {
    let world = World::new(policy());
    let exchange = world.begin("");
    let session = exchange.session().await.unwrap();
    session.insert("n", 1).unwrap();
    let _ = exchange.finish().await.unwrap();
    assert_eq!(session.insert("n", 2).unwrap_err(), Error::Finished);
    assert_eq!(session.get::<i64>("n").unwrap_err(), Error::Finished);
    assert_eq!(session.save().await.unwrap_err(), Error::Finished);
    assert_eq!(exchange.finish().await.unwrap_err(), Error::Finished);
}

#[tokio::test]
async fn a_dropped_load_can_be_made_again() {
    let world = World::new(policy());
    let cookie = world.logged_in().await;
    let exchange = world.begin(&cookie);
    world.probe.hold(Gate::AfterLoads);
    tokio::select! {
        _ = exchange.session() => panic!("the load is held back"),
        () = world.probe.arrived(1) => {}
    }
    world.probe.release();
    assert_eq!(exchange.session().await.unwrap().get::<i64>("n").unwrap(), Some(0));
}

#[tokio::test]
async fn a_save_that_was_dropped_keeps_the_changes_for_the_end_of_the_request() {
    for gate in [Gate::BeforeWrites, Gate::AfterWrites] {
        let world = World::new(policy());
        let cookie = world.logged_in().await;
        let exchange = world.begin(&cookie);
        let session = exchange.session().await.unwrap();
        session.insert("n", 5).unwrap();
        world.probe.hold(gate);
        tokio::select! {
            _ = session.save() => panic!("the save is held back"),
            () = world.probe.arrived(1) => {}
        }
        world.probe.release();
        assert_eq!(session.get::<i64>("n").unwrap(), Some(5), "the handler goes on as before");
        let _ = exchange.finish().await.unwrap();
        assert_eq!(world.read(&cookie, "n").await, Some(5));
    }
}

#[tokio::test]
async fn an_increment_whose_save_was_dropped_is_never_counted_twice() {
    let world = World::new(policy());
    let cookie = world.logged_in().await;
    let exchange = world.begin(&cookie);
    let session = exchange.session().await.unwrap();
    session.update("n", |n: Option<i64>| n.unwrap_or(0) + 1).unwrap();
    world.probe.hold(Gate::AfterWrites);
    tokio::select! {
        _ = session.save() => panic!("the save is held back"),
        () = world.probe.arrived(1) => {}
    }
    world.probe.release();
    assert_eq!(exchange.finish().await.unwrap_err(), Error::Session(CoreError::InDoubt));
    assert_eq!(world.read(&cookie, "n").await, Some(1));
}

#[tokio::test]
async fn a_renewal_that_was_dropped_after_the_store_did_it_is_found_out() {
    let world = World::new(policy());
    let cookie = world.logged_in().await;
    let exchange = world.begin(&cookie);
    let session = exchange.session().await.unwrap();
    session.renew().unwrap();
    world.probe.hold(Gate::AfterWrites);
    tokio::select! {
        _ = session.save() => panic!("the save is held back"),
        () = world.probe.arrived(1) => {}
    }
    world.probe.release();
    let renewed = after(&cookie, &exchange.finish().await.unwrap());
    assert_ne!(renewed, cookie);
    assert_eq!(world.read(&renewed, "n").await, Some(0));
}

#[tokio::test]
async fn a_request_dropped_while_it_renews_leaves_the_old_session_or_the_new_one() {
    for gate in [Gate::BeforeWrites, Gate::AfterWrites] {
        let world = World::new(policy());
        let cookie = world.logged_in().await;
        let exchange = world.begin(&cookie);
        let session = exchange.session().await.unwrap();
        session.renew().unwrap();
        let new_id = session.id().unwrap();
        world.probe.hold(gate);
        tokio::select! {
            _ = exchange.finish() => panic!("the write is held back"),
            () = world.probe.arrived(1) => {}
        }
        world.probe.release();
        let old = world.read(&cookie, "n").await.is_some();
        let new = world.sessions.open_detached(new_id).await.unwrap().is_some();
        assert!(old ^ new, "one of the two: old {old}, new {new}");
    }
}

#[tokio::test]
async fn a_saved_session_is_there_before_the_response_and_its_cookie_still_goes_out() {
    let world = World::new(policy());
    let exchange = world.begin("");
    let session = exchange.session().await.unwrap();
    session.insert("n", 1).unwrap();
    session.save().await.unwrap();
    assert_eq!(world.probe.verbs(), ["create"]);
    let id = session.id().unwrap();
    let elsewhere = world.sessions.open_detached(id).await.unwrap().expect("stored");
    assert_eq!(elsewhere.get::<i64>("n").unwrap(), Some(1));
    let reply = exchange.finish().await.unwrap();
    assert!(reply.set_cookie().is_some());
    assert_eq!(world.probe.verbs(), ["load"], "nothing is written twice");
}

#[tokio::test]
async fn a_detached_session_is_saved_by_hand_and_keeps_its_id() {
    let world = World::new(policy());
    let cookie = world.logged_in().await;
    let exchange = world.begin(&cookie);
    let id = exchange.session().await.unwrap().id().unwrap();
    let _ = exchange.finish().await.unwrap();

    let socket = world.sessions.open_detached(id.clone()).await.unwrap().unwrap();
    socket.update("n", |n: Option<i64>| n.unwrap_or(0) + 10).unwrap();
    world.request(&cookie, |session| session.insert("other", 1)).await.unwrap();
    socket.save().await.unwrap();
    assert_eq!(world.read(&cookie, "n").await, Some(10));
    assert_eq!(world.read(&cookie, "other").await, Some(1));
    assert_eq!(socket.renew().unwrap_err(), Error::Session(CoreError::Detached));

    world.request(&cookie, |session| session.logout()).await.unwrap();
    socket.insert("n", 11).unwrap();
    assert_eq!(socket.save().await.unwrap_err(), Error::Session(CoreError::Gone));
    assert!(world.sessions.open_detached(id).await.unwrap().is_none());
}

#[tokio::test]
async fn reload_shows_what_another_request_wrote_and_drops_this_ones_changes() {
    let world = World::new(policy());
    let cookie = world.logged_in().await;
    let exchange = world.begin(&cookie);
    let session = exchange.session().await.unwrap();
    session.insert("mine", 1).unwrap();
    world.request(&cookie, |session| session.insert("n", 7)).await.unwrap();
    session.reload().await.unwrap();
    assert_eq!(session.get::<i64>("n").unwrap(), Some(7));
    assert_eq!(session.get::<i64>("mine").unwrap(), None);

    world.request(&cookie, |session| session.logout()).await.unwrap();
    assert_eq!(session.reload().await.unwrap_err(), Error::Session(CoreError::Gone));
    assert_eq!(session.get::<i64>("n").unwrap(), Some(7), "it stays as it was");
}

#[tokio::test]
async fn a_generator_that_repeats_itself_hands_out_nobody_elses_session() {
    let draws = std::sync::Mutex::new(vec![2, 1, 1, 1]);
    let probe = Probe::default();
    let sessions = Sessions::builder(policy().build().unwrap(), probe.clone())
        .genid(move || Some(SessionId::from_entropy([draws.lock().unwrap().pop().unwrap_or(9); 24])))
        .build();
    let facts = session_core::RequestFacts::new("/");
    let mut cookies = Vec::new();
    for n in [1, 2] {
        let exchange = sessions.begin(&facts, []);
        exchange.session().await.unwrap().insert("n", n).unwrap();
        cookies.push(after("", &exchange.finish().await.unwrap()));
    }
    for (cookie, n) in cookies.iter().zip([1, 2]) {
        let exchange = sessions.begin(&facts, [cookie.as_bytes()]);
        assert_eq!(exchange.session().await.unwrap().get::<i32>("n").unwrap(), Some(n));
    }
}

#[tokio::test]
async fn a_failing_random_generator_fails_the_request_and_stores_nothing() {
    let probe = Probe::default();
    let sessions = Sessions::builder(policy().build().unwrap(), probe.clone()).genid(|| None).build();
    let exchange = sessions.begin(&session_core::RequestFacts::new("/"), []);
    exchange.session().await.unwrap().insert("n", 1).unwrap();
    assert_eq!(exchange.finish().await.unwrap_err(), Error::Randomness);
    assert!(probe.verbs().is_empty());
}

#[tokio::test]
async fn a_session_over_the_limit_is_refused_with_advice_and_the_old_one_stays() {
    let world = World::new(policy().max_payload(400));
    let cookie = world.logged_in().await;
    let error = world.request(&cookie, |session| session.insert("big", "x".repeat(500))).await.unwrap_err();
    assert!(error.to_string().contains("max_payload"), "{error}");
    assert_eq!(world.read(&cookie, "n").await, Some(0));
}

#[tokio::test]
async fn idle_and_absolute_timeouts_end_a_session_whatever_the_cookie_says() {
    let world = World::new(policy().max_age(30 * MINUTE).absolute_timeout(60 * MINUTE));
    let cookie = world.logged_in().await;
    world.clock.advance(30 * MINUTE - Duration::from_secs(1));
    assert_eq!(world.read(&cookie, "n").await, Some(0));
    world.clock.advance(30 * MINUTE - Duration::from_secs(1));
    assert_eq!(world.read(&cookie, "n").await, Some(0), "it was extended");
    world.clock.advance(Duration::from_secs(3));
    assert_eq!(world.read(&cookie, "n").await, None, "an hour has passed");

    let cookie = world.logged_in().await;
    world.clock.advance(30 * MINUTE);
    assert_eq!(world.read(&cookie, "n").await, None, "half an hour without use");
}

#[tokio::test]
async fn renewing_does_not_move_the_absolute_end_and_logging_in_does() {
    let world = World::new(policy().max_age(30 * MINUTE).absolute_timeout(60 * MINUTE));
    let mut cookie = world.logged_in().await;
    for _ in 0..2 {
        world.clock.advance(25 * MINUTE);
        cookie = world.request(&cookie, |session| session.renew()).await.unwrap();
    }
    let renewed = cookie.clone();
    let owner = Owner::new("user1").unwrap();
    let again = world
        .request(&cookie, |session| {
            session.login(owner)?;
            session.insert("n", 1)
        })
        .await
        .unwrap();
    world.clock.advance(11 * MINUTE);
    assert_eq!(world.read(&renewed, "n").await, None);
    assert_eq!(world.read(&again, "n").await, Some(1));
}

#[tokio::test]
async fn a_session_may_have_a_life_of_its_own() {
    let world = World::with(policy().max_age(30 * MINUTE), Probe::folding());
    let cookie = world.logged_in().await;
    let month = Duration::from_secs(30 * 24 * 3600);
    let exchange = world.begin(&cookie);
    exchange.session().await.unwrap().set_max_age(Some(month)).unwrap();
    let reply = exchange.finish().await.unwrap();
    assert!(reply.set_cookie().unwrap().contains("Max-Age=2592000"), "{reply:?}");
    world.clock.advance(month - MINUTE);
    assert_eq!(world.read(&cookie, "n").await, Some(0));
    world.clock.advance(month - MINUTE);
    assert_eq!(world.read(&cookie, "n").await, Some(0), "and it is extended by that life");
}

#[tokio::test]
async fn a_route_that_only_peeks_does_not_keep_a_session_alive() {
    for probe in [Probe::default(), Probe::folding()] {
        let world = World::with(policy().max_age(30 * MINUTE), probe);
        let cookie = world.logged_in().await;
        for _ in 0..29 {
            world.clock.advance(MINUTE);
            let exchange = world.begin(&cookie);
            assert!(exchange.peek().await.unwrap().get::<i64>("n").unwrap().is_some());
            assert_eq!(exchange.finish().await.unwrap().set_cookie(), None);
        }
        world.clock.advance(MINUTE);
        assert_eq!(world.read(&cookie, "n").await, None);
    }
}

#[tokio::test]
async fn a_cookie_signed_with_a_retired_secret_is_signed_anew_when_used() {
    let world = World::new(policy());
    let cookie = world.logged_in().await;
    let rotated =
        Policy::builder(Keyring::new("next year's secret, long and random").and_retired(common::SECRET));
    let next = World::with(rotated, world.probe.clone());
    let resealed = next.request(&cookie, |_| Ok(())).await.unwrap();
    assert_ne!(resealed, cookie);
    let without = World::with(
        Policy::builder(Keyring::new("next year's secret, long and random")),
        world.probe.clone(),
    );
    assert_eq!(without.read(&resealed, "n").await, Some(0));
    assert_eq!(without.read(&cookie, "n").await, None);
}

#[tokio::test]
async fn of_two_cookies_of_the_name_the_living_one_counts_in_either_order() {
    let world = World::new(policy());
    let dead = world.logged_in().await;
    world.request(&dead, |session| session.logout()).await.unwrap();
    let cookie = world.logged_in().await;
    for cookies in [format!("{dead}; {cookie}"), format!("{cookie}; {dead}"), format!("sid=junk; {cookie}")] {
        assert_eq!(world.read(&cookies, "n").await, Some(0));
    }
}

#[tokio::test]
async fn a_secure_cookie_on_plain_http_is_not_set() {
    let world = World::new(policy().secure(Secure::Always));
    let exchange = world.begin("");
    exchange.session().await.unwrap().insert("n", 1).unwrap();
    let reply = exchange.finish().await.unwrap();
    assert_eq!(reply.set_cookie(), None);
    assert!(reply.problem().unwrap().to_string().contains("https"));
}

#[tokio::test]
async fn anonymous_visits_and_logouts_store_nothing() {
    let world = World::new(policy());
    for _ in 0..100 {
        world.request("", |session| session.get::<i64>("n").map(drop)).await.unwrap();
        world.request("", |session| session.logout()).await.unwrap();
        world.request("", |session| session.regenerate()).await.unwrap();
        world.request("", |session| session.take_flash().map(drop)).await.unwrap();
        world.request("", |session| session.csrf_token().map(drop)).await.unwrap();
    }
    assert!(world.probe.verbs().is_empty());
}

#[tokio::test]
async fn a_csrf_token_fits_its_session_only_and_dies_with_the_id() {
    let world = World::new(policy());
    let (one, other) = (world.logged_in().await, world.logged_in().await);
    let mut token = String::new();
    world
        .request(&one, |session| {
            token = session.csrf_token()?;
            Ok(())
        })
        .await
        .unwrap();
    let verify = async |cookie: &str| {
        let exchange = world.begin(cookie);
        exchange.session().await.unwrap().csrf_verify(&token).unwrap()
    };
    assert!(verify(&one).await);
    assert!(!verify(&other).await);
    assert!(!verify("").await);
    let renewed = world.request(&one, |session| session.renew()).await.unwrap();
    assert!(!verify(&renewed).await);
}

#[tokio::test]
async fn nothing_can_be_put_into_a_session_that_was_ended() {
    let world = World::new(policy());
    let cookie = world.logged_in().await;
    let after = world
        .request(&cookie, |session| {
            session.logout()?;
            assert_eq!(session.insert("n", 1).unwrap_err(), Error::Session(CoreError::Ended));
            session.regenerate()?;
            session.flash("info", "You are logged out.")
        })
        .await
        .unwrap();
    assert_ne!(after, cookie);
    world
        .request(&after, |session| {
            assert_eq!(session.owner()?, None);
            assert_eq!(session.take_flash()?.len(), 1);
            Ok(())
        })
        .await
        .unwrap();
}
