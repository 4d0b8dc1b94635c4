//! Settling a renewal whose outcome nobody knows: the store did not answer in time, or the request was dropped while it
//! worked. The browser was told nothing and still has the old id, so the old id must work again.
//!
//! The steps are updates, which bring nothing into being and name the version they change, so a logout or a revocation
//! that gets in between wins:
//!
//! 1. **Close the way.** The old record is rewritten as it was, at a new version: a move that is still on its way to the
//!    store then finds another version and does nothing. If the answer is that the session has moved already:
//! 2. **Take back.** The record under the new id, of which nobody was told, becomes what the old one was. Privileges that
//!    were about to be given are gone with that.
//! 3. **Lead on.** What the move left under the old key becomes the way to the new id, for as long as the session would
//!    have lived. The holder of the old id is led on at the next request and told the new one.
//!
//! There is one session at each moment. If it is ended in between, it stays ended.

use super::*;
use crate::clock::millis;
use crate::store::{Stored, Updated};
use crate::values::Values;

/// An update that takes a renewal back of which the browser was not told; see [`State::undo`].
#[derive(Debug)]
#[must_use = "the store's answer must be handed to `resume`"]
pub struct Undo {
    /// The session as it was before.
    old: Loaded,
    /// The id it was to have, and its key.
    id: SessionId,
    new: StoreKey,
    /// Whose it was to be.
    owner: Option<Owner>,
    /// The dates that may stand on what its moves have left, in milliseconds since the epoch.
    moving: (i64, i64),
    /// A rotation: what it changed may stay, since it gave nobody more rights.
    keeps_changes: bool,
    step: Step,
    key: StoreKey,
    base: Version,
    record: Record,
}

#[derive(Debug)]
enum Step {
    CloseTheWay,
    TakeBack { left: Stored },
    LeadOn,
}

impl State {
    /// What takes a renewal, regeneration or login back that was [abandoned](Close::abandon) while the store worked on it.
    /// `None` if there is none, or if the policy leaves no tombstones by which the browser could find back.
    ///
    /// For a response that will not be sent. To try the same again for the same response, [close](Self::close) again.
    #[must_use]
    pub fn undo(self: Box<Self>) -> Option<Undo> {
        let keeps_changes = match self.intent {
            Intent::Rotate => true,
            Intent::Renew | Intent::Regenerate | Intent::Login => false,
            Intent::Keep | Intent::Destroy | Intent::Unset => return None,
        };
        let State { policy, source: Source::Loaded(old), id: Some(id), facts, moving: Some(moving), .. } =
            *self
        else {
            return None;
        };
        let moving = (millis(moving.0), millis(moving.1));
        let new = id.key(policy.ids_at_rest());
        let (key, base) = (old.key.clone(), old.version.clone());
        let record = old.restored(Keeping::Everything)?;
        let step = Step::CloseTheWay;
        let owner = facts.owner;
        (new != key).then_some(Undo { old, id, new, owner, moving, keeps_changes, step, key, base, record })
    }
}

impl Undo {
    /// The key of the record to rewrite.
    #[must_use]
    pub fn key(&self) -> &StoreKey {
        &self.key
    }

    /// The version it must still be at.
    #[must_use]
    pub fn base(&self) -> &Version {
        &self.base
    }

    /// What to store.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Goes on with the store's answer; `None` when the session is settled. If the store does not answer, the same step can
    /// be asked again, however often.
    #[must_use]
    pub fn resume(self, answer: Updated) -> Option<Self> {
        match (self.step, answer) {
            // Ended, or never moved and now never will.
            (Step::CloseTheWay | Step::LeadOn, Updated::Done(_))
            | (Step::CloseTheWay | Step::TakeBack { .. } | Step::LeadOn, Updated::Missing) => None,
            (Step::CloseTheWay, Updated::Conflict(left)) => {
                let undo = Self { step: Step::LeadOn, ..self };
                match record::decode(&left.record.payload).ok()?.facts.moved {
                    Some(moved) if undo.made(&moved) && undo.keeps_changes => undo.lead_on(&left),
                    Some(moved) if undo.made(&moved) => undo.take_back(left),
                    // Another request changed it or moved it, so this one's move comes too late.
                    Some(_) | None => None,
                }
            }
            (Step::TakeBack { left }, Updated::Done(_)) => Self { step: Step::LeadOn, ..self }.lead_on(&left),
            (Step::TakeBack { left }, Updated::Conflict(found)) => {
                // Nobody else was told of it, so this is what the move has stored, or this very step.
                let base = found.version;
                Some(Self { step: Step::TakeBack { left }, base, ..self })
            }
            (Step::LeadOn, Updated::Conflict(_)) => None,
        }
    }

    /// Whether it was this request's move: a broken generator of ids may have given another one the same.
    fn made(&self, moved: &Moved) -> bool {
        let (first, last) = self.moving;
        moved.to == self.new && (first..=last).contains(&millis(moved.until))
    }

    fn take_back(self, left: Stored) -> Option<Self> {
        // Who asked to leave an owner's session behind is not put back into it: it may have been revoked since.
        let owner = record::decode(&self.old.payload).ok()?.facts.owner;
        let keeping =
            if owner.is_none() || owner == self.owner { Keeping::Everything } else { Keeping::Nothing };
        let record = self.old.restored(keeping)?;
        let key = self.new.clone();
        Some(Self { step: Step::TakeBack { left }, key, base: Version::unknown(), record, ..self })
    }

    fn lead_on(self, left: &Stored) -> Option<Self> {
        let next = Some(successor::seal(&self.old.id, &self.id, &self.new));
        let until = self.old.expires_at.max(left.record.expires_at);
        let record = tombstone(Moved { to: self.new.clone(), until, next });
        let key = self.old.key.clone();
        Some(Self { step: Step::LeadOn, key, base: left.version.clone(), record, ..self })
    }
}

/// What of a session is put back.
#[derive(Debug, Clone, Copy)]
enum Keeping {
    Everything,
    Nothing,
}

impl Loaded {
    /// The record as it was, but for a mark that makes it another version. `None` if it cannot be read.
    fn restored(&self, keeping: Keeping) -> Option<Record> {
        let mut parts = record::decode(&self.payload).ok()?;
        if let Keeping::Nothing = keeping {
            parts.facts = Facts::default();
            parts.values = Values::default();
        }
        parts.facts.undone = parts.facts.undone.wrapping_add(1).max(1);
        let expires = parts.cookie.original_max_age.map(|_| self.expires_at);
        let payload = record::encode(&parts.cookie, expires, &parts.facts, &parts.values);
        Some(Record { payload: payload.into(), expires_at: self.expires_at, owner: parts.facts.owner })
    }
}
