//! Throw-away Redis servers for one test, and a few words to talk to them directly.
#![allow(dead_code, unreachable_pub, reason = "each test uses some of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

pub mod cluster;
pub mod life;
pub mod load;
pub mod monitor;
pub mod sentinel;

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
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
    /// The program and what comes before its options.
    program: Vec<String>,
    options: Vec<String>,
}

impl Server {
    /// `None` if there is no `redis-server` here, unless `SESSION_REQUIRE` names `redis`.
    pub fn start() -> Option<Self> {
        Self::start_with("redis", &[])
    }

    /// The same with further options, for a test of what `SESSION_REQUIRE` calls `kind`. They are words of the command
    /// line; in each, `PORT` stands for the server's port, and `FOLDER` for its folder.
    pub fn start_with(kind: &str, options: &[&str]) -> Option<Self> {
        Self::launch(kind, &["redis-server"], None, options)
    }

    /// The same by another program, or below one: `faketime` say. `None` if it cannot be run.
    pub fn start_by(program: &[&str], options: &[&str]) -> Option<Self> {
        Self::launch("", program, None, options)
    }

    /// A sentinel, which has its options from a file that it rewrites.
    pub fn start_sentinel(text: &str) -> Option<Self> {
        Self::launch("redis-sentinel", &["redis-server"], Some(text), &["--sentinel"])
    }

    fn launch(kind: &str, program: &[&str], file: Option<&str>, options: &[&str]) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("session-store-redis-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let port = free_port();
        let filled =
            |text: &str| text.replace("PORT", &port.to_string()).replace("FOLDER", folder.to_str().unwrap());
        let mut words = Vec::new();
        if let Some(text) = file {
            let path = folder.join("server.conf");
            std::fs::write(&path, filled(text)).unwrap();
            words.push(path.to_str().unwrap().to_owned());
        }
        words.extend(options.iter().map(|word| filled(word)));
        let program: Vec<String> = program.iter().map(|word| (*word).to_owned()).collect();
        let started = launch(&program, port, &folder, &words);
        let required = std::env::var("SESSION_REQUIRE").is_ok_and(|list| list.split(',').any(|s| s == kind));
        assert!(
            started.is_some() || !required,
            "SESSION_REQUIRE names `{kind}`, and there is no redis-server"
        );
        if started.is_none() {
            eprintln!("ignored: there is no redis-server");
        }
        Some(Self { child: started?, port, folder, program, options: words })
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn restart(&mut self) {
        self.child = launch(&self.program, self.port, &self.folder, &self.options).unwrap();
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
        // The machine may be busy; it is not this connection that is under test.
        let patient = redis::AsyncConnectionConfig::new()
            .set_connection_timeout(Some(Duration::from_secs(20)))
            .set_response_timeout(Some(Duration::from_secs(20)));
        let client = redis::Client::open(self.url()).unwrap();
        client.get_multiplexed_async_connection_with_config(&patient).await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A port that is free, and so is the one that a cluster node listens on above it.
fn free_port() -> u16 {
    loop {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        if port.checked_add(10_000).is_some_and(|bus| TcpListener::bind(("127.0.0.1", bus)).is_ok()) {
            return port;
        }
    }
}

fn launch(program: &[String], port: u16, folder: &Path, options: &[String]) -> Option<Child> {
    let mut command = Command::new(program.first()?);
    command.args(program.iter().skip(1));
    // Sentinels have a file of their own, which says it all.
    if !options.iter().any(|option| option == "--sentinel") {
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"]).arg(folder);
    }
    if !options.iter().any(|option| option.ends_with("-port") || option == "--sentinel") {
        command.args(["--port", &port.to_string()]);
    }
    let child = command
        .args(options)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20), "the server does not listen");
        std::thread::sleep(Duration::from_millis(10));
    }
    Some(child)
}

/// Waits until it is so.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what} does not come");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
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
