//! axum, called as a tower service, or behind hyper.

mod axum_session;
mod served;
mod tower_sessions;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::http::header::{COOKIE, HOST, SET_COOKIE};
use axum::routing::get;
use http_body_util::BodyExt as _;
use session_axum::store::Store;
use session_axum::{Keyring, Policy, Session, SessionError, SessionLayer, Sessions};
use session_store_memory::MemoryStore;
use tower_service::Service as _;

use crate::count::{Counting, Trips};
use crate::data;
use crate::measure::{self, Found, Plan};
use crate::site::{self, Answer, Reading, Site};
use served::Served;

pub(crate) use axum_session::measured as axum_session;
pub(crate) use tower_sessions::measured as tower_sessions;

/// A router, asked without a socket.
struct Axum(Router);

impl Site for Axum {
    async fn ask(
        &mut self,
        path: &'static str,
        cookie: Option<&str>,
        reading: Reading,
    ) -> Result<Answer, String> {
        let mut request = Request::builder().uri(path).header(HOST, "localhost");
        if let Some(cookie) = cookie {
            request = request.header(COOKIE, cookie);
        }
        let request = request.body(Body::empty()).map_err(|error| error.to_string())?;
        let response = match self.0.call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let status = response.status().as_u16();
        let set = response.headers().get_all(SET_COOKIE).into_iter();
        let cookie = site::next_cookie(set.map(|value| value.as_bytes()));
        let text = match reading {
            Reading::Head => String::new(),
            Reading::Text => {
                let body = response.into_body().collect().await.map_err(|error| error.to_string())?;
                site::text(&body.to_bytes())?
            }
        };
        Ok(Answer { status, cookie, text })
    }
}

/// How a router is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    /// As a service.
    Called,
    /// By HTTP/1 through hyper.
    Served,
}

/// Measures a router, and its like on a store that counts.
async fn all(plan: &Plan, way: Way, plain: Router, counted: Option<(Router, Trips)>) -> Vec<Found> {
    match way {
        Way::Called => {
            measure::all(plan, Axum(plain), counted.map(|(router, trips)| (Axum(router), trips))).await
        }
        Way::Served => {
            let counted = counted.map(|(router, trips)| (Served::new(router), trips));
            measure::all(plan, Served::new(plain), counted).await
        }
    }
}

async fn plain() -> &'static str {
    data::HELLO
}

pub(crate) async fn alone(plan: &Plan, way: Way) -> Result<Vec<Found>, String> {
    let router = Router::new()
        .route("/plain", get(plain))
        .route("/read", get(|| async { data::NAME.to_owned() }))
        .route("/write", get(|| async { 1_u32.to_string() }))
        .route("/login", get(|| async { data::WELCOME }));
    Ok(all(plan, way, router, None).await)
}

pub(crate) async fn ours(plan: &Plan, way: Way) -> Result<Vec<Found>, String> {
    let trips = Trips::default();
    let counted = router(Counting::new(MemoryStore::new(), &trips))?;
    Ok(all(plan, way, router(MemoryStore::new())?, Some((counted, trips))).await)
}

fn router(store: impl Store) -> Result<Router, String> {
    let policy = Policy::builder(Keyring::new(data::SECRET)).build().map_err(|error| error.to_string())?;
    let router = Router::new()
        .route("/plain", get(plain))
        .route("/read", get(read))
        .route("/write", get(write))
        .route("/login", get(login));
    Ok(router.layer(SessionLayer::new(Sessions::new(policy, store))))
}

async fn read(session: Session) -> Result<String, SessionError> {
    Ok(session.get::<String>("name")?.unwrap_or_default())
}

async fn write(session: Session) -> Result<String, SessionError> {
    Ok(session.update("count", |count: Option<u32>| count.unwrap_or(0) + 1)?.to_string())
}

async fn login(session: Session) -> Result<&'static str, SessionError> {
    session.login(data::USER)?;
    session.insert("name", data::NAME)?;
    session.insert("email", data::EMAIL)?;
    session.insert("cart", data::CART)?;
    session.insert("note", data::NOTE)?;
    session.insert("count", 0)?;
    Ok(data::WELCOME)
}
