//! The verbs of [`Store`]: each looks at a file and writes one, with the lock held in between.

use async_trait::async_trait;
use session_core::StoreKey;
use session_core::store::{
    Created, Deleted, Extend, Record, Replace, Replaced, Store, StoreError, Stored, Touched, Updated, Version,
};
use time::OffsetDateTime;

use crate::FolderStore;

/// Whether a record is at the version that a verb names. Without one, any will do.
fn is_at(stored: &Stored, base: Option<&Version>) -> bool {
    base.is_none_or(|base| *base == stored.version)
}

#[async_trait]
impl Store for FolderStore {
    // `extend` is a request to save a round trip. This store has none to save, so the core will ask for a touch.
    async fn load(
        &self,
        key: &StoreKey,
        _: Option<&Extend>,
        now: OffsetDateTime,
    ) -> Result<Option<Stored>, StoreError> {
        let key = key.clone();
        self.work(move |folder| Ok(folder.read(&key)?.filter(|stored| stored.record.expires_at > now))).await
    }

    async fn create(
        &self,
        key: &StoreKey,
        record: &Record,
        _: OffsetDateTime,
    ) -> Result<Created, StoreError> {
        let (key, record) = (key.clone(), record.clone());
        self.work(move |folder| {
            let _lock = folder.lock();
            if folder.read(&key)?.is_some() {
                return Ok(Created::Exists);
            }
            folder.write(&key, &record).map(Created::Done)
        })
        .await
    }

    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        base: Option<&Version>,
        now: OffsetDateTime,
    ) -> Result<Updated, StoreError> {
        let (key, record, base) = (key.clone(), record.clone(), base.cloned());
        self.work(move |folder| {
            let _lock = folder.lock();
            match folder.read(&key)?.filter(|stored| stored.record.expires_at > now) {
                None => Ok(Updated::Missing),
                Some(stored) if !is_at(&stored, base.as_ref()) => Ok(Updated::Conflict(stored)),
                Some(_) => folder.write(&key, &record).map(Updated::Done),
            }
        })
        .await
    }

    async fn touch(
        &self,
        key: &StoreKey,
        expires_at: OffsetDateTime,
        base: Option<&Version>,
        now: OffsetDateTime,
    ) -> Result<Touched, StoreError> {
        let (key, base) = (key.clone(), base.cloned());
        self.work(move |folder| {
            let _lock = folder.lock();
            match folder.read(&key)?.filter(|stored| stored.record.expires_at > now) {
                None => Ok(Touched::Missing),
                Some(stored) if !is_at(&stored, base.as_ref()) => Ok(Touched::Changed),
                Some(mut stored) => {
                    stored.record.expires_at = expires_at;
                    folder.rewrite(&key, &stored)?;
                    Ok(Touched::Done)
                }
            }
        })
        .await
    }

    async fn replace(&self, replace: Replace<'_>, now: OffsetDateTime) -> Result<Replaced, StoreError> {
        let Replace { old, new, record, base, tombstone } = replace;
        let (old, new, record) = (old.clone(), new.clone(), record.clone());
        let (base, tombstone) = (base.clone(), tombstone.cloned());
        self.work(move |folder| {
            let _lock = folder.lock();
            let stored = folder.read(&old)?.filter(|stored| stored.record.expires_at > now);
            let Some(stored) = stored else { return Ok(Replaced::Missing) };
            if stored.version != base {
                return Ok(Replaced::Conflict(stored));
            }
            if folder.read(&new)?.is_some() {
                return Ok(Replaced::Exists);
            }
            // In this order: if the power fails in between, the old session is alive, and nobody holds the new key.
            let version = folder.write(&new, &record)?;
            match tombstone {
                Some(tombstone) => drop(folder.write(&old, &tombstone)?),
                None => folder.remove(&old)?,
            }
            Ok(Replaced::Done(version))
        })
        .await
    }

    async fn delete(&self, key: &StoreKey, base: Option<&Version>) -> Result<Deleted, StoreError> {
        let (key, base) = (key.clone(), base.cloned());
        self.work(move |folder| {
            let _lock = folder.lock();
            match folder.read(&key)? {
                None => Ok(Deleted::Missing),
                Some(stored) if !is_at(&stored, base.as_ref()) => Ok(Deleted::Conflict(stored)),
                Some(_) => folder.remove(&key).map(|()| Deleted::Done),
            }
        })
        .await
    }
}
