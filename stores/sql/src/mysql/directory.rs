//! The verbs of [`Directory`]: sessions of an owner by the index, everything else by a walk over the table.

use std::sync::PoisonError;

use async_trait::async_trait;
use session_core::StoreKey;
use session_core::store::{Directory, Owner, StoreError, Stored};
use sqlx::mysql::MySqlRow;
use sqlx::{Error, Row as _, query};
use time::OffsetDateTime;

use super::store::{bytes, decode};
use super::{MysqlStore, Verbs};
use crate::error::is_no_record;
use crate::moment::seconds;
use crate::readable::Readable;
use crate::server::verb;

/// Rows that one step of a purge looks at.
const STRETCH: i64 = 4096;

/// Rows that one statement of a purge removes at most.
pub(super) const AT_ONCE: usize = 100;

#[async_trait]
impl Directory for Verbs {
    async fn sessions_of(
        &self,
        owner: &Owner,
        now: OffsetDateTime,
    ) -> Result<Vec<(StoreKey, Stored)>, StoreError> {
        verb!(Reads, self.server(), InTime, |connection| {
            let rows = query(self.sql().sessions_of.clone())
                .bind(bytes(owner))
                .bind(seconds(now))
                .fetch_all(connection)
                .await?;
            Ok(readable(&rows)?.found)
        })
    }

    async fn revoke(&self, owner: &Owner, keep: Option<&StoreKey>) -> Result<u64, StoreError> {
        let keep = keep.map(StoreKey::as_str);
        verb!(self.server(), InTime, |connection| {
            // A session that is moving to another key takes its place in the owner's index anew. Only at this level is
            // the whole stretch of the index locked, so that it cannot slip in where the search has been.
            sqlx::raw_sql(self.sql().isolate.clone()).execute(&mut *connection).await?;
            let done = query(self.sql().revoke.clone())
                .bind(bytes(owner))
                .bind(keep)
                .bind(keep)
                .execute(connection)
                .await?;
            Ok(done.rows_affected())
        })
    }

    async fn count(&self, now: OffsetDateTime) -> Result<u64, StoreError> {
        verb!(Reads, self.server(), Unhurried, |connection| {
            let row = query(self.sql().count.clone()).bind(seconds(now)).fetch_one(connection).await?;
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
                let rows = query(self.sql().page.clone())
                    .bind(&*after)
                    .bind(seconds(now))
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
            Ok(query(self.sql().clear.clone()).execute(connection).await?.rows_affected())
        })
    }

    async fn purge_expired(&self, now: OffsetDateTime, batch: usize) -> Result<u64, StoreError> {
        let now = seconds(now);
        let mut removed = 0;
        // Goes on where the call before stopped, once around the table at most: from there to the end, then from
        // the beginning to where it started.
        let start = self.purged_up_to().lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut from = start.clone();
        let mut around = start.is_empty();
        while removed < batch {
            let step = self.purge_step(&from, now, batch - removed).await?;
            removed += step.removed;
            match step.up_to {
                // There may be more of them, so the next step begins at the same place.
                _ if step.more => {}
                Some(up_to) if around && !start.is_empty() && up_to >= start => break,
                Some(up_to) => from = up_to,
                None if around => {
                    from.clear();
                    break;
                }
                None => {
                    from.clear();
                    around = true;
                }
            }
        }
        *self.purged_up_to().lock().unwrap_or_else(PoisonError::into_inner) = from;
        Ok(removed as u64)
    }
}

/// What one step of a purge did.
struct Step {
    removed: usize,
    /// There may be more expired rows in the stretch.
    more: bool,
    /// Where the stretch ended; `None` at the end of the table.
    up_to: Option<String>,
}

impl MysqlStore {
    async fn purge_step(&self, from: &str, now: i64, at_most: usize) -> Result<Step, StoreError> {
        let at_most = at_most.min(AT_ONCE);
        verb!(self.server(), InTime, |connection| {
            let up_to = query(self.sql().stretch.clone())
                .bind(from)
                .bind(STRETCH - 1)
                .fetch_optional(&mut *connection)
                .await?;
            let up_to = up_to.map(|row| row.try_get::<String, _>(0)).transpose()?;
            let rows = query(self.sql().expired.clone())
                .bind(from)
                .bind(up_to.as_deref())
                .bind(up_to.as_deref())
                .bind(now)
                .bind(i64::try_from(at_most).unwrap_or(0))
                .fetch_all(&mut *connection)
                .await?;
            let ids: Vec<&str> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
            let Some(last) = ids.last() else {
                return Ok(Step { removed: 0, more: false, up_to });
            };
            let mut purge = query(self.sql().purge.clone()).bind(now);
            // One statement for every number of rows: the last one is named again.
            for index in 0..AT_ONCE {
                purge = purge.bind(*ids.get(index).unwrap_or(last));
            }
            let removed =
                usize::try_from(purge.execute(&mut *connection).await?.rows_affected()).unwrap_or(0);
            // What somebody else has touched in between stays, and is not looked for again.
            Ok(Step { removed, more: removed > 0 && ids.len() == at_most, up_to })
        })
    }
}

fn readable(rows: &[MySqlRow]) -> Result<Readable, Error> {
    Readable::of(rows, |row| row.try_get(3), decode, is_no_record)
}
