//! Making a request's changes again, on a record that another request changed meanwhile.

use time::OffsetDateTime;

use crate::error::Error;
use crate::record::{self, Moved};
use crate::state::{Source, State};
use crate::store::{Stored, Version};
use crate::table::Intent;
use crate::values::Op;

/// What became of a session that another request changed.
#[derive(Debug)]
pub(crate) enum Rebased {
    /// Changed, and now holds both changes.
    Merged,
    /// Moved to another id: here is the key it has now, and perhaps the way there.
    Moved(Moved),
    /// Expired, or not readable: it is not written to.
    Gone,
}

impl State {
    /// Takes the newer record as the base, and makes this request's changes on it: key by key, in the order in which the
    /// keys were first changed.
    ///
    /// * a value that was put in stands, whatever the other request put there;
    /// * a key that was removed is removed;
    /// * a function runs again, on the newer value;
    /// * everything else is as the other request left it.
    pub(crate) fn rebase(&mut self, stored: Stored, now: OffsetDateTime) -> Result<Rebased, Error> {
        let Ok(parts) = record::decode(&stored.record.payload) else {
            return Ok(Rebased::Gone);
        };
        if let Some(moved) = parts.facts.moved {
            return Ok(Rebased::Moved(moved));
        }
        if stored.record.expires_at <= now {
            return Ok(Rebased::Gone);
        }
        if let Source::Loaded(loaded) = &mut self.source {
            loaded.version = stored.version;
            loaded.expires_at = stored.record.expires_at;
            loaded.payload = stored.record.payload;
        }
        if self.is_new() {
            // A new, empty session has nothing of the old one's data.
            return Ok(Rebased::Merged);
        }
        let mine = std::mem::replace(&mut self.values, parts.values);
        if self.delta.cleared {
            self.values = crate::values::Values::default();
        }
        for change in &mut self.delta.changes {
            let key = &change.key;
            change.before = match &mut change.op {
                Op::Set => match mine.get(key) {
                    Some(value) => self.values.set(key, value.to_owned()),
                    None => self.values.remove(key),
                },
                Op::Remove => self.values.remove(key),
                Op::Update(functions) => {
                    let before = self.values.get(key).map(ToOwned::to_owned);
                    for function in functions {
                        let value = function(self.values.get(key))?;
                        self.values.set(key, value);
                    }
                    before
                }
            };
        }
        if !self.cookie_changed {
            self.cookie = parts.cookie;
            self.facts.own_life = parts.facts.own_life;
        }
        if !self.owner_changed {
            self.facts.owner = parts.facts.owner;
        }
        self.facts.undone = parts.facts.undone;
        self.facts.created = parts.facts.created.or(self.facts.created);
        self.facts.authenticated = self.facts.authenticated.max(parts.facts.authenticated);
        Ok(Rebased::Merged)
    }

    /// Goes on with the session that another request has rotated this one to; `false` if the way there is not open to
    /// whoever has the old id. Which version it is at there is not known yet: a write finds out.
    pub(crate) fn follow(&mut self, moved: &Moved) -> bool {
        let at_rest = self.policy.ids_at_rest();
        let Source::Loaded(loaded) = &mut self.source else { return false };
        let Some(id) = moved.successor(&loaded.id, at_rest) else { return false };
        loaded.key = moved.to.clone();
        loaded.version = Version::unknown();
        loaded.id = id.clone();
        if self.intent == Intent::Keep {
            self.id = Some(id);
        }
        true
    }
}
