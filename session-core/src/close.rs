//! The end of a request: what the store must do, one step at a time, and what the browser is told when it is done.
//!
//! [`State::close`] answers with a step. The caller carries it out and hands the store's answer to the step's `resume`,
//! which gives the next one, until [`Close::Done`]. A cookie comes out of nothing but a [`Settled`] state, so none can be
//! announced before the store has confirmed what it stands for.

use time::OffsetDateTime;

use crate::error::Error;
use crate::id::{SessionId, StoreKey};
use crate::policy::{CacheHeaders, Concurrency, Policy, Rolling};
use crate::record::{self, Facts, Moved, RecordCookie};
use crate::state::{Loaded, Source, State, Use};
use crate::store::{Owner, Record, Version};
use crate::successor;
use crate::table::{Change, CookieVerb, Intent, Rules, Verb, decide};
use crate::values::{Delta, Op};

mod reply;
mod step;
mod undo;

pub use reply::{CookieProblem, CookieWarning, Reply};
pub use step::{Create, Delete, Rename, Touch, Update};
pub use undo::Undo;

/// Makes ids. The caller draws the randomness; the core has none.
pub type Fresh<'a> = &'a mut dyn FnMut() -> SessionId;

/// What the end of a request demands next.
#[derive(Debug)]
#[must_use = "a session is saved only when its steps are carried out"]
pub enum Close {
    /// Nothing (more).
    Done(Settled),
    /// Nothing, since the changes cannot be kept. No cookie is set.
    Refused(Refused),
    /// A new record.
    Create(Create),
    /// A rewritten record.
    Update(Update),
    /// A later expiry.
    Touch(Touch),
    /// A record that moves to another id.
    Rename(Rename),
    /// No record any more.
    Delete(Delete),
}

/// A session whose record is as it should be.
#[derive(Debug)]
#[must_use = "the reply holds the cookie"]
pub struct Settled(Box<State>);

/// Why a session's changes were not kept, and the session as the handler left it.
#[derive(Debug)]
#[must_use]
pub struct Refused {
    /// Why.
    pub error: Error,
    /// The session, for a handler that wants to go on.
    pub state: Box<State>,
}

impl Close {
    /// Goes on without a write that nobody but the policy asked for, after the store could not do it: an extension, an
    /// unchanged record that is written again, an empty session that is kept. The session is then served as it is in the store,
    /// and a session that is not stored gets no cookie. What a handler changed is still to be saved: such a step stays.
    pub fn unwritten(self) -> Self {
        match self {
            Self::Touch(step) => step.unwritten(),
            Self::Update(step) => step.unwritten(),
            Self::Create(step) => step.unwritten(),
            Self::Done(_) | Self::Refused(_) | Self::Rename(_) | Self::Delete(_) => self,
        }
    }

    /// Gives the session back from wherever its saving was broken off. What the store did of the last step is unknown.
    #[must_use]
    pub fn abandon(self) -> Box<State> {
        match self {
            Self::Done(settled) => settled.into_state(),
            Self::Refused(refused) => refused.state,
            Self::Create(step) => step.abandon(),
            Self::Update(step) => step.abandon(),
            Self::Touch(step) => step.abandon(),
            Self::Rename(step) => step.abandon(),
            Self::Delete(step) => step.abandon(),
        }
    }
}

impl Settled {
    /// What the response says of it. The request is over.
    pub fn into_reply(self, now: OffsetDateTime) -> Reply {
        self.0.reply(now)
    }

    /// The session, for a handler that saved it and goes on.
    #[must_use]
    pub fn into_state(self) -> Box<State> {
        self.0
    }
}

impl State {
    /// What the end of the request demands of the store.
    ///
    /// `used` says whether a handler asked for the session, or whether it was loaded only to be extended.
    pub fn close(self: Box<Self>, used: Use, now: OffsetDateTime, fresh: Fresh<'_>) -> Close {
        let due = self.due(now, used);
        let settings = &self.policy.0.settings;
        let rules = Rules {
            // What an earlier save of this request has written is not written again.
            resave: if used == Use::Used && !self.written {
                settings.resave
            } else {
                crate::policy::Resave::Off
            },
            save_uninitialized: settings.save_uninitialized,
            unset: settings.unset,
            due,
        };
        let (verb, cookie) = decide(self.origin(), self.intent, self.demanded(), rules);
        // A cookie that a retired secret signed is signed anew at the first chance.
        let cookie = match (cookie, self.reseal, verb) {
            (CookieVerb::Leave | CookieVerb::Refresh, true, Verb::Nothing | Verb::Update | Verb::Touch) => {
                CookieVerb::Set
            }
            (cookie, _, _) => cookie,
        };
        match verb {
            Verb::Nothing => self.settle(cookie),
            // The load has extended it already.
            Verb::Touch if self.extended => self.settle(cookie),
            Verb::Touch => Touch::begin(self, cookie, now),
            Verb::Create => Create::begin(self, cookie, now, fresh),
            Verb::Update => Update::begin(self, cookie, now),
            Verb::Replace => Rename::begin(self, cookie, now, fresh),
            Verb::Delete => Delete::begin(self, cookie),
            Verb::DeleteSuccessor => Delete::begin_successor(self, cookie),
            Verb::Refuse => self.refuse(Error::Gone),
        }
    }

    /// What changed, plus what the policy itself wants written: the beginning of a session that had none on record.
    fn demanded(&self) -> Change {
        let unstamped = matches!(self.source, Source::Loaded(_))
            && self.intent == Intent::Keep
            && self.facts.created.is_none()
            && self.policy.0.settings.absolute_timeout.is_some();
        if unstamped { self.change().max(Change::Cookie) } else { self.change() }
    }

    fn refuse(self: Box<Self>, error: Error) -> Close {
        Close::Refused(Refused { error, state: self })
    }

    fn settle(mut self: Box<Self>, cookie: CookieVerb) -> Close {
        self.announce = match (self.announce, cookie) {
            // An earlier save of this request has made a cookie that must be set.
            (earlier, CookieVerb::Leave) | (earlier @ CookieVerb::Set, CookieVerb::Refresh) => earlier,
            (_, later) => later,
        };
        Close::Done(Settled(self))
    }

    /// After the store confirmed that the record is under `key` at `version`.
    fn saved(
        mut self: Box<Self>,
        id: SessionId,
        key: StoreKey,
        version: Version,
        record: Record,
        cookie: CookieVerb,
    ) -> Close {
        let Record { payload, expires_at, owner: _ } = record;
        self.id = Some(id.clone());
        self.source = Source::Loaded(Loaded { id, key, version, expires_at, payload });
        self.intent = Intent::Keep;
        self.delta = Delta::default();
        self.cookie_changed = false;
        self.owner_changed = false;
        self.in_doubt = false;
        self.moving = None;
        self.extended = true;
        self.written = true;
        self.settle(cookie)
    }

    /// After the store said that there is no record any more.
    fn vanished(mut self: Box<Self>, cookie: CookieVerb) -> Close {
        let removal = (cookie == CookieVerb::Remove).then(|| self.attributes());
        self.start_over();
        self.facts = Facts::default();
        self.source = Source::Fresh;
        // A handler that ended the session and saved must say so before it begins another.
        self.intent = if removal.is_some() { Intent::Destroy } else { Intent::Keep };
        self.removal = removal;
        // What an earlier save of this request wanted to announce is gone with the session.
        self.announce = CookieVerb::Leave;
        self.settle(cookie)
    }

    /// Whether whatever is to be written is the policy's wish alone.
    fn is_unasked(&self) -> bool {
        self.intent == Intent::Keep && self.change() == Change::None
    }

    /// The session was ended by another request while this one ran. What this one changed cannot be kept; if it changed
    /// nothing, there is nothing to tell.
    fn gone(self: Box<Self>) -> Close {
        match self.change() {
            Change::None => self.vanished(CookieVerb::Leave),
            Change::Cookie | Change::Data => self.refuse(Error::Gone),
        }
    }

    /// The loaded record's id and key, and the version that a write must find it at.
    fn base(&self) -> Option<(SessionId, StoreKey, Option<Version>)> {
        let Source::Loaded(loaded) = &self.source else { return None };
        let base = match self.policy.0.settings.concurrency {
            Concurrency::Merge => Some(loaded.version.clone()),
            Concurrency::LastWriteWins => None,
        };
        Some((loaded.id.clone(), loaded.key.clone(), base))
    }

    /// The record as it is to be stored, its life extended.
    fn record(&mut self, now: OffsetDateTime) -> Result<Record, Error> {
        // The preset adds nothing to express-session's record that is not asked for.
        let stamp = !self.policy.0.settings.express || self.policy.0.settings.absolute_timeout.is_some();
        if stamp && self.facts.created.is_none() {
            self.facts.created = Some(now);
        }
        let life = self.life(now);
        let expires_at = self.extended_to(now);
        self.cookie = RecordCookie { original_max_age: life, attributes: self.attributes() };
        // In express-session's layout the life is each session's own anyway.
        let own_life = self.facts.own_life && !self.policy.0.settings.express;
        let facts = Facts { own_life, ..self.facts.clone() };
        let payload = record::encode(&self.cookie, life.map(|_| expires_at), &facts, &self.values);
        match self.policy.0.settings.max_payload {
            Some(limit) if payload.len() > limit => Err(Error::TooLarge { size: payload.len(), limit }),
            Some(_) | None => {
                Ok(Record { payload: payload.into(), expires_at, owner: self.facts.owner.clone() })
            }
        }
    }

    /// What is left under the `old` id when the session moves to the id `new`, kept under `to`.
    fn tombstone(
        &self,
        old: &SessionId,
        new: &SessionId,
        to: &StoreKey,
        now: OffsetDateTime,
    ) -> Option<Record> {
        let until = crate::clock::later(now, self.policy.0.settings.tombstone_life);
        let next = (self.intent == Intent::Rotate).then(|| successor::seal(old, new, to));
        self.policy.leaves_tombstones().then(|| tombstone(Moved { to: to.clone(), until, next }))
    }

    /// Whether making the changes of a broken-off save again could make them twice.
    fn is_unsafe_to_repeat(&self) -> bool {
        self.in_doubt && self.delta.changes.iter().any(|change| matches!(change.op, Op::Update(_)))
    }

    fn refreshes(&self, now: OffsetDateTime) -> bool {
        self.life(now).is_some() || self.policy.0.settings.rolling == Rolling::EveryRequest
    }
}

/// The record of a session that has moved.
fn tombstone(moved: Moved) -> Record {
    let expires_at = moved.until;
    let facts = Facts { moved: Some(moved), ..Facts::default() };
    Record { payload: record::tombstone(&facts).into(), expires_at, owner: None }
}

impl Policy {
    /// Whether a session that moves to another id leaves a sign of it.
    fn leaves_tombstones(&self) -> bool {
        match self.0.settings.concurrency {
            Concurrency::Merge => !self.0.settings.tombstone_life.is_zero(),
            Concurrency::LastWriteWins => false,
        }
    }
}
