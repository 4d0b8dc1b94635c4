//! What every server of this site does: it says where it listens, and stops when it is told to.

use std::future::pending;
use std::net::SocketAddr;
use std::time::Duration;

use crate::options::{Options, StoreChoice};

/// How long requests may take that are under way when the program is to stop.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Tells a person, or a test, where the site is.
#[allow(clippy::print_stdout, reason = "this is a program's output")]
pub fn announce(options: &Options, address: SocketAddr) {
    match options.store {
        StoreChoice::Sqlite => println!("Sessions are kept in {}", options.database.display()),
        store => println!("Sessions are kept in {}", store.name()),
    }
    println!("Listening on http://{address}");
}

/// Waits for Ctrl-C or SIGTERM.
#[cfg(unix)]
pub async fn stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signals) => {
                signals.recv().await;
            }
            // Nobody can tell this program to stop; it is ended by force then.
            Err(_) => pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}

/// Waits for Ctrl-C.
#[cfg(not(unix))]
pub async fn stop() {
    let _ = tokio::signal::ctrl_c().await;
}
