//! The five steps: each names one verb of the store and says what its answers mean.

use super::*;
use crate::merge::Rebased;
use crate::store::{Created, Deleted, Replaced, Touched, Updated};

/// A new record is to be stored under a key that nobody has.
#[derive(Debug)]
#[must_use = "the store's answer must be handed to `resume`"]
pub struct Create {
    state: Box<State>,
    cookie: CookieVerb,
    id: SessionId,
    key: StoreKey,
    record: Record,
}

impl Create {
    pub(super) fn begin(
        mut state: Box<State>,
        cookie: CookieVerb,
        now: OffsetDateTime,
        fresh: Fresh<'_>,
    ) -> Close {
        let id = state.id.clone().unwrap_or_else(fresh);
        let key = id.key(state.policy.ids_at_rest());
        match state.record(now) {
            Ok(record) => Close::Create(Self { state, cookie, id, key, record }),
            Err(error) => state.refuse(error),
        }
    }

    /// The key to store under.
    #[must_use]
    pub fn key(&self) -> &StoreKey {
        &self.key
    }

    /// What to store.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Goes on with the store's answer.
    pub fn resume(mut self, answer: Created, now: OffsetDateTime, fresh: Fresh<'_>) -> Close {
        match answer {
            Created::Done(version) => self.state.saved(self.id, self.key, version, self.record, self.cookie),
            // Two ids are never equal by chance; a generator that repeats itself must not hand out another's session.
            Created::Exists => {
                self.state.id = Some(fresh());
                Self::begin(self.state, self.cookie, now, fresh)
            }
        }
    }

    pub(super) fn unwritten(self) -> Close {
        if self.state.is_unasked() { self.state.settle(CookieVerb::Leave) } else { Close::Create(self) }
    }

    /// Gives the session back after the store could not answer.
    #[must_use]
    pub fn abandon(self) -> Box<State> {
        self.state
    }
}

/// A record is to be rewritten, if it is still what it was.
#[derive(Debug)]
#[must_use = "the store's answer must be handed to `resume`"]
pub struct Update {
    state: Box<State>,
    cookie: CookieVerb,
    id: SessionId,
    key: StoreKey,
    base: Option<Version>,
    record: Record,
}

impl Update {
    pub(super) fn begin(mut state: Box<State>, cookie: CookieVerb, now: OffsetDateTime) -> Close {
        let Some((id, key, base)) = state.base() else { return state.refuse(Error::Gone) };
        if state.is_unsafe_to_repeat() {
            return state.refuse(Error::InDoubt);
        }
        match state.record(now) {
            Ok(record) => Close::Update(Self { state, cookie, id, key, base, record }),
            Err(error) => state.refuse(error),
        }
    }

    /// The key of the record.
    #[must_use]
    pub fn key(&self) -> &StoreKey {
        &self.key
    }

    /// The version it must still be at, if any.
    #[must_use]
    pub fn base(&self) -> Option<&Version> {
        self.base.as_ref()
    }

    /// What to store.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Goes on with the store's answer.
    pub fn resume(mut self, answer: Updated, now: OffsetDateTime) -> Close {
        match answer {
            Updated::Done(version) => self.state.saved(self.id, self.key, version, self.record, self.cookie),
            Updated::Missing => self.state.gone(),
            Updated::Conflict(stored) => match self.state.rebase(stored, now) {
                Ok(Rebased::Merged) => Self::begin(self.state, self.cookie, now),
                // Rotated meanwhile: the changes go with it, and the browser is told the new id, in case that the response
                // to the rotation got lost.
                Ok(Rebased::Moved(moved)) if self.state.follow(&moved) => {
                    Self::begin(self.state, CookieVerb::Set, now)
                }
                Ok(Rebased::Moved(_) | Rebased::Gone) => self.state.gone(),
                Err(error) => self.state.refuse(error),
            },
        }
    }

    pub(super) fn unwritten(self) -> Close {
        if self.state.is_unasked() { self.state.settle(self.cookie) } else { Close::Update(self) }
    }

    /// Gives the session back after the store could not answer.
    #[must_use]
    pub fn abandon(mut self) -> Box<State> {
        self.state.in_doubt = true;
        self.state
    }
}

/// An expiry is to be moved.
#[derive(Debug)]
#[must_use = "the store's answer must be handed to `resume`"]
pub struct Touch {
    state: Box<State>,
    cookie: CookieVerb,
    key: StoreKey,
    base: Option<Version>,
    expires_at: OffsetDateTime,
}

impl Touch {
    pub(super) fn begin(state: Box<State>, cookie: CookieVerb, now: OffsetDateTime) -> Close {
        let Some((_, key, base)) = state.base() else { return state.settle(CookieVerb::Leave) };
        let expires_at = state.extended_to(now);
        Close::Touch(Self { state, cookie, key, base, expires_at })
    }

    /// The key of the record.
    #[must_use]
    pub fn key(&self) -> &StoreKey {
        &self.key
    }

    /// The version it must still be at, if any.
    #[must_use]
    pub fn base(&self) -> Option<&Version> {
        self.base.as_ref()
    }

    /// When the session is to end.
    #[must_use]
    pub fn expires_at(&self) -> OffsetDateTime {
        self.expires_at
    }

    /// Goes on with the store's answer.
    pub fn resume(mut self, answer: Touched) -> Close {
        match answer {
            Touched::Done => {
                if let Source::Loaded(loaded) = &mut self.state.source {
                    loaded.expires_at = self.expires_at;
                }
                self.state.extended = true;
                self.state.settle(self.cookie)
            }
            Touched::Missing => self.state.gone(),
            // Whoever changed the record has extended its life, or moved it to an id that this response must not undo.
            Touched::Changed => self.state.settle(CookieVerb::Leave),
        }
    }

    pub(super) fn unwritten(self) -> Close {
        self.state.settle(self.cookie)
    }

    /// Gives the session back after the store could not answer.
    #[must_use]
    pub fn abandon(self) -> Box<State> {
        self.state
    }
}

/// A record is to move to another id.
#[derive(Debug)]
#[must_use = "the store's answer must be handed to `resume`"]
pub struct Rename {
    state: Box<State>,
    cookie: CookieVerb,
    id: SessionId,
    old: StoreKey,
    new: StoreKey,
    base: Version,
    record: Record,
    tombstone: Option<Record>,
}

impl Rename {
    pub(super) fn begin(
        mut state: Box<State>,
        cookie: CookieVerb,
        now: OffsetDateTime,
        fresh: Fresh<'_>,
    ) -> Close {
        let Source::Loaded(Loaded { id: from, key, version, .. }) = &state.source else {
            return state.refuse(Error::Gone);
        };
        let (from, old, base) = (from.clone(), key.clone(), version.clone());
        if state.is_unsafe_to_repeat() {
            return state.refuse(Error::InDoubt);
        }
        let id = state.id.clone().unwrap_or_else(fresh);
        let new = id.key(state.policy.ids_at_rest());
        let tombstone = state.tombstone(&from, &id, &new, now);
        match state.record(now) {
            Ok(record) => Close::Rename(Self { state, cookie, id, old, new, base, record, tombstone }),
            Err(error) => state.refuse(error),
        }
    }

    /// What to ask of the store.
    #[must_use]
    pub fn replace(&self) -> crate::store::Replace<'_> {
        crate::store::Replace {
            old: &self.old,
            new: &self.new,
            record: &self.record,
            base: &self.base,
            tombstone: self.tombstone.as_ref(),
        }
    }

    /// Goes on with the store's answer.
    pub fn resume(mut self, answer: Replaced, now: OffsetDateTime, fresh: Fresh<'_>) -> Close {
        self.state.id = Some(self.id.clone());
        match answer {
            Replaced::Done(version) => self.state.saved(self.id, self.new, version, self.record, self.cookie),
            Replaced::Exists => {
                self.state.id = Some(fresh());
                self.state.moving = None;
                Self::begin(self.state, self.cookie, now, fresh)
            }
            // An earlier, broken-off attempt of this very request may have done the work and left no trace under the old
            // key. Rewriting what it made tells: an update brings nothing into being.
            Replaced::Missing if self.state.in_doubt => Close::Update(Update {
                state: self.state,
                cookie: self.cookie,
                id: self.id,
                key: self.new,
                base: None,
                record: self.record,
            }),
            Replaced::Missing => Self::gone(self.state, self.cookie, now, fresh),
            Replaced::Conflict(stored) => match self.state.rebase(stored, now) {
                Ok(Rebased::Merged) => Self::begin(self.state, self.cookie, now, fresh),
                // An earlier, broken-off attempt of this very request did the work.
                Ok(Rebased::Moved(moved)) if moved.to == self.new && self.state.in_doubt => {
                    self.state.saved(self.id, self.new, Version::unknown(), self.record, self.cookie)
                }
                Ok(Rebased::Moved(moved)) if self.state.follow(&moved) => {
                    Self::begin(self.state, self.cookie, now, fresh)
                }
                Ok(Rebased::Moved(_) | Rebased::Gone) => Self::gone(self.state, self.cookie, now, fresh),
                Err(error) => self.state.refuse(error),
            },
        }
    }

    /// The old session is gone. Nothing may succeed it but a login, whose authority is not the old session's.
    fn gone(mut state: Box<State>, cookie: CookieVerb, now: OffsetDateTime, fresh: Fresh<'_>) -> Close {
        match state.intent {
            Intent::Login => {
                state.source = Source::Fresh;
                Create::begin(state, cookie, now, fresh)
            }
            Intent::Keep
            | Intent::Renew
            | Intent::Rotate
            | Intent::Regenerate
            | Intent::Destroy
            | Intent::Unset => state.gone(),
        }
    }

    /// Gives the session back after the store could not answer. It keeps the new id, so that trying again finds out
    /// whether the first try succeeded.
    #[must_use]
    pub fn abandon(mut self) -> Box<State> {
        self.state.id = Some(self.id);
        self.state.in_doubt = true;
        if let Some(Record { expires_at, .. }) = self.tombstone {
            let first = self.state.moving.map_or(expires_at, |(first, _)| first);
            self.state.moving = Some((first, expires_at));
        }
        self.state
    }
}

/// A record is to be removed.
#[derive(Debug)]
#[must_use = "the store's answer must be handed to `resume`"]
pub struct Delete {
    state: Box<State>,
    cookie: CookieVerb,
    key: StoreKey,
    base: Option<Version>,
}

impl Delete {
    pub(super) fn begin(state: Box<State>, cookie: CookieVerb) -> Close {
        let Source::Loaded(Loaded { key, version, .. }) = &state.source else {
            return state.settle(cookie);
        };
        let (key, base) = (key.clone(), Some(version.clone()));
        Close::Delete(Self { state, cookie, key, base })
    }

    pub(super) fn begin_successor(state: Box<State>, cookie: CookieVerb) -> Close {
        let Source::Superseded { to } = &state.source else {
            return state.settle(cookie);
        };
        let key = to.clone();
        Close::Delete(Self { state, cookie, key, base: Some(Version::unknown()) })
    }

    /// The key of the record.
    #[must_use]
    pub fn key(&self) -> &StoreKey {
        &self.key
    }

    /// The version it must still be at.
    #[must_use]
    pub fn base(&self) -> Option<&Version> {
        self.base.as_ref()
    }

    /// Goes on with the store's answer.
    pub fn resume(mut self, answer: Deleted) -> Close {
        match answer {
            Deleted::Done | Deleted::Missing => self.state.vanished(self.cookie),
            // A session that was renewed meanwhile is ended all the same; one that was merely changed is, too.
            Deleted::Conflict(stored) => {
                self.base = Some(match record::moved_to(&stored.record.payload) {
                    Some(to) => {
                        self.key = to;
                        Version::unknown()
                    }
                    None => stored.version,
                });
                Close::Delete(self)
            }
        }
    }

    /// Gives the session back after the store could not answer.
    #[must_use]
    pub fn abandon(self) -> Box<State> {
        self.state
    }
}
