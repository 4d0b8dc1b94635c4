//! A million sessions: what they cost, and that nobody has to wait for them.
//!
//! Alone in its file, because it measures the memory of its process.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]
#![allow(clippy::print_stdout, reason = "the figures are of interest: --nocapture")]

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant};

use session_core::store::{Created, Extend, Record, Store};
use session_core::{IdsAtRest, SessionId, StoreKey};
use session_store_memory::MemoryStore;
use time::OffsetDateTime;
use time::macros::datetime;

const SESSIONS: u64 = 1_000_000;
const PAYLOAD: usize = 251;
const NOW: OffsetDateTime = datetime!(2030-01-01 00:00 UTC);

fn key(n: u64) -> StoreKey {
    let mut entropy = [0; 24];
    entropy[..8].copy_from_slice(&n.to_le_bytes());
    SessionId::from_entropy(entropy).key(IdsAtRest::Hashed)
}

/// Each ends at another second of an hour.
fn record(n: u64) -> Record {
    let start = r#"{"cookie":{"originalMaxAge":3600000},"a":""#;
    let payload = format!("{start}{}\"}}", "x".repeat(PAYLOAD - start.len() - 2));
    Record { payload: payload.into(), expires_at: NOW + Duration::from_secs(3600 + n % 3600), owner: None }
}

/// What this process has in memory. The page size is that of all systems this is run on.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// Times single verbs.
struct Watch {
    times: Vec<Duration>,
    turns: File,
    turn: u64,
}

impl Watch {
    fn new(verbs: u64) -> Self {
        let turns = File::open("/proc/thread-self/schedstat").unwrap();
        Self { times: Vec::with_capacity(verbs as usize), turns, turn: 0 }
    }

    /// How often the system has given this thread a processor.
    fn turn(&self) -> u64 {
        let mut text = [0; 64];
        let length = self.turns.read_at(&mut text, 0).unwrap();
        let text = std::str::from_utf8(&text[..length]).unwrap();
        text.split_whitespace().nth(2).unwrap().parse().unwrap()
    }

    async fn time<T>(&mut self, verb: impl Future<Output = T>) -> T {
        if self.times.len().is_multiple_of(16) {
            self.turn = self.turn();
        }
        let start = Instant::now();
        let answer = verb.await;
        let took = start.elapsed();
        // If the system gave the processor to somebody else meanwhile, a long time says nothing of the store.
        let interrupted = took > Duration::from_millis(1) && self.turn() != self.turn;
        self.times.push(if interrupted { Duration::ZERO } else { took });
        answer
    }

    /// Prints the figures and answers the longest time.
    fn report(mut self, name: &str) -> Duration {
        self.times.sort();
        let at = |part: f64| self.times[(self.times.len() as f64 * part) as usize];
        let longest = *self.times.last().unwrap();
        println!("{name}: median {:?}, one in 10 000 above {:?}, longest {longest:?}", at(0.5), at(0.9999));
        longest
    }
}

#[tokio::test]
async fn a_million_sessions_take_450_bytes_each_and_no_verb_waits_for_them() {
    let store = MemoryStore::new();
    // Coarse, for slow machines. A walk over a million sessions, or a table that moves them all, takes longer.
    let limit = Duration::from_millis(100);
    let mut creating = Watch::new(SESSIONS);

    let before = resident();
    for n in 0..SESSIONS {
        let (key, record) = (key(n), record(n));
        let created = creating.time(store.create(&key, &record, NOW)).await.unwrap();
        assert!(matches!(created, Created::Done(_)));
    }
    // The watch's own notes are not the store's.
    let notes = (creating.times.len() * size_of::<Duration>()) as u64;
    let each = (resident() - before - notes) / SESSIONS;
    println!("{each} bytes a session");
    assert!(each <= 450, "{each} bytes a session");
    assert!(creating.report("create") < limit);

    let mut reading = Watch::new(SESSIONS / 10);
    let extend = Extend {
        due_before: NOW + Duration::from_secs(3700),
        to: NOW + Duration::from_secs(8000),
        original_max_age: Some(3_600_000),
    };
    for n in (0..SESSIONS).step_by(10) {
        let key = key(n);
        assert!(reading.time(store.load(&key, Some(&extend), NOW)).await.unwrap().is_some());
    }
    assert!(reading.report("load") < limit);

    // An hour and a half later half of them have expired, and reads alone clear them away.
    let mut later = Watch::new(SESSIONS);
    let half = NOW + Duration::from_secs(5400);
    let mut rounds = 0;
    while store.held() > SESSIONS as usize * 6 / 10 {
        for n in 0..10_000 {
            let key = key(SESSIONS + n);
            later.time(store.load(&key, None, half)).await.unwrap();
        }
        rounds += 1;
        assert!(rounds < 60, "{} are held", store.held());
    }
    println!("after {} loads, {} are held", rounds * 10_000, store.held());
    assert!(later.report("load while half has expired") < limit);
}
