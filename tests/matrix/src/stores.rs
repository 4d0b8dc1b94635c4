//! The stores by name, each in a namespace that nobody else uses.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use session_core::store::Directory;
use session_store_memory::MemoryStore;
use session_store_mongodb::MongoStore;
use session_store_redis::{RedisBuilder, RedisStore};
use session_store_sql::{MysqlStore, PostgresStore, SqliteStore};

/// The names that [`open`] knows.
pub const NAMES: &[&str] = &[
    "memory",
    "sqlite",
    "postgres",
    "pgbouncer",
    "mysql",
    "redis",
    "redis-cluster",
    "redis-sentinel",
    "mongodb",
    "mongodb-replica",
];

/// The environment variable that says where a store's server is; `None` for those that need none.
#[must_use]
pub fn variable(name: &str) -> Option<&'static str> {
    match name {
        "postgres" => Some("POSTGRES_URL"),
        "pgbouncer" => Some("PGBOUNCER_URL"),
        "mysql" => Some("MYSQL_URL"),
        "redis" => Some("REDIS_URL"),
        "redis-cluster" => Some("REDIS_CLUSTER_URLS"),
        "redis-sentinel" => Some("REDIS_SENTINEL_URLS"),
        "mongodb" => Some("MONGODB_URL"),
        "mongodb-replica" => Some("MONGODB_REPLICA_URL"),
        _ => None,
    }
}

/// Opens the store of that name, empty.
///
/// # Errors
///
/// There is no such store, its variable is not set, or its server does not answer.
pub async fn open(name: &str) -> Result<Arc<dyn Directory>, Box<dyn Error + Send + Sync>> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let place = format!("matrix_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    open_at(name, &place).await
}

/// Whether several processes can use one.
#[must_use]
pub fn is_shared(name: &str) -> bool {
    name != "memory"
}

/// Opens the store of that name at a place, which is a table, a prefix, a collection or a file. Who opens the same place
/// shares what is stored.
///
/// # Errors
///
/// As [`open`].
pub async fn open_at(name: &str, place: &str) -> Result<Arc<dyn Directory>, Box<dyn Error + Send + Sync>> {
    let url = match variable(name) {
        Some(variable) => std::env::var(variable).map_err(|_| format!("set {variable} to use {name}"))?,
        None => String::new(),
    };
    Ok(match name {
        "memory" => Arc::new(MemoryStore::new()),
        "sqlite" => {
            let folder = std::env::temp_dir().join(place);
            std::fs::create_dir_all(&folder)?;
            Arc::new(SqliteStore::open(folder.join("sessions.sqlite3")).await?)
        }
        "postgres" | "pgbouncer" => Arc::new(PostgresStore::builder().table(place).connect(&url).await?),
        "mysql" => Arc::new(MysqlStore::builder().table(place).connect(&url).await?),
        "redis" => Arc::new(redis(place).connect(&url).await?),
        "redis-cluster" => {
            let urls: Vec<&str> = url.split(',').collect();
            Arc::new(redis(place).connect_cluster(urls).await?)
        }
        "redis-sentinel" => {
            let urls: Vec<&str> = url.split(',').collect();
            Arc::new(redis(place).connect_sentinel(urls, "mymaster").await?)
        }
        "mongodb" | "mongodb-replica" => {
            Arc::new(MongoStore::builder().collection(place).connect(&url).await?)
        }
        _ => return Err(format!("there is no store `{name}`; there are {}", NAMES.join(", ")).into()),
    })
}

/// Set to a number of replicas that an end of a session waits for, where Redis has replicas.
pub const WAIT: &str = "MATRIX_WAIT_FOR_REPLICAS";

fn redis(place: &str) -> RedisBuilder {
    let builder = RedisStore::builder().prefix(format!("{place}:"));
    match std::env::var(WAIT).ok().and_then(|replicas| replicas.parse().ok()) {
        Some(replicas) => builder.wait_for_replicas(replicas, Duration::from_millis(300)),
        None => builder,
    }
}
