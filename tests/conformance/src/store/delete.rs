//! What is deleted is gone, whoever else is at work.

use session_core::store::{Deleted, Updated, Version};

use super::subject::{Subject, race};
use super::{StoreCase, cases};
use crate::failure::{Failure, Outcome};

pub(super) const CASES: &[StoreCase] = cases![
    delete_removes_one_session_and_no_other,
    delete_is_idempotent,
    delete_at_the_current_version_removes,
    delete_at_a_stale_version_removes_nothing,
    delete_racing_writers_leaves_nothing,
];

async fn delete_removes_one_session_and_no_other(it: Subject) -> Outcome {
    let (key, _) = it.created(1).await?;
    let (other, _) = it.created(2).await?;
    it.delete(&key).await?;
    it.gone(&key, "the session was deleted").await?;
    it.holds(&other, &it.record(2)).await?;
    Ok(())
}

async fn delete_is_idempotent(it: Subject) -> Outcome {
    let (key, version) = it.created(1).await?;
    it.delete(&key).await?;
    for base in [None, Some(&version), Some(&Version::unknown())] {
        let deleted = it.store.delete(&key, base).await?;
        ensure!(deleted == Deleted::Missing, "delete of a missing session answered {deleted:?}");
        let deleted = it.store.delete(&it.key(), base).await?;
        ensure!(deleted == Deleted::Missing, "delete of what never was answered {deleted:?}");
    }
    Ok(())
}

async fn delete_at_the_current_version_removes(it: Subject) -> Outcome {
    let (key, _) = it.created(1).await?;
    let current = it.update(&key, &it.record(2)).await?;
    let deleted = it.store.delete(&key, Some(&current)).await?;
    ensure!(deleted == Deleted::Done, "delete at the current version answered {deleted:?}");
    it.gone(&key, "the session was deleted").await
}

async fn delete_at_a_stale_version_removes_nothing(it: Subject) -> Outcome {
    let (key, stale) = it.created(1).await?;
    let current = it.update(&key, &it.record(2)).await?;
    for base in [stale, Version::unknown()] {
        let deleted = it.store.delete(&key, Some(&base)).await?;
        let Deleted::Conflict(shown) = deleted else {
            return Err(Failure::new(format!("delete at a stale version answered {deleted:?}")));
        };
        it.same(&shown.record, &it.record(2))?;
        ensure!(shown.version == current, "the conflict shows another version than the current one");
        it.holds(&key, &it.record(2)).await?;
    }
    Ok(())
}

async fn delete_racing_writers_leaves_nothing(it: Subject) -> Outcome {
    for n in 1..=30 {
        let (key, base) = it.created(0).await?;
        let record = it.record(n);
        let writes = {
            let (it, key, record) = (it.clone(), key.clone(), record.clone());
            async move {
                let touched = it.store.touch(&key, record.expires_at, None, it.now);
                let (blind, based, touched) = tokio::join!(
                    it.store.update(&key, &record, None, it.now),
                    it.store.update(&key, &record, Some(&base), it.now),
                    touched
                );
                touched?;
                Ok([blind?, based?])
            }
        };
        let delete = {
            let (it, key) = (it.clone(), key.clone());
            async move { it.delete(&key).await }
        };
        let (updates, ()) = race(n, writes, delete).await?;
        for updated in updates {
            if let Updated::Conflict(shown) = updated {
                it.same(&shown.record, &record)?;
            }
        }
        it.gone(&key, "the session was deleted, whatever raced it").await?;
    }
    Ok(())
}
