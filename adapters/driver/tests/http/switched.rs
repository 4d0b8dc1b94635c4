//! A memory store whose server can be switched off.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use session_driver::Time;
use session_driver::core::StoreKey;
use session_driver::core::store::{
    Created, Deleted, Extend, Record, Replace, Replaced, Store, StoreError, Stored, Touched, Updated,
    Version, async_trait,
};
use session_store_memory::MemoryStore;

#[derive(Default, Clone)]
pub struct Switched {
    store: Arc<MemoryStore>,
    down: Arc<AtomicBool>,
    failing_writes: Arc<AtomicBool>,
}

impl Switched {
    pub fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    pub fn set_failing_writes(&self, failing: bool) {
        self.failing_writes.store(failing, Ordering::SeqCst);
    }

    fn read(&self) -> Result<&MemoryStore, StoreError> {
        if self.down.load(Ordering::SeqCst) {
            return Err(StoreError::unavailable("connection refused"));
        }
        Ok(&self.store)
    }

    fn write(&self) -> Result<&MemoryStore, StoreError> {
        if self.failing_writes.load(Ordering::SeqCst) {
            return Err(StoreError::unavailable("disk full"));
        }
        self.read()
    }
}

#[async_trait]
impl Store for Switched {
    async fn load(
        &self,
        key: &StoreKey,
        extend: Option<&Extend>,
        now: Time,
    ) -> Result<Option<Stored>, StoreError> {
        self.read()?.load(key, extend, now).await
    }

    async fn create(&self, key: &StoreKey, record: &Record, now: Time) -> Result<Created, StoreError> {
        self.write()?.create(key, record, now).await
    }

    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        base: Option<&Version>,
        now: Time,
    ) -> Result<Updated, StoreError> {
        self.write()?.update(key, record, base, now).await
    }

    async fn touch(
        &self,
        key: &StoreKey,
        expires_at: Time,
        base: Option<&Version>,
        now: Time,
    ) -> Result<Touched, StoreError> {
        self.write()?.touch(key, expires_at, base, now).await
    }

    async fn replace(&self, replace: Replace<'_>, now: Time) -> Result<Replaced, StoreError> {
        self.write()?.replace(replace, now).await
    }

    async fn delete(&self, key: &StoreKey, base: Option<&Version>) -> Result<Deleted, StoreError> {
        self.write()?.delete(key, base).await
    }
}
