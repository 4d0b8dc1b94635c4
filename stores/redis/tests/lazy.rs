//! Stores that are there before their servers, and connections that the server closes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::cluster::Cluster;
use common::sentinel::{NAME, Watched};
use common::{Server, ask, key, now, record, until};
use session_core::store::{Created, Directory as _, Extend, Owner, Store as _, StoreErrorKind};
use session_store_redis::redis::aio::MultiplexedConnection;
use session_store_redis::{RedisStore, redis};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

async fn unavailable(store: &RedisStore) {
    let begun = Instant::now();
    let error = store.load(&key("a"), None, now()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    assert!(begun.elapsed() < Duration::from_secs(20));
}

async fn comes(store: &RedisStore) {
    until("the server", async || match store.create(&key("a"), &record(1, Some("o")), now()).await {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
            false
        }
    })
    .await;
    assert_eq!(store.sessions_of(&Owner::new("o").unwrap(), now()).await.unwrap().len(), 1);
}

/// Connections that have names of their own are not ours.
async fn connections(client: &mut MultiplexedConnection) -> usize {
    let _: String = ask(client, "CLIENT SETNAME test").await;
    let list: String = ask(client, "CLIENT LIST TYPE normal").await;
    list.lines().filter(|line| line.contains(" name= ")).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_starts_after_its_store_is_found_by_one_connection() {
    let Some(mut server) = Server::start() else { return };
    server.stop();
    let store = RedisStore::connect_lazy(&server.url()).unwrap();
    unavailable(&store).await;
    unavailable(&store).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut crowd = JoinSet::new();
    for n in 0..200 {
        let (store, stop) = (store.clone(), Arc::clone(&stop));
        crowd.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let _down_or_not = store.load(&key(&n.to_string()), None, now()).await;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
    }
    server.restart();
    comes(&store).await;
    let mut client = server.client().await;
    assert_eq!(connections(&mut client).await, 1);
    let stats: String = ask(&mut client, "INFO stats").await;
    let made = stats.lines().find_map(|line| line.strip_prefix("total_connections_received:")).unwrap();
    // The helper's own: it tried whether the server listens, and asks now.
    assert!(made.parse::<u32>().unwrap() < 20, "{made} connections were made");
    stop.store(true, Ordering::Relaxed);
    crowd.join_all().await;
}

#[tokio::test]
async fn a_cluster_and_sentinels_that_start_after_their_store_are_found() {
    let Some(cluster) = Cluster::start(3, 0).await else { return };
    let mut cluster = cluster.ready().await;
    for node in &mut cluster.0 {
        node.stop();
    }
    let store = RedisStore::builder().connect_cluster_lazy(cluster.urls()).unwrap();
    unavailable(&store).await;
    for node in &mut cluster.0 {
        node.restart();
    }
    comes(&store).await;
    drop(cluster);

    let Some(watched) = Watched::start().await else { return };
    let mut watched = watched.ready().await;
    for sentinel in &mut watched.sentinels {
        sentinel.stop();
    }
    let store = RedisStore::builder().connect_sentinel_lazy(watched.urls(), NAME).unwrap();
    unavailable(&store).await;
    for sentinel in &mut watched.sentinels {
        sentinel.restart();
    }
    comes(&store).await;
}

#[test]
fn what_can_never_work_is_refused_at_once() {
    assert!(RedisStore::connect_lazy("redis://127.0.0.1:1").is_ok());
    let refused = [
        RedisStore::connect_lazy("nonsense://s3cret@host"),
        RedisStore::builder().prefix("").connect_lazy("redis://127.0.0.1:1"),
        RedisStore::builder().connect_cluster_lazy(Vec::<String>::new()),
        RedisStore::builder().connect_cluster_lazy(["redis://127.0.0.1:1/7"]),
        RedisStore::builder().connect_sentinel_lazy(Vec::<String>::new(), NAME),
        RedisStore::builder().connect_sentinel_lazy(["redis://127.0.0.1:1"], ""),
    ];
    for (n, store) in refused.into_iter().enumerate() {
        let error = store.err().unwrap_or_else(|| panic!("{n} is taken"));
        assert_eq!(error.kind(), StoreErrorKind::Refused, "{n}: {error}");
        assert!(!format!("{error} {error:?}").contains("s3cret"));
    }
}

/// Closes all connections but this client's own.
async fn kill_all(clients: &mut [MultiplexedConnection]) -> i64 {
    let mut killed = 0;
    for client in clients {
        killed += ask::<i64>(client, "CLIENT KILL TYPE normal SKIPME yes").await;
    }
    // The other end hears of it.
    tokio::time::sleep(Duration::from_millis(5)).await;
    killed
}

/// Kills all connections before each verb; none may fail.
async fn survives(store: &RedisStore, mut clients: Vec<MultiplexedConnection>) {
    let (owner, to) = (Owner::new("o").unwrap(), now() + Duration::from_secs(900));
    let mut killed = 0;
    for n in 0..6 {
        let a = key(&format!("{n}-a"));
        killed += kill_all(&mut clients).await;
        store.create(&a, &record(n, Some("o")), now()).await.unwrap();
        killed += kill_all(&mut clients).await;
        let stored = store.load(&a, None, now()).await.unwrap().unwrap();
        for due_before in [to, now() + Duration::from_secs(700)] {
            let extend = Extend { due_before, to, original_max_age: Some(600_000) };
            killed += kill_all(&mut clients).await;
            store.load(&a, Some(&extend), now()).await.unwrap().unwrap();
        }
        killed += kill_all(&mut clients).await;
        store.update(&a, &record(n + 1, Some("o")), Some(&stored.version), now()).await.unwrap();
        killed += kill_all(&mut clients).await;
        store.touch(&a, to, None, now()).await.unwrap();
        killed += kill_all(&mut clients).await;
        assert_eq!(store.sessions_of(&owner, now()).await.unwrap().len(), 1);
        killed += kill_all(&mut clients).await;
        assert_eq!(store.count(now()).await.unwrap(), 1);
        killed += kill_all(&mut clients).await;
        assert_eq!(store.revoke(&owner, None).await.unwrap(), 1);
        killed += kill_all(&mut clients).await;
        store.delete(&a, None).await.unwrap();
    }
    assert!(killed >= 40, "{killed}");
}

#[tokio::test]
async fn a_closed_connection_is_no_reason_to_fail() {
    let Some(server) = Server::start() else { return };
    survives(&server.store().await, vec![server.client().await]).await;
    let manager = redis::Client::open(server.url()).unwrap().get_connection_manager().await.unwrap();
    survives(&RedisStore::builder().from_manager(manager).await.unwrap(), vec![server.client().await]).await;

    let Some(watched) = Watched::start().await else { return };
    let watched = watched.ready().await;
    let confirming = RedisStore::builder().wait_for_replicas(1, Duration::from_secs(10));
    for store in [watched.store().await, confirming.connect_sentinel(watched.urls(), NAME).await.unwrap()] {
        survives(&store, vec![watched.servers[0].client().await]).await;
    }

    let Some(cluster) = Cluster::start(3, 0).await else { return };
    let cluster = cluster.ready().await;
    let mut clients = Vec::new();
    for node in &cluster.0 {
        clients.push(node.client().await);
    }
    survives(&cluster.store().await, clients).await;
}

/// Stands between a store and its server. While `cuts` is set, the first answer is kept, and the connection closed.
async fn proxy(port: u16, cuts: Arc<AtomicBool>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let cuts = Arc::clone(&cuts);
            tokio::spawn(async move {
                let mut far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let (mut asked, mut answered) = ([0; 16_384], [0; 16_384]);
                loop {
                    tokio::select! {
                        read = near.read(&mut asked) => match read {
                            Ok(n) if n > 0 => far.write_all(&asked[..n]).await.unwrap(),
                            _ => return,
                        },
                        read = far.read(&mut answered) => match read {
                            Ok(n) if n > 0 && !cuts.swap(false, Ordering::SeqCst) => {
                                near.write_all(&answered[..n]).await.unwrap();
                            }
                            _ => return,
                        },
                    }
                }
            });
        }
    });
    own
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_not_sent_again_and_a_read_is() {
    let Some(server) = Server::start() else { return };
    let cuts = Arc::new(AtomicBool::new(false));
    let port = proxy(server.port(), Arc::clone(&cuts)).await;
    let store = RedisStore::connect(&format!("redis://127.0.0.1:{port}")).await.unwrap();
    let mut client = server.client().await;
    let lose = || cuts.store(true, Ordering::SeqCst);
    // The connection there is, is sound.
    let connected = async || drop(store.load(&key("b"), None, now()).await.unwrap());
    assert!(matches!(store.create(&key("a"), &record(1, Some("o")), now()).await.unwrap(), Created::Done(_)));
    store.update(&key("a"), &record(2, Some("o")), None, now()).await.unwrap();
    let to = now() + Duration::from_secs(900);
    let extend = Extend { due_before: to, to, original_max_age: Some(600_000) };
    store.load(&key("a"), Some(&extend), now()).await.unwrap();

    for _ in 0..5 {
        let _: String = ask(&mut client, "CONFIG RESETSTAT").await;
        lose();
        let lost = store.update(&key("a"), &record(3, Some("o")), None, now()).await.unwrap_err();
        assert_eq!(lost.kind(), StoreErrorKind::Unavailable);
        let stats: String = ask(&mut client, "INFO commandstats").await;
        assert!(stats.contains("cmdstat_evalsha:calls=1,"), "{stats}");
        connected().await;
        lose();
        assert!(store.load(&key("a"), None, now()).await.unwrap().is_some());
        connected().await;
        lose();
        // Extended or not, it is served.
        assert!(store.load(&key("a"), Some(&extend), now()).await.unwrap().is_some());
        connected().await;
        lose();
        assert_eq!(store.count(now()).await.unwrap(), 1);
        connected().await;
    }
}
