//! A verb goes on when its caller goes away: a browser that closes its tab, or a deadline that passes.
//!
//! The driver closes a connection whose command was dropped, and hands the next free one to callers that have left its queue,
//! one after the other, while those who still wait get none: after a crowd has left, everybody else waits in vain. And a replace
//! that is broken off leaves a copy that nobody has the key of. So each verb is a task of its own, and only its caller's
//! interest in it can be dropped. The walks over the whole collection are not: nobody wants those to go on for nobody.

use std::panic::resume_unwind;

use async_trait::async_trait;
use session_core::StoreKey;
use session_core::store::{
    Created, Deleted, Directory, Extend, Owner, Record, Replace, Replaced, Store, StoreError, Stored,
    Touched, Updated, Version,
};
use time::OffsetDateTime;

use crate::MongoStore;

/// Carries out `verb` in a task of its own.
async fn outlive<T: Send + 'static>(
    verb: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::spawn(verb).await {
        Ok(answer) => answer,
        Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
        Err(_) => Err(StoreError::unavailable("the runtime is shutting down")),
    }
}

#[async_trait]
impl Store for MongoStore {
    async fn load(
        &self,
        key: &StoreKey,
        extend: Option<&Extend>,
        now: OffsetDateTime,
    ) -> Result<Option<Stored>, StoreError> {
        let (store, key, extend) = (self.clone(), key.clone(), extend.cloned());
        outlive(async move { store.verbs().await?.load(&key, extend.as_ref(), now).await }).await
    }

    async fn create(
        &self,
        key: &StoreKey,
        record: &Record,
        now: OffsetDateTime,
    ) -> Result<Created, StoreError> {
        let (store, key, record) = (self.clone(), key.clone(), record.clone());
        outlive(async move { store.verbs().await?.create(&key, &record, now).await }).await
    }

    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        base: Option<&Version>,
        now: OffsetDateTime,
    ) -> Result<Updated, StoreError> {
        let (store, key, record) = (self.clone(), key.clone(), record.clone());
        let base = base.cloned();
        outlive(async move { store.verbs().await?.update(&key, &record, base.as_ref(), now).await }).await
    }

    async fn touch(
        &self,
        key: &StoreKey,
        expires_at: OffsetDateTime,
        base: Option<&Version>,
        now: OffsetDateTime,
    ) -> Result<Touched, StoreError> {
        let (store, key, base) = (self.clone(), key.clone(), base.cloned());
        outlive(async move { store.verbs().await?.touch(&key, expires_at, base.as_ref(), now).await }).await
    }

    async fn replace(&self, replace: Replace<'_>, now: OffsetDateTime) -> Result<Replaced, StoreError> {
        let store = self.clone();
        let (old, new, base) = (replace.old.clone(), replace.new.clone(), replace.base.clone());
        let (record, tombstone) = (replace.record.clone(), replace.tombstone.cloned());
        outlive(async move {
            let tombstone = tombstone.as_ref();
            store
                .verbs()
                .await?
                .replace(Replace { old: &old, new: &new, record: &record, base: &base, tombstone }, now)
                .await
        })
        .await
    }

    async fn delete(&self, key: &StoreKey, base: Option<&Version>) -> Result<Deleted, StoreError> {
        let (store, key, base) = (self.clone(), key.clone(), base.cloned());
        outlive(async move { store.verbs().await?.delete(&key, base.as_ref()).await }).await
    }
}

#[async_trait]
impl Directory for MongoStore {
    async fn sessions_of(
        &self,
        owner: &Owner,
        now: OffsetDateTime,
    ) -> Result<Vec<(StoreKey, Stored)>, StoreError> {
        let (store, owner) = (self.clone(), owner.clone());
        outlive(async move { store.verbs().await?.sessions_of(&owner, now).await }).await
    }

    async fn revoke(&self, owner: &Owner, keep: Option<&StoreKey>) -> Result<u64, StoreError> {
        let (store, owner, keep) = (self.clone(), owner.clone(), keep.cloned());
        outlive(async move { store.verbs().await?.revoke(&owner, keep.as_ref()).await }).await
    }

    async fn count(&self, now: OffsetDateTime) -> Result<u64, StoreError> {
        self.verbs().await?.count(now).await
    }

    async fn page(
        &self,
        after: Option<&StoreKey>,
        limit: usize,
        now: OffsetDateTime,
    ) -> Result<Vec<(StoreKey, Stored)>, StoreError> {
        self.verbs().await?.page(after, limit, now).await
    }

    async fn clear(&self) -> Result<u64, StoreError> {
        self.verbs().await?.clear().await
    }

    async fn purge_expired(&self, now: OffsetDateTime, batch: usize) -> Result<u64, StoreError> {
        self.verbs().await?.purge_expired(now, batch).await
    }
}
