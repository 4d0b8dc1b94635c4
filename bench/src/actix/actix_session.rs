//! actix-session with signed cookies. It has no store in memory of its own, so here is the smallest one that keeps its
//! contract: expired sessions are never removed, and nothing bounds it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_session::config::CookieContentSecurity;
use actix_session::storage::{
    LoadError, SaveError, SessionKey, SessionStore, UpdateError, generate_session_key,
};
use actix_session::{Session, SessionMiddleware};
use actix_web::cookie::Key;
use actix_web::cookie::time::Duration;
use actix_web::error::ErrorInternalServerError;
use actix_web::test::init_service;
use actix_web::{App, Error, web};

use super::{Actix, plain, routes};
use crate::count::Trips;
use crate::data;
use crate::measure::{self, Found, Plan};
use crate::site::Site;

pub(crate) async fn measured(plan: &Plan) -> Result<Vec<Found>, String> {
    let trips = Trips::default();
    let counted = site(Memory { trips: Some(trips.clone()), ..Memory::default() }).await;
    Ok(measure::all(plan, site(Memory::default()).await, Some((counted, trips))).await)
}

async fn site(store: Memory) -> impl Site {
    let layer = SessionMiddleware::builder(store, Key::derive_from(data::SECRET.as_bytes()))
        .cookie_content_security(CookieContentSecurity::Signed);
    Actix(init_service(routes!(App::new().wrap(layer.build()), read, write, login)).await)
}

async fn read(session: Session) -> Result<String, Error> {
    Ok(session.get("name").map_err(ErrorInternalServerError)?.unwrap_or_default())
}

async fn write(session: Session) -> Result<String, Error> {
    let count = session.get::<u32>("count").map_err(ErrorInternalServerError)?.unwrap_or(0) + 1;
    session.insert("count", count).map_err(ErrorInternalServerError)?;
    Ok(count.to_string())
}

async fn login(session: Session) -> Result<&'static str, Error> {
    session.renew();
    session.insert("user", data::USER).map_err(ErrorInternalServerError)?;
    session.insert("name", data::NAME).map_err(ErrorInternalServerError)?;
    session.insert("email", data::EMAIL).map_err(ErrorInternalServerError)?;
    session.insert("cart", data::CART).map_err(ErrorInternalServerError)?;
    session.insert("note", data::NOTE).map_err(ErrorInternalServerError)?;
    session.insert("count", 0).map_err(ErrorInternalServerError)?;
    Ok(data::WELCOME)
}

type State = HashMap<String, String>;

#[derive(Default)]
struct Memory {
    sessions: Arc<Mutex<HashMap<String, State>>>,
    trips: Option<Trips>,
}

impl Memory {
    fn ask(&self) -> MutexGuard<'_, HashMap<String, State>> {
        if let Some(trips) = &self.trips {
            trips.another();
        }
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SessionStore for Memory {
    async fn load(&self, key: &SessionKey) -> Result<Option<State>, LoadError> {
        Ok(self.ask().get(key.as_ref()).cloned())
    }

    async fn save(&self, state: State, _: &Duration) -> Result<SessionKey, SaveError> {
        let key = generate_session_key();
        self.ask().insert(key.as_ref().to_owned(), state);
        Ok(key)
    }

    async fn update(&self, key: SessionKey, state: State, _: &Duration) -> Result<SessionKey, UpdateError> {
        self.ask().insert(key.as_ref().to_owned(), state);
        Ok(key)
    }

    async fn update_ttl(&self, _: &SessionKey, _: &Duration) -> Result<(), anyhow::Error> {
        drop(self.ask());
        Ok(())
    }

    async fn delete(&self, key: &SessionKey) -> Result<(), anyhow::Error> {
        self.ask().remove(key.as_ref());
        Ok(())
    }
}
