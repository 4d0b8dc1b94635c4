//! The site in poem.

use std::net::TcpListener;

use poem::http::StatusCode;
use poem::listener::TcpAcceptor;
use poem::web::{Data, Path};
use poem::{EndpointExt as _, Route, Server, handler, post};
use session_poem::{Session, SessionError, SessionMiddleware};

use super::{AnyError, Site};

pub(super) async fn serve(site: Site, listener: TcpListener, ready: impl Fn()) -> Result<(), AnyError> {
    let app = Route::new()
        .at("/revoke/:user", post(revoke))
        .at("/:act/:user", post(act))
        .with(SessionMiddleware::new(site.sessions.clone()))
        .data(site);
    let acceptor = TcpAcceptor::from_std(listener)?;
    ready();
    Server::new_with_acceptor(acceptor).run(app).await?;
    Ok(())
}

#[handler]
fn act(session: Session, Path((act, user)): Path<(String, String)>) -> Result<String, SessionError> {
    Site::act(&session, &act, &user)
}

#[handler]
async fn revoke(site: Data<&Site>, Path(user): Path<String>) -> StatusCode {
    if site.revoke(&user).await { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}
