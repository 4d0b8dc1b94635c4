//! axum_session in its own memory, with signed cookies. It keeps sessions there even when it has a database, so there is no
//! store whose round trips could be compared.

use axum::Router;
use axum::routing::get;
use axum_session::{Key, SessionConfig, SessionLayer, SessionNullPool, SessionStore};

use super::{Way, all, plain};
use crate::data;
use crate::measure::{Found, Plan};

type Session = axum_session::Session<SessionNullPool>;

pub(crate) async fn measured(plan: &Plan, way: Way) -> Result<Vec<Found>, String> {
    let config = SessionConfig::default().with_key(Key::derive_from(data::SECRET.as_bytes()));
    let store = SessionStore::<SessionNullPool>::new(None, config).await;
    let store = store.map_err(|error| format!("axum_session does not start: {error}"))?;
    let router = Router::new()
        .route("/plain", get(plain))
        .route("/read", get(read))
        .route("/write", get(write))
        .route("/login", get(login));
    Ok(all(plan, way, router.layer(SessionLayer::new(store)), None).await)
}

async fn read(session: Session) -> String {
    session.get("name").unwrap_or_default()
}

async fn write(session: Session) -> String {
    let count = session.get::<u32>("count").unwrap_or(0) + 1;
    session.set("count", count);
    count.to_string()
}

async fn login(session: Session) -> &'static str {
    session.renew();
    session.set("user", data::USER);
    session.set("name", data::NAME);
    session.set("email", data::EMAIL);
    session.set("cart", data::CART);
    session.set("note", data::NOTE);
    session.set("count", 0);
    data::WELCOME
}
