//! HTTP/1.1 by hand: requests exactly as a test writes them, responses exactly as they come.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::page::Page;
use crate::failure::{Failure, Outcome};

/// One connection to a server.
pub(crate) struct Connection {
    stream: TcpStream,
    /// What has come and was not read yet.
    rest: Vec<u8>,
}

/// A request as it goes over the wire.
pub(crate) struct Message {
    pub(super) method: &'static str,
    pub(super) target: String,
    pub(super) host: String,
    pub(super) lines: Vec<(String, Vec<u8>)>,
    pub(super) body: Vec<u8>,
}

/// How a body ends.
enum Framing {
    None,
    Length(usize),
    Chunked,
    Close,
}

impl Connection {
    /// The server is to close after this request.
    pub(crate) const LAST: bool = false;
    /// Another request will follow.
    pub(crate) const MORE: bool = true;

    pub(crate) async fn open(address: SocketAddr) -> Outcome<Self> {
        Ok(Self { stream: TcpStream::connect(address).await?, rest: Vec::new() })
    }

    pub(crate) async fn send(&mut self, message: &Message, more: bool) -> Outcome {
        let Message { method, target, host, lines, body } = message;
        let mut bytes = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n").into_bytes();
        if !more {
            bytes.extend(b"Connection: close\r\n");
        }
        for (name, value) in lines {
            bytes.extend(name.as_bytes());
            bytes.extend(b": ");
            bytes.extend(value);
            bytes.extend(b"\r\n");
        }
        if !body.is_empty() || *method == "POST" {
            bytes.extend(format!("Content-Length: {}\r\n", body.len()).into_bytes());
        }
        bytes.extend(b"\r\n");
        bytes.extend(body);
        // A server that refuses a request may close before it has read all of it; its answer tells.
        let _sent = self.stream.write_all(&bytes).await;
        Ok(())
    }

    /// Reads a whole response to a request of this method.
    pub(crate) async fn page(&mut self, method: &str) -> Outcome<Page> {
        let Some(mut page) = self.head().await? else { return Ok(Page::none()) };
        match framing(method, &page)? {
            Framing::None => {}
            Framing::Length(length) => page.body = self.exactly(length).await?,
            Framing::Chunked => {
                while let Some(chunk) = self.chunk().await? {
                    page.body.extend(chunk);
                }
            }
            Framing::Close => {
                while self.read().await? {}
                page.body = std::mem::take(&mut self.rest);
            }
        }
        page.read_seen();
        Ok(page)
    }

    /// Reads the head of a response; `None` if the server closed instead.
    pub(crate) async fn head(&mut self) -> Outcome<Option<Page>> {
        loop {
            while find(&self.rest, b"\r\n\r\n").is_none() {
                match self.read().await {
                    Ok(true) => {}
                    // A server that throws a request away may also reset the connection.
                    Ok(false) | Err(_) => return Ok(None),
                }
            }
            let end = find(&self.rest, b"\r\n\r\n").unwrap_or_default();
            let head: Vec<u8> = self.rest.drain(..end + 4).collect();
            let page = Page::parse(&String::from_utf8_lossy(&head))
                .ok_or_else(|| Failure::new("the server's answer is not HTTP/1.1"))?;
            if page.status != 100 {
                return Ok(Some(page));
            }
        }
    }

    /// The next chunk of a chunked body; `None` at its end.
    pub(crate) async fn chunk(&mut self) -> Outcome<Option<Vec<u8>>> {
        let line = self.line().await?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16)
            .map_err(|_| Failure::new("the server's chunked body has no chunk size where one belongs"))?;
        if size == 0 {
            while !self.line().await?.is_empty() {}
            return Ok(None);
        }
        let chunk = self.exactly(size).await?;
        self.line().await?;
        Ok(Some(chunk))
    }

    /// Sends bytes as they are.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> Outcome {
        Ok(self.stream.write_all(bytes).await?)
    }

    async fn line(&mut self) -> Outcome<String> {
        loop {
            if let Some(end) = find(&self.rest, b"\r\n") {
                let line: Vec<u8> = self.rest.drain(..end + 2).collect();
                return Ok(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            self.more().await?;
        }
    }

    pub(super) async fn exactly(&mut self, length: usize) -> Outcome<Vec<u8>> {
        while self.rest.len() < length {
            self.more().await?;
        }
        Ok(self.rest.drain(..length).collect())
    }

    async fn more(&mut self) -> Outcome {
        if self.read().await? {
            Ok(())
        } else {
            Err(Failure::new("the server closed in the middle of its response"))
        }
    }

    async fn read(&mut self) -> Outcome<bool> {
        let mut buffer = [0; 16 * 1024];
        let length = self.stream.read(&mut buffer).await?;
        self.rest.extend(&buffer[..length]);
        Ok(length > 0)
    }
}

fn framing(method: &str, page: &Page) -> Outcome<Framing> {
    if method == "HEAD" || matches!(page.status, 101 | 204 | 304) {
        return Ok(Framing::None);
    }
    if page.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        return Ok(Framing::Chunked);
    }
    match page.header("content-length") {
        Some(length) => {
            let length =
                length.parse().map_err(|_| Failure::new("the server's Content-Length is no number"))?;
            Ok(Framing::Length(length))
        }
        None => Ok(Framing::Close),
    }
}

fn find(bytes: &[u8], mark: &[u8]) -> Option<usize> {
    bytes.windows(mark.len()).position(|window| window == mark)
}
