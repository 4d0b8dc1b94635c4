//! A cluster: how often each verb goes there, and what becomes of sessions and indexes that lie apart.
#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

mod common;

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::pin;
use std::process::Command;
use std::task::Poll;
use std::time::Duration;

use common::cluster::Cluster;
use common::life::trips_of_a_life;
use common::load::{Load, there};
use common::{ask, key, now, record, words_of};
use session_core::store::{
    Deleted, Directory as _, Owner, Record, Replace, Replaced, Store as _, StoreErrorKind,
};
use session_store_redis::RedisStore;

#[tokio::test]
async fn each_verb_is_as_many_trips_as_the_documentation_says() {
    let Some(cluster) = Cluster::start(3, 0).await else { return };
    let cluster = cluster.ready().await;
    let trips = trips_of_a_life(&cluster, &cluster.store().await).await;
    eprintln!("{trips:?}");
    let expected = [
        ("create, nobody's", 1),
        ("update, nobody's", 1),
        ("load", 1),
        ("load with a due touch, nobody's", 1),
        ("touch, nobody's", 1),
        ("replace, a login", 4),
        ("update", 2),
        ("load with a due touch", 2),
        ("touch", 2),
        ("replace, a renewal", 4),
        ("update to another owner", 3),
        ("delete", 2),
        ("replace, nobody's", 2),
        ("delete, nobody's", 1),
        ("sessions_of 20", 21),
        ("revoke of 20", 22),
    ];
    assert_eq!(trips, expected);

    // With a hash tag in the prefix all lies in one slot, and each verb is one script there.
    let builder = RedisStore::builder().prefix("{sess}:");
    let store = builder.connect_cluster(cluster.urls()).await.unwrap();
    let trips = trips_of_a_life(&cluster, &store).await;
    assert!(trips.iter().all(|(_, trips)| *trips == 1), "{trips:?}");
    assert_eq!(store.count(now()).await.unwrap(), 0);
    store.create(&key("a"), &record(1, Some("o")), now()).await.unwrap();
    assert_eq!(store.page(None, 9, now()).await.unwrap().len(), 1);
    assert_eq!(store.clear().await.unwrap(), 1);
    assert_eq!(store.purge_expired(now(), 9).await.unwrap(), 0);
}

#[tokio::test]
async fn a_revocation_catches_a_session_however_often_it_moves() {
    let Some(cluster) = Cluster::start(3, 0).await else { return };
    let cluster = cluster.ready().await;
    let store = cluster.store().await;
    let mut moves = 0;
    for round in 0..150_u64 {
        let owner = Owner::new(&format!("o{round}")).unwrap();
        let first = key(&format!("{round}-0"));
        store.create(&first, &record(0, Some(owner.as_str())), now()).await.unwrap();
        let mover = {
            let (store, owner) = (store.clone(), owner.clone());
            tokio::spawn(async move {
                let mut old = key(&format!("{round}-0"));
                let Some(stored) = store.load(&old, None, now()).await.unwrap() else { return 0 };
                let mut base = stored.version;
                for n in 1.. {
                    let new = key(&format!("{round}-{n}"));
                    let moved = record(n, Some(owner.as_str()));
                    let payload = format!(
                        r#"{{"cookie":{{}},"_session":{{"v":1,"moved":"{}","until":1}}}}"#,
                        new.as_str()
                    );
                    let tombstone = Record { payload: payload.into(), ..record(n, None) };
                    let tombstone = (round % 3 != 0).then_some(&tombstone);
                    let replace = Replace { old: &old, new: &new, record: &moved, base: &base, tombstone };
                    match store.replace(replace, now()).await.unwrap() {
                        Replaced::Done(version) => (old, base) = (new, version),
                        Replaced::Missing | Replaced::Conflict(_) => return n,
                        Replaced::Exists => panic!("a new key is taken"),
                    }
                }
                0
            })
        };
        // From round to round, the session has moved a little further.
        tokio::time::sleep(Duration::from_micros(round * 40)).await;
        let revoked = store.revoke(&owner, None).await;
        let stopped = tokio::time::timeout(Duration::from_secs(5), mover).await;
        moves += stopped.expect("the session goes on after its revocation").unwrap();
        // A move that stalls is counted under both of its keys.
        assert!(matches!(revoked.unwrap(), 1 | 2), "in round {round}");
        assert!(store.sessions_of(&owner, now()).await.unwrap().is_empty());
        for (_, stored) in store.page(None, 1000, now()).await.unwrap() {
            assert!(stored.record.owner.is_none(), "in round {round}, a session has escaped");
        }
        store.clear().await.unwrap();
    }
    eprintln!("150 sessions were revoked while they moved {moves} times");
    assert!(moves > 150);
}

/// Polls a future so many times, unless it ends before, and drops it; waits until what it has sent has been done.
async fn drop_after(polls: u32, future: impl Future) {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|context| {
        left -= 1;
        if future.as_mut().poll(context).is_ready() || left == 0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    tokio::time::sleep(Duration::from_millis(5)).await;
}

#[tokio::test]
async fn a_verb_broken_off_anywhere_leaves_no_session_that_a_revocation_does_not_find() {
    let Some(cluster) = Cluster::start(3, 0).await else { return };
    let cluster = cluster.ready().await;
    let store = cluster.store().await;
    let (owner, owned) = (Owner::new("o").unwrap(), record(2, Some("o")));
    let mut seen = BTreeSet::new();
    for polls in 1..=30 {
        for verb in ["create", "update", "replace", "replace, with a tombstone"] {
            let (old, new) = (key(&format!("{verb}-{polls}-old")), key(&format!("{verb}-{polls}-new")));
            let first = record(1, None);
            store.create(&old, &first, now()).await.unwrap();
            let base = store.load(&old, None, now()).await.unwrap().unwrap().version;
            let tombstone = Record { payload: r#"{"cookie":{}}"#.into(), ..record(0, None) };
            let tombstone = verb.ends_with("tombstone").then_some(&tombstone);
            let replace = Replace { old: &old, new: &new, record: &owned, base: &base, tombstone };
            match verb {
                "create" => drop_after(polls, store.create(&new, &owned, now())).await,
                "update" => drop_after(polls, store.update(&old, &owned, Some(&base), now())).await,
                _ => drop_after(polls, store.replace(replace, now())).await,
            }
            let at = async |key| store.load(key, None, now()).await.unwrap().map(|stored| stored.record);
            let (at_old, at_new) = (at(&old).await, at(&new).await);
            let is_unchanged = at_old.is_some_and(|record| record.payload == first.payload);
            assert!(
                is_unchanged || verb == "update" || at_new.is_some(),
                "the session is lost: {verb}, {polls} polls"
            );
            seen.insert((verb, is_unchanged, at_new.is_some()));

            store.revoke(&owner, None).await.unwrap();
            // A copy beside the session that was to move is nobody's: its key was never told.
            let is_copy = verb.starts_with("replace") && is_unchanged;
            for (key, may_be_left) in [(&old, false), (&new, is_copy)] {
                let is_theirs = at(key).await.is_some_and(|record| record.owner == owned.owner);
                assert!(!is_theirs || may_be_left, "not revoked: {verb}, {polls} polls");
            }
        }
    }
    // Create and update were broken off both before and after they took effect. A replace goes on when its caller has left,
    // so it is seen to have taken effect, and, if the look came first, not to have.
    for expected in [
        ("create", true, false),
        ("create", true, true),
        ("update", true, false),
        ("update", false, false),
        ("replace", false, true),
        ("replace, with a tombstone", false, true),
    ] {
        assert!(seen.contains(&expected), "{expected:?} is not among {seen:?}");
    }
}

#[tokio::test]
async fn an_index_keeps_what_is_only_announced_and_drops_what_is_over() {
    let Some(cluster) = Cluster::start(3, 0).await else { return };
    let cluster = cluster.ready().await;
    let store = cluster.store().await;
    let owner = Owner::new("o").unwrap();
    let mut client = cluster.primary_of("sess-owner:o").await.client().await;
    let later = (now().unix_timestamp() * 1000 + 600_000).to_string();
    let copy = format!("{later}.5");
    // A login that has listed its session and not yet stored it; and one that never did, some time ago. A session that
    // was moved, by somebody who died before the old one was retired; and a copy that is gone.
    for (member, score) in [("login", &*later), ("dead", "1500000000001"), ("copy", &copy), ("gone", &copy)] {
        let _: i64 = words_of(&mut client, &["ZADD", "sess-owner:o", score, member]).await;
    }
    store.create(&key("a"), &record(1, Some("o")), now()).await.unwrap();
    for name in ["copy", "foreign"] {
        store.create(&key(name), &record(1, None), now()).await.unwrap();
        let update = if name == "copy" { record(2, Some("o")) } else { record(2, Some("p")) };
        store.update(&key(name), &update, None, now()).await.unwrap();
    }
    let _: i64 = words_of(&mut client, &["ZADD", "sess-owner:o", &copy, "copy"]).await;
    let _: i64 = words_of(&mut client, &["ZADD", "sess-owner:o", "1500000000002", "foreign"]).await;

    let found = store.sessions_of(&owner, now()).await.unwrap();
    assert_eq!(found.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["a"]);
    let mut members: Vec<String> = ask(&mut client, "ZRANGE sess-owner:o 0 -1").await;
    members.sort();
    assert_eq!(members, ["a", "copy", "gone", "login"]);

    assert_eq!(store.revoke(&owner, None).await.unwrap(), 2);
    assert!(store.load(&key("copy"), None, now()).await.unwrap().is_none());
    assert_eq!(ask::<Vec<String>>(&mut client, "ZRANGE sess-owner:o 0 -1").await, ["login"]);
    assert_eq!(store.revoke(&owner, None).await.unwrap(), 0);
    // Now it stores it; the index has kept its place.
    let mut home = cluster.primary_of("sess:login").await.client().await;
    let payload = record(3, Some("o")).payload;
    let _: String = words_of(&mut home, &["SET", "sess:login", &payload, "EX", "60"]).await;
    assert_eq!(store.sessions_of(&owner, now()).await.unwrap().len(), 1);
    assert_eq!(store.revoke(&owner, None).await.unwrap(), 1);

    // A purge puts right what others have prolonged, and an index does not keep for ever what nobody puts right.
    store.create(&key("b"), &record(1, Some("o")), now()).await.unwrap();
    let _: i64 = ask(&mut client, "ZADD sess-owner:o 1500000000003 b 1500000000004 c").await;
    assert_eq!(store.purge_expired(now(), 100).await.unwrap(), 1);
    let score: i64 = ask(&mut client, "ZSCORE sess-owner:o b").await;
    let mut home = cluster.primary_of("sess:b").await.client().await;
    let ends: i64 = ask(&mut home, "PEXPIRETIME sess:b").await;
    assert!((score - ends).abs() < 30_000, "{score} {ends}");
    let _: i64 = ask(&mut client, "ZADD sess-owner:o 1500000000005 d").await;
    store.create(&key("e"), &record(1, Some("o")), now()).await.unwrap();
    assert_eq!(ask::<Vec<String>>(&mut client, "ZRANGE sess-owner:o 0 -1").await, ["b", "e"]);
    let index_lives_longer = ask::<i64>(&mut client, "TTL sess-owner:o").await - 600;
    assert!((30 * 86_400 - 5..=30 * 86_400).contains(&index_lives_longer), "{index_lives_longer}");
}

#[tokio::test]
async fn sessions_stay_reachable_while_slots_move() {
    let Some(cluster) = Cluster::start(3, 0).await else { return };
    let cluster = cluster.ready().await;
    let store = cluster.store().await;
    let names: Vec<String> = (0..300).map(|n| format!("still-{n}")).collect();
    for name in &names {
        store.create(&key(name), &record(1, Some("o")), now()).await.unwrap();
    }
    let load = Load::start("moving", &store, 4);
    let mut ids = Vec::new();
    for node in &cluster.0 {
        ids.push(ask::<String>(&mut node.client().await, "CLUSTER MYID").await);
    }
    let first = format!("127.0.0.1:{}", cluster.0[0].port());
    for (from, to) in [(0, 1), (1, 2)] {
        let mut reshard = Command::new("redis-cli");
        reshard.args([
            "--cluster",
            "reshard",
            &first,
            "--cluster-from",
            &ids[from],
            "--cluster-to",
            &ids[to],
        ]);
        reshard.args(["--cluster-slots", "1500", "--cluster-yes"]);
        let output = tokio::task::spawn_blocking(move || reshard.output().unwrap()).await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    let tally = load.stop().await;
    assert_eq!(tally.failed, 0, "{:?}", tally.texts);
    assert_eq!(there(&store, &tally.made).await, tally.made.len());
    assert_eq!(there(&store, &tally.ended).await, 0);
    assert_eq!(there(&store, &names).await, names.len());
    eprintln!(
        "while 3000 slots moved, {} sessions were made and {} ended, and the longest wait was {:?}",
        tally.made.len(),
        tally.ended.len(),
        tally.gap
    );
    assert_eq!(store.revoke(&Owner::new("o").unwrap(), None).await.unwrap(), 300);
}

#[tokio::test]
async fn a_slot_on_its_way_is_asked_for_at_both_ends() {
    let Some(cluster) = Cluster::start(3, 0).await else { return };
    let cluster = cluster.ready().await;
    let store = cluster.store().await;
    let (here, there) = (key("{x}here"), key("{x}there"));
    store.create(&here, &record(1, None), now()).await.unwrap();
    let from = cluster.primary_of("sess:{x}").await;
    let to = cluster.0.iter().find(|node| node.port() != from.port()).unwrap();
    let (mut old, mut new) = (from.client().await, to.client().await);
    let slot: i64 = ask(&mut old, "CLUSTER KEYSLOT sess:{x}").await;
    let (source, target): (String, String) =
        (ask(&mut old, "CLUSTER MYID").await, ask(&mut new, "CLUSTER MYID").await);
    let _: String = ask(&mut new, &format!("CLUSTER SETSLOT {slot} IMPORTING {source}")).await;
    let _: String = ask(&mut old, &format!("CLUSTER SETSLOT {slot} MIGRATING {target}")).await;
    // What is not at the old place any more is looked for at the new one, which has not seen the scripts yet.
    let base = store.load(&here, None, now()).await.unwrap().unwrap().version;
    let moved = record(2, Some("o"));
    let replace = Replace { old: &here, new: &there, record: &moved, base: &base, tombstone: None };
    assert!(matches!(store.replace(replace, now()).await.unwrap(), Replaced::Done(_)));
    assert!(store.load(&here, None, now()).await.unwrap().is_none());
    assert_eq!(*store.load(&there, None, now()).await.unwrap().unwrap().record.payload, *moved.payload);
    assert!(ask::<String>(&mut new, "INFO commandstats").await.contains("cmdstat_asking:calls="));
    assert_eq!(ask::<i64>(&mut new, &format!("CLUSTER COUNTKEYSINSLOT {slot}")).await, 1);
    for node in
        [to, from, cluster.0.iter().find(|node| ![to.port(), from.port()].contains(&node.port())).unwrap()]
    {
        let mut client = node.client().await;
        let _: String = ask(&mut client, &format!("CLUSTER SETSLOT {slot} NODE {target}")).await;
    }
    store.update(&there, &record(3, Some("o")), None, now()).await.unwrap();
    assert_eq!(store.revoke(&Owner::new("o").unwrap(), None).await.unwrap(), 1);
}

#[tokio::test]
async fn the_rights_in_the_documentation_suffice() {
    let Some(cluster) = Cluster::start(3, 3).await else { return };
    let cluster = cluster.ready().await;
    let rights = "ACL SETUSER sessions on >password ~sess:* ~sess-owner:* -@all +select \
                  +evalsha +script|load +scan +get +set +del +unlink +exists +pexpire +pttl +zadd +zrem +zrange \
                  +zscore +zremrangebyscore +cluster|slots +asking +ping +wait";
    for node in &cluster.0 {
        let _: String = ask(&mut node.client().await, rights).await;
    }
    let urls = |password: &str| {
        let url = |node: &common::Server| format!("redis://sessions:{password}@127.0.0.1:{}", node.port());
        cluster.0.iter().map(url).collect::<Vec<_>>()
    };
    let builder = RedisStore::builder().wait_for_replicas(1, Duration::from_millis(500));
    let store = builder.connect_cluster(urls("password")).await.unwrap();
    for _ in 0..2 {
        trips_of_a_life(&cluster, &store).await;
        // The next round finds the connections it waits on idle.
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    store.create(&key("a"), &record(1, Some("o")), now()).await.unwrap();
    assert_eq!(store.count(now()).await.unwrap(), 1);
    assert_eq!(store.page(None, 5, now()).await.unwrap().len(), 1);
    store.purge_expired(now(), 10).await.unwrap();
    assert_eq!(store.clear().await.unwrap(), 1);
    let error = RedisStore::builder().connect_cluster(urls("s3cret")).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Refused);
    assert!(!format!("{error} {error:?}").contains("s3cret"));
}

#[tokio::test]
async fn what_is_no_cluster_is_said_plainly_and_one_node_alive_is_enough() {
    let Some(mut cluster) = Cluster::start(3, 1).await else { return };
    let mut single = common::Server::start().unwrap();
    let refused = |urls: Vec<String>, what: &str| {
        let expected = format!("the session store refused: {what}");
        async move {
            let error = RedisStore::builder().connect_cluster(urls).await.unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    };
    refused(vec![single.url()], "the server is not part of a cluster; use `connect` or `connect_sentinel`")
        .await;
    refused(vec![], "the list of nodes is empty").await;
    refused(vec![format!("{}/1", single.url())], "a cluster has no databases; leave the number out").await;
    refused(vec!["redis+unix:///x".to_owned()], "a cluster's nodes have no Unix sockets").await;
    cluster = cluster.ready().await;
    // One of these is not the key's node, whichever it is.
    for node in &cluster.0[..2] {
        let Ok(store) = RedisStore::connect(&node.url()).await else { continue };
        for n in 0..20 {
            if let Err(error) = store.create(&key(&n.to_string()), &record(1, None), now()).await {
                let expected =
                    "the session store refused: the server is part of a cluster; use `connect_cluster`";
                assert_eq!(error.to_string(), expected);
            }
        }
    }
    single.stop();
    let urls = vec![single.url(), cluster.0[5].url()];
    let store = RedisStore::builder().connect_cluster(urls).await.unwrap();
    for n in 0..20 {
        store.create(&key(&format!("x{n}")), &record(1, Some("o")), now()).await.unwrap();
        assert_eq!(store.delete(&key(&format!("x{n}")), None).await.unwrap(), Deleted::Done);
    }
}
