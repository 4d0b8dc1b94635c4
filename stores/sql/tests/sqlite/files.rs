//! The file: restarts, permissions, and what happens when it is taken away, full or read-only.

use std::time::Duration;

use session_core::store::{Directory as _, Record, Store as _, StoreErrorKind};
use session_store_sql::SqliteStore;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};

use super::{Place, key};

#[tokio::test]
async fn sessions_survive_a_restart() {
    let place = Place::new();
    let store = place.store().await;
    place.create(&store, "a").await;
    let before = store.load(&key("a"), None, place.now).await.unwrap();
    store.close().await;
    let error = store.load(&key("a"), None, place.now).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "a closed store says so");

    let store = place.store().await;
    assert_eq!(store.load(&key("a"), None, place.now).await.unwrap(), before);
}

#[tokio::test]
async fn sessions_survive_a_process_that_ends_without_closing() {
    let place = Place::new();
    let store = place.store().await;
    place.create(&store, "a").await;
    // A copy of the files as they lie there now is what a killed process leaves.
    let copy = Place::new();
    for end in ["", "-wal"] {
        let name = format!("sessions.db{end}");
        std::fs::copy(place.dir.path().join(&name), copy.dir.path().join(&name)).unwrap();
    }
    assert!(place.has(&copy.store().await, "a").await);
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_readable_by_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    let store = place.store().await;
    place.create(&store, "a").await;
    for end in ["", "-wal", "-shm"] {
        let file = place.dir.path().join(format!("sessions.db{end}"));
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{end}");
    }
}

#[tokio::test]
async fn a_file_that_must_exist_and_does_not_is_an_error() {
    let place = Place::new();
    let error = SqliteStore::builder().existing_file().open(place.file()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(!place.file().exists());
    let nowhere = place.dir.path().join("no/such/folder.db");
    assert!(SqliteStore::open(nowhere).await.is_err());
    std::fs::write(place.file(), "this is a text and no database, and long enough to tell").unwrap();
    let error = SqliteStore::open(place.file()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Refused);
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_is_taken_away_is_an_error_and_not_a_silent_loss() {
    let place = Place::new();
    let store = place.store().await;
    place.create(&store, "a").await;
    let away = place.dir.path().join("away");
    std::fs::rename(place.file(), &away).unwrap();
    for _ in 0..2 {
        let error = store.create(&key("b"), &place.record(1), place.now).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        assert!(store.load(&key("a"), None, place.now).await.is_err());
        assert!(store.count(place.now).await.is_err());
        assert!(store.clear().await.is_err());
        assert!(store.purge_expired(place.now, 10).await.is_err());
        // A new file of the same name is another file.
        std::fs::write(place.file(), "").unwrap();
    }
    std::fs::rename(&away, place.file()).unwrap();
    assert!(place.has(&store, "a").await);
    place.create(&store, "b").await;
}

#[tokio::test]
async fn a_database_that_may_only_be_read_is_read_and_refuses_writes() {
    let place = Place::new();
    let store = place.store().await;
    place.create(&store, "a").await;
    let options = SqliteConnectOptions::new().filename(place.file()).read_only(true);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    let reader = SqliteStore::from_pool(pool.clone()).await.unwrap();
    assert!(place.has(&reader, "a").await);
    let now = place.now;
    let errors = [
        reader.create(&key("b"), &place.record(1), now).await.unwrap_err(),
        reader.update(&key("a"), &place.record(2), None, now).await.unwrap_err(),
        reader.touch(&key("a"), now + Duration::from_secs(1), None, now).await.unwrap_err(),
        reader.delete(&key("a"), None).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), StoreErrorKind::ReadOnly, "{error}");
    }
    assert!(place.has(&store, "a").await);
    let error = SqliteStore::builder().table("other").from_pool(pool).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::ReadOnly);
}

#[tokio::test]
async fn a_full_disk_refuses_and_leaves_the_session_as_it_was() {
    let place = Place::new();
    let options = SqliteConnectOptions::new()
        .filename(place.file())
        .create_if_missing(true)
        .pragma("max_page_count", "20");
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    let store = SqliteStore::from_pool(pool).await.unwrap();
    place.create(&store, "a").await;
    let big = Record { payload: "x".repeat(1 << 20).into(), ..place.record(2) };
    let error = store.update(&key("a"), &big, None, place.now).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::ReadOnly);
    assert_eq!(
        error.to_string(),
        "the session store takes no writes: SQLite result code 13: there is no space left"
    );
    let stored = store.load(&key("a"), None, place.now).await.unwrap().unwrap();
    assert_eq!(stored.record.payload, place.record(1).payload);
}
