//! A file whose folder comes late, and one that takes no writes: locked, read-only or full.

use std::time::Duration;

use session_core::store::{Extend, Replace, Store as _, StoreErrorKind};
use session_store_sql::SqliteStore;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};

use super::{Place, key, run};

/// Due at once, and to two hours from now.
fn extend(place: &Place) -> Extend {
    let ends = |hours: u64| place.now + Duration::from_secs(3600 * hours);
    Extend { due_before: ends(1), to: ends(2), original_max_age: Some(60_000) }
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what} does not come");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_store_whose_folder_comes_late_works_when_it_is_there() {
    let place = Place::new();
    let folder = place.dir.path().join("mounted/late");
    let store = SqliteStore::connect_lazy(folder.join("sessions.db")).unwrap();
    for _ in 0..3 {
        let error = store.load(&key("a"), None, place.now).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    }
    std::fs::create_dir_all(&folder).unwrap();
    until("the file", async || store.load(&key("a"), None, place.now).await.is_ok()).await;
    place.create(&store, "a").await;
    let other = SqliteStore::builder().existing_file().open(folder.join("sessions.db")).await.unwrap();
    assert!(place.has(&other, "a").await);
    // A closed one does not open the file again, nor does one that has never been used.
    for store in [store, SqliteStore::connect_lazy(folder.join("sessions.db")).unwrap()] {
        store.close().await;
        let error = store.load(&key("a"), None, place.now).await.unwrap_err();
        assert_eq!(error.to_string(), "the session store is unavailable: the store has been closed");
    }
}

#[tokio::test]
async fn of_many_first_users_one_opens_the_file() {
    let place = Place::new();
    let store = SqliteStore::connect_lazy(place.file()).unwrap();
    let loads: Vec<_> = (0..100)
        .map(|_| {
            let (store, now) = (store.clone(), place.now);
            tokio::spawn(async move { store.load(&key("a"), None, now).await })
        })
        .collect();
    for load in loads {
        assert_eq!(load.await.unwrap().unwrap(), None);
    }
    let error = SqliteStore::builder().table("a b").connect_lazy(place.file()).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Refused);
    std::fs::write(place.dir.path().join("text"), "this is a text and no database, and long enough to tell")
        .unwrap();
    let text = SqliteStore::connect_lazy(place.dir.path().join("text")).unwrap();
    assert_eq!(text.load(&key("a"), None, place.now).await.unwrap_err().kind(), StoreErrorKind::Refused);
}

/// A session is served as it is, and no verb writes.
async fn is_read_and_takes_no_writes(place: &Place, store: &SqliteStore) {
    let before = store.load(&key("a"), None, place.now).await.unwrap().unwrap();
    for _ in 0..3 {
        let loaded = store.load(&key("a"), Some(&extend(place)), place.now).await.unwrap();
        assert_eq!(loaded.as_ref(), Some(&before));
    }
    let big = session_core::store::Record { payload: "x".repeat(1 << 20).into(), ..place.record(2) };
    let (now, old, new) = (place.now, key("a"), key("b"));
    let replace =
        Replace { old: &old, new: &new, record: &big, base: &before.version, tombstone: Some(&big) };
    let errors = [
        store.create(&new, &big, now).await.unwrap_err(),
        store.update(&old, &big, None, now).await.unwrap_err(),
        store.replace(replace, now).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), StoreErrorKind::ReadOnly, "{error}");
    }
    assert_eq!(store.load(&key("a"), None, place.now).await.unwrap(), Some(before));
}

#[tokio::test]
async fn a_file_that_another_process_has_locked_serves_sessions_until_it_is_free() {
    let place = Place::new();
    let patience = Duration::from_millis(400);
    let store = SqliteStore::builder().patience(patience).open(place.file()).await.unwrap();
    place.create(&store, "a").await;
    let mut other = place.other().await;
    run(&mut other, "BEGIN EXCLUSIVE").await;
    is_read_and_takes_no_writes(&place, &store).await;
    // One that is opened meanwhile does as well: the table is there.
    let late = SqliteStore::builder().patience(patience).connect_lazy(place.file()).unwrap();
    is_read_and_takes_no_writes(&place, &late).await;
    run(&mut other, "COMMIT").await;
    until("an extension", async || {
        let loaded = store.load(&key("a"), Some(&extend(&place)), place.now).await.unwrap().unwrap();
        loaded.record.expires_at > place.record(1).expires_at
    })
    .await;
}

#[tokio::test]
async fn after_one_load_has_waited_for_the_lock_in_vain_others_do_not_wait_for_it() {
    let place = Place::new();
    let store = SqliteStore::builder().patience(Duration::from_secs(8)).open(place.file()).await.unwrap();
    place.create(&store, "a").await;
    let mut other = place.other().await;
    run(&mut other, "BEGIN IMMEDIATE").await;
    store.load(&key("a"), Some(&extend(&place)), place.now).await.unwrap();
    let begun = std::time::Instant::now();
    store.load(&key("a"), Some(&extend(&place)), place.now).await.unwrap();
    // The lock would have been waited for three seconds.
    assert!(begun.elapsed() < Duration::from_millis(2500), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_file_that_may_only_be_read_or_is_full_serves_sessions() {
    let place = Place::new();
    let store = place.store().await;
    place.create(&store, "a").await;
    let options = || SqliteConnectOptions::new().filename(place.file());
    for options in [options().read_only(true), options().pragma("query_only", "ON")] {
        let pool = SqlitePool::connect_with(options).await.unwrap();
        let reader = SqliteStore::from_pool(pool.clone()).await.unwrap();
        is_read_and_takes_no_writes(&place, &reader).await;
        // Nothing is there yet, and nothing can be made.
        let error = SqliteStore::builder().table("other").from_pool(pool).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::ReadOnly, "{error}");
    }
    let full = SqlitePoolOptions::new().max_connections(1);
    let full = full.connect_with(options().pragma("max_page_count", "20")).await.unwrap();
    let full = SqliteStore::from_pool(full).await.unwrap();
    let before = store.load(&key("a"), None, place.now).await.unwrap();
    let big = session_core::store::Record { payload: "x".repeat(1 << 20).into(), ..place.record(2) };
    let error = full.update(&key("a"), &big, None, place.now).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::ReadOnly, "{error}");
    assert_eq!(full.load(&key("a"), None, place.now).await.unwrap(), before);
}
