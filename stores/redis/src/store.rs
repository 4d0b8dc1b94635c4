//! The verbs of [`Store`]. Each is one round trip, but for what [`apart`](crate::apart) does in a cluster.

use std::panic::resume_unwind;

use async_trait::async_trait;
use redis::Value;
use session_core::StoreKey;
use session_core::store::{
    Created, Deleted, Extend, Owner, Record, Replace, Replaced, Store, StoreError, Stored, Touched, Updated,
    Version,
};
use time::OffsetDateTime;

use crate::RedisStore;
use crate::apart::index::Stage;
use crate::error::unexpected;
use crate::link::confirm::Lane;
use crate::moment::{expiry, millis};
use crate::payload::{base as base_of, names_its_owner, stored, version};
use crate::script::Call;

#[async_trait]
impl Store for RedisStore {
    async fn load(
        &self,
        key: &StoreKey,
        extend: Option<&Extend>,
        now: OffsetDateTime,
    ) -> Result<Option<Stored>, StoreError> {
        let mut call = self.scripts().load.on(&[self.names().session(key)]);
        if let Some(Extend { due_before, to, original_max_age }) = extend {
            call.arg(millis(now)).arg(millis(*due_before)).arg(expiry(*to));
            match original_max_age {
                Some(life) => call.arg(*life),
                None => call.arg("null"),
            };
            self.with_prefixes(&mut call, key);
        }
        let there = match self.call(&call).await? {
            Value::Nil => return Ok(None),
            there => found(there)?,
        };
        if let (true, Some(Extend { to, .. }), Some(owner)) = (self.is_apart(), extend, &there.record.owner) {
            let ends = expiry(*to);
            if millis(there.record.expires_at) == ends {
                self.afterwards(self.list(owner, key, ends, Stage::Listed, &Lane::default())).await;
            }
        }
        Ok(Some(there))
    }

    async fn create(
        &self,
        key: &StoreKey,
        record: &Record,
        _now: OffsetDateTime,
    ) -> Result<Created, StoreError> {
        names_its_owner(record)?;
        let created = match &record.owner {
            Some(owner) if !self.is_apart() => {
                let keys = [self.names().session(key), self.names().owner(owner)];
                let mut call = self.scripts().create.on(&keys);
                call.arg(&*record.payload).arg(expiry(record.expires_at));
                self.call(call.arg(key.as_str()).arg(self.names().sessions())).await?
            }
            _ => self.in_time(self.create_apart(key, record)).await?,
        };
        match created {
            Value::Okay | Value::Int(1) => Ok(Created::Done(version(&record.payload))),
            Value::Nil | Value::Int(0) => Ok(Created::Exists),
            _ => Err(unexpected()),
        }
    }

    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        base: Option<&Version>,
        _now: OffsetDateTime,
    ) -> Result<Updated, StoreError> {
        names_its_owner(record)?;
        self.in_time(async {
            let mut keys = vec![self.names().session(key)];
            let ends = expiry(record.expires_at);
            match &record.owner {
                Some(owner) if self.is_apart() => {
                    self.list(owner, key, ends, Stage::Listed, &Lane::default()).await?;
                }
                Some(owner) => keys.push(self.names().owner(owner)),
                None => {}
            }
            let mut call = self.scripts().update.on(&keys);
            call.arg(&*record.payload).arg(ends).arg(base_of(base));
            self.with_prefixes(&mut call, key);
            match self.send(&call, &Lane::default()).await? {
                Value::Int(0) => Ok(Updated::Missing),
                there @ Value::Array(_) => found(there).map(Updated::Conflict),
                done => {
                    let was = whose(&done)?;
                    if was.is_some() && was != record.owner.as_ref().map(Owner::as_str) {
                        self.afterwards(self.unlist(was, key, &Lane::default())).await;
                    }
                    Ok(Updated::Done(version(&record.payload)))
                }
            }
        })
        .await
    }

    async fn touch(
        &self,
        key: &StoreKey,
        expires_at: OffsetDateTime,
        base: Option<&Version>,
        _now: OffsetDateTime,
    ) -> Result<Touched, StoreError> {
        let mut call = self.scripts().touch.on(&[self.names().session(key)]);
        call.arg(expiry(expires_at)).arg(base_of(base));
        self.with_prefixes(&mut call, key);
        match self.call(&call).await? {
            Value::Int(0) => Ok(Touched::Missing),
            Value::Int(2) => Ok(Touched::Changed),
            done => {
                if let Some(owner) = whose(&done)?.and_then(Owner::new) {
                    let ends = expiry(expires_at);
                    self.afterwards(self.list(&owner, key, ends, Stage::Listed, &Lane::default())).await;
                }
                Ok(Touched::Done)
            }
        }
    }

    async fn replace(&self, replace: Replace<'_>, _now: OffsetDateTime) -> Result<Replaced, StoreError> {
        names_its_owner(replace.record)?;
        let lane = self.lane();
        let replaced = if self.is_apart() {
            // A caller that goes away in the middle of the steps would leave a copy that nobody has the key of, for all its
            // life. So they are a task, which goes on.
            let (store, lane) = (self.clone(), lane.clone());
            let (old, new, base) = (replace.old.clone(), replace.new.clone(), replace.base.clone());
            let (record, tombstone) = (replace.record.clone(), replace.tombstone.cloned());
            let steps = tokio::spawn(async move {
                let tombstone = tombstone.as_ref();
                let replace = Replace { old: &old, new: &new, record: &record, base: &base, tombstone };
                store.in_time(store.replace_apart(replace, &lane)).await
            });
            match steps.await {
                Ok(replaced) => replaced?,
                Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
                Err(_) => return Err(StoreError::unavailable("the runtime is shutting down")),
            }
        } else {
            self.in_time(self.replace_at_once(replace, &lane)).await?
        };
        if matches!(replaced, Replaced::Done(_) | Replaced::Missing) {
            lane.confirm().await?;
        }
        Ok(replaced)
    }

    async fn delete(&self, key: &StoreKey, base: Option<&Version>) -> Result<Deleted, StoreError> {
        let lane = self.lane();
        let deleted = self.in_time(self.delete_over(key, base, &lane)).await?;
        if matches!(deleted, Deleted::Done | Deleted::Missing) {
            lane.confirm().await?;
        }
        Ok(deleted)
    }
}

impl RedisStore {
    /// Where a script keeps the index too, it is told the names of both.
    fn with_prefixes(&self, call: &mut Call, key: &StoreKey) {
        if !self.is_apart() {
            call.arg(key.as_str()).arg(self.names().sessions()).arg(self.names().owners());
        }
    }

    pub(crate) async fn delete_over(
        &self,
        key: &StoreKey,
        base: Option<&Version>,
        lane: &Lane,
    ) -> Result<Deleted, StoreError> {
        let mut call = self.scripts().delete.on(&[self.names().session(key)]);
        call.arg(base_of(base));
        if !self.is_apart() {
            call.arg(key.as_str()).arg(self.names().owners());
        }
        match self.send(&call, lane).await? {
            Value::Int(0) => Ok(Deleted::Missing),
            there @ Value::Array(_) => found(there).map(Deleted::Conflict),
            done => {
                let was = whose(&done)?;
                if was.is_some() {
                    self.afterwards(self.unlist(was, key, lane)).await;
                }
                Ok(Deleted::Done)
            }
        }
    }

    async fn replace_at_once(&self, replace: Replace<'_>, lane: &Lane) -> Result<Replaced, StoreError> {
        let Replace { old, new, record, base, tombstone } = replace;
        let mut keys = vec![self.names().session(old), self.names().session(new)];
        keys.extend(record.owner.as_ref().map(|owner| self.names().owner(owner)));
        let mut call = self.scripts().replace.on(&keys);
        call.arg(base_of(Some(base))).arg(&*record.payload).arg(expiry(record.expires_at));
        match tombstone {
            Some(tombstone) => call.arg(&*tombstone.payload).arg(expiry(tombstone.expires_at)),
            None => call.arg("").arg(0),
        };
        call.arg(old.as_str()).arg(new.as_str()).arg(self.names().sessions()).arg(self.names().owners());
        match self.send(&call, lane).await? {
            Value::Int(0) => Ok(Replaced::Missing),
            Value::Int(1) => Ok(Replaced::Done(version(&record.payload))),
            Value::Int(2) => Ok(Replaced::Exists),
            there => found(there).map(Replaced::Conflict),
        }
    }
}

/// The record in a script's answer.
pub(crate) fn found(answer: Value) -> Result<Stored, StoreError> {
    let Value::Array(parts) = answer else { return Err(unexpected()) };
    let Ok([payload, ends]) = <[Value; 2]>::try_from(parts) else { return Err(unexpected()) };
    stored(payload, &ends)
}

/// Whose the session was, in the answer of a script that has done its work; nobody's, if the script has kept the index.
pub(crate) fn whose(answer: &Value) -> Result<Option<&str>, StoreError> {
    match answer {
        Value::Int(1) => Ok(None),
        Value::BulkString(owner) => {
            let owner = std::str::from_utf8(owner).map_err(|_| unexpected())?;
            Ok((!owner.is_empty()).then_some(owner))
        }
        _ => Err(unexpected()),
    }
}
