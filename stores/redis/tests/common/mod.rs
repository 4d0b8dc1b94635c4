//! A throw-away Redis server for one test, and a few words to talk to it directly.
#![allow(dead_code, unreachable_pub, reason = "each test uses some of it")]

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use session_core::StoreKey;
use session_core::store::{Owner, Record};
use session_store_redis::RedisStore;
use session_store_redis::redis::aio::MultiplexedConnection;
use session_store_redis::redis::{self, FromRedisValue};
use time::OffsetDateTime;

/// A `redis-server` of this test's own, ended when it is dropped.
pub struct Server {
    child: Child,
    port: u16,
    folder: PathBuf,
}

impl Server {
    /// `None` if there is no `redis-server` here, unless `SESSION_REQUIRE` names `redis`.
    pub fn start() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("session-store-redis-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let started = launch(port, &folder);
        let required =
            std::env::var("SESSION_REQUIRE").is_ok_and(|list| list.split(',').any(|s| s == "redis"));
        assert!(
            started.is_some() || !required,
            "SESSION_REQUIRE names `redis`, and there is no redis-server"
        );
        if started.is_none() {
            eprintln!("ignored: there is no redis-server");
        }
        Some(Self { child: started?, port, folder })
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn restart(&mut self) {
        self.child = launch(self.port, &self.folder).unwrap();
    }

    /// Sends a signal: `STOP` makes the server silent without closing anything, `CONT` wakes it.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    pub async fn store(&self) -> RedisStore {
        RedisStore::connect(&self.url()).await.unwrap()
    }

    pub async fn client(&self) -> MultiplexedConnection {
        redis::Client::open(self.url()).unwrap().get_multiplexed_async_connection().await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn launch(port: u16, folder: &PathBuf) -> Option<Child> {
    let child = Command::new("redis-server")
        .args([
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
        ])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let begun = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20), "the server does not listen");
        std::thread::sleep(Duration::from_millis(10));
    }
    Some(child)
}

/// Sends one command, its words apart by spaces.
pub async fn ask<T: FromRedisValue>(client: &mut MultiplexedConnection, words: &str) -> T {
    let words: Vec<&str> = words.split(' ').collect();
    words_of(client, &words).await
}

/// Sends one command.
pub async fn words_of<T: FromRedisValue>(client: &mut MultiplexedConnection, words: &[&str]) -> T {
    let mut command = redis::cmd(words[0]);
    for word in &words[1..] {
        command.arg(*word);
    }
    command.query_async(client).await.unwrap()
}

pub fn key(text: &str) -> StoreKey {
    StoreKey::from_stored(text)
}

pub fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// A session of ten minutes that holds `n`.
pub fn record(n: u64, owner: Option<&str>) -> Record {
    let facts = owner.map_or_else(String::new, |owner| format!(r#","_session":{{"v":1,"owner":"{owner}"}}"#));
    let payload = format!(
        r#"{{"cookie":{{"originalMaxAge":600000,"expires":"2020-01-01T00:00:00.000Z"}},"n":{n}{facts}}}"#
    );
    let owner = owner.and_then(Owner::new);
    Record { payload: payload.into(), expires_at: now() + Duration::from_secs(600), owner }
}

/// How many keys there are that would stay for ever.
pub async fn without_ttl(client: &mut MultiplexedConnection) -> usize {
    let keys: Vec<String> = ask(client, "KEYS *").await;
    let mut count = 0;
    for key in keys {
        let ttl: i64 = words_of(client, &["PTTL", &key]).await;
        count += usize::from(ttl == -1);
    }
    count
}
