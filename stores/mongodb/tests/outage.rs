//! A server that falls silent or closes connections: verbs end in time, and the store recovers by itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

mod common;

use std::time::{Duration, Instant};

use common::hole::Hole;
use common::{Place, cases, create, key, now, on_a_database, record};
use libtest_mimic::Arguments;
use session_core::store::{Store as _, StoreErrorKind};
use session_store_mongodb::MongoStore;

const URL: &str = "MONGODB_URL";

fn main() {
    let cases = cases![
        a_silent_server_is_unavailable_in_time_and_heard_again,
        a_server_that_closes_connections_is_unavailable_in_time_and_found_again,
    ];
    common::run("mongodb", URL, &Arguments::from_args(), cases);
}

const PATIENCE: Duration = Duration::from_millis(400);
/// Far more than an answer takes on a busy machine, and less than the client would wait by itself (30 s).
const IN_TIME: Duration = Duration::from_secs(20);

/// A store on the other side of a hole.
async fn through(hole: &Hole, place: &Place) -> MongoStore {
    let url = format!("mongodb://127.0.0.1:{}/?directConnection=true", hole.port);
    place.builder().patience(PATIENCE).connect(&url).await.unwrap()
}

async fn unavailable(store: &MongoStore) {
    let begun = Instant::now();
    let error = store.load(&key("a"), None, now()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    assert!(begun.elapsed() < IN_TIME, "{:?}", begun.elapsed());
}

async fn recovered(store: &MongoStore) {
    let begun = Instant::now();
    loop {
        match store.load(&key("a"), None, now()).await {
            Ok(stored) => {
                assert!(stored.is_some());
                eprintln!("found again after {:?}", begun.elapsed());
                return;
            }
            Err(error) => assert!(begun.elapsed() < Duration::from_secs(20), "{error}"),
        }
    }
}

async fn a_silent_server_is_unavailable_in_time_and_heard_again() {
    on_a_database(URL, async |place| {
        let hole = Hole::before(place.host()).await;
        let store = through(&hole, place).await;
        create(&store, "a", &record(1, None)).await;
        hole.fall_silent();
        for _ in 0..4 {
            unavailable(&store).await;
        }
        let begun = Instant::now();
        let url = format!("mongodb://127.0.0.1:{}/?directConnection=true", hole.port);
        let refused = place.builder().patience(PATIENCE).connect(&url).await.unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::Unavailable);
        assert!(begun.elapsed() < IN_TIME);
        hole.open();
        recovered(&store).await;
    })
    .await;
}

async fn a_server_that_closes_connections_is_unavailable_in_time_and_found_again() {
    on_a_database(URL, async |place| {
        let hole = Hole::before(place.host()).await;
        let store = through(&hole, place).await;
        create(&store, "a", &record(1, None)).await;
        hole.close();
        for _ in 0..4 {
            unavailable(&store).await;
        }
        hole.open();
        recovered(&store).await;
    })
    .await;
}
