//! Servers whose clock is wrong: by as much as a session lives.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

mod common;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::own::{Own, until};
use common::{create, key, live, now, record};
use session_conformance::Verdict;
use session_core::store::{Created, Record, Store as _};
use session_store_mongodb::MongoStore;
use session_store_mongodb::mongodb::bson::doc;
use session_store_mongodb::mongodb::error::ErrorKind;

const HOUR: Duration = Duration::from_secs(3600);

/// The server looks for what has expired each second, not each minute.
fn shifted(by: &str) -> Option<Own> {
    let mut server = Own::prepare(Some(by), &["--setParameter", "ttlMonitorSleepSecs=1"])?;
    server.start();
    Some(server)
}

/// Every case of the suite must pass.
fn keeps_every_promise(server: Option<Own>, delay: Duration) {
    let Some(server) = server else { return };
    let (url, count) = (server.url(), AtomicU32::new(0));
    let make = move || {
        let collection = format!("sessions_{}", count.fetch_add(1, Ordering::Relaxed));
        let (builder, url) = (MongoStore::builder().collection(collection).removal_delay(delay), url.clone());
        async move { builder.connect(&url).await }
    };
    let reports = session_conformance::directory(make).report();
    assert!(reports.len() > 50, "{}", reports.len());
    let failed: Vec<_> = reports.iter().filter(|report| report.verdict != Verdict::Passed).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn a_server_whose_clock_is_ahead_keeps_every_promise_if_it_removes_later() {
    keeps_every_promise(shifted("+10m"), HOUR);
}

#[test]
fn a_server_whose_clock_is_behind_keeps_every_promise() {
    keeps_every_promise(shifted("-10m"), Duration::ZERO);
}

/// Waits until the server has looked twice from beginning to end for what has expired.
async fn looks_twice(server: &Own) {
    let passes = async || {
        let status = server.command(doc! { "serverStatus": 1 }).await;
        status.get_document("metrics").unwrap().get_document("ttl").unwrap().get_i64("passes").unwrap()
    };
    let enough = passes().await + 2;
    until("a look", async || passes().await >= enough).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_clock_is_ahead_removes_what_has_not_expired_unless_there_is_a_delay() {
    let Some(server) = shifted("+10m") else { return };
    let hello = server.command(doc! { "hello": 1 }).await;
    let ahead = hello.get_datetime("localTime").unwrap().timestamp_millis() / 1000 - now().unix_timestamp();
    assert!((590..=660).contains(&ahead), "the clock is not shifted: {ahead}");

    let short = Record { expires_at: now() + Duration::from_secs(300), ..record(1, None) };
    let plain = MongoStore::connect(&server.url()).await.unwrap();
    create(&plain, "a", &short).await;
    until("the removal", async || live(&plain, "a").await.is_none()).await;

    // On the same collection, whose index is changed.
    let delayed = MongoStore::builder().removal_delay(HOUR).connect(&server.url()).await.unwrap();
    create(&delayed, "a", &short).await;
    let old = now() - 2 * HOUR;
    let over = Record { expires_at: old + Duration::from_secs(1), ..record(2, None) };
    assert!(matches!(delayed.create(&key("b"), &over, old).await.unwrap(), Created::Done(_)));
    looks_twice(&server).await;
    assert!(live(&delayed, "a").await.is_some());
    let database = server.client().await.database("test");
    let sessions = database.collection::<session_store_mongodb::mongodb::bson::Document>("sessions");
    assert_eq!(sessions.count_documents(doc! { "_id": "b" }).await.unwrap(), 0, "it is removed in the end");

    // Who says nothing of a delay leaves it, and connect-mongo does not accept it, which the page says.
    MongoStore::connect(&server.url()).await.unwrap();
    let index = doc! { "key": { "expires": 1 }, "name": "expires_1", "expireAfterSeconds": 0 };
    let node = doc! { "createIndexes": "sessions", "indexes": [index] };
    let refused = database.run_command(node.clone()).await.unwrap_err();
    assert!(matches!(&*refused.kind, ErrorKind::Command(error) if error.code == 85), "{refused}");
    MongoStore::builder().removal_delay(Duration::ZERO).connect(&server.url()).await.unwrap();
    database.run_command(node).await.unwrap();
}
