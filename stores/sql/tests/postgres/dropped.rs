//! What callers that go away leave on the server, as the server itself sees it.

use std::time::Duration;

use session_core::store::{Created, Directory as _, Owner, Replace, Store as _};

use super::own::until;
use super::{Place, key, on_a_schema};

/// Connections that the pool has at most.
const CONNECTIONS: i64 = 4;

/// A store whose connections can be told from others', and their name.
async fn named(place: &Place) -> (session_store_sql::PostgresStore, String) {
    let name = format!("dropped_{:016x}", rand::random::<u64>());
    let options = place.options().application_name(&name);
    (place.builder().connections(4).connect_with(options).await.unwrap(), name)
}

pub(crate) async fn no_transaction_is_left_by_callers_that_go_away() {
    on_a_schema(async |place| {
        let (store, name) = named(place).await;
        let owner = Owner::new("somebody").unwrap();
        for n in 0..200 {
            let (old, new) = (key(&format!("old-{n}")), key(&format!("new-{n}")));
            let Created::Done(base) = store.create(&old, &place.record(1), place.now).await.unwrap() else {
                panic!("the key is new");
            };
            let (record, tombstone) = (place.record(2), place.record(3));
            let replace =
                Replace { old: &old, new: &new, record: &record, base: &base, tombstone: Some(&tombstone) };
            let stays = Duration::from_micros(n * 10);
            let _gone = tokio::time::timeout(stays, store.replace(replace, place.now)).await;
            if n % 10 == 0 {
                let _gone = tokio::time::timeout(stays, store.revoke(&owner, Some(&old))).await;
            }
        }
        is_at_rest(place, &name).await;
        place.create(&store, "last").await;
        for _ in 0..4 * CONNECTIONS {
            assert!(place.has(&store, "last").await);
        }
    })
    .await;
}

pub(crate) async fn a_walk_that_is_dropped_leaves_no_transaction_and_no_connection() {
    on_a_schema(async |place| {
        let (store, name) = named(place).await;
        for n in 0..100 {
            place.create(&store, &format!("a-{n}")).await;
        }
        for n in 0..100 {
            let stays = Duration::from_micros(n * 10);
            let _gone = tokio::time::timeout(stays, store.count(place.now)).await;
            let _gone = tokio::time::timeout(stays, store.page(None, 50, place.now)).await;
            let _gone = tokio::time::timeout(stays, store.purge_expired(place.now, 10)).await;
        }
        is_at_rest(place, &name).await;
        // None has been taken for good.
        assert_eq!(store.count(place.now).await.unwrap(), 100);
        let all = (0..4 * CONNECTIONS).map(|_| {
            let (store, now) = (store.clone(), place.now);
            tokio::spawn(async move { store.load(&key("a-1"), None, now).await.unwrap().is_some() })
        });
        for one in all.collect::<Vec<_>>() {
            assert!(one.await.unwrap());
        }
    })
    .await;
}

/// Comes back when the server sees all connections idle, none in a transaction, and no more than the pool may have.
async fn is_at_rest(place: &Place, name: &str) {
    let mut other = place.other().await;
    let busy = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND state <> 'idle'";
    until("the end of all transactions", async || {
        let busy: i64 = sqlx::query_scalar(busy).bind(name).fetch_one(&mut other).await.unwrap();
        busy == 0
    })
    .await;
    let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";
    until("the end of closed connections", async || {
        let there: i64 = sqlx::query_scalar(count).bind(name).fetch_one(&mut other).await.unwrap();
        there <= CONNECTIONS
    })
    .await;
}
