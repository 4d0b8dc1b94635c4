//! The axum half of a site whose other half is express: both serve the same sessions from the same store.
//!
//! `SESSION_SECRET=… cargo run -p node-and-rust -- --store redis://127.0.0.1:6379` says where it listens.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Map, Value};
use session_axum::policy::{Concurrency, Rolling};
use session_axum::{Keyring, Owner, Policy, Session, SessionError, SessionLayer, Sessions};
use tokio::sync::Notify;

mod options;
mod storage;

use options::Options;

/// What the handlers share: requests that are told to wait between reading and writing their session.
#[derive(Debug, Default)]
struct Pauses {
    waiting: AtomicUsize,
    go: Notify,
}

#[derive(serde::Deserialize)]
struct Login {
    user: String,
}

#[derive(serde::Deserialize)]
struct Set {
    key: String,
    value: Value,
    #[serde(default)]
    pause: bool,
}

type Answer = Result<Json<Map<String, Value>>, SessionError>;

async fn show(session: Session) -> Answer {
    Ok(Json(session.read_all()?))
}

async fn login(session: Session, Json(login): Json<Login>) -> Answer {
    // Who is logged in is data for express, and the session's owner for "log out everywhere".
    if let Some(owner) = Owner::new(&login.user) {
        session.login(owner)?;
    }
    session.insert("user", &login.user)?;
    show(session).await
}

async fn count(session: Session) -> Answer {
    session.update("count", |count: Option<u64>| count.unwrap_or(0) + 1)?;
    show(session).await
}

async fn set(State(pauses): State<Arc<Pauses>>, session: Session, Json(set): Json<Set>) -> Answer {
    if set.pause {
        let go = pauses.go.notified();
        pauses.waiting.fetch_add(1, Ordering::SeqCst);
        go.await;
        pauses.waiting.fetch_sub(1, Ordering::SeqCst);
    }
    session.insert(&set.key, set.value)?;
    show(session).await
}

/// Saved before the answer, as one does before a redirect in express. Here the answer waits for it anyway.
async fn save(session: Session) -> Answer {
    session.save().await?;
    show(session).await
}

async fn logout(session: Session) -> Answer {
    session.logout()?;
    Ok(Json(Map::new()))
}

async fn waiting(State(pauses): State<Arc<Pauses>>) -> Json<usize> {
    Json(pauses.waiting.load(Ordering::SeqCst))
}

async fn go(State(pauses): State<Arc<Pauses>>) {
    pauses.go.notify_waiters();
}

fn policy(options: &Options) -> Result<Policy, Box<dyn Error>> {
    let secret =
        std::env::var("SESSION_SECRET").map_err(|_| "set SESSION_SECRET to the secret of both servers")?;
    // express-session's cookie and record, but what parallel requests change is merged.
    let mut policy = Policy::express_session(Keyring::new(secret))
        .concurrency(Concurrency::Merge)
        .max_age(Duration::from_secs(options.max_age));
    if options.rolling {
        policy = policy.rolling(Rolling::EveryRequest);
    }
    Ok(policy.build()?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::from_args()?;
    let sessions = Sessions::new(policy(&options)?, storage::open(&options).await?);
    let app = Router::new()
        .route("/", get(show))
        .route("/login", post(login))
        .route("/count", post(count))
        .route("/set", post(set))
        .route("/save", post(save))
        .route("/logout", post(logout))
        .route("/waiting", get(waiting))
        .route("/go", post(go))
        .with_state(Arc::new(Pauses::default()))
        .layer(SessionLayer::new(sessions));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", options.port)).await?;
    #[allow(clippy::print_stdout, reason = "this is a program's output")]
    {
        println!("Listening on http://{}", listener.local_addr()?);
    }
    Ok(axum::serve(listener, app).await?)
}
