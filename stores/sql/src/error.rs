//! From the client library's errors to [`StoreError`]: a code and a few fixed words, nothing that came from outside.
//!
//! A database's message may quote a value (`Key (sid)=(…) already exists`), a connection error may quote the
//! URL with its password. So no message passes; the code says enough to look the matter up.

use session_core::store::StoreError;

/// What a client library's error means for the caller.
pub(crate) fn store_error(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(error) => from_database(&*error),
        sqlx::Error::Io(error) => StoreError::unavailable(error.kind().to_string()),
        sqlx::Error::Tls(_) => StoreError::unavailable("no TLS connection could be made"),
        sqlx::Error::PoolTimedOut => StoreError::unavailable("no connection became free in time"),
        sqlx::Error::PoolClosed => StoreError::unavailable("the store has been closed"),
        sqlx::Error::WorkerCrashed => StoreError::unavailable("the connection's thread has ended"),
        sqlx::Error::Protocol(_) | sqlx::Error::BeginFailed => {
            StoreError::unavailable("the server's answer was not understood")
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => unreadable(),
        sqlx::Error::Configuration(_) => StoreError::refused("the connection options cannot be used"),
        _ => StoreError::refused("the client library refused the statement"),
    }
}

/// A column does not hold what this crate puts there.
pub(crate) fn unreadable() -> StoreError {
    StoreError::corrupt("a column does not hold what a session's column holds")
}

/// No answer within the store's patience. Whether a write was carried out is not known.
pub(crate) fn too_late() -> StoreError {
    StoreError::unavailable("the database did not answer in time")
}

/// Others were writing all the time, so nothing was written.
#[cfg(feature = "sqlite")]
pub(crate) fn no_turn() -> StoreError {
    StoreError::unavailable("other writes took too long; nothing was written")
}

fn from_database(error: &dyn sqlx::error::DatabaseError) -> StoreError {
    #[cfg(feature = "sqlite")]
    if error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
        return from_sqlite(error.code().and_then(|code| code.parse().ok()).unwrap_or(1));
    }
    StoreError::refused("the database reported an error")
}

/// By [result code](https://www.sqlite.org/rescode.html); the low byte is the primary one.
#[cfg(feature = "sqlite")]
fn from_sqlite(code: i32) -> StoreError {
    match code & 0xff {
        // BUSY, LOCKED, PROTOCOL: somebody else holds the lock. NOMEM, INTERRUPT, IOERR, CANTOPEN: may pass.
        5 | 6 | 7 | 9 | 10 | 14 | 15 => StoreError::unavailable(format!("SQLite result code {code}")),
        // A damaged file (11, 26) is not a damaged record: the whole store is out of order.
        _ => StoreError::refused(format!("SQLite result code {code}")),
    }
}

/// Whether SQLite said that somebody else holds the lock.
#[cfg(feature = "sqlite")]
pub(crate) fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<i32>().ok());
    code.is_some_and(|code| matches!(code & 0xff, 5 | 6))
}
