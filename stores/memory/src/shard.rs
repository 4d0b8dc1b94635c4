//! One part of the store, behind one lock: the sessions, the index of their owners, and the sweep.
//!
//! The sessions are in an ordered map. It grows a node at a time, where a hash table would now and then move all it
//! holds, and it gives back what it no longer needs; and a listing in key order is a walk.

use std::borrow::Borrow as _;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use session_core::StoreKey;
use session_core::store::{Owner, Record, Stored, Touched, Version};
use time::OffsetDateTime;

use crate::key::Key;
use crate::room::Room;

/// Microseconds since 1970: half the size of an [`OffsetDateTime`], and one comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Micros(i64);

impl Micros {
    const NEVER: Self = Self(i64::MAX);

    /// Rounded down, which the contract allows; never up.
    pub(crate) fn from_time(time: OffsetDateTime) -> Self {
        Self(time.unix_timestamp().saturating_mul(1_000_000).saturating_add(i64::from(time.microsecond())))
    }

    fn to_time(self) -> OffsetDateTime {
        // Cannot fail for what `from_time` made of a time; a session that has ended is the safe answer. In two parts,
        // since dividing 128 bits takes longer than all else that a load does.
        let (seconds, rest) = (self.0.div_euclid(1_000_000), self.0.rem_euclid(1_000_000));
        let second = OffsetDateTime::from_unix_timestamp(seconds).ok();
        let micros = u32::try_from(rest).ok();
        let time = second.zip(micros).and_then(|(second, micros)| second.replace_microsecond(micros).ok());
        time.unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

/// A session as it is held. No `Debug` here or below: it would show what a session holds.
pub(crate) struct Entry {
    payload: Arc<str>,
    expires_at: Micros,
    version: u64,
    /// Boxed, so that the many sessions without an owner pay for one word instead of two.
    owner: Option<Box<Owner>>,
}

impl Entry {
    pub(crate) fn to_stored(&self) -> Stored {
        Stored {
            record: Record {
                payload: Arc::clone(&self.payload),
                expires_at: self.expires_at.to_time(),
                owner: self.owner.as_deref().cloned(),
            },
            version: Version::from(self.version),
        }
    }
}

/// What a key is found by.
fn bytes(key: &StoreKey) -> &[u8] {
    key.as_str().as_bytes()
}

/// The sessions of one shard. Whoever adds one has taken a place in the [`Room`] for it.
pub(crate) struct Shard {
    /// Boxed, so that the room that a tree keeps free for more is room for keys only.
    sessions: BTreeMap<Key, Box<Entry>>,
    /// By owner, then key. Holds exactly the sessions that have an owner.
    owned: BTreeSet<(Owner, Key)>,
    /// The newest version given out. Counted per shard: a key never changes its shard.
    version: u64,
    sweep: Sweep,
    /// The last key that was looked at for a session to give up.
    given_up: Option<Key>,
    room: Arc<Room>,
}

/// A session that nobody has signed in to, as a candidate for being given up.
pub(crate) struct Anonymous {
    pub(crate) expires_at: Micros,
    key: Key,
    version: u64,
}

/// How far the search for expired sessions has come.
///
/// A cursor goes round the map. Every [`Self::EVERY`] verbs it looks at the next [`Self::LOOKS`] sessions, four for
/// each verb: a constant amount of work, however many sessions there are. While the cursor goes round once over n
/// sessions, at most n / 4 are added, so that expired sessions never outnumber a third of the others. A heap or a
/// second map in order of expiry would find them sooner, but costs memory for each session and work for each touch.
struct Sweep {
    /// The last key looked at; `None` at the start of a round.
    cursor: Option<Key>,
    /// No session expires before this. Lets the sweep rest.
    earliest: Micros,
    /// The same, for the sessions that this round has seen or that were written since it began.
    round: Micros,
    verbs: u32,
}

impl Sweep {
    const EVERY: u32 = 8;
    const LOOKS: usize = 32;

    fn note(&mut self, expires_at: Micros) {
        self.earliest = self.earliest.min(expires_at);
        self.round = self.round.min(expires_at);
    }
}

impl Shard {
    pub(crate) fn new(room: Arc<Room>) -> Self {
        let sweep = Sweep { cursor: None, earliest: Micros::NEVER, round: Micros::NEVER, verbs: 0 };
        Self { sessions: BTreeMap::new(), owned: BTreeSet::new(), version: 0, sweep, given_up: None, room }
    }

    /// The session, if it has not expired. One that has is removed on the spot.
    pub(crate) fn live(&mut self, key: &StoreKey, now: Micros) -> Option<Stored> {
        self.tick(now);
        let entry = self.sessions.get(bytes(key))?;
        if entry.expires_at > now {
            return Some(entry.to_stored());
        }
        self.remove(key);
        None
    }

    /// The session, expired or not.
    pub(crate) fn get(&self, key: &StoreKey) -> Option<Stored> {
        self.sessions.get(bytes(key)).map(|entry| entry.to_stored())
    }

    /// Puts a record under `key`, over the one that is there, if any.
    pub(crate) fn put(&mut self, key: &StoreKey, record: &Record) -> Version {
        self.version += 1;
        let expires_at = Micros::from_time(record.expires_at);
        self.sweep.note(expires_at);
        let entry = Entry {
            payload: Arc::clone(&record.payload),
            expires_at,
            version: self.version,
            owner: record.owner.clone().map(Box::new),
        };
        let before = match self.sessions.get_mut(bytes(key)) {
            Some(there) => std::mem::replace(&mut **there, entry).owner,
            None => {
                self.sessions.insert(Key::from(key), Box::new(entry));
                None
            }
        };
        if before.as_deref() != record.owner.as_ref() {
            if let Some(owner) = before {
                self.owned.remove(&(*owner, Key::from(key)));
            }
            if let Some(owner) = &record.owner {
                self.owned.insert((owner.clone(), Key::from(key)));
            }
        }
        Version::from(self.version)
    }

    /// Moves the expiry of a live session, if it is still at `base`.
    pub(crate) fn touch(
        &mut self,
        key: &StoreKey,
        to: OffsetDateTime,
        base: Option<&Version>,
        now: Micros,
    ) -> Touched {
        self.tick(now);
        let Some(entry) = self.sessions.get_mut(bytes(key)).filter(|entry| entry.expires_at > now) else {
            return Touched::Missing;
        };
        if base.is_some_and(|base| base.count() != Some(entry.version)) {
            return Touched::Changed;
        }
        entry.expires_at = Micros::from_time(to);
        self.sweep.note(entry.expires_at);
        Touched::Done
    }

    /// Moves the expiry of a session that is still as it was when `seen` was read. Answers the record as moved.
    pub(crate) fn extend(&mut self, key: &StoreKey, seen: &Stored, to: OffsetDateTime) -> Option<Stored> {
        let entry = self.sessions.get_mut(bytes(key))?;
        let same = seen.version.count() == Some(entry.version)
            && entry.expires_at == Micros::from_time(seen.record.expires_at);
        if !same {
            return None;
        }
        entry.expires_at = Micros::from_time(to);
        self.sweep.note(entry.expires_at);
        Some(entry.to_stored())
    }

    /// Removes a session and gives its place back. `false` if there is none.
    pub(crate) fn remove(&mut self, key: &StoreKey) -> bool {
        self.remove_at(bytes(key))
    }

    fn remove_at(&mut self, key: &[u8]) -> bool {
        let Some((key, entry)) = self.sessions.remove_entry(key) else {
            return false;
        };
        if let Some(owner) = entry.owner {
            self.owned.remove(&(*owner, key));
        }
        self.room.give_back(1);
        true
    }

    /// The keys of an owner's sessions, expired or not.
    pub(crate) fn keys_of(&self, owner: &Owner) -> Vec<StoreKey> {
        // The empty key sorts before all others.
        let start = (owner.clone(), Key::new(""));
        self.owned
            .range(start..)
            .take_while(|(of, _)| of == owner)
            .map(|(_, key)| key.to_store_key())
            .collect()
    }

    /// The live sessions with keys after `after`, in key order.
    pub(crate) fn live_after(
        &self,
        after: Option<&StoreKey>,
        now: Micros,
    ) -> impl Iterator<Item = (&Key, &Entry)> {
        let live = move |(_, entry): &(&Key, &Entry)| entry.expires_at > now;
        self.after(after.map(bytes)).filter(live)
    }

    /// Counts the live ones among the next `looks` sessions after `after`; with the last key looked at, if there
    /// may be more.
    pub(crate) fn count_some(&self, after: Option<&Key>, looks: usize, now: Micros) -> (u64, Option<Key>) {
        let (mut live, mut looked, mut last) = (0, 0, None);
        for (key, entry) in self.after(after.map(Key::borrow)).take(looks) {
            live += u64::from(entry.expires_at > now);
            looked += 1;
            last = Some(key);
        }
        (live, last.filter(|_| looked == looks).cloned())
    }

    fn after(&self, after: Option<&[u8]>) -> impl Iterator<Item = (&Key, &Entry)> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.sessions.range::<[u8], _>((start, Bound::Unbounded)).map(|(key, entry)| (key, &**entry))
    }

    /// Whether there may be a session that has expired.
    pub(crate) fn may_hold_expired(&self, now: Micros) -> bool {
        self.sweep.earliest <= now
    }

    fn tick(&mut self, now: Micros) {
        if self.may_hold_expired(now) {
            self.sweep.verbs = self.sweep.verbs.wrapping_add(1);
            if self.sweep.verbs.is_multiple_of(Sweep::EVERY) {
                self.sweep(now, Sweep::LOOKS, usize::MAX);
            }
        }
    }

    /// Looks at the next `looks` sessions and removes those that have expired, at most `most`; answers how many.
    ///
    /// Call it again while [`may_hold_expired`](Self::may_hold_expired), to find all.
    pub(crate) fn sweep(&mut self, now: Micros, looks: usize, most: usize) -> usize {
        let cursor = self.sweep.cursor.take();
        let (mut dead, mut looked, mut last, mut round) = (Vec::new(), 0, None, self.sweep.round);
        for (key, entry) in self.after(cursor.as_ref().map(Key::borrow)).take(looks) {
            if entry.expires_at > now {
                round = round.min(entry.expires_at);
            } else if dead.len() < most {
                dead.push(key.clone());
            } else {
                break;
            }
            looked += 1;
            last = Some(key);
        }
        let more = looked == looks || dead.len() == most;
        self.sweep.cursor = if more { last.cloned().or(cursor) } else { None };
        self.sweep.round = round;
        if !more {
            // The round is over, and `round` is exact or too early, never too late.
            self.sweep.earliest = std::mem::replace(&mut self.sweep.round, Micros::NEVER);
        }
        dead.iter().filter(|key| self.remove_at((*key).borrow())).count()
    }

    /// How many sessions there are, if there is one without an owner among them.
    pub(crate) fn strangers_among(&self) -> usize {
        if self.sessions.len() == self.owned.len() { 0 } else { self.sessions.len() }
    }

    /// Among the next `looks` sessions, the one without an owner that ends first, since it has not been used for longest.
    /// Tombstones are kept: renewals are in progress behind them.
    pub(crate) fn next_anonymous(&mut self, looks: usize) -> Option<Anonymous> {
        if self.strangers_among() == 0 {
            return None;
        }
        let cursor = self.given_up.take();
        let (mut first, mut looked, mut last): (Option<Anonymous>, _, _) = (None, 0, None);
        for (key, entry) in self.after(cursor.as_ref().map(Key::borrow)).take(looks) {
            let expires_at = entry.expires_at;
            let sooner = first.as_ref().is_none_or(|first| expires_at < first.expires_at);
            if entry.owner.is_none() && sooner && !entry.to_stored().record.is_tombstone() {
                first = Some(Anonymous { expires_at, key: key.clone(), version: entry.version });
            }
            looked += 1;
            last = Some(key);
        }
        self.given_up = last.filter(|_| looked == looks).cloned();
        first
    }

    /// Removes the candidate, if nobody has used it meanwhile, and gives its place back.
    pub(crate) fn give_up(&mut self, candidate: &Anonymous) -> bool {
        let key: &[u8] = candidate.key.borrow();
        let same = self.sessions.get(key).is_some_and(|entry| {
            entry.version == candidate.version && entry.expires_at == candidate.expires_at
        });
        same && self.remove_at(key)
    }

    /// Empties the shard; the sessions are dropped by the caller, outside the lock.
    pub(crate) fn take_all(&mut self) -> (usize, impl Sized + use<>) {
        let sessions = std::mem::take(&mut self.sessions);
        let owned = std::mem::take(&mut self.owned);
        self.room.give_back(sessions.len());
        (sessions.len(), (sessions, owned))
    }
}
