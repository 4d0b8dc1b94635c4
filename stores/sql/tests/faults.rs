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
        postgres::suite(table.clone()).run();
        postgres::remove(&table);
    }
    #[cfg(feature = "mysql")]
    {
        mysql::suite(table.clone()).run();
        mysql::remove(&table);
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    use session_conformance::FaultSuite;
    use session_store_sql::PostgresStore;
    use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

    use super::{PATIENCE, Unavailable, server, through, url};

    pub(super) fn suite(table: String) -> FaultSuite {
        let place = || Ok::<_, Unavailable>(server(&url("POSTGRES_URL")?));
        session_conformance::faults(place, move |address| {
            let store = PostgresStore::builder().table(table.clone());
            async move { store.connect(&through(&url("POSTGRES_URL").unwrap(), address)).await }
        })
        .named("postgres")
        .patience(PATIENCE)
    }

    pub(super) fn remove(table: &str) {
        let Ok(url) = url("POSTGRES_URL") else { return };
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let Ok(mut connection) = PgConnection::connect(&url).await else { return };
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
