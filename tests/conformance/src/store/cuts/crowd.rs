//! Many callers that go away at once, a few milliseconds after they came.

use std::time::Duration;

use session_core::StoreKey;
use session_core::store::{Replace, Version};

use super::super::subject::{Subject, together};
use super::super::{StoreCase, cases};
use super::{all_see, nobody_notices};
use crate::failure::Outcome;

pub(in super::super) const CASES: &[StoreCase] = cases![a_crowd_that_goes_away_is_noticed_by_nobody];

/// How many come and go at once.
const CROWD: u64 = 100;

async fn a_crowd_that_goes_away_is_noticed_by_nobody(it: Subject) -> Outcome {
    for _ in 0..3 {
        let made = (0..CROWD).map(|n| {
            let it = it.clone();
            async move { Ok((n, it.created(n).await?)) }
        });
        let made = together(made).await?;
        let crowd = made.into_iter().map(|(n, (key, base))| {
            let it = it.clone();
            async move {
                // Spread over the time that a verb takes, so that each is met at another place.
                let stays = Duration::from_micros(n * 40);
                let _gone = tokio::time::timeout(stays, verb(&it, n, &key, &base)).await;
                Ok(key)
            }
        });
        let keys = together(crowd).await?;
        nobody_notices(&it).await?;
        for key in keys.iter().step_by(10) {
            it.store.delete(key, None).await?;
            all_see(&it, key, None).await?;
        }
    }
    Ok(())
}

async fn verb(it: &Subject, n: u64, key: &StoreKey, base: &Version) -> Outcome {
    match n % 5 {
        0 => drop(it.store.load(key, None, it.now).await?),
        1 => drop(it.store.update(key, &it.record(n + 1), Some(base), it.now).await?),
        2 => drop(it.store.touch(key, it.ends_in(Duration::from_secs(900)), Some(base), it.now).await?),
        3 => drop(it.store.delete(key, Some(base)).await?),
        _ => {
            let (new, record) = (it.key(), it.record(n + 1));
            let tombstone = it.tombstone(&new);
            let replace = Replace { old: key, new: &new, record: &record, base, tombstone: Some(&tombstone) };
            drop(it.replace(replace).await?);
        }
    }
    Ok(())
}
