//! The pair keeps every promise of a store and of a directory.

use session_core::StoreKey;
use session_core::store::{
    Created, Deleted, Directory, Extend, Owner, Record, Replace, Replaced, Store, StoreError, Stored,
    Touched, Updated, Version, async_trait,
};
use session_store_memory::MemoryStore;
use session_store_migrating::Migrating;
use time::OffsetDateTime;
use tokio::task::yield_now;

fn main() {
    session_conformance::directory(|| async {
        Ok::<_, StoreError>(Migrating::new(MemoryStore::new(), MemoryStore::new()))
    })
    .named("migrating")
    .run();
    session_conformance::directory(|| async {
        Ok::<_, StoreError>(Migrating::new(Away(MemoryStore::new()), Away(MemoryStore::new())))
    })
    .named("migrating-away")
    .run();
}

/// A store that is some way off: a caller can go away before a verb is carried out, and after.
struct Away(MemoryStore);

impl Away {
    async fn trip<T>(&self, verb: impl Future<Output = T>) -> T {
        yield_now().await;
        let answer = verb.await;
        yield_now().await;
        answer
    }
}

type Answer<T> = Result<T, StoreError>;

#[async_trait]
impl Store for Away {
    async fn load(
        &self,
        key: &StoreKey,
        extend: Option<&Extend>,
        now: OffsetDateTime,
    ) -> Answer<Option<Stored>> {
        self.trip(self.0.load(key, extend, now)).await
    }

    async fn create(&self, key: &StoreKey, record: &Record, now: OffsetDateTime) -> Answer<Created> {
        self.trip(self.0.create(key, record, now)).await
    }

    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        base: Option<&Version>,
        now: OffsetDateTime,
    ) -> Answer<Updated> {
        self.trip(self.0.update(key, record, base, now)).await
    }

    async fn touch(
        &self,
        key: &StoreKey,
        expires_at: OffsetDateTime,
        base: Option<&Version>,
        now: OffsetDateTime,
    ) -> Answer<Touched> {
        self.trip(self.0.touch(key, expires_at, base, now)).await
    }

    async fn replace(&self, replace: Replace<'_>, now: OffsetDateTime) -> Answer<Replaced> {
        self.trip(self.0.replace(replace, now)).await
    }

    async fn delete(&self, key: &StoreKey, base: Option<&Version>) -> Answer<Deleted> {
        self.trip(self.0.delete(key, base)).await
    }
}

#[async_trait]
impl Directory for Away {
    async fn sessions_of(&self, owner: &Owner, now: OffsetDateTime) -> Answer<Vec<(StoreKey, Stored)>> {
        self.trip(self.0.sessions_of(owner, now)).await
    }

    async fn revoke(&self, owner: &Owner, keep: Option<&StoreKey>) -> Answer<u64> {
        self.trip(self.0.revoke(owner, keep)).await
    }

    async fn count(&self, now: OffsetDateTime) -> Answer<u64> {
        self.trip(self.0.count(now)).await
    }

    async fn page(
        &self,
        after: Option<&StoreKey>,
        limit: usize,
        now: OffsetDateTime,
    ) -> Answer<Vec<(StoreKey, Stored)>> {
        self.trip(self.0.page(after, limit, now)).await
    }

    async fn clear(&self) -> Answer<u64> {
        self.trip(self.0.clear()).await
    }

    async fn purge_expired(&self, now: OffsetDateTime, batch: usize) -> Answer<u64> {
        self.trip(self.0.purge_expired(now, batch)).await
    }
}
