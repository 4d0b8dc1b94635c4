//! Options of a [`PostgresStore`], and the ways to open one.

use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use session_core::store::StoreError;
use sqlx::postgres::PgConnectOptions;
use sqlx::{PgPool, Postgres};

use super::pooler::{Pooler, is_shared, refuses_a_parameter, without_state};
use super::schema::{Statements, Table, migrate};
use super::statement::Way;
use super::{Inner, Opened, PostgresStore};
use crate::error::store_error;
use crate::extending::Extending;
use crate::health::Health;
use crate::lazy::Lazy;
use crate::name::Name;
use crate::server::{Limit, Server, pool, probe, watched};

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
    pooler: Pooler,
}

impl Default for PostgresBuilder {
    fn default() -> Self {
        Self {
            schema: None,
            table: "session".to_owned(),
            connections: 10,
            patience: Duration::from_secs(2),
            pooler: Pooler::default(),
        }
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

    /// What is between the store and the server; found out unless it is set.
    ///
    /// See [PgBouncer and its like](super#pgbouncer-and-its-like). Set it where a pooler is so busy that the store could miss
    /// it, and to [`Session`](Pooler::Session) to do without the question.
    pub fn pooler(mut self, pooler: Pooler) -> Self {
        self.pooler = pooler;
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
    /// Sets `lock_timeout` for its connections, or in each statement where a [pooler](Self::pooler) shares them: who cannot get
    /// a row within three quarters of the [`patience`](Self::patience) has certainly written nothing.
    ///
    /// # Errors
    ///
    /// `Refused` if a name is not usable, the server does not let this account in or does not let it make what is missing,
    /// the table is not as connect-pg-simple makes it, or a pooler does not know an option of the URL. `Unavailable` if the
    /// server cannot be reached.
    pub async fn connect_with(self, options: PgConnectOptions) -> Result<PostgresStore, StoreError> {
        let store = self.connect_lazy_with(options)?;
        if let Some(plan) = &store.0.plan {
            store.0.opened.set(plan.clone().open().await?);
        }
        Ok(store)
    }

    /// As [`connect_lazy`](Self::connect_lazy), with options that are put together in code.
    ///
    /// # Errors
    ///
    /// `Refused` if a name is not usable.
    pub fn connect_lazy_with(self, options: PgConnectOptions) -> Result<PostgresStore, StoreError> {
        let table = self.place()?;
        let store =
            Self::finish(&table, self.patience, Some(Plan { builder: self, table: table.clone(), options }));
        Ok(store)
    }

    /// The store in a database that the application has opened already; makes what is missing of the table.
    ///
    /// Of this builder's options the table, the schema, the patience and the [pooler](Self::pooler) count. Two of the pool's
    /// own matter: a `lock_timeout`, and `test_before_acquire`, which costs a round trip for each verb.
    ///
    /// Behind a pooler in transaction mode, statements hold their values, and sqlx may write statements to the log. So there
    /// this wants to be told [`Pooler::Transaction`], and a pool whose options have
    /// [`disable_statement_logging`](sqlx::ConnectOptions::disable_statement_logging).
    ///
    /// # Errors
    ///
    /// As [`connect_with`](Self::connect_with), and `Refused` if a pooler in transaction mode is found.
    pub async fn from_pool(self, pool: PgPool) -> Result<PostgresStore, StoreError> {
        let table = self.place()?;
        let way = match self.pooler {
            Pooler::Transaction => self.whole(),
            Pooler::Session => Way::Prepared,
            Pooler::Detect if self.shares(&pool).await? => {
                return Err(StoreError::refused(
                    "the pool's connections go through a pooler in transaction mode: let the store connect by itself, or \
                     build it with `pooler(Pooler::Transaction)` and the pool with `disable_statement_logging()`",
                ));
            }
            Pooler::Detect => Way::Prepared,
        };
        let opened = Opened::new(Server::new(pool, self.patience), way, &table).await?;
        let store = Self::finish(&table, self.patience, None);
        store.0.opened.set(opened);
        Ok(store)
    }

    fn place(&self) -> Result<Table, StoreError> {
        Ok(Table {
            schema: self.schema.as_deref().map(Name::parse).transpose()?,
            name: Name::parse(&self.table)?,
        })
    }

    /// A pool of connections, and how statements are sent over them.
    async fn open(
        &self,
        options: PgConnectOptions,
        health: &Arc<Health>,
    ) -> Result<(PgPool, Way), StoreError> {
        let lock_timeout = format!("{}ms", self.lock_timeout().as_millis());
        // Poolers know neither of the two by themselves. Nothing here has digits behind a point.
        let plain = options.extra_float_digits(None);
        let with_state = plain.clone().options([("lock_timeout", lock_timeout)]);
        let pool = || watched(pool(self.connections, self.patience), health);
        if self.pooler != Pooler::Transaction {
            match pool().connect_with(with_state).await {
                Ok(pool) if self.pooler == Pooler::Detect && self.shares(&pool).await? => pool.close().await,
                Ok(pool) => return Ok((pool, Way::Prepared)),
                Err(error) if self.pooler == Pooler::Detect && refuses_a_parameter(&error) => {}
                Err(error) => return Err(cannot_connect(error)),
            }
            tracing::info!("a pooler shares the connections to PostgreSQL; no prepared statements are used");
        }
        let pool = pool().connect_with(without_state(plain)).await.map_err(cannot_connect)?;
        Ok((pool, self.whole()))
    }

    async fn shares(&self, pool: &PgPool) -> Result<bool, StoreError> {
        let answer = tokio::time::timeout(self.patience, is_shared(pool)).await;
        answer.map_err(|_| {
            StoreError::unavailable(
                "no second connection answered in time, so a pooler cannot be told from none; build the store with \
                 `pooler(…)` if that is as it should be",
            )
        })?
        .map_err(cannot_connect)
    }

    fn lock_timeout(&self) -> Duration {
        self.patience * 3 / 4
    }

    fn whole(&self) -> Way {
        Way::Whole { lock_timeout: self.lock_timeout() }
    }

    fn finish(table: &Table, patience: Duration, plan: Option<Plan>) -> PostgresStore {
        PostgresStore(Arc::new(Inner {
            sql: Statements::new(table),
            opened: Lazy::default(),
            plan,
            patience,
            extending: Extending::default(),
            purged_up_to: AtomicI64::new(0),
        }))
    }
}

fn options(url: &str) -> Result<PgConnectOptions, StoreError> {
    PgConnectOptions::from_str(url).map_err(store_error)
}

/// How a server is reached.
#[derive(Clone)]
pub(super) struct Plan {
    builder: PostgresBuilder,
    table: Table,
    options: PgConnectOptions,
}

impl Plan {
    /// Finds out at once, and not at the end of the patience, if nobody listens there.
    pub(super) async fn probe(&self) -> Result<(), StoreError> {
        // Without the options that a pooler may not know.
        let options = self.options.clone().extra_float_digits(None);
        match probe::<Postgres>(&options, self.builder.patience).await {
            Err(error) if !refuses_a_parameter(&error) => Err(store_error(error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Connects, and makes what is missing of the table.
    pub(super) async fn open(self) -> Result<Arc<Opened>, StoreError> {
        let health = Arc::<Health>::default();
        let (pool, way) = self.builder.open(self.options, &health).await?;
        Opened::new(Server::watching(pool, self.builder.patience, health), way, &self.table).await
    }
}

impl Opened {
    /// Makes what is missing of the table.
    async fn new(server: Server<Postgres>, way: Way, table: &Table) -> Result<Arc<Self>, StoreError> {
        let mut lease = server.lease(Limit::Unhurried).await?;
        migrate(&mut lease.connection, table, way).await?;
        lease.returns();
        drop(lease);
        Ok(Arc::new(Self { server, way }))
    }
}

fn cannot_connect(error: sqlx::Error) -> StoreError {
    if refuses_a_parameter(&error) {
        return StoreError::refused(
            "SQLSTATE 08P01: a pooler does not know an option that the connection begins with; leave `options` out of the \
             URL, build the store with `pooler(Pooler::Transaction)`, or set the pooler's `ignore_startup_parameters`",
        );
    }
    store_error(error)
}
