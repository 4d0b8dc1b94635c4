//! A session moves to another key once, whole, or not at all.

use std::sync::Arc;

use session_core::StoreKey;
use session_core::store::{Deleted, Record, Replace, Replaced, Touched, Updated, Version};

use super::subject::{LIFE, Subject, race, together};
use super::{StoreCase, cases};
use crate::failure::{Failure, Outcome};

pub(super) const CASES: &[StoreCase] = cases![
    replace_moves_a_session,
    replace_without_a_tombstone_leaves_nothing,
    replace_leaves_the_tombstone_byte_for_byte,
    replace_of_a_missing_session_stores_nothing,
    replace_of_a_deleted_session_stores_nothing,
    replace_at_a_stale_version_changes_nothing,
    replace_onto_a_taken_key_changes_nothing,
    nothing_at_the_old_version_succeeds_after_a_replace,
    of_racing_replaces_exactly_one_leaves_a_successor,
    replace_racing_a_delete_never_leaves_both_done,
    replace_racing_an_update_loses_nothing,
];

/// A session to be moved.
struct Move {
    old: StoreKey,
    new: StoreKey,
    base: Version,
    record: Record,
    tombstone: Option<Record>,
}

impl Move {
    /// A session holding 1 that is to hold 2 under its new key.
    async fn prepare(it: &Subject, leave_tombstone: bool) -> Outcome<Self> {
        let (old, base) = it.created(1).await?;
        let new = it.key();
        let tombstone = leave_tombstone.then(|| it.tombstone(&new));
        Ok(Self { old, new, base, record: it.owned(2, &it.owner()), tombstone })
    }

    fn verb(&self) -> Replace<'_> {
        Replace {
            old: &self.old,
            new: &self.new,
            record: &self.record,
            base: &self.base,
            tombstone: self.tombstone.as_ref(),
        }
    }

    /// The move as a future of its own, to race another.
    fn started(self: &Arc<Self>, it: &Subject) -> impl Future<Output = Outcome<Replaced>> + Send + 'static {
        let (it, moving) = (it.clone(), Arc::clone(self));
        async move { it.replace(moving.verb()).await }
    }

    async fn done(&self, it: &Subject) -> Outcome<Version> {
        match it.replace(self.verb()).await? {
            Replaced::Done(version) => Ok(version),
            other @ (Replaced::Missing | Replaced::Exists | Replaced::Conflict(_)) => {
                Err(Failure::new(format!("replace of a live session answered {other:?}")))
            }
        }
    }

    /// Under the old key there must be the tombstone, or nothing.
    async fn old_is_retired(&self, it: &Subject) -> Outcome {
        match &self.tombstone {
            Some(tombstone) => it.holds(&self.old, tombstone).await.map(drop),
            None => it.gone(&self.old, "the session has moved").await,
        }
    }
}

async fn replace_moves_a_session(it: Subject) -> Outcome {
    for leave_tombstone in [false, true] {
        let moving = Move::prepare(&it, leave_tombstone).await?;
        let version = moving.done(&it).await?;
        let stored = it.holds(&moving.new, &moving.record).await?;
        ensure!(stored.version == version, "load gives another version than replace answered");
        let updated = it.store.update(&moving.new, &it.record(3), Some(&version), it.now).await?;
        ensure!(matches!(updated, Updated::Done(_)), "update at replace's version answered {updated:?}");
        it.holds(&moving.new, &it.record(3)).await?;
    }
    Ok(())
}

async fn replace_without_a_tombstone_leaves_nothing(it: Subject) -> Outcome {
    let moving = Move::prepare(&it, false).await?;
    moving.done(&it).await?;
    moving.old_is_retired(&it).await?;
    let deleted = it.store.delete(&moving.old, None).await?;
    ensure!(deleted == Deleted::Missing, "replace left something under the old key");
    Ok(())
}

async fn replace_leaves_the_tombstone_byte_for_byte(it: Subject) -> Outcome {
    let moving = Move::prepare(&it, true).await?;
    moving.done(&it).await?;
    moving.old_is_retired(&it).await
}

async fn replace_of_a_missing_session_stores_nothing(it: Subject) -> Outcome {
    for leave_tombstone in [false, true] {
        let moving = Move { old: it.key(), ..Move::prepare(&it, leave_tombstone).await? };
        let replaced = it.replace(moving.verb()).await?;
        ensure!(replaced == Replaced::Missing, "replace of a missing session answered {replaced:?}");
        it.gone(&moving.new, "there was no session to move").await?;
        it.gone(&moving.old, "there was no session to move").await?;
    }
    Ok(())
}

async fn replace_of_a_deleted_session_stores_nothing(it: Subject) -> Outcome {
    for leave_tombstone in [false, true] {
        let moving = Move::prepare(&it, leave_tombstone).await?;
        it.delete(&moving.old).await?;
        let replaced = it.replace(moving.verb()).await?;
        ensure!(replaced == Replaced::Missing, "replace of a deleted session answered {replaced:?}");
        it.gone(&moving.new, "the session was deleted").await?;
        it.gone(&moving.old, "the session was deleted").await?;
    }
    Ok(())
}

async fn replace_at_a_stale_version_changes_nothing(it: Subject) -> Outcome {
    for leave_tombstone in [false, true] {
        let mut moving = Move::prepare(&it, leave_tombstone).await?;
        let current = it.update(&moving.old, &it.record(5)).await?;
        for base in [moving.base.clone(), Version::unknown()] {
            moving.base = base;
            let replaced = it.replace(moving.verb()).await?;
            let Replaced::Conflict(shown) = replaced else {
                return Err(Failure::new(format!("replace at a stale version answered {replaced:?}")));
            };
            it.same(&shown.record, &it.record(5))?;
            ensure!(shown.version == current, "the conflict shows another version than the current one");
            let stored = it.holds(&moving.old, &it.record(5)).await?;
            ensure!(stored.version == current, "a refused replace changed the version");
            it.gone(&moving.new, "the replace was refused").await?;
        }
    }
    Ok(())
}

async fn replace_onto_a_taken_key_changes_nothing(it: Subject) -> Outcome {
    for leave_tombstone in [false, true] {
        let moving = Move::prepare(&it, leave_tombstone).await?;
        let taken = it.create(&moving.new, &it.record(7)).await?;
        let replaced = it.replace(moving.verb()).await?;
        ensure!(replaced == Replaced::Exists, "replace onto a taken key answered {replaced:?}");
        let old = it.holds(&moving.old, &it.record(1)).await?;
        let new = it.holds(&moving.new, &it.record(7)).await?;
        ensure!(old.version == moving.base && new.version == taken, "a refused replace changed a version");
    }
    Ok(())
}

async fn nothing_at_the_old_version_succeeds_after_a_replace(it: Subject) -> Outcome {
    for leave_tombstone in [false, true] {
        let moving = Move::prepare(&it, leave_tombstone).await?;
        moving.done(&it).await?;
        let base = Some(&moving.base);
        let updated = it.store.update(&moving.old, &it.record(9), base, it.now).await?;
        ensure!(!matches!(updated, Updated::Done(_)), "update of a session that has moved was done");
        let deleted = it.store.delete(&moving.old, base).await?;
        ensure!(deleted != Deleted::Done, "delete at the version before the move was done");
        let replaced = it.replace(Replace { new: &it.key(), ..moving.verb() }).await?;
        ensure!(!matches!(replaced, Replaced::Done(_)), "a session was moved twice");
        let touched = it.store.touch(&moving.old, it.ends_in(LIFE), base, it.now).await?;
        let expected = if leave_tombstone { Touched::Changed } else { Touched::Missing };
        ensure!(touched == expected, "touch of a session that has moved answered {touched:?}");
        moving.old_is_retired(&it).await?;
        it.holds(&moving.new, &moving.record).await?;
    }
    Ok(())
}

async fn of_racing_replaces_exactly_one_leaves_a_successor(it: Subject) -> Outcome {
    for leave_tombstone in [false, true, false, true] {
        let first = Move::prepare(&it, leave_tombstone).await?;
        let tasks = (0..20).map(|_| {
            let (it, old, base) = (it.clone(), first.old.clone(), first.base.clone());
            let new = it.key();
            let moving = Move {
                tombstone: leave_tombstone.then(|| it.tombstone(&new)),
                record: first.record.clone(),
                old,
                new,
                base,
            };
            async move {
                let replaced = it.replace(moving.verb()).await?;
                ensure!(replaced != Replaced::Exists, "replace answered Exists for a key of its own");
                Ok((matches!(replaced, Replaced::Done(_)), moving))
            }
        });
        let mut winners = 0;
        for (won, moving) in together(tasks).await? {
            if won {
                winners += 1;
                it.holds(&moving.new, &moving.record).await?;
                moving.old_is_retired(&it).await?;
            } else {
                it.gone(&moving.new, "its replace was refused").await?;
            }
        }
        ensure!(winners == 1, "{winners} of 20 racing replaces of one session were done");
    }
    Ok(())
}

async fn replace_racing_a_delete_never_leaves_both_done(it: Subject) -> Outcome {
    for round in 0..30 {
        let moving = Move::prepare(&it, round % 2 == 0).await?;
        let moving = Arc::new(moving);
        let delete = {
            let (it, moving) = (it.clone(), Arc::clone(&moving));
            async move { Ok(it.store.delete(&moving.old, Some(&moving.base)).await?) }
        };
        match race(round, moving.started(&it), delete).await? {
            (Replaced::Done(_), Deleted::Missing | Deleted::Conflict(_)) => {
                it.holds(&moving.new, &moving.record).await?;
                moving.old_is_retired(&it).await?;
            }
            (Replaced::Missing, Deleted::Done) => {
                it.gone(&moving.new, "the session was deleted before it moved").await?;
                it.gone(&moving.old, "the session was deleted").await?;
            }
            (replaced, deleted) => {
                return Err(Failure::new(format!(
                    "of a racing replace and delete, one answered {replaced:?} and the other {deleted:?}"
                )));
            }
        }
    }
    Ok(())
}

async fn replace_racing_an_update_loses_nothing(it: Subject) -> Outcome {
    for round in 0..30 {
        let moving = Move::prepare(&it, round % 2 == 0).await?;
        let moving = Arc::new(moving);
        let other = it.record(5);
        let update = {
            let (it, moving, other) = (it.clone(), Arc::clone(&moving), other.clone());
            async move { Ok(it.store.update(&moving.old, &other, Some(&moving.base), it.now).await?) }
        };
        match race(round, moving.started(&it), update).await? {
            (Replaced::Done(_), Updated::Missing | Updated::Conflict(_)) => {
                it.holds(&moving.new, &moving.record).await?;
                moving.old_is_retired(&it).await?;
            }
            (Replaced::Conflict(_), Updated::Done(_)) => {
                it.holds(&moving.old, &other).await?;
                it.gone(&moving.new, "its replace was refused").await?;
            }
            (replaced, updated) => {
                return Err(Failure::new(format!(
                    "of a racing replace and update, one answered {replaced:?} and the other {updated:?}"
                )));
            }
        }
    }
    Ok(())
}
