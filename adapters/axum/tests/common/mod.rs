//! A server on a free port, a client that speaks HTTP/1.1 by hand, and a browser's memory for one cookie.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what it expects"
)]

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use session_axum::policy::PolicyBuilder;
use session_axum::store::Store;
use session_axum::{Keyring, Policy, SessionLayer, Sessions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub fn policy() -> PolicyBuilder {
    Policy::builder(Keyring::new("a secret for tests that is long enough"))
}

/// A router behind a session layer, served.
pub struct Server {
    pub address: SocketAddr,
}

impl Server {
    pub async fn start(policy: PolicyBuilder, store: Arc<dyn Store>, router: Router) -> Self {
        let sessions = Sessions::new(policy.build().unwrap(), store);
        Self::serve(router.layer(SessionLayer::new(sessions))).await
    }

    pub async fn serve(app: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address }
    }

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
        match self
            .all("set-cookie")
            .iter()
            .find(|line| line.starts_with("sid=") || line.starts_with("__Host-sid="))
        {
            None => before.to_owned(),
            Some(line) if line.contains("Max-Age=0") => String::new(),
            Some(line) => line.split(';').next().unwrap().to_owned(),
        }
    }
}
