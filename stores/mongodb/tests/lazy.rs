//! A store that is there before its server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

mod common;

use std::time::{Duration, Instant};

use common::own::{Own, until};
use common::{create, key, live, now, record};
use session_core::store::{Directory as _, Store as _, StoreErrorKind};
use session_store_mongodb::MongoStore;
use session_store_mongodb::mongodb::bson::{Document, doc};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_starts_after_its_store_is_found_and_has_its_indexes() {
    let Some(mut server) = Own::prepare(None, &[]) else { return };
    let builder = MongoStore::builder().patience(Duration::from_millis(500));
    let store = builder.clone().connect_lazy(&server.url()).unwrap();
    let begun = Instant::now();
    let crowd: Vec<_> = (0..50)
        .map(|n: u32| {
            let store = store.clone();
            tokio::spawn(async move { store.load(&key(&n.to_string()), None, now()).await })
        })
        .collect();
    for one in crowd {
        let error = one.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    }
    assert_eq!(store.count(now()).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    let refused = builder.connect(&server.url()).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Unavailable);

    server.start();
    until("the server", async || match store.load(&key("a"), None, now()).await {
        Ok(found) => found.is_none(),
        Err(error) => {
            assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
            false
        }
    })
    .await;
    create(&store, "a", &record(1, None)).await;
    assert!(live(&store, "a").await.is_some());
    let sessions = server.client().await.database("test").collection::<Document>("sessions");
    assert_eq!(sessions.list_index_names().await.unwrap(), ["_id_", "expires_1", "owner_1"]);

    // And again, when it has been there once.
    server.kill();
    assert_eq!(store.load(&key("a"), None, now()).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
    server.start();
    until("the server", async || store.load(&key("a"), None, now()).await.is_ok()).await;
}

#[tokio::test]
async fn what_can_never_work_is_refused_at_once_and_what_a_person_must_mend_at_the_verbs() {
    let urls = ["", "redis://h", "mongodb://", "mongodb://h/?w=0", "mongodb://h/admin", "mongodb://h:port/"];
    for url in urls {
        let error = MongoStore::connect_lazy(url).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Refused, "{url}: {error}");
    }
    let error = MongoStore::builder().collection("a$b").connect_lazy("mongodb://h/").unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Refused);

    let Some(mut server) = Own::prepare(None, &[]) else { return };
    server.start();
    let store = MongoStore::connect_lazy(&server.url()).unwrap();
    let database = server.client().await.database("test");
    database.run_command(doc! { "create": "sessions", "capped": true, "size": 4096 }).await.unwrap();
    let error = store.load(&key("a"), None, now()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Refused, "{error}");
    database.run_command(doc! { "drop": "sessions" }).await.unwrap();
    until("the collection", async || store.load(&key("a"), None, now()).await.is_ok()).await;
}
