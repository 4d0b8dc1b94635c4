//! The verbs of [`Directory`], over both stores, and the move of what nobody comes for.

use std::collections::BTreeMap;

use async_trait::async_trait;
use session_core::StoreKey;
use session_core::store::{Deleted, Directory, Owner, Store, StoreError, Stored, Version};
use time::OffsetDateTime;

use crate::Migrating;
use crate::fence::{self, is_fence};
use crate::store::{TRIES, contended, in_part};

impl<New: Store, Old: Directory> Migrating<New, Old> {
    /// Moves at most `limit` sessions that are still in the old store; answers how many it looked at.
    ///
    /// Call it until it answers 0: nothing is left in the old store then but what has expired.
    ///
    /// # Errors
    ///
    /// Those of either store. What was moved before stays moved.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing; a session may be in both stores until it is asked for.
    pub async fn move_some(&self, limit: usize, now: OffsetDateTime) -> Result<usize, StoreError> {
        let page = self.old.page(None, limit, self.at(now)).await?;
        for (key, _) in &page {
            self.bring(key, now).await?;
        }
        Ok(page.len())
    }
}

/// What both stores list, without fences. What is in both is as it is in the new one.
///
/// The old store's versions would mean something else in the new one, so what is only there has none.
fn united(old: Vec<(StoreKey, Stored)>, new: Vec<(StoreKey, Stored)>) -> BTreeMap<StoreKey, Stored> {
    let unmoved = |(key, stored)| (key, Stored { version: Version::unknown(), ..stored });
    let mut united: BTreeMap<_, _> = old.into_iter().map(unmoved).chain(new).collect();
    united.retain(|_, stored| !is_fence(stored));
    united
}

#[async_trait]
impl<New: Directory, Old: Directory> Directory for Migrating<New, Old> {
    async fn sessions_of(
        &self,
        owner: &Owner,
        now: OffsetDateTime,
    ) -> Result<Vec<(StoreKey, Stored)>, StoreError> {
        // The old store first: what moves meanwhile is then seen in both, and not in neither.
        let old = self.old.sessions_of(owner, self.at(now)).await?;
        let new = self.new.sessions_of(owner, now).await?;
        let mut listed = united(old, new.clone());
        let mut ended = Vec::new();
        for key in listed.keys().filter(|key| !new.iter().any(|(moved, _)| moved == *key)) {
            if self.new.load(key, None, now).await?.is_some_and(|stored| is_fence(&stored)) {
                ended.push(key.clone());
            }
        }
        if !ended.is_empty() {
            listed.retain(|key, _| !ended.contains(key));
            // Ended, or renewed: under its new key it may have come too late to be seen.
            listed.extend(united(Vec::new(), self.new.sessions_of(owner, now).await?));
        }
        Ok(listed.into_iter().collect())
    }

    /// Ends them one by one, each with its fence.
    ///
    /// What begins meanwhile needs no further round: it may as well have begun after all of this.
    async fn revoke(&self, owner: &Owner, keep: Option<&StoreKey>) -> Result<u64, StoreError> {
        let mut ended = 0;
        for _ in 0..TRIES {
            let listed = self.sessions_of(owner, self.now()).await?;
            let mut slipped = false;
            for (key, stored) in listed.iter().filter(|(key, _)| Some(key) != keep) {
                let deleted = self.delete(key, Some(&stored.version)).await;
                match deleted.map_err(|error| if ended > 0 { in_part(error) } else { error })? {
                    Deleted::Done => ended += 1,
                    // Changed, moved or renewed meanwhile: the next round sees it as it is now.
                    Deleted::Missing | Deleted::Conflict(_) => slipped = true,
                }
            }
            if !slipped {
                return Ok(ended);
            }
        }
        Err(contended())
    }

    async fn count(&self, now: OffsetDateTime) -> Result<u64, StoreError> {
        let both = self.new.count(self.at(now)).await? + self.old.count(now).await?;
        let fences = self.new.sessions_of(&fence::owner()?, now).await?.len();
        Ok(both.saturating_sub(u64::try_from(fences).unwrap_or(u64::MAX)))
    }

    async fn page(
        &self,
        after: Option<&StoreKey>,
        limit: usize,
        now: OffsetDateTime,
    ) -> Result<Vec<(StoreKey, Stored)>, StoreError> {
        let mut from = after.cloned();
        loop {
            // The old store first, as in `sessions_of`.
            let old = self.old.page(from.as_ref(), limit, self.at(now)).await?;
            let new = self.new.page(from.as_ref(), limit, now).await?;
            // Beyond a page that is full, the other store may know of more than the full one does.
            let ends =
                [&old, &new].into_iter().filter(|page| page.len() == limit).filter_map(|page| page.last());
            let end = ends.map(|(key, _)| key.clone()).min();
            let mut page: Vec<_> = united(old, new).into_iter().collect();
            if let Some(end) = &end {
                page.retain(|(key, _)| key <= end);
            }
            page.truncate(limit);
            // A page of nothing but fences is not the end.
            match end {
                Some(end) if page.is_empty() && limit > 0 => from = Some(end),
                _ => return Ok(page),
            }
        }
    }

    async fn clear(&self) -> Result<u64, StoreError> {
        let now = self.now();
        let there = self.count(now).await?;
        self.old.clear().await?;
        self.new.clear().await.map_err(in_part)?;
        Ok(there)
    }

    async fn purge_expired(&self, now: OffsetDateTime, batch: usize) -> Result<u64, StoreError> {
        let old = self.old.purge_expired(self.at(now), batch).await?;
        let left = batch.saturating_sub(usize::try_from(old).unwrap_or(batch));
        Ok(old + if left > 0 { self.new.purge_expired(now, left).await.map_err(in_part)? } else { 0 })
    }
}
