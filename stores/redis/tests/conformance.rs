//! Every promise of a session store, on the servers that the environment names: one server, a cluster, and a primary
//! watched by sentinels.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use session_conformance::{StoreSuite, Unavailable};
use session_store_redis::RedisStore;

type Broken = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, Clone, Copy)]
enum Shape {
    Single,
    Cluster,
    Sentinel,
}

fn main() {
    for shape in [Shape::Single, Shape::Cluster, Shape::Sentinel] {
        suite(shape).run();
    }
}

/// What is left of a life is told in whole milliseconds, rounded down here and there.
fn exact(suite: StoreSuite) -> StoreSuite {
    suite.server_clock().expiry_precision(Duration::from_millis(2))
}

/// A prefix of its own for each case.
fn suite(shape: Shape) -> StoreSuite {
    let (name, variable) = match shape {
        Shape::Single => ("redis", "REDIS_URL"),
        Shape::Cluster => ("redis-cluster", "REDIS_CLUSTER_URLS"),
        Shape::Sentinel => ("redis-sentinel", "REDIS_SENTINEL_URLS"),
    };
    let count = AtomicU32::new(0);
    let make = move || {
        let prefix = format!("test-{}-{}:", std::process::id(), count.fetch_add(1, Ordering::Relaxed));
        async move {
            let urls = std::env::var(variable).map_err(|_| {
                Unavailable::new(format!("set {variable}; `cargo xtask services up` starts it"))
            })?;
            let builder = RedisStore::builder().prefix(prefix);
            let store = match shape {
                Shape::Single => builder.connect(&urls).await?,
                Shape::Cluster => builder.connect_cluster(urls.split(',')).await?,
                Shape::Sentinel => builder.connect_sentinel(urls.split(','), "mymaster").await?,
            };
            Ok::<_, Broken>(store)
        }
    };
    let suite = exact(session_conformance::directory(make).named(name));
    match shape {
        Shape::Cluster => suite.moves_in_two_steps(),
        Shape::Single | Shape::Sentinel => suite,
    }
}
