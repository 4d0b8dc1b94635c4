//! The table, its statements, and how the table comes into being.

use std::fmt::Display;

use session_core::store::StoreError;
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Row as _, SqlSafeStr as _, SqlStr};

use crate::error::{mysql_number, store_error};
use crate::name::Name;

/// Every statement that is sent, with the table's name in its place. Cloning one copies a pointer.
#[derive(Debug)]
pub(super) struct Statements {
    pub(super) load: SqlStr,
    pub(super) find: SqlStr,
    pub(super) extend: SqlStr,
    pub(super) create: SqlStr,
    pub(super) make_room: SqlStr,
    pub(super) update: SqlStr,
    pub(super) touch: SqlStr,
    pub(super) rename: SqlStr,
    pub(super) delete: SqlStr,
    pub(super) sessions_of: SqlStr,
    pub(super) isolate: SqlStr,
    pub(super) revoke: SqlStr,
    pub(super) count: SqlStr,
    pub(super) page: SqlStr,
    pub(super) clear: SqlStr,
    pub(super) stretch: SqlStr,
    pub(super) expired: SqlStr,
    pub(super) purge: SqlStr,
}

/// What is read of a row: payload, expiry in seconds, owner.
const COLUMNS: &str = "data, expires, owner";

/// The version of a row; see `digest.rs`.
const VERSION: &str = "SHA2(data, 256)";

impl Statements {
    pub(super) fn new(table: &Name) -> Self {
        let t = table.as_str();
        Self {
            load: sql(format_args!("SELECT {COLUMNS} FROM `{t}` WHERE session_id = ? AND expires > ?")),
            find: sql(format_args!("SELECT {COLUMNS} FROM `{t}` WHERE session_id = ?")),
            // Bound to the payload and the expiry that were read: a record that changed meanwhile is left alone.
            extend: sql(format_args!(
                "UPDATE `{t}` SET expires = ? WHERE session_id = ? AND expires = ? AND {VERSION} = ?"
            )),
            create: sql(format_args!(
                "INSERT INTO `{t}` (session_id, data, expires, owner) VALUES (?, ?, ?, ?)"
            )),
            // An expired record that no purge has met yet does not keep its key from being used.
            make_room: sql(format_args!("DELETE FROM `{t}` WHERE session_id = ? AND expires <= ?")),
            update: sql(format_args!(
                "UPDATE `{t}` SET data = ?, expires = ?, owner = ?
                 WHERE session_id = ? AND expires > ? AND (? IS NULL OR {VERSION} = ?)"
            )),
            touch: sql(format_args!(
                "UPDATE `{t}` SET expires = ?
                 WHERE session_id = ? AND expires > ? AND (? IS NULL OR {VERSION} = ?)"
            )),
            rename: sql(format_args!(
                "UPDATE `{t}` SET session_id = ?, data = ?, expires = ?, owner = ?
                 WHERE session_id = ? AND expires > ? AND {VERSION} = ?"
            )),
            delete: sql(format_args!(
                "DELETE FROM `{t}` WHERE session_id = ? AND (? IS NULL OR {VERSION} = ?)"
            )),
            sessions_of: sql(format_args!(
                "SELECT {COLUMNS}, session_id FROM `{t}` WHERE owner = ? AND expires > ?"
            )),
            // Holds for the next statement only.
            isolate: sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"),
            revoke: sql(format_args!("DELETE FROM `{t}` WHERE owner = ? AND (? IS NULL OR session_id <> ?)")),
            count: sql(format_args!("SELECT count(*) FROM `{t}` WHERE expires > ?")),
            page: sql(format_args!(
                "SELECT {COLUMNS}, session_id FROM `{t}`
                 WHERE session_id > ? AND expires > ? ORDER BY session_id LIMIT ?"
            )),
            clear: sql(format_args!("DELETE FROM `{t}`")),
            // Where the next stretch of rows ends.
            stretch: sql(format_args!(
                "SELECT session_id FROM `{t}` WHERE session_id > ? ORDER BY session_id LIMIT 1 OFFSET ?"
            )),
            // A plain SELECT locks nothing; a DELETE without an index would lock each row that it looks at.
            expired: sql(format_args!(
                "SELECT session_id FROM `{t}` WHERE session_id > ? AND (? IS NULL OR session_id <= ?)
                 AND expires <= ? ORDER BY session_id LIMIT ?"
            )),
            purge: sql(format_args!(
                "DELETE FROM `{t}` WHERE expires <= ? AND session_id IN ({})",
                ["?"; super::directory::AT_ONCE].join(", ")
            )),
        }
    }
}

/// The one place where SQL is put together: `text` holds no value but a [`Name`].
fn sql(text: impl Display) -> SqlStr {
    AssertSqlSafe(text.to_string()).into_sql_str()
}

/// What the columns can hold; MySQL would cut off the rest if its SQL mode is not strict.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// In characters.
    pub(super) key: u64,
    /// In bytes.
    pub(super) payload: u64,
}

/// Makes what is missing of the table, its column `owner` and the index on it; says what the columns can hold.
///
/// Looks first, so that an account without the right to make tables can use one that somebody else has made. Of
/// two servers that start at once, one is told that what it makes is there already; then it looks again.
pub(super) async fn migrate(connection: &mut MySqlConnection, table: &Name) -> Result<Limits, StoreError> {
    let name = table.as_str();
    for _ in 0..4 {
        let shape = Shape::look(&mut *connection, table).await?;
        let statement = match (shape.limits, shape.owner, shape.index) {
            (Some(limits), true, true) => return Ok(limits),
            (Some(_), true, false) => {
                sql(format_args!("ALTER TABLE `{name}` ADD INDEX `{name}_owner_idx` (owner)"))
            }
            (Some(_), false, _) => sql(format_args!(
                "ALTER TABLE `{name}` ADD COLUMN owner varbinary(255) DEFAULT NULL,
                 ADD INDEX `{name}_owner_idx` (owner)"
            )),
            (None, ..) => sql(format_args!(
                "CREATE TABLE IF NOT EXISTS `{name}` (
                 session_id varchar(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
                 expires int unsigned NOT NULL,
                 data mediumtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
                 owner varbinary(255) DEFAULT NULL,
                 PRIMARY KEY (session_id), KEY `{name}_owner_idx` (owner)) ENGINE = InnoDB"
            )),
        };
        match sqlx::raw_sql(statement).execute(&mut *connection).await {
            Ok(_) => {}
            // Somebody else has made it in between: the table (1050), the column (1060), the index (1061).
            Err(error) if matches!(mysql_number(&error), Some(1050 | 1060 | 1061)) => {}
            Err(error) => return Err(store_error(error)),
        }
    }
    Err(StoreError::refused("the table changes while the store looks at it; try again"))
}

/// What there is of the table.
#[derive(Debug, Default)]
struct Shape {
    /// There is a table, and it has the columns that express-mysql-session makes.
    limits: Option<Limits>,
    owner: bool,
    index: bool,
}

impl Shape {
    async fn look(connection: &mut MySqlConnection, table: &Name) -> Result<Self, StoreError> {
        let columns = sqlx::query(
            "SELECT CAST(c.COLUMN_NAME AS CHAR), CAST(c.DATA_TYPE AS CHAR), CAST(c.COLUMN_KEY AS CHAR),
                 CAST(COALESCE(c.COLLATION_NAME, '') AS CHAR), CAST(COALESCE(t.ENGINE, '') AS CHAR),
                 CAST(COALESCE(c.CHARACTER_MAXIMUM_LENGTH, 0) AS UNSIGNED)
             FROM information_schema.COLUMNS c JOIN information_schema.TABLES t USING (TABLE_SCHEMA, TABLE_NAME)
             WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?",
        )
        .bind(table.as_str())
        .fetch_all(connection)
        .await
        .map_err(store_error)?;
        let mut shape = Self::default();
        let (mut key, mut payload, mut expires) = (None, None, false);
        for row in &columns {
            let text = |index: usize| row.try_get::<&str, _>(index).map_err(store_error);
            let (name, of_type, index, collation) = (text(0)?, text(1)?, text(2)?, text(3)?);
            let innodb = text(4)?.eq_ignore_ascii_case("innodb");
            let length: u64 = row.try_get(5).map_err(store_error)?;
            match (name, of_type, index) {
                // A collation that takes `a` for `A` would take one session for another.
                ("session_id", "varchar", "PRI")
                    if innodb && collation.starts_with("utf8mb4_") && collation.ends_with("_bin") =>
                {
                    key = Some(length);
                }
                ("data", "text" | "mediumtext" | "longtext", _) if collation.starts_with("utf8mb4_") => {
                    payload = Some(length);
                }
                ("expires", "int" | "bigint", _) => expires = true,
                ("owner", "varbinary", index) => (shape.owner, shape.index) = (true, !index.is_empty()),
                _ => {}
            }
        }
        match (key, payload, expires) {
            (Some(key), Some(payload), true) => shape.limits = Some(Limits { key, payload }),
            _ if columns.is_empty() => {}
            _ => {
                return Err(StoreError::refused(
                    "there is a table of this name that is not as express-mysql-session makes it (InnoDB; session_id \
                     varchar primary key, utf8mb4_bin; expires int unsigned; data mediumtext, utf8mb4); choose another \
                     table name, or convert it",
                ));
            }
        }
        Ok(shape)
    }
}
