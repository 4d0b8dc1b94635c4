//! What an error says about the connection it came on, and about the work that was under way.

use sqlx::Error;
use sqlx::error::DatabaseError;

/// Whether the connection has come to its end.
pub(crate) fn is_broken(error: &Error) -> bool {
    match error {
        Error::Io(_) | Error::Protocol(_) => true,
        Error::AnyDriverError(error) => error.is::<NotBegun>(),
        Error::Database(error) => says_goodbye(&**error),
        _ => false,
    }
}

/// Whether the work has certainly not been carried out though its connection is dead, so that doing it again cannot do it twice.
///
/// A connection that merely ends says nothing: the server may have done the work and died before it could say so.
pub(crate) fn is_not_carried_out(error: &Error) -> bool {
    match error {
        Error::AnyDriverError(error) => error.is::<NotBegun>(),
        // The other side had closed the connection before all of the statement was sent.
        Error::Io(error) => error.kind() == std::io::ErrorKind::BrokenPipe,
        Error::Database(error) => is_farewell(&**error),
        _ => false,
    }
}

/// A transaction that could not be begun.
#[derive(Debug)]
struct NotBegun;

impl std::fmt::Display for NotBegun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection ended before the transaction had begun")
    }
}

impl std::error::Error for NotBegun {}

/// Says of the error with which `BEGIN` failed that nothing has been done.
#[cfg(feature = "mysql")]
pub(crate) fn not_begun(error: Error) -> Error {
    if is_broken(&error) { Error::AnyDriverError(Box::new(NotBegun)) } else { error }
}

/// Whether the server closes the connection after this error.
fn says_goodbye(error: &dyn DatabaseError) -> bool {
    #[cfg(feature = "postgres")]
    if let Some(error) = error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>() {
        use sqlx::postgres::PgSeverity::{Fatal, Panic};
        return matches!(error.severity(), Fatal | Panic);
    }
    #[cfg(feature = "mysql")]
    if let Some(error) = error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        // Shutting down, a packet that could not be read or written, killed, idle for too long.
        return matches!(error.number(), 1053 | 1152 | 1158..=1161 | 1184 | 1927 | 4031);
    }
    let _ = error;
    false
}

/// Whether these are the words with which the server itself ends a connection between two statements, or in a statement that it
/// has undone. PostgreSQL says the same after a commit that it could not announce any more; then an answer to the statement
/// came before them, and `postgres::statement` does not let them pass.
///
/// Proxies use the same codes for a server that they have lost sight of, which may have carried out the statement. What is
/// particular to the server's own words tells them apart.
fn is_farewell(error: &dyn DatabaseError) -> bool {
    #[cfg(feature = "postgres")]
    if let Some(error) = error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>() {
        // Ended by an administrator or at a shutdown, and idle for too long.
        return matches!(error.code(), "57P01" | "57P05") && error.routine() == Some("ProcessInterrupts");
    }
    #[cfg(feature = "mysql")]
    if let Some(error) = error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        // Idle for too long. "Killed" (1927) may be said after a commit, so it proves nothing.
        return error.number() == 4031;
    }
    let _ = error;
    false
}

/// Whether the server takes no writes, which may mean that the address leads to another one by now.
pub(crate) fn is_stale(error: &Error) -> bool {
    let Error::Database(error) = error else { return false };
    #[cfg(feature = "mysql")]
    if let Some(error) = error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        return matches!(error.number(), 1290 | 1792 | 1836 | 1874);
    }
    error.code().as_deref() == Some("25006")
}

/// Whether the statement was prepared for a table that has changed since: a new connection prepares it anew.
pub(crate) fn is_unprepared(error: &Error) -> bool {
    let Error::Database(error) = error else { return false };
    #[cfg(feature = "mysql")]
    if let Some(error) = error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        return error.number() == 1615;
    }
    #[cfg(feature = "postgres")]
    if let Some(error) = error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>() {
        return error.code() == "0A000" && error.routine() == Some("RevalidateCachedQuery");
    }
    false
}

/// Whether the server undid the work, so that doing it again is right.
pub(crate) fn is_rolled_back(error: &Error) -> bool {
    // Serialization failure and deadlock; both servers use these two.
    let state = error.as_database_error().and_then(|error| error.code());
    state.is_some_and(|state| matches!(&*state, "40001" | "40P01"))
}
