//! The store is bounded, and gives back what expired sessions held, unasked.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

use std::sync::Arc;
use std::time::Duration;

use session_core::StoreKey;
use session_core::store::{Created, Directory, Owner, Record, Replace, Replaced, Store, StoreErrorKind};
use session_store_memory::MemoryStore;
use time::OffsetDateTime;
use time::macros::datetime;

const NOW: OffsetDateTime = datetime!(2030-01-01 00:00 UTC);
const MINUTE: Duration = Duration::from_secs(60);

fn key(n: usize) -> StoreKey {
    StoreKey::from_stored(format!("key-{n}"))
}

fn record(life: Duration) -> Record {
    Record { payload: r#"{"cookie":{}}"#.into(), expires_at: NOW + life, owner: Owner::new("somebody") }
}

async fn fill(store: &MemoryStore, keys: std::ops::Range<usize>, life: Duration) {
    for n in keys {
        assert!(matches!(store.create(&key(n), &record(life), NOW).await, Ok(Created::Done(_))));
    }
}

#[tokio::test]
async fn a_full_store_refuses_new_sessions_and_says_what_to_do() {
    let store = MemoryStore::with_capacity(100);
    fill(&store, 0..100, MINUTE).await;
    let error = store.create(&key(100), &record(MINUTE), NOW).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Refused);
    assert!(error.to_string().contains("with_capacity"), "{error}");
    assert_eq!(store.create(&key(0), &record(MINUTE), NOW).await, Ok(Created::Exists), "not an error");
    for n in 0..100 {
        assert!(store.load(&key(n), None, NOW).await.unwrap().is_some(), "no live session was dropped");
    }
    store.delete(&key(7), None).await.unwrap();
    fill(&store, 100..101, MINUTE).await;
    assert_eq!(store.held(), 100);
}

#[tokio::test]
async fn a_full_store_takes_the_places_of_expired_sessions_one_or_all() {
    let store = MemoryStore::with_capacity(100);
    fill(&store, 0..1, MINUTE).await;
    fill(&store, 1..100, 3 * MINUTE).await;
    let later = NOW + 2 * MINUTE;
    assert!(matches!(store.create(&key(100), &record(9 * MINUTE), later).await, Ok(Created::Done(_))));
    assert!(store.create(&key(101), &record(9 * MINUTE), later).await.is_err());
    let later = NOW + 4 * MINUTE;
    for n in 101..200 {
        assert!(matches!(store.create(&key(n), &record(9 * MINUTE), later).await, Ok(Created::Done(_))));
    }
    assert!(store.create(&key(200), &record(9 * MINUTE), later).await.is_err());
    assert_eq!(store.count(later).await, Ok(100));
}

#[tokio::test]
async fn a_full_store_still_moves_sessions() {
    let store = MemoryStore::with_capacity(2);
    fill(&store, 0..2, MINUTE).await;
    let base = store.load(&key(0), None, NOW).await.unwrap().unwrap().version;
    let (record, tombstone) = (record(MINUTE), Record { owner: None, ..record(MINUTE) });
    let replace =
        Replace { old: &key(0), new: &key(9), record: &record, base: &base, tombstone: Some(&tombstone) };
    assert!(matches!(store.replace(replace, NOW).await, Ok(Replaced::Done(_))));
    assert_eq!(store.held(), 3, "the tombstone is counted");
    store.delete(&key(0), None).await.unwrap();
    assert!(store.create(&key(5), &record, NOW).await.is_err());
    let base = store.load(&key(9), None, NOW).await.unwrap().unwrap().version;
    let replace = Replace { old: &key(9), new: &key(10), record: &record, base: &base, tombstone: None };
    assert!(matches!(store.replace(replace, NOW).await, Ok(Replaced::Done(_))));
    assert_eq!(store.held(), 2);
}

#[tokio::test]
async fn a_flood_of_strangers_keeps_nobody_from_logging_in_and_logs_nobody_out() {
    let store = MemoryStore::with_capacity(100);
    fill(&store, 0..10, MINUTE).await;
    for n in 10..100 {
        // The later ones came later, and end later.
        let life = MINUTE + Duration::from_secs(u64::try_from(n).unwrap());
        let stranger = Record { owner: None, ..record(life) };
        assert!(matches!(store.create(&key(n), &stranger, NOW).await, Ok(Created::Done(_))));
    }
    let stranger = Record { owner: None, ..record(MINUTE) };
    let refused = store.create(&key(100), &stranger, NOW).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Refused);
    for n in 100..110 {
        assert!(matches!(store.create(&key(n), &record(MINUTE), NOW).await, Ok(Created::Done(_))));
        assert_eq!(store.held(), 100);
    }
    for n in 0..110 {
        let there = store.load(&key(n), None, NOW).await.unwrap().is_some();
        assert_eq!(there, !(10..20).contains(&n), "the strangers that were there for longest made room: {n}");
    }
    // Once only users are left, there is nobody to make room.
    for n in 110..190 {
        assert!(matches!(store.create(&key(n), &record(MINUTE), NOW).await, Ok(Created::Done(_))));
    }
    let full = store.create(&key(190), &record(MINUTE), NOW).await.unwrap_err();
    assert_eq!((full.kind(), store.held()), (StoreErrorKind::Refused, 100));
}

#[tokio::test]
async fn a_tombstone_makes_no_room() {
    let store = MemoryStore::with_capacity(1);
    let tombstone = r#"{"cookie":{},"_session":{"v":1,"moved":"elsewhere","until":1893456060000}}"#;
    let tombstone = Record { payload: tombstone.into(), owner: None, ..record(MINUTE) };
    assert!(tombstone.is_tombstone(), "the test is about a tombstone");
    store.create(&key(0), &tombstone, NOW).await.unwrap();
    assert!(store.create(&key(1), &record(MINUTE), NOW).await.is_err());
    assert!(store.load(&key(0), None, NOW).await.unwrap().is_some());
}

#[test]
fn threads_that_race_for_the_last_places_get_exactly_as_many_as_there_are() {
    let store = Arc::new(MemoryStore::with_capacity(1000));
    let done: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|thread| {
                let store = Arc::clone(&store);
                scope.spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                    let attempts = (0..500).filter(|n| {
                        let key = key(thread * 1000 + n);
                        runtime.block_on(store.create(&key, &record(MINUTE), NOW)).is_ok()
                    });
                    attempts.count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!((done, store.held()), (1000, 1000));
}

#[tokio::test]
async fn reads_alone_reclaim_what_has_expired() {
    let store = MemoryStore::new();
    fill(&store, 0..10_000, MINUTE).await;
    fill(&store, 10_000..10_100, 10 * MINUTE).await;
    for n in 0..10_000 {
        // Of a session that never was: nothing here touches those that have expired.
        store.load(&key(1_000_000 + n), None, NOW + 2 * MINUTE).await.unwrap();
    }
    assert_eq!(store.held(), 100);
    assert_eq!(store.sessions_of(&Owner::new("somebody").unwrap(), NOW).await.unwrap().len(), 100);
}

#[tokio::test]
async fn expired_sessions_stay_a_fraction_of_the_live_ones() {
    // A new session every second, each of which lives for 1000 seconds: 1000 are live at any time.
    let store = MemoryStore::new();
    let mut most = 0;
    for n in 0..20_000 {
        let now = NOW + Duration::from_secs(n);
        let record = Record { expires_at: now + Duration::from_secs(1000), ..record(MINUTE) };
        store.create(&key(usize::try_from(n).unwrap()), &record, now).await.unwrap();
        most = most.max(store.held());
    }
    assert!(most < 1600, "{most} records were held at a time for 1000 live sessions");
}

#[tokio::test]
async fn a_store_shows_how_many_it_holds_and_nothing_else() {
    let store = MemoryStore::with_capacity(50);
    fill(&store, 0..3, MINUTE).await;
    assert_eq!(format!("{store:?}"), "MemoryStore { held: 3, max_sessions: 50 }");
}
