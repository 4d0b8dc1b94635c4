//! The session store that a URL stands for, in the layout of the Node package beside it.

use std::error::Error;
use std::sync::Arc;

use session_axum::store::Store;
use session_store_mongodb::MongoStore;
use session_store_redis::RedisStore;
use session_store_sql::{MysqlStore, PostgresStore};

/// Opens the store at `url`. `name` keeps its records apart: a prefix, a table or a collection.
pub(crate) async fn open(url: &str, name: &str) -> Result<Arc<dyn Store>, Box<dyn Error>> {
    Ok(match url.split_once(':').map_or(url, |(scheme, _)| scheme) {
        "redis" => Arc::new(RedisStore::builder().prefix(format!("{name}:")).connect(url).await?),
        "postgres" => Arc::new(PostgresStore::builder().table(name).connect(url).await?),
        "mysql" => Arc::new(MysqlStore::builder().table(name).connect(url).await?),
        "mongodb" => Arc::new(MongoStore::builder().database("test").collection(name).connect(url).await?),
        _ => return Err("--store takes a redis, postgres, mysql or mongodb URL".into()),
    })
}
