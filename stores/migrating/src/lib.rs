//! Moves sessions from one store to another while the application runs, without logging anybody out.
//!
//! ```
//! # async fn example<New, Old>(new: New, old: Old) -> Result<(), session_core::store::StoreError>
//! # where New: session_core::store::Store, Old: session_core::store::Directory {
//! use session_store_migrating::Migrating;
//!
//! // Hand `store` to `Sessions::new` where the old store was.
//! let store = Migrating::new(new, old);
//!
//! // New sessions begin in the new store, and each old one moves when its user comes. This moves the rest.
//! let now = time::OffsetDateTime::now_utc();
//! while store.move_some(1000, now).await? > 0 {}
//! # Ok(())
//! # }
//! ```
//!
//! # The way from one store to another
//!
//! 1. Deploy the application with `Migrating::new(new, old)` on **all** its servers at once. A server that still works on the
//!    old store alone does not see the sessions that have moved.
//! 2. Call [`move_some`](Migrating::move_some) until it answers 0, or wait for as long as the longest session lives.
//! 3. A minute later, deploy the application with the new store alone.
//!
//! The two may be of the same kind: from Redis to a Redis Cluster, from one table to another. Both must keep ids alike, hashed or
//! plain ([`Policy`](session_core::Policy) decides that, not the store).
//!
//! # What is promised
//!
//! * Everything that [`Store`] promises, and [`Directory`] if both stores are one; `session-conformance` runs against it,
//!   with the sessions in the new store and with the sessions in the old one.
//! * A session is in the new store before it is taken from the old one: a server that dies in between loses nobody.
//! * A session that was ended does not come back, also if a slow request was just moving it. Ending one leaves a *fence* under
//!   its key in the new store for a minute, which a late move runs into. A test runs moves against logouts, renewals,
//!   writes and revocations in every order of their steps.
//! * While the old store cannot answer, a session that has not moved yet is an error and not an empty session. So it is with stores
//!   that connect at their first verb (`connect_lazy`): the pair is there at once, and works when both do.
//! * While either store can be read and takes no writes, a session that has not moved stays where it is and is served from
//!   there; changing it answers [`ReadOnly`](session_core::store::StoreErrorKind::ReadOnly), or `Unavailable` if the other store
//!   has already taken a part of the change.
//!
//! # What it costs
//!
//! A session that has moved, and each new one that is only read or written, costs what the new store costs. Moving one takes four
//! verbs, once. Creating one takes two, since the old store must not have its key; a logout takes two; a
//! signed cookie whose session is over takes three. [`revoke`](Directory::revoke) ends an owner's sessions one by one.

mod directory;
mod fence;
mod store;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

#[cfg(doc)]
use session_core::store::{Directory, Store};

/// Two stores that look like one: what is missing in the new one is fetched from the old one, and moved.
///
/// A clone is another handle to the same two stores. See the [crate] for what it promises.
pub struct Migrating<New, Old> {
    new: Arc<New>,
    old: Arc<Old>,
    /// The latest time that a verb was told, in seconds since 1970. Ending a session leaves something that must expire, and is
    /// the one verb that is told no time.
    latest: Arc<AtomicI64>,
}

impl<New, Old> Migrating<New, Old> {
    /// Sessions move from `old` to `new`.
    pub fn new(new: New, old: Old) -> Self {
        Self { new: Arc::new(new), old: Arc::new(old), latest: Arc::new(AtomicI64::new(i64::MIN)) }
    }
}

impl<New, Old> Clone for Migrating<New, Old> {
    fn clone(&self) -> Self {
        Self { new: Arc::clone(&self.new), old: Arc::clone(&self.old), latest: Arc::clone(&self.latest) }
    }
}

impl<New, Old> fmt::Debug for Migrating<New, Old> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Migrating").finish_non_exhaustive()
    }
}
