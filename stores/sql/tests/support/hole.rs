//! A way to a server that can become a black hole: bytes go in, none come out, and nobody says so.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Listens on a port of its own and passes everything on, until it is closed.
pub(crate) struct Hole {
    pub(crate) port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    closed: AtomicBool,
    /// How often all connections have been cut.
    cuts: watch::Sender<u32>,
    /// What is in the last answer that gets through.
    last_words: OnceLock<&'static str>,
}

impl Hole {
    /// The way to `server`, a host and a port.
    pub(crate) async fn before(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::<State>::default();
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                let (client, server) = (client.into_split(), server.into_split());
                let (shared, mut cut) = (Arc::clone(&shared), shared.cuts.subscribe());
                tokio::spawn(async move {
                    let there = pass(client.0, server.1, Arc::clone(&shared));
                    let back = pass(server.0, client.1, shared);
                    tokio::select! {
                        _ = async { tokio::join!(there, back) } => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Self { port, state }
    }

    /// Swallows everything from now on. What is connected already stays swallowed.
    pub(crate) fn close(&self) {
        self.state.closed.store(true, Ordering::SeqCst);
    }

    /// Swallows everything behind the first answer in which these words are.
    pub(crate) fn close_behind(&self, last_words: &'static str) {
        self.state.last_words.set(last_words).unwrap();
    }

    /// Cuts all connections that there are now. New ones get through.
    pub(crate) fn cut(&self) {
        self.state.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// New connections get through again.
    pub(crate) fn open(&self) {
        self.state.closed.store(false, Ordering::SeqCst);
    }
}

async fn pass(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    state: Arc<State>,
) {
    let mut bytes = vec![0; 1 << 16];
    let mut swallowed = false;
    while let Ok(count) = from.read(&mut bytes).await {
        swallowed |= state.closed.load(Ordering::SeqCst);
        if count == 0 {
            return;
        }
        let heard = |words: &&str| bytes[..count].windows(words.len()).any(|part| part == words.as_bytes());
        if !swallowed && state.last_words.get().is_some_and(heard) {
            state.closed.store(true, Ordering::SeqCst);
        }
        if !swallowed && to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
