//! The session of one request: its values, where it came from, what the handler wants of it, and what it changed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};
use time::OffsetDateTime;

use crate::clock::{duration_ms, later, later_ms};
use crate::cookie::Attributes;
use crate::error::Error;
use crate::id::{SessionId, StoreKey};
use crate::key::AsKey;
use crate::merge::Rebased;
use crate::open::{Loading, Notice, Visit};
use crate::policy::{AttributesFrom, Lifetime, Policy, SameSitePolicy, Secure};
use crate::record::{COOKIE_KEY, FACTS_KEY, Facts, Parts, RecordCookie};
use crate::request::Seen;
use crate::store::{Owner, Stored, Version};
use crate::table::{Change, CookieVerb, Intent, Origin};
use crate::values::{Delta, Op, Values};

mod access;
mod lifetime;

pub use lifetime::{SessionCookie, Use};

/// Where the session came from, with what is needed to write it back.
#[derive(Debug)]
pub(crate) enum Source {
    Fresh,
    Loaded(Loaded),
    Superseded { to: StoreKey },
}

pub(crate) struct Loaded {
    /// The id that the record is kept under; the session may be about to get another.
    pub(crate) id: SessionId,
    pub(crate) key: StoreKey,
    pub(crate) version: Version,
    pub(crate) expires_at: OffsetDateTime,
    /// The record as the store has it, so that it can be put back.
    pub(crate) payload: Arc<str>,
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// The session of one request, between [`open`](Policy::open) and [`close`](Self::close).
///
/// It holds no store and no clock; all its methods return at once.
///
/// ```
/// use session_core::{Keyring, Open, Policy, RequestFacts};
///
/// let policy = Policy::builder(Keyring::new("s3cr3t, random and longer than 32 bytes")).build()?;
/// let visit = policy.visit(&RequestFacts::new("/"), []);
/// let Open::Ready(mut state) = policy.open(visit) else { panic!("a request without a cookie needs no store") };
/// state.insert("views", 1)?;
/// assert_eq!(state.get::<u32>("views")?, Some(1));
/// assert!(state.is_new());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a state that is not closed is not saved"]
pub struct State {
    pub(crate) policy: Policy,
    pub(crate) seen: Seen,
    /// There is no response that could carry a cookie, so the id must stay.
    pub(crate) detached: bool,
    /// The request carried a cookie of our name, good or bad.
    pub(crate) presented: bool,
    pub(crate) reseal: bool,
    pub(crate) source: Source,
    pub(crate) intent: Intent,
    pub(crate) id: Option<SessionId>,
    pub(crate) values: Values,
    pub(crate) delta: Delta,
    pub(crate) facts: Facts,
    pub(crate) cookie: RecordCookie,
    pub(crate) cookie_changed: bool,
    pub(crate) owner_changed: bool,
    /// The load has extended the session's life already.
    pub(crate) extended: bool,
    /// A save of this request has written the record.
    pub(crate) written: bool,
    /// The handler asked for the life to be extended, or not to be.
    pub(crate) touch: Touching,
    /// What earlier saves of this request mean for the cookie.
    pub(crate) announce: CookieVerb,
    /// The attributes of a cookie that is to be taken away: browsers compare them with those it was set with.
    pub(crate) removal: Option<Attributes>,
    /// A save was abandoned while the store worked on it.
    pub(crate) in_doubt: bool,
    /// The dates on the tombstones of the moves to `id` of which nobody knows whether they were made: the first and the last.
    pub(crate) moving: Option<(OffsetDateTime, OffsetDateTime)>,
    notices: Vec<Notice>,
}

/// What the handler said about extending the session's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Touching {
    ByPolicy,
    Asked,
    Declined,
}

impl State {
    fn new(policy: &Policy, visit: &Visit, source: Source, notices: Vec<Notice>) -> Self {
        Self {
            policy: policy.clone(),
            seen: visit.seen.clone(),
            detached: visit.detached,
            presented: true,
            reseal: false,
            source,
            intent: Intent::Keep,
            id: None,
            values: Values::default(),
            delta: Delta::default(),
            facts: Facts::default(),
            cookie: RecordCookie::default(),
            cookie_changed: false,
            owner_changed: false,
            extended: false,
            written: false,
            touch: Touching::ByPolicy,
            announce: CookieVerb::Leave,
            removal: None,
            in_doubt: false,
            moving: None,
            notices,
        }
    }

    pub(crate) fn fresh(policy: &Policy, visit: &Visit, presented: bool, notices: Vec<Notice>) -> Self {
        Self { presented, ..Self::new(policy, visit, Source::Fresh, notices) }
    }

    pub(crate) fn superseded(policy: &Policy, visit: &Visit, to: StoreKey, notices: Vec<Notice>) -> Self {
        Self::new(policy, visit, Source::Superseded { to }, notices)
    }

    pub(crate) fn loaded(
        policy: &Policy,
        visit: &Visit,
        id: SessionId,
        key: StoreKey,
        stored: Stored,
        parts: Parts,
        loading: Loading,
    ) -> Self {
        let loaded = Loaded {
            id: id.clone(),
            key,
            version: stored.version,
            expires_at: stored.record.expires_at,
            payload: stored.record.payload,
        };
        let mut state = Self::new(policy, visit, Source::Loaded(loaded), loading.notices);
        state.id = Some(id);
        state.values = parts.values;
        state.facts = parts.facts;
        state.cookie = parts.cookie;
        state.reseal = loading.reseal;
        state.extended = loading.extended;
        state
    }

    /// What happened while the session was opened, for the log.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// Whether there was no session before this request, or there is a new one since `regenerate` or `login`.
    #[must_use]
    pub fn is_new(&self) -> bool {
        match (&self.source, self.intent) {
            (Source::Fresh | Source::Superseded { .. }, _) => true,
            (Source::Loaded(_), Intent::Regenerate | Intent::Login) => true,
            (
                Source::Loaded(_),
                Intent::Keep | Intent::Renew | Intent::Rotate | Intent::Destroy | Intent::Unset,
            ) => false,
        }
    }

    /// The id, if it has one already.
    #[must_use]
    pub fn known_id(&self) -> Option<&SessionId> {
        self.id.as_ref()
    }

    /// The id this session has, or will have once it is saved; `fresh` is asked for one if it has none yet.
    pub fn id(&mut self, fresh: impl FnOnce() -> SessionId) -> &SessionId {
        self.id.get_or_insert_with(fresh)
    }

    /// The key of the record that this session was loaded from, for telling it apart in a list of sessions.
    #[must_use]
    pub fn stored_key(&self) -> Option<&StoreKey> {
        match &self.source {
            Source::Loaded(loaded) => Some(&loaded.key),
            Source::Fresh | Source::Superseded { .. } => None,
        }
    }

    /// Takes the data as it is in the store now, and drops what this request changed.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] if there is no such session (any more); this one then stays as it was.
    pub fn reload(&mut self, answer: Option<Stored>, now: OffsetDateTime) -> Result<(), Error> {
        // A new session that was not saved is nowhere; what the store holds is the one that it takes the place of.
        if self.is_new() {
            return Err(Error::Gone);
        }
        let stored = answer.ok_or(Error::Gone)?;
        let delta = std::mem::take(&mut self.delta);
        let changed = (self.cookie_changed, self.owner_changed);
        (self.cookie_changed, self.owner_changed) = (false, false);
        match self.rebase(stored, now)? {
            Rebased::Merged => Ok(()),
            Rebased::Moved(_) | Rebased::Gone => {
                self.delta = delta;
                (self.cookie_changed, self.owner_changed) = changed;
                Err(Error::Gone)
            }
        }
    }

    /// Gives the session a new id and keeps its data: after a change of privilege. The old id is worth nothing from then
    /// on, also to a browser that never got the response with the new one; for a routine change of the id use
    /// [`rotate`](Self::rotate).
    ///
    /// # Errors
    ///
    /// [`Error::Ended`] after `destroy` or `unset`; [`Error::Detached`] outside a request.
    pub fn renew(&mut self) -> Result<(), Error> {
        self.move_to_a_new_id(Intent::Renew)
    }

    /// Gives the session a new id and keeps its data: as a routine, now and then, while nobody's privileges change.
    ///
    /// The browser may never get the response (a lost connection, a closed tab), and other requests may be under way. So for
    /// the [`tombstone_life`] the old id still leads its holder on to the same session, whose new cookie is then set again.
    /// This holds for whoever else has the old id, too: after a login, a change of role or a suspicion use
    /// [`renew`](Self::renew), which has a hard edge. Without tombstones it is `renew`.
    ///
    /// [`tombstone_life`]: crate::policy::PolicyBuilder::tombstone_life
    ///
    /// # Errors
    ///
    /// [`Error::Ended`] after `destroy` or `unset`; [`Error::Detached`] outside a request.
    pub fn rotate(&mut self) -> Result<(), Error> {
        self.move_to_a_new_id(Intent::Rotate)
    }

    fn move_to_a_new_id(&mut self, intent: Intent) -> Result<(), Error> {
        self.alive()?;
        self.attached()?;
        match self.intent {
            Intent::Keep => {
                self.intent = intent;
                self.id = None;
            }
            // Of two wishes in one request the harder one counts.
            Intent::Rotate => self.intent = intent,
            Intent::Renew | Intent::Regenerate | Intent::Login | Intent::Destroy | Intent::Unset => {}
        }
        Ok(())
    }

    /// Gives the session a new id and no data: what is put in from now on is all it holds. Also begins a new session after
    /// `destroy` or `unset`.
    ///
    /// # Errors
    ///
    /// [`Error::Detached`] outside a request.
    pub fn regenerate(&mut self) -> Result<(), Error> {
        self.attached()?;
        self.start_over();
        Ok(())
    }

    pub(crate) fn start_over(&mut self) {
        self.intent = Intent::Regenerate;
        self.id = None;
        self.values = Values::default();
        self.delta = Delta::default();
        self.facts = Facts { created: self.facts.created, ..Facts::default() };
        self.cookie = RecordCookie::default();
        self.cookie_changed = false;
        self.owner_changed = false;
    }

    /// [`regenerate`](Self::regenerate) for an owner whose credentials were verified just now. The absolute timeout begins
    /// anew.
    ///
    /// # Errors
    ///
    /// [`Error::Detached`] outside a request.
    pub fn login(&mut self, owner: Owner, now: OffsetDateTime) -> Result<(), Error> {
        self.regenerate()?;
        self.intent = Intent::Login;
        self.facts.created = Some(now);
        self.facts.authenticated = Some(now);
        self.facts.owner = Some(owner);
        self.owner_changed = true;
        Ok(())
    }

    /// Ends the session: its record is removed and the browser told to forget the cookie.
    pub fn destroy(&mut self) {
        self.end(Intent::Destroy);
    }

    /// Lets go of the session, as `req.session = null` does. What this means is the policy's [`unset`] option.
    ///
    /// [`unset`]: crate::policy::PolicyBuilder::unset
    pub fn unset(&mut self) {
        self.end(Intent::Unset);
    }

    fn end(&mut self, intent: Intent) {
        let cookie = std::mem::take(&mut self.cookie);
        self.start_over();
        self.cookie = cookie;
        self.intent = intent;
    }

    /// Whose session it is.
    #[must_use]
    pub fn owner(&self) -> Option<&Owner> {
        self.facts.owner.as_ref()
    }

    /// Says whose session it is, or that it is nobody's any more, without a new id. At a login use [`login`](Self::login).
    ///
    /// # Errors
    ///
    /// [`Error::Ended`] after `destroy` or `unset`.
    pub fn set_owner(&mut self, owner: Option<Owner>) -> Result<(), Error> {
        self.alive()?;
        self.owner_changed |= self.facts.owner != owner;
        self.facts.owner = owner;
        Ok(())
    }

    /// When the owner was last authenticated, for pages that want this to be recent.
    #[must_use]
    pub fn authenticated_at(&self) -> Option<OffsetDateTime> {
        self.facts.authenticated
    }

    /// When the session began, if its record says so.
    #[must_use]
    pub fn created_at(&self) -> Option<OffsetDateTime> {
        self.facts.created
    }

    pub(crate) fn alive(&self) -> Result<(), Error> {
        match self.intent {
            Intent::Keep | Intent::Renew | Intent::Rotate | Intent::Regenerate | Intent::Login => Ok(()),
            Intent::Destroy | Intent::Unset => Err(Error::Ended),
        }
    }

    fn attached(&self) -> Result<(), Error> {
        if self.detached { Err(Error::Detached) } else { Ok(()) }
    }

    pub(crate) fn origin(&self) -> Origin {
        match self.source {
            Source::Fresh => Origin::Fresh,
            Source::Loaded(_) => Origin::Loaded,
            Source::Superseded { .. } => Origin::Superseded,
        }
    }

    pub(crate) fn change(&self) -> Change {
        if self.owner_changed || self.delta.differs(&self.values) {
            Change::Data
        } else if self.cookie_changed {
            Change::Cookie
        } else {
            Change::None
        }
    }
}
