//! Options of a [`MysqlStore`], and the ways to open one.

use std::str::FromStr as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use session_core::store::StoreError;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::{AssertSqlSafe, Executor as _, MySqlConnection, MySqlPool};

use super::schema::{Statements, migrate};
use super::{Inner, MysqlStore};
use crate::error::store_error;
use crate::name::Name;
use crate::purge::{Purge, Purging, purge_options};
use crate::server::{Limit, Server, pool};

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
    purge: Purge,
}

impl Default for MysqlBuilder {
    fn default() -> Self {
        Self {
            table: "sessions".to_owned(),
            connections: 10,
            patience: Duration::from_secs(2),
            purge: Purge::default(),
        }
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

    purge_options!();

    /// Connects to the server at this [URL](MySqlConnectOptions), and makes what is missing of the table.
    ///
    /// # Errors
    ///
    /// As [`connect_with`](Self::connect_with), and `Refused` if the URL cannot be read.
    pub async fn connect(self, url: &str) -> Result<MysqlStore, StoreError> {
        let options = MySqlConnectOptions::from_str(url).map_err(store_error)?;
        self.connect_with(options).await
    }

    /// Connects with options that are put together in code: TLS certificates, a socket, a password from elsewhere.
    ///
    /// Sets `innodb_lock_wait_timeout` for its connections: who cannot get a row within three quarters of the
    /// [`patience`](Self::patience), in whole seconds and at least one, has certainly written nothing.
    ///
    /// # Errors
    ///
    /// `Refused` if the table name is not usable, the server does not let this account in or does not let it make what is
    /// missing, or the table is not as express-mysql-session makes it. `Unavailable` if the server cannot be reached.
    pub async fn connect_with(self, options: MySqlConnectOptions) -> Result<MysqlStore, StoreError> {
        let table = Name::parse(&self.table)?;
        let wait = (self.patience * 3 / 4).as_secs().max(1);
        let pool = pool(self.connections, self.patience)
            .after_connect(move |connection: &mut MySqlConnection, _| {
                Box::pin(async move {
                    let set = format!("SET SESSION innodb_lock_wait_timeout = {wait}");
                    connection.execute(AssertSqlSafe(set)).await.map(drop)
                })
            })
            .connect_with(options)
            .await
            .map_err(store_error)?;
        self.finish(table, pool).await
    }

    /// The store in a database that the application has opened already; makes what is missing of the table.
    ///
    /// Of this builder's options the table, the patience and the purge count. Two of the pool's own matter: an
    /// `innodb_lock_wait_timeout` (50 seconds unless it is set), and `test_before_acquire`, which costs a round trip for each verb.
    ///
    /// # Errors
    ///
    /// As [`connect_with`](Self::connect_with).
    pub async fn from_pool(self, pool: MySqlPool) -> Result<MysqlStore, StoreError> {
        let table = Name::parse(&self.table)?;
        self.finish(table, pool).await
    }

    async fn finish(self, table: Name, pool: MySqlPool) -> Result<MysqlStore, StoreError> {
        let server = Server::new(pool, self.patience);
        let limits = migrate(&mut server.lease(Limit::Unhurried).await?.connection, &table).await?;
        let store = MysqlStore(Arc::new(Inner {
            sql: Statements::new(&table),
            server,
            limits,
            purged_up_to: Mutex::default(),
            purging: Purging::new(self.purge),
        }));
        store.0.purging.start(&store.0, MysqlStore);
        Ok(store)
    }
}
