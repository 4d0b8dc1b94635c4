//! A throw-away primary with replicas, watched by sentinels.

use session_store_redis::RedisStore;

use super::cluster::replicated;
use super::{Server, ask, until};

/// What the sentinels call the primary.
pub const NAME: &str = "mymaster";

/// The first server begins as the primary.
pub struct Watched {
    pub servers: Vec<Server>,
    pub sentinels: Vec<Server>,
}

impl Watched {
    /// A primary, two replicas, three sentinels.
    pub async fn start() -> Option<Self> {
        Self::start_with(&[], "port PORT").await
    }

    /// With these options for the servers, and this in the sentinels' file.
    pub async fn start_with(options: &[&str], file: &str) -> Option<Self> {
        let primary = Server::start_with("redis-sentinel", options)?;
        let of = format!("127.0.0.1 {}", primary.port());
        let options = [options, &["--replicaof", &of, "--repl-diskless-sync-delay", "0"]].concat();
        let mut servers = vec![primary];
        for _ in 0..2 {
            servers.push(Server::start_with("redis-sentinel", &options)?);
        }
        let text = format!(
            "{file}\nbind 127.0.0.1\ndir FOLDER\nsentinel monitor {NAME} {of} 2\n\
             sentinel down-after-milliseconds {NAME} 800\nsentinel failover-timeout {NAME} 3000\n"
        );
        let mut sentinels = Vec::new();
        for _ in 0..3 {
            sentinels.push(Server::start_sentinel(&text)?);
        }
        Some(Self { servers, sentinels })
    }

    /// Waits until the sentinels know the replicas and each other.
    pub async fn ready(self) -> Self {
        for sentinel in &self.sentinels {
            let mut client = sentinel.client().await;
            until("the sentinels", async || {
                let info: String = ask(&mut client, "INFO sentinel").await;
                info.contains("status=ok") && info.contains("slaves=2,sentinels=3")
            })
            .await;
        }
        replicated(&self.servers[0]).await;
        self
    }

    pub fn urls(&self) -> Vec<String> {
        self.sentinels.iter().map(Server::url).collect()
    }

    pub async fn store(&self) -> RedisStore {
        RedisStore::builder().connect_sentinel(self.urls(), NAME).await.unwrap()
    }

    /// Waits until a sentinel names another primary than the first server.
    pub async fn failed_over(&self) {
        let mut client = self.sentinels[0].client().await;
        let first = self.servers[0].port().to_string();
        until("the failover", async || {
            let at: Vec<String> = ask(&mut client, &format!("SENTINEL GET-MASTER-ADDR-BY-NAME {NAME}")).await;
            at[1] != first
        })
        .await;
    }
}
