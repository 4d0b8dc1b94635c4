//! One writer at a time: waiting for the lock, and transactions that are dropped.

use std::sync::Arc;
use std::time::{Duration, Instant};

use session_core::store::{Created, Replace, Store as _, StoreErrorKind, Updated};
use session_store_sql::SqliteStore;

use super::{Place, key, run};

#[tokio::test]
async fn a_locked_database_is_read_and_answers_writers_in_time() {
    let place = Place::new();
    let patience = Duration::from_millis(200);
    let store = SqliteStore::builder().patience(patience).open(place.file()).await.unwrap();
    place.create(&store, "a").await;
    let mut other = place.other().await;
    run(&mut other, "BEGIN IMMEDIATE").await;

    assert!(place.has(&store, "a").await);
    let start = Instant::now();
    let (record, now, key) = (place.record(2), place.now, key("a"));
    let (one, two) = tokio::join!(store.update(&key, &record, None, now), store.touch(&key, now, None, now));
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert_eq!(one.unwrap_err().kind(), StoreErrorKind::ReadOnly);
    assert_eq!(two.unwrap_err().kind(), StoreErrorKind::ReadOnly);

    run(&mut other, "COMMIT").await;
    // Whoever waited for the lock in vain has written nothing, not even late.
    let stored = store.load(&key, None, now).await.unwrap().unwrap();
    assert_eq!(stored.record.payload, place.record(1).payload);
    let updated = store.update(&key, &record, None, now).await.unwrap();
    assert!(matches!(updated, Updated::Done(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_writers_of_one_session_all_get_through_in_time() {
    let place = Arc::new(Place::new());
    // Two servers on one file.
    // A machine with other things to do is given the time; a writer that starves is not.
    let open = || SqliteStore::builder().patience(Duration::from_secs(20)).open(place.file());
    let stores = [open().await.unwrap(), open().await.unwrap()];
    place.create(&stores[0], "a").await;
    let tasks: Vec<_> = (0..200)
        .map(|n| {
            let (place, store) = (Arc::clone(&place), stores[n % 2].clone());
            tokio::spawn(async move {
                let mut slowest = Duration::ZERO;
                let mut seen = store.load(&key("a"), None, place.now).await.unwrap().unwrap();
                loop {
                    let next = place.record(seen.record.value::<u64>("n").unwrap() + 1);
                    let start = Instant::now();
                    let updated = store.update(&key("a"), &next, Some(&seen.version), place.now).await;
                    slowest = slowest.max(start.elapsed());
                    match updated.unwrap() {
                        Updated::Done(_) => return slowest,
                        Updated::Conflict(newer) => seen = newer,
                        Updated::Missing => panic!("the session is lost"),
                    }
                }
            })
        })
        .collect();
    let mut slowest = Duration::ZERO;
    for task in tasks {
        slowest = slowest.max(task.await.unwrap());
    }
    let stored = stores[0].load(&key("a"), None, place.now).await.unwrap().unwrap();
    assert_eq!(stored.record.value::<u64>("n"), Some(201));
    eprintln!("the slowest of the updates took {slowest:?}");
    assert!(slowest < Duration::from_secs(60), "{slowest:?}");
}

#[tokio::test]
async fn a_dropped_transaction_is_rolled_back_and_its_connection_goes_on() {
    let place = Place::new();
    let store = place.store().await;
    for round in 0..60_u32 {
        let (old, new) = (key(&format!("old-{round}")), key(&format!("new-{round}")));
        let Created::Done(base) = store.create(&old, &place.record(1), place.now).await.unwrap() else {
            panic!("the key is new");
        };
        let record = place.record(2);
        let replace = Replace { old: &old, new: &new, record: &record, base: &base, tombstone: None };
        let mut replace = store.replace(replace, place.now);
        // Dropped after so many polls, between any two statements.
        for _ in 0..round % 20 {
            let poll = std::future::poll_fn(|context| std::task::Poll::Ready(replace.as_mut().poll(context)));
            if poll.await.is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(replace);
        let here = store.load(&old, None, place.now).await.unwrap().is_some();
        // A write waits for the connection, so that the rollback or the commit is behind it.
        store.touch(&old, place.now + Duration::from_secs(90), None, place.now).await.unwrap();
        let (old, new) = (
            store.load(&old, None, place.now).await.unwrap().is_some(),
            store.load(&new, None, place.now).await.unwrap().is_some(),
        );
        assert!(old != new, "round {round}: under the old key {old}, under the new one {new}, before {here}");
    }
}
