//! A visit counter: `SESSION_SECRET=$(openssl rand -base64 33) cargo run -p counter`, then open <http://127.0.0.1:3000>.

use axum::{Router, routing::get};
use session_axum::{Keyring, Policy, Session, SessionError, SessionLayer, Sessions};
use session_store_memory::MemoryStore;

async fn visits(session: Session) -> Result<String, SessionError> {
    let visits = session.update("visits", |visits: Option<u32>| visits.unwrap_or(0) + 1)?;
    Ok(format!("You have been here {visits} times.\n"))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let secret = std::env::var("SESSION_SECRET").map_err(|_| "set SESSION_SECRET to a long random text")?;
    let policy = Policy::builder(Keyring::new(secret)).build()?;
    let sessions = Sessions::new(policy, MemoryStore::new());
    let app = Router::new().route("/", get(visits)).layer(SessionLayer::new(sessions));

    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:3000".into());
    let listener = tokio::net::TcpListener::bind(address).await?;
    eprintln!("Listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
