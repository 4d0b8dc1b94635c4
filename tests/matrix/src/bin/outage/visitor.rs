//! A browser that keeps one cookie and one connection.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

pub(crate) struct Visitor {
    address: SocketAddr,
    connection: Option<BufReader<TcpStream>>,
    cookie: Option<String>,
}

/// What it was answered.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Visitor {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, connection: None, cookie: None }
    }

    pub(crate) async fn ask(&mut self, method: &str, path: &str) -> Result<Seen, String> {
        self.exchange(method, path).await.map_err(|error| format!("the site did not answer: {error}"))
    }

    async fn exchange(&mut self, method: &str, path: &str) -> std::io::Result<Seen> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => BufReader::new(TcpStream::connect(self.address).await?),
        };
        let cookie = self.cookie.as_ref().map(|cookie| format!("Cookie: {cookie}\r\n")).unwrap_or_default();
        let request =
            format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{cookie}Content-Length: 0\r\n\r\n");
        connection.write_all(request.as_bytes()).await?;
        let (mut status, mut length, mut line) = (0, 0, String::new());
        while connection.read_line(&mut line).await? > 0 && line.trim_end() != "" {
            let field = line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim()));
            match field.as_ref().map(|(name, value)| (name.as_str(), *value)) {
                Some(("content-length", value)) => length = value.parse().unwrap_or(0),
                Some(("set-cookie", value)) => self.cookie = value.split(';').next().map(str::to_owned),
                _ if status == 0 => status = line.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0),
                _ => {}
            }
            line.clear();
        }
        let mut body = vec![0; length];
        connection.read_exact(&mut body).await?;
        self.connection = Some(connection);
        Ok(Seen { status, body: String::from_utf8_lossy(&body).into_owned() })
    }
}
