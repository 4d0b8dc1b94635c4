//! The verbs of [`Directory`]: sessions of an owner by the index, everything else by a walk over the table.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use session_core::StoreKey;
use session_core::store::{Directory, Owner, StoreError, StoreErrorKind, Stored};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, query};
use time::OffsetDateTime;

use super::SqliteStore;
use super::store::decode;
use crate::error::{reading_error, store_error};
use crate::moment::millis;
use crate::readable::Readable;

/// Rows that one step of a purge looks at. Some milliseconds' work, all of which may hold the write lock.
const STRETCH: i64 = 4096;

#[async_trait]
impl Directory for SqliteStore {
    async fn sessions_of(
        &self,
        owner: &Owner,
        now: OffsetDateTime,
    ) -> Result<Vec<(StoreKey, Stored)>, StoreError> {
        self.in_time(async {
            let rows = query(self.sql().sessions_of.clone())
                .bind(owner.as_str())
                .bind(millis(now))
                .fetch_all(self.reader().await?)
                .await
                .map_err(reading_error)?;
            Ok(readable(&rows)?.found)
        })
        .await
    }

    async fn revoke(&self, owner: &Owner, keep: Option<&StoreKey>) -> Result<u64, StoreError> {
        self.in_time(async {
            let mut writer = self.writer().await?;
            let done = query(self.sql().revoke.clone())
                .bind(owner.as_str())
                .bind(keep.map(StoreKey::as_str))
                .execute(&mut *writer)
                .await
                .map_err(store_error)?;
            Ok(done.rows_affected())
        })
        .await
    }

    async fn count(&self, now: OffsetDateTime) -> Result<u64, StoreError> {
        self.is_in_place().await?;
        let row = query(self.sql().count.clone())
            .bind(millis(now))
            .fetch_one(self.reader().await?)
            .await
            .map_err(reading_error)?;
        row.try_get::<i64, _>(0).map(i64::unsigned_abs).map_err(store_error)
    }

    async fn page(
        &self,
        after: Option<&StoreKey>,
        limit: usize,
        now: OffsetDateTime,
    ) -> Result<Vec<(StoreKey, Stored)>, StoreError> {
        let mut after = after.map_or_else(String::new, |key| key.as_str().to_owned());
        self.in_time(async {
            loop {
                let rows = query(self.sql().page.clone())
                    .bind(&*after)
                    .bind(millis(now))
                    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
                    .fetch_all(self.reader().await?)
                    .await
                    .map_err(reading_error)?;
                let page = readable(&rows)?;
                match page.unreadable_up_to() {
                    Some(last) => last.as_str().clone_into(&mut after),
                    None => return Ok(page.found),
                }
            }
        })
        .await
    }

    async fn clear(&self) -> Result<u64, StoreError> {
        self.is_in_place().await?;
        let mut writer = self.writer().await?;
        let done = query(self.sql().clear.clone()).execute(&mut *writer).await.map_err(store_error)?;
        Ok(done.rows_affected())
    }

    async fn purge_expired(&self, now: OffsetDateTime, batch: usize) -> Result<u64, StoreError> {
        let batch = i64::try_from(batch).unwrap_or(i64::MAX);
        let now = millis(now);
        let mut removed = 0;
        // Goes on where the call before stopped, once around the table at most: from there to the end, then from
        // the beginning to where it started.
        let start = self.purged_up_to().load(Ordering::Relaxed);
        let mut from = start;
        let mut around = false;
        while removed < batch {
            self.is_in_place().await?;
            let row = query(self.sql().scan.clone())
                .bind(now)
                .bind(from)
                .bind(STRETCH)
                .fetch_one(self.reader().await?)
                .await
                .map_err(reading_error)?;
            let end: Option<i64> = row.try_get(0).map_err(store_error)?;
            let expired: Option<i64> = row.try_get(1).map_err(store_error)?;
            if expired.is_some_and(|count| count > 0) {
                let mut writer = self.writer().await?;
                let done = query(self.sql().purge.clone())
                    .bind(from)
                    .bind(end)
                    .bind(now)
                    .bind(batch - removed)
                    .execute(&mut *writer)
                    .await
                    .map_err(store_error)?;
                removed += i64::try_from(done.rows_affected()).unwrap_or(i64::MAX);
                if removed >= batch {
                    // This stretch may hold more of them, so the next call begins with it.
                    break;
                }
            }
            match end {
                Some(end) if around && end >= start => break,
                Some(end) => from = end,
                None if around || start == i64::MIN => break,
                None => (from, around) = (i64::MIN, true),
            }
        }
        self.purged_up_to().store(from, Ordering::Relaxed);
        Ok(removed.unsigned_abs())
    }
}

fn readable(rows: &[SqliteRow]) -> Result<Readable, StoreError> {
    let key = |row: &SqliteRow| row.try_get(4).map_err(store_error);
    Readable::of(rows, key, decode, |error| error.kind() == StoreErrorKind::Corrupt)
}
