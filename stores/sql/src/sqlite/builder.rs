//! Options of a [`SqliteStore`], and the ways to open one.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::{Duration, Instant};

use session_core::store::StoreError;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use tokio::sync::Semaphore;

use super::file::{OpenedFile, create_private};
use super::schema::{Statements, migrate};
use super::{Inner, Opened, SqliteStore};
use crate::error::{is_busy, store_error};
use crate::extending::Extending;
use crate::lazy::Lazy;
use crate::name::Name;

/// What a confirmed change survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// The end of the process, however violent (`synchronous = NORMAL`). When the *power* fails, the last changes may
    /// be undone, a logout among them; the file stays sound.
    #[default]
    Process,
    /// A power failure too (`synchronous = FULL`): each change waits until the disk has it.
    Power,
}

/// Options of a [`SqliteStore`]; made by [`SqliteStore::builder`].
///
/// ```
/// # async fn example(dir: &std::path::Path) -> Result<(), session_core::store::StoreError> {
/// use std::time::Duration;
/// use session_store_sql::sqlite::{Durability, SqliteStore};
///
/// let store = SqliteStore::builder()
///     .table("admin_sessions")
///     .durability(Durability::Power)
///     .patience(Duration::from_millis(500))
///     .open(dir.join("app.db"))
///     .await?;
/// # store.close().await;
/// # Ok(())
/// # }
/// # let dir = tempfile::tempdir().unwrap();
/// # tokio::runtime::Runtime::new().unwrap().block_on(example(dir.path())).unwrap();
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct SqliteBuilder {
    table: String,
    readers: u32,
    patience: Duration,
    durability: Durability,
    create: bool,
}

impl Default for SqliteBuilder {
    fn default() -> Self {
        Self {
            table: "sessions".to_owned(),
            readers: 4,
            patience: Duration::from_secs(2),
            durability: Durability::default(),
            create: true,
        }
    }
}

impl SqliteBuilder {
    /// The table that holds the sessions; `sessions` unless it is set.
    ///
    /// 1 to 48 ASCII letters, digits and underscores, not beginning with a digit or `sqlite_`. Several stores may
    /// have a table each in one file.
    pub fn table(mut self, name: impl Into<String>) -> Self {
        self.table = name.into();
        self
    }

    /// How many connections read at once; 4 unless it is set, at least 1. Each has a thread of its own.
    ///
    /// There is always one connection more, the only one that writes.
    pub fn readers(mut self, readers: u32) -> Self {
        self.readers = readers.max(1);
        self
    }

    /// How long a verb may take before it answers [`Unavailable`](session_core::store::StoreErrorKind::Unavailable);
    /// two seconds unless it is set, at least 10 ms.
    ///
    /// Up to half of it is spent waiting for other writes of this process, up to three eighths waiting for the lock that
    /// another process holds, the rest on the work.
    /// [`count`](session_core::store::Directory::count), [`clear`](session_core::store::Directory::clear) and
    /// [`purge_expired`](session_core::store::Directory::purge_expired) may take longer: there the limit holds for each
    /// wait, not for the work.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience.clamp(Duration::from_millis(10), Duration::from_secs(600));
        self
    }

    /// What a confirmed change survives; [`Durability::Process`] unless it is set.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Refuses to open a file that is not there, rather than making it.
    pub fn existing_file(mut self) -> Self {
        self.create = false;
        self
    }

    /// Opens the store in this file, and makes what is missing: the file, the table, its index.
    ///
    /// A new file is readable by its owner only. Servers may start at once on one file.
    ///
    /// # Errors
    ///
    /// `Refused` if the table name is not usable, the table is no table of sessions, the file cannot be made or is no
    /// database. `Unavailable` if the file cannot be opened or its folder is not there. `ReadOnly` if the table is not complete
    /// and the file may only be read, is full or stays locked.
    pub async fn open(self, path: impl AsRef<Path>) -> Result<SqliteStore, StoreError> {
        let store = self.connect_lazy(path)?;
        if let Some(plan) = &store.0.plan {
            store.0.opened.set(plan.clone().open().await?);
        }
        Ok(store)
    }

    /// The store in this file, which is opened at its first use: for a folder that may be mounted after this process has started.
    ///
    /// What is missing, the file and the table in it, is made at the first use, too, and both are tried again at later ones until
    /// they succeed. Until then every verb answers [`Unavailable`](session_core::store::StoreErrorKind::Unavailable), or
    /// [`Refused`](session_core::store::StoreErrorKind::Refused) if somebody must act: a missing right, a file that is no
    /// database.
    ///
    /// ```
    /// # fn example() -> Result<(), session_core::store::StoreError> {
    /// use session_store_sql::SqliteStore;
    ///
    /// let store = SqliteStore::builder().table("web").connect_lazy("/var/lib/app/sessions.db")?;
    /// # Ok(())
    /// # }
    /// # example().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// `Refused` for what can never work: a table name or a path that is not usable.
    pub fn connect_lazy(self, path: impl AsRef<Path>) -> Result<SqliteStore, StoreError> {
        let table = Name::parse(&self.table)?;
        // SQLite takes a name that begins with `file:` for a URI; an absolute path never does.
        let path = std::path::absolute(path)
            .map_err(|error| StoreError::refused(format!("the path cannot be used ({})", error.kind())))?;
        Ok(Self::finish(&table, self.patience, Some(Plan { path, table: table.clone(), builder: self })))
    }

    /// A store in memory, for tests: it is gone when its last clone is dropped.
    ///
    /// It has one connection for reading and writing.
    ///
    /// # Errors
    ///
    /// `Refused` if the table name is not usable.
    pub async fn in_memory(self) -> Result<SqliteStore, StoreError> {
        let table = Name::parse(&self.table)?;
        // A second connection would open a second, empty database; a new one likewise.
        let pool = self.pool(1).min_connections(1);
        let options = SqliteConnectOptions::new().in_memory(true).foreign_keys(false);
        let pool = pool.connect_with(options).await.map_err(store_error)?;
        migrate(&pool, &table).await?;
        let store = Self::finish(&table, self.patience, None);
        store.0.opened.set(Opened { read: pool.clone(), write: pool, file: None });
        Ok(store)
    }

    /// The store in a database that the application has opened already; makes the table and its index if missing.
    ///
    /// The pool's own options decide the journal mode, the durability and how long to wait for a lock; only
    /// [`table`](Self::table) and [`patience`](Self::patience) of this builder count. Switch WAL on, or readers and
    /// writers shut each other out. Of this store's writes one runs at a time, whatever the size of the pool.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open). A pool that may only read is served as long as the table exists.
    pub async fn from_pool(self, pool: SqlitePool) -> Result<SqliteStore, StoreError> {
        let table = Name::parse(&self.table)?;
        migrate(&pool, &table).await?;
        let store = Self::finish(&table, self.patience, None);
        store.0.opened.set(Opened { read: pool.clone(), write: pool, file: None });
        Ok(store)
    }

    fn finish(table: &Name, patience: Duration, plan: Option<Plan>) -> SqliteStore {
        SqliteStore(Arc::new(Inner {
            sql: Statements::new(table),
            opened: Lazy::default(),
            plan,
            extending: Extending::default(),
            turn: Semaphore::new(1),
            patience,
            purged_up_to: AtomicI64::new(i64::MIN),
        }))
    }

    /// See [`SqliteStore::writer`].
    fn lock_wait(&self) -> Duration {
        self.patience * 3 / 8
    }

    fn pool(&self, connections: u32) -> SqlitePoolOptions {
        SqlitePoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(self.patience)
            // There is no network to lose a connection to, and each is tested when it comes back.
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
    }

    /// Switching a new file to WAL takes a lock that SQLite does not wait for, so the waiting is done here.
    async fn connect_writer(&self, options: SqliteConnectOptions) -> Result<SqlitePool, StoreError> {
        let start = Instant::now();
        loop {
            match self.pool(1).connect_with(options.clone()).await {
                Ok(pool) => return Ok(pool),
                Err(error) if is_busy(&error) && start.elapsed() < self.patience => {
                    tokio::time::sleep(Duration::from_millis(rand::random_range(1..20))).await;
                }
                Err(error) => return Err(store_error(error)),
            }
        }
    }
}

/// How a file is opened.
#[derive(Clone)]
pub(super) struct Plan {
    path: PathBuf,
    table: Name,
    builder: SqliteBuilder,
}

impl Plan {
    /// Opens the file, and makes what is missing.
    pub(super) async fn open(self) -> Result<Opened, StoreError> {
        let Self { path, table, builder } = self;
        if builder.create {
            create_private(&path)?;
        }
        let reading = SqliteConnectOptions::new()
            .filename(&path)
            // A pool that reconnects after the file was deleted must not make an empty one.
            .create_if_missing(false)
            .foreign_keys(false)
            .busy_timeout(builder.lock_wait());
        let writing = reading
            .clone()
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(match builder.durability {
                Durability::Process => SqliteSynchronous::Normal,
                Durability::Power => SqliteSynchronous::Full,
            })
            // Gives back what a burst of writes has made of the log.
            .pragma("journal_size_limit", "67108864");
        let write = builder.connect_writer(writing).await?;
        migrate(&write, &table).await?;
        let read = builder
            .pool(builder.readers)
            .connect_with(reading.pragma("query_only", "ON"))
            .await
            .map_err(store_error)?;
        let file = Some(Arc::new(OpenedFile::new(&path)?));
        Ok(Opened { read, write, file })
    }
}
