//! The site in Rocket.

use std::net::TcpListener;

use rocket::fairing::AdHoc;
use rocket::http::Status;
use rocket::{State, post, routes};
use session_rocket::{Session, SessionError, SessionFairing};

use super::{AnyError, Site};

/// Rocket binds its port itself.
pub(super) async fn serve(site: Site, listener: TcpListener, ready: impl Fn()) -> Result<(), AnyError> {
    let address = listener.local_addr()?;
    drop(listener);
    let config = rocket::Config::figment()
        .merge(("address", address.ip().to_string()))
        .merge(("port", address.port()))
        .merge(("log_level", "off"));
    let (sender, bound) = tokio::sync::oneshot::channel();
    let sender = std::sync::Mutex::new(Some(sender));
    let liftoff = AdHoc::on_liftoff("bound", move |_| {
        Box::pin(async move {
            let sender = sender.lock().ok().and_then(|mut sender| sender.take());
            // Nobody waits any more if the site is ending.
            let _told = sender.map(|sender| sender.send(()));
        })
    });
    let app = rocket::custom(config)
        .attach(SessionFairing::new(site.sessions.clone()))
        .attach(liftoff)
        .manage(site)
        .mount("/", routes![act, revoke])
        .launch();
    let mut app = std::pin::pin!(app);
    tokio::select! {
        ended = &mut app => return ended.map(drop).map_err(|error| error.to_string().into()),
        _ = bound => ready(),
    }
    app.await.map(drop).map_err(|error| error.to_string().into())
}

#[post("/<act>/<user>", rank = 2)]
fn act(session: Session, act: &str, user: &str) -> Result<String, SessionError> {
    Site::act(&session, act, user)
}

#[post("/revoke/<user>", rank = 1)]
async fn revoke(site: &State<Site>, user: &str) -> Status {
    if site.revoke(user).await { Status::Ok } else { Status::ServiceUnavailable }
}
