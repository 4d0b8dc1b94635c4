//! A way to a server on which things go wrong when they are told to.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What happens on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weather {
    /// Nothing.
    Fair,
    /// Nobody listens, and what was connected is cut.
    Refused,
    /// What is sent vanishes, on old and on new connections, and nobody says so.
    Silent,
    /// One more piece of an answer comes through on each connection; then all that is sent there vanishes, for good.
    SilentBehindAnswers,
    /// Each piece of an answer comes this much later.
    Slow(Duration),
    /// Of the answers from now on, only as many bytes come through as [`Proxy::cut_after_bytes`] said; then all is cut.
    CutInBytes,
    /// The same in pieces, of which one is what the server sends at a time; and only one connection is cut. Then the
    /// weather is fair, and who sends its request again on another connection is answered.
    CutInPieces,
}

/// Listens on an address of its own and passes everything on to the server, as the weather permits.
pub(crate) struct Proxy {
    address: SocketAddr,
    way: Arc<Way>,
    listening: Option<JoinHandle<()>>,
}

struct Way {
    server: String,
    weather: watch::Sender<Weather>,
    /// What may still come through before the cut.
    left: AtomicUsize,
}

impl Proxy {
    /// A fair way to `server`, a host and a port.
    pub(crate) async fn to(server: String) -> io::Result<Self> {
        let listener = bind().await?;
        let address = listener.local_addr()?;
        let way =
            Arc::new(Way { server, weather: watch::Sender::new(Weather::Fair), left: AtomicUsize::new(0) });
        let listening = Some(tokio::spawn(listen(listener, Arc::clone(&way))));
        Ok(Self { address, way, listening })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the weather, on old and on new connections.
    pub(crate) async fn turn(&mut self, weather: Weather) -> io::Result<()> {
        self.way.weather.send_replace(weather);
        if weather == Weather::Refused {
            if let Some(listening) = self.listening.take() {
                listening.abort();
                // It is over when the port is closed.
                let _aborted = listening.await;
            }
        } else if self.listening.is_none() {
            let listener = TcpListener::bind(self.address).await?;
            self.listening = Some(tokio::spawn(listen(listener, Arc::clone(&self.way))));
        }
        Ok(())
    }

    /// Lets this many bytes of answers through, and then cuts all connections.
    pub(crate) async fn cut_after_bytes(&mut self, bytes: usize) -> io::Result<()> {
        self.way.left.store(bytes, Ordering::SeqCst);
        self.turn(Weather::CutInBytes).await
    }

    /// Lets this many pieces of answers through, and then cuts the connection: the request has arrived, its answer is lost.
    pub(crate) async fn cut_after_pieces(&mut self, pieces: usize) -> io::Result<()> {
        self.way.left.store(pieces, Ordering::SeqCst);
        self.turn(Weather::CutInPieces).await
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(listening) = &self.listening {
            listening.abort();
        }
    }
}

/// On an address where nobody else takes the port while nobody listens, if the system has more than one for itself.
async fn bind() -> io::Result<TcpListener> {
    match TcpListener::bind(("127.77.0.1", 0)).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind(("127.0.0.1", 0)).await,
    }
}

async fn listen(listener: TcpListener, way: Arc<Way>) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(connection(client, Arc::clone(&way)));
    }
}

/// One connection, until either side or the weather ends it.
async fn connection(client: TcpStream, way: Arc<Way>) {
    let Ok(server) = TcpStream::connect(&way.server).await else { return };
    let _nagle = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut weather = way.weather.subscribe();
    let answered = AtomicBool::new(false);
    tokio::select! {
        () = requests(from_client, to_server, &way, &answered) => {}
        () = answers(from_server, to_client, &way, &answered) => {}
        _ = weather.wait_for(|weather| *weather == Weather::Refused) => {}
    }
}

/// `answered`: the last answer that comes through here has come.
async fn requests(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, way: &Way, answered: &AtomicBool) {
    let mut bytes = vec![0; 1 << 16];
    let mut lost = false;
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        // Once something is lost, the rest would make no sense to the server.
        lost |= *way.weather.borrow() == Weather::Silent || answered.load(Ordering::SeqCst);
        if !lost && to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

async fn answers(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, way: &Way, answered: &AtomicBool) {
    let mut bytes = vec![0; 1 << 16];
    let mut lost = false;
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        let weather = *way.weather.borrow();
        lost |= answered.load(Ordering::SeqCst);
        let passed = match weather {
            Weather::Fair => count,
            Weather::Refused => return,
            Weather::Silent => {
                lost = true;
                0
            }
            Weather::SilentBehindAnswers => {
                // Before whoever asked can ask again.
                answered.store(true, Ordering::SeqCst);
                count
            }
            Weather::Slow(delay) => {
                tokio::time::sleep(delay).await;
                count
            }
            Weather::CutInBytes => way.take(count),
            Weather::CutInPieces => way.take(1) * count,
        };
        if !lost && to.write_all(&bytes[..passed]).await.is_err() {
            return;
        }
        if !lost && passed < count {
            if weather == Weather::CutInPieces {
                way.weather.send_replace(Weather::Fair);
            }
            return;
        }
    }
}

impl Way {
    /// Takes up to `wanted` of what may still come through.
    fn take(&self, wanted: usize) -> usize {
        let took = self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| Some(left.saturating_sub(wanted)));
        took.unwrap_or_else(|left| left).min(wanted)
    }
}
