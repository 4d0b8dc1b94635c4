//! poem's own server-side sessions with its memory storage and signed cookies.

use std::collections::BTreeMap;
use std::time::Duration;

use poem::session::{CookieConfig, MemoryStorage, ServerSession, Session, SessionStorage};
use poem::web::cookie::CookieKey;
use poem::{Endpoint, EndpointExt as _, Result, Route, get, handler};
use serde_json::Value;

use super::{Poem, plain};
use crate::count::{Counting, Trips};
use crate::data;
use crate::measure::{self, Found, Plan};

pub(crate) async fn measured(plan: &Plan) -> std::result::Result<Vec<Found>, String> {
    let trips = Trips::default();
    let counted = site(Counting::new(MemoryStorage::new(), &trips));
    Ok(measure::all(plan, site(MemoryStorage::new()), Some((counted, trips))).await)
}

fn site(storage: impl SessionStorage + 'static) -> Poem<impl Endpoint> {
    let config = CookieConfig::signed(CookieKey::derive_from(data::SECRET.as_bytes()));
    // As long as sessions of ours live.
    let config = config.max_age(Duration::from_secs(86_400));
    let routes = Route::new()
        .at("/plain", get(plain))
        .at("/read", get(read))
        .at("/write", get(write))
        .at("/login", get(login));
    Poem(routes.with(ServerSession::new(config, storage)))
}

#[handler]
fn read(session: &Session) -> String {
    session.get("name").unwrap_or_default()
}

#[handler]
fn write(session: &Session) -> String {
    let count = session.get::<u32>("count").unwrap_or(0) + 1;
    session.set("count", count);
    count.to_string()
}

#[handler]
fn login(session: &Session) -> &'static str {
    session.renew();
    session.set("user", data::USER);
    session.set("name", data::NAME);
    session.set("email", data::EMAIL);
    session.set("cart", data::CART);
    session.set("note", data::NOTE);
    session.set("count", 0);
    data::WELCOME
}

impl SessionStorage for Counting<MemoryStorage> {
    async fn load_session<'a>(&'a self, id: &'a str) -> Result<Option<BTreeMap<String, Value>>> {
        self.ask().load_session(id).await
    }

    async fn update_session<'a>(
        &'a self,
        id: &'a str,
        entries: &'a BTreeMap<String, Value>,
        expires: Option<Duration>,
    ) -> Result<()> {
        self.ask().update_session(id, entries, expires).await
    }

    async fn remove_session<'a>(&'a self, id: &'a str) -> Result<()> {
        self.ask().remove_session(id).await
    }
}
