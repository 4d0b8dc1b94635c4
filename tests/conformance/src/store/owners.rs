//! The sessions of an owner: exactly those that are live, through all that can happen to a session.

use std::collections::BTreeMap;
use std::time::Duration;

use session_core::StoreKey;
use session_core::store::{Owner, Record, Replace, Replaced, Stored};
use time::OffsetDateTime;

use super::subject::{Subject, random};
use super::{StoreCase, cases};
use crate::failure::{Failure, Outcome};

pub(super) const CASES: &[StoreCase] = cases![
    sessions_of_lists_what_is_live,
    sessions_of_shows_records_as_load_does,
    sessions_of_leaves_out_the_expired,
    a_touched_session_stays_listed,
    an_extended_session_stays_listed,
    an_update_moves_a_session_between_owners,
    a_refused_update_moves_nothing_between_owners,
    sessions_of_follows_a_replace,
    owners_of_any_text_are_told_apart,
    the_index_agrees_with_the_sessions_after_a_random_walk,
];

/// What the directory says an owner has.
pub(super) async fn listed(
    it: &Subject,
    owner: &Owner,
    now: OffsetDateTime,
) -> Outcome<BTreeMap<StoreKey, Stored>> {
    let found = it.directory()?.sessions_of(owner, now).await?;
    let count = found.len();
    let found: BTreeMap<_, _> = found.into_iter().collect();
    ensure!(found.len() == count, "sessions_of lists a session twice");
    Ok(found)
}

/// The owner must have these sessions and no other.
pub(super) async fn has(it: &Subject, owner: &Owner, keys: &[&StoreKey], now: OffsetDateTime) -> Outcome {
    let found = listed(it, owner, now).await?;
    for key in keys {
        ensure!(found.contains_key(*key), "sessions_of leaves a live session out");
    }
    ensure!(found.len() == keys.len(), "sessions_of lists {} sessions of {}", found.len(), keys.len());
    Ok(())
}

async fn sessions_of_lists_what_is_live(it: Subject) -> Outcome {
    let (owner, other) = (it.owner(), it.owner());
    let keys = [it.key(), it.key(), it.key()];
    has(&it, &owner, &[], it.now).await?;
    for key in &keys {
        it.create(key, &it.owned(1, &owner)).await?;
    }
    it.create(&it.key(), &it.owned(1, &other)).await?;
    it.created(1).await?;
    has(&it, &owner, &[&keys[0], &keys[1], &keys[2]], it.now).await?;
    it.delete(&keys[1]).await?;
    has(&it, &owner, &[&keys[0], &keys[2]], it.now).await
}

async fn sessions_of_shows_records_as_load_does(it: Subject) -> Outcome {
    let (key, owner) = (it.key(), it.owner());
    it.create(&key, &it.owned(1, &owner)).await?;
    it.update(&key, &it.owned(2, &owner)).await?;
    it.store.touch(&key, it.ends_in(Duration::from_secs(900)), None, it.now).await?;
    let loaded = it.live(&key).await?.ok_or_else(|| Failure::new("the session is lost"))?;
    let found = listed(&it, &owner, it.now).await?.remove(&key);
    let found = found.ok_or_else(|| Failure::new("sessions_of does not show the session"))?;
    ensure!(found.version == loaded.version, "sessions_of shows another version than load gives");
    it.same(&found.record, &loaded.record)
}

async fn sessions_of_leaves_out_the_expired(it: Subject) -> Outcome {
    let (short, long, owner) = (it.key(), it.key(), it.owner());
    let record = Record { expires_at: it.ends_soon(), ..it.owned(1, &owner) };
    it.create(&short, &record).await?;
    let lasting = Record { expires_at: it.ends_in(Duration::from_secs(1800)), ..it.owned(2, &owner) };
    it.create(&long, &lasting).await?;
    let later = it.after(record.expires_at).await;
    has(&it, &owner, &[&long], later).await
}

async fn a_touched_session_stays_listed(it: Subject) -> Outcome {
    let (key, owner) = (it.key(), it.owner());
    let record = Record { expires_at: it.ends_soon(), ..it.owned(1, &owner) };
    it.create(&key, &record).await?;
    it.store.touch(&key, it.ends_in(Duration::from_secs(1800)), None, it.now).await?;
    let later = it.after(record.expires_at).await;
    has(&it, &owner, &[&key], later).await
}

async fn an_extended_session_stays_listed(it: Subject) -> Outcome {
    let (key, owner) = (it.key(), it.owner());
    let record = Record { expires_at: it.ends_soon(), ..it.owned(1, &owner) };
    it.create(&key, &record).await?;
    let extend = session_core::store::Extend {
        due_before: it.ends_in(Duration::from_secs(1200)),
        to: it.ends_in(Duration::from_secs(1800)),
        original_max_age: Some(600_000),
    };
    let loaded = it.store.load(&key, Some(&extend), it.now).await?;
    let later = it.after(record.expires_at).await;
    // A store may leave the touch to its caller; then the session ends as it would have.
    let moved = loaded.is_some_and(|stored| stored.record.expires_at > later);
    let expected: &[&StoreKey] = if moved { &[&key] } else { &[] };
    has(&it, &owner, expected, later).await
}

async fn an_update_moves_a_session_between_owners(it: Subject) -> Outcome {
    let (key, one, two) = (it.key(), it.owner(), it.owner());
    it.create(&key, &it.record(0)).await?;
    has(&it, &one, &[], it.now).await?;
    it.update(&key, &it.owned(1, &one)).await?;
    has(&it, &one, &[&key], it.now).await?;
    it.update(&key, &it.owned(2, &two)).await?;
    has(&it, &one, &[], it.now).await?;
    has(&it, &two, &[&key], it.now).await?;
    it.update(&key, &it.record(3)).await?;
    has(&it, &two, &[], it.now).await
}

async fn a_refused_update_moves_nothing_between_owners(it: Subject) -> Outcome {
    let (key, one, two) = (it.key(), it.owner(), it.owner());
    let stale = it.create(&key, &it.owned(1, &one)).await?;
    it.update(&key, &it.owned(2, &one)).await?;
    let _refused = it.store.update(&key, &it.owned(3, &two), Some(&stale), it.now).await?;
    let _refused = it.store.create(&key, &it.owned(4, &two), it.now).await?;
    let _refused = it.store.update(&it.key(), &it.owned(5, &two), None, it.now).await?;
    has(&it, &one, &[&key], it.now).await?;
    has(&it, &two, &[], it.now).await
}

async fn sessions_of_follows_a_replace(it: Subject) -> Outcome {
    for leave_tombstone in [false, true] {
        let (old, new, one, two) = (it.key(), it.key(), it.owner(), it.owner());
        let base = it.create(&old, &it.owned(1, &one)).await?;
        let tombstone = it.tombstone(&new);
        let tombstone = leave_tombstone.then_some(&tombstone);
        let record = it.owned(2, &two);
        let replace = Replace { old: &old, new: &new, record: &record, base: &base, tombstone };
        let replaced = it.replace(replace).await?;
        ensure!(matches!(replaced, Replaced::Done(_)), "replace of a live session answered {replaced:?}");
        has(&it, &one, &[], it.now).await?;
        has(&it, &two, &[&new], it.now).await?;
    }
    Ok(())
}

async fn owners_of_any_text_are_told_apart(it: Subject) -> Outcome {
    let long = "x".repeat(Owner::MAX_BYTES - 20);
    let ends = [
        "a",
        "A",
        "ab",
        "a ",
        " a",
        "a'b",
        "a\"b",
        "a\\b",
        "a%",
        "a_",
        "%",
        "_",
        "*",
        "?",
        "a:b",
        "a/b",
        "a.b",
        "$a",
        "{a}",
        "é",
        "e\u{301}",
        "e",
        "😀",
        "日本",
        "a\nb",
        "' OR '1'='1",
        &long,
        &long[1..],
    ];
    let stem = format!("{:016x}", random());
    let mut kept = Vec::new();
    for (n, end) in (1..).zip(ends) {
        let Some(owner) = Owner::new(&format!("{stem}{end}")) else {
            continue;
        };
        let key = it.key();
        it.create(&key, &it.owned(n, &owner)).await?;
        it.holds(&key, &it.owned(n, &owner)).await?;
        kept.push((owner, key));
    }
    ensure!(kept.len() == ends.len(), "a sound owner was taken for none");
    while let Some((owner, key)) = kept.pop() {
        has(&it, &owner, &[&key], it.now).await?;
        let revoked = it.directory()?.revoke(&owner, None).await?;
        ensure!(revoked == 1, "revoke of an owner with one session answered {revoked}");
        if let Some((other, key)) = kept.last() {
            has(&it, other, &[key], it.now).await?;
        }
    }
    Ok(())
}

/// The next number of a sequence that is the same in every run.
fn step(seed: &mut u64) -> usize {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    usize::try_from(*seed % 1_000_003).unwrap_or(0)
}

async fn the_index_agrees_with_the_sessions_after_a_random_walk(it: Subject) -> Outcome {
    let owners = [it.owner(), it.owner(), it.owner()];
    let mut model: BTreeMap<StoreKey, Record> = BTreeMap::new();
    let (mut seed, mut now) = (0x5eed_1234_abcd_0001, it.now);
    for n in 0..200 {
        let owner = owners.get(step(&mut seed) % 4);
        let life = Duration::from_secs(300 + (step(&mut seed) % 600) as u64);
        let expires_at = now + life;
        let record = Record { expires_at, ..owner.map_or(it.record(n), |owner| it.owned(n, owner)) };
        let chosen = model.keys().nth(step(&mut seed) % model.len().max(1)).cloned();
        match (step(&mut seed) % 7, chosen) {
            (0 | 1, _) | (_, None) => {
                let key = it.key();
                it.store.create(&key, &record, now).await?;
                model.insert(key, record);
            }
            (2, Some(key)) => {
                it.store.update(&key, &record, None, now).await?;
                model.insert(key, record);
            }
            (3, Some(key)) => {
                it.store.touch(&key, expires_at, None, now).await?;
                model.entry(key).and_modify(|record| record.expires_at = expires_at);
            }
            (4, Some(key)) => {
                it.store.delete(&key, None).await?;
                model.remove(&key);
            }
            (5, Some(old)) => {
                let new = it.key();
                let stored = it.store.load(&old, None, now).await?;
                let base =
                    stored.ok_or_else(|| Failure::new("load answered None for a live session"))?.version;
                let replace = Replace { old: &old, new: &new, record: &record, base: &base, tombstone: None };
                it.store.replace(replace, now).await?;
                model.remove(&old);
                model.insert(new, record);
            }
            (_, Some(_)) if it.believes_the_argument() => {
                now += Duration::from_secs(60);
                // What ends at this very moment would depend on the store's precision.
                model.retain(|_, record| record.expires_at > now + Duration::from_secs(2));
                now += Duration::from_secs(2);
            }
            (_, Some(_)) => {}
        }
        if n % 10 == 9 {
            for owner in &owners {
                let of = |record: &Record| record.owner.as_ref() == Some(owner);
                let keys: Vec<_> =
                    model.iter().filter(|(_, record)| of(record)).map(|(key, _)| key).collect();
                has(&it, owner, &keys, now).await?;
            }
        }
    }
    for (key, record) in &model {
        let stored = it.store.load(key, None, now).await?;
        ensure!(
            stored.is_some_and(|stored| it.same(&stored.record, record).is_ok()),
            "a session is not as last written"
        );
    }
    Ok(())
}
