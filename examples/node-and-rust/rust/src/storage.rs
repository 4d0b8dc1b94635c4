//! The session store that a URL stands for, in the layout of the Node package beside it.

use std::error::Error;
use std::sync::Arc;

use session_axum::store::Store;
use session_store_mongodb::{Layout, MongoStore};
use session_store_redis::RedisStore;
use session_store_sql::{MysqlStore, PostgresStore};

use crate::options::Options;

/// Opens the store that the options name.
pub(crate) async fn open(options: &Options) -> Result<Arc<dyn Store>, Box<dyn Error>> {
    let (url, name) = (options.store.as_str(), options.name.as_str());
    Ok(match url.split_once(':').map_or(url, |(scheme, _)| scheme) {
        "redis" => Arc::new(RedisStore::builder().prefix(format!("{name}:")).connect(url).await?),
        "postgres" => Arc::new(PostgresStore::builder().table(name).connect(url).await?),
        "mysql" => Arc::new(MysqlStore::builder().table(name).connect(url).await?),
        "mongodb" => {
            let layout = if options.objects { Layout::Object } else { Layout::String };
            let store = MongoStore::builder().database("test").collection(name).layout(layout);
            Arc::new(store.connect(url).await?)
        }
        _ => return Err("--store takes a redis, postgres, mysql or mongodb URL".into()),
    })
}
