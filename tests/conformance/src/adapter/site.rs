//! What a mount is handed: the sessions it must serve, a place to listen at, and the moment to stop.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};

use session_driver::{Sessions, Time};
use tokio::sync::watch;

/// One server for one case: what a mount is handed. Clones are the same site.
#[derive(Clone)]
pub struct Site(Arc<Inner>);

struct Inner {
    number: u64,
    sessions: Sessions,
    second: Sessions,
    listener: Mutex<Option<TcpListener>>,
    address: watch::Sender<Option<SocketAddr>>,
    stopped: watch::Receiver<bool>,
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Site({})", self.0.number)
    }
}

/// The suite's side of a site.
pub(crate) struct Strings {
    pub(crate) address: watch::Receiver<Option<SocketAddr>>,
    pub(crate) stop: watch::Sender<bool>,
}

impl Site {
    pub(crate) fn new(number: u64, sessions: Sessions, second: Sessions) -> io::Result<(Self, Strings)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let (stop, stopped) = watch::channel(false);
        let (address, at) = watch::channel(None);
        let listener = Mutex::new(Some(listener));
        let inner = Inner { number, sessions, second, listener, address, stopped };
        Ok((Self(Arc::new(inner)), Strings { address: at, stop }))
    }

    /// The sessions to serve: what the session layer is made from.
    #[must_use]
    pub fn sessions(&self) -> Sessions {
        self.0.sessions.clone()
    }

    /// The name of the second layer's cookie.
    pub const SECOND: &str = "second";

    /// The sessions of a second layer, whose cookie is called [`SECOND`](Self::SECOND): for
    /// [`Feature::TwoLayers`](super::Feature::TwoLayers).
    #[must_use]
    pub fn second(&self) -> Sessions {
        self.0.second.clone()
    }

    /// A bound, non-blocking listener to accept at. It can be taken once.
    ///
    /// # Errors
    ///
    /// If it has been taken.
    pub fn listener(&self) -> Result<TcpListener, Box<dyn Error + Send + Sync>> {
        let listener = self.0.listener.lock().unwrap_or_else(PoisonError::into_inner).take();
        let listener = listener.ok_or("the site's listener was taken before")?;
        self.0.address.send_replace(Some(listener.local_addr()?));
        Ok(listener)
    }

    /// A free address to bind, for frameworks that do not take a listener.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn address(&self) -> Result<SocketAddr, Box<dyn Error + Send + Sync>> {
        drop(self.0.listener.lock().unwrap_or_else(PoisonError::into_inner).take());
        let address = free_address(self.0.number)?;
        self.0.address.send_replace(Some(address));
        Ok(address)
    }

    /// Waits until the case is over: the server's signal to stop.
    ///
    /// Requests may still be on their way, and need not be waited for.
    pub fn stopped(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut stopped = self.0.stopped.clone();
        async move {
            // An error says that the case is gone, and the site with it.
            let _case_is_over = stopped.wait_for(|stopped| *stopped).await;
        }
    }

    /// The time by the site's clock, which the suite moves.
    #[must_use]
    pub fn now(&self) -> Time {
        self.0.sessions.clock().now()
    }
}

/// An address that nobody listens at, with a port from below those that systems give to outgoing connections: another
/// case could be given one of those before the server binds it.
fn free_address(number: u64) -> io::Result<SocketAddr> {
    const FIRST: u64 = 12_000;
    const PORTS: u64 = 18_000;
    // Processes that run at the same time begin at different places.
    let begin = u64::from(std::process::id()) * 977 + number;
    let mut last = None;
    for step in 0..PORTS {
        let port = u16::try_from(FIRST + (begin + step) % PORTS).unwrap_or(u16::MAX);
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(listener) => return listener.local_addr(),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
}
