//! A primary that fails under load, and what its successor has: with sentinels, with and without waiting for replicas.
#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

mod common;

use std::time::{Duration, Instant};

use common::cluster::{cut_off, replicated};
use common::load::{Load, recovered, there};
use common::sentinel::{NAME, Watched};
use common::{ask, key, now, record};
use session_core::store::{Deleted, Directory as _, Owner, Replace, Replaced, Store as _, StoreErrorKind};
use session_store_redis::RedisStore;

/// Kills the primary under load and prints what became of what was answered before.
async fn failover_under_load(of: &str, replicas: u32) {
    let Some(watched) = Watched::start().await else { return };
    let mut watched = watched.ready().await;
    let builder = RedisStore::builder().wait_for_replicas(replicas, Duration::from_millis(200));
    let store = builder.connect_sentinel(watched.urls(), NAME).await.unwrap();
    let before = Load::start("before", &store, 4);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = before.stop().await;
    replicated(&watched.servers[0]).await;

    let load = Load::start("during", &store, 8);
    tokio::time::sleep(Duration::from_millis(700)).await;
    watched.servers[0].stop();
    let killed = Instant::now();
    // Usually the successor is not found yet. That verbs fail meanwhile, and how, the load sees.
    if let Err(down) = store.load(&key("a"), None, now()).await {
        assert_eq!(down.kind(), StoreErrorKind::Unavailable, "{down}");
    }
    recovered(&store, "a").await;
    let outage = killed.elapsed();
    tokio::time::sleep(Duration::from_millis(700)).await;
    let during = load.stop().await;

    // With one replica left, waiting for one still works.
    assert!(during.failed > 0 && !during.made.is_empty() && !during.ended.is_empty(), "{during:?}");
    let lost = during.made.len() - there(&store, &during.made).await;
    let revived = there(&store, &during.ended).await;
    eprintln!(
        "{of}: {} sessions made, {lost} of them lost; {} ended, {revived} of them back; {} verbs failed; the store \
         answered again {outage:?} after the kill; errors: {:?}",
        during.made.len(),
        during.ended.len(),
        during.failed,
        during.texts
    );
    assert_eq!(there(&store, &before.made).await, before.made.len(), "a replicated session was lost");
    assert_eq!(there(&store, &before.ended).await, 0, "a replicated logout was undone");
    if replicas > 0 {
        assert_eq!(revived, 0, "a confirmed logout was undone");
    }
}

#[tokio::test]
async fn after_a_failover_under_load_all_that_was_replicated_is_there() {
    failover_under_load("without waiting", 0).await;
}

#[tokio::test]
async fn after_a_failover_under_load_no_confirmed_logout_is_undone() {
    failover_under_load("waiting for 1 replica", 1).await;
}

/// Logs out while the replicas are cut off, and has the primary fail then: answers how many logouts were answered as done,
/// how many of these sessions are back, and the errors of the others.
async fn log_out_before_a_failover(watched: &mut Watched, store: &RedisStore) -> (usize, usize, Vec<String>) {
    let names: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    for name in &names {
        store.create(&key(name), &record(1, Some("o")), now()).await.unwrap();
    }
    replicated(&watched.servers[0]).await;
    cut_off(&watched.servers[0]).await;
    let (mut done, mut errors) = (Vec::new(), Vec::new());
    for name in &names {
        match store.delete(&key(name), None).await {
            Ok(deleted) => {
                assert_eq!(deleted, Deleted::Done);
                done.push(name);
            }
            Err(error) => errors.push(error.to_string()),
        }
    }
    // Carried out all the same.
    assert_eq!(there(store, &names).await, 0);
    watched.servers[0].stop();
    watched.failed_over().await;
    recovered(store, "0").await;
    let back = there(store, done.iter().copied()).await;
    (done.len(), back, errors)
}

#[tokio::test]
async fn what_replicas_lack_is_undone_by_a_failover_and_waiting_for_them_tells() {
    let Some(watched) = Watched::start().await else { return };
    let mut watched = watched.ready().await;
    let store = watched.store().await;
    let (done, back, errors) = log_out_before_a_failover(&mut watched, &store).await;
    eprintln!("without waiting: {done} logouts answered as done, {back} of these sessions are back");
    assert!(done == 20 && back == 20 && errors.is_empty(), "{done} {back} {errors:?}");

    let Some(watched) = Watched::start().await else { return };
    let mut watched = watched.ready().await;
    let builder = RedisStore::builder().wait_for_replicas(1, Duration::from_millis(10));
    let store = builder.connect_sentinel(watched.urls(), NAME).await.unwrap();
    let (done, back, errors) = log_out_before_a_failover(&mut watched, &store).await;
    eprintln!("waiting for 1 replica: {done} logouts answered as done, {back} of these sessions are back");
    assert!(done == 0 && back == 0, "{done} {back}");
    let expected = "the session store is unavailable: the change was carried out, but not confirmed by 1 replicas in time";
    assert!(errors.iter().all(|error| error == expected), "{errors:?}");
}

#[tokio::test]
async fn verbs_that_take_something_away_wait_for_replicas_and_others_do_not() {
    let Some(watched) = Watched::start().await else { return };
    let watched = watched.ready().await;
    let (a, b, owner) = (key("a"), key("b"), Owner::new("o").unwrap());
    // Replicas that will answer are given the time; who waits for one that will not need not wait so long.
    for (lagging, wait) in [(false, Duration::from_secs(20)), (true, Duration::from_secs(1))] {
        let builder = RedisStore::builder().patience(2 * wait).wait_for_replicas(2, wait);
        let store = builder.connect_sentinel(watched.urls(), NAME).await.unwrap();
        if lagging {
            watched.servers[2].signal("STOP");
        }
        let record = record(1, Some("o"));
        store.create(&a, &record, now()).await.unwrap();
        store.update(&a, &record, None, now()).await.unwrap();
        store.touch(&a, record.expires_at, None, now()).await.unwrap();
        let base = store.load(&a, None, now()).await.unwrap().unwrap().version;
        let replace = Replace { old: &a, new: &b, record: &record, base: &base, tombstone: None };
        let confirmed = [
            store.replace(replace, now()).await.map(|replaced| matches!(replaced, Replaced::Done(_))),
            store.delete(&b, None).await.map(|deleted| deleted == Deleted::Done),
            // Again, after an answer that left it open.
            store.delete(&b, None).await.map(|deleted| deleted == Deleted::Missing),
            store.revoke(&owner, None).await.map(|revoked| revoked == 0),
        ];
        for answer in confirmed {
            match answer {
                Ok(as_expected) => assert!(as_expected && !lagging),
                Err(error) => assert!(lagging && error.kind() == StoreErrorKind::Unavailable, "{error}"),
            }
        }
        store.create(&a, &record, now()).await.unwrap();
        assert_eq!(store.clear().await.is_ok(), !lagging);
        // What is refused changes nothing, so there is nothing to wait for.
        store.create(&a, &record, now()).await.unwrap();
        let begun = Instant::now();
        let stale = store.delete(&a, Some(&session_core::store::Version::unknown())).await.unwrap();
        assert!(matches!(stale, Deleted::Conflict(_)));
        // Where nobody answers in a second, neither would a wait of that length say anything.
        assert!(lagging || begun.elapsed() < wait, "{:?}", begun.elapsed());
        // This one leaves nothing behind for the next round.
        let _unconfirmed = store.delete(&a, None).await;
    }
    watched.servers[2].signal("CONT");
}

#[tokio::test]
async fn a_silent_primary_is_left_for_its_successor_even_by_callers_with_short_deadlines() {
    let Some(watched) = Watched::start().await else { return };
    let watched = watched.ready().await;
    let store = RedisStore::builder().connect_sentinel(watched.urls(), NAME).await.unwrap();
    store.create(&key("a"), &record(1, None), now()).await.unwrap();
    replicated(&watched.servers[0]).await;
    watched.servers[0].signal("STOP");
    let begun = Instant::now();
    // The store's own patience is two seconds: these callers never see it run out.
    let deadline = Duration::from_millis(250);
    let found = loop {
        match tokio::time::timeout(deadline, store.load(&key("a"), None, now())).await {
            Ok(Ok(found)) => break found,
            Ok(Err(error)) => assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}"),
            Err(_) => {}
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "the successor is not found");
    };
    assert!(found.is_some());
    eprintln!("the successor of a silent primary answered after {:?}", begun.elapsed());
    watched.servers[0].signal("CONT");
}

#[tokio::test]
async fn a_primary_put_down_to_a_replica_is_not_asked_any_more() {
    let Some(watched) = Watched::start().await else { return };
    let watched = watched.ready().await;
    let store = watched.store().await;
    let mut sentinel = watched.sentinels[0].client().await;
    let _: String = ask(&mut sentinel, &format!("SENTINEL FAILOVER {NAME}")).await;
    watched.failed_over().await;
    let load = Load::start("x", &store, 2);
    // The old one is told a little later, and serves until then.
    let mut old = watched.servers[0].client().await;
    common::until("the new role", async || {
        let info: Result<String, _> = session_store_redis::redis::cmd("INFO").query_async(&mut old).await;
        match info {
            Ok(info) => info.contains("role:slave"),
            Err(_) => {
                old = watched.servers[0].client().await;
                false
            }
        }
    })
    .await;
    recovered(&store, "x").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    load.stop().await;
    store.create(&key("y"), &record(1, None), now()).await.unwrap();
    assert!(store.load(&key("y"), None, now()).await.unwrap().is_some());
    for _ in 0..50 {
        store.touch(&key("y"), now() + Duration::from_secs(60), None, now()).await.unwrap();
    }
}

#[tokio::test]
async fn what_sentinels_cannot_answer_is_said_plainly() {
    let Some(watched) = Watched::start().await else { return };
    let mut watched = watched.ready().await;
    let refused = |text: &str, name: &str| {
        let (text, name) = (text.to_owned(), name.to_owned());
        let urls = watched.urls();
        async move {
            let error = RedisStore::builder().connect_sentinel(urls, &name).await.unwrap_err();
            assert_eq!(error.to_string(), format!("the session store refused: {text}"));
        }
    };
    refused("the sentinels know no primary by this name", "nobody").await;
    refused("the connection options cannot be used", "").await;
    refused("the server did not accept the user name or the password", "redis://:s3cret@mymaster").await;
    let none = RedisStore::builder().connect_sentinel(Vec::<String>::new(), NAME).await.unwrap_err();
    assert_eq!(none.kind(), StoreErrorKind::Refused);
    // A database of its own, and one sentinel is enough.
    let store = RedisStore::builder().connect_sentinel(watched.urls(), "redis://mymaster/3").await.unwrap();
    store.create(&key("a"), &record(1, None), now()).await.unwrap();
    let mut client = watched.servers[0].client().await;
    assert!(ask::<String>(&mut client, "INFO keyspace").await.contains("db3:keys=1"));
    // The rights in the documentation suffice.
    let rights = "ACL SETUSER sessions on >password ~sess:* ~sess-owner:* -@all +select \
                  +evalsha +script|load +scan +get +set +del +unlink +exists +pexpire +pttl +zadd +zrem +zrange \
                  +zscore +zremrangebyscore +role +wait +ping";
    let _: String = ask(&mut client, rights).await;
    let builder = RedisStore::builder().wait_for_replicas(1, Duration::from_millis(300));
    let theirs =
        builder.connect_sentinel(watched.urls(), "redis://sessions:password@mymaster").await.unwrap();
    for _ in 0..2 {
        theirs.create(&key("b"), &record(1, Some("o")), now()).await.unwrap();
        assert_eq!(theirs.revoke(&Owner::new("o").unwrap(), None).await.unwrap(), 1);
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    watched.sentinels[0].stop();
    watched.sentinels[1].stop();
    watched.store().await;
    watched.sentinels[2].stop();
    let error = RedisStore::builder().connect_sentinel(watched.urls(), NAME).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    // Who has found the primary needs no sentinel until it fails.
    assert!(store.load(&key("a"), None, now()).await.unwrap().is_some());
}
