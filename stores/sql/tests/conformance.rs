//! Every promise of a session store, for each database of this crate.
//!
//! PostgreSQL is tried at `POSTGRES_URL`, and behind PgBouncer in transaction mode at `PGBOUNCER_URL`; MySQL or MariaDB at `MYSQL_URL`, each in tables of its own that are removed
//! again; where the variable is not set, the cases are reported as ignored.
#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

fn main() {
    #[cfg(feature = "sqlite")]
    {
        let folder = tempfile::tempdir().unwrap();
        sqlite::suite(folder.path()).run();
    }
    #[cfg(feature = "postgres")]
    {
        for server in [postgres::DIRECT, postgres::POOLED] {
            let schema = format!("conformance_{:016x}", rand::random::<u64>());
            postgres::suite(server, &schema).run();
            postgres::remove(server, &schema);
        }
    }
    #[cfg(feature = "mysql")]
    {
        let prefix = format!("conformance_{:016x}", rand::random::<u64>());
        mysql::suite(&prefix).run();
        mysql::remove(&prefix);
    }
}

#[allow(dead_code, reason = "not used without any database")]
type Broken = Box<dyn std::error::Error + Send + Sync>;

#[cfg(feature = "sqlite")]
mod sqlite {
    use std::path::Path;
    use std::sync::atomic::{AtomicU32, Ordering};

    use session_conformance::StoreSuite;
    use session_store_sql::SqliteStore;

    use super::Broken;

    /// A new file for each case.
    pub(super) fn suite(folder: &Path) -> StoreSuite {
        let folder = folder.to_owned();
        let count = AtomicU32::new(0);
        let make = move || {
            let file = folder.join(format!("{}.db", count.fetch_add(1, Ordering::Relaxed)));
            async { Ok::<_, Broken>(SqliteStore::open(file).await?) }
        };
        session_conformance::directory(make).named("sqlite")
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    use std::str::FromStr as _;
    use std::sync::atomic::{AtomicU32, Ordering};

    use session_conformance::{StoreSuite, Unavailable};
    use session_store_sql::PostgresStore;
    use sqlx::postgres::PgConnectOptions;
    use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection};

    use super::Broken;

    /// A way to PostgreSQL.
    #[derive(Clone, Copy)]
    pub(super) struct Server {
        name: &'static str,
        variable: &'static str,
    }

    pub(super) const DIRECT: Server = Server { name: "postgres", variable: "POSTGRES_URL" };
    pub(super) const POOLED: Server = Server { name: "pgbouncer", variable: "PGBOUNCER_URL" };

    /// A new table for each case, in one schema.
    pub(super) fn suite(server: Server, schema: &str) -> StoreSuite {
        let schema = schema.to_owned();
        let count = AtomicU32::new(0);
        let make = move || {
            let schema = schema.clone();
            let table = format!("session_{}", count.fetch_add(1, Ordering::Relaxed));
            async move {
                let url = server.url()?;
                let mut connection = server.connect().await?;
                // Of two that try at once, one is told of a duplicate key.
                let make = format!("CREATE SCHEMA IF NOT EXISTS {schema}");
                let _ = sqlx::raw_sql(AssertSqlSafe(make)).execute(&mut connection).await;
                connection.close().await?;
                let builder = PostgresStore::builder().schema(schema).table(table);
                Ok::<_, Broken>(builder.connect(&url).await?)
            }
        };
        session_conformance::directory(make).named(server.name)
    }

    pub(super) fn remove(server: Server, schema: &str) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let Ok(mut connection) = server.connect().await else { return };
            let drop = format!("DROP SCHEMA IF EXISTS {schema} CASCADE");
            sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut connection).await.unwrap();
        });
    }

    impl Server {
        fn url(self) -> Result<String, Unavailable> {
            let variable = self.variable;
            std::env::var(variable).map_err(|_| Unavailable::new(format!("set {variable} to run this")))
        }

        async fn connect(self) -> Result<PgConnection, Broken> {
            Ok(PgConnectOptions::from_str(&self.url()?)?.extra_float_digits(None).connect().await?)
        }
    }
}

#[cfg(feature = "mysql")]
mod mysql {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use session_conformance::{StoreSuite, Unavailable};
    use session_store_sql::MysqlStore;
    use sqlx::{AssertSqlSafe, Connection as _, MySqlConnection, Row as _};

    use super::Broken;

    /// A new table for each case.
    pub(super) fn suite(prefix: &str) -> StoreSuite {
        let prefix = prefix.to_owned();
        let count = AtomicU32::new(0);
        let make = move || {
            let table = format!("{prefix}_{}", count.fetch_add(1, Ordering::Relaxed));
            async move { Ok::<_, Broken>(MysqlStore::builder().table(table).connect(&url()?).await?) }
        };
        session_conformance::directory(make).named("mysql").expiry_precision(Duration::from_secs(1))
    }

    pub(super) fn remove(prefix: &str) {
        let Ok(url) = url() else { return };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let Ok(mut connection) = MySqlConnection::connect(&url).await else { return };
            let tables =
                sqlx::query("SELECT table_name FROM information_schema.tables WHERE table_name LIKE ?");
            let tables = tables.bind(format!("{prefix}%")).fetch_all(&mut connection).await.unwrap();
            for table in tables {
                let drop = format!("DROP TABLE `{}`", table.get::<String, _>(0));
                sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut connection).await.unwrap();
            }
        });
    }

    fn url() -> Result<String, Unavailable> {
        std::env::var("MYSQL_URL").map_err(|_| Unavailable::new("set MYSQL_URL to run this"))
    }
}
