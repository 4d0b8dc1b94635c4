//! The contract of a store: declared here, awaited nowhere here.
//!
//! A store is a map from [`StoreKey`] to [`Record`] with six verbs. It knows nothing of cookies, policies
//! or requests. It needs no clock: every verb that has to know the time is told it.
//!
//! # What a store must get exactly right
//!
//! * [`create`](Store::create) never overwrites; of two racing creates of one key, one is told
//!   [`Created::Exists`].
//! * [`update`](Store::update), [`touch`](Store::touch) and [`replace`](Store::replace) never bring a missing
//!   session into being. This is what keeps a logged-out session logged out.
//! * `update`, `touch`, `replace` and `delete` with a base version succeed only if the record is still at that version.
//! * [`touch`](Store::touch) moves the expiry and nothing else, not even the version.
//! * An answer is given only after the change is as durable as the store makes it.
//!
//! # What a store may be lax about
//!
//! * When it removes expired records. The core judges expiry from [`Record::expires_at`]; removing is
//!   housekeeping. A store may answer `None` or `Missing` for a record that has expired.
//! * Folding a due touch into [`load`](Store::load): it may ignore `extend`, at the price of a round trip.
//! * Precision of `expires_at`: it may round **down** to what it can hold, never up.
//!
//! # What a store may rely on
//!
//! * [`Record::owner`] is the `_session.owner` member of its payload, or `None` if that has none. So a store may keep the
//!   payload alone and read the owner back from it; it may refuse a record whose payload names another owner.
//!
//! "Not there" is an answer, never an error. A [`StoreError`] means the store could not answer.
//!
//! # A whole store
//!
//! ```
//! use std::collections::HashMap;
//! use std::sync::{Mutex, MutexGuard, PoisonError};
//!
//! use session_core::store::*;
//! use session_core::StoreKey;
//! use time::OffsetDateTime;
//!
//! #[derive(Default)]
//! struct Tiny(Mutex<(u64, HashMap<StoreKey, Stored>)>);
//!
//! impl Tiny {
//!     fn lock(&self) -> MutexGuard<'_, (u64, HashMap<StoreKey, Stored>)> {
//!         self.0.lock().unwrap_or_else(PoisonError::into_inner)
//!     }
//! }
//!
//! #[async_trait]
//! impl Store for Tiny {
//!     async fn load(&self, key: &StoreKey, _: Option<&Extend>, now: OffsetDateTime) -> Result<Option<Stored>, StoreError> {
//!         Ok(self.lock().1.get(key).filter(|stored| stored.record.expires_at > now).cloned())
//!     }
//!
//!     async fn create(&self, key: &StoreKey, record: &Record, _: OffsetDateTime) -> Result<Created, StoreError> {
//!         let (counter, map) = &mut *self.lock();
//!         if map.contains_key(key) {
//!             return Ok(Created::Exists);
//!         }
//!         *counter += 1;
//!         let version = Version::from(*counter);
//!         map.insert(key.clone(), Stored { record: record.clone(), version: version.clone() });
//!         Ok(Created::Done(version))
//!     }
//!
//!     async fn update(&self, key: &StoreKey, record: &Record, base: Option<&Version>, _: OffsetDateTime) -> Result<Updated, StoreError> {
//!         let (counter, map) = &mut *self.lock();
//!         let Some(stored) = map.get_mut(key) else { return Ok(Updated::Missing) };
//!         if base.is_some_and(|base| *base != stored.version) {
//!             return Ok(Updated::Conflict(stored.clone()));
//!         }
//!         *counter += 1;
//!         *stored = Stored { record: record.clone(), version: Version::from(*counter) };
//!         Ok(Updated::Done(stored.version.clone()))
//!     }
//!
//!     async fn touch(&self, key: &StoreKey, expires_at: OffsetDateTime, base: Option<&Version>, _: OffsetDateTime) -> Result<Touched, StoreError> {
//!         let map = &mut self.lock().1;
//!         let Some(stored) = map.get_mut(key) else { return Ok(Touched::Missing) };
//!         if base.is_some_and(|base| *base != stored.version) {
//!             return Ok(Touched::Changed);
//!         }
//!         stored.record.expires_at = expires_at;
//!         Ok(Touched::Done)
//!     }
//!
//!     async fn replace(&self, replace: Replace<'_>, _: OffsetDateTime) -> Result<Replaced, StoreError> {
//!         let (counter, map) = &mut *self.lock();
//!         let Some(stored) = map.get(replace.old) else { return Ok(Replaced::Missing) };
//!         if stored.version != *replace.base {
//!             return Ok(Replaced::Conflict(stored.clone()));
//!         }
//!         if map.contains_key(replace.new) {
//!             return Ok(Replaced::Exists);
//!         }
//!         *counter += 2;
//!         let version = Version::from(*counter);
//!         map.insert(replace.new.clone(), Stored { record: replace.record.clone(), version: version.clone() });
//!         match replace.tombstone {
//!             Some(tombstone) => {
//!                 let version = Version::from(*counter - 1);
//!                 map.insert(replace.old.clone(), Stored { record: tombstone.clone(), version });
//!             }
//!             None => {
//!                 map.remove(replace.old);
//!             }
//!         }
//!         Ok(Replaced::Done(version))
//!     }
//!
//!     async fn delete(&self, key: &StoreKey, base: Option<&Version>) -> Result<Deleted, StoreError> {
//!         let map = &mut self.lock().1;
//!         match map.get(key) {
//!             None => Ok(Deleted::Missing),
//!             Some(stored) if base.is_some_and(|base| *base != stored.version) => Ok(Deleted::Conflict(stored.clone())),
//!             Some(_) => {
//!                 map.remove(key);
//!                 Ok(Deleted::Done)
//!             }
//!         }
//!     }
//! }
//! ```

/// What `impl Store` is annotated with; here so that a store needs no dependency of its own for it.
pub use async_trait::async_trait;
use time::OffsetDateTime;

mod data;
mod shared;

pub use crate::error::{StoreError, StoreErrorKind};
use crate::id::StoreKey;
pub use data::{Extend, Owner, Record, Stored, Version};

/// The answer to [`Store::create`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// Stored.
    Done(Version),
    /// There is a record under this key already; it was left as it is.
    Exists,
}

/// The answer to [`Store::update`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Updated {
    /// Stored.
    Done(Version),
    /// There is no such session (any more); nothing was stored.
    Missing,
    /// The record is not at the base version (any more); here is what it is now. Nothing was stored.
    Conflict(Stored),
}

/// The answer to [`Store::touch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touched {
    /// The expiry was moved.
    Done,
    /// There is no such session (any more); nothing was stored.
    Missing,
    /// The record is not at the base version (any more). Nothing was moved: whoever changed it has extended its life, or
    /// ended it.
    Changed,
}

/// What [`Store::replace`] is asked to do: the record moves from one key to another.
#[derive(Debug, Clone, Copy)]
pub struct Replace<'a> {
    /// The key that dies.
    pub old: &'a StoreKey,
    /// The key that the session has from now on.
    pub new: &'a StoreKey,
    /// What is stored under the new key.
    pub record: &'a Record,
    /// The old key's record must still be at this version.
    pub base: &'a Version,
    /// What is left under the old key, for a short time; `None` leaves nothing.
    ///
    /// It lets the core tell a request that comes late with the old cookie from a stranger.
    pub tombstone: Option<&'a Record>,
}

/// The answer to [`Store::replace`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replaced {
    /// Moved; the version is the new record's.
    Done(Version),
    /// There is no session under the old key (any more); nothing was stored.
    Missing,
    /// There is a record under the new key already; nothing was changed.
    Exists,
    /// The old record is not at the base version (any more); here is what it is now. Nothing was changed.
    Conflict(Stored),
}

/// The answer to [`Store::delete`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deleted {
    /// Removed.
    Done,
    /// There was nothing to remove.
    Missing,
    /// The record is not at the base version (any more); here is what it is now. It was not removed.
    Conflict(Stored),
}

/// A place where sessions are kept. See the [module](self) for the contract and for a whole store.
///
/// The trait is object-safe: an application may choose its store at run time (`Arc<dyn Store>`).
///
/// # Cancel safety
///
/// A caller may drop the future of any verb at any await. A store must then leave a record as it was or as it
/// was to be, never in between: in particular never a record without an expiry.
/// Whoever comes next must not notice: no lock, no open transaction and no connection in the middle of an answer may be left. Most
/// client libraries cannot promise that for a future that is dropped; a task that outlives its caller can.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The record under `key`, with the expiry in force and its version; `None` if there is none.
    ///
    /// If `extend` is given and [applies](Extend::applies_to), the store may move the expiry and return the moved one.
    async fn load(
        &self,
        key: &StoreKey,
        extend: Option<&Extend>,
        now: OffsetDateTime,
    ) -> Result<Option<Stored>, StoreError>;

    /// Stores a new session; refuses to overwrite. A record that has expired may be in the way or not.
    async fn create(
        &self,
        key: &StoreKey,
        record: &Record,
        now: OffsetDateTime,
    ) -> Result<Created, StoreError>;

    /// Rewrites a session that exists, if it is still at `base`; with no base, whatever version it is at.
    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        base: Option<&Version>,
        now: OffsetDateTime,
    ) -> Result<Updated, StoreError>;

    /// Moves the expiry of a session that exists and is still at `base`, and nothing else; with no base, whatever version
    /// it is at.
    ///
    /// The base keeps a touch that comes late from prolonging what a renewal left behind.
    async fn touch(
        &self,
        key: &StoreKey,
        expires_at: OffsetDateTime,
        base: Option<&Version>,
        now: OffsetDateTime,
    ) -> Result<Touched, StoreError>;

    /// Moves a session to a new key, in one step where the store can.
    ///
    /// Where it cannot, in this order: store the new record; make sure of the old one's version and retire it in one
    /// step; if that fails, remove the new record again. A crash in between leaves the old session alive and an
    /// orphan that nobody holds and that expires.
    async fn replace(&self, replace: Replace<'_>, now: OffsetDateTime) -> Result<Replaced, StoreError>;

    /// Removes a session, if it is still at `base`; with no base, whatever version it is at.
    ///
    /// Removing one that is not there is no error. The base lets a logout notice that the session has just moved to
    /// another id, and follow it.
    async fn delete(&self, key: &StoreKey, base: Option<&Version>) -> Result<Deleted, StoreError>;
}

/// What a store may offer beside [`Store`]: sessions by owner, and housekeeping.
///
/// All verbs speak of *live* sessions: expired ones are neither counted nor listed. A tombstone (see
/// [`Replace::tombstone`]) has no owner; it may be counted and paged for the minute it lives.
#[async_trait]
pub trait Directory: Store {
    /// The live sessions of an owner, in no particular order.
    async fn sessions_of(
        &self,
        owner: &Owner,
        now: OffsetDateTime,
    ) -> Result<Vec<(StoreKey, Stored)>, StoreError>;

    /// Removes all sessions of an owner, except `keep` if given; answers how many, expired ones counted or not.
    ///
    /// A session that is being replaced meanwhile must not escape under its new key.
    async fn revoke(&self, owner: &Owner, keep: Option<&StoreKey>) -> Result<u64, StoreError>;

    /// How many live sessions there are.
    async fn count(&self, now: OffsetDateTime) -> Result<u64, StoreError>;

    /// At most `limit` live sessions with keys after `after`, in the order of their keys' bytes.
    ///
    /// Start with `None`; go on with the last key of the page before, until a page is empty. Sessions made or ended
    /// meanwhile may or may not be seen; all others are seen once.
    async fn page(
        &self,
        after: Option<&StoreKey>,
        limit: usize,
        now: OffsetDateTime,
    ) -> Result<Vec<(StoreKey, Stored)>, StoreError>;

    /// Removes every session of this store, and nothing that is not a session of this store; answers how many.
    async fn clear(&self) -> Result<u64, StoreError>;

    /// Removes at most `batch` expired records; answers how many. Call it again while it answers `batch`.
    async fn purge_expired(&self, now: OffsetDateTime, batch: usize) -> Result<u64, StoreError>;
}
