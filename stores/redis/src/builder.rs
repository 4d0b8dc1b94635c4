//! Options of a [`RedisStore`], and the ways to connect one.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::TcpSettings;
use redis::{Client, ErrorKind, IntoConnectionInfo as _};
use session_core::store::StoreError;

use crate::error::{store_error, too_late};
use crate::name::Prefixes;
use crate::script::Scripts;
use crate::{Inner, RedisStore};

/// Options of a [`RedisStore`]; made by [`RedisStore::builder`].
///
/// ```no_run
/// # async fn example() -> Result<(), session_core::store::StoreError> {
/// use std::time::Duration;
/// use session_store_redis::RedisStore;
///
/// let store = RedisStore::builder()
///     .prefix("admin:")
///     .patience(Duration::from_millis(500))
///     .connect("redis://sessions:secret@redis.internal:6379/1")
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct RedisBuilder {
    prefix: String,
    patience: Duration,
}

impl Default for RedisBuilder {
    fn default() -> Self {
        Self { prefix: "sess:".to_owned(), patience: Duration::from_secs(2) }
    }
}

impl RedisBuilder {
    /// What the sessions' keys begin with; `sess:` unless it is set, as with connect-redis.
    ///
    /// The indexes of owners begin with `sess-owner:`, or accordingly. Stores that share a database need prefixes of
    /// which none begins with another. The empty prefix is refused: all keys of the database would be sessions.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// How long a verb may take before it answers [`Unavailable`](session_core::store::StoreErrorKind::Unavailable);
    /// two seconds unless it is set, at least 10 ms.
    ///
    /// [`count`](session_core::store::Directory::count), [`page`](session_core::store::Directory::page),
    /// [`clear`](session_core::store::Directory::clear) and
    /// [`purge_expired`](session_core::store::Directory::purge_expired) are many steps: there the limit holds for each.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience.clamp(Duration::from_millis(10), Duration::from_secs(600));
        self
    }

    /// Connects to the server at this URL. See the [crate] for the forms it may have.
    ///
    /// The connection is made anew whenever it is lost.
    ///
    /// # Errors
    ///
    /// `Refused` if the URL or the prefix is not usable, the server wants another password, or is older than Redis 7.0.
    /// `Unavailable` if it does not answer within the patience.
    pub async fn connect(self, url: &str) -> Result<RedisStore, StoreError> {
        let names = Prefixes::parse(&self.prefix)?;
        let info = url.into_connection_info().map_err(|error| store_error(&error))?;
        let client =
            Client::open(info.set_tcp_settings(tcp(self.patience))).map_err(|error| store_error(&error))?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(self.patience))
            .set_response_timeout(Some(self.patience))
            // A few tries in a row; after that, the next verb begins them again.
            .set_number_of_retries(2)
            .set_min_delay(Duration::from_millis(20))
            .set_max_delay(Duration::from_millis(200));
        let manager = tokio::time::timeout(self.patience, ConnectionManager::new_with_config(client, config))
            .await
            .map_err(|_| too_late())?
            .map_err(|error| store_error(&error))?;
        self.finish(names, manager).await
    }

    /// The store on a connection that the application has made: with client certificates, say, or shared with others.
    ///
    /// The manager's own options decide how it is made anew. Commands that block must not be sent over it.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub async fn from_manager(self, manager: ConnectionManager) -> Result<RedisStore, StoreError> {
        let names = Prefixes::parse(&self.prefix)?;
        self.finish(names, manager).await
    }

    async fn finish(self, names: Prefixes, manager: ConnectionManager) -> Result<RedisStore, StoreError> {
        let store = RedisStore(Arc::new(Inner {
            names,
            scripts: Scripts::new(),
            manager,
            patience: self.patience,
            purged_up_to: AtomicU64::new(0),
        }));
        store.check().await?;
        Ok(store)
    }
}

impl RedisStore {
    /// Whether the server knows what this store needs, and lets it.
    async fn check(&self) -> Result<(), StoreError> {
        let mut ask = redis::cmd("PEXPIRETIME");
        ask.arg(self.names().sessions());
        match self.query(&ask).await? {
            Ok(_) => Ok(()),
            Err(error)
                if error.kind() == ErrorKind::Server(redis::ServerErrorKind::ResponseError)
                    && error.detail().is_some_and(|detail| detail.starts_with("unknown command")) =>
            {
                Err(StoreError::refused("the server is too old; Redis 7.0 or newer, or Valkey, is needed"))
            }
            Err(error) => Err(store_error(&error)),
        }
    }
}

/// A connection whose other end is gone without a word is given up, rather than kept for a quarter of an hour.
fn tcp(patience: Duration) -> TcpSettings {
    let settings = TcpSettings::default().set_nodelay(true);
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    let settings = settings.set_user_timeout((2 * patience).max(Duration::from_secs(1)));
    #[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
    let _ = patience;
    settings
}
