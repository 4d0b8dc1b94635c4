//! Servers that can be read and take no writes: who only reads notices nothing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

mod common;

use std::time::Duration;

use common::cluster::Cluster;
use common::{Server, ask, key, now, record, until, words_of};
use session_core::store::{Directory as _, Extend, Owner, Replace, Store as _, StoreError, StoreErrorKind};
use session_store_redis::RedisStore;

/// Sessions are served with the life they have, and what would write says that nothing was written.
async fn serves_and_writes_nothing(store: &RedisStore) {
    let (now, owner) = (now(), Owner::new("o").unwrap());
    let to = now + Duration::from_secs(2000);
    for due_before in [to, now + Duration::from_secs(900)] {
        let extend = Extend { due_before, to, original_max_age: Some(600_000) };
        for extend in [Some(&extend), None] {
            let stored = store.load(&key("a"), extend, now).await.unwrap().unwrap();
            assert!(
                stored.record.expires_at < now + Duration::from_secs(601),
                "nothing can have been extended"
            );
        }
        assert!(store.load(&key("nobody"), Some(&extend), now).await.unwrap().is_none());
    }
    assert_eq!(store.sessions_of(&owner, now).await.unwrap().len(), 1);
    assert_eq!(store.count(now).await.unwrap(), 1);
    assert_eq!(store.page(None, 9, now).await.unwrap().len(), 1);

    let base = store.load(&key("a"), None, now).await.unwrap().unwrap().version;
    let (nobodys, theirs) = (record(2, None), record(2, Some("o")));
    let replace = Replace { old: &key("a"), new: &key("b"), record: &theirs, base: &base, tombstone: None };
    let answers: [Result<(), StoreError>; 8] = [
        store.create(&key("c"), &nobodys, now).await.map(drop),
        store.create(&key("c"), &theirs, now).await.map(drop),
        store.update(&key("a"), &theirs, None, now).await.map(drop),
        store.touch(&key("a"), to, None, now).await.map(drop),
        store.replace(replace, now).await.map(drop),
        store.delete(&key("a"), None).await.map(drop),
        store.revoke(&owner, None).await.map(drop),
        store.clear().await.map(drop),
    ];
    for (n, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.unwrap_err().kind(), StoreErrorKind::ReadOnly, "verb {n}");
    }
    let stored = store.load(&key("a"), None, now).await.unwrap().unwrap();
    assert_eq!(stored.version, base);
}

async fn writes_again(store: &RedisStore) {
    until("a write that is taken", async || match store.delete(&key("a"), None).await {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.kind(), StoreErrorKind::ReadOnly, "{error}");
            false
        }
    })
    .await;
    store.create(&key("a"), &record(1, Some("o")), now()).await.unwrap();
}

#[tokio::test]
async fn a_server_that_takes_no_writes_serves_who_reads() {
    let Some(server) = Server::start() else { return };
    let (store, mut client) = (server.store().await, server.client().await);
    store.create(&key("a"), &record(1, Some("o")), now()).await.unwrap();
    // Nothing listens there: the data stays what it is.
    let _: String = ask(&mut client, "REPLICAOF 127.0.0.1 1").await;
    serves_and_writes_nothing(&store).await;
    let _: String = ask(&mut client, "REPLICAOF NO ONE").await;
    writes_again(&store).await;

    let _: String = ask(&mut client, "CONFIG SET min-replicas-to-write 1").await;
    serves_and_writes_nothing(&store).await;
    let _: String = ask(&mut client, "CONFIG SET min-replicas-to-write 0").await;
    writes_again(&store).await;

    // A disk that nothing can be saved to.
    std::fs::remove_dir_all(server.folder()).unwrap();
    let _: String = words_of(&mut client, &["CONFIG", "SET", "save", "3600 1000000"]).await;
    let _: String = ask(&mut client, "BGSAVE").await;
    until("the failed save", async || {
        let info: String = ask(&mut client, "INFO persistence").await;
        info.contains("rdb_last_bgsave_status:err")
    })
    .await;
    serves_and_writes_nothing(&store).await;
    let _: String = ask(&mut client, "CONFIG SET stop-writes-on-bgsave-error no").await;
    writes_again(&store).await;
}

#[tokio::test]
async fn nodes_of_a_cluster_that_take_no_writes_serve_who_reads() {
    let Some(cluster) = Cluster::start(3, 0).await else { return };
    let cluster = cluster.ready().await;
    let store = cluster.store().await;
    store.create(&key("a"), &record(1, Some("o")), now()).await.unwrap();
    for replicas in ["1", "0"] {
        for node in &cluster.0 {
            let mut client = node.client().await;
            let _: String = ask(&mut client, &format!("CONFIG SET min-replicas-to-write {replicas}")).await;
        }
        if replicas == "1" {
            serves_and_writes_nothing(&store).await;
        }
    }
    writes_again(&store).await;
}
