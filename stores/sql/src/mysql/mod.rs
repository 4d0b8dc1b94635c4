//! Sessions in MySQL or MariaDB, in the table that Node's express-mysql-session keeps: both may serve the same
//! sessions.
//!
//! ```no_run
//! # async fn example() -> Result<(), session_core::store::StoreError> {
//! use std::time::Duration;
//! use session_store_sql::MysqlStore;
//!
//! let store = MysqlStore::connect("mysql://app:secret@db.example.com/app?ssl-mode=VERIFY_IDENTITY").await?;
//! // Gives the space of expired sessions back, as long as it is kept.
//! let purge = store.spawn_purge(Duration::from_secs(15 * 60), 1000);
//! # drop(purge);
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised
//!
//! * Each verb is one round trip when nobody interferes; a [`load`](Store::load) that also moves a due expiry is two, and
//!   so is [`revoke`](Directory::revoke). A [`replace`](Store::replace) that leaves a tombstone is a transaction of four.
//! * A confirmed change is as durable as the server makes it: see its `innodb_flush_log_at_trx_commit`. With anything but
//!   `1`, the last moments before a crash may be lost, logouts among them.
//! * A [`revoke`](Directory::revoke) also ends the sessions that are moving to another key at that moment.
//! * A future that is dropped leaves the record as it was or as it was to be, and its connection fit for the next verb: a verb
//!   that has got a connection is carried out to its end, whoever has gone away.
//! * A record that cannot be read is an error for its own key and for nobody else's.
//!
//! # What is not
//!
//! * Expiry is kept in whole **seconds**, rounded down: a session may end up to a second early. The column holds dates to
//!   the year 2106; what would end later ends then.
//! * A key that is longer than its column (128 characters) or ends with a blank is refused; the ids that this library makes
//!   never are. So is a payload that is longer than its column (16 MiB).
//! * When a write was answered with `Unavailable`, it may have been carried out all the same. One that waited in vain
//!   for a row (`MySQL error 1205`) was not.
//! * After a failover to a replica that replicates asynchronously, the server may have forgotten its last changes.
//! * The first use of each connection after a restart of the server may fail; the next ones are new connections.
//!
//! # The table
//!
//! ```sql
//! CREATE TABLE `sessions` (
//!     session_id varchar(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
//!     expires int unsigned NOT NULL,
//!     data mediumtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
//!     owner varbinary(255) DEFAULT NULL,
//!     PRIMARY KEY (session_id), KEY `sessions_owner_idx` (owner)) ENGINE = InnoDB;
//! ```
//!
//! It is made if it is missing. One that express-mysql-session has made gets the column `owner` and its index when this
//! store connects; where that is to be done by hand, do it before, and no right but to read and write rows is needed. A
//! table with other columns (its option `schema.columnNames`), with a `data` of MySQL's type JSON, which does not
//! keep a text as it was, or with a collation that takes `a` for `A`, is refused.
//!
//! There is no index on `expires`, as in Node's table: every touch would have to write to it.
//! [`purge_expired`](Directory::purge_expired) walks over the table in the order of its keys instead, some thousand rows at
//! a time, and locks none but those that it removes. [`count`](Directory::count) reads the whole table.
//!
//! # Beside Node
//!
//! * **Versions.** Node knows of none, so the version of a record is the SHA-256 of its payload: a write by Node is a
//!   conflict for whoever has read the record before it.
//! * **Owners.** Node writes neither `owner` nor reads it. A session keeps its owner when Node rewrites it. One that Node
//!   *brings back* after a logout (it writes what it has read, whether or not the row is still there) has none in the
//!   column until this store writes it again, and until then [`revoke`](Directory::revoke) does not find it.
//! * **Expiry.** Node rounds to the nearest second, so what it writes may last half a second longer than it meant.
//! * **Names.** [`table`](MysqlBuilder::table) is express-mysql-session's `schema.tableName`.
//!
//! # TLS
//!
//! With the feature `tls`, the URL's `ssl-mode` says how much: `PREFERRED` (the default: TLS if the server offers it, and
//! no check of who it is), `REQUIRED`, `VERIFY_CA`, `VERIFY_IDENTITY`. The last two check the certificate against the web's
//! root certificates, or against the file in `ssl-ca`. Across a network, `VERIFY_IDENTITY` is the only one that keeps
//! sessions from a man in the middle. Without the feature, `REQUIRED` and above refuse to connect; an account of MySQL 8
//! with `caching_sha2_password` can only log in with TLS, or over a socket.
//!
//! # Sizes
//!
//! [`connections`](MysqlBuilder::connections) times the number of servers must fit the database server's
//! `max_connections`. Ten carry some thousand requests a second on a local network.
//!
//! A session with a payload of 260 bytes and an owner takes 740 bytes, of which the index of owners has 150 (measured over
//! 200 000 sessions whose keys came in random order, as ids do). At a million sessions, 0.7 GB, nothing needs to be tuned. At a
//! hundred million, some 75 GB: since keys are random, `innodb_buffer_pool_size` has to hold the pages of those sessions
//! that are in use; run the purge on one server only, with batches of some thousand and an interval of a minute, and do
//! not [`count`](Directory::count).

mod builder;
mod directory;
mod schema;
mod store;

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use session_core::store::StoreError;
#[cfg(doc)]
use session_core::store::{Directory, Store};
use sqlx::{MySql, MySqlPool};

pub use self::builder::MysqlBuilder;
use self::schema::{Limits, Statements, migrate};
use crate::extending::Extending;
use crate::lazy::Lazy;
use crate::name::Name;
use crate::outlive::outliving;
use crate::purge::PurgeTask;
use crate::server::{Limit, Server};

/// Sessions in a MySQL or MariaDB table. See the [module](self) for what it promises.
///
/// A clone is another handle to the same store.
#[derive(Clone)]
pub struct MysqlStore(Arc<Inner>);

struct Inner {
    sql: Statements,
    server: Server<MySql>,
    table: Name,
    /// What the table can hold; known when it has been looked at, and made if it was missing.
    limits: Lazy<Limits>,
    extending: Extending,
    /// The key after which the next purge begins.
    purged_up_to: Mutex<String>,
}

outliving!(MysqlStore, Verbs);

impl fmt::Debug for MysqlStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MysqlStore").finish_non_exhaustive()
    }
}

impl MysqlStore {
    /// Connects to the server at this URL with the usual options, and makes what is missing of the table `sessions`.
    ///
    /// # Errors
    ///
    /// As [`MysqlBuilder::connect`].
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Self::builder().connect(url).await
    }

    /// A store that connects at its first use, with the usual options.
    ///
    /// # Errors
    ///
    /// As [`MysqlBuilder::connect_lazy`].
    pub fn connect_lazy(url: &str) -> Result<Self, StoreError> {
        Self::builder().connect_lazy(url)
    }

    /// The store in the table `sessions` of a database that the application has opened already.
    ///
    /// # Errors
    ///
    /// As [`MysqlBuilder::from_pool`].
    pub async fn from_pool(pool: MySqlPool) -> Result<Self, StoreError> {
        Self::builder().from_pool(pool).await
    }

    /// A store with other options.
    pub fn builder() -> MysqlBuilder {
        MysqlBuilder::default()
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
        self.0.limits.close();
        self.0.server.close().await;
    }

    fn sql(&self) -> &Statements {
        &self.0.sql
    }

    /// What the table can hold. At the first use this connects, and makes the table.
    async fn limits(&self) -> Result<Limits, StoreError> {
        let attempt = || {
            let store = self.clone();
            async move {
                store.0.server.probe().await?;
                store.prepare().await
            }
        };
        self.0.limits.get_or_make(self.0.server.patience(), attempt).await.copied()
    }

    /// Makes what is missing of the table.
    async fn prepare(&self) -> Result<Limits, StoreError> {
        let mut lease = self.0.server.lease(Limit::Unhurried).await?;
        let made = migrate(&mut lease.connection, &self.0.table).await?;
        lease.returns();
        Ok(made)
    }

    fn extending(&self) -> &Extending {
        &self.0.extending
    }

    fn purged_up_to(&self) -> &Mutex<String> {
        &self.0.purged_up_to
    }

    /// The server, once the table is there.
    async fn server(&self) -> Result<&Server<MySql>, StoreError> {
        self.limits().await?;
        Ok(&self.0.server)
    }
}
