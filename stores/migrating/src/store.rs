//! The verbs of [`Store`], and how a session comes from the old store to the new one.

use async_trait::async_trait;
use session_core::StoreKey;
use session_core::store::{
    Created, Deleted, Extend, Record, Replace, Replaced, Store, StoreError, StoreErrorKind, Stored, Touched,
    Updated, Version,
};
use time::OffsetDateTime;

use crate::Migrating;
use crate::fence::is_fence;

/// How often a verb begins anew because somebody else moved or changed the session meanwhile. Of so many who write one session
/// at the same time each gets its turn: one of them succeeds each time.
pub(crate) const TRIES: usize = 256;

impl<New: Store, Old: Store> Migrating<New, Old> {
    /// The session under `key`, moved to the new store if it was in the old one, with its version in the new one.
    pub(crate) async fn bring(
        &self,
        key: &StoreKey,
        now: OffsetDateTime,
    ) -> Result<Option<Stored>, StoreError> {
        for _ in 0..TRIES {
            let old = self.old.load(key, None, now).await?;
            let Some(old) = old.filter(|old| old.record.expires_at > now) else {
                // Somebody else may have moved it since the new store was asked.
                return self.in_new(key, now).await;
            };
            match self.new.create(key, &old.record, now).await? {
                // Somebody else has moved it, or ended it.
                Created::Exists => return self.in_new(key, now).await,
                Created::Done(version) => {
                    if let Some(moved) = self.settle(key, old, version, now).await? {
                        return Ok(Some(moved));
                    }
                }
            }
        }
        Err(contended())
    }

    /// Takes a session that was copied to the new store from the old one. `None`: it was neither moved nor ended, begin anew.
    async fn settle(
        &self,
        key: &StoreKey,
        mut old: Stored,
        mut version: Version,
        now: OffsetDateTime,
    ) -> Result<Option<Stored>, StoreError> {
        for _ in 0..TRIES {
            let deleted = match self.old.delete(key, Some(&old.version)).await {
                // It stays where it is, and the copy goes, unless somebody works on that already.
                Err(error) if error.kind() == StoreErrorKind::ReadOnly => {
                    return match self.new.delete(key, Some(&version)).await.map_err(in_part)? {
                        Deleted::Done => Err(error),
                        Deleted::Missing | Deleted::Conflict(_) => self.in_new(key, now).await,
                    };
                }
                answer => answer?,
            };
            match deleted {
                Deleted::Done => return Ok(Some(Stored { record: old.record, version })),
                Deleted::Missing => {
                    // Ended or moved on meanwhile: then the copy is not at this version any more and stays as it is.
                    // Or ended by a server that knows the old store only.
                    self.new.delete(key, Some(&version)).await.map_err(in_part)?;
                    return self.in_new(key, now).await;
                }
                // A server that knows the old store only has changed it.
                Deleted::Conflict(newer) => {
                    old = newer;
                    match self.new.update(key, &old.record, Some(&version), now).await.map_err(in_part)? {
                        Updated::Done(newer) => version = newer,
                        Updated::Missing | Updated::Conflict(_) => return Ok(None),
                    }
                }
            }
        }
        Err(contended())
    }

    async fn in_new(&self, key: &StoreKey, now: OffsetDateTime) -> Result<Option<Stored>, StoreError> {
        Ok(self.new.load(key, None, now).await?.filter(|stored| !is_fence(stored)))
    }

    /// The session as it is in the old store, while it cannot move since one of the two takes no writes.
    ///
    /// Its version there would mean something else in the new store, so it has none.
    async fn unmoved(&self, key: &StoreKey, now: OffsetDateTime) -> Result<Option<Stored>, StoreError> {
        match self.old.load(key, None, now).await?.filter(|old| old.record.expires_at > now) {
            Some(old) => Ok(Some(Stored { version: Version::unknown(), ..old })),
            None => self.in_new(key, now).await,
        }
    }

    /// The version that a change goes by: the one it was told, or that of the session as it is; `None` if there is none.
    ///
    /// A change that goes by no version would overwrite a fence.
    async fn named(
        &self,
        key: &StoreKey,
        base: Option<&Version>,
        now: OffsetDateTime,
    ) -> Result<Option<Version>, StoreError> {
        Ok(match base {
            Some(base) => Some(base.clone()),
            None => self.load(key, None, now).await?.map(|stored| stored.version),
        })
    }

    /// Ends the session that is at `version` in the new store, in both stores.
    async fn end(
        &self,
        key: &StoreKey,
        version: &Version,
        now: OffsetDateTime,
    ) -> Result<Updated, StoreError> {
        let fenced = self.new.update(key, &self.fence(now)?, Some(version), now).await?;
        if let Updated::Done(_) = fenced {
            // Whoever moved it may have died between the two stores.
            self.old.delete(key, None).await.map_err(in_part)?;
        }
        Ok(fenced)
    }
}

#[async_trait]
impl<New: Store, Old: Store> Store for Migrating<New, Old> {
    async fn load(
        &self,
        key: &StoreKey,
        extend: Option<&Extend>,
        now: OffsetDateTime,
    ) -> Result<Option<Stored>, StoreError> {
        match self.new.load(key, extend, self.at(now)).await? {
            Some(stored) => Ok(Some(stored).filter(|stored| !is_fence(stored))),
            // It is not extended on the way; the core touches it in a step of its own.
            None => match self.bring(key, now).await {
                Err(error) if error.kind() == StoreErrorKind::ReadOnly => self.unmoved(key, now).await,
                answer => answer,
            },
        }
    }

    async fn create(
        &self,
        key: &StoreKey,
        record: &Record,
        now: OffsetDateTime,
    ) -> Result<Created, StoreError> {
        if self.old.load(key, None, self.at(now)).await?.is_some() {
            return Ok(Created::Exists);
        }
        let created = self.new.create(key, record, now).await?;
        let Created::Exists = created else { return Ok(created) };
        // A fence is there for what may still be on its way from the old store, not for a session that begins.
        let Some(fence) = self.new.load(key, None, now).await?.filter(is_fence) else {
            return Ok(Created::Exists);
        };
        Ok(match self.new.update(key, record, Some(&fence.version), now).await? {
            Updated::Done(version) => Created::Done(version),
            Updated::Missing | Updated::Conflict(_) => Created::Exists,
        })
    }

    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        base: Option<&Version>,
        now: OffsetDateTime,
    ) -> Result<Updated, StoreError> {
        self.at(now);
        for _ in 0..TRIES {
            let Some(named) = self.named(key, base, now).await? else { return Ok(Updated::Missing) };
            match self.new.update(key, record, Some(&named), now).await? {
                Updated::Conflict(stored) if is_fence(&stored) => return Ok(Updated::Missing),
                Updated::Conflict(_) if base.is_none() => {}
                Updated::Missing => match self.bring(key, now).await? {
                    Some(stored) if base.is_some() => return Ok(Updated::Conflict(stored)),
                    Some(_) => {}
                    None => return Ok(Updated::Missing),
                },
                answer => return Ok(answer),
            }
        }
        Err(contended())
    }

    async fn touch(
        &self,
        key: &StoreKey,
        expires_at: OffsetDateTime,
        base: Option<&Version>,
        now: OffsetDateTime,
    ) -> Result<Touched, StoreError> {
        self.at(now);
        for _ in 0..TRIES {
            let Some(named) = self.named(key, base, now).await? else { return Ok(Touched::Missing) };
            match self.new.touch(key, expires_at, Some(&named), now).await? {
                // A fence is a change, too: whatever was there is over.
                Touched::Changed if base.is_none() => {}
                Touched::Missing => match self.bring(key, now).await? {
                    Some(_) if base.is_some() => return Ok(Touched::Changed),
                    Some(_) => {}
                    None => return Ok(Touched::Missing),
                },
                Touched::Changed if self.in_new(key, now).await?.is_none() => return Ok(Touched::Missing),
                answer => return Ok(answer),
            }
        }
        Err(contended())
    }

    async fn replace(&self, replace: Replace<'_>, now: OffsetDateTime) -> Result<Replaced, StoreError> {
        if self.old.load(replace.new, None, self.at(now)).await?.is_some() {
            return Ok(Replaced::Exists);
        }
        // A session that moves on must not be found in the old store again either.
        let fence = self.fence(now)?;
        let replace = Replace { tombstone: replace.tombstone.or(Some(&fence)), ..replace };
        match self.new.replace(replace, now).await? {
            Replaced::Done(version) => {
                self.old.delete(replace.old, None).await.map_err(in_part)?;
                Ok(Replaced::Done(version))
            }
            Replaced::Conflict(stored) if is_fence(&stored) => Ok(Replaced::Missing),
            Replaced::Missing => {
                Ok(self.bring(replace.old, now).await?.map_or(Replaced::Missing, Replaced::Conflict))
            }
            answer => Ok(answer),
        }
    }

    async fn delete(&self, key: &StoreKey, base: Option<&Version>) -> Result<Deleted, StoreError> {
        let now = self.now();
        for _ in 0..TRIES {
            let current = match self.new.load(key, None, now).await? {
                Some(stored) => Some(stored).filter(|stored| !is_fence(stored)),
                None => self.bring(key, now).await?,
            };
            let Some(current) = current else { return Ok(Deleted::Missing) };
            if base.is_some_and(|base| *base != current.version) {
                return Ok(Deleted::Conflict(current));
            }
            if let Updated::Done(_) = self.end(key, &current.version, now).await? {
                return Ok(Deleted::Done);
            }
        }
        Err(contended())
    }
}

/// What an error means after something was written: not that nothing was.
pub(crate) fn in_part(error: StoreError) -> StoreError {
    if error.kind() != StoreErrorKind::ReadOnly {
        return error;
    }
    StoreError::unavailable(
        "one of the two stores takes no writes now, and the other has taken one; try again",
    )
}

pub(crate) fn contended() -> StoreError {
    StoreError::unavailable("the session is being changed by many requests at once; try again")
}
