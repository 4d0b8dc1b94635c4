//! The verbs of [`Store`]. Each is one round trip.

use async_trait::async_trait;
use redis::Value;
use session_core::StoreKey;
use session_core::store::{
    Created, Deleted, Extend, Record, Replace, Replaced, Store, StoreError, Stored, Touched, Updated, Version,
};
use time::OffsetDateTime;

use crate::RedisStore;
use crate::error::unexpected;
use crate::moment::{expiry, millis};
use crate::payload::{base as base_of, names_its_owner, stored, version};

#[async_trait]
impl Store for RedisStore {
    async fn load(
        &self,
        key: &StoreKey,
        extend: Option<&Extend>,
        now: OffsetDateTime,
    ) -> Result<Option<Stored>, StoreError> {
        let mut call = self.scripts().load.key(self.names().session(key));
        if let Some(Extend { due_before, to, original_max_age }) = extend {
            call.arg(millis(now)).arg(millis(*due_before)).arg(expiry(*to));
            match original_max_age {
                Some(life) => call.arg(*life),
                None => call.arg("null"),
            };
            call.arg(key.as_str()).arg(self.names().sessions()).arg(self.names().owners());
        }
        match self.call(&call).await? {
            Value::Nil => Ok(None),
            there => found(there).map(Some),
        }
    }

    async fn create(
        &self,
        key: &StoreKey,
        record: &Record,
        _now: OffsetDateTime,
    ) -> Result<Created, StoreError> {
        names_its_owner(record)?;
        let (name, ends) = (self.names().session(key), expiry(record.expires_at));
        let answer = match &record.owner {
            Some(owner) => {
                let mut call = self.scripts().create.key(name);
                call.key(self.names().owner(owner)).arg(&*record.payload).arg(ends);
                self.call(call.arg(key.as_str()).arg(self.names().sessions())).await?
            }
            // No index to keep, so no script is needed.
            None => {
                let mut set = redis::cmd("SET");
                set.arg(name).arg(&*record.payload).arg("NX").arg("PXAT").arg(ends);
                self.command(&set).await?
            }
        };
        match answer {
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
        let mut call = self.scripts().update.key(self.names().session(key));
        if let Some(owner) = &record.owner {
            call.key(self.names().owner(owner));
        }
        call.arg(&*record.payload).arg(expiry(record.expires_at)).arg(base_of(base)).arg(key.as_str());
        call.arg(self.names().sessions()).arg(self.names().owners());
        match self.call(&call).await? {
            Value::Int(0) => Ok(Updated::Missing),
            Value::Int(1) => Ok(Updated::Done(version(&record.payload))),
            there => found(there).map(Updated::Conflict),
        }
    }

    async fn touch(
        &self,
        key: &StoreKey,
        expires_at: OffsetDateTime,
        base: Option<&Version>,
        _now: OffsetDateTime,
    ) -> Result<Touched, StoreError> {
        let mut call = self.scripts().touch.key(self.names().session(key));
        call.arg(expiry(expires_at)).arg(base_of(base)).arg(key.as_str());
        match self.call(call.arg(self.names().sessions()).arg(self.names().owners())).await? {
            Value::Int(0) => Ok(Touched::Missing),
            Value::Int(1) => Ok(Touched::Done),
            Value::Int(2) => Ok(Touched::Changed),
            _ => Err(unexpected()),
        }
    }

    async fn replace(&self, replace: Replace<'_>, _now: OffsetDateTime) -> Result<Replaced, StoreError> {
        let Replace { old, new, record, base, tombstone } = replace;
        names_its_owner(record)?;
        let mut call = self.scripts().replace.key(self.names().session(old));
        call.key(self.names().session(new));
        if let Some(owner) = &record.owner {
            call.key(self.names().owner(owner));
        }
        call.arg(base_of(Some(base))).arg(&*record.payload).arg(expiry(record.expires_at));
        match tombstone {
            Some(tombstone) => call.arg(&*tombstone.payload).arg(expiry(tombstone.expires_at)),
            None => call.arg("").arg(0),
        };
        call.arg(old.as_str()).arg(new.as_str()).arg(self.names().sessions()).arg(self.names().owners());
        match self.call(&call).await? {
            Value::Int(0) => Ok(Replaced::Missing),
            Value::Int(1) => Ok(Replaced::Done(version(&record.payload))),
            Value::Int(2) => Ok(Replaced::Exists),
            there => found(there).map(Replaced::Conflict),
        }
    }

    async fn delete(&self, key: &StoreKey, base: Option<&Version>) -> Result<Deleted, StoreError> {
        let mut call = self.scripts().delete.key(self.names().session(key));
        match self.call(call.arg(base_of(base)).arg(key.as_str()).arg(self.names().owners())).await? {
            Value::Int(0) => Ok(Deleted::Missing),
            Value::Int(1) => Ok(Deleted::Done),
            there => found(there).map(Deleted::Conflict),
        }
    }
}

/// The record in a script's answer.
fn found(answer: Value) -> Result<Stored, StoreError> {
    let Value::Array(parts) = answer else { return Err(unexpected()) };
    let Ok([payload, ends]) = <[Value; 2]>::try_from(parts) else { return Err(unexpected()) };
    stored(payload, &ends)
}
