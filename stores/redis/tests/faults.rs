//! What the store says while the Redis that the environment names is in trouble.
#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

use std::time::Duration;

use session_conformance::Unavailable;
use session_store_redis::RedisStore;

fn main() {
    let prefix = format!("faults-{}:", std::process::id());
    let server = || {
        let url = std::env::var("REDIS_URL").map_err(|_| Unavailable::new("set REDIS_URL to run this"))?;
        Ok::<_, Unavailable>(url.trim_start_matches("redis://").trim_end_matches('/').to_owned())
    };
    session_conformance::faults(server, move |address| {
        let store = RedisStore::builder().prefix(prefix.clone());
        async move { store.connect(&format!("redis://{address}")).await }
    })
    .named("redis")
    .server_clock()
    .expiry_precision(Duration::from_millis(2))
    .run();
}
