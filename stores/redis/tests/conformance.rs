//! Every promise of a session store, on the Redis that the environment names.
#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

use std::sync::atomic::{AtomicU32, Ordering};

use session_conformance::Unavailable;
use session_store_redis::RedisStore;

type Broken = Box<dyn std::error::Error + Send + Sync>;

fn main() {
    let count = AtomicU32::new(0);
    let run = std::process::id();
    // A prefix of its own for each case.
    let make = move || {
        let prefix = format!("test-{run}-{}:", count.fetch_add(1, Ordering::Relaxed));
        async {
            let url = std::env::var("REDIS_URL")
                .map_err(|_| Unavailable::new("set REDIS_URL (redis://127.0.0.1:6379) to run this"))?;
            Ok::<_, Broken>(RedisStore::builder().prefix(prefix).connect(&url).await?)
        }
    };
    session_conformance::directory(make)
        .named("redis")
        .server_clock()
        // It gives a record another owner than its payload names, which this store refuses: Redis keeps the payload and
        // nothing beside it. `node.rs` has the case with a payload that names the owner.
        .only(|name| name != "update_changes_payload_expiry_and_owner")
        .run();
}
