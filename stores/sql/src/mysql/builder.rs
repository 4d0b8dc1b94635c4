//! Options of a [`MysqlStore`], and the ways to open one.

use std::str::FromStr as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use session_core::store::StoreError;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::{AssertSqlSafe, Executor as _, MySql, MySqlConnection, MySqlPool, query_scalar};

use super::schema::Statements;
use super::{Inner, MysqlStore};
use crate::error::store_error;
use crate::extending::Extending;
use crate::lazy::Lazy;
use crate::name::Name;
use crate::server::{Server, pool};

/// Options of a [`MysqlStore`]; made by [`MysqlStore::builder`].
///
/// ```no_run
/// # async fn example() -> Result<(), session_core::store::StoreError> {
/// use std::time::Duration;
/// use session_store_sql::MysqlStore;
///
/// let store = MysqlStore::builder()
///     .table("admin_sessions")
///     .connections(20)
///     .patience(Duration::from_secs(1))
///     .connect("mysql://app:secret@db.example.com/app?ssl-mode=VERIFY_IDENTITY")
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct MysqlBuilder {
    table: String,
    connections: u32,
    patience: Duration,
}

impl Default for MysqlBuilder {
    fn default() -> Self {
        Self { table: "sessions".to_owned(), connections: 10, patience: Duration::from_secs(2) }
    }
}

impl MysqlBuilder {
    /// The table that holds the sessions: express-mysql-session's `schema.tableName`; `sessions` unless it is set.
    ///
    /// 1 to 48 ASCII letters, digits and underscores, not beginning with a digit.
    pub fn table(mut self, name: impl Into<String>) -> Self {
        self.table = name.into();
        self
    }

    /// How many connections there are at most; 10 unless it is set, at least 1.
    pub fn connections(mut self, connections: u32) -> Self {
        self.connections = connections.max(1);
        self
    }

    /// How long a verb may take before it answers [`Unavailable`](session_core::store::StoreErrorKind::Unavailable);
    /// two seconds unless it is set, at least 10 ms.
    ///
    /// [`count`](session_core::store::Directory::count), [`page`](session_core::store::Directory::page),
    /// [`clear`](session_core::store::Directory::clear) and
    /// [`purge_expired`](session_core::store::Directory::purge_expired) may take longer: there the limit holds for the wait
    /// for a connection, and for each step of a purge.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience.clamp(Duration::from_millis(10), Duration::from_secs(600));
        self
    }

    /// Connects to the server at this [URL](MySqlConnectOptions), and makes what is missing of the table.
    ///
    /// # Errors
    ///
    /// As [`connect_with`](Self::connect_with), and `Refused` if the URL cannot be read.
    pub async fn connect(self, url: &str) -> Result<MysqlStore, StoreError> {
        self.connect_with(options(url)?).await
    }

    /// A store at this [URL](MySqlConnectOptions) that connects at its first use: for a server that may start after this process.
    ///
    /// What is missing of the table is made at the first use, too, and both are tried again at later ones until they succeed.
    /// Until then every verb answers [`Unavailable`](session_core::store::StoreErrorKind::Unavailable), at once if nobody
    /// listens there, or [`Refused`](session_core::store::StoreErrorKind::Refused) if the server answers and somebody must act:
    /// a wrong password, a missing right. After a failure the server is left alone for a tenth of a second, after a refusal for a
    /// second; however many ask, one connection is tried at a time.
    ///
    /// ```
    /// # fn example() -> Result<(), session_core::store::StoreError> {
    /// use session_store_sql::MysqlStore;
    ///
    /// let store = MysqlStore::builder().table("web").connect_lazy("mysql://app:secret@db.example.com/app")?;
    /// # Ok(())
    /// # }
    /// # example().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// `Refused` for what can never work: a name that is not usable, a URL that cannot be read.
    pub fn connect_lazy(self, url: &str) -> Result<MysqlStore, StoreError> {
        self.connect_lazy_with(options(url)?)
    }

    /// Connects with options that are put together in code: TLS certificates, a socket, a password from elsewhere.
    ///
    /// Sets `innodb_lock_wait_timeout` for its connections: who cannot get a row within three quarters of the
    /// [`patience`](Self::patience), in whole seconds and at least one, has certainly written nothing. Sets `autocommit`
    /// and the transactions' isolation (`REPEATABLE READ`) as well, whatever the server's defaults are.
    ///
    /// # Errors
    ///
    /// `Refused` if the table name is not usable, the server does not let this account in or does not let it make what is
    /// missing, or the table is not as express-mysql-session makes it. `Unavailable` if the server cannot be reached.
    pub async fn connect_with(self, options: MySqlConnectOptions) -> Result<MysqlStore, StoreError> {
        self.connect_lazy_with(options)?.made().await
    }

    /// As [`connect_lazy`](Self::connect_lazy), with options that are put together in code.
    ///
    /// # Errors
    ///
    /// `Refused` if the table name is not usable.
    pub fn connect_lazy_with(self, options: MySqlConnectOptions) -> Result<MysqlStore, StoreError> {
        let table = Name::parse(&self.table)?;
        let wait = (self.patience * 3 / 4).as_secs().max(1);
        let pool = pool(self.connections, self.patience).after_connect(
            move |connection: &mut MySqlConnection, _| {
                Box::pin(async move {
                    // Whatever the server's defaults are: a statement by itself is a transaction, and is committed.
                    let set = format!("SET SESSION autocommit = 1, innodb_lock_wait_timeout = {wait}");
                    connection.execute(AssertSqlSafe(set)).await?;
                    let set = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ";
                    connection.execute(set).await.map(drop)
                })
            },
        );
        Ok(Self::finish(table, Server::lazy(pool, options, self.patience)))
    }

    /// The store in a database that the application has opened already; makes what is missing of the table.
    ///
    /// Of this builder's options the table and the patience count. Three of the pool's own matter: `autocommit`, which must
    /// be on; an `innodb_lock_wait_timeout` (50 seconds unless it is set); and `test_before_acquire`, which costs a round trip
    /// for each verb.
    ///
    /// # Errors
    ///
    /// As [`connect_with`](Self::connect_with), and `Refused` if the pool's connections do not commit by themselves.
    pub async fn from_pool(self, pool: MySqlPool) -> Result<MysqlStore, StoreError> {
        let table = Name::parse(&self.table)?;
        let commits: bool =
            query_scalar("SELECT @@SESSION.autocommit = 1").fetch_one(&pool).await.map_err(store_error)?;
        if !commits {
            return Err(StoreError::refused(
                "the pool's connections do not commit what they write; run SET autocommit = 1 in its `after_connect`",
            ));
        }
        Self::finish(table, Server::new(pool, self.patience)).made().await
    }

    fn finish(table: Name, server: Server<MySql>) -> MysqlStore {
        MysqlStore(Arc::new(Inner {
            sql: Statements::new(&table),
            server,
            table,
            limits: Lazy::default(),
            extending: Extending::default(),
            purged_up_to: Mutex::default(),
        }))
    }
}

fn options(url: &str) -> Result<MySqlConnectOptions, StoreError> {
    MySqlConnectOptions::from_str(url).map_err(store_error)
}

impl MysqlStore {
    /// The store, when it has connected and the table is there.
    async fn made(self) -> Result<Self, StoreError> {
        self.0.limits.set(self.prepare().await?);
        Ok(self)
    }
}
