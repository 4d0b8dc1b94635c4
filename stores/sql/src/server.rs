//! One connection of a pool, for one verb, for a limited time. Shared by the databases that are servers.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use session_core::store::StoreError;
use sqlx::pool::{PoolConnection, PoolOptions};
use sqlx::{ConnectOptions as _, Connection, Database, Pool};
use tokio::runtime::Handle;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout, timeout_at};

use crate::error::{store_error, too_late};
use crate::health::{Advice, Health};
use crate::outcome::{is_broken, is_not_carried_out, is_rolled_back, is_stale, is_unprepared};
use crate::outlive::begun;

/// How often a verb is begun again: after the server has rolled it back in favour of another one, or on a new connection.
const RETRIES: u32 = 5;

type Options<DB> = <<DB as Database>::Connection as Connection>::Options;

/// A pool, and how long a verb may take.
pub(crate) struct Server<DB: Database> {
    pool: OnceLock<Pool<DB>>,
    /// How the pool is made, unless the application has made it.
    plan: Option<(PoolOptions<DB>, Options<DB>)>,
    patience: Duration,
    health: Arc<Health>,
    /// Whether the pool asks connections of which there is doubt.
    is_watched: bool,
}

impl<DB: Database> Server<DB> {
    /// With a pool of the application's own.
    pub(crate) fn new(pool: Pool<DB>, patience: Duration) -> Self {
        Self { is_watched: false, ..Self::watching(pool, patience, Arc::default()) }
    }

    /// With a pool whose options were [`watched`].
    pub(crate) fn watching(pool: Pool<DB>, patience: Duration, health: Arc<Health>) -> Self {
        Self { pool: pool.into(), plan: None, patience, health, is_watched: true }
    }

    /// With a pool that is made at its first use, since that takes a runtime. `options` are made by [`pool`].
    pub(crate) fn lazy(options: PoolOptions<DB>, server: Options<DB>, patience: Duration) -> Self {
        let health = Arc::<Health>::default();
        let options = watched(options, &health);
        Self { pool: OnceLock::new(), plan: Some((options, server)), patience, health, is_watched: true }
    }

    fn pool(&self) -> Result<&Pool<DB>, StoreError> {
        match (self.pool.get(), &self.plan) {
            (Some(pool), _) => Ok(pool),
            (None, Some((options, server))) => {
                Ok(self.pool.get_or_init(|| options.clone().connect_lazy_with(server.clone())))
            }
            (None, None) => Err(StoreError::unavailable("the store has no connections")),
        }
    }

    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    pub(crate) async fn close(&self) {
        if let Ok(pool) = self.pool() {
            pool.close().await;
        }
    }

    #[cfg(feature = "mysql")]
    pub(crate) async fn probe(&self) -> Result<(), StoreError> {
        match &self.plan {
            Some((_, server)) => probe::<DB>(server, self.patience).await.map_err(store_error),
            None => Ok(()),
        }
    }

    /// Waits for a connection.
    pub(crate) async fn lease(&self, limit: Limit) -> Result<Lease<DB>, StoreError> {
        let until = Instant::now() + self.patience;
        // A pool of the application's own does not know of the doubt.
        let mut lease = if !self.is_watched && self.health.is_doubtful() {
            self.acquire_alive(until).await?
        } else {
            self.acquire(until).await?
        };
        lease.until = match limit {
            Limit::InTime => Some(until),
            Limit::Unhurried => None,
        };
        begun();
        Ok(lease)
    }

    async fn acquire(&self, until: Instant) -> Result<Lease<DB>, StoreError> {
        // The pool's own limit may be a longer one.
        let acquired = timeout_at(until, self.pool()?.acquire()).await;
        let connection = acquired.map_err(|_| too_late())?.map_err(store_error)?;
        let (patience, health) = (self.patience, Arc::clone(&self.health));
        Ok(Lease { connection, until: Some(until), retries: 0, patience, fate: Fate::Closes, health })
    }

    /// Another connection for the same verb, one that is known to be alive.
    pub(crate) async fn renew(&self, lease: Lease<DB>) -> Result<Lease<DB>, StoreError> {
        let (until, retries) = (lease.until, lease.retries);
        // Its place in the pool is free only when it is closed.
        drop(lease);
        let limit = until.unwrap_or_else(|| Instant::now() + self.patience);
        let mut lease = self.acquire_alive(limit).await?;
        (lease.until, lease.retries) = (until, retries);
        Ok(lease)
    }

    /// Waits for a connection that answers.
    async fn acquire_alive(&self, until: Instant) -> Result<Lease<DB>, StoreError> {
        loop {
            let mut lease = self.acquire(until).await?;
            let pong = timeout_at(until, lease.connection.ping()).await;
            if let Ok(Ok(())) = pong {
                return Ok(lease);
            }
            if pong.is_err() {
                return Err(too_late());
            }
        }
    }
}

/// What the patience is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Limit {
    /// The whole verb.
    InTime,
    /// The wait for a connection, and not the work, which grows with the table.
    Unhurried,
}

/// A connection for one verb.
///
/// It is closed unless the verb was carried out to its end. A verb that is dropped in its work (the runtime ends, a caller
/// leaves a walk over the table) leaves a connection that nobody can vouch for: there may be a transaction that the
/// client library does not know of, or an answer that it would take for the next one's.
pub(crate) struct Lease<DB: Database> {
    pub(crate) connection: PoolConnection<DB>,
    until: Option<Instant>,
    retries: u32,
    patience: Duration,
    fate: Fate,
    health: Arc<Health>,
}

/// What a verb does besides reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing, or what may as well be done twice.
    Reads,
    /// A change that must not be made twice.
    Writes,
}

/// What follows when the work has ended.
pub(crate) enum Verdict<T> {
    Answer(Result<T, StoreError>),
    /// The work is to be done again.
    Again,
    /// The work is to be done again, and on another connection.
    Renew,
}

/// What becomes of a connection after its verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Returns,
    Closes,
}

impl<DB: Database> Drop for Lease<DB> {
    /// Gives the connection back, or closes it.
    ///
    /// The pool asks the server whether a connection that comes back still works, and by itself it would wait for the answer
    /// without end: a server that goes silent at that moment would have taken a place in the pool for good.
    fn drop(&mut self) {
        match (self.fate, Handle::try_current()) {
            (Fate::Closes, _) => self.connection.close_on_drop(),
            (Fate::Returns, Ok(runtime)) => {
                runtime.spawn(timeout(self.patience, self.connection.return_to_pool()));
            }
            // Without a runtime nobody can be asked; the pool does then what it does.
            (Fate::Returns, Err(_)) => {}
        }
    }
}

impl<DB: Database> Lease<DB> {
    /// When the work that begins now has to be done.
    pub(crate) fn until(&self) -> Instant {
        // A year is what tokio takes for never.
        self.until.unwrap_or_else(|| Instant::now() + Duration::from_secs(365 * 86_400))
    }

    /// The work is done, and the connection as it was before.
    pub(crate) fn returns(&mut self) {
        self.fate = Fate::Returns;
    }

    /// What follows from the outcome of the work.
    ///
    /// It is done again on the same connection if the server rolled it back in favour of somebody else's, and on another one if
    /// this one turned out to be dead and doing it again can do no harm: it only reads, or has certainly not been carried out.
    ///
    /// Where the *server* did not answer, the connection is closed, so that a server that has gone away does not keep the
    /// whole pool.
    pub(crate) fn judge<T>(
        &mut self,
        effect: Effect,
        done: Result<Result<T, sqlx::Error>, Elapsed>,
    ) -> Verdict<T> {
        let error = match done {
            Ok(Ok(answer)) => {
                self.returns();
                return Verdict::Answer(Ok(answer));
            }
            Ok(Err(error)) => error,
            Err(_) => return Verdict::Answer(Err(too_late())),
        };
        let is_dead = is_broken(&error);
        if is_dead {
            self.health.found_dead();
        }
        // No server has carried out what it could not read the statement of, or what it may not write.
        let is_unfit = is_unprepared(&error) || (is_stale(&error) && self.health.found_stale());
        let harmless = is_unfit || (is_dead && (effect == Effect::Reads || is_not_carried_out(&error)));
        let rolled_back = is_rolled_back(&error);
        if self.retries == RETRIES || !(harmless || rolled_back) {
            if !is_dead && !is_unfit {
                self.returns();
            }
            return Verdict::Answer(Err(store_error(error)));
        }
        self.retries += 1;
        if rolled_back { Verdict::Again } else { Verdict::Renew }
    }
}

/// Carries out a verb: leases a connection, does the work within the limit, and again if it was rolled back.
///
/// A macro, since a function would have to take a closure that returns a future which borrows the connection, and the
/// compiler cannot yet prove such a future `Send`. The work must be one transaction or begin with its only write, or be
/// marked as one that `Reads`.
macro_rules! verb {
    ($server:expr, $limit:ident, |$connection:ident| $work:block) => {
        $crate::server::verb!(Writes, $server, $limit, |$connection| $work)
    };
    ($effect:ident, $server:expr, $limit:ident, |$connection:ident| $work:block) => {{
        let server = $server.await?;
        let mut lease = server.lease($crate::server::Limit::$limit).await?;
        loop {
            let until = lease.until();
            let done = {
                let $connection = &mut *lease.connection;
                tokio::time::timeout_at(until, $crate::server::fallible(async { $work })).await
            };
            match lease.judge($crate::server::Effect::$effect, done) {
                $crate::server::Verdict::Answer(answer) => break answer,
                $crate::server::Verdict::Again => {}
                $crate::server::Verdict::Renew => lease = server.renew(lease).await?,
            }
        }
    }};
}
pub(crate) use verb;

/// Tells the compiler what an `async` block fails with.
pub(crate) async fn fallible<T>(
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    work.await
}

/// Pool options that cost no round trip where none is needed.
pub(crate) fn pool<DB: Database>(connections: u32, patience: Duration) -> PoolOptions<DB> {
    PoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(patience)
        // The default asks the server before each use; see `health.rs`.
        .test_before_acquire(false)
}

/// Lets the pool ask connections of which there is doubt, and replace those that lead to a server which takes no writes.
pub(crate) fn watched<DB: Database>(options: PoolOptions<DB>, health: &Arc<Health>) -> PoolOptions<DB> {
    let health = Arc::clone(health);
    options.before_acquire(move |connection: &mut DB::Connection, metadata| {
        let advice = health.advice(metadata.age, metadata.idle_for);
        Box::pin(async move {
            match advice {
                Advice::Use => Ok(true),
                Advice::Ask => connection.ping().await.map(|()| true),
                Advice::Replace => Ok(false),
            }
        })
    })
}

/// Asks the server for a connection once, and does not keep it: a pool would go on asking a server that is not there for as
/// long as it may.
pub(crate) async fn probe<DB: Database>(server: &Options<DB>, patience: Duration) -> Result<(), sqlx::Error> {
    let probe = async { server.connect().await?.close().await };
    timeout(patience, probe).await.map_err(|_| sqlx::Error::PoolTimedOut)?
}
