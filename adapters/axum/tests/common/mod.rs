//! A router, served on a free port.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "a test says what it expects")]

#[path = "../../../driver/tests/http/mod.rs"]
mod http;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
pub use http::*;
use session_axum::policy::PolicyBuilder;
use session_axum::store::Store;
use session_axum::{SessionLayer, Sessions};
use tokio::net::TcpListener;

impl Server {
    /// Serves the router behind a session layer.
    pub async fn start(policy: PolicyBuilder, store: Arc<dyn Store>, router: Router) -> Self {
        let sessions = Sessions::new(policy.build().unwrap(), store);
        Self::serve(router.layer(SessionLayer::new(sessions))).await
    }

    /// One that is served elsewhere.
    pub fn at(address: SocketAddr) -> Self {
        Self { address }
    }

    pub async fn serve(app: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address }
    }
}
