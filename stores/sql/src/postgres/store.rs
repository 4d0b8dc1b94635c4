//! The verbs of [`Store`]. Each is one statement unless somebody else got in between.

use async_trait::async_trait;
use session_core::StoreKey;
use session_core::store::{
    Created, Deleted, Extend, Owner, Record, Replace, Replaced, Store, StoreError, StoreErrorKind, Stored,
    Touched, Updated, Version,
};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Error, Row as _};
use time::OffsetDateTime;

use super::{PostgresStore, Verbs};
use crate::digest::{text, version_of};
use crate::error::not_a_session;
use crate::moment::{from_millis, millis};
use crate::server::verb;

#[async_trait]
impl Store for Verbs {
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
        verb!(self.server(), InTime, |connection| {
            let done = self
                .ask(&self.sql().create)
                .bind(key.as_str())
                .bind(&*record.payload)
                .bind(millis(record.expires_at))
                .bind(record.owner.as_ref().map(Owner::as_str))
                .bind(millis(now))
                .execute(connection)
                .await?;
            Ok(match done.rows_affected() {
                0 => Created::Exists,
                _ => Created::Done(version_of(&record.payload)),
            })
        })
    }

    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        base: Option<&Version>,
        now: OffsetDateTime,
    ) -> Result<Updated, StoreError> {
        verb!(self.server(), InTime, |connection| {
            let done = self
                .ask(&self.sql().update)
                .bind(&*record.payload)
                .bind(millis(record.expires_at))
                .bind(record.owner.as_ref().map(Owner::as_str))
                .bind(key.as_str())
                .bind(millis(now))
                .bind(base.map(text))
                .execute(&mut *connection)
                .await?;
            if done.rows_affected() > 0 {
                return Ok(Updated::Done(version_of(&record.payload)));
            }
            // With no base, only absence can have been the reason; what is there now came later.
            if base.is_none() {
                return Ok(Updated::Missing);
            }
            let found = self.live(connection, key, now).await?;
            Ok(found.map_or(Updated::Missing, Updated::Conflict))
        })
    }

    async fn touch(
        &self,
        key: &StoreKey,
        expires_at: OffsetDateTime,
        base: Option<&Version>,
        now: OffsetDateTime,
    ) -> Result<Touched, StoreError> {
        verb!(self.server(), InTime, |connection| {
            let done = self
                .ask(&self.sql().touch)
                .bind(millis(expires_at))
                .bind(key.as_str())
                .bind(millis(now))
                .bind(base.map(text))
                .execute(&mut *connection)
                .await?;
            if done.rows_affected() > 0 {
                return Ok(Touched::Done);
            }
            if base.is_none() {
                return Ok(Touched::Missing);
            }
            let found = self.live(connection, key, now).await?;
            Ok(found.map_or(Touched::Missing, |_| Touched::Changed))
        })
    }

    async fn replace(&self, replace: Replace<'_>, now: OffsetDateTime) -> Result<Replaced, StoreError> {
        let Replace { old, new, record, base, tombstone } = replace;
        verb!(self.server(), InTime, |connection| {
            let moved = self
                .ask(&self.sql().replace)
                .bind(new.as_str())
                .bind(&*record.payload)
                .bind(millis(record.expires_at))
                .bind(record.owner.as_ref().map(Owner::as_str))
                .bind(old.as_str())
                .bind(millis(now))
                .bind(text(base))
                .bind(tombstone.map(|tombstone| &*tombstone.payload))
                .bind(tombstone.map(|tombstone| millis(tombstone.expires_at)))
                .bind(tombstone.and_then(|tombstone| tombstone.owner.as_ref()).map(Owner::as_str))
                .fetch_one(&mut *connection)
                .await;
            match moved {
                Ok(row) if row.try_get::<i64, _>(0)? > 0 => Ok(Replaced::Done(version_of(&record.payload))),
                Ok(_) => {
                    let found = self.live(connection, old, now).await?;
                    Ok(found.map_or(Replaced::Missing, Replaced::Conflict))
                }
                // The new key was taken, and the whole statement was undone.
                Err(Error::Database(error)) if error.is_unique_violation() => Ok(Replaced::Exists),
                Err(error) => Err(error),
            }
        })
    }

    async fn delete(&self, key: &StoreKey, base: Option<&Version>) -> Result<Deleted, StoreError> {
        verb!(self.server(), InTime, |connection| {
            let done = self
                .ask(&self.sql().delete)
                .bind(key.as_str())
                .bind(base.map(text))
                .execute(&mut *connection)
                .await?;
            if done.rows_affected() > 0 {
                return Ok(Deleted::Done);
            }
            if base.is_none() {
                return Ok(Deleted::Missing);
            }
            let found = self.find(connection, key, None).await?;
            Ok(found.map_or(Deleted::Missing, Deleted::Conflict))
        })
    }
}

impl PostgresStore {
    /// The record, with a due expiry moved.
    async fn read(
        &self,
        key: &StoreKey,
        extend: Option<&Extend>,
        now: OffsetDateTime,
    ) -> Result<Option<Stored>, StoreError> {
        verb!(Reads, self.server(), InTime, |connection| {
            let Some(mut stored) = self.live(connection, key, now).await? else { return Ok(None) };
            let Some(extend) = extend.filter(|extend| extend.applies_to(&stored.record, now)) else {
                return Ok(Some(stored));
            };
            let to = millis(extend.to);
            let done = self
                .ask(&self.sql().extend)
                .bind(to)
                .bind(key.as_str())
                .bind(millis(stored.record.expires_at))
                .bind(text(&stored.version))
                .execute(&mut *connection)
                .await?;
            if done.rows_affected() == 0 {
                // Somebody else wrote, touched or ended it in between: their word counts.
                return self.live(connection, key, now).await;
            }
            stored.record.expires_at = from_millis(to).ok_or_else(not_a_session)?;
            Ok(Some(stored))
        })
    }

    async fn live(
        &self,
        connection: &mut PgConnection,
        key: &StoreKey,
        now: OffsetDateTime,
    ) -> Result<Option<Stored>, Error> {
        self.find(connection, key, Some(millis(now))).await
    }

    /// The record, if it ends after this; `None` finds the expired ones too.
    async fn find(
        &self,
        connection: &mut PgConnection,
        key: &StoreKey,
        ends_after: Option<i64>,
    ) -> Result<Option<Stored>, Error> {
        let row =
            self.ask(&self.sql().load).bind(key.as_str()).bind(ends_after).fetch_optional(connection).await?;
        row.as_ref().map(decode).transpose()
    }
}

/// Reads the payload, the expiry and the owner.
pub(super) fn decode(row: &PgRow) -> Result<Stored, Error> {
    let payload: &str = row.try_get(0)?;
    let expires_at: i64 = row.try_get(1)?;
    let owner: Option<&str> = row.try_get(2)?;
    let record = Record {
        payload: payload.into(),
        expires_at: from_millis(expires_at).ok_or_else(not_a_session)?,
        owner: owner.map(|owner| Owner::new(owner).ok_or_else(not_a_session)).transpose()?,
    };
    let version = version_of(payload);
    Ok(Stored { record, version })
}
