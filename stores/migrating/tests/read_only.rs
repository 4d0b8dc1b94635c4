//! A pair of which one store takes no writes for a while, or is not there yet.
#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use session_core::StoreKey;
use session_core::store::{
    Created, Deleted, Extend, Record, Replace, Replaced, Store, StoreError, StoreErrorKind, Stored, Touched,
    Updated, Version, async_trait,
};
use session_store_memory::MemoryStore;
use session_store_migrating::Migrating;
use time::{Duration, OffsetDateTime};

/// A store that takes no writes, or is not there yet, for as long as it is told so.
#[derive(Default)]
struct Moody {
    memory: MemoryStore,
    is_read_only: AtomicBool,
    is_away: AtomicBool,
}

type Answer<T> = Result<T, StoreError>;

impl Moody {
    fn reads(&self) -> Answer<&MemoryStore> {
        if self.is_away.load(Ordering::SeqCst) {
            return Err(StoreError::unavailable("not there yet"));
        }
        Ok(&self.memory)
    }

    fn writes(&self) -> Answer<&MemoryStore> {
        if self.is_read_only.load(Ordering::SeqCst) {
            return Err(StoreError::read_only("for a while"));
        }
        self.reads()
    }
}

#[async_trait]
impl Store for Moody {
    async fn load(
        &self,
        key: &StoreKey,
        extend: Option<&Extend>,
        now: OffsetDateTime,
    ) -> Answer<Option<Stored>> {
        self.reads()?.load(key, extend, now).await
    }

    async fn create(&self, key: &StoreKey, record: &Record, now: OffsetDateTime) -> Answer<Created> {
        self.writes()?.create(key, record, now).await
    }

    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        base: Option<&Version>,
        now: OffsetDateTime,
    ) -> Answer<Updated> {
        self.writes()?.update(key, record, base, now).await
    }

    async fn touch(
        &self,
        key: &StoreKey,
        expires_at: OffsetDateTime,
        base: Option<&Version>,
        now: OffsetDateTime,
    ) -> Answer<Touched> {
        self.writes()?.touch(key, expires_at, base, now).await
    }

    async fn replace(&self, replace: Replace<'_>, now: OffsetDateTime) -> Answer<Replaced> {
        self.writes()?.replace(replace, now).await
    }

    async fn delete(&self, key: &StoreKey, base: Option<&Version>) -> Answer<Deleted> {
        self.writes()?.delete(key, base).await
    }
}

fn key(name: &str) -> StoreKey {
    StoreKey::from_stored(name)
}

fn record(now: OffsetDateTime, value: u32) -> Record {
    let payload = format!(r#"{{"value":{value}}}"#).into();
    Record { payload, expires_at: now + Duration::minutes(30), owner: None }
}

#[tokio::test]
async fn a_session_that_cannot_move_is_read_where_it_is_and_not_changed() {
    let now = OffsetDateTime::now_utc().replace_nanosecond(0).unwrap();
    for new_is_read_only in [true, false] {
        let (new, old) = (Arc::new(Moody::default()), Arc::new(Moody::default()));
        let both = Migrating::new(Arc::clone(&new), Arc::clone(&old));
        let (first, next) = (record(now, 1), record(now, 2));
        old.create(&key("a"), &first, now).await.unwrap();
        let stubborn = if new_is_read_only { &new } else { &old };
        stubborn.is_read_only.store(true, Ordering::SeqCst);

        for _ in 0..2 {
            let extend =
                Extend { due_before: first.expires_at, to: first.expires_at, original_max_age: None };
            let read = both.load(&key("a"), Some(&extend), now).await.unwrap().unwrap();
            assert_eq!((read.record, &read.version), (first.clone(), &Version::unknown()));
            let base = read.version;
            let replace =
                Replace { old: &key("a"), new: &key("b"), record: &next, base: &base, tombstone: None };
            let errors = [
                both.update(&key("a"), &next, Some(&base), now).await.map(drop).unwrap_err(),
                both.update(&key("a"), &next, None, now).await.map(drop).unwrap_err(),
                both.touch(&key("a"), next.expires_at, Some(&base), now).await.map(drop).unwrap_err(),
                both.replace(replace, now).await.map(drop).unwrap_err(),
                both.delete(&key("a"), Some(&base)).await.map(drop).unwrap_err(),
                both.delete(&key("a"), None).await.map(drop).unwrap_err(),
            ];
            for (n, error) in errors.iter().enumerate() {
                assert_eq!(error.kind(), StoreErrorKind::ReadOnly, "{n}: {error}");
            }
            assert!(new.memory.load(&key("a"), None, now).await.unwrap().is_none(), "no copy stays");
        }

        stubborn.is_read_only.store(false, Ordering::SeqCst);
        let moved = both.load(&key("a"), None, now).await.unwrap().unwrap();
        assert_eq!(moved.record, first);
        assert!(old.load(&key("a"), None, now).await.unwrap().is_none());
        assert!(matches!(
            both.update(&key("a"), &next, Some(&moved.version), now).await.unwrap(),
            Updated::Done(_)
        ));
    }
}

#[tokio::test]
async fn what_one_store_has_taken_is_not_called_nothing() {
    let now = OffsetDateTime::now_utc();
    let (new, old) = (Arc::new(Moody::default()), Arc::new(Moody::default()));
    let both = Migrating::new(Arc::clone(&new), Arc::clone(&old));
    both.create(&key("a"), &record(now, 1), now).await.unwrap();
    old.is_read_only.store(true, Ordering::SeqCst);
    // It may still be in the old store, if who moved it died between the two.
    let error = both.delete(&key("a"), None).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    assert!(both.load(&key("a"), None, now).await.unwrap().is_none());
}

#[tokio::test]
async fn a_store_that_is_not_there_yet_is_an_error_and_works_when_it_is() {
    let now = OffsetDateTime::now_utc();
    for new_is_late in [true, false] {
        let (new, old) = (Arc::new(Moody::default()), Arc::new(Moody::default()));
        old.create(&key("a"), &record(now, 1), now).await.unwrap();
        let late = if new_is_late { &new } else { &old };
        late.is_away.store(true, Ordering::SeqCst);
        let both = Migrating::new(Arc::clone(&new), Arc::clone(&old));
        for error in [
            both.load(&key("a"), None, now).await.map(drop).unwrap_err(),
            both.create(&key("b"), &record(now, 2), now).await.map(drop).unwrap_err(),
        ] {
            assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
        }
        late.is_away.store(false, Ordering::SeqCst);
        assert!(both.load(&key("a"), None, now).await.unwrap().is_some());
    }
}
