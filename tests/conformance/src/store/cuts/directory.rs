//! The verbs of a directory, dropped after every number of polls.

use std::time::Duration;

use session_core::store::Record;

use super::super::owners::has;
use super::super::subject::Subject;
use super::super::{StoreCase, cases};
use super::{Cuts, all_see, lists_settle, nobody_notices, settles};
use crate::failure::Outcome;

pub(in super::super) const CASES: &[StoreCase] = cases![
    a_revoke_that_is_dropped_anywhere_is_done_by_the_next_one,
    a_list_that_is_dropped_anywhere_is_noticed_by_nobody,
    a_purge_that_is_dropped_anywhere_is_noticed_by_nobody needs EmptyNamespace,
    a_clear_that_is_dropped_anywhere_is_done_by_the_next_one needs EmptyNamespace,
];

async fn a_revoke_that_is_dropped_anywhere_is_done_by_the_next_one(it: Subject) -> Outcome {
    let mut cuts = Cuts::new();
    while cuts.next() {
        let (owner, other) = (it.owner(), it.owner());
        let keys = [it.key(), it.key(), it.key()];
        let (record, others) = (it.owned(1, &owner), it.key());
        for key in &keys {
            it.create(key, &record).await?;
        }
        it.create(&others, &it.owned(2, &other)).await?;
        let revoked = cuts.cut(it.directory()?.revoke(&owner, None)).await?;
        ensure!(revoked.is_none_or(|revoked| revoked == 3), "revoke of 3 sessions answered {revoked:?}");
        nobody_notices(&it).await?;
        for key in &keys {
            settles(&it, key, &[Some(&record), None]).await?;
            lists_settle(&it, key, &[&owner, &other]).await?;
        }
        let rest = it.directory()?.revoke(&owner, None).await?;
        ensure!(rest <= 3, "revoke of at most 3 sessions answered {rest}");
        ensure!(revoked.is_none() || rest == 0, "a revoke that was done left {rest} sessions");
        for key in &keys {
            all_see(&it, key, None).await?;
        }
        has(&it, &owner, &[], it.now).await?;
        has(&it, &other, &[&others], it.now).await?;
        all_see(&it, &others, Some(&it.owned(2, &other))).await?;
    }
    Ok(())
}

async fn a_list_that_is_dropped_anywhere_is_noticed_by_nobody(it: Subject) -> Outcome {
    let owner = it.owner();
    let keys = [it.key(), it.key(), it.key()];
    for key in &keys {
        it.create(key, &it.owned(1, &owner)).await?;
    }
    let directory = it.directory()?;
    let mut cuts = Cuts::new();
    while cuts.next() {
        cuts.cut(directory.sessions_of(&owner, it.now)).await?;
        nobody_notices(&it).await?;
        has(&it, &owner, &[&keys[0], &keys[1], &keys[2]], it.now).await?;
    }
    let mut cuts = Cuts::new();
    while cuts.next() {
        cuts.cut(directory.count(it.now)).await?;
        nobody_notices(&it).await?;
        ensure!(directory.count(it.now).await? >= 3, "count leaves live sessions out");
    }
    let mut cuts = Cuts::new();
    while cuts.next() {
        let page = cuts.cut(directory.page(None, 2, it.now)).await?;
        ensure!(page.is_none_or(|page| !page.is_empty()), "a page is empty, and there are sessions");
        nobody_notices(&it).await?;
    }
    Ok(())
}

async fn a_purge_that_is_dropped_anywhere_is_noticed_by_nobody(it: Subject) -> Outcome {
    // Long before the sessions of those who come after.
    let end = if it.believes_the_argument() { it.ends_in(Duration::from_secs(60)) } else { it.ends_soon() };
    for n in 0..60 {
        it.create(&it.key(), &Record { expires_at: end, ..it.owned(n, &it.owner()) }).await?;
    }
    let (live, owner) = (it.key(), it.owner());
    let lasting = it.owned(1, &owner);
    let later = it.after(end).await;
    it.create(&live, &lasting).await?;
    let mut cuts = Cuts::new();
    while cuts.next() {
        let purged = cuts.cut(it.directory()?.purge_expired(later, 3)).await?;
        ensure!(purged.is_none_or(|purged| purged <= 3), "a purge of 3 answered {purged:?}");
        nobody_notices(&it).await?;
        all_see(&it, &live, Some(&lasting)).await?;
    }
    while it.directory()?.purge_expired(later, 100).await? == 100 {}
    let left = it.directory()?.count(later).await?;
    ensure!(left == 1, "of one live session, {left} are counted");
    has(&it, &owner, &[&live], later).await
}

async fn a_clear_that_is_dropped_anywhere_is_done_by_the_next_one(it: Subject) -> Outcome {
    let mut cuts = Cuts::new();
    while cuts.next() {
        let (key, owner) = (it.key(), it.owner());
        let record = it.owned(1, &owner);
        it.create(&key, &record).await?;
        cuts.cut(it.directory()?.clear()).await?;
        settles(&it, &key, &[Some(&record), None]).await?;
        lists_settle(&it, &key, &[&owner]).await?;
        it.directory()?.clear().await?;
        all_see(&it, &key, None).await?;
        has(&it, &owner, &[], it.now).await?;
        let left = it.directory()?.count(it.now).await?;
        ensure!(left == 0, "a store that was cleared has {left} sessions");
        // Only now: a clear that was dropped may have ended sessions made after it.
        nobody_notices(&it).await?;
    }
    Ok(())
}
