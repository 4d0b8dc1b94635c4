//! Revoking ends every session of an owner, also those on their way to another key.

use session_core::StoreKey;
use session_core::store::{Created, Record, Replace, Updated};

use super::owners::{has, listed};
use super::subject::{Subject, race, together};
use super::{StoreCase, cases};
use crate::failure::Outcome;

pub(super) const CASES: &[StoreCase] = cases![
    revoke_removes_all_sessions_of_an_owner_and_answers_how_many,
    revoke_keeps_the_one_it_is_told_to_keep,
    revoke_told_to_keep_what_is_not_the_owners_removes_all,
    revoke_leaves_other_owners_alone,
    revoke_follows_a_session_to_its_new_owner,
    revoke_racing_creates_leaves_no_ghost,
    revoke_racing_an_update_leaves_nothing,
    revoke_racing_a_replace_leaves_no_successor,
];

async fn sessions(it: &Subject, owner: &session_core::store::Owner, count: u64) -> Outcome<Vec<StoreKey>> {
    let mut keys = Vec::new();
    for n in 0..count {
        let key = it.key();
        it.create(&key, &it.owned(n, owner)).await?;
        keys.push(key);
    }
    Ok(keys)
}

async fn revoke_removes_all_sessions_of_an_owner_and_answers_how_many(it: Subject) -> Outcome {
    let owner = it.owner();
    let keys = sessions(&it, &owner, 5).await?;
    it.delete(&keys[4]).await?;
    let revoked = it.directory()?.revoke(&owner, None).await?;
    ensure!(revoked == 4, "revoke of 4 sessions answered {revoked}");
    for key in &keys {
        it.gone(key, "the session was revoked").await?;
        let updated = it.store.update(key, &it.owned(9, &owner), None, it.now).await?;
        ensure!(updated == Updated::Missing, "update of a revoked session answered {updated:?}");
    }
    has(&it, &owner, &[], it.now).await?;
    let revoked = it.directory()?.revoke(&owner, None).await?;
    ensure!(revoked == 0, "revoke of an owner without sessions answered {revoked}");
    Ok(())
}

async fn revoke_keeps_the_one_it_is_told_to_keep(it: Subject) -> Outcome {
    let owner = it.owner();
    let keys = sessions(&it, &owner, 4).await?;
    let revoked = it.directory()?.revoke(&owner, Some(&keys[2])).await?;
    ensure!(revoked == 3, "revoke of all but one of 4 sessions answered {revoked}");
    has(&it, &owner, &[&keys[2]], it.now).await?;
    it.holds(&keys[2], &it.owned(2, &owner)).await?;
    it.gone(&keys[0], "the session was revoked").await
}

async fn revoke_told_to_keep_what_is_not_the_owners_removes_all(it: Subject) -> Outcome {
    let (owner, other) = (it.owner(), it.owner());
    let others = sessions(&it, &other, 1).await?;
    for keep in [it.key(), others[0].clone()] {
        let keys = sessions(&it, &owner, 2).await?;
        let revoked = it.directory()?.revoke(&owner, Some(&keep)).await?;
        ensure!(revoked == 2, "revoke of 2 sessions answered {revoked}");
        it.gone(&keys[0], "the session was revoked").await?;
    }
    has(&it, &other, &[&others[0]], it.now).await
}

async fn revoke_leaves_other_owners_alone(it: Subject) -> Outcome {
    let (owner, other) = (it.owner(), it.owner());
    sessions(&it, &owner, 2).await?;
    let others = sessions(&it, &other, 2).await?;
    let (nobodys, _) = it.created(7).await?;
    it.directory()?.revoke(&owner, None).await?;
    has(&it, &other, &[&others[0], &others[1]], it.now).await?;
    it.holds(&others[0], &it.owned(0, &other)).await?;
    it.holds(&nobodys, &it.record(7)).await?;
    Ok(())
}

async fn revoke_follows_a_session_to_its_new_owner(it: Subject) -> Outcome {
    let (one, two) = (it.owner(), it.owner());
    let keys = sessions(&it, &one, 2).await?;
    it.update(&keys[0], &it.owned(9, &two)).await?;
    let revoked = it.directory()?.revoke(&one, None).await?;
    ensure!(revoked == 1, "revoke of the one session that is left to an owner answered {revoked}");
    it.holds(&keys[0], &it.owned(9, &two)).await?;
    let revoked = it.directory()?.revoke(&two, None).await?;
    ensure!(revoked == 1, "revoke of an owner with one session answered {revoked}");
    it.gone(&keys[0], "the session was revoked").await
}

async fn revoke_racing_creates_leaves_no_ghost(it: Subject) -> Outcome {
    for round in 0..4 {
        revoke_amid_creates(&it, round).await?;
    }
    Ok(())
}

async fn revoke_amid_creates(it: &Subject, round: u64) -> Outcome {
    let owner = it.owner();
    let before = sessions(it, &owner, 10).await?;
    let (maker, of) = (it.clone(), owner.clone());
    let creates = (0..50).map(move |n| {
        let (it, owner) = (maker.clone(), of.clone());
        async move {
            let key = it.key();
            let created = it.store.create(&key, &it.owned(n, &owner), it.now).await?;
            ensure!(matches!(created, Created::Done(_)), "create answered Exists for a new key");
            Ok(key)
        }
    });
    let revoke = {
        let (it, owner) = (it.clone(), owner.clone());
        async move { Ok(it.directory()?.revoke(&owner, None).await?) }
    };
    let (created, revoked) = race(round, async { together(creates).await }, revoke).await?;
    for key in &before {
        it.gone(key, "the session was there before the revoke").await?;
    }
    let found = listed(it, &owner, it.now).await?;
    for key in &created {
        let live = it.live(key).await?.is_some();
        ensure!(live || !found.contains_key(key), "sessions_of lists a session that is not there");
        ensure!(
            !live || found.contains_key(key),
            "a live session of the owner is not listed: no revoke finds it"
        );
    }
    let all = (before.len() + created.len()) as u64;
    ensure!(
        revoked + found.len() as u64 == all,
        "of {all} sessions, {revoked} were revoked and {} are left",
        found.len()
    );
    let again = it.directory()?.revoke(&owner, None).await?;
    ensure!(again == found.len() as u64, "a second revoke did not remove all that was left");
    for key in &created {
        it.gone(key, "the session was revoked").await?;
    }
    Ok(())
}

async fn revoke_racing_an_update_leaves_nothing(it: Subject) -> Outcome {
    for n in 1..=30 {
        let owner = it.owner();
        let key = it.key();
        it.create(&key, &it.owned(0, &owner)).await?;
        let update = {
            let (it, key, record) = (it.clone(), key.clone(), it.owned(n, &owner));
            async move { Ok(it.store.update(&key, &record, None, it.now).await?) }
        };
        let revoke = {
            let (it, owner) = (it.clone(), owner.clone());
            async move { Ok(it.directory()?.revoke(&owner, None).await?) }
        };
        let (_, revoked) = race(n, update, revoke).await?;
        ensure!(revoked == 1, "revoke of an owner with one session answered {revoked}");
        it.gone(&key, "the session was revoked").await?;
        has(&it, &owner, &[], it.now).await?;
    }
    Ok(())
}

async fn revoke_racing_a_replace_leaves_no_successor(it: Subject) -> Outcome {
    for round in 0..30 {
        let owner = it.owner();
        let (old, new) = (it.key(), it.key());
        let base = it.create(&old, &it.owned(1, &owner)).await?;
        let replace = {
            let (it, owner, old, new) = (it.clone(), owner.clone(), old.clone(), new.clone());
            async move {
                let (record, tombstone): (_, Record) = (it.owned(2, &owner), it.tombstone(&new));
                let tombstone = (round % 2 == 0).then_some(&tombstone);
                let replace = Replace { old: &old, new: &new, record: &record, base: &base, tombstone };
                it.replace(replace).await
            }
        };
        let revoke = {
            let (it, owner) = (it.clone(), owner.clone());
            async move { Ok(it.directory()?.revoke(&owner, None).await?) }
        };
        let (_, revoked) = race(round, replace, revoke).await?;
        it.gone(&new, "the owner was revoked while the session moved").await?;
        ensure!(
            (1..=it.most_keys_of_one()).contains(&revoked),
            "revoke of an owner with one session, which moved meanwhile, answered {revoked}"
        );
        has(&it, &owner, &[], it.now).await?;
    }
    Ok(())
}
