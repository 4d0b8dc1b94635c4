//! An owner's index that Redis has evicted, or that a restore has left out: who revokes is told the truth.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

mod common;

use std::time::Duration;

use common::cluster::Cluster;
use common::{Server, ask, key, now, record, until};
use session_core::store::{Directory as _, Extend, Owner, Replace, Store as _, Touched};
use session_store_redis::RedisStore;
use session_store_redis::redis::aio::MultiplexedConnection;

/// A store whose index can be deleted behind its back.
struct Tried {
    store: RedisStore,
    clients: Vec<MultiplexedConnection>,
    prefix: &'static str,
}

impl Tried {
    async fn log_in(&self, names: &[&str]) {
        for name in names {
            self.store.create(&key(name), &record(1, Some("o")), now()).await.unwrap();
        }
    }

    /// Deletes the index, wherever it is.
    async fn lose(&mut self) {
        let mut lost = 0;
        for client in &mut self.clients {
            let name = format!("{}o", self.prefix);
            let mut delete = session_store_redis::redis::cmd("DEL");
            lost += delete.arg(name).query_async::<i64>(client).await.unwrap_or_default();
        }
        assert_eq!(lost, 1);
    }

    /// How often all servers were asked to walk.
    async fn walks(&mut self) -> u64 {
        let mut walks = 0;
        for client in &mut self.clients {
            let stats: String = ask(client, "INFO commandstats").await;
            let calls = stats.lines().find_map(|line| line.strip_prefix("cmdstat_scan:calls="));
            walks += calls.map_or(0, |calls| calls.split(',').next().unwrap().parse().unwrap());
        }
        walks
    }

    async fn revoke(&self, keep: Option<&str>) -> u64 {
        self.store.revoke(&Owner::new("o").unwrap(), keep.map(key).as_ref()).await.unwrap()
    }

    async fn listed(&self) -> usize {
        self.store.sessions_of(&Owner::new("o").unwrap(), now()).await.unwrap().len()
    }

    async fn count(&self) -> u64 {
        self.store.count(now()).await.unwrap()
    }
}

/// What must hold where no key is evicted.
async fn is_noticed(mut it: Tried) {
    it.store.create(&key("nobody's"), &record(1, None), now()).await.unwrap();
    it.store.create(&key("other's"), &record(1, Some("p")), now()).await.unwrap();
    it.log_in(&["a", "b", "c"]).await;
    it.lose().await;
    assert_eq!(it.listed().await, 3);
    let walks = it.walks().await;
    assert_eq!(it.listed().await, 3);
    assert_eq!(it.walks().await, walks, "once is enough");
    it.lose().await;
    assert_eq!(it.revoke(None).await, 3);
    assert_eq!((it.listed().await, it.count().await), (0, 2));
    let walks = it.walks().await;
    assert_eq!((it.revoke(None).await, it.listed().await), (0, 0));
    assert_eq!(it.walks().await, walks, "that they have none is known now");

    // The caller's own session is not in it.
    it.log_in(&["a", "b"]).await;
    it.lose().await;
    it.log_in(&["c"]).await;
    assert_eq!(it.revoke(Some("a")).await, 2);
    assert_eq!((it.listed().await, it.count().await), (1, 3));
    assert_eq!(it.revoke(None).await, 1);

    // A new login has begun a new index; then an old session is used in some way, and one that was not is found.
    for use_of in 0..6 {
        it.log_in(&["a", "b"]).await;
        let base = it.store.load(&key("a"), None, now()).await.unwrap().unwrap().version;
        it.lose().await;
        it.log_in(&["c"]).await;
        let (to, mut left) = (now() + Duration::from_secs(900), 3);
        let extend = |due_before| Extend { due_before, to, original_max_age: Some(600_000) };
        match use_of {
            0 => assert_eq!(it.store.touch(&key("a"), to, None, now()).await.unwrap(), Touched::Done),
            1 => drop(it.store.load(&key("a"), Some(&extend(to)), now()).await.unwrap()),
            2 => {
                let due = extend(now() + Duration::from_secs(700));
                it.store.load(&key("a"), Some(&due), now()).await.unwrap();
            }
            3 => drop(it.store.update(&key("a"), &record(2, Some("o")), None, now()).await.unwrap()),
            4 if it.clients.len() == 1 => {
                let moved = record(2, Some("o"));
                let replace =
                    Replace { old: &key("a"), new: &key("d"), record: &moved, base: &base, tombstone: None };
                it.store.replace(replace, now()).await.unwrap();
            }
            5 if it.clients.len() == 1 => {
                it.store.delete(&key("a"), None).await.unwrap();
                left = 2;
            }
            // Where the index lies apart, these do not look at what they strike out.
            _ => assert_eq!(it.store.touch(&key("a"), to, None, now()).await.unwrap(), Touched::Done),
        }
        assert_eq!(it.revoke(Some("c")).await, left - 1, "after use {use_of}");
        assert_eq!(it.revoke(None).await, 1);
        assert_eq!(it.count().await, 2);
    }

    // Who has what they need walks over nothing.
    it.log_in(&["a", "b", "c"]).await;
    let walks = it.walks().await;
    assert_eq!((it.listed().await, it.revoke(Some("a")).await), (3, 2));
    assert_eq!(it.walks().await, walks);
}

#[tokio::test]
async fn an_index_that_is_gone_is_noticed_and_filled() {
    let Some(server) = Server::start() else { return };
    let clients = vec![server.client().await];
    is_noticed(Tried { store: server.store().await, clients, prefix: "sess-owner:" }).await;
}

#[tokio::test]
async fn an_index_that_is_gone_is_noticed_and_filled_in_a_cluster() {
    let Some(cluster) = Cluster::start(3, 0).await else { return };
    let cluster = cluster.ready().await;
    let mut clients = Vec::new();
    for node in &cluster.0 {
        clients.push(node.client().await);
    }
    is_noticed(Tried { store: cluster.store().await, clients, prefix: "sess-owner:" }).await;
}

#[tokio::test]
async fn on_a_server_that_evicts_an_index_is_trusted_only_after_a_walk() {
    let Some(server) =
        Server::start_with("redis", &["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"])
    else {
        return;
    };
    let clients = vec![server.client().await];
    let mut it = Tried { store: server.store().await, clients, prefix: "sess-owner:" };
    it.log_in(&["a", "b", "c"]).await;
    it.lose().await;
    it.log_in(&["d"]).await;
    // Nothing but the policy speaks against it.
    assert_eq!(it.listed().await, 4);
    let walks = it.walks().await;
    assert_eq!(it.revoke(Some("d")).await, 3);
    assert_eq!(it.walks().await, walks, "the walk that listed them has proven it");
    it.lose().await;
    assert_eq!(it.revoke(None).await, 1);
}

#[tokio::test]
async fn a_revocation_that_is_given_up_has_begun_to_fill_the_index() {
    let Some(server) = Server::start() else { return };
    let clients = vec![server.client().await];
    let mut it = Tried { store: server.store().await, clients, prefix: "sess-owner:" };
    let names: Vec<String> = (0..3000).map(|n| n.to_string()).collect();
    for name in &names {
        it.store.create(&key(name), &record(1, None), now()).await.unwrap();
    }
    it.log_in(&["a", "b"]).await;
    it.lose().await;
    // Who revokes waits long enough for the walk to begin, and no longer.
    let given_up = it.store.clone();
    let revoking = tokio::spawn(async move { given_up.revoke(&Owner::new("o").unwrap(), None).await });
    let mut client = server.client().await;
    until("the walk", async || {
        let stats: String = ask(&mut client, "INFO commandstats").await;
        stats.contains("cmdstat_scan") || revoking.is_finished()
    })
    .await;
    revoking.abort();
    until("the end of the walk", async || {
        let score: Option<String> = common::words_of(&mut client, &["ZSCORE", "sess-owner:o", ""]).await;
        score.as_deref() == Some("1")
    })
    .await;
    let first = revoking.await.map_or(0, Result::unwrap);
    assert_eq!(first + it.revoke(None).await, 2);
}
