//! What the store says while the mongod that the environment names is in trouble.
#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

use session_conformance::Unavailable;
use session_store_mongodb::MongoStore;

fn main() {
    let collection = format!("faults_{}", std::process::id());
    let server = || {
        let url =
            std::env::var("MONGODB_URL").map_err(|_| Unavailable::new("set MONGODB_URL to run this"))?;
        let hosts = url.split("://").nth(1).unwrap().split('/').next().unwrap();
        Ok::<_, Unavailable>(hosts.rsplit('@').next().unwrap().to_owned())
    };
    session_conformance::faults(server, move |address| {
        let store = MongoStore::builder().database("test").collection(collection.clone());
        async move { store.connect(&format!("mongodb://{address}/?directConnection=true")).await }
    })
    .named("mongodb")
    .run();
}
