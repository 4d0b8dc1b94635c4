//! The verbs of [`Directory`]: sessions of an owner by the index, everything else by a walk over the table.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use session_core::StoreKey;
use session_core::store::{Directory, Owner, StoreError, Stored};
use sqlx::postgres::PgRow;
use sqlx::{Error, Row as _};
use time::OffsetDateTime;

use super::Verbs;
use super::store::decode;
use crate::error::is_no_record;
use crate::moment::millis;
use crate::readable::Readable;
use crate::server::verb;

/// Blocks that one step of a purge looks at: four megabytes, some milliseconds' work.
const STRETCH: i64 = 512;

#[async_trait]
impl Directory for Verbs {
    async fn sessions_of(
        &self,
        owner: &Owner,
        now: OffsetDateTime,
    ) -> Result<Vec<(StoreKey, Stored)>, StoreError> {
        verb!(Reads, self.server(), InTime, |connection| {
            let rows = self
                .ask(&self.sql().sessions_of)
                .bind(owner.as_str())
                .bind(millis(now))
                .fetch_all(connection)
                .await?;
            Ok(readable(&rows)?.found)
        })
    }

    async fn revoke(&self, owner: &Owner, keep: Option<&StoreKey>) -> Result<u64, StoreError> {
        verb!(self.server(), InTime, |connection| {
            let done = self
                .ask(&self.sql().revoke)
                .bind(owner.as_str())
                .bind(keep.map(StoreKey::as_str))
                .execute(connection)
                .await?;
            Ok(done.rows_affected())
        })
    }

    async fn count(&self, now: OffsetDateTime) -> Result<u64, StoreError> {
        verb!(Reads, self.server(), Unhurried, |connection| {
            let row = self.ask(&self.sql().count).bind(millis(now)).fetch_one(connection).await?;
            row.try_get::<i64, _>(0).map(i64::unsigned_abs)
        })
    }

    async fn page(
        &self,
        after: Option<&StoreKey>,
        limit: usize,
        now: OffsetDateTime,
    ) -> Result<Vec<(StoreKey, Stored)>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        verb!(Reads, self.server(), Unhurried, |connection| {
            let mut after = after.map_or_else(String::new, |key| key.as_str().to_owned());
            loop {
                let rows = self
                    .ask(&self.sql().page)
                    .bind(&*after)
                    .bind(millis(now))
                    .bind(limit)
                    .fetch_all(&mut *connection)
                    .await?;
                let page = readable(&rows)?;
                match page.unreadable_up_to() {
                    Some(last) => last.as_str().clone_into(&mut after),
                    None => return Ok(page.found),
                }
            }
        })
    }

    async fn clear(&self) -> Result<u64, StoreError> {
        verb!(self.server(), Unhurried, |connection| {
            Ok(self.ask(&self.sql().clear).execute(connection).await?.rows_affected())
        })
    }

    async fn purge_expired(&self, now: OffsetDateTime, batch: usize) -> Result<u64, StoreError> {
        let batch = i64::try_from(batch).unwrap_or(i64::MAX);
        let blocks = verb!(Reads, self.server(), InTime, |connection| {
            let row = self.ask(&self.sql().blocks).fetch_one(connection).await?;
            row.try_get::<i64, _>(0)
        })?;
        // Goes on where the call before stopped, once around the table at most.
        let mut from = self.purged_up_to().load(Ordering::Relaxed);
        let mut left = blocks;
        let mut removed = 0;
        while left > 0 && removed < batch {
            if from >= blocks {
                from = 0;
            }
            let to = (from + STRETCH.min(left)).min(blocks);
            let (first, end) = (format!("({from},0)"), format!("({to},0)"));
            let done = verb!(self.server(), InTime, |connection| {
                let done = self
                    .ask(&self.sql().purge)
                    .bind(&*first)
                    .bind(&*end)
                    .bind(millis(now))
                    .bind(batch - removed)
                    .execute(connection)
                    .await?;
                Ok(i64::try_from(done.rows_affected()).unwrap_or(i64::MAX))
            })?;
            removed += done;
            if removed >= batch {
                // This stretch may hold more of them, so the next call begins with it.
                break;
            }
            left -= to - from;
            from = to;
        }
        self.purged_up_to().store(from, Ordering::Relaxed);
        Ok(removed.unsigned_abs())
    }
}

fn readable(rows: &[PgRow]) -> Result<Readable, Error> {
    Readable::of(rows, |row| row.try_get(3), decode, is_no_record)
}
