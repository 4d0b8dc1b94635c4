//! Sessions in PostgreSQL, in the table that Node's connect-pg-simple keeps: both may serve the same sessions.
//!
//! ```no_run
//! # async fn example() -> Result<(), session_core::store::StoreError> {
//! use std::time::Duration;
//! use session_store_sql::PostgresStore;
//!
//! let store = PostgresStore::connect("postgres://app:secret@db.example.com/app?sslmode=verify-full").await?;
//! // Gives the space of expired sessions back, as long as it is kept.
//! let purge = store.spawn_purge(Duration::from_secs(15 * 60), 1000);
//! # drop(purge);
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised
//!
//! * Each verb is one round trip when nobody interferes, [`replace`](Store::replace) included; a
//!   [`load`](Store::load) that also moves a due expiry is two.
//! * A confirmed change is as durable as the server makes it: see its `synchronous_commit`. With `off`, the last moments
//!   before a crash may be lost, logouts among them.
//! * A [`revoke`](Directory::revoke) also ends the sessions that are moving to another key at that moment.
//! * A future that is dropped leaves the record as it was or as it was to be, and its connection fit for the next verb: a verb
//!   that has got a connection is carried out to its end, whoever has gone away.
//! * Expiry is kept in whole milliseconds, rounded down.
//! * A record that cannot be read is an error for its own key and for nobody else's.
//!
//! # What is not
//!
//! * When a write was answered with `Unavailable`, it may have been carried out all the same. One that waited in vain
//!   for a row (`SQLSTATE 55P03`) was not.
//! * After a failover to a replica that replicates asynchronously, the server may have forgotten its last changes.
//! * The first use of each connection after a restart of the server may fail; the next ones are new connections.
//!
//! # The table
//!
//! ```sql
//! CREATE TABLE "session" (sid varchar COLLATE "C" NOT NULL PRIMARY KEY, sess json NOT NULL,
//!     expire timestamp(6) NOT NULL, owner text COLLATE "C") WITH (fillfactor = 70);
//! CREATE INDEX "session_owner_idx" ON "session" (owner) WHERE owner IS NOT NULL;
//! ```
//!
//! It is made if it is missing. One that connect-pg-simple has made gets the column and its index when this store
//! connects, for which the account must own the table; on a large one make the index by hand before, with
//! `CREATE INDEX CONCURRENTLY`. If all is there, no right but to read and write rows is needed.
//!
//! connect-pg-simple's index on `expire` is not made: every touch would have to write to it. Without it, and with
//! room left in each block, a touch changes no index at all. Dropping it from a table that Node made is worth while
//! (`DROP INDEX "IDX_session_expire"`); Node works without it. [`purge_expired`](Directory::purge_expired) walks over the
//! blocks of the table instead, four megabytes at a time, for which it wants PostgreSQL 14 or newer; all else works
//! from version 11 on.
//! [`count`](Directory::count) reads the whole table; so does [`page`](Directory::page) where Node made the table in a
//! database whose collation is not `C`.
//!
//! # Beside Node
//!
//! * **Time zone.** `expire` has none: Node writes it in the time zone of *its connection*. This store writes and
//!   reads UTC, whatever its own connection says. So each Node server must have its connections in UTC, or sessions end hours
//!   early or late: `ALTER DATABASE app SET timezone TO 'UTC'`, or `options: '-c TimeZone=UTC'` in its
//!   connection options.
//! * **Versions.** Node knows of none, so the version of a record is the SHA-256 of its payload: a write by Node is a
//!   conflict for whoever has read the record before it.
//! * **Owners.** Node writes neither `owner` nor reads it. A session keeps its owner when Node rewrites it. One that Node
//!   *brings back* after a logout (it writes what it has read, whether or not the row is still there) has none in the
//!   column until this store writes it again, and until then [`revoke`](Directory::revoke) does not find it.
//! * **Names.** [`table`](PostgresBuilder::table) and [`schema`](PostgresBuilder::schema) are connect-pg-simple's
//!   `tableName` and `schemaName`.
//!
//! # TLS
//!
//! With the feature `tls`, the URL's `sslmode` says how much: `prefer` (the default: TLS if the server offers it, and no
//! check of who it is), `require`, `verify-ca`, `verify-full`. The last two check the certificate against the web's root
//! certificates, or against the file in `sslrootcert`. Across a network, `verify-full` is the only one that keeps
//! sessions from a man in the middle. Without the feature, `require` and above refuse to connect.
//!
//! # Sizes
//!
//! [`connections`](PostgresBuilder::connections) times the number of servers must fit the database server's
//! `max_connections`. Ten carry some thousand requests a second on a local network. Autovacuum has to keep up with
//! the touches: the core's `touch_after` makes them rare.
//!
//! A session with a payload of 260 bytes and an owner takes 690 bytes, of which the two indexes have 144 (measured over
//! 200 000 sessions). At a million sessions, 0.7 GB, nothing needs to be tuned. At a hundred million, some 70 GB: give the
//! table an autovacuum of its own (`autovacuum_vacuum_scale_factor = 0.01`), run the purge on one server only, with
//! batches of some thousand and an interval of a minute, and do not [`count`](Directory::count). A touch of a table without
//! an index on `expire` changes no index and writes 160 bytes of log, with one 450 and no room is used again.

mod builder;
mod directory;
mod pooler;
mod schema;
mod statement;
mod store;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use session_core::store::StoreError;
#[cfg(doc)]
use session_core::store::{Directory, Store};
use sqlx::{PgPool, Postgres, SqlStr};

use self::builder::Plan;
pub use self::builder::PostgresBuilder;
pub use self::pooler::Pooler;
use self::schema::Statements;
use self::statement::{Statement, Way};
use crate::extending::Extending;
use crate::lazy::Lazy;
use crate::outlive::outliving;
use crate::purge::PurgeTask;
use crate::server::Server;

/// Sessions in a PostgreSQL table. See the [module](self) for what it promises.
///
/// A clone is another handle to the same store.
#[derive(Clone)]
pub struct PostgresStore(Arc<Inner>);

struct Inner {
    sql: Statements,
    opened: Lazy<Arc<Opened>>,
    /// How the server is reached; `None` if the connections were made by somebody else.
    plan: Option<Plan>,
    patience: Duration,
    extending: Extending,
    /// The block that the next purge begins with.
    purged_up_to: AtomicI64,
}

/// The server, when it has been reached and the table is there.
struct Opened {
    server: Server<Postgres>,
    /// How statements are sent to it.
    way: Way,
}

outliving!(PostgresStore, Verbs);

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Connects to the server at this URL with the usual options, and makes what is missing of the table `session`.
    ///
    /// # Errors
    ///
    /// As [`PostgresBuilder::connect`].
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Self::builder().connect(url).await
    }

    /// A store that connects at its first use, with the usual options.
    ///
    /// # Errors
    ///
    /// As [`PostgresBuilder::connect_lazy`].
    pub fn connect_lazy(url: &str) -> Result<Self, StoreError> {
        Self::builder().connect_lazy(url)
    }

    /// The store in the table `session` of a database that the application has opened already.
    ///
    /// # Errors
    ///
    /// As [`PostgresBuilder::from_pool`].
    pub async fn from_pool(pool: PgPool) -> Result<Self, StoreError> {
        Self::builder().from_pool(pool).await
    }

    /// A store with other options.
    pub fn builder() -> PostgresBuilder {
        PostgresBuilder::default()
    }

    /// Removes expired records in the background, as [`PurgeTask::spawn`] says, until the answer is dropped.
    ///
    /// # Panics
    ///
    /// If it is not called within a Tokio runtime.
    pub fn spawn_purge(&self, interval: Duration, batch: usize) -> PurgeTask {
        PurgeTask::spawn(self.clone(), interval, batch)
    }

    /// Closes the connections, when the verbs that are under way have ended. All verbs answer `Unavailable` from then
    /// on.
    pub async fn close(&self) {
        self.0.opened.close();
        if let Some(opened) = self.0.opened.get() {
            opened.server.close().await;
        }
    }

    fn sql(&self) -> &Statements {
        &self.0.sql
    }

    /// A statement, sent as the way to the server demands.
    fn ask<'q>(&self, sql: &'q SqlStr) -> Statement<'q> {
        // Nobody asks before it is known.
        self.0.opened.get().map_or(Way::Prepared, |opened| opened.way).statement(sql)
    }

    fn purged_up_to(&self) -> &AtomicI64 {
        &self.0.purged_up_to
    }

    fn extending(&self) -> &Extending {
        &self.0.extending
    }

    /// The server, once the table is there. At the first use this connects, and makes the table.
    async fn server(&self) -> Result<&Server<Postgres>, StoreError> {
        let attempt = || {
            let plan = self.0.plan.clone();
            async move {
                let plan = plan.ok_or_else(|| StoreError::unavailable("the store has no connections"))?;
                plan.probe().await?;
                plan.open().await
            }
        };
        Ok(&self.0.opened.get_or_make(self.0.patience, attempt).await?.server)
    }
}
