//! The site in axum.

use std::net::TcpListener;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use session_axum::{Session, SessionError, SessionLayer};

use super::{AnyError, Site};

pub(super) async fn serve(site: Site, listener: TcpListener, ready: impl Fn()) -> Result<(), AnyError> {
    let app = Router::new()
        .route("/revoke/{user}", post(revoke))
        .route("/{act}/{user}", post(act))
        .layer(SessionLayer::new(site.sessions.clone()))
        .with_state(site);
    ready();
    axum::serve(tokio::net::TcpListener::from_std(listener)?, app).await?;
    Ok(())
}

async fn act(session: Session, Path((act, user)): Path<(String, String)>) -> Result<String, SessionError> {
    Site::act(&session, &act, &user)
}

async fn revoke(State(site): State<Site>, Path(user): Path<String>) -> StatusCode {
    if site.revoke(&user).await { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}
