//! The same router behind hyper's HTTP/1, over a connection that stays within this process: what a server does beside, the
//! system's network left out.

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use crate::site::{self, Answer, Reading, Site};

/// A connection that is kept open.
pub(super) struct Served {
    stream: DuplexStream,
    buffer: Vec<u8>,
}

impl Served {
    pub(super) fn new(router: Router) -> Self {
        let (stream, server) = tokio::io::duplex(16 * 1024);
        let connection =
            http1::Builder::new().serve_connection(TokioIo::new(server), TowerToHyperService::new(router));
        // It ends when the client's half is dropped; a failure shows there as an answer that does not come.
        tokio::spawn(async move { drop(connection.await) });
        Self { stream, buffer: Vec::with_capacity(16 * 1024) }
    }

    /// Reads on until the buffer holds `enough`, as that says.
    async fn read_until<T>(&mut self, enough: impl Fn(&[u8]) -> Option<T>) -> Result<T, String> {
        loop {
            if let Some(found) = enough(&self.buffer) {
                return Ok(found);
            }
            let read = self.stream.read_buf(&mut self.buffer).await.map_err(|error| error.to_string())?;
            if read == 0 {
                return Err("the server has closed the connection".into());
            }
        }
    }
}

impl Site for Served {
    async fn ask(
        &mut self,
        path: &'static str,
        cookie: Option<&str>,
        reading: Reading,
    ) -> Result<Answer, String> {
        self.buffer.clear();
        for part in ["GET ", path, " HTTP/1.1\r\nhost: localhost\r\n"] {
            self.buffer.extend_from_slice(part.as_bytes());
        }
        if let Some(cookie) = cookie {
            for part in ["cookie: ", cookie, "\r\n"] {
                self.buffer.extend_from_slice(part.as_bytes());
            }
        }
        self.buffer.extend_from_slice(b"\r\n");
        self.stream.write_all(&self.buffer).await.map_err(|error| error.to_string())?;
        self.buffer.clear();

        let head = self.read_until(|buffer| buffer.windows(4).position(|end| end == b"\r\n\r\n")).await?;
        let lines = || self.buffer[..head].split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let number = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<u16>().ok();
        let status = lines().next().and_then(|line| number(line.get(9..12)?));
        let length = lines().find_map(|line| number(line.strip_prefix(b"content-length: ")?));
        let cookie = site::next_cookie(lines().filter_map(|line| line.strip_prefix(b"set-cookie: ")));
        let (status, length) = status.zip(length).ok_or("the server answers what is not expected here")?;
        let end = head + 4 + usize::from(length);
        self.read_until(|buffer| (buffer.len() >= end).then_some(())).await?;
        let text = match reading {
            Reading::Head => String::new(),
            Reading::Text => site::text(&self.buffer[head + 4..end])?,
        };
        Ok(Answer { status, cookie, text })
    }
}
