//! A touch moves the expiry and nothing else; what has expired stays so.

use std::time::Duration;

use session_core::store::{Record, Replace, Replaced, Touched, Updated, Version};
use time::OffsetDateTime;

use super::subject::{Subject, race};
use super::{StoreCase, cases};
use crate::failure::{Failure, Outcome};

pub(super) const CASES: &[StoreCase] = cases![
    touch_moves_the_expiry_and_nothing_else,
    touch_of_a_missing_session_creates_nothing,
    touch_never_brings_back_a_deleted_session,
    touch_at_a_stale_version_moves_nothing,
    touch_without_a_base_moves_any_version,
    a_base_from_before_a_touch_still_holds,
    touch_racing_an_update_loses_nothing,
    a_life_of_twenty_years_is_kept,
    an_expired_session_is_not_shown_as_live,
    a_touched_session_outlives_its_first_expiry,
    a_shortened_session_expires,
    touch_of_an_expired_session_does_what_it_answers,
    update_of_an_expired_session_does_what_it_answers,
    replace_of_an_expired_session_does_what_it_answers,
];

async fn touch_moves_the_expiry_and_nothing_else(it: Subject) -> Outcome {
    let key = it.key();
    let mut record = it.owned(1, &it.owner());
    let version = it.create(&key, &record).await?;
    for seconds in [1200, 300] {
        record.expires_at = it.ends_in(Duration::from_secs(seconds));
        let touched = it.store.touch(&key, record.expires_at, None, it.now).await?;
        ensure!(touched == Touched::Done, "touch of a live session answered {touched:?}");
        let stored = it.holds(&key, &record).await?;
        ensure!(stored.version == version, "a touch changed the version");
    }
    Ok(())
}

async fn touch_of_a_missing_session_creates_nothing(it: Subject) -> Outcome {
    let key = it.key();
    let touched = it.store.touch(&key, it.ends_in(Duration::from_secs(60)), None, it.now).await?;
    ensure!(touched == Touched::Missing, "touch of a missing session answered {touched:?}");
    it.gone(&key, "touch of a missing session must create nothing").await
}

async fn touch_never_brings_back_a_deleted_session(it: Subject) -> Outcome {
    let (key, _) = it.created(1).await?;
    it.delete(&key).await?;
    let touched = it.store.touch(&key, it.ends_in(Duration::from_secs(60)), None, it.now).await?;
    ensure!(touched == Touched::Missing, "touch of a deleted session answered {touched:?}");
    it.gone(&key, "the session was deleted").await
}

async fn touch_at_a_stale_version_moves_nothing(it: Subject) -> Outcome {
    let (key, stale) = it.created(1).await?;
    let current = it.update(&key, &it.record(2)).await?;
    for base in [&stale, &Version::unknown()] {
        for seconds in [1200, 300] {
            let end = it.ends_in(Duration::from_secs(seconds));
            let touched = it.store.touch(&key, end, Some(base), it.now).await?;
            ensure!(touched == Touched::Changed, "touch at a stale version answered {touched:?}");
            it.holds(&key, &it.record(2)).await?;
        }
        let missing =
            it.store.touch(&it.key(), it.ends_in(Duration::from_secs(60)), Some(base), it.now).await?;
        ensure!(missing == Touched::Missing, "touch of a missing session answered {missing:?}");
    }
    let end = it.ends_in(Duration::from_secs(1200));
    let touched = it.store.touch(&key, end, Some(&current), it.now).await?;
    ensure!(touched == Touched::Done, "touch at the current version answered {touched:?}");
    it.holds(&key, &Record { expires_at: end, ..it.record(2) }).await?;
    Ok(())
}

async fn touch_without_a_base_moves_any_version(it: Subject) -> Outcome {
    let (key, _) = it.created(1).await?;
    for n in 2..=3 {
        it.update(&key, &it.record(n)).await?;
        let end = it.ends_in(Duration::from_secs(1200));
        let touched = it.store.touch(&key, end, None, it.now).await?;
        ensure!(touched == Touched::Done, "touch without a base answered {touched:?}");
        it.holds(&key, &Record { expires_at: end, ..it.record(n) }).await?;
    }
    Ok(())
}

async fn a_base_from_before_a_touch_still_holds(it: Subject) -> Outcome {
    let (key, base) = it.created(1).await?;
    it.store.touch(&key, it.ends_in(Duration::from_secs(1200)), None, it.now).await?;
    let updated = it.store.update(&key, &it.record(2), Some(&base), it.now).await?;
    ensure!(matches!(updated, Updated::Done(_)), "after a touch, update at the base answered {updated:?}");
    it.holds(&key, &it.record(2)).await?;
    Ok(())
}

async fn touch_racing_an_update_loses_nothing(it: Subject) -> Outcome {
    for n in 1..=30 {
        let (key, base) = it.created(0).await?;
        let (update, touch) = (it.record(n), it.ends_in(Duration::from_secs(1200)));
        let updating = {
            let (it, key, update) = (it.clone(), key.clone(), update.clone());
            async move { Ok(it.store.update(&key, &update, Some(&base), it.now).await?) }
        };
        let touching = {
            let (it, key) = (it.clone(), key.clone());
            async move { Ok(it.store.touch(&key, touch, None, it.now).await?) }
        };
        let (updated, touched) = race(n, updating, touching).await?;
        ensure!(matches!(updated, Updated::Done(_)), "beside a touch, update answered {updated:?}");
        ensure!(touched == Touched::Done, "beside an update, touch answered Missing");
        let stored = it.live(&key).await?.ok_or_else(|| Failure::new("the session is lost"))?;
        ensure!(stored.record.payload == update.payload, "a touch wrote an older payload back");
        let touched = it.expires(&stored.record, touch).is_ok();
        let updated = it.expires(&stored.record, update.expires_at).is_ok();
        ensure!(touched || updated, "the expiry is neither the touch's nor the update's");
    }
    Ok(())
}

async fn a_life_of_twenty_years_is_kept(it: Subject) -> Outcome {
    let key = it.key();
    let twenty_years = Duration::from_secs(20 * 366 * 86_400);
    let record = Record { expires_at: it.ends_in(twenty_years), ..it.record(1) };
    it.create(&key, &record).await?;
    it.holds(&key, &record).await?;
    let (touched, _) = it.created(2).await?;
    it.store.touch(&touched, it.ends_in(twenty_years), None, it.now).await?;
    it.holds(&touched, &Record { expires_at: it.ends_in(twenty_years), ..it.record(2) }).await?;
    Ok(())
}

/// A session of the number 1 that expires soon.
fn brief(it: &Subject) -> Record {
    Record { expires_at: it.ends_soon(), ..it.record(1) }
}

async fn an_expired_session_is_not_shown_as_live(it: Subject) -> Outcome {
    let key = it.key();
    let record = brief(&it);
    it.create(&key, &record).await?;
    it.holds(&key, &record).await?;
    let later = it.after(record.expires_at).await;
    if let Some(stored) = it.store.load(&key, None, later).await? {
        it.expires(&stored.record, record.expires_at)?;
    }
    Ok(())
}

async fn a_touched_session_outlives_its_first_expiry(it: Subject) -> Outcome {
    let key = it.key();
    let record = brief(&it);
    it.create(&key, &record).await?;
    let end = it.ends_in(Duration::from_secs(1800));
    let touched = it.store.touch(&key, end, None, it.now).await?;
    ensure!(touched == Touched::Done, "touch of a live session answered {touched:?}");
    let later = it.after(record.expires_at).await;
    let stored = it.store.load(&key, None, later).await?;
    let stored = stored.ok_or_else(|| Failure::new("a touched session was lost at its first expiry"))?;
    it.same(&stored.record, &Record { expires_at: end, ..record })
}

async fn a_shortened_session_expires(it: Subject) -> Outcome {
    let (updated, touched) = (it.key(), it.key());
    let long = Record { expires_at: it.ends_in(Duration::from_secs(1800)), ..it.record(1) };
    it.create(&updated, &long).await?;
    it.create(&touched, &long).await?;
    let short = brief(&it);
    it.update(&updated, &short).await?;
    it.store.touch(&touched, short.expires_at, None, it.now).await?;
    let later = it.after(short.expires_at).await;
    for key in [updated, touched] {
        let stored = it.store.load(&key, None, later).await?;
        let live = stored.is_some_and(|stored| stored.record.expires_at > later);
        ensure!(!live, "a session whose life was shortened kept its longer life");
    }
    Ok(())
}

/// A session that has expired, and the time at which it has.
async fn expired(it: &Subject) -> Outcome<(session_core::StoreKey, Version, OffsetDateTime)> {
    let key = it.key();
    let record = brief(it);
    let version = it.create(&key, &record).await?;
    Ok((key, version, it.after(record.expires_at).await))
}

async fn touch_of_an_expired_session_does_what_it_answers(it: Subject) -> Outcome {
    let (key, _, later) = expired(&it).await?;
    let end = later + Duration::from_secs(600);
    let touched = it.store.touch(&key, end, None, later).await?;
    let stored = it.store.load(&key, None, later).await?;
    match touched {
        Touched::Done => {
            let stored = stored.ok_or_else(|| Failure::new("touch answered Done and the session is gone"))?;
            it.expires(&stored.record, end)
        }
        Touched::Missing | Touched::Changed => {
            let live = stored.is_some_and(|stored| stored.record.expires_at > later);
            ensure!(!live, "touch answered Missing and yet brought an expired session back");
            Ok(())
        }
    }
}

async fn update_of_an_expired_session_does_what_it_answers(it: Subject) -> Outcome {
    let (key, base, later) = expired(&it).await?;
    let record = Record { expires_at: later + Duration::from_secs(600), ..it.record(2) };
    let updated = it.store.update(&key, &record, Some(&base), later).await?;
    let stored = it.store.load(&key, None, later).await?;
    match updated {
        Updated::Done(_) => {
            let stored =
                stored.ok_or_else(|| Failure::new("update answered Done and the session is gone"))?;
            it.same(&stored.record, &record)
        }
        Updated::Missing | Updated::Conflict(_) => {
            let live = stored.is_some_and(|stored| stored.record.expires_at > later);
            ensure!(!live, "update was refused and yet brought an expired session back");
            Ok(())
        }
    }
}

async fn replace_of_an_expired_session_does_what_it_answers(it: Subject) -> Outcome {
    let (old, base, later) = expired(&it).await?;
    let new = it.key();
    let record = Record { expires_at: later + Duration::from_secs(600), ..it.record(2) };
    let replace = Replace { old: &old, new: &new, record: &record, base: &base, tombstone: None };
    let replaced = it.store.replace(replace, later).await?;
    let stored = it.store.load(&new, None, later).await?;
    match replaced {
        Replaced::Done(_) => {
            let stored = stored.ok_or_else(|| Failure::new("replace answered Done and stored nothing"))?;
            it.same(&stored.record, &record)
        }
        Replaced::Missing | Replaced::Conflict(_) => {
            ensure!(stored.is_none(), "replace was refused and yet stored something under the new key");
            Ok(())
        }
        Replaced::Exists => Err(Failure::new("replace answered Exists for a key that nobody has used")),
    }
}
