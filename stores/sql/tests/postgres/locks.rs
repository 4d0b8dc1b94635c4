//! Waiting for rows, for connections, and for a server that has gone away.

use std::time::{Duration, Instant};

use session_core::store::{Directory as _, Owner, Store as _, StoreErrorKind, Updated};

use super::hole::Hole;
use super::{key, on_a_schema, run};

/// Far more than an answer takes on a busy machine, and less than the database would wait by itself (for ever, or 50 s).
const IN_TIME: Duration = Duration::from_secs(20);

pub(crate) async fn two_hundred_writers_of_one_session_all_get_through_in_time() {
    on_a_schema(async |place| {
        // So that a machine with other things to do is given the time; a writer that starves is not.
        let builder = place.builder().patience(Duration::from_secs(10));
        let store = builder.connect(&place.url).await.unwrap();
        place.create(&store, "a").await;
        let (now, records) = (place.now, (0..=201).map(|n| place.record(n)).collect::<Vec<_>>());
        let records = std::sync::Arc::new(records);
        let tasks: Vec<_> = (0..200)
            .map(|_| {
                let (store, records) = (store.clone(), records.clone());
                tokio::spawn(async move {
                    let mut slowest = Duration::ZERO;
                    let mut seen = store.load(&key("a"), None, now).await.unwrap().unwrap();
                    loop {
                        let next = &records[seen.record.value::<usize>("n").unwrap() + 1];
                        let start = Instant::now();
                        let updated = store.update(&key("a"), next, Some(&seen.version), now).await;
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
        let stored = store.load(&key("a"), None, now).await.unwrap().unwrap();
        assert_eq!(stored.record.value::<u64>("n"), Some(201));
        eprintln!("the slowest of the updates took {slowest:?}");
    })
    .await;
}

pub(crate) async fn a_locked_row_is_answered_in_time_and_nothing_is_written_late() {
    on_a_schema(async |place| {
        let patience = Duration::from_millis(400);
        let store = place.builder().patience(patience).connections(2).connect(&place.url).await.unwrap();
        place.create(&store, "a").await;
        place.create(&store, "b").await;
        let mut other = place.other().await;
        run(&mut other, "BEGIN; SELECT 1 FROM session WHERE sid = 'a' FOR UPDATE").await;
        let start = Instant::now();
        let error = store.update(&key("a"), &place.record(2), None, place.now).await.unwrap_err();
        assert!(start.elapsed() < IN_TIME, "{:?}", start.elapsed());
        assert_eq!(error.kind(), StoreErrorKind::ReadOnly);
        assert_eq!(
            error.to_string(),
            "the session store takes no writes: SQLSTATE 55P03: another session has locked the row"
        );
        // Readers do not wait, and others are not disturbed.
        assert!(place.has(&store, "a").await);
        store.update(&key("b"), &place.record(2), None, place.now).await.unwrap();
        run(&mut other, "COMMIT").await;
        let stored = store.load(&key("a"), None, place.now).await.unwrap().unwrap();
        assert_eq!(stored.record.payload, place.record(1).payload);
    })
    .await;
}

pub(crate) async fn a_verb_that_is_dropped_while_it_waits_leaves_its_connection_usable() {
    on_a_schema(async |place| {
        let store = place.builder().connections(1).connect(&place.url).await.unwrap();
        place.create(&store, "a").await;
        let mut other = place.other().await;
        run(&mut other, "BEGIN; SELECT 1 FROM session WHERE sid = 'a' FOR UPDATE").await;
        let (name, record) = (key("a"), place.record(2));
        let update = store.update(&name, &record, None, place.now);
        assert!(tokio::time::timeout(Duration::from_millis(50), update).await.is_err());
        run(&mut other, "COMMIT").await;
        let stored = store.load(&key("a"), None, place.now).await.unwrap().unwrap();
        assert!([place.record(1).payload, place.record(2).payload].contains(&stored.record.payload));
    })
    .await;
}

pub(crate) async fn a_revoke_follows_a_session_that_is_moving() {
    on_a_schema(async |place| {
        let store = place.store().await;
        let owner = Owner::new("somebody").unwrap();
        // To a key behind the old one and to one before it: in an index, a search comes by one of them too early.
        for (old, new) in [("m", "z"), ("m", "a")] {
            place.create(&store, old).await;
            let mut moving = place.other().await;
            run(&mut moving, format!("BEGIN; UPDATE session SET sid = '{new}' WHERE sid = '{old}'")).await;
            let revoke = tokio::spawn({
                let (store, owner) = (store.clone(), owner.clone());
                async move { store.revoke(&owner, None).await }
            });
            waits_for_a_lock(place).await;
            run(&mut moving, "COMMIT").await;
            assert_eq!(revoke.await.unwrap().unwrap(), 1);
            assert!(!place.has(&store, new).await && !place.has(&store, old).await);
        }
    })
    .await;
}

/// Comes back when somebody waits for a lock in this schema.
async fn waits_for_a_lock(place: &super::Place) {
    let mut other = place.other().await;
    let waiting =
        "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%' || $1 || '%'";
    while sqlx::query(waiting).bind(&place.schema).fetch_optional(&mut other).await.unwrap().is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) async fn a_server_that_does_not_answer_keeps_nobody_waiting_and_is_found_again() {
    on_a_schema(async |place| {
        let options = place.options();
        let hole = Hole::before(format!("{}:{}", options.get_host(), options.get_port())).await;
        let patience = Duration::from_millis(300);
        let builder = place.builder().patience(patience).connections(2);
        let store = builder.connect_with(options.host("127.0.0.1").port(hole.port)).await.unwrap();
        place.create(&store, "a").await;
        hole.close();
        // More of them than there are connections, so that the later ones meet what the earlier ones left behind.
        for _ in 0..4 {
            let start = Instant::now();
            let error = store.load(&key("a"), None, place.now).await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Unavailable);
            assert!(start.elapsed() < IN_TIME, "{:?}", start.elapsed());
        }
        hole.open();
        let start = Instant::now();
        while store.load(&key("a"), None, place.now).await.is_err() {
            assert!(start.elapsed() < Duration::from_secs(20), "it was not found again");
        }
    })
    .await;
}

pub(crate) async fn a_server_that_goes_silent_between_two_verbs_takes_no_place_in_the_pool_with_it() {
    on_a_schema(async |place| {
        let options = place.options();
        let hole = Hole::before(format!("{}:{}", options.get_host(), options.get_port())).await;
        let builder = place.builder().patience(Duration::from_millis(300)).connections(1);
        let store = builder.connect_with(options.host("127.0.0.1").port(hole.port)).await.unwrap();
        place.create(&store, "a").await;
        // The answer still comes; what the pool then asks, to see whether the connection is good for another verb, is lost.
        hole.close_behind("originalMaxAge");
        assert!(place.has(&store, "a").await);
        assert!(store.load(&key("a"), None, place.now).await.is_err());
        hole.open();
        let start = Instant::now();
        while store.load(&key("a"), None, place.now).await.is_err() {
            assert!(start.elapsed() < Duration::from_secs(20), "it was not found again");
        }
    })
    .await;
}
