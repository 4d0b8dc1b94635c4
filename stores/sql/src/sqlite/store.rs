//! The verbs of [`Store`]. Each is one statement unless somebody else got in between, or the session moves.

use async_trait::async_trait;
use session_core::StoreKey;
use session_core::store::{
    Created, Deleted, Extend, Owner, Record, Replace, Replaced, Store, StoreError, StoreErrorKind, Stored,
    Touched, Updated, Version,
};
use sqlx::Row as _;
use sqlx::sqlite::{SqliteExecutor, SqliteRow};
use sqlx::{SqlStr, query};
use time::OffsetDateTime;

use super::SqliteStore;
use crate::error::{reading_error, store_error, unreadable};
use crate::moment::{from_millis, millis};

#[async_trait]
impl Store for SqliteStore {
    async fn load(
        &self,
        key: &StoreKey,
        extend: Option<&Extend>,
        now: OffsetDateTime,
    ) -> Result<Option<Stored>, StoreError> {
        let extend = extend.filter(|_| self.extending().is_on());
        match self.read(key, extend, now).await {
            Err(error) if extend.is_some() && error.kind() == StoreErrorKind::ReadOnly => {
                self.extending().refused(&error);
                self.read(key, None, now).await
            }
            answer => answer,
        }
    }

    async fn create(
        &self,
        key: &StoreKey,
        record: &Record,
        now: OffsetDateTime,
    ) -> Result<Created, StoreError> {
        self.in_time(async {
            let mut writer = self.writer().await?;
            let version = insert(&mut *writer, &self.sql().create, key, record, now).await?;
            Ok(version.map_or(Created::Exists, Created::Done))
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
        self.in_time(async {
            let mut writer = self.writer().await?;
            let version = rewrite(&mut *writer, &self.sql().update, key, record, base, now).await?;
            drop(writer);
            if let Some(version) = version {
                return Ok(Updated::Done(version));
            }
            // With no base, only absence can have been the reason; what is there now came later.
            if base.is_none() {
                return Ok(Updated::Missing);
            }
            Ok(self.live(key, now).await?.map_or(Updated::Missing, Updated::Conflict))
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
        self.in_time(async {
            let mut writer = self.writer().await?;
            let done = query(self.sql().touch.clone())
                .bind(millis(expires_at))
                .bind(key.as_str())
                .bind(millis(now))
                .bind(base.map(number))
                .execute(&mut *writer)
                .await
                .map_err(store_error)?;
            drop(writer);
            if done.rows_affected() > 0 {
                return Ok(Touched::Done);
            }
            if base.is_none() {
                return Ok(Touched::Missing);
            }
            let found = self.live(key, now).await?;
            Ok(found.map_or(Touched::Missing, |_| Touched::Changed))
        })
        .await
    }

    async fn replace(&self, replace: Replace<'_>, now: OffsetDateTime) -> Result<Replaced, StoreError> {
        let Replace { old, new, record, base, tombstone } = replace;
        self.in_time(async {
            let mut writer = self.writer().await?;
            // Holds the lock from the beginning. A transaction that is dropped is rolled back.
            let mut tx = writer.begin_immediate().await?;
            let retired = match tombstone {
                Some(tombstone) => {
                    rewrite(&mut *tx, &self.sql().update, old, tombstone, Some(base), now).await?.is_some()
                }
                None => remove(&mut *tx, &self.sql().delete, old, Some(base), millis(now)).await?,
            };
            if !retired {
                let found = find(&mut *tx, &self.sql().load, old, millis(now)).await?;
                return Ok(found.map_or(Replaced::Missing, Replaced::Conflict));
            }
            let Some(version) = insert(&mut *tx, &self.sql().create, new, record, now).await? else {
                return Ok(Replaced::Exists);
            };
            tx.commit().await.map_err(store_error)?;
            Ok(Replaced::Done(version))
        })
        .await
    }

    async fn delete(&self, key: &StoreKey, base: Option<&Version>) -> Result<Deleted, StoreError> {
        self.in_time(async {
            let mut writer = self.writer().await?;
            let removed = remove(&mut *writer, &self.sql().delete, key, base, ALWAYS).await?;
            drop(writer);
            if removed {
                return Ok(Deleted::Done);
            }
            if base.is_none() {
                return Ok(Deleted::Missing);
            }
            let found = find(self.reader().await?, &self.sql().load, key, ALWAYS).await?;
            Ok(found.map_or(Deleted::Missing, Deleted::Conflict))
        })
        .await
    }
}

/// An instant that every record outlives: for verbs to which an expired record is a record all the same.
const ALWAYS: i64 = i64::MIN;

impl SqliteStore {
    /// The record, with a due expiry moved.
    async fn read(
        &self,
        key: &StoreKey,
        extend: Option<&Extend>,
        now: OffsetDateTime,
    ) -> Result<Option<Stored>, StoreError> {
        self.in_time(async {
            let Some(mut stored) = self.live(key, now).await? else { return Ok(None) };
            let Some(extend) = extend.filter(|extend| extend.applies_to(&stored.record, now)) else {
                return Ok(Some(stored));
            };
            let to = millis(extend.to);
            let mut writer = self.writer().await?;
            let done = query(self.sql().extend.clone())
                .bind(to)
                .bind(key.as_str())
                .bind(number(&stored.version))
                .bind(millis(stored.record.expires_at))
                .execute(&mut *writer)
                .await
                .map_err(store_error)?;
            drop(writer);
            if done.rows_affected() == 0 {
                // Somebody else wrote, touched or ended it in between: their word counts.
                return self.live(key, now).await;
            }
            stored.record.expires_at = from_millis(to).ok_or_else(unreadable)?;
            Ok(Some(stored))
        })
        .await
    }

    async fn live(&self, key: &StoreKey, now: OffsetDateTime) -> Result<Option<Stored>, StoreError> {
        find(self.reader().await?, &self.sql().load, key, millis(now)).await
    }
}

async fn find(
    executor: impl SqliteExecutor<'_>,
    load: &SqlStr,
    key: &StoreKey,
    ends_after: i64,
) -> Result<Option<Stored>, StoreError> {
    let row = query(load.clone())
        .bind(key.as_str())
        .bind(ends_after)
        .fetch_optional(executor)
        .await
        .map_err(reading_error)?;
    row.as_ref().map(decode).transpose()
}

/// `None` if there is a live record under this key.
async fn insert(
    executor: impl SqliteExecutor<'_>,
    create: &SqlStr,
    key: &StoreKey,
    record: &Record,
    now: OffsetDateTime,
) -> Result<Option<Version>, StoreError> {
    let version = fresh();
    let done = query(create.clone())
        .bind(key.as_str())
        .bind(&*record.payload)
        .bind(millis(record.expires_at))
        .bind(number(&version))
        .bind(record.owner.as_ref().map(Owner::as_str))
        .bind(millis(now))
        .execute(executor)
        .await
        .map_err(store_error)?;
    Ok((done.rows_affected() > 0).then_some(version))
}

/// `None` if there is no live record at `base` under this key.
async fn rewrite(
    executor: impl SqliteExecutor<'_>,
    update: &SqlStr,
    key: &StoreKey,
    record: &Record,
    base: Option<&Version>,
    now: OffsetDateTime,
) -> Result<Option<Version>, StoreError> {
    let version = fresh();
    let done = query(update.clone())
        .bind(&*record.payload)
        .bind(millis(record.expires_at))
        .bind(number(&version))
        .bind(record.owner.as_ref().map(Owner::as_str))
        .bind(key.as_str())
        .bind(millis(now))
        .bind(base.map(number))
        .execute(executor)
        .await
        .map_err(store_error)?;
    Ok((done.rows_affected() > 0).then_some(version))
}

async fn remove(
    executor: impl SqliteExecutor<'_>,
    delete: &SqlStr,
    key: &StoreKey,
    base: Option<&Version>,
    ends_after: i64,
) -> Result<bool, StoreError> {
    let done = query(delete.clone())
        .bind(key.as_str())
        .bind(ends_after)
        .bind(base.map(number))
        .execute(executor)
        .await
        .map_err(store_error)?;
    Ok(done.rows_affected() > 0)
}

/// Reads the columns payload, expires_at, version and owner.
pub(super) fn decode(row: &SqliteRow) -> Result<Stored, StoreError> {
    // The client library reads NULL as "" and 0 unless an Option is asked for.
    let payload: Option<&str> = row.try_get(0).map_err(store_error)?;
    let expires_at: Option<i64> = row.try_get(1).map_err(store_error)?;
    let version: Option<i64> = row.try_get(2).map_err(store_error)?;
    let owner: Option<&str> = row.try_get(3).map_err(store_error)?;
    let record = Record {
        payload: payload.ok_or_else(unreadable)?.into(),
        expires_at: expires_at.and_then(from_millis).ok_or_else(unreadable)?,
        owner: owner.map(|owner| Owner::new(owner).ok_or_else(unreadable)).transpose()?,
    };
    let version = version.and_then(|version| u64::try_from(version).ok()).ok_or_else(unreadable)?;
    Ok(Stored { record, version: version.into() })
}

/// A version that no record has had before, neither this one nor one that lived under the same key.
///
/// A count kept in the row would begin anew after a delete, and a writer that still holds version 1 of the session
/// before would overwrite the next one. 63 random bits need no memory of rows that are gone.
fn fresh() -> Version {
    Version::from(rand::random_range(1..=i64::MAX.unsigned_abs()))
}

/// A version as its column holds it. [`Version::unknown`] becomes 0, which no record has.
fn number(version: &Version) -> i64 {
    version.count().and_then(|count| i64::try_from(count).ok()).unwrap_or(0)
}
