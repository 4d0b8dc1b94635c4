//! Purging in batches, on call and in the background.

use std::time::Duration;

use session_core::store::Directory as _;
use session_store_sql::SqliteStore;
use time::OffsetDateTime;

use super::{Place, run, tasks};

#[tokio::test]
async fn purge_removes_in_batches_and_goes_on_where_it_stopped() {
    let place = Place::new();
    let store = place.store().await;
    let mut other = place.other().await;
    // 10 000 rows, every tenth of them expired.
    run(
        &mut other,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
         INSERT INTO sessions (key, payload, expires_at, version)
         SELECT 'k' || i, '{\"cookie\":{}}', iif(i % 10 = 0, 1000, 99999999999999), i FROM n",
    )
    .await;
    let mut batches = Vec::new();
    loop {
        let removed = store.purge_expired(place.now, 300).await.unwrap();
        batches.push(removed);
        if removed < 300 {
            break;
        }
    }
    assert_eq!(batches, [300, 300, 300, 100]);
    assert_eq!(store.purge_expired(place.now, 300).await.unwrap(), 0);
    assert_eq!(store.count(OffsetDateTime::UNIX_EPOCH).await.unwrap(), 9000);
    // What expires behind the place where the last call stopped is found as well.
    run(&mut other, "UPDATE sessions SET expires_at = 1000 WHERE key IN ('k1', 'k9999')").await;
    assert_eq!(store.purge_expired(place.now, 300).await.unwrap(), 2);
    assert_eq!(store.purge_expired(place.now, 0).await.unwrap(), 0);
    store.clear().await.unwrap();
    assert_eq!(store.purge_expired(place.now, 300).await.unwrap(), 0);
}

#[tokio::test]
async fn expired_sessions_are_removed_in_the_background_until_the_store_is_dropped() {
    let place = Place::new();
    let _table = place.store().await;
    let mut other = place.other().await;
    let before = tasks::alive();
    let builder = SqliteStore::builder().purge_every(Duration::from_secs(1)).purge_batch(2);
    let store = builder.open(place.file()).await.unwrap();
    for name in ["a", "b", "c", "d", "e", "stays"] {
        place.create(&store, name).await;
    }
    run(&mut other, "UPDATE sessions SET expires_at = 1000 WHERE key <> 'stays'").await;
    tasks::until(async || store.count(OffsetDateTime::UNIX_EPOCH).await.unwrap() == 1).await;
    assert!(place.has(&store, "stays").await);
    drop(store);
    tasks::until(async || tasks::alive() <= before).await;
}

#[tokio::test]
async fn a_store_that_is_closed_leaves_no_task_behind() {
    let place = Place::new();
    let store = place.store().await;
    store.close().await;
    tasks::until(async || tasks::alive() == 0).await;
    drop(store);
}
