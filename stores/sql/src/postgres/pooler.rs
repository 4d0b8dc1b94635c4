//! What is between the store and the server: found out when the store connects, or told by the application.

use std::collections::BTreeSet;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _, Error, PgPool, Row as _, raw_sql};

/// What is between the store and the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Pooler {
    /// The store finds it out when it connects: two of its connections that meet in one of the server's are pooled.
    #[default]
    Detect,
    /// Nothing, or a pooler that keeps a server's connection for each of its clients (session mode), or one that knows
    /// about prepared statements (PgBouncer from 1.21 on, with `max_prepared_statements` set).
    Session,
    /// A pooler that gives each transaction, or each statement, to any of its connections to the server.
    ///
    /// No prepared statement is used, and nothing is expected of a connection: each statement is one text that holds
    /// its values and its `lock_timeout`. That is one round trip, too; the server has to plan the statement each time.
    Transaction,
}

/// How often the two connections are compared. A busy pooler may give them different ones by chance.
const ROUNDS: u32 = 6;

/// Whether a pooler gives statements of one connection to several of the server's, or of several to one.
pub(super) async fn is_shared(pool: &PgPool) -> Result<bool, Error> {
    let mut one = pool.acquire().await?;
    let mut other = pool.connect_options().connect().await?;
    let (mut of_one, mut of_other) = (BTreeSet::new(), BTreeSet::new());
    let mut found = false;
    for round in 0..ROUNDS {
        // Not strictly in turn, or a pooler that gives its connections in turn would look like none.
        if round % 2 == 0 {
            of_one.insert(process(&mut one).await?);
            of_other.insert(process(&mut other).await?);
        } else {
            of_other.insert(process(&mut other).await?);
            of_one.insert(process(&mut one).await?);
        }
        found = of_one.len() > 1 || of_other.len() > 1 || !of_one.is_disjoint(&of_other);
        if found {
            break;
        }
    }
    other.close().await?;
    Ok(found)
}

/// The number of the server's process that answers.
async fn process(connection: &mut PgConnection) -> Result<i32, Error> {
    raw_sql("SELECT pg_backend_pid()").fetch_one(connection).await?.try_get(0)
}

/// Options for connections of which nothing may be expected.
///
/// Statements hold their values, and the client library would write them to the log.
pub(super) fn without_state(options: PgConnectOptions) -> PgConnectOptions {
    options.disable_statement_logging()
}

/// Whether this is a pooler's answer to a startup parameter that it does not know.
pub(super) fn refuses_a_parameter(error: &Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == "08P01")
}
