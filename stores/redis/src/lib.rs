//! Server-side sessions in Redis (7.0 or newer) or Valkey, in the keys that connect-redis keeps.
//!
//! ```no_run
//! # async fn example() -> Result<(), session_core::store::StoreError> {
//! use session_store_redis::RedisStore;
//!
//! let store = RedisStore::connect("redis://127.0.0.1:6379").await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Connection strings
//!
//! | form | stands for |
//! | --- | --- |
//! | `redis://host:6379/0` | TCP, database 0 |
//! | `redis://user:password@host:6379/0` | with an ACL user; `redis://:password@host` for the default user |
//! | `redis+unix:///run/redis.sock?db=0` | a Unix socket; `&user=…&pass=…` for an ACL user |
//!
//! A special character of the password is percent-encoded. **TLS is not built in**: the application makes a
//! [`ConnectionManager`] with the features and certificates it wants, and hands it to
//! [`from_manager`](RedisBuilder::from_manager); or a tunnel does it.
//! The store needs these rights, and no more:
//!
//! ```text
//! ACL SETUSER sessions on >password ~sess:* ~sess-owner:* -@all
//!     +select +evalsha +script|load +scan +time +get +set +del +unlink
//!     +exists +pexpireat +pexpiretime +zadd +zrem +zrange
//! ```
//!
//! # What is promised
//!
//! * Each verb of [`Store`] is one command or one script, so one round trip, and nobody sees a part of it: a load moves a
//!   due expiry on its way, and a [`replace`](Store::replace) moves the session, leaves the tombstone and keeps the index
//!   in one step. So are [`sessions_of`](Directory::sessions_of) and [`revoke`](Directory::revoke), whatever the number of
//!   sessions. After a restart of the server, each script is sent once more.
//! * A future that is dropped leaves the record as it was or as it was to be, and never one without an expiry.
//! * The version is the SHA-1 of the payload, so a write of a Node server between a load and an update is a conflict.
//! * Expiry is the key's own TTL, in whole milliseconds, rounded down. The server's clock decides, and it removes what
//!   has expired; `cookie.expires` in the payload is not read. A key without TTL (connect-redis with `disableTTL`) is a
//!   session that ends in the year 9999; the first write or touch gives it an expiry.
//! * A verb answers within the [`patience`](RedisBuilder::patience). A lost connection is made anew by itself.
//! * An error holds fixed words and the code of the server's answer, never a key, a value or a URL.
//!
//! # What is not
//!
//! * **Redis replicates after it has answered.** A failover may undo the last changes, a logout or a revocation among
//!   them; so may a crash, unless `appendonly yes` and `appendfsync always` are set (the usual `everysec` loses up to a
//!   second). `min-replicas-to-write 1` narrows the gap and does not close it. Where a revocation has to outlive a
//!   failover, keep its time in a durable database too and compare it with the session's
//!   [`created_at`](session_core::store::Record::created_at).
//! * Redis Cluster is not supported: the scripts make keys of owners and sessions that lie on other nodes. Neither is
//!   Sentinel built in.
//! * A write that was answered with `Unavailable` may have been carried out all the same: the answer was lost or late,
//!   not necessarily the write. It is never sent twice.
//! * One connection carries everything, in order: a payload of megabytes delays what comes after it.
//!
//! # The keys
//!
//! `sess:` + key is a string that holds the payload. `sess-owner:` + owner is a sorted set of the keys of that owner's
//! sessions by their expiry; its name does not begin with `sess:`, since connect-redis takes all that does for sessions
//! (its `all` and `clear` walk over `sess:*`). A session belongs to the owner that its payload names; the index only
//! says where to look, and what it says wrongly is corrected when it is read. A record whose payload names
//! another owner than the record is therefore refused.
//!
//! Servers that know nothing of the index prolong sessions, too. So an index lives for 30 days more than the last
//! expiry that was put in it. A session that *only* Node servers have prolonged for longer is no longer found by its
//! owner, until this store touches or rewrites it.
//!
//! # Tuning
//!
//! * `maxmemory-policy noeviction`. Any other policy ends sessions when memory is short, or, worse, forgets
//!   an index and with it whom to log out. Full, the server refuses new sessions and changes (`OOM`); reading, touching,
//!   logging out and revoking still work.
//! * Memory: payload + some 170 bytes for each session, and some 85 more if it has an owner. A million sessions of 300
//!   bytes take half a gigabyte, a hundred million some 50 GB: then give them several servers, or a server of their own
//!   with `activedefrag yes`, and keep payloads small.
//! * A server does some ten thousand of these verbs a second on one core. [`load`](Store::load) costs little more than
//!   a `GET`.
//! * [`count`](Directory::count), [`clear`](Directory::clear) and each [`page`](Directory::page) walk over *all keys of
//!   the database* (`SCAN`, never `KEYS`), since Redis keeps no order: some seconds for a million keys, many minutes for a
//!   hundred million. To go through all sessions, take large pages; each costs memory for its `limit` keys only. If Redis
//!   shrinks its table during a walk, `count` may count a session twice.
//! * [`purge_expired`](Directory::purge_expired) removes from the indexes what has expired, by such a walk, and answers
//!   how many entries that were. It need not be called: a login tidies its owner's index, and an index nobody uses expires.

mod builder;
mod directory;
mod error;
mod moment;
mod name;
mod payload;
mod script;
mod store;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use redis::aio::ConnectionManager;
use redis::{Cmd, RedisResult, ScriptInvocation, Value};
use session_core::store::StoreError;
#[cfg(doc)]
use session_core::store::{Directory, Store};

pub use builder::RedisBuilder;
use error::{store_error, too_late};
use name::Prefixes;
use script::Scripts;

/// The client library, so that an application can make a connection of its own with the same version.
pub use redis;

/// Sessions in Redis. See the [crate] for what it promises.
///
/// A clone is another handle to the same store.
#[derive(Clone)]
pub struct RedisStore(Arc<Inner>);

struct Inner {
    names: Prefixes,
    scripts: Scripts,
    manager: ConnectionManager,
    patience: Duration,
    /// The cursor at which the last purge stopped.
    purged_up_to: AtomicU64,
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").finish_non_exhaustive()
    }
}

impl RedisStore {
    /// Connects to the server at this URL with the usual options.
    ///
    /// # Errors
    ///
    /// As [`RedisBuilder::connect`].
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Self::builder().connect(url).await
    }

    /// A store with other options.
    pub fn builder() -> RedisBuilder {
        RedisBuilder::default()
    }

    fn names(&self) -> &Prefixes {
        &self.0.names
    }

    fn scripts(&self) -> &Scripts {
        &self.0.scripts
    }

    fn purged_up_to(&self) -> &AtomicU64 {
        &self.0.purged_up_to
    }

    /// Carries out a script within the store's patience.
    async fn call(&self, call: &ScriptInvocation<'_>) -> Result<Value, StoreError> {
        let mut connection = self.0.manager.clone();
        self.in_time(call.invoke_async(&mut connection)).await?.map_err(|error| store_error(&error))
    }

    /// Carries out a command within the store's patience.
    async fn command(&self, command: &Cmd) -> Result<Value, StoreError> {
        self.query(command).await?.map_err(|error| store_error(&error))
    }

    async fn query(&self, command: &Cmd) -> Result<RedisResult<Value>, StoreError> {
        let mut connection = self.0.manager.clone();
        self.in_time(command.query_async(&mut connection)).await
    }

    async fn in_time<T>(&self, work: impl Future<Output = T>) -> Result<T, StoreError> {
        tokio::time::timeout(self.0.patience, work).await.map_err(|_| too_late())
    }
}
