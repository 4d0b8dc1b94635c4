//! The verbs of [`Store`]. Each is one round trip, but for what [`apart`](crate::apart) does in a cluster.

use std::panic::resume_unwind;

use async_trait::async_trait;
use redis::Value;
use session_core::StoreKey;
use session_core::store::{
    Created, Deleted, Extend, Owner, Record, Replace, Replaced, Store, StoreError, StoreErrorKind, Stored,
    Touched, Updated, Version,
};
use time::{Duration, OffsetDateTime};

use crate::RedisStore;
use crate::apart::index::{Entry, Stage};
use crate::error::unexpected;
use crate::link::confirm::Lane;
use crate::moment::{ends, left, millis, score};
use crate::payload::{base as base_of, names_its_owner, stored, version};
use crate::script::Call;

/// A touch that is due again after so short a time is always due.
const ALWAYS: Duration = Duration::seconds(1);

#[async_trait]
impl Store for RedisStore {
    async fn load(
        &self,
        key: &StoreKey,
        extend: Option<&Extend>,
        now: OffsetDateTime,
    ) -> Result<Option<Stored>, StoreError> {
        // Where a load is hardly ever one that extends, it is two plain commands.
        let is_always_due = |extend: &&Extend| extend.to - extend.due_before < ALWAYS;
        match extend.filter(is_always_due) {
            Some(extend) => self.in_time(self.load_and_extend(key, extend, now)).await,
            None => self.in_time(self.load_and_touch(key, extend, now)).await,
        }
    }

    async fn create(
        &self,
        key: &StoreKey,
        record: &Record,
        now: OffsetDateTime,
    ) -> Result<Created, StoreError> {
        names_its_owner(record)?;
        let life = left(record.expires_at, now);
        let created = match &record.owner {
            Some(owner) if !self.is_apart() => {
                let keys = [self.names().session(key), self.names().owner(owner)];
                let mut call = self.scripts().create.on(&keys);
                call.arg(&*record.payload).arg(life).arg(key.as_str()).arg(self.names().sessions());
                self.call(call.arg(score(record.expires_at)).arg(millis(now))).await?
            }
            _ => self.in_time(self.create_apart(key, record, now)).await?,
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
        now: OffsetDateTime,
    ) -> Result<Updated, StoreError> {
        names_its_owner(record)?;
        self.in_time(async {
            let mut keys = vec![self.names().session(key)];
            let mut is_new_there = false;
            match &record.owner {
                Some(owner) if self.is_apart() => {
                    let entry = Entry { owner, key, expires_at: record.expires_at, now };
                    is_new_there = self.list(entry, Stage::Listed, &Lane::default()).await?;
                }
                Some(owner) => keys.push(self.names().owner(owner)),
                None => {}
            }
            let mut call = self.scripts().update.on(&keys);
            call.arg(&*record.payload).arg(left(record.expires_at, now)).arg(base_of(base));
            self.with_index(&mut call, key, record.expires_at, now);
            match self.send(&call, &Lane::default()).await? {
                Value::Int(0) => Ok(Updated::Missing),
                there @ Value::Array(_) => found(there, now).map(Updated::Conflict),
                done => {
                    let was = whose(&done)?;
                    if was.is_some() && was != record.owner.as_ref().map(Owner::as_str) {
                        self.afterwards(self.unlist(was, key, &Lane::default())).await;
                    } else if let (true, Some(_), Some(owner)) = (is_new_there, was, &record.owner) {
                        self.afterwards(self.has_lost(owner)).await;
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
        now: OffsetDateTime,
    ) -> Result<Touched, StoreError> {
        self.in_time(self.touch_over(key, expires_at, base, now)).await
    }

    async fn replace(&self, replace: Replace<'_>, now: OffsetDateTime) -> Result<Replaced, StoreError> {
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
                store.in_time(store.replace_apart(replace, now, &lane)).await
            });
            match steps.await {
                Ok(replaced) => replaced?,
                Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
                Err(_) => return Err(StoreError::unavailable("the runtime is shutting down")),
            }
        } else {
            self.in_time(self.replace_at_once(replace, now, &lane)).await?
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
    /// Where a script keeps the index too, it is told the names of both, and the times that go in there.
    fn with_index(&self, call: &mut Call, key: &StoreKey, expires_at: OffsetDateTime, now: OffsetDateTime) {
        if !self.is_apart() {
            call.arg(key.as_str()).arg(self.names().sessions()).arg(self.names().owners());
            call.arg(score(expires_at)).arg(millis(now));
        }
    }

    /// Loads with plain commands, and touches in a trip of its own if that is due.
    async fn load_and_touch(
        &self,
        key: &StoreKey,
        extend: Option<&Extend>,
        now: OffsetDateTime,
    ) -> Result<Option<Stored>, StoreError> {
        let call = Call::both("GET", "PTTL", &self.names().session(key)).reads();
        let Value::Array(parts) = self.send(&call, &Lane::default()).await? else { return Err(unexpected()) };
        let Ok([payload, left]) = <[Value; 2]>::try_from(parts) else { return Err(unexpected()) };
        // It may have ended between the two.
        if payload == Value::Nil || left == Value::Int(-2) {
            return Ok(None);
        }
        let mut there = stored(payload, &left, now)?;
        if let Some(extend) = extend.filter(|extend| extend.applies_to(&there.record, now)) {
            match self.touch_over(key, extend.to, Some(&there.version), now).await {
                Ok(Touched::Done) => there.record.expires_at = ends(self::left(extend.to, now), now),
                // Somebody else has just written it, or ended it; this is what it was.
                Ok(Touched::Changed | Touched::Missing) => {}
                // It has been read, and has the life it has. The caller may touch it once more.
                Err(error) => tracing::debug!(%error, "a session was loaded, and its life was not extended"),
            }
        }
        Ok(Some(there))
    }

    /// Loads and extends in one trip.
    async fn load_and_extend(
        &self,
        key: &StoreKey,
        extend: &Extend,
        now: OffsetDateTime,
    ) -> Result<Option<Stored>, StoreError> {
        let Extend { due_before, to, original_max_age } = extend;
        let life = left(*to, now);
        let mut call = self.scripts().load.on(&[self.names().session(key)]);
        call.arg(left(*due_before, now)).arg(life);
        match original_max_age {
            Some(life) => call.arg(*life),
            None => call.arg("null"),
        };
        self.with_index(&mut call, key, *to, now);
        let there = match self.send(&call, &Lane::default()).await {
            Ok(Value::Nil) => return Ok(None),
            Ok(there) => found(there, now)?,
            // Whether it was extended is not known. What it is now can be read.
            Err(error) if error.kind() == StoreErrorKind::Unavailable => {
                return self.load_and_touch(key, None, now).await;
            }
            Err(error) => return Err(error),
        };
        if let (true, Some(owner)) = (self.is_apart(), &there.record.owner)
            && there.record.expires_at == ends(life, now)
        {
            let entry = Entry { owner, key, expires_at: *to, now };
            self.afterwards(self.list_again(entry)).await;
        }
        Ok(Some(there))
    }

    async fn touch_over(
        &self,
        key: &StoreKey,
        expires_at: OffsetDateTime,
        base: Option<&Version>,
        now: OffsetDateTime,
    ) -> Result<Touched, StoreError> {
        let mut call = self.scripts().touch.on(&[self.names().session(key)]);
        call.arg(left(expires_at, now)).arg(base_of(base));
        self.with_index(&mut call, key, expires_at, now);
        match self.send(&call, &Lane::default()).await? {
            Value::Int(0) => Ok(Touched::Missing),
            Value::Int(2) => Ok(Touched::Changed),
            done => {
                if let Some(owner) = &whose(&done)?.and_then(Owner::new) {
                    self.afterwards(self.list_again(Entry { owner, key, expires_at, now })).await;
                }
                Ok(Touched::Done)
            }
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
            there @ Value::Array(_) => found(there, OffsetDateTime::now_utc()).map(Deleted::Conflict),
            done => {
                let was = whose(&done)?;
                if was.is_some() {
                    self.afterwards(self.unlist(was, key, lane)).await;
                }
                Ok(Deleted::Done)
            }
        }
    }

    async fn replace_at_once(
        &self,
        replace: Replace<'_>,
        now: OffsetDateTime,
        lane: &Lane,
    ) -> Result<Replaced, StoreError> {
        let Replace { old, new, record, base, tombstone } = replace;
        let mut keys = vec![self.names().session(old), self.names().session(new)];
        keys.extend(record.owner.as_ref().map(|owner| self.names().owner(owner)));
        let mut call = self.scripts().replace.on(&keys);
        call.arg(base_of(Some(base))).arg(&*record.payload).arg(left(record.expires_at, now));
        match tombstone {
            Some(tombstone) => call.arg(&*tombstone.payload).arg(left(tombstone.expires_at, now)),
            None => call.arg("").arg(0),
        };
        call.arg(old.as_str()).arg(new.as_str()).arg(self.names().sessions()).arg(self.names().owners());
        call.arg(score(record.expires_at)).arg(millis(now));
        match self.send(&call, lane).await? {
            Value::Int(0) => Ok(Replaced::Missing),
            Value::Int(1) => Ok(Replaced::Done(version(&record.payload))),
            Value::Int(2) => Ok(Replaced::Exists),
            there => found(there, now).map(Replaced::Conflict),
        }
    }
}

/// The record in a script's answer.
pub(crate) fn found(answer: Value, now: OffsetDateTime) -> Result<Stored, StoreError> {
    let Value::Array(parts) = answer else { return Err(unexpected()) };
    let Ok([payload, left]) = <[Value; 2]>::try_from(parts) else { return Err(unexpected()) };
    stored(payload, &left, now)
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
