//! A store that takes a connection for each verb, and gives it back to others in the state in which a dropped verb left it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use session_core::StoreKey;
use session_core::store::{
    Created, Deleted, Directory, Extend, Owner, Record, Replace, Replaced, Store, StoreError, Stored,
    Touched, Updated, Version,
};
use session_store_memory::MemoryStore;
use time::OffsetDateTime;

const CONNECTIONS: usize = 8;
/// How long a verb waits for the server. Long enough for a browser to leave meanwhile.
const TRIP: Duration = Duration::from_millis(3);

/// The store. A connection on which a verb began and did not end sees nothing that was stored since.
pub(crate) struct HalfDone {
    store: MemoryStore,
    taken: AtomicUsize,
    stale: Mutex<[bool; CONNECTIONS]>,
    /// Whether a connection is made anew after a verb was dropped, as it must be.
    mends: bool,
}

/// A verb on its connection.
struct Begun<'a> {
    store: &'a HalfDone,
    connection: usize,
    ended: bool,
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        if !self.ended && !self.store.mends {
            self.store.stale.lock().unwrap_or_else(PoisonError::into_inner)[self.connection] = true;
        }
    }
}

impl HalfDone {
    pub(crate) fn new(mends: bool) -> Self {
        Self {
            store: MemoryStore::new(),
            taken: AtomicUsize::new(0),
            stale: Mutex::new([false; CONNECTIONS]),
            mends,
        }
    }

    fn is_stale(&self, connection: usize) -> bool {
        self.stale.lock().unwrap_or_else(PoisonError::into_inner)[connection]
    }

    fn take(&self) -> usize {
        self.taken.fetch_add(1, Ordering::Relaxed) % CONNECTIONS
    }

    /// Takes a connection, and the time that a server takes.
    async fn verb(&self) {
        let mut begun = Begun { store: self, connection: self.take(), ended: false };
        tokio::time::sleep(TRIP).await;
        begun.ended = true;
    }
}

#[async_trait]
impl Store for HalfDone {
    async fn load(
        &self,
        key: &StoreKey,
        extend: Option<&Extend>,
        now: OffsetDateTime,
    ) -> Result<Option<Stored>, StoreError> {
        // A read leaves its connection as it is; but it may meet one that is stale.
        if self.is_stale(self.take()) { Ok(None) } else { self.store.load(key, extend, now).await }
    }

    async fn create(
        &self,
        key: &StoreKey,
        record: &Record,
        now: OffsetDateTime,
    ) -> Result<Created, StoreError> {
        self.verb().await;
        self.store.create(key, record, now).await
    }

    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        base: Option<&Version>,
        now: OffsetDateTime,
    ) -> Result<Updated, StoreError> {
        self.verb().await;
        self.store.update(key, record, base, now).await
    }

    async fn touch(
        &self,
        key: &StoreKey,
        expires_at: OffsetDateTime,
        base: Option<&Version>,
        now: OffsetDateTime,
    ) -> Result<Touched, StoreError> {
        self.store.touch(key, expires_at, base, now).await
    }

    async fn replace(&self, replace: Replace<'_>, now: OffsetDateTime) -> Result<Replaced, StoreError> {
        self.verb().await;
        self.store.replace(replace, now).await
    }

    async fn delete(&self, key: &StoreKey, base: Option<&Version>) -> Result<Deleted, StoreError> {
        self.verb().await;
        self.store.delete(key, base).await
    }
}

#[async_trait]
impl Directory for HalfDone {
    async fn sessions_of(
        &self,
        owner: &Owner,
        now: OffsetDateTime,
    ) -> Result<Vec<(StoreKey, Stored)>, StoreError> {
        self.store.sessions_of(owner, now).await
    }

    async fn revoke(&self, owner: &Owner, keep: Option<&StoreKey>) -> Result<u64, StoreError> {
        self.store.revoke(owner, keep).await
    }

    async fn count(&self, now: OffsetDateTime) -> Result<u64, StoreError> {
        self.store.count(now).await
    }

    async fn page(
        &self,
        after: Option<&StoreKey>,
        limit: usize,
        now: OffsetDateTime,
    ) -> Result<Vec<(StoreKey, Stored)>, StoreError> {
        self.store.page(after, limit, now).await
    }

    async fn clear(&self) -> Result<u64, StoreError> {
        self.store.clear().await
    }

    async fn purge_expired(&self, now: OffsetDateTime, batch: usize) -> Result<u64, StoreError> {
        self.store.purge_expired(now, batch).await
    }
}
