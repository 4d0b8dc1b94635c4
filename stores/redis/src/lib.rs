//! Server-side sessions in Redis (6.2 or newer) or Valkey, in the keys that connect-redis keeps: on one server, on a primary
//! watched by sentinels, or on a cluster.
//!
//! ```no_run
//! # async fn example() -> Result<(), session_core::store::StoreError> {
//! use session_store_redis::RedisStore;
//!
//! let store = RedisStore::connect("redis://127.0.0.1:6379").await?;
//! let nodes = ["redis://a.internal:6379", "redis://b.internal:6379"];
//! let store = RedisStore::builder().connect_cluster(nodes).await?;
//! let sentinels = ["redis://a.internal:26379", "redis://b.internal:26379"];
//! let store = RedisStore::builder().connect_sentinel(sentinels, "mymaster").await?;
//! # Ok(())
//! # }
//! ```
//!
//! Each has a `connect_lazy` beside it, for an application that starts before its Redis: it asks the server for nothing, and
//! verbs are `Unavailable` until it answers.
//!
//! # Connection strings
//!
//! | form | stands for |
//! | --- | --- |
//! | `redis://host:6379/0` | TCP, database 0 |
//! | `redis://user:password@host:6379/0` | with an ACL user; `redis://:password@host` for the default user |
//! | `rediss://host:6379` | TLS; needs the feature `tls` |
//! | `redis+unix:///run/redis.sock?db=0` | a Unix socket; `&user=…&pass=…` for an ACL user |
//!
//! A special character of the password is percent-encoded. A cluster takes the user, the password and TLS from the first
//! URL; its databases have no numbers. The sentinels' URLs are about the sentinels only: what the primary wants is said in
//! a URL with its name in the place of the host, `rediss://user:password@mymaster/1`.
//!
//! # TLS
//!
//! With the feature `tls` (rustls with ring), `rediss://` trusts the operating system's root certificates, or those given
//! as `root_certificates`. A Redis server wants a certificate of its clients too, unless it is set to
//! `tls-auth-clients no`: that is the `client_certificate`. The certificate must be for the name (or the address) in the
//! URL; that of a cluster's node for what the node says of itself (`cluster-announce-hostname` with
//! `cluster-preferred-endpoint-type hostname`, or its address). The process's default provider of cryptography is used;
//! if the application has chosen none, ring becomes it.
//!
//! # Rights
//!
//! The store needs these, and no more:
//!
//! ```text
//! ACL SETUSER sessions on >password ~sess:* ~sess-owner:* -@all
//!     +select +evalsha +script|load +scan +get +set +del +unlink +exists
//!     +pexpire +pttl +zadd +zrem +zrange +zscore +zremrangebyscore
//! ```
//!
//! and in a cluster `+cluster|slots +asking`, with sentinels `+role`, to wait for replicas `+wait +ping`. With `+info`, it can
//! see whether the server [evicts keys](#an-index-that-is-lost), and warn.
//!
//! # What is promised
//!
//! * On one server, and with sentinels, each verb of [`Store`] is one round trip, and nobody sees a part of it: a
//!   [`replace`](Store::replace) moves the session, leaves the tombstone and keeps the index in one step. A load is a `GET`
//!   and a `PTTL`, and a second trip if a touch is due; where a touch is due at each load, both are one script. So are [`sessions_of`](Directory::sessions_of) and
//!   [`revoke`](Directory::revoke), whatever the number of sessions. After a restart of the server, each script is sent
//!   once more. [A cluster](#cluster) takes more for sessions that have an owner, and for a replace.
//! * A future that is dropped leaves the record as it was or as it was to be, and never one without an expiry.
//! * The version is the SHA-1 of the payload, so a write of a Node server between a load and an update is a conflict.
//! * Expiry is the key's own TTL, and the server removes what has expired. It is told, and answers, how many milliseconds are
//!   left, so its clock may show any time. A life counts from when the server takes the write: a session may end later than
//!   it was told by as long as that was on its way. `cookie.expires` in the payload is not read. A key without TTL (connect-redis with `disableTTL`) is a
//!   session that ends in the year 9999; the first write or touch gives it an expiry.
//! * A verb answers within the [`patience`](RedisBuilder::patience), or a quarter more in a cluster. A lost connection is made anew by itself; so is one
//!   to a primary that has been succeeded, also when callers with shorter deadlines just go away. If the server has closed it,
//!   a verb that was not sent yet, and one that only reads, is tried once more on a new one: nobody notices.
//! * While the server takes no writes (a replica, full memory, a disk it cannot save to, too few replicas), sessions are
//!   loaded with the life they have; verbs that would write answer `ReadOnly`, and have written nothing.
//! * An error holds fixed words and the code of the server's answer, never a key, a value or a URL.
//!
//! # What is not
//!
//! * **Redis replicates after it has answered.** See [below](#failover) what that can lose.
//! * A write that was answered with `Unavailable` may have been carried out all the same: the answer was lost or late,
//!   not necessarily the write. It is never sent twice, unless a server said that it did not do it.
//! * One connection carries everything to a server, in order: a payload of megabytes delays what comes after it.
//!
//! # Cluster
//!
//! A session and its owner's index have different names, so they lie in different slots, on different nodes. No script
//! touches both; the index is kept by trips of its own, in an order in which a step that fails, or a process that dies,
//! leaves an entry too many and never a session that no revocation finds. What lies under the session's key is the truth,
//! the index a hint that is verified when it is read.
//!
//! | round trips | one server, sentinels | cluster, session without an owner | with an owner |
//! | --- | --- | --- | --- |
//! | load; with a touch that is due at each load; with one that is due at times | 1; 1; 2 | 1; 1; 2 | 1; 2; 3 |
//! | create | 1 | 1 | 2 |
//! | update; to another owner | 1; 1 | 1; 2 | 2; 3 |
//! | touch, delete | 1 | 1 | 2 |
//! | replace (renewal, login); of another owner | 1; 1 | 2 | 4; 5 |
//! | sessions of an owner who has *n* | 1 | | 1, then *n* at a time |
//! | revoke an owner who has *n* | 1 | | 1, then *n* at a time, then 1 |
//!
//! * A **replace** stores the new record, then retires the old one by compare-and-set, which one of several racing ones
//!   wins. Who dies in between leaves the old session as it was, and a copy that nobody has the key of and that expires.
//! * A **revocation** ends all that the index lists, follows what moves meanwhile, and looks again until nothing is on its
//!   way. Sessions that log in meanwhile may or may not be ended; all others are. It may wait for an eighth of the
//!   patience for a replace that has been broken off, and counts a session that takes longer to move under both its keys.
//! * An index entry that is wrong stays until its session's time is over, and no longer than 30 days more.
//!   [`clear`](Directory::clear) leaves the indexes to run out.
//! * A redirection is followed, and a node that is silent holds up the verbs for its own slots only.
//! * A hash tag in the prefix (`{sess}:`) puts all keys in one slot. Then each verb is one round trip as on one server, and
//!   one node has all the work.
//!
//! # Failover
//!
//! While a primary is down, verbs for it answer `Unavailable`; they work again by themselves when its replica has taken
//! over, which takes as long as the servers need to agree on it (`down-after-milliseconds`, `cluster-node-timeout`): with
//! 0.8 and 1 s, about 2 and 2.5 s from kill to answer in this crate's tests. Nobody is logged out.
//!
//! What was replicated is there. What was answered and not yet replicated is lost, a logout or a revocation among it: the
//! session is back. On one machine the gap is some microseconds, and 0 of some 6,000 changes under load were lost in each
//! kill; of a primary that had lost its replicas before it failed, 20 of 20 logouts were. So:
//!
//! * [`wait_for_replicas`](RedisBuilder::wait_for_replicas) has a delete, a replace, a revocation and a clear answer only
//!   when so many replicas have it: of those 20 logouts, 0 were answered as done then. It narrows the gap and does not
//!   close it: the replicas that have it may be down when the primary is, and another one succeed it. It costs a round
//!   trip to the slowest of those replicas. Ask for fewer replicas than there are: with two and `1`, logouts still
//!   work when one is down; with one and `1`, they are `Unavailable` (though carried out) until it is back.
//! * `min-replicas-to-write 1` has a primary that is cut off refuse writes after some seconds, rather than take them for
//!   nothing.
//! * In a cluster an entry of an index may be lost and its session not: see [below](#an-index-that-is-lost).
//! * A crash of a server that is not replicated loses what is not on its disk: nothing with `appendonly yes` and
//!   `appendfsync always`, up to a second with the usual `everysec`.
//!
//! Where a revocation has to outlive any failover, keep its time in a durable database too and compare it with the
//! session's [`created_at`](session_core::store::Record::created_at).
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
//! # An index that is lost
//!
//! An index can vanish while its sessions stay: Redis evicts it (`maxmemory-policy`), or a restore leaves it out. The next
//! login begins a new one, which lacks the older sessions. No revocation is decided by an index that something speaks
//! against:
//!
//! * there is none;
//! * the session to `keep` is its owner's, and not in it; or, since it began, a session that was its owner's before was
//!   written, touched, renewed or removed, and was not in it (in a cluster: written or touched);
//! * the server is set to evict keys. Connecting to such a server logs a warning.
//!
//! Then all sessions are walked over, as by [`count`](Directory::count), and those of the owner are put in their index, which
//! is trusted from then on, as long as it is there. [`revoke`](Directory::revoke) waits for it, however long it takes;
//! [`sessions_of`](Directory::sessions_of) waits within the patience and is `Unavailable` if that is not enough, but where
//! there just is no index, which mostly means that there are no sessions, for an eighth of it, and answers what it has. A walk
//! goes on when its caller has left, so asking again succeeds; each store makes one at a time. For everybody else the price
//! is nil.
//!
//! What is left: on a server that is not set to evict, an index that was lost and begun anew by a login is trusted until one
//! of the older sessions is used in one of these ways.
//!
//! # Tuning
//!
//! * `maxmemory-policy noeviction`. Any other policy ends sessions when memory is short, and makes revocations
//!   [walk](#an-index-that-is-lost). Full, the server refuses new sessions and changes (`OOM`); reading, touching,
//!   logging out and revoking still work.
//! * Memory: payload + some 170 bytes for each session, and some 85 more if it has an owner. A million sessions of 300
//!   bytes take half a gigabyte, a hundred million some 50 GB: then use a cluster, and keep payloads small.
//! * A server does some ten thousand of these verbs a second on one core. A [`load`](Store::load) is a `GET` and a `PTTL`.
//! * [`count`](Directory::count), [`clear`](Directory::clear) and each [`page`](Directory::page) walk over *all keys of
//!   the database*, or of all primaries (`SCAN`, never `KEYS`), since Redis keeps no order: some seconds for a million
//!   keys, many minutes for a hundred million. To go through all sessions, take large pages; each costs memory for its
//!   `limit` keys only. If Redis shrinks its table during a walk, or slots move, `count` may count a session twice.
//! * [`purge_expired`](Directory::purge_expired) removes from the indexes what has expired, by such a walk, and answers
//!   how many entries that were. It need not be called: a login tidies its owner's index, and an index nobody uses expires.

mod apart;
mod builder;
mod directory;
mod error;
mod link;
mod lost;
mod moment;
mod name;
mod payload;
mod script;
mod store;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redis::Value;
use session_core::StoreKey;
use session_core::store::StoreError;
#[cfg(doc)]
use session_core::store::{Directory, Store};
use tokio::sync::OnceCell;
use tokio::task::JoinSet;

pub use builder::RedisBuilder;
use directory::{Walk, text};
use error::{too_late, unexpected};
use link::Link;
use link::confirm::{Lane, Lanes};
use name::Prefixes;
use script::{Call, Scripts};

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
    link: Link,
    /// Sessions and the indexes of their owners lie in different slots of a cluster.
    is_apart: bool,
    patience: Duration,
    lanes: Option<Arc<Lanes>>,
    /// The walk that the last purge broke off.
    purge: Mutex<Option<Walk>>,
    /// That the server is one that this store can use.
    seen: OnceCell<()>,
    /// It removes keys when its memory is full.
    may_evict: AtomicBool,
    /// Held by who walks over all sessions to fill an index.
    walking: tokio::sync::Mutex<()>,
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

    /// The store at this URL with the usual options, without asking the server for anything yet.
    ///
    /// # Errors
    ///
    /// As [`RedisBuilder::connect_lazy`].
    pub fn connect_lazy(url: &str) -> Result<Self, StoreError> {
        Self::builder().connect_lazy(url)
    }

    /// A store with other options, on a cluster, or on a primary watched by sentinels.
    pub fn builder() -> RedisBuilder {
        RedisBuilder::default()
    }

    fn names(&self) -> &Prefixes {
        &self.0.names
    }

    fn scripts(&self) -> &Scripts {
        &self.0.scripts
    }

    fn is_apart(&self) -> bool {
        self.0.is_apart
    }

    /// What the writes of a verb that takes something away go over.
    fn lane(&self) -> Lane {
        self.0.lanes.as_ref().map(Lanes::lane).unwrap_or_default()
    }

    /// Makes sure, once, that the server knows what this store needs, and lets it.
    async fn ready(&self) -> Result<(), StoreError> {
        self.0.seen.get_or_try_init(|| self.look()).await.copied()
    }

    async fn look(&self) -> Result<(), StoreError> {
        let (link, lane) = (&self.0.link, Lane::default());
        link.send(&Call::command("PTTL", self.names().sessions()).reads(), &lane).await?;
        // New in 6.2.
        let mut newest = Call::command("ZRANGE", self.names().owners()).reads();
        newest.arg(0).arg(0).arg("BYSCORE").arg("LIMIT").arg(0).arg(1);
        link.send(&newest, &lane).await?;
        let mut memory = Call::keyless("INFO").reads();
        memory.arg("memory");
        // Not every user may ask.
        let memory = link.send(&memory, &lane).await.ok().and_then(text).unwrap_or_default();
        let of = |name: &str| memory.lines().find_map(|line| line.strip_prefix(name));
        let is_limited = of("maxmemory:").is_some_and(|limit| limit != "0");
        if is_limited && of("maxmemory_policy:").is_some_and(|policy| policy != "noeviction") {
            self.0.may_evict.store(true, Ordering::Relaxed);
            tracing::warn!(
                "this Redis server removes keys when its memory is full: sessions end early, and to find all of an \
                 owner it takes a walk over all sessions; set `maxmemory-policy noeviction`"
            );
        }
        Ok(())
    }

    /// Carries a call out, however long it takes.
    async fn send(&self, call: &Call, lane: &Lane) -> Result<Value, StoreError> {
        self.ready().await?;
        self.0.link.send(call, lane).await
    }

    /// Carries a call out within the store's patience.
    async fn call(&self, call: &Call) -> Result<Value, StoreError> {
        self.in_time(self.send(call, &Lane::default())).await
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        tokio::time::timeout(self.0.patience, work).await.map_err(|_| too_late())?
    }

    /// What comes after the change itself and only keeps an index short, or its times exact. It is not worth failing
    /// for, nor waiting long.
    async fn afterwards(&self, work: impl Future<Output = Result<(), StoreError>>) {
        if !matches!(tokio::time::timeout(self.0.patience / 4, work).await, Ok(Ok(()))) {
            tracing::debug!("an owner's index could not be kept exact");
        }
    }

    /// Carries out a call for each of the keys, many at a time; answers in no particular order.
    async fn each(
        &self,
        keys: Vec<StoreKey>,
        lane: &Lane,
        call: impl Fn(&StoreKey) -> Call,
    ) -> Result<Vec<(StoreKey, Value)>, StoreError> {
        /// Enough to fill a connection, few enough for others to get their turn.
        const AT_ONCE: usize = 100;
        let mut answers = Vec::with_capacity(keys.len());
        let mut keys = keys.into_iter();
        let mut running = JoinSet::new();
        loop {
            for key in keys.by_ref().take(AT_ONCE - running.len()) {
                let (store, lane, call) = (self.clone(), lane.clone(), call(&key));
                running.spawn(async move { (key, store.send(&call, &lane).await) });
            }
            let Some(answer) = running.join_next().await else { return Ok(answers) };
            let (key, answer) = answer.map_err(|_| unexpected())?;
            answers.push((key, answer?));
        }
    }
}
