//! The model's verbs, and the ways in which they are broken.

use std::time::Duration;

use async_trait::async_trait;
use session_core::StoreKey;
use session_core::store::{
    Created, Deleted, Extend, Record, Replace, Replaced, Store, StoreError, Stored, Touched, Updated, Version,
};
use time::OffsetDateTime;

use crate::fault::Fault;
use crate::model::{Model, differs, pause};

#[async_trait]
impl Store for Model {
    async fn load(
        &self,
        key: &StoreKey,
        extend: Option<&Extend>,
        now: OffsetDateTime,
    ) -> Result<Option<Stored>, StoreError> {
        let (key, now) = (self.key(key), self.time(now));
        if extend.is_some() {
            self.transaction(&[&key]).await?;
        } else if let Some(snapshot) = self.snapshot() {
            return Ok(snapshot.live(&key, now));
        }
        let mut state = self.lock();
        let Some(stored) = state.sessions.get_mut(&key) else {
            let payload = r#"{"cookie":{"originalMaxAge":600000}}"#.into();
            let record = Record { payload, expires_at: now + Duration::from_secs(60), owner: None };
            if self.has(Fault::ExtendCreates) && extend.is_some() {
                state.put(&key, record.clone());
            }
            let made_up = Stored { record, version: Version::unknown() };
            return Ok(self.has(Fault::LoadMakesUp).then_some(made_up));
        };
        if let Some(extend) = extend.filter(|extend| self.extends(extend, &stored.record, now)) {
            let mut moved = stored.clone();
            moved.record.expires_at = extend.to;
            moved.record = self.kept(&moved.record);
            if self.has(Fault::ExtendMovesElsewhere) {
                moved.record.expires_at += Duration::from_secs(60);
            }
            if !self.has(Fault::ExtendShowsOnly) {
                *stored = moved.clone();
            }
            return Ok(Some(moved));
        }
        let mut stored = stored.clone();
        if self.has(Fault::LoadProlongs) {
            stored.record.expires_at = stored.record.expires_at.max(now + Duration::from_secs(600));
        }
        Ok(Some(stored).filter(|stored| stored.record.expires_at > now))
    }

    async fn create(
        &self,
        key: &StoreKey,
        record: &Record,
        now: OffsetDateTime,
    ) -> Result<Created, StoreError> {
        let (key, now) = (self.key(key), self.time(now));
        self.transaction(&[&key]).await?;
        if self.has(Fault::CreateFailsAfterStoring) && key.as_str().contains('\'') {
            self.lock().put(&key, record.clone());
            return Err(StoreError::refused("a quote in the key"));
        }
        let mut record = self.kept(record);
        let index = record.owner.clone().map(|owner| (owner, key.clone()));
        if self.has(Fault::CreateForgetsOwner) {
            record.owner = None;
        }
        if self.lock().live(&key, now).is_some() && !self.has(Fault::CreateOverwrites) {
            if self.has(Fault::RefusedWritesIndex) {
                self.lock().index.extend(index);
            }
            return Ok(Created::Exists);
        }
        if self.has(Fault::CreateLooksThenWrites) {
            pause().await;
            return Ok(Created::Done(self.lock().put(&key, record)));
        }
        if self.has(Fault::CreateIndexesFirst) {
            self.lock().index.extend(index);
            pause().await;
            let mut state = self.lock();
            state.counter += 1;
            let version = Version::from(state.counter);
            state.sessions.insert(key, Stored { record, version: version.clone() });
            return Ok(Created::Done(version));
        }
        let mut state = self.lock();
        if state.live(&key, now).is_some() && !self.has(Fault::CreateOverwrites) {
            return Ok(Created::Exists);
        }
        let version = if self.has(Fault::VersionsStartAnew) {
            state.put_at(&key, record, Version::from(1));
            Version::from(1)
        } else {
            state.put(&key, record)
        };
        let first = state.sessions.get(&key).cloned();
        state.first.extend(first.map(|first| (key, first)));
        Ok(Created::Done(version))
    }

    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        base: Option<&Version>,
        now: OffsetDateTime,
    ) -> Result<Updated, StoreError> {
        let (key, now) = (self.key(key), self.time(now));
        self.transaction(&[&key]).await?;
        let mut record = self.kept(record);
        let before = self.lock().clone();
        let Some(stored) = before.live(&key, now) else {
            let expired = before.sessions.contains_key(&key);
            if self.has(Fault::UpdateResurrects) {
                return Ok(Updated::Done(self.lock().put(&key, record)));
            } else if expired && self.has(Fault::UpdateOfExpiredLies) {
                self.lock().put(&key, record);
            }
            return Ok(Updated::Missing);
        };
        if self.has(Fault::UpdateDemandsBase) && base.is_none() {
            return Ok(Updated::Conflict(stored));
        }
        if self.has(Fault::UpdateKeepsExpiry) {
            record.expires_at = stored.record.expires_at;
        }
        if self.has(Fault::UpdateLooksThenWrites) && !differs(&stored, base) {
            pause().await;
            return Ok(Updated::Done(self.lock().put(&key, record)));
        }
        if self.has(Fault::UpdateWritesAllBack) && !differs(&stored, base) {
            pause().await;
            let mut state = self.lock();
            *state = before;
            return Ok(Updated::Done(state.put(&key, record)));
        }
        if self.has(Fault::UpdateIndexesFirst) && !differs(&stored, base) {
            {
                let mut state = self.lock();
                let was = stored.record.owner.clone().map(|owner| (owner, key.clone()));
                state.index.retain(|entry| Some(entry) != was.as_ref());
                state.index.extend(record.owner.clone().map(|owner| (owner, key.clone())));
            }
            pause().await;
        }
        if self.has(Fault::UpdateInTwoSteps) && !differs(&stored, base) {
            let half = Record { payload: record.payload.clone(), ..stored.record };
            self.lock().put(&key, half);
            pause().await;
        }
        let mut state = self.lock();
        let Some(stored) = state.live(&key, now) else { return Ok(Updated::Missing) };
        if differs(&stored, base) && !self.has(Fault::UpdateIgnoresBase) && !self.has(Fault::UpdateInTwoSteps)
        {
            if self.has(Fault::RefusedWritesIndex) {
                state.index.extend(record.owner.map(|owner| (owner, key)));
            }
            return Ok(Updated::Conflict(self.shown(stored)));
        }
        if self.has(Fault::UpdateKeepsVersion) {
            state.put_at(&key, record, stored.version.clone());
            return Ok(Updated::Done(stored.version));
        }
        let version = match stored.version.count() {
            Some(count) if self.has(Fault::VersionsStartAnew) => {
                state.put_at(&key, record, Version::from(count + 1));
                Version::from(count + 1)
            }
            _ => state.put(&key, record),
        };
        if self.has(Fault::UpdateLeavesIndex) {
            state.index.extend(stored.record.owner.map(|owner| (owner, key)));
        }
        Ok(Updated::Done(version))
    }

    async fn touch(
        &self,
        key: &StoreKey,
        expires_at: OffsetDateTime,
        base: Option<&Version>,
        now: OffsetDateTime,
    ) -> Result<Touched, StoreError> {
        let (key, now) = (self.key(key), self.time(now));
        self.transaction(&[&key]).await?;
        let payload = r#"{"cookie":{}}"#.into();
        let made_up = Record { payload, expires_at, owner: None };
        let found = self.lock().sessions.get(&key).cloned();
        let Some(mut stored) = found else {
            if self.has(Fault::TouchResurrects) {
                self.lock().put(&key, made_up);
                return Ok(Touched::Done);
            }
            return Ok(Touched::Missing);
        };
        let end = self.kept(&Record { expires_at, ..stored.record.clone() }).expires_at;
        stored.record.expires_at = end;
        if self.has(Fault::TouchRewrites) {
            pause().await;
            self.lock().put_at(&key, stored.record, stored.version);
            return Ok(Touched::Done);
        }
        let mut state = self.lock();
        let Some(stored) = state.sessions.get_mut(&key) else { return Ok(Touched::Missing) };
        if stored.record.expires_at <= now {
            if self.has(Fault::TouchOfExpiredLies) {
                stored.record.expires_at = end;
            }
            return Ok(Touched::Missing);
        }
        let demands = self.has(Fault::TouchDemandsBase) && base.is_none();
        if demands || (differs(stored, base) && !self.has(Fault::TouchIgnoresBase)) {
            return Ok(Touched::Changed);
        }
        match self.fault() {
            Some(Fault::TouchDoesNothing) => {}
            Some(Fault::TouchOnlyProlongs) => stored.record.expires_at = stored.record.expires_at.max(end),
            _ => stored.record.expires_at = end,
        }
        if self.has(Fault::TouchBumpsVersion) {
            let record = stored.record.clone();
            state.put(&key, record);
        }
        Ok(Touched::Done)
    }

    async fn replace(&self, replace: Replace<'_>, now: OffsetDateTime) -> Result<Replaced, StoreError> {
        let (old, new, now) = (self.key(replace.old), self.key(replace.new), self.time(now));
        self.transaction(&[&old, &new]).await?;
        let record = self.kept(replace.record);
        let tombstone = replace.tombstone.filter(|_| !self.has(Fault::ReplaceForgetsTombstone));
        let tombstone = tombstone.map(|tombstone| self.kept(tombstone));
        let base = Some(replace.base).filter(|_| !self.has(Fault::ReplaceIgnoresBase));

        let looked = self.lock().live(&old, now);
        if self.has(Fault::ReplaceLooksThenWrites)
            && looked.as_ref().is_some_and(|stored| !differs(stored, base))
        {
            pause().await;
        } else {
            let state = self.lock();
            let Some(stored) = state.live(&old, now) else {
                let expired = state.sessions.contains_key(&old);
                drop(state);
                if self.has(Fault::ReplaceOfMissingStores)
                    || (expired && self.has(Fault::ReplaceOfExpiredLies))
                {
                    self.lock().put(&new, record);
                }
                return Ok(Replaced::Missing);
            };
            let taken = state.live(&new, now).is_some();
            drop(state);
            if differs(&stored, base) {
                if self.has(Fault::ReplaceLeavesOrphans) {
                    self.lock().put(&new, record);
                }
                return Ok(Replaced::Conflict(self.shown(stored)));
            }
            if taken && !self.has(Fault::ReplaceOverwrites) {
                return Ok(Replaced::Exists);
            }
        }
        if self.has(Fault::ReplaceRetiresFirst) {
            self.lock().remove(&old);
            pause().await;
        }
        let racy = self.has(Fault::ReplaceRetiresFirst) || self.has(Fault::ReplaceLooksThenWrites);
        let mut state = self.lock();
        // What was looked at may have changed on the way here.
        match state.live(&old, now) {
            None if !racy => return Ok(Replaced::Missing),
            Some(stored) if !racy && differs(&stored, base) => {
                if self.has(Fault::ReplaceLeavesOrphans) {
                    state.put(&new, record);
                }
                return Ok(Replaced::Conflict(stored));
            }
            Some(_) | None => {}
        }
        let before = state.sessions.get(&old).cloned();
        let version = state.put(&new, record);
        match tombstone {
            Some(tombstone) if self.has(Fault::ReplaceKeepsVersion) => {
                state.put_at(&old, tombstone, replace.base.clone());
            }
            Some(tombstone) => drop(state.put(&old, tombstone)),
            None if self.has(Fault::ReplaceKeepsOld) => {}
            None => drop(state.remove(&old)),
        }
        let owner = before.and_then(|stored| stored.record.owner);
        if self.has(Fault::ReplaceLeavesIndex) {
            state.index.extend(owner.map(|owner| (owner, old)));
        }
        let answer = if self.has(Fault::ReplaceAnswersOldVersion) { replace.base.clone() } else { version };
        Ok(Replaced::Done(answer))
    }

    async fn delete(&self, key: &StoreKey, base: Option<&Version>) -> Result<Deleted, StoreError> {
        let key = self.key(key);
        self.transaction(&[&key]).await?;
        let mut state = self.lock();
        let Some(stored) = state.sessions.get(&key).cloned() else {
            if self.has(Fault::DeleteFailsOnMissing) {
                return Err(StoreError::refused("there is nothing to delete"));
            }
            return Ok(Deleted::Missing);
        };
        let refuses = self.has(Fault::DeleteRefusesBase) && base.is_some();
        if refuses || (differs(&stored, base) && !self.has(Fault::DeleteIgnoresBase)) {
            return Ok(Deleted::Conflict(self.shown(stored)));
        }
        state.remove(&key);
        if self.has(Fault::DeleteRemovesTwo)
            && let Some(next) = state.sessions.keys().next().cloned()
        {
            state.remove(&next);
        }
        Ok(Deleted::Done)
    }
}
