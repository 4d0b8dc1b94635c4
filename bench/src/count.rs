//! Counting how often a store is asked: ours through its trait, the others' in their own files.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use session_core::StoreKey;
use session_core::store::{
    Created, Deleted, Extend, Record, Replace, Replaced, Store, StoreError, Stored, Touched, Updated, Version,
};
use time::OffsetDateTime;

/// How often a store was asked. Clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trips(Arc<AtomicU64>);

impl Trips {
    pub(crate) fn another(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn so_far(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A store that is counted.
#[derive(Debug, Clone)]
pub(crate) struct Counting<S> {
    pub(crate) store: S,
    pub(crate) trips: Trips,
}

impl<S> Counting<S> {
    pub(crate) fn new(store: S, trips: &Trips) -> Self {
        Self { store, trips: trips.clone() }
    }

    /// The store, asked once more.
    pub(crate) fn ask(&self) -> &S {
        self.trips.another();
        &self.store
    }
}

#[async_trait]
impl<S: Store> Store for Counting<S> {
    async fn load(
        &self,
        key: &StoreKey,
        extend: Option<&Extend>,
        now: OffsetDateTime,
    ) -> Result<Option<Stored>, StoreError> {
        self.ask().load(key, extend, now).await
    }

    async fn create(
        &self,
        key: &StoreKey,
        record: &Record,
        now: OffsetDateTime,
    ) -> Result<Created, StoreError> {
        self.ask().create(key, record, now).await
    }

    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        base: Option<&Version>,
        now: OffsetDateTime,
    ) -> Result<Updated, StoreError> {
        self.ask().update(key, record, base, now).await
    }

    async fn touch(
        &self,
        key: &StoreKey,
        expires_at: OffsetDateTime,
        base: Option<&Version>,
        now: OffsetDateTime,
    ) -> Result<Touched, StoreError> {
        self.ask().touch(key, expires_at, base, now).await
    }

    async fn replace(&self, replace: Replace<'_>, now: OffsetDateTime) -> Result<Replaced, StoreError> {
        self.ask().replace(replace, now).await
    }

    async fn delete(&self, key: &StoreKey, base: Option<&Version>) -> Result<Deleted, StoreError> {
        self.ask().delete(key, base).await
    }
}
