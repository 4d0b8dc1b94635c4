//! The site in actix-web.

use std::net::TcpListener;

use actix_web::{App, HttpResponse, HttpServer, web};
use session_actix::{Session, SessionError, SessionMiddleware};

use super::{AnyError, Site};

pub(super) async fn serve(site: Site, listener: TcpListener, ready: impl Fn()) -> Result<(), AnyError> {
    let app = move || {
        App::new()
            .app_data(web::Data::new(site.clone()))
            .wrap(SessionMiddleware::new(site.sessions.clone()))
            .route("/revoke/{user}", web::post().to(revoke))
            .route("/{act}/{user}", web::post().to(act))
    };
    let server = HttpServer::new(app).workers(2).listen(listener)?.run();
    ready();
    Ok(server.await?)
}

async fn act(session: Session, path: web::Path<(String, String)>) -> Result<String, SessionError> {
    let (act, user) = path.into_inner();
    Site::act(&session, &act, &user)
}

async fn revoke(site: web::Data<Site>, user: web::Path<String>) -> HttpResponse {
    if site.revoke(&user).await { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() }.finish()
}
