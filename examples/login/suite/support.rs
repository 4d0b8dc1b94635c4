//! The program under test, and a client that sends exactly what it is told to: no cookie jar, no redirects.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A running login example, ended when dropped.
pub(crate) struct Site {
    process: Child,
    address: String,
    database: Option<PathBuf>,
    /// Holds what the program keeps between two starts.
    folder: tempfile::TempDir,
}

impl Site {
    /// Starts the program with the memory store.
    pub(crate) fn in_memory() -> Self {
        Self::start(tempfile::tempdir().unwrap(), None)
    }

    /// Starts the program with a new SQLite database.
    pub(crate) fn in_sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("login.sqlite3");
        Self::start(folder, Some(database))
    }

    fn start(folder: tempfile::TempDir, database: Option<PathBuf>) -> Self {
        let mut command = Command::new(crate::PROGRAM);
        command.args(["--port", "0", "--store"]);
        match &database {
            Some(database) => command.arg("sqlite").arg("--database").arg(database),
            None => command.arg("memory"),
        };
        command.env_remove("SESSION_SECRET").stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = lines
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("Listening on http://").map(str::to_owned))
            .expect("the program says where it listens");
        Self { process, address, database, folder }
    }

    /// Asks the program to stop, waits until it has, and starts it again on the same files.
    pub(crate) fn restart(mut self) -> Self {
        let status = self.stop();
        assert!(status.success(), "{status}");
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
        Self::start(folder, self.database.clone())
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) fn stop(&mut self) -> std::process::ExitStatus {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.process.wait().unwrap()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn get(&self, path: &str) -> Request<'_> {
        Request::new(self, "GET", path)
    }

    pub(crate) fn post(&self, path: &str, form: &[(&str, &str)]) -> Request<'_> {
        let mut request = Request::new(self, "POST", path);
        request.body = form
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect::<Vec<_>>()
            .join("&");
        request.header("Content-Type", "application/x-www-form-urlencoded")
    }

    /// Posts a body that is no form.
    pub(crate) fn post_text(&self, path: &str, body: &str) -> Request<'_> {
        let mut request = Request::new(self, "POST", path);
        request.body = body.to_owned();
        request.header("Content-Type", "text/plain")
    }

    /// Signs in and returns the session cookie.
    pub(crate) fn log_in(&self) -> String {
        let response = self.post("/user", &[("username", "user1"), ("password", "mypassword")]).send();
        assert_eq!(response.status, 303, "{}", response.body);
        response.cookie().expect("a login sets a cookie")
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // It may have stopped by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn encoded(value: &str) -> String {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    value
        .bytes()
        .map(|byte| if safe(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// A request that is yet to be sent.
pub(crate) struct Request<'a> {
    site: &'a Site,
    head: String,
    body: String,
}

impl<'a> Request<'a> {
    fn new(site: &'a Site, method: &str, path: &str) -> Self {
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", site.address);
        Self { site, head, body: String::new() }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.head += &format!("{name}: {value}\r\n");
        self
    }

    /// Sends a cookie, as [`Response::cookie`] gave it.
    pub(crate) fn cookie(self, cookie: &str) -> Self {
        self.header("Cookie", cookie)
    }

    /// What a browser adds to a form of the site itself.
    pub(crate) fn on_own_page(self) -> Self {
        let origin = format!("http://{}", self.site.address);
        self.header("Origin", &origin).header("Sec-Fetch-Site", "same-origin")
    }

    pub(crate) fn send(self) -> Response {
        let mut stream = TcpStream::connect(&self.site.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let length = self.body.len();
        stream
            .write_all(format!("{}Content-Length: {length}\r\n\r\n{}", self.head, self.body).as_bytes())
            .unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        Response::parse(&response)
    }
}

/// A response.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Response {
    fn parse(response: &str) -> Self {
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Self { status, headers, body: body.to_owned() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The session cookie that it sets, ready to be sent.
    pub(crate) fn cookie(&self) -> Option<String> {
        Some(self.header("set-cookie")?.split(';').next()?.to_owned())
    }

    /// The token of its first form.
    pub(crate) fn token(&self) -> String {
        let (_, rest) =
            self.body.split_once("name=\"csrf\" value=\"").expect("the page has a form with a token");
        rest.split('"').next().unwrap().to_owned()
    }

    pub(crate) fn has(&self, text: &str) -> bool {
        self.body.contains(text)
    }
}
