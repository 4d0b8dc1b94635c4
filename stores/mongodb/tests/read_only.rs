//! A set without a primary: who has chosen a read preference is served what can be read, and nobody's write is half done.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

mod common;

use std::time::Duration;

use common::own::{Own, until};
use common::{create, key, live, now, record};
use session_core::store::{Extend, Replace, Store as _, StoreErrorKind, Stored};
use session_store_mongodb::MongoStore;
use session_store_mongodb::mongodb::bson::doc;

/// Two servers, of which neither is the primary without the other.
async fn pair() -> Option<[Own; 2]> {
    let member = || Own::prepare(None, &["--replSet", "rs0"]);
    let mut pair = [member()?, member()?];
    pair.iter_mut().for_each(Own::start);
    let [a, b] = pair.each_ref().map(|own| format!("127.0.0.1:{}", own.port));
    let config = doc! {
        "_id": "rs0",
        "members": [{ "_id": 0, "host": a, "priority": 2 }, { "_id": 1, "host": b }],
        "settings": { "electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500 },
    };
    pair[0].command(doc! { "replSetInitiate": config }).await;
    until("the primary", async || pair[0].is_primary().await).await;
    Some(pair)
}

async fn extended(store: &MongoStore, to: Duration) -> Result<Stored, StoreErrorKind> {
    let to = now() + to;
    let extend = Extend { due_before: to, to, original_max_age: Some(600_000) };
    let loaded = store.load(&key("a"), Some(&extend), now()).await;
    loaded.map(Option::unwrap).map_err(|error| error.kind())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_primary_a_load_is_served_and_a_write_is_not() {
    let Some(mut pair) = pair().await else { return };
    let [a, b] = pair.each_ref().map(|own| own.port);
    let url = |rest: &str| format!("mongodb://127.0.0.1:{a},127.0.0.1:{b}/?replicaSet=rs0{rest}");
    let plain = MongoStore::connect(&url("")).await.unwrap();
    let mut stores = Vec::new();
    for preference in ["primaryPreferred", "secondaryPreferred", "nearest", "secondary"] {
        let url = url(&format!("&readPreference={preference}"));
        stores.push(MongoStore::connect(&url).await.unwrap());
    }
    let base = create(&plain, "a", &record(1, None)).await;
    let before = live(&plain, "a").await.unwrap();

    pair[0].kill();
    until("the end of the primary", async || !pair[1].is_primary().await).await;
    // One that may read from a secondary only since it knows no other.
    stores.push(MongoStore::connect(&pair[1].url()).await.unwrap());
    for store in &stores {
        let mut served = None;
        until("an answer", async || {
            served = extended(store, Duration::from_secs(900)).await.ok();
            served.is_some()
        })
        .await;
        let served = served.unwrap();
        assert_eq!((served.record, &served.version), (before.clone(), &base), "as it was");
        assert_eq!(live(store, "a").await, Some(before.clone()));

        let next = record(2, None);
        let replace = Replace { old: &key("a"), new: &key("b"), record: &next, base: &base, tombstone: None };
        let errors = [
            store.create(&key("b"), &next, now()).await.map(drop).unwrap_err(),
            store.update(&key("a"), &next, Some(&base), now()).await.map(drop).unwrap_err(),
            store.touch(&key("a"), next.expires_at, Some(&base), now()).await.map(drop).unwrap_err(),
            store.replace(replace, now()).await.map(drop).unwrap_err(),
            store.delete(&key("a"), Some(&base)).await.map(drop).unwrap_err(),
        ];
        for (n, error) in errors.iter().enumerate() {
            assert_eq!(error.kind(), StoreErrorKind::ReadOnly, "{n}: {error}");
        }
    }
    assert_eq!(extended(&plain, Duration::from_secs(900)).await, Err(StoreErrorKind::Unavailable));
    assert_eq!(plain.load(&key("a"), None, now()).await.unwrap_err().kind(), StoreErrorKind::Unavailable);

    pair[0].start();
    for (n, store) in (0..).zip(&stores[..4]) {
        let longer = Duration::from_secs(900 + 60 * n);
        until("a primary", async || {
            let stored = extended(store, longer).await;
            stored.is_ok_and(|stored| stored.record.expires_at > before.expires_at)
        })
        .await;
        assert_eq!(live(store, "b").await, None, "nothing was written");
    }
}
