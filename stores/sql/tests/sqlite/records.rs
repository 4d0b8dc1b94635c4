//! Records that cannot be read, and records that have expired.

use std::time::Duration;

use session_core::store::{
    Created, Deleted, Directory as _, Extend, Record, Replace, Replaced, Store as _, StoreErrorKind, Touched,
    Updated,
};

use super::{Place, key, run};

#[tokio::test]
async fn a_record_that_cannot_be_read_is_an_error_for_its_key_only() {
    let place = Place::new();
    // A table of a tool that is less strict than ours.
    let mut other = place.other().await;
    run(&mut other, "CREATE TABLE sessions (key TEXT PRIMARY KEY, payload, expires_at, version, owner)")
        .await;
    let store = place.store().await;
    let broken = [
        ("a", "NULL, 99999999999999, 1, NULL"),
        ("b", "x'7b7d', 99999999999999, 1, NULL"),
        ("c", "CAST(x'ff' AS TEXT), 99999999999999, 1, NULL"),
        ("d", "'{}', 'soon', 1, NULL"),
        ("e", "'{}', 99999999999999, 'one', NULL"),
        ("f", "'{}', 99999999999999, -1, NULL"),
        ("g", "'{}', 99999999999999, 1, ''"),
        ("h", "'{}', 9223372036854775807, 1, NULL"),
    ];
    for (name, rest) in broken {
        run(
            &mut other,
            format!(
                "INSERT INTO sessions (key, payload, expires_at, version, owner) VALUES ('{name}', {rest})"
            ),
        )
        .await;
    }
    place.create(&store, "z").await;
    for (name, _) in broken {
        let error = store.load(&key(name), None, place.now).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{name}");
    }
    assert!(place.has(&store, "z").await);
    // They hide nobody in a listing, not even where a page holds nothing else.
    for limit in [1, 3, 100] {
        let page = store.page(None, limit, place.now).await.unwrap();
        assert_eq!(page.len(), 1);
        assert_eq!(page[0].0, key("z"));
    }
    assert_eq!(store.delete(&key("a"), None).await.unwrap(), Deleted::Done);
}

#[tokio::test]
async fn no_error_says_a_key_or_a_value() {
    let place = Place::new();
    let store = place.store().await;
    let mut other = place.other().await;
    run(
        &mut other,
        "CREATE TRIGGER no BEFORE INSERT ON sessions BEGIN SELECT RAISE(ABORT, 'my secret'); END",
    )
    .await;
    let error = store.create(&key("key-7"), &place.record(77), place.now).await.unwrap_err();
    let text = format!("{error} {error:?} {store:?}");
    for part in ["key-7", "77", "secret", "somebody", "INSERT", "sessions.db"] {
        assert!(!text.contains(part), "{text}");
    }
}

#[tokio::test]
async fn an_expired_session_does_not_keep_its_key_and_is_not_brought_back() {
    let place = Place::new();
    let store = place.store().await;
    let ended = Record { expires_at: place.now - Duration::from_secs(1), ..place.record(1) };
    let later = place.now + Duration::from_secs(60);
    let Created::Done(base) =
        store.create(&key("a"), &ended, place.now - Duration::from_secs(60)).await.unwrap()
    else {
        panic!("the key is new");
    };
    assert_eq!(store.touch(&key("a"), later, None, place.now).await.unwrap(), Touched::Missing);
    assert_eq!(store.touch(&key("a"), later, Some(&base), place.now).await.unwrap(), Touched::Missing);
    assert_eq!(store.update(&key("a"), &place.record(2), None, place.now).await.unwrap(), Updated::Missing);
    for tombstone in [None, Some(&place.record(3))] {
        let replace =
            Replace { old: &key("a"), new: &key("b"), record: &place.record(2), base: &base, tombstone };
        assert_eq!(store.replace(replace, place.now).await.unwrap(), Replaced::Missing);
    }
    place.create(&store, "a").await;
}

#[tokio::test]
async fn a_due_touch_that_comes_second_sees_what_the_first_has_done() {
    let place = Place::new();
    let store = place.store().await;
    place.create(&store, "a").await;
    let extend = Extend {
        due_before: place.now + Duration::from_secs(90),
        to: place.now + Duration::from_secs(120),
        original_max_age: Some(60_000),
    };
    let (name, now) = (key("a"), place.now);
    let loads = [
        store.load(&name, Some(&extend), now),
        store.load(&name, Some(&extend), now),
        store.load(&name, Some(&extend), now),
    ];
    for load in loads {
        let stored = load.await.unwrap().unwrap();
        assert!(stored.record.expires_at > extend.due_before);
    }
}
