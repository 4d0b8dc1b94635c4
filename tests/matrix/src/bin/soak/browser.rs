//! A browser that keeps one cookie, and a connection to each process of the site.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// How long a browser waits for a page before it gives up. No page may take so long.
const GIVES_UP: Duration = Duration::from_secs(20);

/// What came of a request.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A response, with what its `Set-Cookie` says: nothing, a cookie, or (empty) that it is taken away.
    Page { status: u16, body: String, set_cookie: Option<String> },
    /// The request did not reach the site.
    NotSent,
    /// The connection ended, or the browser gave up, before there was an answer: whatever was asked may have been done.
    None,
}

/// How a browser behaves during a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Usual,
    /// It closes the connection so long after it has asked, whatever it was about to be told.
    Leaves(Duration),
    /// It sends the request in two halves, and reads so long after it has asked.
    Slow(Duration),
}

#[derive(Default)]
pub(crate) struct Browser {
    connections: HashMap<SocketAddr, BufReader<TcpStream>>,
}

impl Browser {
    /// Asks for a page, with this cookie; and says how long it took.
    pub(crate) async fn ask(
        &mut self,
        site: SocketAddr,
        path: &str,
        cookie: Option<&str>,
        manner: Manner,
    ) -> (Answer, Duration) {
        let begun = Instant::now();
        let answer = tokio::time::timeout(GIVES_UP, self.exchange(site, path, cookie, manner)).await;
        let own = match manner {
            Manner::Usual | Manner::Leaves(_) => Duration::ZERO,
            Manner::Slow(time) => 2 * time,
        };
        (answer.unwrap_or(Answer::None), begun.elapsed().saturating_sub(own))
    }

    async fn exchange(
        &mut self,
        site: SocketAddr,
        path: &str,
        cookie: Option<&str>,
        manner: Manner,
    ) -> Answer {
        let mut connection = match self.connections.remove(&site) {
            Some(connection) => connection,
            None => match TcpStream::connect(site).await {
                Ok(stream) => BufReader::new(stream),
                Err(_) => return Answer::NotSent,
            },
        };
        match page(&mut connection, path, cookie, manner).await {
            Ok(page) => {
                self.connections.insert(site, connection);
                page
            }
            Err(_) => Answer::None,
        }
    }
}

async fn page(
    connection: &mut BufReader<TcpStream>,
    path: &str,
    cookie: Option<&str>,
    manner: Manner,
) -> std::io::Result<Answer> {
    let cookie = cookie.map(|cookie| format!("Cookie: {cookie}\r\n")).unwrap_or_default();
    let request = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n{cookie}Content-Length: 0\r\n\r\n");
    match manner {
        Manner::Usual => connection.write_all(request.as_bytes()).await?,
        Manner::Leaves(time) => {
            connection.write_all(request.as_bytes()).await?;
            tokio::time::sleep(time).await;
            return Err(std::io::ErrorKind::ConnectionAborted.into());
        }
        Manner::Slow(time) => {
            let (half, rest) = request.split_at(request.len() / 2);
            connection.write_all(half.as_bytes()).await?;
            tokio::time::sleep(time).await;
            connection.write_all(rest.as_bytes()).await?;
            tokio::time::sleep(time).await;
        }
    }
    let (mut status, mut length, mut set_cookie, mut line) = (0, 0, None, String::new());
    loop {
        line.clear();
        if connection.read_line(&mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let text = line.trim_end();
        if text.is_empty() {
            break;
        }
        if status == 0 {
            status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
            continue;
        }
        let (name, value) = text.split_once(':').unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "set-cookie" => set_cookie = Some(kept(value.trim())),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await?;
    Ok(Answer::Page { status, body: String::from_utf8_lossy(&body).into_owned(), set_cookie })
}

/// The `name=value` of a `Set-Cookie`; empty if it takes the cookie away.
fn kept(line: &str) -> String {
    let pair = line.split(';').next().unwrap_or_default();
    if pair.ends_with('=') { String::new() } else { pair.to_owned() }
}
