//! A `mongod` of a test's own, which may be started late, killed, and have a clock that is wrong.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use session_store_mongodb::mongodb::Client;
use session_store_mongodb::mongodb::bson::{Document, doc};
use tempfile::TempDir;

/// A server with a folder and a port of its own; it ends when it is dropped.
pub struct Own {
    pub port: u16,
    program: Vec<PathBuf>,
    options: Vec<String>,
    folder: TempDir,
    running: Option<Child>,
}

impl Own {
    /// A server that is not started yet. `None`, with a word, where the machine has no `mongod`, or no `faketime` if the clock
    /// is to be shifted by so much (`+10m`); where `CI` is set, that is a failure.
    pub fn prepare(shift: Option<&str>, options: &[&str]) -> Option<Self> {
        let mut program = Vec::new();
        if let Some(shift) = shift {
            program = vec![wanted("faketime")?, "--exclude-monotonic".into(), "-f".into(), shift.into()];
        }
        program.push(wanted("mongod")?);
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        Some(Self { port, program, options, folder: tempfile::tempdir().unwrap(), running: None })
    }

    /// Starts it, and waits until it listens.
    pub fn start(&mut self) {
        let data = self.folder.path().join("data");
        std::fs::create_dir_all(&data).unwrap();
        let child = Command::new(&self.program[0])
            .args(&self.program[1..])
            .arg("--dbpath")
            .arg(data)
            .args(["--port", &self.port.to_string(), "--bind_ip", "127.0.0.1", "--nounixsocket"])
            .args(["--wiredTigerCacheSizeGB", "0.25"])
            .args(["--setParameter", "diagnosticDataCollectionEnabled=false"])
            .args(&self.options)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.running = Some(child.unwrap());
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "mongod does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it without a word to anybody.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.running.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// This server and no other.
    pub fn url(&self) -> String {
        format!("mongodb://127.0.0.1:{}/?directConnection=true", self.port)
    }

    pub async fn client(&self) -> Client {
        Client::with_uri_str(self.url()).await.unwrap()
    }

    pub async fn command(&self, command: Document) -> Document {
        self.client().await.database("admin").run_command(command).await.unwrap()
    }

    pub async fn is_primary(&self) -> bool {
        self.command(doc! { "hello": 1 }).await.get_bool("isWritablePrimary").unwrap()
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Where a program is: on the path, or where `cargo xtask services` keeps what it has downloaded.
fn wanted(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let cache = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/services-cache");
    let found =
        std::env::split_paths(&path).chain([cache]).map(|at| at.join(name)).find(|path| path.is_file());
    if found.is_none() {
        let in_ci = std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"));
        assert!(!in_ci, "there is no program `{name}`");
        eprintln!("ignored: there is no program `{name}` on this machine");
    }
    found
}

/// Asks until it is so.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what} does not come");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
