//! Sessions in one SQLite file: no server, and they survive a restart.
//!
//! ```
//! use session_core::StoreKey;
//! use session_core::store::{Created, Record, Store};
//! use session_store_sql::SqliteStore;
//! use time::{Duration, OffsetDateTime};
//!
//! # async fn example(dir: &std::path::Path) -> Result<(), session_core::store::StoreError> {
//! let now = OffsetDateTime::now_utc();
//! let key = StoreKey::from_stored("a-key");
//! let record = Record {
//!     payload: r#"{"cookie":{"originalMaxAge":null},"views":1}"#.into(),
//!     expires_at: now + Duration::hours(1),
//!     owner: None,
//! };
//!
//! let store = SqliteStore::open(dir.join("sessions.db")).await?;
//! assert!(matches!(store.create(&key, &record, now).await?, Created::Done(_)));
//! store.close().await;
//!
//! let store = SqliteStore::open(dir.join("sessions.db")).await?;
//! assert!(store.load(&key, None, now).await?.is_some());
//! # store.close().await;
//! # Ok(())
//! # }
//! # let dir = tempfile::tempdir().unwrap();
//! # tokio::runtime::Runtime::new().unwrap().block_on(example(dir.path())).unwrap();
//! ```
//!
//! # What is promised
//!
//! * Each verb is one statement when nobody interferes; a [`load`](Store::load) that also moves a due expiry is two, and
//!   [`replace`](Store::replace) is one transaction: another reader sees the session under the old key or under the
//!   new one, never under both or neither.
//! * A confirmed change survives the end of the process, however violent. Whether it also survives a power failure
//!   is a choice: see [`Durability`].
//! * Any number of processes on *one machine* may share the file. SQLite lets one write at a time; the others wait, for
//!   [`patience`](SqliteBuilder::patience) at most, and readers never wait for writers.
//! * A future that is dropped leaves the record as it was or as it was to be. A dropped transaction is rolled back before
//!   its connection is used again.
//! * Expiry is kept in whole milliseconds, rounded down.
//! * A record that cannot be read is an error for its own key and for nobody else's.
//!
//! # What is not
//!
//! * Nothing is shared between machines, and the file must not lie on a network file system: SQLite's locks do not hold
//!   there. For more than one machine take a database server.
//! * A write that was answered with `Unavailable` after the whole of the patience may have been carried out all the
//!   same: the answer was late, not necessarily the write. One that waited in vain for a lock was not.
//! * The space of removed sessions is used again, but the file does not shrink by itself; `VACUUM` shrinks it. Until it
//!   is used again, such space may still hold what the session held.
//!
//! # The table
//!
//! ```sql
//! CREATE TABLE "sessions" (key TEXT NOT NULL PRIMARY KEY, expires_at INTEGER NOT NULL,
//!     version INTEGER NOT NULL, owner TEXT, payload TEXT NOT NULL) STRICT;
//! CREATE INDEX "sessions_owner_idx" ON "sessions" (owner) WHERE owner IS NOT NULL;
//! ```
//!
//! `expires_at` counts milliseconds since the epoch. `version` is drawn at random by each write, so that no version comes
//! back, not even when a key is used again. The rows keep their `rowid`: in a table `WITHOUT ROWID` each step of a search
//! would read some records' worth of payload (with payloads of 1500 bytes it was twice as large, and a load took
//! three times as long).
//!
//! **No index on `expires_at`**, since every touch would have to rewrite it: without one, a touch writes one page to the
//! log; with one, three. The price is that [`purge_expired`](Directory::purge_expired) has to look at every row. It
//! walks the table in the order of `rowid`, some thousand rows at a time, as a reader; only where it finds expired
//! rows does it take the write lock, for that stretch. It goes on where it stopped the last time.
//! [`count`](Directory::count) reads the whole table too: it is for a dashboard, not for a request.
//!
//! # Sizes
//!
//! Measured on two shared cores; take them as proportions.
//!
//! * A session with a payload of 250 bytes takes 420 bytes of the file, key and owner's index included.
//! * With [`Durability::Process`], some thousand writes a second; 200 writers that compare-and-set one session
//!   each had their answer within 30 ms. With [`Durability::Power`], as many as the disk confirms, some hundred.
//! * Of a million sessions, looking for expired ones and finding none took 0.4 s of reading. Removing 100 000 in batches of
//!   1000 took 10 s, and the writes that went on meanwhile waited for 90 ms at most. Take smaller batches if that is much.
//! * [`readers`](SqliteBuilder::readers): as many as there are cores is enough. Each keeps a thread and up to 2 MB of
//!   pages.
//!
//! Past some million sessions, or some thousand writes a second, a database server is the better place.
//!
//! # Housekeeping
//!
//! Sessions end on time by themselves; to get their space back, keep a [`PurgeTask`]:
//!
//! ```
//! # async fn example() -> Result<(), session_core::store::StoreError> {
//! # use std::time::Duration;
//! # let store = session_store_sql::SqliteStore::in_memory().await?;
//! let purge = store.spawn_purge(Duration::from_secs(15 * 60), 1000);
//! // … serve …
//! drop(purge);
//! # Ok(())
//! # }
//! # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
//! ```

mod builder;
mod directory;
mod file;
mod schema;
mod store;

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use session_core::store::StoreError;
#[cfg(doc)]
use session_core::store::{Directory, Store};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{Connection as _, Sqlite, Transaction};
use tokio::sync::{Semaphore, SemaphorePermit};

use self::builder::Plan;
pub use self::builder::{Durability, SqliteBuilder};
use self::file::OpenedFile;
use self::schema::Statements;
use crate::error::{no_turn, store_error, too_late};
use crate::extending::Extending;
use crate::lazy::Lazy;
use crate::purge::PurgeTask;

/// Sessions in an SQLite file. See the [module](self) for what it promises.
///
/// A clone is another handle to the same store.
#[derive(Clone)]
pub struct SqliteStore(Arc<Inner>);

struct Inner {
    sql: Statements,
    opened: Lazy<Opened>,
    /// How the file is opened; `None` if it was opened by somebody else.
    plan: Option<Plan>,
    extending: Extending,
    /// Whose turn to write it is: SQLite has one write lock, waits for it by sleeping, and is not fair.
    turn: Semaphore,
    patience: Duration,
    purged_up_to: AtomicI64,
}

/// The file, when it has been opened and the table is there.
#[derive(Clone)]
struct Opened {
    read: SqlitePool,
    /// A connection of its own keeps its cache of pages, which another writer's would have to drop each time.
    write: SqlitePool,
    file: Option<Arc<OpenedFile>>,
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens the store in this file with the usual options, and makes what is missing.
    ///
    /// # Errors
    ///
    /// As [`SqliteBuilder::open`].
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::builder().open(path).await
    }

    /// The store in this file, which is opened at its first use, with the usual options.
    ///
    /// # Errors
    ///
    /// As [`SqliteBuilder::connect_lazy`].
    pub fn connect_lazy(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::builder().connect_lazy(path)
    }

    /// A store in memory, for tests: it is gone when its last clone is dropped.
    ///
    /// # Errors
    ///
    /// As [`SqliteBuilder::in_memory`].
    pub async fn in_memory() -> Result<Self, StoreError> {
        Self::builder().in_memory().await
    }

    /// The store in the table `sessions` of a database that the application has opened already.
    ///
    /// # Errors
    ///
    /// As [`SqliteBuilder::from_pool`].
    pub async fn from_pool(pool: SqlitePool) -> Result<Self, StoreError> {
        Self::builder().from_pool(pool).await
    }

    /// A store with other options.
    pub fn builder() -> SqliteBuilder {
        SqliteBuilder::default()
    }

    /// Removes expired records in the background, as [`PurgeTask::spawn`] says, until the answer is dropped.
    ///
    /// # Panics
    ///
    /// If it is not called within a Tokio runtime.
    pub fn spawn_purge(&self, interval: Duration, batch: usize) -> PurgeTask {
        PurgeTask::spawn(self.clone(), interval, batch)
    }

    /// Closes the file, when the verbs that are under way have ended. All verbs answer `Unavailable` from then on.
    ///
    /// Dropping the last clone closes the file as well, but does not wait for it.
    pub async fn close(&self) {
        self.0.opened.close();
        if let Some(opened) = self.0.opened.get() {
            opened.read.close().await;
            opened.write.close().await;
        }
    }

    fn sql(&self) -> &Statements {
        &self.0.sql
    }

    fn extending(&self) -> &Extending {
        &self.0.extending
    }

    /// The connections, once the file is open and the table there. At the first use this opens it, and makes the table.
    async fn opened(&self) -> Result<&Opened, StoreError> {
        let attempt = || {
            let plan = self.0.plan.clone();
            async move {
                let plan = plan.ok_or_else(|| StoreError::unavailable("the database is not open"))?;
                plan.open().await
            }
        };
        self.0.opened.get_or_make(self.0.patience, attempt).await
    }

    async fn reader(&self) -> Result<&SqlitePool, StoreError> {
        Ok(&self.opened().await?.read)
    }

    fn purged_up_to(&self) -> &AtomicI64 {
        &self.0.purged_up_to
    }

    /// Waits for this store's turn to write, for half of its patience at most.
    ///
    /// A quarter and an eighth are for SQLite's lock. So whoever waited in vain is told before [`Self::in_time`]
    /// gives up on the statement, and knows that nothing was written.
    async fn writer(&self) -> Result<Writer<'_>, StoreError> {
        let turn = async {
            let turn = self.0.turn.acquire().await.map_err(|_| no_turn())?;
            let connection = self.opened().await?.write.acquire().await.map_err(store_error)?;
            Ok(Writer { connection, _turn: turn })
        };
        tokio::time::timeout(self.0.patience / 2, turn).await.unwrap_or_else(|_| Err(no_turn()))
    }

    async fn is_in_place(&self) -> Result<(), StoreError> {
        self.opened().await?.file.as_ref().map_or(Ok(()), |file| file.check())
    }

    /// Carries out `work` within the store's patience.
    async fn in_time<T>(&self, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        self.is_in_place().await?;
        tokio::time::timeout(self.0.patience, work).await.unwrap_or_else(|_| Err(too_late()))
    }
}

/// The connection that writes, for one turn. The fields are dropped in this order.
struct Writer<'a> {
    connection: PoolConnection<Sqlite>,
    _turn: SemaphorePermit<'a>,
}

impl Writer<'_> {
    /// Takes the write lock at once: a transaction that began as a reader could not wait for it.
    async fn begin_immediate(&mut self) -> Result<Transaction<'_, Sqlite>, StoreError> {
        self.connection.begin_with("BEGIN IMMEDIATE").await.map_err(store_error)
    }
}

impl Deref for Writer<'_> {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.connection
    }
}

impl DerefMut for Writer<'_> {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }
}
