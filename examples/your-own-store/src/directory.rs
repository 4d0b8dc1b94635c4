//! The verbs of [`Directory`], which a store may leave out. A database would have an index; this one looks at every file.

use async_trait::async_trait;
use session_core::StoreKey;
use session_core::store::{Directory, Owner, StoreError, Stored};
use time::OffsetDateTime;

use crate::FolderStore;
use crate::folder::Folder;

fn live(folder: &Folder, now: OffsetDateTime) -> Result<Vec<(StoreKey, Stored)>, StoreError> {
    let mut all = folder.all()?;
    all.retain(|(_, stored)| stored.record.expires_at > now);
    Ok(all)
}

/// Removes what `unwanted` says, at most so many.
fn remove(
    folder: &Folder,
    most: usize,
    unwanted: impl Fn(&StoreKey, &Stored) -> bool,
) -> Result<u64, StoreError> {
    let _lock = folder.lock();
    let mut removed = 0;
    for (key, _) in folder.all()?.into_iter().filter(|(key, stored)| unwanted(key, stored)).take(most) {
        folder.remove(&key)?;
        removed += 1;
    }
    Ok(removed)
}

#[async_trait]
impl Directory for FolderStore {
    async fn sessions_of(
        &self,
        owner: &Owner,
        now: OffsetDateTime,
    ) -> Result<Vec<(StoreKey, Stored)>, StoreError> {
        let owner = owner.clone();
        self.work(move |folder| {
            let mut sessions = live(folder, now)?;
            sessions.retain(|(_, stored)| stored.record.owner.as_ref() == Some(&owner));
            Ok(sessions)
        })
        .await
    }

    async fn revoke(&self, owner: &Owner, keep: Option<&StoreKey>) -> Result<u64, StoreError> {
        let (owner, keep) = (owner.clone(), keep.cloned());
        self.work(move |folder| {
            remove(folder, usize::MAX, |key, stored| {
                stored.record.owner.as_ref() == Some(&owner) && Some(key) != keep.as_ref()
            })
        })
        .await
    }

    async fn count(&self, now: OffsetDateTime) -> Result<u64, StoreError> {
        self.work(move |folder| Ok(live(folder, now)?.len() as u64)).await
    }

    async fn page(
        &self,
        after: Option<&StoreKey>,
        limit: usize,
        now: OffsetDateTime,
    ) -> Result<Vec<(StoreKey, Stored)>, StoreError> {
        let after = after.cloned();
        self.work(move |folder| {
            let mut page = live(folder, now)?;
            page.retain(|(key, _)| after.as_ref().is_none_or(|after| key > after));
            page.sort_unstable_by(|(one, _), (two, _)| one.cmp(two));
            page.truncate(limit);
            Ok(page)
        })
        .await
    }

    async fn clear(&self) -> Result<u64, StoreError> {
        self.work(|folder| remove(folder, usize::MAX, |_, _| true)).await
    }

    async fn purge_expired(&self, now: OffsetDateTime, batch: usize) -> Result<u64, StoreError> {
        self.work(move |folder| remove(folder, batch, |_, stored| stored.record.expires_at <= now)).await
    }
}
