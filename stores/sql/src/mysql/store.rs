//! The verbs of [`Store`]. Each is one statement unless somebody else got in between, or the session leaves a
//! tombstone behind.

use async_trait::async_trait;
use session_core::StoreKey;
use session_core::store::{
    Created, Deleted, Extend, Owner, Record, Replace, Replaced, Store, StoreError, StoreErrorKind, Stored,
    Touched, Updated, Version,
};
use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::{Connection as _, Error, Row as _, query};
use time::OffsetDateTime;

use super::{MysqlStore, Verbs};
use crate::digest::{text, version_of};
use crate::error::not_a_session;
use crate::moment::{from_seconds, seconds};
use crate::outcome::not_begun;
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
        let id = self.id(key).await?;
        self.fits(record).await?;
        verb!(self.server(), InTime, |connection| {
            let version = version_of(&record.payload);
            if self.insert(connection, id, record).await? {
                return Ok(Created::Done(version));
            }
            let room = query(self.sql().make_room.clone())
                .bind(id)
                .bind(seconds(now))
                .execute(&mut *connection)
                .await?;
            if room.rows_affected() > 0 && self.insert(connection, id, record).await? {
                return Ok(Created::Done(version));
            }
            Ok(Created::Exists)
        })
    }

    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        base: Option<&Version>,
        now: OffsetDateTime,
    ) -> Result<Updated, StoreError> {
        let id = self.id(key).await?;
        self.fits(record).await?;
        verb!(self.server(), InTime, |connection| {
            let done = query(self.sql().update.clone())
                .bind(&*record.payload)
                .bind(seconds(record.expires_at))
                .bind(record.owner.as_ref().map(bytes))
                .bind(id)
                .bind(seconds(now))
                .bind(base.map(text))
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
            let found = self.live(connection, id, now).await?;
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
        let id = self.id(key).await?;
        verb!(self.server(), InTime, |connection| {
            let done = query(self.sql().touch.clone())
                .bind(seconds(expires_at))
                .bind(id)
                .bind(seconds(now))
                .bind(base.map(text))
                .bind(base.map(text))
                .execute(&mut *connection)
                .await?;
            if done.rows_affected() > 0 {
                return Ok(Touched::Done);
            }
            if base.is_none() {
                return Ok(Touched::Missing);
            }
            let found = self.live(connection, id, now).await?;
            Ok(found.map_or(Touched::Missing, |_| Touched::Changed))
        })
    }

    async fn replace(&self, replace: Replace<'_>, now: OffsetDateTime) -> Result<Replaced, StoreError> {
        let (old, new) = (self.id(replace.old).await?, self.id(replace.new).await?);
        self.fits(replace.record).await?;
        if let Some(tombstone) = replace.tombstone {
            self.fits(tombstone).await?;
        }
        verb!(self.server(), InTime, |connection| {
            let moved = match replace.tombstone {
                None => self.rename(connection, old, new, &replace, now).await?,
                Some(tombstone) => {
                    // Rolled back where it fails; where it is dropped, its connection is closed.
                    let mut tx = connection.begin().await.map_err(not_begun)?;
                    let moved = self.rename(&mut tx, old, new, &replace, now).await?;
                    if moved == Some(true) {
                        self.insert(&mut tx, old, tombstone).await?;
                        tx.commit().await?;
                    } else {
                        tx.rollback().await?;
                    }
                    moved
                }
            };
            match moved {
                Some(true) => Ok(Replaced::Done(version_of(&replace.record.payload))),
                None => Ok(Replaced::Exists),
                Some(false) => {
                    let found = self.live(connection, old, now).await?;
                    Ok(found.map_or(Replaced::Missing, Replaced::Conflict))
                }
            }
        })
    }

    async fn delete(&self, key: &StoreKey, base: Option<&Version>) -> Result<Deleted, StoreError> {
        let id = self.id(key).await?;
        verb!(self.server(), InTime, |connection| {
            let done = query(self.sql().delete.clone())
                .bind(id)
                .bind(base.map(text))
                .bind(base.map(text))
                .execute(&mut *connection)
                .await?;
            if done.rows_affected() > 0 {
                return Ok(Deleted::Done);
            }
            if base.is_none() {
                return Ok(Deleted::Missing);
            }
            let found = query(self.sql().find.clone()).bind(id).fetch_optional(connection).await?;
            let found = found.as_ref().map(decode).transpose()?;
            Ok(found.map_or(Deleted::Missing, Deleted::Conflict))
        })
    }
}

impl MysqlStore {
    /// The record, with a due expiry moved.
    async fn read(
        &self,
        key: &StoreKey,
        extend: Option<&Extend>,
        now: OffsetDateTime,
    ) -> Result<Option<Stored>, StoreError> {
        let id = self.id(key).await?;
        verb!(Reads, self.server(), InTime, |connection| {
            let Some(mut stored) = self.live(connection, id, now).await? else {
                return Ok(None);
            };
            let Some(extend) = extend.filter(|extend| extend.applies_to(&stored.record, now)) else {
                return Ok(Some(stored));
            };
            let to = seconds(extend.to);
            let done = query(self.sql().extend.clone())
                .bind(to)
                .bind(id)
                .bind(seconds(stored.record.expires_at))
                .bind(text(&stored.version))
                .execute(&mut *connection)
                .await?;
            if done.rows_affected() == 0 {
                // Somebody else wrote, touched or ended it in between: their word counts.
                return self.live(connection, id, now).await;
            }
            stored.record.expires_at = from_seconds(to).ok_or_else(not_a_session)?;
            Ok(Some(stored))
        })
    }

    /// The key as its column holds it.
    ///
    /// The collation ignores blanks at the end, and what is too long might be cut: such a key could find another
    /// session. No generator of ids worth its name makes one.
    async fn id<'a>(&self, key: &'a StoreKey) -> Result<&'a str, StoreError> {
        let id = key.as_str();
        if id.ends_with(' ') || id.chars().count() as u64 > self.limits().await?.key {
            return Err(StoreError::refused("the key is longer than its column or ends with a blank"));
        }
        Ok(id)
    }

    /// A payload that is too long might be cut.
    async fn fits(&self, record: &Record) -> Result<(), StoreError> {
        if record.payload.len() as u64 > self.limits().await?.payload {
            return Err(StoreError::refused("the payload is longer than its column"));
        }
        Ok(())
    }

    async fn live(
        &self,
        connection: &mut MySqlConnection,
        id: &str,
        now: OffsetDateTime,
    ) -> Result<Option<Stored>, Error> {
        let row =
            query(self.sql().load.clone()).bind(id).bind(seconds(now)).fetch_optional(connection).await?;
        row.as_ref().map(decode).transpose()
    }

    /// Whether the key was free.
    async fn insert(
        &self,
        connection: &mut MySqlConnection,
        id: &str,
        record: &Record,
    ) -> Result<bool, Error> {
        let done = query(self.sql().create.clone())
            .bind(id)
            .bind(&*record.payload)
            .bind(seconds(record.expires_at))
            .bind(record.owner.as_ref().map(bytes))
            .execute(connection)
            .await;
        match done {
            Ok(_) => Ok(true),
            Err(Error::Database(error)) if error.is_unique_violation() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether there was such a record to move; `None` if the new key is taken.
    async fn rename(
        &self,
        connection: &mut MySqlConnection,
        old: &str,
        new: &str,
        replace: &Replace<'_>,
        now: OffsetDateTime,
    ) -> Result<Option<bool>, Error> {
        let done = query(self.sql().rename.clone())
            .bind(new)
            .bind(&*replace.record.payload)
            .bind(seconds(replace.record.expires_at))
            .bind(replace.record.owner.as_ref().map(bytes))
            .bind(old)
            .bind(seconds(now))
            .bind(text(replace.base))
            .execute(connection)
            .await;
        match done {
            Ok(done) => Ok(Some(done.rows_affected() > 0)),
            Err(Error::Database(error)) if error.is_unique_violation() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// An owner as its column holds it: in bytes, which no collation takes for others.
pub(super) fn bytes(owner: &Owner) -> &[u8] {
    owner.as_str().as_bytes()
}

/// Reads the payload, the expiry and the owner.
pub(super) fn decode(row: &MySqlRow) -> Result<Stored, Error> {
    let payload: &str = row.try_get(0)?;
    let expires_at = match row.try_get::<u32, _>(1) {
        Ok(seconds) => i64::from(seconds),
        Err(_) => row.try_get::<i64, _>(1)?,
    };
    let owner: Option<&[u8]> = row.try_get(2)?;
    let owner = owner
        .map(|owner| std::str::from_utf8(owner).ok().and_then(Owner::new).ok_or_else(not_a_session))
        .transpose()?;
    let record = Record {
        payload: payload.into(),
        expires_at: from_seconds(expires_at).ok_or_else(not_a_session)?,
        owner,
    };
    let version = version_of(payload);
    Ok(Stored { record, version })
}
