//! A database server of a test's own, which may be started late, stopped and set up as it likes.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A server that listens on a port of its own, once it is started.
pub(crate) struct Own {
    pub(crate) port: u16,
    /// What it is told besides when it is started.
    pub(crate) options: &'static [&'static str],
    /// What its clock is shifted by.
    clock: Vec<(String, String)>,
    folder: TempDir,
    start: fn(&Own) -> Command,
    running: Option<Child>,
}

impl Own {
    /// A data folder that `make` fills and `start` starts a server on; `None`, with a word, where the machine has no such
    /// program.
    pub(crate) fn prepare(
        program: &str,
        make: impl FnOnce(&Own) -> Command,
        start: fn(&Own) -> Command,
    ) -> Option<Self> {
        if find(program).is_none() {
            eprintln!("there is no program `{program}` on this machine, so this was not tried");
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let own = Self {
            port,
            options: &[],
            clock: Vec::new(),
            folder: tempfile::tempdir().unwrap(),
            start,
            running: None,
        };
        let made = make(&own)
            .env("TMPDIR", own.folder())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Some(own)
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Shifts the clock of the server by so much (`+10m`) when it is started. `None`, with a word, where the machine has no
    /// `faketime`; where `CI` is set, that is a failure.
    #[allow(dead_code, reason = "not every test needs a wrong clock")]
    pub(crate) fn shifted(mut self, by: &str) -> Option<Self> {
        let Some(faketime) = find("faketime") else {
            let in_ci = std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"));
            assert!(!in_ci, "there is no program `faketime`");
            eprintln!("there is no program `faketime` on this machine, so this was not tried");
            return None;
        };
        let shown = Command::new(faketime).args(["--exclude-monotonic", "-f", by, "env"]).output().unwrap();
        let shown = String::from_utf8(shown.stdout).unwrap();
        let variables = shown.lines().filter_map(|line| line.split_once('='));
        // What several processes share ends with the program that was just asked.
        let wanted =
            |name: &str| name == "LD_PRELOAD" || (name.contains("FAKE") && name != "FAKETIME_SHARED");
        let wanted = variables.filter(|(name, _)| wanted(name));
        self.clock = wanted.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        assert!(self.clock.len() >= 2, "{:?}", self.clock);
        Some(self)
    }

    /// Starts the server, and waits until it listens.
    pub(crate) fn start(&mut self) {
        let mut command = (self.start)(self);
        let child = command
            .args(self.options)
            .envs(self.clock.iter().map(|(name, value)| (name, value)))
            .env("TMPDIR", self.folder())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.running = Some(child.unwrap());
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "the server does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        if let Some(child) = &mut self.running {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Where a program is, if it is anywhere.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    // Debian keeps those of PostgreSQL apart.
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    folders.extend(versions.map(|version| version.path().join("bin")));
    folders.into_iter().map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// Asks until it is so.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what} does not come");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
