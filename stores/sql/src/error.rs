//! From the client library's errors to [`StoreError`]: a code and a few fixed words, nothing that came from outside.
//!
//! A database's message may quote a value (`Key (sid)=(…) already exists`), a connection error may quote the
//! URL with its password. So no message passes; the code says enough to look the matter up.

use session_core::store::StoreError;
#[cfg(feature = "sqlite")]
use session_core::store::StoreErrorKind;

/// What a client library's error means for the caller.
pub(crate) fn store_error(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(error) => from_database(&*error),
        // Also what a certificate that is not accepted is reported as.
        sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            StoreError::unavailable("the server's certificate or answer is not accepted")
        }
        sqlx::Error::Io(error) => StoreError::unavailable(error.kind().to_string()),
        sqlx::Error::Tls(_) => StoreError::unavailable("no TLS connection could be made"),
        sqlx::Error::PoolTimedOut => StoreError::unavailable("no connection became free in time"),
        sqlx::Error::PoolClosed => StoreError::unavailable("the store has been closed"),
        sqlx::Error::WorkerCrashed => StoreError::unavailable("the connection's thread has ended"),
        sqlx::Error::Protocol(_) | sqlx::Error::BeginFailed => {
            StoreError::unavailable("the server's answer was not understood")
        }
        error if is_no_record(&error) => unreadable(),
        sqlx::Error::Configuration(_) => StoreError::refused("the connection options cannot be used"),
        _ => StoreError::refused("the client library refused the statement"),
    }
}

/// Whether a row is there, and holds something that is no session record.
pub(crate) fn is_no_record(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_))
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
    StoreError::read_only("other writes took too long; nothing was written")
}

/// What an error means for who only reads: that nothing can be written is no answer to that.
#[cfg(feature = "sqlite")]
pub(crate) fn reading_error(error: sqlx::Error) -> StoreError {
    let error = store_error(error);
    match error.kind() {
        StoreErrorKind::ReadOnly => StoreError::unavailable("the database file is locked or full"),
        _ => error,
    }
}

fn from_database(error: &dyn sqlx::error::DatabaseError) -> StoreError {
    #[cfg(feature = "sqlite")]
    if error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
        return from_sqlite(error.code().and_then(|code| code.parse().ok()).unwrap_or(1));
    }
    #[cfg(feature = "postgres")]
    if error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
        return from_postgres(error.code().as_deref().unwrap_or("XX000"));
    }
    #[cfg(feature = "mysql")]
    if let Some(error) = error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        return from_mysql(error.number());
    }
    StoreError::refused("the database reported an error")
}

/// By [result code](https://www.sqlite.org/rescode.html); the low byte is the primary one.
#[cfg(feature = "sqlite")]
fn from_sqlite(code: i32) -> StoreError {
    match code & 0xff {
        // BUSY, LOCKED: somebody else holds the lock.
        5 | 6 => StoreError::read_only(format!("SQLite result code {code}: another process holds the lock")),
        // READONLY.
        8 => StoreError::read_only(format!("SQLite result code {code}: the file may only be read")),
        // FULL.
        13 => StoreError::read_only(format!("SQLite result code {code}: there is no space left")),
        // NOMEM, INTERRUPT, IOERR, CANTOPEN, PROTOCOL: may pass.
        7 | 9 | 10 | 14 | 15 => StoreError::unavailable(format!("SQLite result code {code}")),
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

/// By [SQLSTATE](https://www.postgresql.org/docs/current/errcodes-appendix.html), of which PostgreSQL sends five
/// letters and digits.
#[cfg(feature = "postgres")]
fn from_postgres(state: &str) -> StoreError {
    let (kind, what): (fn(String) -> StoreError, _) = match state {
        "25006" => (StoreError::read_only, ": the server, or the database, may only be read"),
        "53100" => (StoreError::read_only, ": the server's disk is full"),
        "55P03" => (StoreError::read_only, ": another session has locked the row"),
        "28000" | "28P01" => (
            StoreError::refused,
            ": the server does not let this account in; check the user name, the password and pg_hba.conf",
        ),
        "3D000" => (StoreError::refused, ": there is no such database; make it, or correct its name"),
        "3F000" => (StoreError::refused, ": there is no such schema; make it, or correct its name"),
        "42501" => (
            StoreError::refused,
            ": the account lacks a right; grant it SELECT, INSERT, UPDATE and DELETE on the table, and let it own the \
             table if the store is to make or change it",
        ),
        "26000" | "42P05" => (
            StoreError::refused,
            ": a prepared statement is not the connection's own; behind a pooler in transaction mode, build the store with \
             `pooler(Pooler::Transaction)`",
        ),
        // Connection, rolled back, resources, stopped or shutting down.
        _ if ["08", "40", "53", "57"].iter().any(|class| state.starts_with(class)) => {
            (StoreError::unavailable, "")
        }
        _ => (StoreError::refused, ""),
    };
    kind(format!("SQLSTATE {state}{what}"))
}

/// A column does not hold what this crate puts there, for code that speaks the client library's errors.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) fn not_a_session() -> sqlx::Error {
    sqlx::Error::Decode("not a session's column".into())
}

/// By [error number](https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html).
#[cfg(feature = "mysql")]
fn from_mysql(number: u16) -> StoreError {
    let (kind, what): (fn(String) -> StoreError, _) = match number {
        // `read_only`, a read-only transaction, InnoDB or the server in read-only mode.
        1290 | 1792 | 1836 | 1874 => (StoreError::read_only, ": the server may only be read"),
        1021 | 1114 => (StoreError::read_only, ": the server's disk, or the table, is full"),
        1205 => (StoreError::read_only, ": another session has locked the row"),
        1045 | 1698 => (
            StoreError::refused,
            ": the server does not let this account in; check the user name, the password and the account's host",
        ),
        1049 => (StoreError::refused, ": there is no such database; make it, or correct its name"),
        1044 | 1142 | 1143 => (
            StoreError::refused,
            ": the account lacks a right; grant it SELECT, INSERT, UPDATE and DELETE on the table, and CREATE, ALTER and \
             INDEX if the store is to make or change it",
        ),
        // Too many connections (1040, 1203, 1226), out of memory (1037, 1038, 1041), shutting down (1053, 1077, 1079),
        // deadlock (1213), broken off (1152, 1158 to 1161, 1184, 1317, 1927, 1969, 3024, 4031).
        1037
        | 1038
        | 1040
        | 1041
        | 1053
        | 1077
        | 1079
        | 1152
        | 1158..=1161
        | 1184
        | 1203
        | 1213
        | 1226
        | 1317
        | 1927
        | 1969
        | 3024
        | 4031 => (StoreError::unavailable, ""),
        _ => (StoreError::refused, ""),
    };
    kind(format!("MySQL error {number}{what}"))
}

/// The server's error number, if the error is the server's.
#[cfg(feature = "mysql")]
pub(crate) fn mysql_number(error: &sqlx::Error) -> Option<u16> {
    let error = error.as_database_error()?.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>()?;
    Some(error.number())
}
