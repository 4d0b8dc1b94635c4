//! The table, its statements, and how the table comes into being.

use std::fmt::Display;

use session_core::store::StoreError;
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqlSafeStr as _, SqlStr};

use crate::error::store_error;
use crate::name::Name;

/// Every statement that is sent, with the table's name in its place. Cloning one copies a pointer.
#[derive(Debug)]
pub(super) struct Statements {
    pub(super) load: SqlStr,
    pub(super) extend: SqlStr,
    pub(super) create: SqlStr,
    pub(super) update: SqlStr,
    pub(super) touch: SqlStr,
    pub(super) delete: SqlStr,
    pub(super) sessions_of: SqlStr,
    pub(super) revoke: SqlStr,
    pub(super) count: SqlStr,
    pub(super) page: SqlStr,
    pub(super) clear: SqlStr,
    pub(super) scan: SqlStr,
    pub(super) purge: SqlStr,
}

impl Statements {
    pub(super) fn new(table: &Name) -> Self {
        let table = table.as_str();
        Self {
            load: sql(format_args!(
                r#"SELECT payload, expires_at, version, owner FROM "{table}" WHERE key = ?1 AND expires_at > ?2"#
            )),
            // Bound to the version and the expiry that were read: a record that changed meanwhile is left alone.
            extend: sql(format_args!(
                r#"UPDATE "{table}" SET expires_at = ?1 WHERE key = ?2 AND version = ?3 AND expires_at = ?4"#
            )),
            // An expired record that no purge has met yet does not keep its key from being used.
            create: sql(format_args!(
                r#"INSERT INTO "{table}" (key, payload, expires_at, version, owner) VALUES (?1, ?2, ?3, ?4, ?5)
                   ON CONFLICT (key) DO UPDATE SET payload = excluded.payload, expires_at = excluded.expires_at,
                   version = excluded.version, owner = excluded.owner WHERE expires_at <= ?6"#
            )),
            update: sql(format_args!(
                r#"UPDATE "{table}" SET payload = ?1, expires_at = ?2, version = ?3, owner = ?4
                   WHERE key = ?5 AND expires_at > ?6 AND (?7 IS NULL OR version = ?7)"#
            )),
            touch: sql(format_args!(
                r#"UPDATE "{table}" SET expires_at = ?1
                   WHERE key = ?2 AND expires_at > ?3 AND (?4 IS NULL OR version = ?4)"#
            )),
            delete: sql(format_args!(
                r#"DELETE FROM "{table}" WHERE key = ?1 AND expires_at > ?2 AND (?3 IS NULL OR version = ?3)"#
            )),
            sessions_of: sql(format_args!(
                r#"SELECT payload, expires_at, version, owner, key FROM "{table}"
                   WHERE owner = ?1 AND expires_at > ?2"#
            )),
            revoke: sql(format_args!(
                r#"DELETE FROM "{table}" WHERE owner = ?1 AND (?2 IS NULL OR key <> ?2)"#
            )),
            count: sql(format_args!(r#"SELECT count(*) FROM "{table}" WHERE expires_at > ?1"#)),
            page: sql(format_args!(
                r#"SELECT payload, expires_at, version, owner, key FROM "{table}"
                   WHERE key > ?1 AND expires_at > ?2 ORDER BY key LIMIT ?3"#
            )),
            clear: sql(format_args!(r#"DELETE FROM "{table}""#)),
            // The next stretch of rows: where it ends, and how many of them have expired.
            scan: sql(format_args!(
                r#"SELECT max(id), sum(expires_at <= ?1) FROM
                   (SELECT rowid AS id, expires_at FROM "{table}" WHERE rowid > ?2 ORDER BY rowid LIMIT ?3)"#
            )),
            purge: sql(format_args!(
                r#"DELETE FROM "{table}" WHERE rowid IN (SELECT rowid FROM "{table}"
                   WHERE rowid > ?1 AND rowid <= ?2 AND expires_at <= ?3 ORDER BY rowid LIMIT ?4)"#
            )),
        }
    }
}

/// The one place where SQL is put together: `text` holds no value but a [`Name`].
fn sql(text: impl Display) -> SqlStr {
    AssertSqlSafe(text.to_string()).into_sql_str()
}

/// The columns that every version of this crate has had.
const FIRST: [&str; 4] = ["key", "payload", "expires_at", "version"];

/// Makes the table and its index where they are missing, adds columns that an older version did not make.
///
/// Looks first and takes the write lock only if there is something to do, so that a start neither waits for other
/// writers nor needs to write. What is to be done is done in one transaction that holds the lock from
/// its beginning: of two servers that start at once, one does it and the other finds it done.
pub(super) async fn migrate(pool: &SqlitePool, table: &Name) -> Result<(), StoreError> {
    let mut connection = pool.acquire().await.map_err(store_error)?;
    if state(&mut connection, table).await? == State::Current {
        return Ok(());
    }
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await.map_err(store_error)?;
    let name = table.as_str();
    let statements: &[SqlStr] = match state(&mut tx, table).await? {
        State::Current => &[],
        State::Missing => &[create_table(name), create_index(name)],
        State::NoOwner => {
            &[sql(format_args!(r#"ALTER TABLE "{name}" ADD COLUMN owner TEXT"#)), create_index(name)]
        }
        State::NoIndex => &[create_index(name)],
        State::Foreign => {
            return Err(StoreError::refused(
                "there is a table of this name that is no table of sessions; choose another table name",
            ));
        }
    };
    for statement in statements {
        sqlx::query(statement.clone()).execute(&mut *tx).await.map_err(store_error)?;
    }
    tx.commit().await.map_err(store_error)
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Current,
    Missing,
    NoOwner,
    NoIndex,
    Foreign,
}

async fn state(connection: &mut SqliteConnection, table: &Name) -> Result<State, StoreError> {
    let columns = sqlx::query("SELECT name FROM pragma_table_info(?1)")
        .bind(table.as_str())
        .fetch_all(&mut *connection)
        .await
        .map_err(store_error)?;
    let columns: Vec<String> =
        columns.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().map_err(store_error)?;
    let has = |name: &str| columns.iter().any(|column| column == name);
    if columns.is_empty() {
        return Ok(State::Missing);
    }
    if !FIRST.into_iter().all(has) {
        return Ok(State::Foreign);
    }
    if !has("owner") {
        return Ok(State::NoOwner);
    }
    let index = sqlx::query("SELECT 1 FROM sqlite_schema WHERE type = 'index' AND lower(name) = lower(?1)")
        .bind(index_name(table.as_str()))
        .fetch_optional(connection)
        .await
        .map_err(store_error)?;
    Ok(if index.is_some() { State::Current } else { State::NoIndex })
}

fn create_table(table: &str) -> SqlStr {
    // STRICT: SQLite itself refuses a payload that is no text. `expires_at` stands before `payload`, so that a scan
    // for expired rows does not read the pages that a long payload overflows to.
    sql(format_args!(
        r#"CREATE TABLE "{table}" (key TEXT NOT NULL PRIMARY KEY, expires_at INTEGER NOT NULL,
           version INTEGER NOT NULL, owner TEXT, payload TEXT NOT NULL) STRICT"#
    ))
}

fn create_index(table: &str) -> SqlStr {
    let index = index_name(table);
    sql(format_args!(r#"CREATE INDEX "{index}" ON "{table}" (owner) WHERE owner IS NOT NULL"#))
}

fn index_name(table: &str) -> String {
    format!("{table}_owner_idx")
}
