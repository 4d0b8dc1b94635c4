//! tower-sessions with its own memory store and signed cookies.

use async_trait::async_trait;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tower_sessions::cookie::Key;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::Result;
use tower_sessions::{MemoryStore, Session, SessionManagerLayer, SessionStore};

use super::{Way, all, plain};
use crate::count::{Counting, Trips};
use crate::data;
use crate::measure::{Found, Plan};

pub(crate) async fn measured(plan: &Plan, way: Way) -> std::result::Result<Vec<Found>, String> {
    let trips = Trips::default();
    let counted = router(Counting::new(MemoryStore::default(), &trips));
    Ok(all(plan, way, router(MemoryStore::default()), Some((counted, trips))).await)
}

fn router(store: impl SessionStore + Clone) -> Router {
    let layer = SessionManagerLayer::new(store).with_signed(Key::derive_from(data::SECRET.as_bytes()));
    let router = Router::new()
        .route("/plain", get(plain))
        .route("/read", get(read))
        .route("/write", get(write))
        .route("/login", get(login));
    router.layer(layer)
}

type Answer<T> = std::result::Result<T, StatusCode>;

fn failed(_: tower_sessions::session::Error) -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}

async fn read(session: Session) -> Answer<String> {
    Ok(session.get("name").await.map_err(failed)?.unwrap_or_default())
}

async fn write(session: Session) -> Answer<String> {
    let count = session.get::<u32>("count").await.map_err(failed)?.unwrap_or(0) + 1;
    session.insert("count", count).await.map_err(failed)?;
    Ok(count.to_string())
}

async fn login(session: Session) -> Answer<&'static str> {
    session.cycle_id().await.map_err(failed)?;
    session.insert("user", data::USER).await.map_err(failed)?;
    session.insert("name", data::NAME).await.map_err(failed)?;
    session.insert("email", data::EMAIL).await.map_err(failed)?;
    session.insert("cart", data::CART).await.map_err(failed)?;
    session.insert("note", data::NOTE).await.map_err(failed)?;
    session.insert("count", 0).await.map_err(failed)?;
    Ok(data::WELCOME)
}

#[async_trait]
impl SessionStore for Counting<MemoryStore> {
    async fn create(&self, record: &mut Record) -> Result<()> {
        self.ask().create(record).await
    }

    async fn save(&self, record: &Record) -> Result<()> {
        self.ask().save(record).await
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        self.ask().load(id).await
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        self.ask().delete(id).await
    }
}
