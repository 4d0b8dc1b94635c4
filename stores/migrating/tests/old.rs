//! What the pair does with sessions that are still in the old store.
#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

use std::sync::Arc;

use session_core::StoreKey;
use session_core::store::{
    Created, Deleted, Directory, Extend, Owner, Record, Replace, Replaced, Store, StoreError, StoreErrorKind,
    Stored, Touched, Updated, Version, async_trait,
};
use session_store_memory::MemoryStore;
use session_store_migrating::Migrating;
use time::{Duration, OffsetDateTime};

type Memory = Arc<MemoryStore>;

struct Pair {
    new: Memory,
    old: Memory,
    both: Migrating<Memory, Memory>,
    now: OffsetDateTime,
}

impl Pair {
    fn empty() -> Self {
        let (new, old) = (Memory::default(), Memory::default());
        Self {
            both: Migrating::new(Arc::clone(&new), Arc::clone(&old)),
            new,
            old,
            // In whole seconds, which every store can hold.
            now: OffsetDateTime::now_utc().replace_nanosecond(0).unwrap(),
        }
    }

    fn record(&self, value: u32) -> Record {
        Record {
            payload: format!(r#"{{"value":{value},"_session":{{"owner":"ada"}}}}"#).into(),
            expires_at: self.now + Duration::minutes(30),
            owner: Owner::new("ada"),
        }
    }

    /// With sessions of these names in the old store.
    async fn with_old(names: &[&str]) -> Self {
        let pair = Self::empty();
        for (name, value) in names.iter().zip(1..) {
            pair.old.create(&key(name), &pair.record(value), pair.now).await.unwrap();
        }
        pair
    }

    async fn is_in(&self, store: &Memory, name: &str) -> bool {
        store.load(&key(name), None, self.now).await.unwrap().is_some()
    }
}

fn key(name: &str) -> StoreKey {
    StoreKey::from_stored(name)
}

#[tokio::test]
async fn a_session_moves_when_it_is_asked_for() {
    let pair = Pair::with_old(&["a"]).await;
    let stored = pair.both.load(&key("a"), None, pair.now).await.unwrap().unwrap();
    assert_eq!(stored.record, pair.record(1));
    assert!(pair.is_in(&pair.new, "a").await && !pair.is_in(&pair.old, "a").await);
    let again = pair.both.load(&key("a"), None, pair.now).await.unwrap().unwrap();
    assert_eq!(again, stored);
}

#[tokio::test]
async fn the_key_of_a_session_in_the_old_store_is_taken() {
    let pair = Pair::with_old(&["a", "b"]).await;
    assert_eq!(pair.both.create(&key("a"), &pair.record(9), pair.now).await.unwrap(), Created::Exists);
    let base = pair.both.load(&key("b"), None, pair.now).await.unwrap().unwrap().version;
    let record = pair.record(9);
    let replace = Replace { old: &key("b"), new: &key("a"), record: &record, base: &base, tombstone: None };
    assert_eq!(pair.both.replace(replace, pair.now).await.unwrap(), Replaced::Exists);
}

#[tokio::test]
async fn every_verb_without_a_base_reaches_a_session_in_the_old_store() {
    let pair = Pair::with_old(&["update", "touch", "delete"]).await;
    let updated = pair.both.update(&key("update"), &pair.record(7), None, pair.now).await.unwrap();
    assert!(matches!(updated, Updated::Done(_)));
    let stored = pair.both.load(&key("update"), None, pair.now).await.unwrap().unwrap();
    assert_eq!(stored.record, pair.record(7));
    let later = pair.now + Duration::hours(2);
    assert_eq!(pair.both.touch(&key("touch"), later, None, pair.now).await.unwrap(), Touched::Done);
    assert_eq!(
        pair.both.load(&key("touch"), None, pair.now).await.unwrap().unwrap().record.expires_at,
        later
    );
    assert_eq!(pair.both.delete(&key("delete"), None).await.unwrap(), Deleted::Done);
    assert!(!pair.is_in(&pair.old, "delete").await);
    assert_eq!(pair.both.delete(&key("delete"), None).await.unwrap(), Deleted::Missing);
}

#[tokio::test]
async fn a_session_that_a_broken_off_move_left_in_both_stores_ends_in_both() {
    let pair = Pair::with_old(&["ended", "renewed"]).await;
    for (name, value) in [("ended", 1), ("renewed", 2)] {
        pair.new.create(&key(name), &pair.record(value), pair.now).await.unwrap();
    }
    assert_eq!(pair.both.delete(&key("ended"), None).await.unwrap(), Deleted::Done);
    let base = pair.both.load(&key("renewed"), None, pair.now).await.unwrap().unwrap().version;
    let record = pair.record(9);
    let replace =
        Replace { old: &key("renewed"), new: &key("next"), record: &record, base: &base, tombstone: None };
    assert!(matches!(pair.both.replace(replace, pair.now).await.unwrap(), Replaced::Done(_)));
    // When the fences are gone nothing is left to be moved.
    let later = pair.now + Duration::minutes(5);
    for name in ["ended", "renewed"] {
        assert!(pair.both.load(&key(name), None, later).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_base_from_the_old_store_is_a_conflict_with_the_moved_record() {
    let pair = Pair::with_old(&["a", "b", "c"]).await;
    let base = Version::unknown();
    let updated = pair.both.update(&key("a"), &pair.record(7), Some(&base), pair.now).await.unwrap();
    assert!(matches!(updated, Updated::Conflict(stored) if stored.record == pair.record(1)));
    let touched = pair.both.touch(&key("b"), pair.now, Some(&base), pair.now).await.unwrap();
    assert_eq!(touched, Touched::Changed);
    let record = pair.record(9);
    let replace = Replace { old: &key("c"), new: &key("d"), record: &record, base: &base, tombstone: None };
    let replaced = pair.both.replace(replace, pair.now).await.unwrap();
    assert!(matches!(replaced, Replaced::Conflict(stored) if stored.record == pair.record(3)));
}

#[tokio::test]
async fn an_owners_sessions_are_listed_and_ended_in_both_stores() {
    let pair = Pair::with_old(&["a", "b", "c"]).await;
    pair.both.load(&key("a"), None, pair.now).await.unwrap();
    let ada = Owner::new("ada").unwrap();
    assert_eq!(pair.both.sessions_of(&ada, pair.now).await.unwrap().len(), 3);
    assert_eq!(pair.both.revoke(&ada, Some(&key("b"))).await.unwrap(), 2);
    let left = pair.both.sessions_of(&ada, pair.now).await.unwrap();
    assert_eq!(left.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), [key("b")]);
    assert_eq!(pair.both.count(pair.now).await.unwrap(), 1);
}

#[tokio::test]
async fn pages_run_through_both_stores_in_one_order() {
    let pair = Pair::with_old(&["a", "c", "e", "g", "i"]).await;
    for name in ["b", "d", "f"] {
        pair.both.create(&key(name), &pair.record(1), pair.now).await.unwrap();
    }
    pair.both.delete(&key("c"), None).await.unwrap();
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = pair.both.page(after.as_ref(), 2, pair.now).await.unwrap();
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        seen.extend(page.into_iter().map(|(key, _)| key));
    }
    assert_eq!(seen, ["a", "b", "d", "e", "f", "g", "i"].map(key));
    assert_eq!(pair.both.count(pair.now).await.unwrap(), 7);
}

#[tokio::test]
async fn what_nobody_comes_for_is_moved_in_batches() {
    let names: Vec<String> = (0..25).map(|number| format!("s{number:02}")).collect();
    let pair = Pair::with_old(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let mut batches = Vec::new();
    loop {
        match pair.both.move_some(10, pair.now).await.unwrap() {
            0 => break,
            moved => batches.push(moved),
        }
    }
    assert_eq!(batches, [10, 10, 5]);
    assert_eq!(pair.new.count(pair.now).await.unwrap(), 25);
    assert_eq!(pair.old.count(pair.now).await.unwrap(), 0);
}

#[tokio::test]
async fn clearing_and_purging_reach_both_stores() {
    let pair = Pair::with_old(&["a", "b"]).await;
    pair.both.create(&key("c"), &pair.record(1), pair.now).await.unwrap();
    assert_eq!(pair.both.clear().await.unwrap(), 3);
    assert_eq!(pair.both.count(pair.now).await.unwrap(), 0);
    let pair = Pair::with_old(&["a", "b"]).await;
    pair.both.create(&key("c"), &pair.record(1), pair.now).await.unwrap();
    let later = pair.now + Duration::hours(1);
    assert_eq!(pair.both.purge_expired(later, 2).await.unwrap(), 2);
    assert_eq!(pair.both.purge_expired(later, 2).await.unwrap(), 1);
}

/// A store that cannot answer.
struct Down;

fn down<T>() -> Result<T, StoreError> {
    Err(StoreError::unavailable("connection refused"))
}

#[async_trait]
impl Store for Down {
    async fn load(
        &self,
        _: &StoreKey,
        _: Option<&Extend>,
        _: OffsetDateTime,
    ) -> Result<Option<Stored>, StoreError> {
        down()
    }
    async fn create(&self, _: &StoreKey, _: &Record, _: OffsetDateTime) -> Result<Created, StoreError> {
        down()
    }
    async fn update(
        &self,
        _: &StoreKey,
        _: &Record,
        _: Option<&Version>,
        _: OffsetDateTime,
    ) -> Result<Updated, StoreError> {
        down()
    }
    async fn touch(
        &self,
        _: &StoreKey,
        _: OffsetDateTime,
        _: Option<&Version>,
        _: OffsetDateTime,
    ) -> Result<Touched, StoreError> {
        down()
    }
    async fn replace(&self, _: Replace<'_>, _: OffsetDateTime) -> Result<Replaced, StoreError> {
        down()
    }
    async fn delete(&self, _: &StoreKey, _: Option<&Version>) -> Result<Deleted, StoreError> {
        down()
    }
}

#[tokio::test]
async fn while_the_old_store_is_down_a_session_that_has_not_moved_is_an_error_and_not_empty() {
    let now = OffsetDateTime::now_utc();
    let new = Memory::default();
    let pair = Migrating::new(Arc::clone(&new), Down);
    let kind = |answer: Result<Option<Stored>, StoreError>| answer.unwrap_err().kind();
    assert_eq!(kind(pair.load(&key("a"), None, now).await), StoreErrorKind::Unavailable);
    // One that has moved is not concerned.
    let record = Record { payload: "{}".into(), expires_at: now + Duration::minutes(1), owner: None };
    new.create(&key("b"), &record, now).await.unwrap();
    assert!(pair.load(&key("b"), None, now).await.unwrap().is_some());
}
