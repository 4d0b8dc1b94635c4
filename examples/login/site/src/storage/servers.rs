//! The stores that are on a server. An environment variable says where it is.

use std::env;
use std::sync::Arc;

use session_store_mongodb::MongoStore;
use session_store_redis::RedisStore;
use session_store_sql::{MysqlStore, PostgresStore};

use super::Storage;
use crate::StartError;
use crate::options::StoreChoice;

/// Connects to the server of this store.
pub(super) async fn open(store: StoreChoice) -> Result<Storage, StartError> {
    match store {
        StoreChoice::Redis => {
            let store = RedisStore::connect(&url("REDIS_URL")?).await?;
            Ok(Storage::of(Arc::new(store), async {}))
        }
        StoreChoice::Mongodb => {
            let store = MongoStore::connect(&url("MONGODB_URL")?).await?;
            Ok(Storage::of(Arc::new(store), async {}))
        }
        StoreChoice::Postgres => {
            let store = Arc::new(PostgresStore::connect(&url("POSTGRES_URL")?).await?);
            Ok(Storage::of(store.clone(), async move { store.close().await }))
        }
        StoreChoice::Mysql => {
            let store = Arc::new(MysqlStore::connect(&url("MYSQL_URL")?).await?);
            Ok(Storage::of(store.clone(), async move { store.close().await }))
        }
        StoreChoice::Sqlite | StoreChoice::Memory => {
            Err(format!("`{}` is on no server", store.name()).into())
        }
    }
}

fn url(variable: &str) -> Result<String, StartError> {
    env::var(variable).map_err(|_| format!("set {variable} to the URL of the server").into())
}
