//! A throw-away cluster for one test.

use std::process::Command;

use session_store_redis::RedisStore;

use super::{Server, ask, until};

/// Some primaries, and as many replicas of each as asked for.
pub struct Cluster(pub Vec<Server>);

impl Cluster {
    pub async fn start(primaries: usize, replicas: usize) -> Option<Self> {
        let options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"];
        Self::start_with(primaries, replicas, &options, &[]).await
    }

    /// With these options for the servers, and for `redis-cli`.
    pub async fn start_with(
        primaries: usize,
        replicas: usize,
        options: &[&str],
        client: &[&str],
    ) -> Option<Self> {
        let count = primaries * (1 + replicas);
        let nodes: Option<Vec<_>> =
            (0..count).map(|_| Server::start_with("redis-cluster", options)).collect();
        let nodes = nodes?;
        let mut create = Command::new("redis-cli");
        create.args(client).args(["--cluster", "create"]);
        create.args(nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())));
        create.args(["--cluster-replicas", &replicas.to_string(), "--cluster-yes"]);
        let output = create.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        Some(Self(nodes))
    }

    /// Waits until all nodes agree, and all replicas follow.
    pub async fn ready(self) -> Self {
        for node in &self.0 {
            let mut client = node.client().await;
            until("the cluster", async || {
                let info: String = ask(&mut client, "CLUSTER INFO").await;
                let replication: String = ask(&mut client, "INFO replication").await;
                info.contains("cluster_state:ok")
                    && (replication.contains("role:master") || replication.contains("master_link_status:up"))
            })
            .await;
        }
        self
    }

    pub fn urls(&self) -> Vec<String> {
        self.0.iter().map(Server::url).collect()
    }

    pub async fn store(&self) -> RedisStore {
        RedisStore::builder().connect_cluster(self.urls()).await.unwrap()
    }

    /// The nodes that hold slots now, by what a node says of itself; dead ones are not asked.
    pub async fn primaries(&self, dead: Option<u16>) -> Vec<&Server> {
        let mut primaries = Vec::new();
        for node in self.0.iter().filter(|node| Some(node.port()) != dead) {
            let mut client = node.client().await;
            let nodes: String = ask(&mut client, "CLUSTER NODES").await;
            let own = nodes.lines().find(|line| line.contains("myself")).unwrap().to_owned();
            if own.contains("master") && own.split(' ').count() > 8 {
                primaries.push(node);
            }
        }
        primaries
    }

    /// The primary of a slot.
    pub async fn primary_of(&self, key: &str) -> &Server {
        for node in self.primaries(None).await {
            let mut client = node.client().await;
            let mut exists = session_store_redis::redis::cmd("EXISTS");
            if exists.arg(key).exec_async(&mut client).await.is_ok() {
                return node;
            }
        }
        panic!("no node has the slot");
    }

    /// Waits until replicas have all that their primaries have.
    pub async fn replicated(&self) {
        for node in self.primaries(None).await {
            replicated(node).await;
        }
    }
}

/// Waits until the replicas of a server, of which there is one at least, have all that it has.
pub async fn replicated(primary: &Server) {
    let mut client = primary.client().await;
    until("the replicas' confirmation", async || {
        let info: String = ask(&mut client, "INFO replication").await;
        let own = info.lines().find_map(|line| line.strip_prefix("master_repl_offset:")).unwrap();
        let expected = format!("offset={own},");
        let mut replicas =
            info.lines().filter(|line| line.starts_with("slave") && line.contains("ip=")).peekable();
        replicas.peek().is_some()
            && replicas.all(|line| line.contains("state=online") && line.contains(&expected))
    })
    .await;
}

/// Lets a primary go on without its replicas, which cannot come back to it.
pub async fn cut_off(primary: &Server) {
    let mut client = primary.client().await;
    let _: String = ask(&mut client, "ACL SETUSER default -psync -sync").await;
    let _: i64 = ask(&mut client, "CLIENT KILL TYPE replica").await;
}
