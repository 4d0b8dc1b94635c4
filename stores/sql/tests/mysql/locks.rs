//! Waiting for rows, for connections, and for a server that has gone away.

use std::time::{Duration, Instant};

use session_core::store::{Directory as _, Owner, Store as _, StoreErrorKind, Updated};
use session_store_sql::MysqlStore;
use sqlx::mysql::MySqlPoolOptions;
use sqlx::{AssertSqlSafe, Executor as _};

use super::hole::Hole;
use super::{Place, key, on_a_database, run};

/// Far more than an answer takes on a busy machine, and less than the database would wait by itself (for ever, or 50 s).
const IN_TIME: Duration = Duration::from_secs(20);

pub(crate) async fn two_hundred_writers_of_one_session_all_get_through_in_time() {
    on_a_database(async |place| {
        // So that a machine with other things to do is given the time; a writer that starves is not.
        let store = place.open(MysqlStore::builder().patience(Duration::from_secs(10))).await.unwrap();
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
    on_a_database(async |place| {
        let patience = Duration::from_millis(1500);
        let store = place.open(MysqlStore::builder().patience(patience).connections(2)).await.unwrap();
        place.create(&store, "a").await;
        place.create(&store, "b").await;
        let mut other = place.other().await;
        run(&mut other, "BEGIN; SELECT 1 FROM sessions WHERE session_id = 'a' FOR UPDATE").await;
        let start = Instant::now();
        let error = store.update(&key("a"), &place.record(2), None, place.now).await.unwrap_err();
        assert!(start.elapsed() < IN_TIME, "{:?}", start.elapsed());
        assert_eq!(error.kind(), StoreErrorKind::ReadOnly);
        assert_eq!(
            error.to_string(),
            "the session store takes no writes: MySQL error 1205: another session has locked the row"
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
    on_a_database(async |place| {
        let store = place.open(MysqlStore::builder().connections(1)).await.unwrap();
        place.create(&store, "a").await;
        let mut other = place.other().await;
        run(&mut other, "BEGIN; SELECT 1 FROM sessions WHERE session_id = 'a' FOR UPDATE").await;
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
    on_a_database(async |place| {
        // At either of the levels that servers are set to.
        for level in ["READ COMMITTED", "REPEATABLE READ"] {
            let set = format!("SET SESSION TRANSACTION ISOLATION LEVEL {level}");
            let pool = MySqlPoolOptions::new().after_connect(move |connection, _| {
                let set = set.clone();
                Box::pin(async move { connection.execute(AssertSqlSafe(set)).await.map(drop) })
            });
            let store =
                MysqlStore::from_pool(pool.connect_with(place.options()).await.unwrap()).await.unwrap();
            // To a key behind the old one and to one before it: a search in the index comes by one of them too early.
            for (old, new) in [("m", "z"), ("m", "a")] {
                moves_while_revoked(place, &store, old, new).await;
            }
        }
    })
    .await;
}

/// A session that is about to be moved, and a revoke that waits for it.
async fn moves_while_revoked(place: &Place, store: &MysqlStore, old: &str, new: &str) {
    let owner = Owner::new("somebody").unwrap();
    place.create(store, old).await;
    let mut moving = place.other().await;
    // What InnoDB makes of a changed key, in two steps, so that the revoke can come in between.
    run(&mut moving, format!("BEGIN; DELETE FROM sessions WHERE session_id = '{old}'")).await;
    let revoke = tokio::spawn({
        let (store, owner) = (store.clone(), owner.clone());
        async move { store.revoke(&owner, None).await }
    });
    waits_for_a_lock(place).await;
    // The revoke has read the owner's index up to the old key by now.
    let moved = format!("INSERT INTO sessions VALUES ('{new}', 4000000000, '{{}}', 'somebody'); COMMIT");
    let moved = sqlx::raw_sql(AssertSqlSafe(moved)).execute(&mut moving).await;
    // Either it moved before the revoke, or the server ended it in favour of the revoke (a deadlock).
    if let Err(error) = moved {
        assert_eq!(error.as_database_error().and_then(|error| error.code()).as_deref(), Some("40001"));
        run(&mut moving, "ROLLBACK").await;
    }
    assert_eq!(revoke.await.unwrap().unwrap(), 1);
    assert!(!place.has(store, new).await && !place.has(store, old).await);
}

/// Comes back when somebody waits for a lock in this database.
async fn waits_for_a_lock(place: &Place) {
    let mut other = place.other().await;
    let waiting = "SELECT 1 FROM information_schema.innodb_trx JOIN information_schema.processlist
                   ON id = trx_mysql_thread_id WHERE trx_state = 'LOCK WAIT' AND db = ?";
    // The server renews what this shows only if nobody has asked for a tenth of a second.
    while sqlx::query(waiting).bind(&place.database).fetch_optional(&mut other).await.unwrap().is_none() {
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
}

pub(crate) async fn a_server_that_does_not_answer_keeps_nobody_waiting_and_is_found_again() {
    on_a_database(async |place| {
        let options = place.options();
        let hole = Hole::before(format!("{}:{}", options.get_host(), options.get_port())).await;
        let patience = Duration::from_millis(300);
        let builder = MysqlStore::builder().patience(patience).connections(2);
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
    on_a_database(async |place| {
        let options = place.options();
        let hole = Hole::before(format!("{}:{}", options.get_host(), options.get_port())).await;
        let builder = MysqlStore::builder().patience(Duration::from_millis(300)).connections(1);
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
