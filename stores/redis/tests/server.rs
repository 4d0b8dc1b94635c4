//! A server that dies, falls silent, refuses or closes connections; and how often each verb goes there.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

mod common;

use std::time::{Duration, Instant};

use common::monitor::Monitor;
use common::{Server, ask, key, now, record, words_of};
use session_core::store::{
    Directory as _, Extend, Owner, Replace, Store as _, StoreError, StoreErrorKind, Stored,
};
use session_store_redis::{RedisStore, redis};

const PATIENCE: Duration = Duration::from_millis(400);
/// Far more than an answer takes on a busy machine: who waits for a server that says nothing waits for ever.
const IN_TIME: Duration = Duration::from_secs(20);

async fn patient(server: &Server) -> RedisStore {
    RedisStore::builder().patience(PATIENCE).connect(&server.url()).await.unwrap()
}

async fn unavailable(store: &RedisStore) {
    let begun = Instant::now();
    let error = store.load(&key("a"), None, now()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    assert!(begun.elapsed() < IN_TIME, "{:?}", begun.elapsed());
}

/// Asks until the server answers again.
async fn recovered(store: &RedisStore) -> Option<Stored> {
    let begun = Instant::now();
    loop {
        match store.load(&key("a"), None, now()).await {
            Ok(stored) => return stored,
            Err(error) => assert!(begun.elapsed() < Duration::from_secs(20), "{error}"),
        }
    }
}

#[tokio::test]
async fn a_server_that_dies_is_unavailable_in_time_and_found_again() {
    let Some(mut server) = Server::start() else { return };
    let store = patient(&server).await;
    store.create(&key("a"), &record(1, Some("o")), now()).await.unwrap();
    server.stop();
    for _ in 0..5 {
        unavailable(&store).await;
    }
    server.restart();
    // It kept nothing on disk, and has forgotten the scripts as well.
    assert_eq!(recovered(&store).await, None);
    store.create(&key("a"), &record(2, Some("o")), now()).await.unwrap();
    assert_eq!(store.revoke(&Owner::new("o").unwrap(), None).await.unwrap(), 1);
}

#[tokio::test]
async fn a_silent_server_is_unavailable_in_time_and_heard_again() {
    let Some(server) = Server::start() else { return };
    let store = patient(&server).await;
    store.create(&key("a"), &record(1, None), now()).await.unwrap();
    server.signal("STOP");
    unavailable(&store).await;
    unavailable(&store).await;
    let begun = Instant::now();
    let refused = RedisStore::builder().patience(PATIENCE).connect(&server.url()).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Unavailable);
    assert!(begun.elapsed() < IN_TIME);
    server.signal("CONT");
    assert!(recovered(&store).await.is_some());
    // A connection of the application's own does as well.
    let client = redis::Client::open(server.url()).unwrap();
    let manager = redis::aio::ConnectionManager::new(client).await.unwrap();
    let store = RedisStore::builder().from_manager(manager).await.unwrap();
    assert!(store.load(&key("a"), None, now()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_killed_connection_leaves_no_key_without_ttl() {
    let Some(server) = Server::start() else { return };
    let mut client = server.client().await;
    let own: i64 = ask(&mut client, "CLIENT ID").await;
    let stores = [server.store().await, server.store().await];
    let writers = stores.map(|store| {
        tokio::spawn(async move {
            let (mut done, mut broken) = (0_u64, 0_u64);
            for n in 0..400_u64 {
                let (old, new) = (key(&format!("{n}-a")), key(&format!("{n}-b")));
                let written: Result<(), StoreError> = async {
                    store.create(&old, &record(n, Some("o")), now()).await?;
                    store.update(&old, &record(n + 1, Some("p")), None, now()).await?;
                    store.touch(&old, now() + Duration::from_secs(700), None, now()).await?;
                    let Some(stored) = store.load(&old, None, now()).await? else { return Ok(()) };
                    let record = record(n + 2, Some("o"));
                    let replace = Replace {
                        old: &old,
                        new: &new,
                        record: &record,
                        base: &stored.version,
                        tombstone: Some(&common::record(n, None)),
                    };
                    store.replace(replace, now()).await?;
                    Ok(())
                }
                .await;
                done += u64::from(written.is_ok());
                broken += u64::from(written.is_err());
            }
            (done, broken)
        })
    });
    let mut kills = 0;
    while !writers.iter().all(tokio::task::JoinHandle::is_finished) {
        let list: String = ask(&mut client, "CLIENT LIST").await;
        for id in list.lines().filter_map(|line| line.strip_prefix("id=")?.split(' ').next()) {
            if id != own.to_string() {
                kills += words_of::<i64>(&mut client, &["CLIENT", "KILL", "ID", id]).await;
            }
        }
        tokio::time::sleep(Duration::from_millis(7)).await;
    }
    let mut broken_in_all = 0;
    for writer in writers {
        let (done, broken) = writer.await.unwrap();
        assert!(done > 0);
        broken_in_all += broken;
    }
    assert!(kills > 0 && broken_in_all > 0, "{kills} connections were killed, {broken_in_all} verbs broke");
    let keys: Vec<String> = ask(&mut client, "KEYS *").await;
    assert!(keys.len() > 100, "{}", keys.len());
    assert_eq!(common::without_ttl(&mut client).await, 0);
    eprintln!(
        "{kills} connections killed, {broken_in_all} rounds broken off, {} keys, all with a TTL",
        keys.len()
    );
}

#[tokio::test]
async fn each_verb_is_one_round_trip() {
    let Some(server) = Server::start() else { return };
    let (store, mut client) = (server.store().await, server.client().await);
    let (a, b, owner) = (key("a"), key("b"), Owner::new("o").unwrap());
    for round in 0..2 {
        // The first round gives the server the scripts.
        let mut log = Monitor::open(&server).await;
        let mut trips = Vec::new();
        let to = now() + Duration::from_secs(900);
        let extend = Extend { due_before: to, to, original_max_age: Some(600_000) };
        store.create(&a, &record(1, None), now()).await.unwrap();
        trips.push(("create, nobody's", log.trips(&mut client).await));
        store.update(&a, &record(2, Some("o")), None, now()).await.unwrap();
        trips.push(("update, a login", log.trips(&mut client).await));
        store.load(&a, None, now()).await.unwrap();
        trips.push(("load", log.trips(&mut client).await));
        let stored = store.load(&a, Some(&extend), now()).await.unwrap().unwrap();
        assert!(to - stored.record.expires_at < Duration::from_millis(1));
        trips.push(("load with a touch that is always due", log.trips(&mut client).await));
        let later = now() + Duration::from_secs(2000);
        let due_before = to + Duration::from_secs(60);
        let rarely = Extend { due_before, to: later, original_max_age: Some(600_000) };
        let stored = store.load(&a, Some(&rarely), now()).await.unwrap().unwrap();
        assert!(later - stored.record.expires_at < Duration::from_millis(1));
        let both = log.trips(&mut client).await;
        assert!(round == 0 || both == 2, "the touch has a trip of its own: {both}");
        store.load(&a, Some(&rarely), now()).await.unwrap();
        trips.push(("load with a touch that is not due", log.trips(&mut client).await));
        store.touch(&a, to, Some(&stored.version), now()).await.unwrap();
        trips.push(("touch", log.trips(&mut client).await));
        let moved = record(3, Some("o"));
        let tombstone = record(4, None);
        let replace =
            Replace { old: &a, new: &b, record: &moved, base: &stored.version, tombstone: Some(&tombstone) };
        store.replace(replace, now()).await.unwrap();
        trips.push(("replace", log.trips(&mut client).await));
        store.delete(&a, None).await.unwrap();
        trips.push(("delete", log.trips(&mut client).await));
        for n in 0..50 {
            store.create(&key(&n.to_string()), &record(n, Some("o")), now()).await.unwrap();
        }
        log.trips(&mut client).await;
        assert_eq!(store.sessions_of(&owner, now()).await.unwrap().len(), 51);
        trips.push(("sessions_of", log.trips(&mut client).await));
        assert_eq!(store.revoke(&owner, None).await.unwrap(), 51);
        trips.push(("revoke of 51", log.trips(&mut client).await));
        if round == 1 {
            eprintln!("{trips:?}");
            assert!(trips.iter().all(|(_, trips)| *trips == 1), "{trips:?}");
        }
    }
}

#[tokio::test]
async fn the_rights_in_the_documentation_suffice_and_a_wrong_password_is_not_repeated() {
    let Some(server) = Server::start() else { return };
    let mut client = server.client().await;
    let rights = "ACL SETUSER sessions on >password ~sess:* ~sess-owner:* -@all +select \
                  +evalsha +script|load +scan +get +set +del +unlink +exists +pexpire +pttl +zadd +zrem +zrange \
                  +zscore +zremrangebyscore";
    let _: String = ask(&mut client, rights).await;
    let url = |password: &str| format!("redis://sessions:{password}@127.0.0.1:{}", server.port());
    let store = RedisStore::connect(&url("password")).await.unwrap();
    let (a, b, owner) = (key("a"), key("b"), Owner::new("o").unwrap());
    store.create(&a, &record(1, Some("o")), now()).await.unwrap();
    store.update(&a, &record(2, Some("p")), None, now()).await.unwrap();
    store.update(&a, &record(3, Some("o")), None, now()).await.unwrap();
    store.touch(&a, now() + Duration::from_secs(60), None, now()).await.unwrap();
    let base = store.load(&a, None, now()).await.unwrap().unwrap().version;
    let replace = Replace { old: &a, new: &b, record: &record(4, Some("o")), base: &base, tombstone: None };
    store.replace(replace, now()).await.unwrap();
    assert_eq!(store.sessions_of(&owner, now()).await.unwrap().len(), 1);
    assert_eq!(store.count(now()).await.unwrap(), 1);
    assert_eq!(store.page(None, 5, now()).await.unwrap().len(), 1);
    assert_eq!(store.revoke(&owner, None).await.unwrap(), 1);
    store.create(&a, &record(1, Some("o")), now()).await.unwrap();
    store.delete(&a, None).await.unwrap();
    store.create(&a, &record(1, Some("o")), now()).await.unwrap();
    assert_eq!(store.clear().await.unwrap(), 1);
    store.purge_expired(now(), 10).await.unwrap();
    // An index that is not there is looked for.
    assert!(store.sessions_of(&owner, now()).await.unwrap().is_empty());
    let other = RedisStore::builder().prefix("other:").connect(&url("password")).await.unwrap_err();
    assert_eq!(other.kind(), StoreErrorKind::Refused);

    let error = RedisStore::connect(&url("s3cret-and-wrong")).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Refused, "{error}");
    for error in [error, RedisStore::connect("nonsense://s3cret@host").await.unwrap_err()] {
        assert!(!format!("{error} {error:?}").contains("s3cret"));
    }
}

#[tokio::test]
async fn a_server_without_replicas_confirms_nothing_and_says_so() {
    let Some(mut server) = Server::start() else { return };
    let builder = || RedisStore::builder().wait_for_replicas(1, Duration::from_millis(20));
    let store = builder().connect(&server.url()).await.unwrap();
    for round in 0..3 {
        store.create(&key("a"), &record(1, Some("o")), now()).await.unwrap();
        let unconfirmed = store.delete(&key("a"), None).await.unwrap_err();
        let what = "the change was carried out, but not confirmed by 1 replicas in time";
        assert_eq!(unconfirmed.to_string(), format!("the session store is unavailable: {what}"));
        assert!(store.load(&key("a"), None, now()).await.unwrap().is_none());
        if round == 1 {
            // The idle connection it waited on is gone now, and is no reason to fail.
            server.stop();
            server.restart();
            recovered(&store).await;
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    }
    // On a connection that is shared with others, nobody may wait.
    let client = redis::Client::open(server.url()).unwrap();
    let manager = redis::aio::ConnectionManager::new(client).await.unwrap();
    let refused = builder().from_manager(manager).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Refused);
    let store = builder().wait_for_replicas(0, Duration::ZERO).connect(&server.url()).await.unwrap();
    store.create(&key("a"), &record(1, None), now()).await.unwrap();
    store.delete(&key("a"), None).await.unwrap();
}

#[tokio::test]
async fn a_full_server_refuses_what_is_new_and_still_logs_out() {
    let Some(server) = Server::start() else { return };
    let (store, mut client) = (server.store().await, server.client().await);
    for name in ["a", "b", "c"] {
        store.create(&key(name), &record(1, Some("o")), now()).await.unwrap();
    }
    let _: String = ask(&mut client, "CONFIG SET maxmemory 1").await;
    let to = now() + Duration::from_secs(900);
    let extend = Extend { due_before: to, to, original_max_age: Some(600_000) };
    let errors = [
        store.create(&key("d"), &record(1, None), now()).await.unwrap_err(),
        store.create(&key("d"), &record(1, Some("o")), now()).await.unwrap_err(),
        store.update(&key("a"), &record(2, Some("o")), None, now()).await.unwrap_err(),
    ];
    for error in errors {
        let text = "the session store takes no writes: the server's memory is full; raise `maxmemory` (OOM)";
        assert_eq!(error.to_string(), text);
    }
    let stored = store.load(&key("a"), Some(&extend), now()).await.unwrap().unwrap();
    assert!(to - stored.record.expires_at < Duration::from_millis(1));
    store.touch(&key("b"), to, None, now()).await.unwrap();
    store.delete(&key("a"), None).await.unwrap();
    assert_eq!(store.revoke(&Owner::new("o").unwrap(), None).await.unwrap(), 2);
    assert_eq!(ask::<i64>(&mut client, "DBSIZE").await, 0);
}

#[tokio::test]
async fn a_load_that_extends_nothing_runs_no_script() {
    let Some(server) = Server::start() else { return };
    let (store, mut client) = (server.store().await, server.client().await);
    store.create(&key("a"), &record(1, Some("o")), now()).await.unwrap();
    let to = now() + Duration::from_secs(900);
    let rarely = Extend { due_before: now() + Duration::from_secs(60), to, original_max_age: Some(600_000) };
    // Due at each load, but for this session, which was given longer.
    let end = now() + Duration::from_secs(30);
    let always = Extend { due_before: end, to: end, original_max_age: Some(600_000) };
    for extend in [Some(&rarely), None, Some(&always)] {
        let _: String = ask(&mut client, "CONFIG RESETSTAT").await;
        for _ in 0..500 {
            store.load(&key("a"), extend, now()).await.unwrap().unwrap();
        }
        let stats: String = ask(&mut client, "INFO commandstats").await;
        let of = |name: &str| stats.lines().find(|line| line.starts_with(&format!("cmdstat_{name}:")));
        eprintln!("{:?} {:?} {:?}", of("get"), of("pttl"), of("evalsha"));
        assert!(of("get").is_some_and(|line| line.contains("calls=500,")), "{stats}");
        assert_eq!(of("evalsha").is_some(), extend == Some(&always), "{stats}");
    }
}
