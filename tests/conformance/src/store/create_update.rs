//! Sessions come into being once, and change only from what they are.

use session_core::store::{Created, Deleted, Record, Updated, Version};

use super::subject::{Subject, number, together};
use super::{StoreCase, cases};
use crate::failure::{Failure, Outcome};

pub(super) const CASES: &[StoreCase] = cases![
    create_stores_and_load_returns_the_record,
    load_of_a_missing_session_is_none,
    create_refuses_to_overwrite,
    of_racing_creates_exactly_one_is_done,
    a_deleted_key_can_be_created_anew,
    update_of_a_missing_session_creates_nothing,
    update_never_brings_back_a_deleted_session,
    update_at_the_current_version_gives_the_next_base,
    update_at_a_stale_version_changes_nothing,
    update_at_an_unknown_version_answers_the_record,
    update_without_a_base_overwrites_any_version,
    update_changes_payload_expiry_and_owner,
    of_racing_updates_at_one_version_exactly_one_is_done,
];

async fn create_stores_and_load_returns_the_record(it: Subject) -> Outcome {
    let (plain, owned) = (it.key(), it.key());
    let with_owner = it.owned(2, &it.owner());
    let version = it.create(&plain, &it.record(1)).await?;
    it.create(&owned, &with_owner).await?;
    let stored = it.holds(&plain, &it.record(1)).await?;
    ensure!(stored.version == version, "load gives another version than create answered");
    it.holds(&owned, &with_owner).await?;
    Ok(())
}

async fn load_of_a_missing_session_is_none(it: Subject) -> Outcome {
    let stored = it.store.load(&it.key(), None, it.now).await?;
    ensure!(stored.is_none(), "load made up a session");
    Ok(())
}

async fn create_refuses_to_overwrite(it: Subject) -> Outcome {
    let key = it.key();
    let first = it.owned(1, &it.owner());
    let version = it.create(&key, &first).await?;
    let second = it.store.create(&key, &it.owned(2, &it.owner()), it.now).await?;
    ensure!(second == Created::Exists, "create of a taken key answered {second:?}");
    let stored = it.holds(&key, &first).await?;
    ensure!(stored.version == version, "a refused create changed the version");
    Ok(())
}

async fn of_racing_creates_exactly_one_is_done(it: Subject) -> Outcome {
    for _ in 0..5 {
        let key = it.key();
        let tasks = (1..=10).map(|n| {
            let (it, key) = (it.clone(), key.clone());
            async move {
                let created = it.store.create(&key, &it.record(n), it.now).await?;
                Ok(matches!(created, Created::Done(_)).then_some(n))
            }
        });
        let winners: Vec<u64> = together(tasks).await?.into_iter().flatten().collect();
        ensure!(winners.len() == 1, "{} of 10 racing creates of one key were done", winners.len());
        it.holds(&key, &it.record(winners[0])).await?;
    }
    Ok(())
}

async fn a_deleted_key_can_be_created_anew(it: Subject) -> Outcome {
    let (key, old) = it.created(1).await?;
    it.delete(&key).await?;
    it.create(&key, &it.record(2)).await?;
    it.holds(&key, &it.record(2)).await?;
    let updated = it.store.update(&key, &it.record(3), Some(&old), it.now).await?;
    ensure!(matches!(updated, Updated::Conflict(_)), "a version from before the delete passed: {updated:?}");
    it.holds(&key, &it.record(2)).await?;
    Ok(())
}

async fn update_of_a_missing_session_creates_nothing(it: Subject) -> Outcome {
    let (_, other) = it.created(1).await?;
    for base in [None, Some(&Version::unknown()), Some(&other)] {
        let key = it.key();
        let updated = it.store.update(&key, &it.owned(1, &it.owner()), base, it.now).await?;
        ensure!(updated == Updated::Missing, "update of a missing session answered {updated:?}");
        it.gone(&key, "update of a missing session must create nothing").await?;
    }
    Ok(())
}

async fn update_never_brings_back_a_deleted_session(it: Subject) -> Outcome {
    let (key, version) = it.created(1).await?;
    it.delete(&key).await?;
    for base in [None, Some(&version)] {
        let updated = it.store.update(&key, &it.record(2), base, it.now).await?;
        ensure!(updated == Updated::Missing, "update of a deleted session answered {updated:?}");
        it.gone(&key, "the session was deleted").await?;
    }
    let again = it.store.delete(&key, None).await?;
    ensure!(again == Deleted::Missing, "an update left something to delete: {again:?}");
    Ok(())
}

async fn update_at_the_current_version_gives_the_next_base(it: Subject) -> Outcome {
    let (key, mut base) = it.created(0).await?;
    for n in 1..=3 {
        match it.store.update(&key, &it.record(n), Some(&base), it.now).await? {
            Updated::Done(version) => {
                ensure!(version != base, "the version did not change with the payload");
                base = version;
            }
            other @ (Updated::Missing | Updated::Conflict(_)) => {
                return Err(Failure::new(format!("update at the current version answered {other:?}")));
            }
        }
        let stored = it.holds(&key, &it.record(n)).await?;
        ensure!(stored.version == base, "load gives another version than update answered");
    }
    Ok(())
}

async fn update_at_a_stale_version_changes_nothing(it: Subject) -> Outcome {
    let key = it.key();
    let owner = it.owner();
    let stale = it.create(&key, &it.owned(1, &owner)).await?;
    let current = it.update(&key, &it.owned(2, &owner)).await?;
    let updated = it.store.update(&key, &it.owned(3, &it.owner()), Some(&stale), it.now).await?;
    let Updated::Conflict(shown) = updated else {
        return Err(Failure::new(format!("update at a stale version answered {updated:?}")));
    };
    it.same(&shown.record, &it.owned(2, &owner))?;
    ensure!(shown.version == current, "the conflict shows another version than the current one");
    let stored = it.holds(&key, &it.owned(2, &owner)).await?;
    ensure!(stored.version == current, "a refused update changed the version");
    Ok(())
}

async fn update_at_an_unknown_version_answers_the_record(it: Subject) -> Outcome {
    let (key, version) = it.created(1).await?;
    let updated = it.store.update(&key, &it.record(2), Some(&Version::unknown()), it.now).await?;
    let Updated::Conflict(shown) = updated else {
        return Err(Failure::new(format!("update at an unknown version answered {updated:?}")));
    };
    it.same(&shown.record, &it.record(1))?;
    ensure!(shown.version == version, "the conflict shows another version than the current one");
    it.holds(&key, &it.record(1)).await?;
    Ok(())
}

async fn update_without_a_base_overwrites_any_version(it: Subject) -> Outcome {
    let (key, stale) = it.created(1).await?;
    it.update(&key, &it.record(2)).await?;
    it.update(&key, &it.record(3)).await?;
    it.holds(&key, &it.record(3)).await?;
    let updated = it.store.update(&key, &it.record(4), Some(&stale), it.now).await?;
    ensure!(matches!(updated, Updated::Conflict(_)), "the version did not change: {updated:?}");
    Ok(())
}

async fn update_changes_payload_expiry_and_owner(it: Subject) -> Outcome {
    let (key, _) = it.created(1).await?;
    let (one, two) = (it.owner(), it.owner());
    let later = it.ends_in(std::time::Duration::from_secs(1200));
    let sooner = it.ends_in(std::time::Duration::from_secs(300));
    let steps = [(it.owned(2, &one), later), (it.owned(3, &two), sooner), (it.record(4), later)];
    for (record, end) in steps {
        let record = Record { expires_at: end, ..record };
        it.update(&key, &record).await?;
        it.holds(&key, &record).await?;
    }
    Ok(())
}

async fn of_racing_updates_at_one_version_exactly_one_is_done(it: Subject) -> Outcome {
    for _ in 0..5 {
        let (key, base) = it.created(0).await?;
        let tasks = (1..=10).map(|n| {
            let (it, key, base) = (it.clone(), key.clone(), base.clone());
            async move {
                let updated = it.store.update(&key, &it.record(n), Some(&base), it.now).await?;
                ensure!(updated != Updated::Missing, "update of a live session answered Missing");
                Ok(matches!(updated, Updated::Done(_)).then_some(n))
            }
        });
        let winners: Vec<u64> = together(tasks).await?.into_iter().flatten().collect();
        ensure!(winners.len() == 1, "{} of 10 racing updates at one version were done", winners.len());
        let stored = it.live(&key).await?.ok_or_else(|| Failure::new("the session is lost"))?;
        ensure!(number(&stored.record)? == winners[0], "the session holds what a refused update wrote");
    }
    Ok(())
}
