//! Each verb of a store, dropped after every number of polls.

use std::time::Duration;

use session_core::store::{Created, Extend, Record, Replace, Updated};

use super::super::owners::has;
use super::super::subject::{LIFE, Subject};
use super::super::{StoreCase, cases};
use super::{Cuts, all_see, lists_are_right, lists_settle, nobody_notices, overwrite, settles};
use crate::failure::Outcome;

pub(in super::super) const CASES: &[StoreCase] = cases![
    a_create_that_is_dropped_anywhere_is_done_or_not,
    an_update_that_is_dropped_anywhere_is_done_or_not,
    a_touch_that_is_dropped_anywhere_is_done_or_not,
    a_load_that_is_dropped_anywhere_moves_the_expiry_or_not,
    a_replace_that_is_dropped_anywhere_is_done_or_not,
    a_delete_that_is_dropped_anywhere_is_done_or_not,
];

async fn a_create_that_is_dropped_anywhere_is_done_or_not(it: Subject) -> Outcome {
    let mut cuts = Cuts::new();
    while cuts.next() {
        let (key, one, two) = (it.key(), it.owner(), it.owner());
        let (first, second) = (it.owned(1, &one), it.owned(2, &two));
        let answer = cuts.cut(it.store.create(&key, &first, it.now)).await?;
        nobody_notices(&it).await?;
        settles(&it, &key, &[None, Some(&first)]).await?;
        lists_settle(&it, &key, &[&one]).await?;
        // What was sent may still arrive. A second create settles it.
        let again = it.store.create(&key, &second, it.now).await?;
        let done_again = matches!(again, Created::Done(_));
        ensure!(answer.is_none() || !done_again, "create was done twice");
        let stored = if done_again { second } else { first };
        all_see(&it, &key, Some(&stored)).await?;
        lists_are_right(&it, &key, &[&one, &two], Some(&stored)).await?;
        it.delete(&key).await?;
        all_see(&it, &key, None).await?;
        lists_are_right(&it, &key, &[&one, &two], None).await?;
    }
    Ok(())
}

async fn an_update_that_is_dropped_anywhere_is_done_or_not(it: Subject) -> Outcome {
    let mut cuts = Cuts::new();
    while cuts.next() {
        let (key, one, two, three) = (it.key(), it.owner(), it.owner(), it.owner());
        let (first, second, third) =
            (it.owned(1, &one), telltale(&it, it.owned(2, &two)), it.owned(3, &three));
        let base = it.create(&key, &first).await?;
        cuts.cut(it.store.update(&key, &second, Some(&base), it.now)).await?;
        nobody_notices(&it).await?;
        settles(&it, &key, &[Some(&first), Some(&second)]).await?;
        lists_settle(&it, &key, &[&one, &two]).await?;
        ensure!(overwrite(&it, &key, &third).await?, "a dropped update lost the session");
        all_see(&it, &key, Some(&third)).await?;
        lists_are_right(&it, &key, &[&one, &two, &three], Some(&third)).await?;
        it.delete(&key).await?;
        all_see(&it, &key, None).await?;
        lists_are_right(&it, &key, &[&one, &two, &three], None).await?;
    }
    Ok(())
}

/// With another expiry, so that half of it can be told from the whole.
fn telltale(it: &Subject, record: Record) -> Record {
    Record { expires_at: it.ends_in(Duration::from_secs(777)), ..record }
}

async fn a_touch_that_is_dropped_anywhere_is_done_or_not(it: Subject) -> Outcome {
    let mut cuts = Cuts::new();
    while cuts.next() {
        let (key, owner) = (it.key(), it.owner());
        let (before, last) = (it.owned(1, &owner), it.owned(2, &owner));
        let after = telltale(&it, before.clone());
        let base = it.create(&key, &before).await?;
        cuts.cut(it.store.touch(&key, after.expires_at, Some(&base), it.now)).await?;
        nobody_notices(&it).await?;
        settles(&it, &key, &[Some(&before), Some(&after)]).await?;
        lists_settle(&it, &key, &[&owner]).await?;
        ensure!(overwrite(&it, &key, &last).await?, "a dropped touch lost the session");
        all_see(&it, &key, Some(&last)).await?;
        lists_are_right(&it, &key, &[&owner], Some(&last)).await?;
    }
    Ok(())
}

async fn a_load_that_is_dropped_anywhere_moves_the_expiry_or_not(it: Subject) -> Outcome {
    let mut cuts = Cuts::new();
    while cuts.next() {
        let (key, owner) = (it.key(), it.owner());
        let (before, last) = (it.owned(1, &owner), it.owned(2, &owner));
        let after = telltale(&it, before.clone());
        let extend = Extend {
            due_before: it.now + LIFE + Duration::from_secs(60),
            to: after.expires_at,
            original_max_age: Some(600_000),
        };
        it.create(&key, &before).await?;
        cuts.cut(it.store.load(&key, Some(&extend), it.now)).await?;
        nobody_notices(&it).await?;
        settles(&it, &key, &[Some(&before), Some(&after)]).await?;
        lists_settle(&it, &key, &[&owner]).await?;
        ensure!(overwrite(&it, &key, &last).await?, "a dropped load lost the session");
        all_see(&it, &key, Some(&last)).await?;
        lists_are_right(&it, &key, &[&owner], Some(&last)).await?;
    }
    Ok(())
}

async fn a_delete_that_is_dropped_anywhere_is_done_or_not(it: Subject) -> Outcome {
    let mut cuts = Cuts::new();
    while cuts.next() {
        let (key, owner) = (it.key(), it.owner());
        let (first, second) = (it.owned(1, &owner), it.owned(2, &owner));
        let base = it.create(&key, &first).await?;
        let answer = cuts.cut(it.store.delete(&key, Some(&base))).await?;
        nobody_notices(&it).await?;
        settles(&it, &key, &[Some(&first), None]).await?;
        lists_settle(&it, &key, &[&owner]).await?;
        let is_there = overwrite(&it, &key, &second).await?;
        ensure!(answer.is_none() || !is_there, "delete was done, and yet there is a session");
        let stored = is_there.then_some(&second);
        all_see(&it, &key, stored).await?;
        lists_are_right(&it, &key, &[&owner], stored).await?;
    }
    Ok(())
}

async fn a_replace_that_is_dropped_anywhere_is_done_or_not(it: Subject) -> Outcome {
    for leaves_tombstone in [true, false] {
        let mut cuts = Cuts::new();
        while cuts.next() {
            dropped_replace(&it, &mut cuts, leaves_tombstone).await?;
        }
    }
    Ok(())
}

async fn dropped_replace(it: &Subject, cuts: &mut Cuts, leaves_tombstone: bool) -> Outcome {
    let (old, new, owner) = (it.key(), it.key(), it.owner());
    let (first, second, third) = (it.owned(1, &owner), it.owned(2, &owner), it.owned(3, &owner));
    let tombstone = it.tombstone(&new);
    let tombstone = leaves_tombstone.then_some(&tombstone);
    let base = it.create(&old, &first).await?;
    let replace = Replace { old: &old, new: &new, record: &second, base: &base, tombstone };
    let answer = cuts.cut(it.store.replace(replace, it.now)).await?;
    // In this order: a session on its way leaves the old key only when it is under the new one.
    let before = it.live(&old).await?;
    let after = it.live(&new).await?;
    let still = before.is_some_and(|stored| stored.record.payload == first.payload);
    ensure!(still || after.is_some(), "a dropped replace lost the session");
    nobody_notices(it).await?;
    settles(it, &old, &[Some(&first), tombstone]).await?;
    settles(it, &new, &[None, Some(&second)]).await?;
    lists_settle(it, &old, &[&owner]).await?;
    // At the old version: either the session is still there and moves no more, or it has moved.
    let moved = match it.store.update(&old, &third, Some(&base), it.now).await? {
        Updated::Done(_) => false,
        Updated::Missing | Updated::Conflict(_) => true,
    };
    ensure!(moved || answer.is_none(), "replace was done, and yet the session is under its old key");
    all_see(it, &old, if moved { tombstone } else { Some(&third) }).await?;
    lists_are_right(it, &old, &[&owner], (!moved).then_some(&third)).await?;
    if moved {
        all_see(it, &new, Some(&second)).await?;
        lists_are_right(it, &new, &[&owner], Some(&second)).await?;
        ensure!(overwrite(it, &new, &third).await?, "a session that has moved is lost");
        all_see(it, &new, Some(&third)).await?;
    }
    // Where a store takes two steps, a copy that nobody has the key of may be left of the first. It ends with the others.
    if let Ok(directory) = it.directory() {
        directory.revoke(&owner, None).await?;
        all_see(it, if moved { &new } else { &old }, None).await?;
        all_see(it, &new, None).await?;
        has(it, &owner, &[], it.now).await?;
    }
    Ok(())
}
