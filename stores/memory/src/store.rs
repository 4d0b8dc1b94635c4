//! The store itself: shards behind locks, and the six verbs on them.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use session_core::StoreKey;
use session_core::store::{
    Created, Deleted, Extend, Record, Replace, Replaced, Store, StoreError, Stored, Touched, Updated, Version,
};
use time::OffsetDateTime;

use crate::room::Room;
use crate::shard::{Anonymous, Micros, Shard};

/// How many sessions a [`MemoryStore::new`] holds at most: about a gigabyte of small ones.
pub const DEFAULT_MAX_SESSIONS: usize = 2_000_000;

/// More than enough for the cores of a machine to seldom meet at one lock.
const SHARDS: usize = 32;

/// How many records are looked at under one lock by what looks at all of them.
pub(crate) const STRIDE: usize = 512;

/// Sessions in this process's memory. See the [crate](crate) for what it promises.
///
/// `Debug` shows how many records there are, and nothing of them.
///
/// # Examples
///
/// ```
/// use session_store_memory::MemoryStore;
///
/// let store = MemoryStore::with_capacity(10_000);
/// assert_eq!(format!("{store:?}"), "MemoryStore { held: 0, max_sessions: 10000 }");
/// ```
pub struct MemoryStore {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    room: Arc<Room>,
    /// Whether somebody is still to be told that sessions are kept in memory.
    untold: AtomicBool,
}

impl MemoryStore {
    /// An empty store for at most [`DEFAULT_MAX_SESSIONS`].
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(DEFAULT_MAX_SESSIONS)
    }

    /// An empty store for at most `max_sessions`. It takes memory as sessions come, not in advance.
    ///
    /// When it is full, [`create`](Store::create) first removes what has expired. If that is not enough, a session with an
    /// owner takes the place of one without, of those that it finds the one that ends first; so a flood of strangers does
    /// not keep users from logging in. A session without an owner, or one for which all others have owners, fails with
    /// [`StoreErrorKind::Refused`](session_core::store::StoreErrorKind::Refused). The tombstones that renewals
    /// leave behind for a short time are counted, but a renewal is never refused.
    ///
    /// # Examples
    ///
    /// ```
    /// use session_core::StoreKey;
    /// use session_core::store::{Record, Store, StoreErrorKind};
    /// use session_store_memory::MemoryStore;
    /// use time::{Duration, OffsetDateTime};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), session_core::store::StoreError> {
    /// let store = MemoryStore::with_capacity(1);
    /// let now = OffsetDateTime::now_utc();
    /// let record = Record { payload: "{}".into(), expires_at: now + Duration::minutes(1), owner: None };
    /// store.create(&StoreKey::from_stored("one"), &record, now).await?;
    ///
    /// let full = store.create(&StoreKey::from_stored("two"), &record, now).await.unwrap_err();
    /// assert_eq!(full.kind(), StoreErrorKind::Refused);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_capacity(max_sessions: usize) -> Self {
        let room = Arc::new(Room::new(max_sessions));
        let shards = (0..SHARDS).map(|_| Mutex::new(Shard::new(Arc::clone(&room)))).collect();
        Self { shards, hasher: RandomState::new(), room, untold: AtomicBool::new(true) }
    }

    /// Says that it is meant: this is the only process, and it may forget its sessions when it restarts.
    ///
    /// Without it, the first session that is stored is accompanied by one line in the log, at level `WARN`.
    ///
    /// ```
    /// use session_store_memory::MemoryStore;
    ///
    /// let store = MemoryStore::new().for_one_process();
    /// assert_eq!(store.held(), 0);
    /// ```
    #[must_use]
    pub fn for_one_process(mut self) -> Self {
        self.untold = AtomicBool::new(false);
        self
    }

    fn tell(&self) {
        if self.untold.load(Ordering::Relaxed) && self.untold.swap(false, Ordering::Relaxed) {
            tracing::warn!(
                "sessions are kept in the memory of this process: they end with it, and no other process sees them; \
                 take another store, or say for_one_process() if this is meant"
            );
        }
    }

    /// How many records are held, those included that have expired and are not reclaimed yet.
    ///
    /// It costs nothing, so it suits a gauge; [`Directory::count`](session_core::store::Directory::count) is exact.
    #[must_use]
    pub fn held(&self) -> usize {
        self.room.used()
    }

    pub(crate) fn shards(&self) -> impl Iterator<Item = &Mutex<Shard>> {
        self.shards.iter()
    }

    /// All shards at once, in their order: nothing changes meanwhile.
    pub(crate) fn lock_all(&self) -> Vec<MutexGuard<'_, Shard>> {
        self.shards.iter().map(lock).collect()
    }

    pub(crate) fn index(&self, key: &StoreKey) -> usize {
        #[allow(clippy::cast_possible_truncation, reason = "the remainder is smaller than SHARDS")]
        let index = (self.hasher.hash_one(key) % SHARDS as u64) as usize;
        index
    }

    fn shard(&self, key: &StoreKey) -> MutexGuard<'_, Shard> {
        lock(&self.shards[self.index(key)])
    }

    /// Makes room by removing what has expired, until there is a place. Only a full store does this.
    ///
    /// A shard is searched only if something in it may have expired, so a full store of live sessions does not pay
    /// for the search with every session that it refuses.
    fn reclaim(&self, now: Micros) {
        for shard in self.shards() {
            while self.room.used() >= self.room.max() && lock(shard).may_hold_expired(now) {
                lock(shard).sweep(now, STRIDE, usize::MAX);
            }
        }
    }

    /// Gives up a session without an owner, and keeps its place for the caller; `false` if there is none.
    ///
    /// It looks at a part of each shard, and the next time at the next part: at all there is in a small store, at some
    /// thousands in a large one. Only if all of these have owners, it looks at more.
    fn give_up_anonymous(&self) -> bool {
        // Each pass looks at the next part of every shard; so many come round to where they began.
        let longest = self.shards().map(|shard| lock(shard).strangers_among()).max().unwrap_or(0);
        let passes = if longest == 0 { 0 } else { 2 + longest / STRIDE };
        for _ in 0..passes {
            let mut first: Option<(&Mutex<Shard>, Anonymous)> = None;
            for shard in self.shards() {
                if let Some(found) = lock(shard).next_anonymous(STRIDE)
                    && first.as_ref().is_none_or(|(_, first)| found.expires_at < first.expires_at)
                {
                    first = Some((shard, found));
                }
            }
            let Some((shard, found)) = first else { continue };
            // Taken before it is given back, so that no stranger gets it in between.
            self.room.take_anyway();
            if lock(shard).give_up(&found) {
                return true;
            }
            self.room.give_back(1);
        }
        false
    }

    /// `None` if the store is full.
    fn try_create(&self, key: &StoreKey, record: &Record, now: Micros) -> Option<Created> {
        let mut shard = self.shard(key);
        if shard.live(key, now).is_some() {
            return Some(Created::Exists);
        }
        self.room.take().then(|| Created::Done(shard.put(key, record)))
    }
}

/// A panic cannot leave a shard halfway changed in a way that matters, so a poisoned lock is not a reason to fail.
pub(crate) fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The record if it is not at `base`.
fn conflict(stored: Stored, base: Option<&Version>) -> Option<Stored> {
    base.is_some_and(|base| *base != stored.version).then_some(stored)
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("held", &self.held())
            .field("max_sessions", &self.room.max())
            .finish()
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn load(
        &self,
        key: &StoreKey,
        extend: Option<&Extend>,
        now: OffsetDateTime,
    ) -> Result<Option<Stored>, StoreError> {
        let found = self.shard(key).live(key, Micros::from_time(now));
        // Whether the touch is meant for this record takes reading its payload: not under the lock.
        if let Some(stored) = &found
            && let Some(extend) = extend.filter(|extend| extend.applies_to(&stored.record, now))
            && let Some(moved) = self.shard(key).extend(key, stored, extend.to)
        {
            return Ok(Some(moved));
        }
        Ok(found)
    }

    async fn create(
        &self,
        key: &StoreKey,
        record: &Record,
        now: OffsetDateTime,
    ) -> Result<Created, StoreError> {
        self.tell();
        let now = Micros::from_time(now);
        if let Some(created) = self.try_create(key, record, now) {
            return Ok(created);
        }
        self.reclaim(now);
        if let Some(created) = self.try_create(key, record, now) {
            return Ok(created);
        }
        if record.owner.is_some() && self.give_up_anonymous() {
            let mut shard = self.shard(key);
            if shard.live(key, now).is_some() {
                self.room.give_back(1);
                return Ok(Created::Exists);
            }
            return Ok(Created::Done(shard.put(key, record)));
        }
        Err(StoreError::refused(format!(
            "it is full with {} live sessions; raise MemoryStore::with_capacity, shorten max_age, or use a store outside this process",
            self.room.max()
        )))
    }

    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        base: Option<&Version>,
        now: OffsetDateTime,
    ) -> Result<Updated, StoreError> {
        let mut shard = self.shard(key);
        let Some(stored) = shard.live(key, Micros::from_time(now)) else {
            return Ok(Updated::Missing);
        };
        Ok(match conflict(stored, base) {
            Some(stored) => Updated::Conflict(stored),
            None => Updated::Done(shard.put(key, record)),
        })
    }

    async fn touch(
        &self,
        key: &StoreKey,
        expires_at: OffsetDateTime,
        base: Option<&Version>,
        now: OffsetDateTime,
    ) -> Result<Touched, StoreError> {
        Ok(self.shard(key).touch(key, expires_at, base, Micros::from_time(now)))
    }

    async fn replace(&self, replace: Replace<'_>, now: OffsetDateTime) -> Result<Replaced, StoreError> {
        let now = Micros::from_time(now);
        let mut pair = Pair::lock(self, replace.old, replace.new);
        let Some(stored) = pair.source().live(replace.old, now) else {
            return Ok(Replaced::Missing);
        };
        if let Some(stored) = conflict(stored, Some(replace.base)) {
            return Ok(Replaced::Conflict(stored));
        }
        if pair.target().live(replace.new, now).is_some() {
            return Ok(Replaced::Exists);
        }
        match replace.tombstone {
            Some(tombstone) => {
                self.room.take_anyway();
                pair.source().put(replace.old, tombstone);
            }
            // The place of the old record becomes the new one's; taken before it is given back, so that nobody
            // else gets it in between.
            None => {
                self.room.take_anyway();
                pair.source().remove(replace.old);
            }
        }
        Ok(Replaced::Done(pair.target().put(replace.new, replace.record)))
    }

    async fn delete(&self, key: &StoreKey, base: Option<&Version>) -> Result<Deleted, StoreError> {
        let mut shard = self.shard(key);
        let Some(stored) = shard.get(key) else {
            return Ok(Deleted::Missing);
        };
        Ok(match conflict(stored, base) {
            Some(stored) => Deleted::Conflict(stored),
            None => {
                shard.remove(key);
                Deleted::Done
            }
        })
    }
}

/// The shards of two keys, locked in the order of the shards, so that two replaces cannot wait for each other.
struct Pair<'a> {
    low: MutexGuard<'a, Shard>,
    /// `None` if both keys are in one shard.
    high: Option<MutexGuard<'a, Shard>>,
    old_is_high: bool,
}

impl<'a> Pair<'a> {
    fn lock(store: &'a MemoryStore, old: &StoreKey, new: &StoreKey) -> Self {
        let (old, new) = (store.index(old), store.index(new));
        let low = lock(&store.shards[old.min(new)]);
        let high = (old != new).then(|| lock(&store.shards[old.max(new)]));
        Self { low, high, old_is_high: old > new }
    }

    fn source(&mut self) -> &mut Shard {
        self.side(self.old_is_high)
    }

    fn target(&mut self) -> &mut Shard {
        self.side(!self.old_is_high)
    }

    fn side(&mut self, high: bool) -> &mut Shard {
        match &mut self.high {
            Some(shard) if high => shard,
            Some(_) | None => &mut self.low,
        }
    }
}
