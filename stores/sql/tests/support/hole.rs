//! A way to a server that can become a black hole: bytes go in, none come out, and nobody says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Listens on a port of its own and passes everything on, until it is closed.
pub(crate) struct Hole {
    pub(crate) port: u16,
    closed: Arc<AtomicBool>,
}

impl Hole {
    /// The way to `server`, a host and a port.
    pub(crate) async fn before(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let closed = Arc::new(AtomicBool::new(false));
        let is_closed = Arc::clone(&closed);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                let (client, server) = (client.into_split(), server.into_split());
                tokio::spawn(pass(client.0, server.1, Arc::clone(&is_closed)));
                tokio::spawn(pass(server.0, client.1, Arc::clone(&is_closed)));
            }
        });
        Self { port, closed }
    }

    /// Swallows everything from now on. What is connected already stays swallowed.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// New connections get through again.
    pub(crate) fn open(&self) {
        self.closed.store(false, Ordering::SeqCst);
    }
}

async fn pass(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    closed: Arc<AtomicBool>,
) {
    let mut bytes = vec![0; 1 << 16];
    let mut swallowed = false;
    while let Ok(count) = from.read(&mut bytes).await {
        swallowed |= closed.load(Ordering::SeqCst);
        if count == 0 {
            return;
        }
        if !swallowed && to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
