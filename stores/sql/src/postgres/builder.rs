//! Options of a [`PostgresStore`], and the ways to open one.

use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use session_core::store::StoreError;
use sqlx::postgres::PgConnectOptions;
use sqlx::{PgPool, Postgres};

use super::schema::{Statements, Table};
use super::{Inner, PostgresStore};
use crate::error::store_error;
use crate::extending::Extending;
use crate::lazy::Lazy;
use crate::name::Name;
use crate::server::{Server, pool};

/// Options of a [`PostgresStore`]; made by [`PostgresStore::builder`].
///
/// ```no_run
/// # async fn example() -> Result<(), session_core::store::StoreError> {
/// use std::time::Duration;
/// use session_store_sql::PostgresStore;
///
/// let store = PostgresStore::builder()
///     .schema("web")
///     .table("admin_session")
///     .connections(20)
///     .patience(Duration::from_secs(1))
///     .connect("postgres://app:secret@db.example.com/app?sslmode=verify-full")
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct PostgresBuilder {
    schema: Option<String>,
    table: String,
    connections: u32,
    patience: Duration,
}

impl Default for PostgresBuilder {
    fn default() -> Self {
        Self { schema: None, table: "session".to_owned(), connections: 10, patience: Duration::from_secs(2) }
    }
}

impl PostgresBuilder {
    /// The table that holds the sessions: connect-pg-simple's `tableName`; `session` unless it is set.
    ///
    /// 1 to 48 ASCII letters, digits and underscores, not beginning with a digit or `pg_`. Capitals count.
    pub fn table(mut self, name: impl Into<String>) -> Self {
        self.table = name.into();
        self
    }

    /// The schema of the table: connect-pg-simple's `schemaName`; the search path's unless it is set. It must exist.
    pub fn schema(mut self, name: impl Into<String>) -> Self {
        self.schema = Some(name.into());
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

    /// Connects to the server at this [URL](PgConnectOptions#connection-string), and makes what is missing of the table.
    ///
    /// # Errors
    ///
    /// As [`connect_with`](Self::connect_with), and `Refused` if the URL cannot be read.
    pub async fn connect(self, url: &str) -> Result<PostgresStore, StoreError> {
        self.connect_with(options(url)?).await
    }

    /// A store at this [URL](PgConnectOptions#connection-string) that connects at its first use: for a server that may start after this process.
    ///
    /// What is missing of the table is made at the first use, too, and both are tried again at later ones until they succeed.
    /// Until then every verb answers [`Unavailable`](session_core::store::StoreErrorKind::Unavailable), at once if nobody
    /// listens there, or [`Refused`](session_core::store::StoreErrorKind::Refused) if the server answers and somebody must act:
    /// a wrong password, a missing right. After a failure the server is left alone for a tenth of a second, after a refusal for a
    /// second; however many ask, one connection is tried at a time.
    ///
    /// ```
    /// # fn example() -> Result<(), session_core::store::StoreError> {
    /// use session_store_sql::PostgresStore;
    ///
    /// let store = PostgresStore::builder().table("web").connect_lazy("postgres://app:secret@db.example.com/app")?;
    /// # Ok(())
    /// # }
    /// # example().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// `Refused` for what can never work: a name that is not usable, a URL that cannot be read.
    pub fn connect_lazy(self, url: &str) -> Result<PostgresStore, StoreError> {
        self.connect_lazy_with(options(url)?)
    }

    /// Connects with options that are put together in code: TLS certificates, a socket, a password from elsewhere.
    ///
    /// Sets `lock_timeout` for its connections, by a startup option: who cannot get a row within three quarters of the
    /// [`patience`](Self::patience) has certainly written nothing. PgBouncer must be told to pass `options` or to
    /// ignore it; or use [`from_pool`](Self::from_pool).
    ///
    /// # Errors
    ///
    /// `Refused` if a name is not usable, the server does not let this account in or does not let it make what is missing,
    /// or the table is not as connect-pg-simple makes it. `Unavailable` if the server cannot be reached.
    pub async fn connect_with(self, options: PgConnectOptions) -> Result<PostgresStore, StoreError> {
        self.connect_lazy_with(options)?.made().await
    }

    /// As [`connect_lazy`](Self::connect_lazy), with options that are put together in code.
    ///
    /// # Errors
    ///
    /// `Refused` if a name is not usable.
    pub fn connect_lazy_with(self, options: PgConnectOptions) -> Result<PostgresStore, StoreError> {
        let table = self.place()?;
        let wait = self.patience * 3 / 4;
        let options = options.options([("lock_timeout", format!("{}ms", wait.as_millis()))]);
        let server = Server::lazy(pool(self.connections, self.patience), options, self.patience);
        Ok(Self::finish(table, server))
    }

    /// The store in a database that the application has opened already; makes what is missing of the table.
    ///
    /// Of this builder's options the table, the schema and the patience count. Two of the pool's own matter: a
    /// `lock_timeout`, and `test_before_acquire`, which costs a round trip for each verb.
    ///
    /// # Errors
    ///
    /// As [`connect_with`](Self::connect_with).
    pub async fn from_pool(self, pool: PgPool) -> Result<PostgresStore, StoreError> {
        let table = self.place()?;
        Self::finish(table, Server::new(pool, self.patience)).made().await
    }

    fn place(&self) -> Result<Table, StoreError> {
        Ok(Table {
            schema: self.schema.as_deref().map(Name::parse).transpose()?,
            name: Name::parse(&self.table)?,
        })
    }

    fn finish(table: Table, server: Server<Postgres>) -> PostgresStore {
        PostgresStore(Arc::new(Inner {
            sql: Statements::new(&table),
            server,
            table,
            ready: Lazy::default(),
            extending: Extending::default(),
            purged_up_to: AtomicI64::new(0),
        }))
    }
}

fn options(url: &str) -> Result<PgConnectOptions, StoreError> {
    PgConnectOptions::from_str(url).map_err(store_error)
}

impl PostgresStore {
    /// The store, when it has connected and the table is there.
    async fn made(self) -> Result<Self, StoreError> {
        self.prepare().await?;
        self.0.ready.set(());
        Ok(self)
    }
}
