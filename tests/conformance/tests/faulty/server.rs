//! A server that keeps records and speaks lines of JSON: as much of a database as the fault cases need.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

#[derive(Serialize, Deserialize, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) payload: String,
    /// Nanoseconds since 1970.
    pub(crate) expires_at: i128,
    pub(crate) version: u64,
}

#[derive(Serialize, Deserialize)]
pub(crate) enum Request {
    Get(String),
    /// Only where nothing is.
    Add(String, Row),
    /// Only where this version is, or any if none is named.
    Set(String, Row, Option<u64>),
    Move {
        old: String,
        new: String,
        row: Row,
        base: u64,
        left: Option<Row>,
    },
    Remove(String, Option<u64>),
}

#[derive(Serialize, Deserialize)]
pub(crate) enum Reply {
    Found(Option<Row>),
    Done,
    Missing,
    Taken,
    Conflict(Row),
}

type Rows = Arc<Mutex<HashMap<String, Row>>>;

/// Serves on a port of its own for as long as the process lives; answers the host and the port.
pub(crate) fn start() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (listener, rows) = (TcpListener::from_std(listener).unwrap(), Rows::default());
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&rows)));
            }
        });
    });
    address.to_string()
}

async fn serve(stream: TcpStream, rows: Rows) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while stream.read_line(&mut line).await.ok()? > 0 {
        let request = serde_json::from_str(&line).ok()?;
        let reply = answer(&mut rows.lock().unwrap_or_else(PoisonError::into_inner), request);
        let mut reply = serde_json::to_string(&reply).ok()?;
        reply.push('\n');
        stream.write_all(reply.as_bytes()).await.ok()?;
        line.clear();
    }
    Some(())
}

fn answer(rows: &mut HashMap<String, Row>, request: Request) -> Reply {
    let stale = |rows: &HashMap<String, Row>, key: &str, base: Option<u64>| match rows.get(key) {
        None => Some(Reply::Missing),
        Some(row) if base.is_some_and(|base| base != row.version) => Some(Reply::Conflict(row.clone())),
        Some(_) => None,
    };
    match request {
        Request::Get(key) => Reply::Found(rows.get(&key).cloned()),
        Request::Add(key, _) if rows.contains_key(&key) => Reply::Taken,
        Request::Add(key, row) => {
            rows.insert(key, row);
            Reply::Done
        }
        Request::Set(key, row, base) => stale(rows, &key, base).unwrap_or_else(|| {
            rows.insert(key, row);
            Reply::Done
        }),
        Request::Move { old, new, row, base, left } => stale(rows, &old, Some(base)).unwrap_or_else(|| {
            rows.remove(&old);
            rows.extend(left.map(|left| (old, left)));
            rows.insert(new, row);
            Reply::Done
        }),
        Request::Remove(key, base) => stale(rows, &key, base).unwrap_or_else(|| {
            rows.remove(&key);
            Reply::Done
        }),
    }
}
