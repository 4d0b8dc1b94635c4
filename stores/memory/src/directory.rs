//! Sessions by owner, and housekeeping.
//!
//! What speaks of one owner locks all shards for a moment, so that a session on its way to another key is seen
//! exactly once. What looks at every session locks one shard at a time, and not for long.

use std::collections::BTreeMap;

use async_trait::async_trait;
use session_core::StoreKey;
use session_core::store::{Directory, Owner, StoreError, Stored};
use time::OffsetDateTime;

use crate::key::Key;
use crate::shard::Micros;
use crate::store::{MemoryStore, STRIDE, lock};

#[async_trait]
impl Directory for MemoryStore {
    async fn sessions_of(
        &self,
        owner: &Owner,
        now: OffsetDateTime,
    ) -> Result<Vec<(StoreKey, Stored)>, StoreError> {
        let now = Micros::from_time(now);
        let mut found = Vec::new();
        for mut shard in self.lock_all() {
            for key in shard.keys_of(owner) {
                if let Some(stored) = shard.live(&key, now) {
                    found.push((key, stored));
                }
            }
        }
        Ok(found)
    }

    async fn revoke(&self, owner: &Owner, keep: Option<&StoreKey>) -> Result<u64, StoreError> {
        let mut revoked = 0;
        // All locked until all are done: else a renewal could carry a session over into a shard already emptied.
        let mut shards = self.lock_all();
        for shard in &mut shards {
            for key in shard.keys_of(owner) {
                if Some(&key) != keep {
                    revoked += u64::from(shard.remove(&key));
                }
            }
        }
        Ok(revoked)
    }

    async fn count(&self, now: OffsetDateTime) -> Result<u64, StoreError> {
        let now = Micros::from_time(now);
        let mut live = 0;
        for shard in self.shards() {
            let mut after = None;
            loop {
                let (some, last) = lock(shard).count_some(after.as_ref(), STRIDE, now);
                live += some;
                after = last;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(live)
    }

    async fn page(
        &self,
        after: Option<&StoreKey>,
        limit: usize,
        now: OffsetDateTime,
    ) -> Result<Vec<(StoreKey, Stored)>, StoreError> {
        let now = Micros::from_time(now);
        // The first `limit` of what has been seen. The more shards have been looked at, the sooner the next one has
        // nothing to add.
        let mut first: BTreeMap<Key, Stored> = BTreeMap::new();
        for shard in self.shards() {
            for (key, entry) in lock(shard).live_after(after, now) {
                if first.len() >= limit {
                    match first.last_key_value() {
                        Some((last, _)) if key < last => drop(first.pop_last()),
                        Some(_) | None => break,
                    }
                }
                first.insert(key.clone(), entry.to_stored());
            }
        }
        Ok(first.into_iter().map(|(key, stored)| (key.to_store_key(), stored)).collect())
    }

    async fn clear(&self) -> Result<u64, StoreError> {
        let taken: Vec<_> = self.lock_all().iter_mut().map(|shard| shard.take_all()).collect();
        // The locks are free again; dropping many sessions takes its time.
        Ok(taken.iter().map(|(count, _)| *count as u64).sum())
    }

    async fn purge_expired(&self, now: OffsetDateTime, batch: usize) -> Result<u64, StoreError> {
        let now = Micros::from_time(now);
        let mut purged = 0;
        for shard in self.shards() {
            while purged < batch {
                let mut shard = lock(shard);
                if !shard.may_hold_expired(now) {
                    break;
                }
                purged += shard.sweep(now, STRIDE, batch - purged);
            }
        }
        Ok(purged as u64)
    }
}
