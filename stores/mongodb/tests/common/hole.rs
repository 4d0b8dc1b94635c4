//! A way to a server that can become a black hole: bytes go in, none come out, and nobody says so; or that is closed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const OPEN: u8 = 0;
const SILENT: u8 = 1;
const CLOSED: u8 = 2;

/// Listens on a port of its own and passes everything on, until it is told not to.
pub struct Hole {
    pub port: u16,
    state: Arc<AtomicU8>,
}

impl Hole {
    /// The way to `server`, a host and a port.
    pub async fn before(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(AtomicU8::new(OPEN));
        let is = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if is.load(Ordering::SeqCst) == CLOSED {
                    continue;
                }
                let server = TcpStream::connect(&server).await.unwrap();
                let (client, server) = (client.into_split(), server.into_split());
                tokio::spawn(pass(client.0, server.1, Arc::clone(&is)));
                tokio::spawn(pass(server.0, client.1, Arc::clone(&is)));
            }
        });
        Self { port, state }
    }

    /// Swallows everything from now on. What is connected already stays swallowed.
    pub fn fall_silent(&self) {
        self.state.store(SILENT, Ordering::SeqCst);
    }

    /// Closes each connection, new or old, with the next byte.
    pub fn close(&self) {
        self.state.store(CLOSED, Ordering::SeqCst);
    }

    /// New connections get through again.
    pub fn open(&self) {
        self.state.store(OPEN, Ordering::SeqCst);
    }
}

async fn pass(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    state: Arc<AtomicU8>,
) {
    let mut bytes = vec![0; 1 << 16];
    let mut swallowed = false;
    while let Ok(count) = from.read(&mut bytes).await {
        swallowed |= state.load(Ordering::SeqCst) == SILENT;
        if count == 0 || state.load(Ordering::SeqCst) == CLOSED {
            return;
        }
        if !swallowed && to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
