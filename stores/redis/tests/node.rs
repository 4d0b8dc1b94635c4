//! One database with Node servers: what connect-redis writes is read, and what is written is what it would write.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

mod common;

use std::time::Duration;

use common::{Server, ask, key, now, record, words_of};
use session_core::store::{
    Created, Deleted, Directory as _, Extend, Owner, Record, Store as _, StoreErrorKind, Touched, Updated,
};
use session_store_redis::{RedisStore, redis};
use time::OffsetDateTime;

fn seconds_left(end: OffsetDateTime) -> i64 {
    ((end - now()).as_seconds_f64()).round() as i64
}

#[tokio::test]
async fn the_golden_records_are_read_and_written_in_nodes_layout() {
    let Some(server) = Server::start() else { return };
    let mut client = server.client().await;
    let golden: serde_json::Value = serde_json::from_str(include_str!("golden/redis.json")).unwrap();
    let mut seen = 0;
    for vector in golden["vectors"].as_array().unwrap() {
        let prefix = vector["store_options"]["prefix"].as_str().unwrap_or("sess:");
        if prefix.is_empty() {
            assert!(RedisStore::builder().prefix(prefix).connect(&server.url()).await.is_err());
            continue;
        }
        let store = RedisStore::builder().prefix(prefix).connect(&server.url()).await.unwrap();
        let id = vector["session_id"].as_str().unwrap();
        let name = vector["key"].as_str().unwrap();
        let Some(value) = vector["value"].as_str() else {
            // Node removes a session whose time is over by then; a past expiry has the same effect here.
            let past = Record { expires_at: now() - Duration::from_secs(1), ..record(1, None) };
            store.create(&key(id), &past, now()).await.unwrap();
            assert_eq!(words_of::<i64>(&mut client, &["EXISTS", name]).await, 0);
            seen += 1;
            continue;
        };
        let ttl = vector["ttl_after_set"].as_i64().unwrap();
        let text = ttl.to_string();
        let mut set = vec!["SET", name, value];
        if ttl >= 0 {
            set.extend(["EX", &text]);
        }
        let _: String = words_of(&mut client, &set).await;

        let stored = store.load(&key(id), None, now()).await.unwrap().unwrap();
        assert_eq!(&*stored.record.payload, value);
        if ttl >= 0 {
            assert_eq!(seconds_left(stored.record.expires_at), ttl, "{vector}");
        } else {
            assert_eq!(stored.record.expires_at.year(), 9999);
        }

        // What this store writes is what Node wrote.
        let _: i64 = words_of(&mut client, &["DEL", name]).await;
        let life = if ttl >= 0 { ttl } else { 100 };
        let record = Record { expires_at: now() + Duration::from_secs(life.unsigned_abs()), ..stored.record };
        assert!(matches!(store.create(&key(id), &record, now()).await.unwrap(), Created::Done(_)));
        let kind: String = words_of(&mut client, &["TYPE", name]).await;
        assert_eq!(kind, vector["type"].as_str().unwrap());
        assert_eq!(words_of::<String>(&mut client, &["GET", name]).await, value);
        let left: i64 = words_of(&mut client, &["PTTL", name]).await;
        assert!((life * 1000 - 2000..=life * 1000).contains(&left), "{left}");
        assert_eq!(store.delete(&key(id), None).await.unwrap(), Deleted::Done);
        seen += 1;
    }
    assert!(seen >= 20, "{seen} records");
}

#[tokio::test]
async fn an_update_changes_payload_expiry_and_owner_together() {
    let Some(server) = Server::start() else { return };
    let store = server.store().await;
    store.create(&key("a"), &record(1, None), now()).await.unwrap();
    for owner in [Some("one"), Some("two"), None] {
        let record = record(2, owner);
        store.update(&key("a"), &record, None, now()).await.unwrap();
        let stored = store.load(&key("a"), None, now()).await.unwrap().unwrap();
        assert_eq!(
            (stored.record.payload, stored.record.owner),
            (record.payload.clone(), record.owner.clone())
        );
        for other in ["one", "two"] {
            let found = store.sessions_of(&Owner::new(other).unwrap(), now()).await.unwrap();
            assert_eq!(found.len(), usize::from(owner == Some(other)));
        }
        // An owner that the payload does not name could not be read back.
        let other = Record { owner: Owner::new("three"), ..record };
        let refused = store.update(&key("a"), &other, None, now()).await.unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::Refused);
    }
}

#[tokio::test]
async fn a_stale_date_in_the_payload_ends_nothing() {
    let Some(server) = Server::start() else { return };
    let (store, mut client) = (server.store().await, server.client().await);
    let payload = record(1, None).payload;
    assert!(payload.contains("2020-01-01"));
    let _: String = words_of(&mut client, &["SET", "sess:a", &payload, "EX", "300"]).await;
    let stored = store.load(&key("a"), None, now()).await.unwrap().unwrap();
    assert_eq!(seconds_left(stored.record.expires_at), 300);
    let touched =
        store.touch(&key("a"), now() + Duration::from_secs(500), Some(&stored.version), now()).await;
    assert_eq!(touched.unwrap(), Touched::Done);
    assert_eq!(ask::<i64>(&mut client, "TTL sess:a").await, 500);
}

#[tokio::test]
async fn a_write_of_node_between_load_and_save_is_a_conflict() {
    let Some(server) = Server::start() else { return };
    let (store, mut client) = (server.store().await, server.client().await);
    store.create(&key("a"), &record(1, None), now()).await.unwrap();
    let base = store.load(&key("a"), None, now()).await.unwrap().unwrap().version;
    let theirs = record(2, None).payload;
    let _: String = words_of(&mut client, &["SET", "sess:a", &theirs, "EX", "300"]).await;
    let updated = store.update(&key("a"), &record(3, None), Some(&base), now()).await.unwrap();
    let Updated::Conflict(shown) = updated else { panic!("{updated:?}") };
    assert_eq!(shown.record.payload, theirs);
    let again = store.update(&key("a"), &record(3, None), Some(&shown.version), now()).await.unwrap();
    assert!(matches!(again, Updated::Done(_)));
}

#[tokio::test]
async fn a_key_without_ttl_is_a_session_and_gets_one() {
    let Some(server) = Server::start() else { return };
    let (store, mut client) = (server.store().await, server.client().await);
    let payload = record(1, None).payload;
    for name in ["sess:a", "sess:b"] {
        let _: String = words_of(&mut client, &["SET", name, &payload]).await;
    }
    let to = now() + Duration::from_secs(600);
    let extend = Extend { due_before: to, to, original_max_age: Some(600_000) };
    let stored = store.load(&key("a"), Some(&extend), now()).await.unwrap().unwrap();
    assert_eq!(stored.record.expires_at.year(), 9999);
    assert_eq!(store.page(None, 10, now()).await.unwrap().len(), 2);
    store.update(&key("a"), &record(2, None), Some(&stored.version), now()).await.unwrap();
    store.touch(&key("b"), to, Some(&stored.version), now()).await.unwrap();
    assert_eq!(common::without_ttl(&mut client).await, 0);
}

#[tokio::test]
async fn an_expiry_in_the_past_leaves_nothing() {
    let Some(server) = Server::start() else { return };
    let (store, mut client) = (server.store().await, server.client().await);
    let ends = [
        now() - Duration::from_secs(1),
        OffsetDateTime::UNIX_EPOCH,
        OffsetDateTime::UNIX_EPOCH - Duration::from_secs(9),
    ];
    for (owner, expires_at) in ends.into_iter().flat_map(|end| [(None, end), (Some("o"), end)]) {
        let dead = Record { expires_at, ..record(1, owner) };
        store.create(&key("a"), &dead, now()).await.unwrap();
        store.create(&key("b"), &record(1, owner), now()).await.unwrap();
        store.update(&key("b"), &dead, None, now()).await.unwrap();
        store.create(&key("c"), &record(1, owner), now()).await.unwrap();
        store.touch(&key("c"), expires_at, None, now()).await.unwrap();
        for name in ["a", "b", "c"] {
            assert!(store.load(&key(name), None, now()).await.unwrap().is_none());
        }
        assert!(store.sessions_of(&Owner::new("o").unwrap(), now()).await.unwrap().is_empty());
        assert_eq!(ask::<Vec<String>>(&mut client, "KEYS sess:*").await.len(), 0);
        assert_eq!(common::without_ttl(&mut client).await, 0);
    }
}

#[tokio::test]
async fn an_index_that_is_wrong_is_put_right() {
    let Some(server) = Server::start() else { return };
    let (store, mut client) = (server.store().await, server.client().await);
    let owner = Owner::new("o").unwrap();
    for name in ["a", "b", "c", "d"] {
        store.create(&key(name), &record(1, Some("o")), now()).await.unwrap();
    }
    // Node ends one, rewrites another as nobody's, and puts something strange in the place of a third.
    let _: i64 = ask(&mut client, "DEL sess:a sess:c").await;
    let _: String = words_of(&mut client, &["SET", "sess:b", &record(2, None).payload, "EX", "60"]).await;
    let _: i64 = ask(&mut client, "HSET sess:c x y").await;
    let found = store.sessions_of(&owner, now()).await.unwrap();
    assert_eq!(found.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["d"]);
    assert_eq!(ask::<Vec<String>>(&mut client, "ZRANGE sess-owner:o 0 -1").await, ["d"]);
    assert_eq!(store.revoke(&owner, None).await.unwrap(), 1);
    assert!(store.load(&key("b"), None, now()).await.unwrap().is_some());
    let strange = store.load(&key("c"), None, now()).await.unwrap_err();
    assert_eq!(strange.kind(), StoreErrorKind::Corrupt);
}

#[tokio::test]
async fn a_strange_payload_hides_no_owner_and_no_neighbour() {
    let Some(server) = Server::start() else { return };
    let (store, mut client) = (server.store().await, server.client().await);
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    for (n, data) in [r#""\ud800{[\\""#, &deep, "1e400"].into_iter().enumerate() {
        let payload = format!(r#"{{"cookie":{{}},"a":{data},"_session":{{"v":1,"owner":"o"}}}}"#);
        let record = Record { payload: payload.into(), ..record(1, Some("o")) };
        store.create(&key(&n.to_string()), &record, now()).await.unwrap();
    }
    let set = redis_bytes("sess:raw");
    let _: String = set.query_async(&mut client).await.unwrap();
    assert_eq!(store.load(&key("raw"), None, now()).await.unwrap_err().kind(), StoreErrorKind::Corrupt);
    assert_eq!(store.page(None, 10, now()).await.unwrap().len(), 3);
    assert_eq!(store.page(Some(&key("2")), 10, now()).await.unwrap().len(), 0);
    let owner = Owner::new("o").unwrap();
    assert_eq!(store.sessions_of(&owner, now()).await.unwrap().len(), 3);
    assert_eq!(store.revoke(&owner, None).await.unwrap(), 3);
}

fn redis_bytes(name: &str) -> redis::Cmd {
    let mut set = redis::cmd("SET");
    set.arg(name).arg(&b"\xff\xfe"[..]).arg("EX").arg(60);
    set
}
