//! All that can happen to sessions in a cluster, and how often each verb goes there.

use std::time::Duration;

use session_core::StoreKey;
use session_core::store::{Directory as _, Extend, Owner, Replace, Replaced, Store as _, Version};
use session_store_redis::RedisStore;
use session_store_redis::redis::aio::MultiplexedConnection;

use super::cluster::Cluster;
use super::monitor::Monitor;
use super::{key, now, record};

/// Monitors of all nodes.
struct Monitors(Vec<(Monitor, MultiplexedConnection)>);

impl Monitors {
    async fn open(cluster: &Cluster) -> Self {
        let mut all = Vec::new();
        for node in &cluster.0 {
            all.push((Monitor::open(node).await, node.client().await));
        }
        Self(all)
    }

    /// How many commands clients have sent to the whole cluster since the last time.
    async fn trips(&mut self) -> usize {
        let mut trips = 0;
        for (monitor, client) in &mut self.0 {
            trips += monitor.trips(client).await;
        }
        trips
    }
}

async fn base_of(store: &RedisStore, key: &StoreKey) -> Version {
    store.load(key, None, now()).await.unwrap().unwrap().version
}

/// Does what a session can go through, twice, since the first time gives the nodes the scripts; answers the trips.
pub async fn trips_of_a_life(cluster: &Cluster, store: &RedisStore) -> Vec<(&'static str, usize)> {
    let mut trips = Vec::new();
    for _ in 0..2 {
        let mut monitors = Monitors::open(cluster).await;
        trips.clear();
        let (a, b, c) = (key("a"), key("b"), key("c"));
        let to = now() + Duration::from_secs(900);
        let extend = Extend { due_before: to, to, original_max_age: Some(600_000) };
        let tombstone = record(0, None);
        store.create(&a, &record(1, None), now()).await.unwrap();
        trips.push(("create, nobody's", monitors.trips().await));
        store.update(&a, &record(2, None), None, now()).await.unwrap();
        trips.push(("update, nobody's", monitors.trips().await));
        let base = base_of(store, &a).await;
        trips.push(("load", monitors.trips().await));
        store.load(&a, Some(&extend), now()).await.unwrap();
        trips.push(("load with a due touch, nobody's", monitors.trips().await));
        store.touch(&a, to, None, now()).await.unwrap();
        trips.push(("touch, nobody's", monitors.trips().await));
        let record_of = record(3, Some("o"));
        let login =
            Replace { old: &a, new: &b, record: &record_of, base: &base, tombstone: Some(&tombstone) };
        assert!(matches!(store.replace(login, now()).await.unwrap(), Replaced::Done(_)));
        trips.push(("replace, a login", monitors.trips().await));
        store.update(&b, &record(4, Some("o")), None, now()).await.unwrap();
        trips.push(("update", monitors.trips().await));
        store.load(&b, Some(&extend), now()).await.unwrap();
        trips.push(("load with a due touch", monitors.trips().await));
        store.touch(&b, to, None, now()).await.unwrap();
        trips.push(("touch", monitors.trips().await));
        let base = base_of(store, &b).await;
        monitors.trips().await;
        let renewal = Replace { old: &b, new: &c, ..login };
        assert!(matches!(
            store.replace(Replace { base: &base, ..renewal }, now()).await.unwrap(),
            Replaced::Done(_)
        ));
        trips.push(("replace, a renewal", monitors.trips().await));
        store.update(&c, &record(5, Some("p")), None, now()).await.unwrap();
        trips.push(("update to another owner", monitors.trips().await));
        store.delete(&c, None).await.unwrap();
        trips.push(("delete", monitors.trips().await));
        store.delete(&a, None).await.unwrap();
        store.delete(&b, None).await.unwrap();
        monitors.trips().await;
        store.create(&a, &record(1, None), now()).await.unwrap();
        let base = base_of(store, &a).await;
        monitors.trips().await;
        let nobodys = record(6, None);
        let renewal = Replace { old: &a, new: &b, record: &nobodys, base: &base, tombstone: None };
        store.replace(renewal, now()).await.unwrap();
        trips.push(("replace, nobody's", monitors.trips().await));
        store.delete(&b, None).await.unwrap();
        trips.push(("delete, nobody's", monitors.trips().await));
        for n in 0..20 {
            store.create(&key(&n.to_string()), &record(n, Some("o")), now()).await.unwrap();
        }
        monitors.trips().await;
        let owner = Owner::new("o").unwrap();
        assert_eq!(store.sessions_of(&owner, now()).await.unwrap().len(), 20);
        trips.push(("sessions_of 20", monitors.trips().await));
        assert_eq!(store.revoke(&owner, None).await.unwrap(), 20);
        trips.push(("revoke of 20", monitors.trips().await));
    }
    trips
}
