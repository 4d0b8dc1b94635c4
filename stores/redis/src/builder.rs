//! Options of a [`RedisStore`], and the ways to connect one.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redis::aio::ConnectionManager;
use session_core::store::StoreError;
use tokio::sync::OnceCell;

use crate::link::Link;
use crate::link::cluster::Cluster;
use crate::link::confirm::{Lanes, Wanted};
use crate::link::door::{Certificates, Door};
use crate::link::sentinel::Sentinel;
use crate::link::single::Single;
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
    certificates: Certificates,
    wanted: Option<Wanted>,
}

impl Default for RedisBuilder {
    fn default() -> Self {
        Self {
            prefix: "sess:".to_owned(),
            patience: Duration::from_secs(2),
            certificates: Certificates::default(),
            wanted: None,
        }
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
    /// Connecting to one of several servers may take a quarter of it.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience.clamp(Duration::from_millis(10), Duration::from_secs(600));
        self
    }

    /// Whom to trust with `rediss://`: root certificates in PEM form, instead of those of the operating system.
    #[cfg(feature = "tls")]
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.certificates.root = Some(pem.into());
        self
    }

    /// Who we are with `rediss://`: a certificate (with its chain) and its private key, both in PEM form.
    ///
    /// A Redis server wants one, unless it is set to `tls-auth-clients no`.
    #[cfg(feature = "tls")]
    pub fn client_certificate(mut self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.certificates.client = Some((certificate.into(), key.into()));
        self
    }

    /// Answers a [`delete`](session_core::store::Store::delete), a [`replace`](session_core::store::Store::replace), a
    /// [`revoke`](session_core::store::Directory::revoke) or a [`clear`](session_core::store::Directory::clear) only when
    /// as many replicas have the change too (`WAIT`); they are waited for no longer than `within`, at least 1 ms.
    ///
    /// If fewer have it by then, the answer is [`Unavailable`](session_core::store::StoreErrorKind::Unavailable), though
    /// the change was carried out. Deleting the same session once more asks again, though it is gone. Each costs a round
    /// trip more, on connections beside the shared one, since `WAIT` holds its connection up. `within` comes on top of
    /// the [`patience`](Self::patience).
    /// See the [crate] for what this gains; no replicas are waited for unless it is set.
    pub fn wait_for_replicas(mut self, replicas: u32, within: Duration) -> Self {
        let within = within.clamp(Duration::from_millis(1), Duration::from_secs(600));
        self.wanted = (replicas > 0).then_some(Wanted { replicas, within });
        self
    }

    /// Connects to the server at this URL. See the [crate] for the forms it may have.
    ///
    /// The connection is made anew whenever it is lost.
    ///
    /// # Errors
    ///
    /// `Refused` if the URL, the prefix or a certificate is not usable, the server wants another password, or is older
    /// than Redis 6.2. `Unavailable` if it does not answer within the patience.
    pub async fn connect(self, url: &str) -> Result<RedisStore, StoreError> {
        connected(self.connect_lazy(url)?).await
    }

    /// The store at this URL, without asking the server for anything yet.
    ///
    /// It is connected to at the first verb, and again at later ones until it answers; meanwhile each verb is
    /// [`Unavailable`](session_core::store::StoreErrorKind::Unavailable). A server that is too old, or wants another
    /// password, shows at the verbs, too.
    ///
    /// ```
    /// use session_store_redis::RedisStore;
    ///
    /// // There may be no server yet.
    /// let store = RedisStore::builder().prefix("admin:").connect_lazy("redis://127.0.0.1:6379")?;
    /// # Ok::<_, session_core::store::StoreError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `Refused` if the URL, the prefix or a certificate is not usable.
    pub fn connect_lazy(self, url: &str) -> Result<RedisStore, StoreError> {
        let door = self.door(url)?;
        self.encrypted_if_wanted(&door)?;
        self.store(Link::Single(Single::new(door)))
    }

    /// Connects to a cluster; some of its nodes are enough, the others are asked for.
    ///
    /// User, password and TLS are those of the first URL, for all nodes.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), session_core::store::StoreError> {
    /// use session_store_redis::RedisStore;
    ///
    /// let nodes = ["redis://sessions:secret@a.internal:6379", "redis://b.internal:6379"];
    /// let store = RedisStore::builder().connect_cluster(nodes).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect); and `Refused` if the servers are not a cluster.
    pub async fn connect_cluster(
        self,
        urls: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<RedisStore, StoreError> {
        connected(self.connect_cluster_lazy(urls)?).await
    }

    /// The store on a cluster, without asking a node for anything yet; otherwise as [`connect_lazy`](Self::connect_lazy).
    ///
    /// # Errors
    ///
    /// As [`connect_lazy`](Self::connect_lazy); and `Refused` if there are no URLs, or one names a database or a socket.
    pub fn connect_cluster_lazy(
        self,
        urls: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<RedisStore, StoreError> {
        let doors = self.doors(urls)?;
        if let Some(door) = doors.first() {
            self.encrypted_if_wanted(door)?;
        }
        self.store(Link::Cluster(Cluster::new(&doors)?))
    }

    /// Connects to the primary that these sentinels know by this name, and to its successor when it fails.
    ///
    /// Where the primary wants a user, a password, a database or TLS, its name is given as a URL with the name in the
    /// place of the host. The sentinels' URLs are about the sentinels only.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), session_core::store::StoreError> {
    /// use session_store_redis::RedisStore;
    ///
    /// let sentinels = ["redis://a.internal:26379", "redis://b.internal:26379", "redis://c.internal:26379"];
    /// let store = RedisStore::builder().connect_sentinel(sentinels, "redis://sessions:secret@mymaster/1").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect); and `Refused` if the sentinels know no primary by this name.
    pub async fn connect_sentinel(
        self,
        urls: impl IntoIterator<Item = impl AsRef<str>>,
        primary: &str,
    ) -> Result<RedisStore, StoreError> {
        connected(self.connect_sentinel_lazy(urls, primary)?).await
    }

    /// The store on a primary watched by sentinels, without asking one for anything yet; otherwise as
    /// [`connect_lazy`](Self::connect_lazy).
    ///
    /// # Errors
    ///
    /// As [`connect_lazy`](Self::connect_lazy); and `Refused` if there are no URLs, or the name is a path.
    pub fn connect_sentinel_lazy(
        self,
        urls: impl IntoIterator<Item = impl AsRef<str>>,
        primary: &str,
    ) -> Result<RedisStore, StoreError> {
        let door = if primary.contains("://") {
            self.door(primary)
        } else {
            self.door(&format!("redis://{primary}"))
        };
        let door = door?;
        self.encrypted_if_wanted(&door)?;
        let sentinels = self.doors(urls)?;
        self.store(Link::Sentinel(Sentinel::new(sentinels, door)?))
    }

    /// The store on a connection that the application has made: one shared with other parts of it, say.
    ///
    /// The manager's own options decide how it is made anew. Commands that block must not be sent over it, so
    /// [`wait_for_replicas`](Self::wait_for_replicas) is refused.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub async fn from_manager(self, manager: ConnectionManager) -> Result<RedisStore, StoreError> {
        connected(self.store(Link::Given(manager))?).await
    }

    fn door(&self, url: &str) -> Result<Door, StoreError> {
        Door::parse(url, &self.certificates, self.patience)
    }

    fn doors(&self, urls: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Vec<Door>, StoreError> {
        urls.into_iter().map(|url| self.door(url.as_ref())).collect()
    }

    /// Who gives certificates does not mean to speak in the clear.
    fn encrypted_if_wanted(&self, door: &Door) -> Result<(), StoreError> {
        if self.certificates.is_some() && !door.is_tls() {
            return Err(StoreError::refused("certificates are given, but the URL is not `rediss://`"));
        }
        Ok(())
    }

    fn store(self, link: Link) -> Result<RedisStore, StoreError> {
        let names = Prefixes::parse(&self.prefix)?;
        if self.wanted.is_some() && !link.has_lanes() {
            return Err(StoreError::refused(
                "waiting for replicas needs connections of the store's own; use `connect`",
            ));
        }
        Ok(RedisStore(Arc::new(Inner {
            is_apart: link.is_cluster() && !names.is_in_one_slot(),
            names,
            scripts: Scripts::new(),
            link,
            patience: self.patience,
            lanes: self.wanted.map(Lanes::new),
            purge: Mutex::default(),
            seen: OnceCell::new(),
            may_evict: AtomicBool::new(false),
            walking: tokio::sync::Mutex::default(),
        })))
    }
}

async fn connected(store: RedisStore) -> Result<RedisStore, StoreError> {
    store.in_time(store.ready()).await?;
    Ok(store)
}
