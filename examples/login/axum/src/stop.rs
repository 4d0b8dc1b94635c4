//! Serving until Ctrl-C or SIGTERM; requests that are under way are then finished.

use std::future::pending;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// How long requests may take that are under way when the program is to stop.
const PATIENCE: Duration = Duration::from_secs(5);

/// Serves `app` until the program is told to stop.
pub(crate) async fn serve(listener: TcpListener, app: Router) -> std::io::Result<()> {
    let (told, wait) = oneshot::channel();
    let serving = axum::serve(listener, app).with_graceful_shutdown(async {
        signal().await;
        let _ = told.send(());
    });
    let too_late = async {
        match wait.await {
            Ok(()) => tokio::time::sleep(PATIENCE).await,
            Err(_) => pending().await,
        }
    };
    tokio::select! {
        result = serving => result,
        () = too_late => Ok(()),
    }
}

#[cfg(unix)]
async fn signal() {
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

#[cfg(not(unix))]
async fn signal() {
    let _ = tokio::signal::ctrl_c().await;
}
