//! A primary of a cluster that fails under load, and what its successor has, with and without waiting for replicas.
#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

mod common;

use std::time::{Duration, Instant};

use common::cluster::{Cluster, cut_off};
use common::load::{Load, recovered, there};
use common::{ask, key, now, record, until};
use session_core::store::{Deleted, Directory as _, Owner, Store as _, StoreErrorKind};
use session_store_redis::RedisStore;

/// Three primaries with a replica each, and a store on them.
async fn cluster_and_store(replicas: u32, within: Duration) -> Option<(Cluster, RedisStore)> {
    let options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"];
    let options = [&options[..], &["--cluster-require-full-coverage", "no"]].concat();
    let cluster = Cluster::start_with(3, 1, &options, &[]).await?.ready().await;
    cluster.replicated().await;
    let builder = RedisStore::builder();
    let store = builder.wait_for_replicas(replicas, within).connect_cluster(cluster.urls()).await.unwrap();
    Some((cluster, store))
}

/// The names whose sessions lie on this node.
async fn on(cluster: &Cluster, port: u16, names: impl IntoIterator<Item = String>) -> Vec<String> {
    let node = cluster.0.iter().find(|node| node.port() == port).unwrap();
    let mut client = node.client().await;
    let mut here = Vec::new();
    for name in names {
        let mut exists = session_store_redis::redis::cmd("EXISTS");
        if exists.arg(format!("sess:{name}")).exec_async(&mut client).await.is_ok() {
            here.push(name);
        }
    }
    here
}

/// The node that a test lets fail: the index of its server.
async fn victim(cluster: &Cluster) -> usize {
    let port = cluster.primaries(None).await[0].port();
    cluster.0.iter().position(|node| node.port() == port).unwrap()
}

async fn failover_under_load(of: &str, replicas: u32) {
    let Some((mut cluster, store)) = cluster_and_store(replicas, Duration::from_millis(200)).await else {
        return;
    };
    let before = Load::start("before", &store, 4);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = before.stop().await;
    cluster.replicated().await;
    let victim = victim(&cluster).await;
    let of_victim =
        on(&cluster, cluster.0[victim].port(), (0..40).map(|n| n.to_string())).await.pop().unwrap();

    let load = Load::start("during", &store, 8);
    tokio::time::sleep(Duration::from_millis(700)).await;
    cluster.0[victim].stop();
    let killed = Instant::now();
    recovered(&store, &of_victim).await;
    let outage = killed.elapsed();
    tokio::time::sleep(Duration::from_millis(700)).await;
    let during = load.stop().await;

    let lost = during.made.len() - there(&store, &during.made).await;
    let revived = there(&store, &during.ended).await;
    eprintln!(
        "{of}: {} sessions made, {lost} of them lost; {} ended, {revived} of them back; {} verbs failed; the slots \
         answered again {outage:?} after the kill; errors: {:?}",
        during.made.len(),
        during.ended.len(),
        during.failed,
        during.texts
    );
    assert_eq!(there(&store, &before.made).await, before.made.len(), "a replicated session was lost");
    assert_eq!(there(&store, &before.ended).await, 0, "a replicated logout was undone");
    // What is in the index of the dead node's successor is all that was in it, so a revocation finds all. The successor
    // has no replica left to wait for.
    let store = cluster.store().await;
    for task in 0..4 {
        store.revoke(&Owner::new(&format!("before-{task}")).unwrap(), None).await.unwrap();
    }
    let left =
        there(&store, before.made.iter().filter(|name| name.ends_with(['1', '3', '5', '7', '9']))).await;
    let expected = before.made.iter().filter(|name| {
        let n: u64 = name.rsplit('-').next().unwrap().parse().unwrap();
        n % 4 >= 2
    });
    assert_eq!(left, expected.count(), "a session of a revoked owner is left");
}

#[tokio::test]
async fn after_a_failover_under_load_all_that_was_replicated_is_there() {
    failover_under_load("without waiting", 0).await;
}

#[tokio::test]
async fn after_a_failover_under_load_the_same_holds_for_a_store_that_waits() {
    failover_under_load("waiting for 1 replica", 1).await;
}

/// Logs out on a primary that is cut off from its replica and then fails: answers how many logouts were answered as
/// done, and how many of these sessions are back.
async fn log_out_before_a_failover(replicas: u32) -> Option<(usize, usize)> {
    let (mut cluster, store) = cluster_and_store(replicas, Duration::from_millis(10)).await?;
    let victim = victim(&cluster).await;
    let names = on(&cluster, cluster.0[victim].port(), (0..60).map(|n| n.to_string())).await;
    for name in &names {
        store.create(&key(name), &record(1, None), now()).await.unwrap();
    }
    cluster.replicated().await;
    cut_off(&cluster.0[victim]).await;
    let mut done = Vec::new();
    for name in &names {
        match store.delete(&key(name), None).await {
            Ok(deleted) => {
                assert_eq!(deleted, Deleted::Done);
                done.push(name);
            }
            Err(error) => assert!(
                error.kind() == StoreErrorKind::Unavailable
                    && error.to_string().ends_with("carried out, but not confirmed by 1 replicas in time"),
                "{error}"
            ),
        }
    }
    assert_eq!(there(&store, &names).await, 0);
    cluster.0[victim].stop();
    recovered(&store, &names[0]).await;
    let back = there(&store, done.iter().copied()).await;
    eprintln!(
        "waiting for {replicas} replicas: of {} logouts {} were answered as done, {back} of these sessions are back",
        names.len(),
        done.len()
    );
    assert!(names.len() > 10 && [0, names.len()].contains(&done.len()));
    Some((done.len(), back))
}

#[tokio::test]
async fn what_a_replica_lacks_is_undone_by_a_failover_and_waiting_for_it_tells() {
    let Some((done, back)) = log_out_before_a_failover(0).await else { return };
    assert!(done > 0 && back == done);
    let (done, _) = log_out_before_a_failover(1).await.unwrap();
    assert_eq!(done, 0);
}

#[tokio::test]
async fn a_silent_primary_is_left_for_its_successor_and_holds_up_nobody_else() {
    let Some((cluster, _)) = cluster_and_store(0, Duration::ZERO).await else { return };
    let store = cluster.store().await;
    // The store's own patience is two seconds: these callers never see it run out.
    let deadline = Duration::from_millis(250);
    let victim = victim(&cluster).await;
    let names: Vec<String> = (0..60).map(|n| n.to_string()).collect();
    for name in &names {
        store.create(&key(name), &record(1, None), now()).await.unwrap();
    }
    cluster.replicated().await;
    let there = on(&cluster, cluster.0[victim].port(), names.iter().cloned()).await;
    let elsewhere: Vec<String> = names.iter().filter(|name| !there.contains(name)).cloned().collect();
    let port = cluster.0[victim].port();
    cluster.0[victim].signal("STOP");
    let begun = Instant::now();
    let others = {
        let store = store.clone();
        tokio::spawn(async move {
            let (mut asked, mut longest) = (0, Duration::ZERO);
            for name in elsewhere.iter().cycle() {
                let sent = Instant::now();
                let patient = Duration::from_secs(1);
                let found = tokio::time::timeout(patient, store.load(&key(name), None, now())).await;
                assert!(found.expect("a node that is well does not answer").unwrap().is_some());
                longest = longest.max(sent.elapsed());
                asked += 1;
                tokio::time::sleep(Duration::from_millis(2)).await;
                if begun.elapsed() > Duration::from_secs(4) {
                    break;
                }
            }
            (asked, longest)
        })
    };
    for name in &there {
        loop {
            match tokio::time::timeout(deadline, store.load(&key(name), None, now())).await {
                Ok(Ok(found)) => {
                    assert!(found.is_some());
                    break;
                }
                Ok(Err(error)) => assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}"),
                Err(_) => {}
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "the successor is not found");
        }
    }
    let found = begun.elapsed();
    let (asked, longest) = others.await.unwrap();
    eprintln!(
        "the successor of a silent primary answered after {found:?}; the other nodes answered {asked} times \
         meanwhile, the slowest after {longest:?}"
    );
    // A walk goes to the primaries as they are now.
    assert!(cluster.primaries(Some(port)).await.iter().all(|node| node.port() != port));
    assert_eq!(store.count(now()).await.unwrap(), names.len() as u64);
    cluster.0[victim].signal("CONT");
    let mut client = cluster.0[victim].client().await;
    until("the old primary's new role", async || {
        ask::<String>(&mut client, "INFO replication").await.contains("role:slave")
    })
    .await;
    assert_eq!(store.clear().await.unwrap(), names.len() as u64);
}
