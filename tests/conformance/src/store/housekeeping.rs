//! Counting, listing, clearing and purging.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use session_core::StoreKey;
use session_core::store::Record;

use super::subject::{Subject, together};
use super::{StoreCase, cases};
use crate::failure::{Failure, Outcome};

pub(super) const CASES: &[StoreCase] = cases![
    count_is_of_live_sessions needs EmptyNamespace,
    pages_show_each_session_once_in_key_order needs EmptyNamespace,
    a_page_holds_what_load_gives needs EmptyNamespace,
    pages_leave_out_the_expired needs EmptyNamespace,
    clear_removes_everything_and_answers_how_many needs EmptyNamespace,
    clear_leaves_another_namespace_alone needs TwoNamespaces,
    purge_removes_the_expired_and_only_them needs EmptyNamespace,
    purge_removes_at_most_a_batch needs EmptyNamespace,
];

/// How many sessions are listed by page.
const PAGED: u64 = 2000;

/// A prime, so that the last page is not full.
const PAGE: usize = 97;

/// `count` sessions, a few at a time.
async fn many(it: &Subject, count: u64) -> Outcome<Vec<(StoreKey, u64)>> {
    let tasks = (0..20).map(|part| {
        let it = it.clone();
        async move {
            let mut made = Vec::new();
            for n in (part..count).step_by(20) {
                made.push((it.created(n).await?.0, n));
            }
            Ok(made)
        }
    });
    Ok(together(tasks).await?.into_iter().flatten().collect())
}

async fn counts(it: &Subject, expected: u64) -> Outcome {
    let count = it.directory()?.count(it.now).await?;
    ensure!(count == expected, "count of {expected} sessions answered {count}");
    Ok(())
}

async fn count_is_of_live_sessions(it: Subject) -> Outcome {
    counts(&it, 0).await?;
    let made = many(&it, 30).await?;
    it.create(&it.key(), &it.owned(1, &it.owner())).await?;
    counts(&it, 31).await?;
    it.delete(&made[0].0).await?;
    counts(&it, 30).await?;
    let short = Record { expires_at: it.ends_soon(), ..it.record(1) };
    let long = Record { expires_at: it.ends_in(Duration::from_secs(1800)), ..it.record(2) };
    it.directory()?.clear().await?;
    for _ in 0..5 {
        it.create(&it.key(), &short).await?;
        it.create(&it.key(), &long).await?;
    }
    counts(&it, 10).await?;
    let later = it.after(short.expires_at).await;
    let count = it.directory()?.count(later).await?;
    ensure!(count == 5, "count of 5 live and 5 expired sessions answered {count}");
    Ok(())
}

async fn pages_show_each_session_once_in_key_order(it: Subject) -> Outcome {
    let mut unseen: BTreeMap<StoreKey, u64> = many(&it, PAGED).await?.into_iter().collect();
    let listing = Arc::new(AtomicBool::new(true));
    let churn = {
        let (it, listing) = (it.clone(), Arc::clone(&listing));
        tokio::spawn(async move {
            while listing.load(Ordering::Relaxed) {
                let (key, _) = it.created(0).await?;
                tokio::task::yield_now().await;
                it.delete(&key).await?;
            }
            Ok::<_, Failure>(())
        })
    };
    let seen = walk(&it, &mut unseen).await;
    listing.store(false, Ordering::Relaxed);
    let churned = churn.await.map_err(|error| Failure::new(error.to_string()))?;
    seen.and(churned)?;
    ensure!(unseen.is_empty(), "{} of {PAGED} sessions are on no page", unseen.len());
    Ok(())
}

/// Goes through all pages and takes what it sees out of `unseen`.
async fn walk(it: &Subject, unseen: &mut BTreeMap<StoreKey, u64>) -> Outcome {
    let mut after: Option<StoreKey> = None;
    // Twice as many pages as there are; what is made meanwhile is removed at once.
    for _ in 0..2 * PAGED / PAGE as u64 {
        let page = it.directory()?.page(after.as_ref(), PAGE, it.now).await?;
        ensure!(page.len() <= PAGE, "a page of at most {PAGE} sessions holds {}", page.len());
        if page.is_empty() {
            return Ok(());
        }
        for (key, _) in page {
            ensure!(
                after.as_ref().is_none_or(|after| *after < key),
                "the keys are not in order, or one came twice"
            );
            unseen.remove(&key);
            after = Some(key);
        }
    }
    Err(Failure::new("the pages do not end"))
}

async fn a_page_holds_what_load_gives(it: Subject) -> Outcome {
    let mut keys = vec![it.key(), it.key(), it.key()];
    keys.sort();
    let record = it.owned(1, &it.owner());
    for key in &keys {
        it.create(key, &record).await?;
    }
    let page = it.directory()?.page(None, 2, it.now).await?;
    ensure!(page.len() == 2, "a page of 2 of 3 sessions holds {}", page.len());
    for ((key, stored), expected) in page.iter().zip(&keys) {
        ensure!(key == expected, "the page does not begin with the first keys");
        let loaded = it.live(key).await?.ok_or_else(|| Failure::new("a session is lost"))?;
        ensure!(stored.version == loaded.version, "a page shows another version than load gives");
        it.same(&stored.record, &loaded.record)?;
        it.same(&stored.record, &record)?;
    }
    // The last key of a page may be gone when the next one is asked for.
    it.delete(&keys[1]).await?;
    let rest = it.directory()?.page(Some(&keys[1]), 2, it.now).await?;
    ensure!(rest.len() == 1 && rest[0].0 == keys[2], "the second page is not what is after the first");
    Ok(())
}

async fn pages_leave_out_the_expired(it: Subject) -> Outcome {
    let short = Record { expires_at: it.ends_soon(), ..it.record(1) };
    let long = Record { expires_at: it.ends_in(Duration::from_secs(1800)), ..it.record(2) };
    let mut live = Vec::new();
    for _ in 0..10 {
        it.create(&it.key(), &short).await?;
        live.push(it.key());
        it.create(&live[live.len() - 1], &long).await?;
    }
    live.sort();
    let later = it.after(short.expires_at).await;
    let mut seen: Vec<StoreKey> = Vec::new();
    while seen.len() <= live.len() {
        let page = it.directory()?.page(seen.last(), 4, later).await?;
        if page.is_empty() {
            break;
        }
        seen.extend(page.into_iter().map(|(key, _)| key));
    }
    ensure!(seen == live, "the pages show {} sessions; {} are live", seen.len(), live.len());
    Ok(())
}

async fn clear_removes_everything_and_answers_how_many(it: Subject) -> Outcome {
    let owner = it.owner();
    let made = many(&it, 49).await?;
    let key = it.key();
    it.create(&key, &it.owned(1, &owner)).await?;
    let cleared = it.directory()?.clear().await?;
    ensure!(cleared == 50, "clear of 50 sessions answered {cleared}");
    counts(&it, 0).await?;
    it.gone(&made[0].0, "the store was cleared").await?;
    let listed = it.directory()?.sessions_of(&owner, it.now).await?;
    ensure!(listed.is_empty(), "sessions_of lists a session after the store was cleared");
    let cleared = it.directory()?.clear().await?;
    ensure!(cleared == 0, "clear of an empty store answered {cleared}");
    it.create(&key, &it.record(2)).await?;
    counts(&it, 1).await
}

async fn clear_leaves_another_namespace_alone(it: Subject) -> Outcome {
    let other = it.another().await?;
    let owner = it.owner();
    let key = it.key();
    other.create(&key, &it.owned(1, &owner)).await?;
    it.create(&key, &it.owned(2, &owner)).await?;
    it.directory()?.clear().await?;
    other.holds(&key, &it.owned(1, &owner)).await?;
    counts(&other, 1).await?;
    super::owners::has(&other, &owner, &[&key], it.now).await
}

async fn purge_removes_the_expired_and_only_them(it: Subject) -> Outcome {
    let owner = it.owner();
    let short = Record { expires_at: it.ends_soon(), ..it.owned(1, &owner) };
    let long = Record { expires_at: it.ends_in(Duration::from_secs(1800)), ..it.owned(2, &owner) };
    let (mut dead, mut live) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        dead.push(it.key());
        it.create(&dead[dead.len() - 1], &short).await?;
        live.push(it.key());
        it.create(&live[live.len() - 1], &long).await?;
    }
    let purged = it.directory()?.purge_expired(it.now, 100).await?;
    ensure!(purged == 0, "purge with nothing expired answered {purged}");
    let later = it.after(short.expires_at).await;
    let purged = it.directory()?.purge_expired(later, 100).await?;
    // Fewer is well: a store may have removed some already.
    ensure!(purged <= 5, "purge of 5 expired sessions answered {purged}");
    for key in &dead {
        // Asked as if it were early, so that the expiry does not hide what is still there.
        it.gone(key, "the expired session was purged").await?;
    }
    for key in &live {
        let stored = it.store.load(key, None, later).await?;
        ensure!(stored.is_some(), "purge removed a live session");
    }
    super::owners::has(&it, &owner, &live.iter().collect::<Vec<_>>(), later).await
}

async fn purge_removes_at_most_a_batch(it: Subject) -> Outcome {
    let short = Record { expires_at: it.ends_soon(), ..it.record(1) };
    for _ in 0..10 {
        it.create(&it.key(), &short).await?;
    }
    let later = it.after(short.expires_at).await;
    let mut total = 0;
    for _ in 0..10 {
        let purged = it.directory()?.purge_expired(later, 4).await?;
        ensure!(purged <= 4, "purge of at most 4 answered {purged}");
        total += purged;
        if purged < 4 {
            break;
        }
    }
    ensure!(total <= 10, "purges of 10 expired sessions answered {total} together");
    let count = it.directory()?.count(it.now).await?;
    ensure!(count == 0, "after purging until a batch was not full, {count} expired sessions are left");
    Ok(())
}
