//! The model's directory, and the ways in which it is broken.

use async_trait::async_trait;
use session_core::StoreKey;
use session_core::store::{Directory, Owner, StoreError, Stored};
use time::OffsetDateTime;

use crate::fault::Fault;
use crate::model::{Model, State, pause};

impl Model {
    fn keys_of(&self, state: &State, owner: &Owner) -> Vec<StoreKey> {
        let same = |of: &Owner| {
            of == owner
                || (self.has(Fault::OwnersFoldCase)
                    && of.as_str().to_lowercase() == owner.as_str().to_lowercase())
        };
        state.index.iter().filter(|(of, _)| same(of)).map(|(_, key)| key.clone()).collect()
    }
}

#[async_trait]
impl Directory for Model {
    async fn sessions_of(
        &self,
        owner: &Owner,
        now: OffsetDateTime,
    ) -> Result<Vec<(StoreKey, Stored)>, StoreError> {
        self.transaction(&[]).await?;
        let now = self.time(now);
        let state = self.lock();
        let mut found = Vec::new();
        for key in self.keys_of(&state, owner) {
            let shown = match state.sessions.get(&key) {
                Some(stored) => stored.clone(),
                // A ghost: the index names what is not there.
                None => match state.first.get(&key) {
                    Some(first) => first.clone(),
                    None => continue,
                },
            };
            let first = state.first.get(&key).cloned().unwrap_or_else(|| shown.clone());
            if self.has(Fault::IndexForgetsTouched) && first.record.expires_at <= now {
                continue;
            }
            let shown = if self.has(Fault::ListShowsFirstState) { first } else { shown };
            if shown.record.expires_at > now || self.has(Fault::ListShowsExpired) {
                found.push((key, shown));
            }
        }
        if self.has(Fault::ListForgets) {
            found.pop();
        }
        Ok(found)
    }

    async fn revoke(&self, owner: &Owner, keep: Option<&StoreKey>) -> Result<u64, StoreError> {
        self.transaction(&[]).await?;
        let keep = keep.filter(|_| !self.has(Fault::RevokeIgnoresKeep));
        let listed = self.keys_of(&self.lock(), owner);
        if self.has(Fault::RevokeTrustsKeep) && keep.is_some_and(|keep| !listed.contains(keep)) {
            return Ok(0);
        }
        if self.has(Fault::RevokeListsThenRemoves) {
            pause().await;
        }
        let mut state = self.lock();
        let mut keys = match self.fault() {
            Some(Fault::RevokeListsThenRemoves) => listed,
            Some(Fault::RevokeRemovesEveryone) => state.index.iter().map(|(_, key)| key.clone()).collect(),
            _ => self.keys_of(&state, owner),
        };
        if self.has(Fault::RevokeForgetsOne) {
            keys.pop();
        }
        let mut revoked = 0;
        for key in keys {
            if Some(&key) != keep {
                revoked += u64::from(state.remove(&key));
                state.index.remove(&(owner.clone(), key));
            }
        }
        Ok(revoked)
    }

    async fn count(&self, now: OffsetDateTime) -> Result<u64, StoreError> {
        self.transaction(&[]).await?;
        let now = self.time(now);
        let state = self.lock();
        let counted =
            |stored: &&Stored| stored.record.expires_at > now || self.has(Fault::CountIncludesExpired);
        Ok(state.sessions.values().filter(counted).count() as u64)
    }

    async fn page(
        &self,
        after: Option<&StoreKey>,
        limit: usize,
        now: OffsetDateTime,
    ) -> Result<Vec<(StoreKey, Stored)>, StoreError> {
        self.transaction(&[]).await?;
        let now = self.time(now);
        let state = self.lock();
        let skip = usize::from(self.has(Fault::PageSkips) && after.is_some());
        let limit = if self.has(Fault::PageUnbounded) { usize::MAX } else { limit };
        let mut page: Vec<_> = state
            .sessions
            .iter()
            .filter(|(key, _)| after.is_none_or(|after| *key > after))
            .filter(|(_, stored)| stored.record.expires_at > now || self.has(Fault::PageShowsExpired))
            .skip(skip)
            .take(limit)
            .map(|(key, stored)| (key.clone(), stored.clone()))
            .collect();
        if self.has(Fault::PageUnordered) {
            page.reverse();
        }
        Ok(page)
    }

    async fn clear(&self) -> Result<u64, StoreError> {
        self.transaction(&[]).await?;
        let mut state = self.lock();
        let mut keys: Vec<_> = state.sessions.keys().cloned().collect();
        if self.has(Fault::ClearLeavesOne) {
            keys.pop();
        }
        let cleared = keys.iter().filter(|key| state.remove(key)).count();
        Ok(if self.has(Fault::ClearAnswersNothing) { 0 } else { cleared as u64 })
    }

    async fn purge_expired(&self, now: OffsetDateTime, batch: usize) -> Result<u64, StoreError> {
        self.transaction(&[]).await?;
        if self.has(Fault::PurgeDoesNothing) {
            return Ok(0);
        }
        let now = self.time(now);
        let mut state = self.lock();
        let batch = if self.has(Fault::PurgeIgnoresBatch) { usize::MAX } else { batch };
        let dead = |stored: &Stored| stored.record.expires_at <= now || self.has(Fault::PurgeRemovesLive);
        let dead = state.sessions.iter().filter(|(_, stored)| dead(stored)).map(|(key, _)| key.clone());
        let dead: Vec<_> = dead.take(batch).collect();
        Ok(dead.iter().filter(|key| state.remove(key)).count() as u64)
    }
}
