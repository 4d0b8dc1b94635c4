//! What the stores say while the servers that the environment names are in trouble.
#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

use std::time::Duration;

use session_conformance::Unavailable;

/// Until it says that the server does not answer, a verb may wait for a connection, and then for its answer.
const PATIENCE: Duration = Duration::from_secs(5);

fn url(variable: &'static str) -> Result<String, Unavailable> {
    std::env::var(variable).map_err(|_| Unavailable::new(format!("set {variable} to run this")))
}

/// The host and the port of a URL.
fn server(url: &str) -> String {
    let authority = url.split("://").nth(1).unwrap().split('/').next().unwrap();
    authority.rsplit('@').next().unwrap().to_owned()
}

/// The URL with another host and port.
fn through(url: &str, address: std::net::SocketAddr) -> String {
    url.replacen(&server(url), &address.to_string(), 1)
}

fn main() {
    let table = format!("faults_{:016x}", rand::random::<u64>());
    #[cfg(feature = "postgres")]
    {
        for server in [postgres::DIRECT, postgres::POOLED] {
            let table = format!("{table}_{}", server.name);
            postgres::suite(server, table.clone()).run();
            postgres::remove(server, &table);
        }
    }
    #[cfg(feature = "mysql")]
    {
        mysql::suite(table.clone()).run();
        mysql::remove(&table);
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    use std::str::FromStr as _;

    use session_conformance::FaultSuite;
    use session_store_sql::PostgresStore;
    use sqlx::postgres::PgConnectOptions;
    use sqlx::{AssertSqlSafe, ConnectOptions as _};

    use super::{PATIENCE, Unavailable, server, through, url};

    /// A way to PostgreSQL.
    #[derive(Clone, Copy)]
    pub(super) struct Server {
        pub(super) name: &'static str,
        variable: &'static str,
    }

    pub(super) const DIRECT: Server = Server { name: "postgres", variable: "POSTGRES_URL" };
    pub(super) const POOLED: Server = Server { name: "pgbouncer", variable: "PGBOUNCER_URL" };

    pub(super) fn suite(way: Server, table: String) -> FaultSuite {
        let place = move || Ok::<_, Unavailable>(server(&url(way.variable)?));
        session_conformance::faults(place, move |address| {
            let store = PostgresStore::builder().table(table.clone());
            async move { store.connect(&through(&url(way.variable).unwrap(), address)).await }
        })
        .named(way.name)
        .patience(PATIENCE)
    }

    pub(super) fn remove(way: Server, table: &str) {
        let Ok(url) = url(way.variable) else { return };
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let options = PgConnectOptions::from_str(&url).unwrap().extra_float_digits(None);
            let Ok(mut connection) = options.connect().await else { return };
            let drop = format!("DROP TABLE IF EXISTS {table}");
            sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut connection).await.unwrap();
        });
    }
}

#[cfg(feature = "mysql")]
mod mysql {
    use std::time::Duration;

    use session_conformance::FaultSuite;
    use session_store_sql::MysqlStore;
    use sqlx::{AssertSqlSafe, Connection as _, MySqlConnection};

    use super::{PATIENCE, Unavailable, server, through, url};

    pub(super) fn suite(table: String) -> FaultSuite {
        let place = || Ok::<_, Unavailable>(server(&url("MYSQL_URL")?));
        session_conformance::faults(place, move |address| {
            let store = MysqlStore::builder().table(table.clone());
            async move { store.connect(&through(&url("MYSQL_URL").unwrap(), address)).await }
        })
        .named("mysql")
        .patience(PATIENCE)
        .expiry_precision(Duration::from_secs(1))
    }

    pub(super) fn remove(table: &str) {
        let Ok(url) = url("MYSQL_URL") else { return };
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let Ok(mut connection) = MySqlConnection::connect(&url).await else { return };
            let drop = format!("DROP TABLE IF EXISTS {table}");
            sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut connection).await.unwrap();
        });
    }
}
