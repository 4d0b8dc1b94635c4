//! Every promise of a session store, on the MongoDB servers that the environment names: one of its own, and a set.
#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

use std::sync::atomic::{AtomicU32, Ordering};

use session_conformance::{StoreSuite, Unavailable};
use session_store_mongodb::{Layout, MongoStore, mongodb};

type Broken = Box<dyn std::error::Error + Send + Sync>;

fn main() {
    let database = format!("conformance_{:016x}", rand::random::<u64>());
    suite("mongodb", "MONGODB_URL", &database, Layout::String).run();
    // An object holds values, not their spelling, and no NUL in a key; `node.rs` says what comes back.
    let spelling =
        ["quotes_and_escapes", "an_escaped_nul", "the_spelling_of_numbers", "order_and_white_space"];
    let objects = suite("mongodb-object", "MONGODB_URL", &database, Layout::Object);
    objects.only(move |name| !spelling.iter().any(|case| name.starts_with(case))).run();
    suite("mongodb-replica", "MONGODB_REPLICA_URL", &database, Layout::String).run();
    for variable in ["MONGODB_URL", "MONGODB_REPLICA_URL"] {
        remove(variable, &database);
    }
}

/// A new collection for each case, in one database.
fn suite(name: &str, variable: &'static str, database: &str, layout: Layout) -> StoreSuite {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let database = database.to_owned();
    let make = move || {
        let collection = format!("sessions_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let builder = MongoStore::builder().database(&database).collection(collection).layout(layout);
        async move {
            let url = std::env::var(variable)
                .map_err(|_| Unavailable::new(format!("set {variable} to run this")))?;
            Ok::<_, Broken>(builder.connect(&url).await?)
        }
    };
    session_conformance::directory(make).named(name)
}

fn remove(variable: &str, database: &str) {
    let Ok(url) = std::env::var(variable) else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = mongodb::Client::with_uri_str(url).await.unwrap();
        client.database(database).drop().await.unwrap();
    });
}
