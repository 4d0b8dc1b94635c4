//! Purging in batches, on call and in the background.

use std::time::{Duration, Instant};

use session_core::store::Directory as _;
use time::OffsetDateTime;

use super::{Place, run};

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
async fn a_purge_task_runs_until_it_is_dropped() {
    let place = Place::new();
    let store = place.store().await;
    place.create(&store, "a").await;
    let mut other = place.other().await;
    run(&mut other, "UPDATE sessions SET expires_at = 1000").await;
    let purge = store.spawn_purge(Duration::from_secs(1), 10);
    let rows = || async { store.count(OffsetDateTime::UNIX_EPOCH).await.unwrap() };
    let start = Instant::now();
    while rows().await > 0 {
        assert!(start.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(purge);
    store.close().await;
}
