//! What the tests of the adapters share: a client that speaks HTTP/1.1 by hand, and a browser's memory for one cookie.
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    unused_macros,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what it expects"
)]

mod calls;
mod switched;

use std::net::SocketAddr;

pub(crate) use calls::every_call;
use session_driver::core::policy::PolicyBuilder;
use session_driver::core::{Keyring, Policy};
pub use switched::Switched;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub fn policy() -> PolicyBuilder {
    Policy::builder(Keyring::new("a secret for tests that is long enough"))
}

/// A server under test.
pub struct Server {
    pub address: SocketAddr,
}

impl Server {
    pub async fn get(&self, path: &str, cookie: &str) -> Response {
        self.request("GET", path, &cookie_field(cookie)).await
    }

    /// A request with extra header lines, each ending in CRLF.
    pub async fn request(&self, method: &str, path: &str, lines: &str) -> Response {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{lines}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        // A handler that panics closes the connection without an answer.
        let _ = stream.read_to_end(&mut bytes).await;
        Response::parse(&String::from_utf8_lossy(&bytes))
    }

    /// Asks for an upgrade of the connection to a websocket: the head of the answer, and the connection.
    pub async fn upgrade(&self, path: &str, cookie: &str) -> (Response, TcpStream) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{}\r\n",
            cookie_field(cookie)
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            bytes.push(stream.read_u8().await.unwrap());
        }
        (Response::parse(&String::from_utf8_lossy(&bytes)), stream)
    }
}

/// The next short message of a websocket.
pub async fn message(socket: &mut TcpStream) -> String {
    let mut frame = [0; 2];
    socket.read_exact(&mut frame).await.unwrap();
    let mut text = vec![0; frame[1].into()];
    socket.read_exact(&mut text).await.unwrap();
    String::from_utf8(text).unwrap()
}

pub fn cookie_field(cookie: &str) -> String {
    if cookie.is_empty() { String::new() } else { format!("Cookie: {cookie}\r\n") }
}

#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Response {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let status =
            lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Self { status: status.unwrap_or(0), headers, body: body.to_owned() }
    }

    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(present, _)| present == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The session cookie that a browser has after this response.
    pub fn cookie(&self, before: &str) -> String {
        let line = self.named_cookie("sid").or_else(|| self.named_cookie("__Host-sid"));
        match line {
            None => before.to_owned(),
            Some(line) if line.contains("Max-Age=0") => String::new(),
            Some(line) => line.split(';').next().unwrap().to_owned(),
        }
    }

    /// The `Set-Cookie` line of a name.
    pub fn named_cookie(&self, name: &str) -> Option<&str> {
        let is_it = |line: &&str| line.split_once('=').is_some_and(|(present, _)| present == name);
        self.all("set-cookie").into_iter().find(is_it)
    }
}
