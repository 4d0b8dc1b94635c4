//! A load may carry out a due touch; if it does, then only for the sessions it is meant for.

use std::time::Duration;

use session_core::StoreKey;
use session_core::store::{Extend, Record, Stored, Updated};

use super::subject::{Subject, payload};
use super::{StoreCase, cases};
use crate::failure::{Failure, Outcome};

pub(super) const CASES: &[StoreCase] = cases![
    load_of_a_missing_session_with_a_touch_creates_nothing,
    load_moves_a_due_session_or_leaves_it,
    load_leaves_a_session_that_is_not_due,
    load_leaves_a_session_with_a_life_of_its_own,
    load_tells_a_life_of_null_from_none,
    load_looks_for_the_life_in_the_cookie_only,
    load_leaves_a_tombstone,
    load_does_not_move_an_expired_session,
];

const MINUTE: Duration = Duration::from_secs(60);

/// A touch for sessions of this life that end within five minutes: gives them ten.
fn extend(it: &Subject, original_max_age: Option<i64>) -> Extend {
    Extend { due_before: it.ends_in(5 * MINUTE), to: it.ends_in(10 * MINUTE), original_max_age }
}

/// A session with this payload that ends in a minute.
async fn due(it: &Subject, payload: &str) -> Outcome<(StoreKey, Record)> {
    let key = it.key();
    let record = Record { expires_at: it.ends_in(MINUTE), ..it.holding(payload) };
    it.create(&key, &record).await?;
    Ok((key, record))
}

async fn load(it: &Subject, key: &StoreKey, extend: &Extend) -> Outcome<Stored> {
    let stored = it.store.load(key, Some(extend), it.now).await?;
    stored.ok_or_else(|| Failure::new("load with a touch answered None for a live session"))
}

/// A load with `extend` must leave the session alone.
async fn leaves(it: &Subject, payload: &str, extend: &Extend) -> Outcome {
    let (key, record) = due(it, payload).await?;
    it.same(&load(it, &key, extend).await?.record, &record)?;
    it.holds(&key, &record).await?;
    Ok(())
}

async fn load_of_a_missing_session_with_a_touch_creates_nothing(it: Subject) -> Outcome {
    let key = it.key();
    let stored = it.store.load(&key, Some(&extend(&it, Some(600_000))), it.now).await?;
    ensure!(stored.is_none(), "load made up a session");
    it.gone(&key, "load with a touch must create nothing").await
}

async fn load_moves_a_due_session_or_leaves_it(it: Subject) -> Outcome {
    let extend = extend(&it, Some(600_000));
    let key = it.key();
    let mut record = Record { expires_at: it.ends_in(MINUTE), ..it.owned(1, &it.owner()) };
    let version = it.create(&key, &record).await?;
    let seen = load(&it, &key, &extend).await?;
    if it.expires(&seen.record, extend.to).is_ok() {
        record.expires_at = extend.to;
    }
    it.same(&seen.record, &record)?;
    ensure!(seen.version == version, "load with a touch changed the version");
    let stored = it.holds(&key, &record).await?;
    ensure!(stored.version == version, "load with a touch changed the version");
    let updated = it.store.update(&key, &it.record(2), Some(&version), it.now).await?;
    ensure!(matches!(updated, Updated::Done(_)), "after a load, update at the base answered {updated:?}");
    Ok(())
}

async fn load_leaves_a_session_that_is_not_due(it: Subject) -> Outcome {
    let key = it.key();
    let record = Record { expires_at: it.ends_in(6 * MINUTE), ..it.record(1) };
    it.create(&key, &record).await?;
    it.same(&load(&it, &key, &extend(&it, Some(600_000))).await?.record, &record)?;
    it.holds(&key, &record).await?;
    Ok(())
}

async fn load_leaves_a_session_with_a_life_of_its_own(it: Subject) -> Outcome {
    for life in ["60000", "6000000", "6000001", "-600000"] {
        leaves(&it, &payload(life, 1, None), &extend(&it, Some(600_000))).await?;
    }
    Ok(())
}

async fn load_tells_a_life_of_null_from_none(it: Subject) -> Outcome {
    leaves(&it, &payload("null", 1, None), &extend(&it, Some(600_000))).await?;
    leaves(&it, &payload("null", 1, None), &extend(&it, Some(0))).await?;
    leaves(&it, &payload("600000", 1, None), &extend(&it, None)).await?;
    leaves(&it, &payload("0", 1, None), &extend(&it, None)).await?;
    leaves(&it, r#"{"cookie":{"path":"/"}}"#, &extend(&it, None)).await
}

async fn load_looks_for_the_life_in_the_cookie_only(it: Subject) -> Outcome {
    let extend = extend(&it, Some(600_000));
    let elsewhere = [
        r#"{"cookie":{"originalMaxAge":1},"originalMaxAge":600000,"cart":{"cookie":{"originalMaxAge":600000}}}"#,
        r#"{"a":{"cookie":{"originalMaxAge":600000}},"cookie":{"path":"/","originalMaxAge":1}}"#,
        r#"{"0":"\"cookie\":{\"originalMaxAge\":600000","cookie":{"originalMaxAge":null}}"#,
    ];
    for payload in elsewhere {
        leaves(&it, payload, &extend).await?;
    }
    Ok(())
}

async fn load_leaves_a_tombstone(it: Subject) -> Outcome {
    let key = it.key();
    let tombstone = it.tombstone(&it.key());
    it.create(&key, &tombstone).await?;
    for life in [Some(600_000), None] {
        it.same(&load(&it, &key, &extend(&it, life)).await?.record, &tombstone)?;
    }
    it.holds(&key, &tombstone).await?;
    Ok(())
}

async fn load_does_not_move_an_expired_session(it: Subject) -> Outcome {
    let key = it.key();
    let record = Record { expires_at: it.ends_soon(), ..it.record(1) };
    it.create(&key, &record).await?;
    let later = it.after(record.expires_at).await;
    let extend =
        Extend { due_before: later + 5 * MINUTE, to: later + 10 * MINUTE, original_max_age: Some(600_000) };
    for extend in [Some(&extend), None] {
        if let Some(stored) = it.store.load(&key, extend, later).await? {
            it.expires(&stored.record, record.expires_at)?;
        }
    }
    Ok(())
}
