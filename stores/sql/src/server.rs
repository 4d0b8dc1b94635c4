//! One connection of a pool, for one verb, for a limited time. Shared by the databases that are servers.

use std::time::Duration;

use session_core::store::StoreError;
use sqlx::pool::{PoolConnection, PoolOptions};
use sqlx::{Connection as _, Database, Pool};
use tokio::runtime::Handle;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout, timeout_at};

use crate::error::{store_error, too_late};
use crate::outlive::begun;

/// How often a verb is begun again after the server has rolled it back in favour of another one.
const RETRIES: u32 = 5;

/// A pool, and how long a verb may take.
pub(crate) struct Server<DB: Database> {
    pool: Pool<DB>,
    patience: Duration,
}

impl<DB: Database> Server<DB> {
    pub(crate) fn new(pool: Pool<DB>, patience: Duration) -> Self {
        Self { pool, patience }
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }

    /// Waits for a connection.
    pub(crate) async fn lease(&self, limit: Limit) -> Result<Lease<DB>, StoreError> {
        let until = Instant::now() + self.patience;
        // The pool's own limit may be a longer one.
        let acquired = timeout_at(until, self.pool.acquire()).await;
        let connection = acquired.map_err(|_| too_late())?.map_err(store_error)?;
        let until = match limit {
            Limit::InTime => Some(until),
            Limit::Unhurried => None,
        };
        begun();
        Ok(Lease { connection, until, retries: 0, patience: self.patience, fate: Fate::Closes })
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

    /// The verb's answer; `None` if the server rolled the work back in favour of somebody else's, so that it is
    /// to be done again.
    ///
    /// Where the *server* did not answer, the connection is closed, so that a server that has gone away does not keep the
    /// whole pool.
    pub(crate) fn judge<T>(
        &mut self,
        done: Result<Result<T, sqlx::Error>, Elapsed>,
    ) -> Option<Result<T, StoreError>> {
        let error = match done {
            Ok(Ok(answer)) => {
                self.returns();
                return Some(Ok(answer));
            }
            Ok(Err(error)) if self.retries < RETRIES && is_rolled_back(&error) => {
                self.retries += 1;
                return None;
            }
            Ok(Err(error)) => {
                if !matches!(error, sqlx::Error::Io(_) | sqlx::Error::Protocol(_)) {
                    self.returns();
                }
                store_error(error)
            }
            Err(_) => too_late(),
        };
        Some(Err(error))
    }
}

/// Carries out a verb: leases a connection, does the work within the limit, and again if it was rolled back.
///
/// A macro, since a function would have to take a closure that returns a future which borrows the connection, and the
/// compiler cannot yet prove such a future `Send`. The work must be one transaction or begin with its only write.
macro_rules! verb {
    ($server:expr, $limit:ident, |$connection:ident| $work:block) => {{
        let mut lease = $server.lease($crate::server::Limit::$limit).await?;
        loop {
            let until = lease.until();
            let done = {
                let $connection = &mut *lease.connection;
                tokio::time::timeout_at(until, $crate::server::fallible(async { $work })).await
            };
            if let Some(answer) = lease.judge(done) {
                break answer;
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
        // The default asks the server before each use. A connection that was in use a moment ago is most likely alive.
        .test_before_acquire(false)
        .before_acquire(|connection: &mut DB::Connection, metadata| {
            Box::pin(async move {
                if metadata.idle_for >= Duration::from_secs(5) {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
}

/// Whether the server undid the work, so that doing it again is right.
fn is_rolled_back(error: &sqlx::Error) -> bool {
    // Serialization failure and deadlock; both servers use these two.
    let state = error.as_database_error().and_then(|error| error.code());
    state.is_some_and(|state| matches!(&*state, "40001" | "40P01"))
}
