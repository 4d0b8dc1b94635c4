//! The table, its statements, and how the table comes into being.

use std::fmt::Display;

use session_core::store::StoreError;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqlSafeStr as _, SqlStr};

use super::statement::Way;
use crate::error::store_error;
use crate::name::Name;

/// Where the table is: its name, and its schema unless the search path finds it.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) schema: Option<Name>,
    pub(super) name: Name,
}

impl Table {
    /// The name as it stands in a statement.
    fn quoted(&self) -> String {
        let name = self.name.as_str();
        match &self.schema {
            Some(schema) => format!(r#""{}"."{name}""#, schema.as_str()),
            None => format!(r#""{name}""#),
        }
    }
}

/// Every statement that is sent, with the table's name in its place. Cloning one copies a pointer.
#[derive(Debug)]
pub(super) struct Statements {
    pub(super) load: SqlStr,
    pub(super) extend: SqlStr,
    pub(super) create: SqlStr,
    pub(super) update: SqlStr,
    pub(super) touch: SqlStr,
    pub(super) replace: SqlStr,
    pub(super) delete: SqlStr,
    pub(super) sessions_of: SqlStr,
    pub(super) revoke: SqlStr,
    pub(super) count: SqlStr,
    pub(super) page: SqlStr,
    pub(super) clear: SqlStr,
    pub(super) blocks: SqlStr,
    pub(super) purge: SqlStr,
}

/// What is read of a row: payload, expiry in milliseconds (NULL for `infinity`), owner.
const COLUMNS: &str = "sess::text, \
    CASE WHEN isfinite(expire) THEN floor(extract(epoch FROM expire) * 1000)::bigint END, owner";

/// The version of a row; see `digest.rs`.
const VERSION: &str = "encode(sha256(convert_to(sess::text, 'UTF8')), 'hex')";

/// A parameter in milliseconds as the column holds it: the time in UTC, whatever the connection's time zone is.
fn at(parameter: u8) -> String {
    format!("(TIMESTAMP 'epoch' + ${parameter}::bigint * INTERVAL '1 millisecond')")
}

impl Statements {
    pub(super) fn new(table: &Table) -> Self {
        let t = &table.quoted();
        Self {
            load: sql(format_args!(
                "SELECT {COLUMNS} FROM {t} WHERE sid = $1 AND ($2::bigint IS NULL OR expire > {})",
                at(2)
            )),
            // Bound to the payload and the expiry that were read: a record that changed meanwhile is left alone.
            extend: sql(format_args!(
                "UPDATE {t} SET expire = {} WHERE sid = $2 AND expire = {} AND {VERSION} = $4",
                at(1),
                at(3)
            )),
            // An expired record that no purge has met yet does not keep its key from being used.
            create: sql(format_args!(
                "INSERT INTO {t} AS old (sid, sess, expire, owner) VALUES ($1, $2::json, {}, $4)
                 ON CONFLICT (sid) DO UPDATE SET sess = excluded.sess, expire = excluded.expire,
                 owner = excluded.owner WHERE old.expire <= {}",
                at(3),
                at(5)
            )),
            update: sql(format_args!(
                "UPDATE {t} SET sess = $1::json, expire = {}, owner = $3
                 WHERE sid = $4 AND expire > {} AND ($6::text IS NULL OR {VERSION} = $6)",
                at(2),
                at(5)
            )),
            touch: sql(format_args!(
                "UPDATE {t} SET expire = {} WHERE sid = $2 AND expire > {} AND ($4::text IS NULL OR {VERSION} = $4)",
                at(1),
                at(3)
            )),
            // The row itself moves. A revoke that waits for it follows it to its new key; had it been deleted and
            // inserted anew, the revoke would not see the new row.
            replace: sql(format_args!(
                "WITH moved AS (UPDATE {t} SET sid = $1, sess = $2::json, expire = {}, owner = $4
                     WHERE sid = $5 AND expire > {} AND {VERSION} = $7 RETURNING 1),
                 tombstone AS (INSERT INTO {t} (sid, sess, expire, owner)
                     SELECT $5, $8::json, {}, $10 FROM moved WHERE $8 IS NOT NULL)
                 SELECT count(*) FROM moved",
                at(3),
                at(6),
                at(9)
            )),
            delete: sql(format_args!(
                "DELETE FROM {t} WHERE sid = $1 AND ($2::text IS NULL OR {VERSION} = $2)"
            )),
            sessions_of: sql(format_args!(
                "SELECT {COLUMNS}, sid FROM {t} WHERE owner = $1 AND expire > {}",
                at(2)
            )),
            revoke: sql(format_args!("DELETE FROM {t} WHERE owner = $1 AND ($2::text IS NULL OR sid <> $2)")),
            count: sql(format_args!("SELECT count(*) FROM {t} WHERE expire > {}", at(1))),
            // In the order of the bytes, as the keys themselves are ordered, whatever the database's collation.
            page: sql(format_args!(
                r#"SELECT {COLUMNS}, sid FROM {t} WHERE sid COLLATE "C" > $1 AND expire > {}
                   ORDER BY sid COLLATE "C" LIMIT $3"#,
                at(2)
            )),
            clear: sql(format_args!("DELETE FROM {t}")),
            blocks: sql(format_args!(
                "SELECT pg_relation_size('{t}'::regclass) / current_setting('block_size')::bigint"
            )),
            // The expired rows of some blocks of the table, but for those that somebody is writing at the moment.
            purge: sql(format_args!(
                "DELETE FROM {t} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {t}
                     WHERE ctid >= $1::text::tid AND ctid < $2::text::tid AND expire <= {expired}
                     LIMIT $4 FOR UPDATE SKIP LOCKED)) AND expire <= {expired}",
                expired = at(3)
            )),
        }
    }
}

/// The one place where SQL is put together: `text` holds no value but a [`Name`].
fn sql(text: impl Display) -> SqlStr {
    AssertSqlSafe(text.to_string()).into_sql_str()
}

/// Makes what is missing of the table, its column `owner` and the index on it.
///
/// Looks first, so that an account without the right to make tables can use one that somebody else has made, and
/// servers that start together do not stand in each other's way. What is to be done is done in one transaction
/// under an advisory lock: of two servers that start at once, one does it and the other finds it done.
pub(super) async fn migrate(
    connection: &mut PgConnection,
    table: &Table,
    way: Way,
) -> Result<(), StoreError> {
    if Shape::look(&mut *connection, table).await?.is_complete()? {
        return Ok(());
    }
    let mut tx = connection.begin().await.map_err(store_error)?;
    run(&mut tx, lock(table, way)).await?;
    let shape = Shape::look(&mut tx, table).await?;
    shape.is_complete()?;
    if !shape.table {
        run(&mut tx, create_table(table)).await?;
    } else if !shape.owner {
        run(&mut tx, add_owner(table)).await?;
    }
    if !shape.index {
        run(&mut tx, create_index(table)).await?;
    }
    tx.commit().await.map_err(store_error)
}

async fn run(connection: &mut PgConnection, statement: SqlStr) -> Result<(), StoreError> {
    sqlx::raw_sql(statement).execute(connection).await.map(drop).map_err(store_error)
}

fn lock(table: &Table, way: Way) -> SqlStr {
    let (t, prelude) = (table.quoted(), way.prelude());
    sql(format_args!("{prelude}SELECT pg_advisory_xact_lock(hashtextextended('session-store-sql {t}', 0))"))
}

fn create_table(table: &Table) -> SqlStr {
    let t = table.quoted();
    // Room in each block lets a touch keep the new row beside the old one and leave the indexes alone.
    sql(format_args!(
        r#"CREATE TABLE {t} (sid varchar COLLATE "C" NOT NULL PRIMARY KEY, sess json NOT NULL,
           expire timestamp(6) NOT NULL, owner text COLLATE "C") WITH (fillfactor = 70)"#
    ))
}

fn add_owner(table: &Table) -> SqlStr {
    let t = table.quoted();
    sql(format_args!(r#"ALTER TABLE {t} ADD COLUMN owner text COLLATE "C""#))
}

fn create_index(table: &Table) -> SqlStr {
    let (t, name) = (table.quoted(), table.name.as_str());
    sql(format_args!(r#"CREATE INDEX "{name}_owner_idx" ON {t} (owner) WHERE owner IS NOT NULL"#))
}

/// What there is of the table.
#[derive(Debug, Default)]
struct Shape {
    table: bool,
    /// It has the columns that connect-pg-simple makes, of the types that it makes.
    ours: bool,
    owner: bool,
    index: bool,
}

impl Shape {
    async fn look(connection: &mut PgConnection, table: &Table) -> Result<Self, StoreError> {
        let t = table.quoted();
        // As one text, so that nothing of it outlives its round trip, whatever is between here and the server.
        let columns = sql(format_args!(
            "SELECT attname::text, format_type(atttypid, NULL), EXISTS (SELECT 1 FROM pg_index
                 WHERE indrelid = attrelid AND indisvalid AND indkey[0] = attnum)
             FROM pg_attribute WHERE attrelid = to_regclass('{t}') AND attnum > 0 AND NOT attisdropped"
        ));
        let columns = sqlx::raw_sql(columns).fetch_all(connection).await.map_err(store_error)?;
        let mut shape = Self::default();
        let mut known = 0;
        for column in &columns {
            let name: &str = column.try_get(0).map_err(store_error)?;
            let of_type: &str = column.try_get(1).map_err(store_error)?;
            let indexed: bool = column.try_get(2).map_err(store_error)?;
            shape.table = true;
            match (name, of_type) {
                ("sid", "character varying" | "text") if indexed => known += 1,
                ("sess", "json") | ("expire", "timestamp without time zone") => known += 1,
                ("owner", "text") => (shape.owner, shape.index) = (true, indexed),
                _ => {}
            }
        }
        shape.ours = known == 3;
        Ok(shape)
    }

    fn is_complete(&self) -> Result<bool, StoreError> {
        if self.table && !self.ours {
            return Err(StoreError::refused(
                "there is a table of this name that is not as connect-pg-simple makes it (sid varchar primary key, \
                 sess json, expire timestamp(6)); choose another table name, or convert it",
            ));
        }
        Ok(self.table && self.owner && self.index)
    }
}
