//! The beginning of a request: what its cookies ask for, and what the store's answer makes of it.

use time::OffsetDateTime;

use crate::clock::later;
use crate::cookie;
use crate::id::{SessionId, StoreKey};
use crate::policy::{Lifetime, Policy, Rolling};
use crate::record::{self, Moved, RecordError};
use crate::request::{RequestFacts, Seen};
use crate::state::State;
use crate::store::{Extend, Stored};
use crate::token::{Opened, Seal};

/// What the core keeps of a request until a handler asks for the session: little, and nothing is verified yet, so
/// that a request that never asks costs next to nothing.
#[must_use = "a visit is to be opened"]
pub struct Visit {
    pub(crate) inside: bool,
    pub(crate) seen: Seen,
    /// There is no response that could carry a cookie.
    pub(crate) detached: bool,
    /// Values of cookies of our name, as they are on the wire.
    candidates: Vec<String>,
}

impl std::fmt::Debug for Visit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Visit({} cookies, redacted)", self.candidates.len())
    }
}

/// What a request's cookies ask for.
#[derive(Debug)]
#[must_use = "a session that is to be loaded must be loaded and resumed"]
#[allow(
    clippy::large_enum_variant,
    reason = "it is matched at once, and a box would be an allocation for each request"
)]
pub enum Open {
    /// The request's path is outside the cookie's path: there is no session for it.
    Outside,
    /// The session is here; the store need not be asked.
    Ready(Box<State>),
    /// The store must be asked.
    Load(Load),
}

/// A question to the store: [`key`](Self::key), to be answered by [`resume`](Self::resume).
#[derive(Debug)]
#[must_use = "the store's answer must be handed to `resume`"]
pub struct Load {
    policy: Policy,
    visit: Visit,
    current: Opened,
    key: StoreKey,
    /// Further cookies of the name whose signature holds.
    others: std::vec::IntoIter<Opened>,
    /// One of the cookies led to a session that has been renewed.
    superseded: Option<StoreKey>,
    /// How many rotations the current cookie has led past.
    followed: u8,
    extending: Option<OffsetDateTime>,
    notices: Vec<Notice>,
}

/// Something worth an event in the log. None of these fails the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// A cookie of the name did not verify: forged, damaged, or signed with a secret that is no longer known.
    Rejected,
    /// A cookie verified, and there is no such session (any more).
    Missed,
    /// A cookie verified, and its session had expired.
    Expired,
    /// A cookie verified, and its session was renewed a moment ago.
    Superseded,
    /// A cookie verified, and its record cannot be read. It was left as it is.
    Unreadable(RecordError),
}

impl Visit {
    /// Whether the request carries a cookie of the session's name, good or bad.
    #[must_use]
    pub fn has_cookie(&self) -> bool {
        !self.candidates.is_empty()
    }
}

impl Policy {
    /// Asks for the session with this id, outside any request: for a websocket, a background task. It can be read, changed
    /// and saved, but it cannot be given a new id, since there is no response that could tell the browser.
    pub fn open_detached(&self, id: SessionId) -> Load {
        let visit = Visit { inside: true, seen: Seen::nothing(), detached: true, candidates: Vec::new() };
        Load {
            key: id.key(self.ids_at_rest()),
            policy: self.clone(),
            visit,
            current: Opened { id, seal: Seal::Current },
            others: Vec::new().into_iter(),
            superseded: None,
            followed: 0,
            extending: None,
            notices: Vec::new(),
        }
    }

    /// Takes what will be needed of a request. Cheap: nothing is verified, and without a session cookie nothing is
    /// allocated.
    pub fn visit<'a>(&self, facts: &RequestFacts<'_>, cookies: impl IntoIterator<Item = &'a [u8]>) -> Visit {
        let seen = self.see(facts);
        Visit {
            inside: cookie::path_matches(&seen.options(self).path, facts.path()),
            seen,
            detached: false,
            candidates: cookie::candidates(cookies, &self.0.name).collect(),
        }
    }

    /// What a request's cookies ask for. Verifies signatures; touches nothing.
    pub fn open(&self, mut visit: Visit) -> Open {
        if !visit.inside {
            return Open::Outside;
        }
        let candidates = std::mem::take(&mut visit.candidates);
        let presented = !candidates.is_empty();
        let mut notices = Vec::new();
        let mut opened: Vec<Opened> = Vec::new();
        for value in candidates {
            match self.0.tokens.open(&value) {
                // The same cookie twice is one question to the store.
                Some(token) if opened.contains(&token) => {}
                Some(token) => opened.push(token),
                None => notices.push(Notice::Rejected),
            }
        }
        let mut others = opened.into_iter();
        match others.next() {
            None => Open::Ready(Box::new(State::fresh(self, &visit, presented, notices))),
            Some(current) => Open::Load(Load {
                key: current.id.key(self.ids_at_rest()),
                policy: self.clone(),
                visit,
                current,
                others,
                superseded: None,
                followed: 0,
                extending: None,
                notices,
            }),
        }
    }
}

impl Load {
    /// The key to load.
    #[must_use]
    pub fn key(&self) -> &StoreKey {
        &self.key
    }

    /// The touch that may be folded into the load. A request that is not to extend its session does not ask.
    pub fn extend(&mut self, now: OffsetDateTime) -> Option<Extend> {
        let settings = &self.policy.0.settings;
        match settings.rolling {
            Rolling::Never => return None,
            Rolling::OnUse | Rolling::EveryRequest | Rolling::StoreOnly => {}
        }
        let original_max_age = match self.visit.seen.options(&self.policy).lifetime {
            // Each session has its own distance to the date.
            Lifetime::Until(_) => return None,
            Lifetime::BrowserSession => None,
            Lifetime::MaxAge(max_age) => Some(crate::clock::duration_ms(max_age)),
        };
        let idle = self.policy.idle(original_max_age);
        let to = later(now, idle);
        self.extending = Some(to);
        Some(Extend {
            due_before: later(now, idle.saturating_sub(self.policy.touch_after(idle))),
            to,
            original_max_age,
        })
    }

    /// The session that a stranger would have, for showing a page while the store cannot answer. It must not be saved:
    /// [`Reply::stopgap`](crate::Reply::stopgap) is all that may be made of it.
    pub fn stranger(&self) -> State {
        State::fresh(&self.policy, &self.visit, false, Vec::new())
    }

    /// Goes on with the store's answer: the session, or the next cookie of the name.
    pub fn resume(mut self, answer: Option<Stored>, now: OffsetDateTime) -> Open {
        match self.judge(answer, now) {
            Ok(state) => return Open::Ready(Box::new(state)),
            Err(Passed::By(notice)) => self.notices.push(notice),
            Err(Passed::On(moved)) => {
                self.notices.push(Notice::Superseded);
                let next = moved.successor(&self.current.id, self.policy.ids_at_rest());
                self.superseded = Some(moved.to);
                if let Some(id) = next
                    && self.followed < MAX_FOLLOWED
                {
                    self.followed += 1;
                    return self.ask_for(Opened { id, seal: Seal::Current });
                }
            }
        }
        if let Some(next) = self.others.next() {
            self.followed = 0;
            return self.ask_for(next);
        }
        Open::Ready(Box::new(match self.superseded {
            Some(to) => State::superseded(&self.policy, &self.visit, to, self.notices),
            None => State::fresh(&self.policy, &self.visit, true, self.notices),
        }))
    }

    fn ask_for(mut self, next: Opened) -> Open {
        self.key = next.id.key(self.policy.ids_at_rest());
        self.current = next;
        self.extending = None;
        Open::Load(self)
    }

    fn judge(&mut self, answer: Option<Stored>, now: OffsetDateTime) -> Result<State, Passed> {
        let stored = answer.ok_or(Passed::By(Notice::Missed))?;
        if stored.record.expires_at <= now {
            return Err(Passed::By(Notice::Expired));
        }
        let parts =
            record::decode(&stored.record.payload).map_err(|error| Passed::By(Notice::Unreadable(error)))?;
        if let Some(moved) = parts.facts.moved {
            return Err(if moved.until <= now { Passed::By(Notice::Missed) } else { Passed::On(moved) });
        }
        if self.policy.absolute_end(parts.facts.created).is_some_and(|end| end <= now) {
            return Err(Passed::By(Notice::Expired));
        }
        // Who was led on by a rotation has an old cookie, and gets the new one.
        let reseal = self.current.seal == Seal::Retired || self.followed > 0;
        let extended = self.extending.is_some_and(|to| is_rounded(stored.record.expires_at, to));
        Ok(State::loaded(
            &self.policy,
            &self.visit,
            self.current.id.clone(),
            self.key.clone(),
            stored,
            parts,
            Loading { reseal, extended, notices: std::mem::take(&mut self.notices) },
        ))
    }
}

/// So many rotations of one session within the life of a tombstone are followed, and no more.
const MAX_FOLLOWED: u8 = 8;

/// Whether `held` is what a store that was given the date `asked` holds: it may round down to micro- or milliseconds or to
/// seconds.
///
/// Only these dates count, and not whatever is near: a date that another request has set a moment ago is no extension.
fn is_rounded(held: OffsetDateTime, asked: OffsetDateTime) -> bool {
    let asked = asked.unix_timestamp_nanos();
    let held = held.unix_timestamp_nanos();
    [1, 1_000, 1_000_000, 1_000_000_000].iter().any(|unit| held == asked - asked.rem_euclid(*unit))
}

/// Why a record is not the session that the request gets.
enum Passed {
    /// There is none, for this reason.
    By(Notice),
    /// It has moved to another id.
    On(Moved),
}

/// How a load went, for the state to remember.
pub(crate) struct Loading {
    pub(crate) reseal: bool,
    pub(crate) extended: bool,
    pub(crate) notices: Vec<Notice>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_recognised_however_finely_a_store_holds_it() {
        let at = |nanos| OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap();
        let asked = at(1_893_456_000_123_456_789);
        for held in [123_456_789, 123_456_000, 123_000_000, 0] {
            assert!(is_rounded(at(1_893_456_000_000_000_000 + held), asked), "{held}");
        }
        for held in [123_456_788, 123_455_000, 122_000_000, 124_000_000] {
            assert!(!is_rounded(at(1_893_456_000_000_000_000 + held), asked), "{held}");
        }
    }
}
