//! Server-side sessions for actix-web.
//!
//! Wrap an application, a scope or a resource in the [`SessionMiddleware`] and ask for the [`Session`] in a handler:
//!
//! ```no_run
//! use actix_web::{App, HttpServer, web};
//! use session_actix::{Keyring, Policy, Session, SessionError, SessionMiddleware, Sessions};
//! use session_store_memory::MemoryStore;
//!
//! async fn visits(session: Session) -> Result<String, SessionError> {
//!     let visits = session.update("visits", |visits: Option<u32>| visits.unwrap_or(0) + 1)?;
//!     Ok(format!("You have been here {visits} times."))
//! }
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! // In production read the secret from the environment.
//! let policy = Policy::builder(Keyring::new("a long random text, 32 bytes or more")).build()?;
//! // Made once, so that all workers share them.
//! let sessions = Sessions::new(policy, MemoryStore::new());
//! let app = move || {
//!     App::new().wrap(SessionMiddleware::new(sessions.clone())).route("/", web::get().to(visits))
//! };
//! HttpServer::new(app).bind("127.0.0.1:4000")?.run().await?;
//! # Ok(()) }
//! ```
//!
//! A handler that does not ask for the session costs no store access. What a handler changes is saved when it has
//! returned, whatever it returned, before the response goes out; if that fails the client gets an error and no cookie.
//!
//! # Routes for those who have signed in
//!
//! A handler that asks for [`SignedIn`] has the session and its owner. Everybody else gets 401, or 303 where a
//! [login page](SessionsBuilder::login_page) was named, and the request only wants to see a page.
//!
//! # Several sessions
//!
//! Several middlewares may be around a route if their cookies have different names. [`Session`] is that of the innermost
//! one; [`Named`] gives any of them, by the name of its cookie.
//!
//! # With actix-web
//!
//! - A handler that panics ends the connection, and the session is as it was.
//! - An error that a middleware further in answers with is still an error further out. If the session adds headers to it,
//!   it has become an [`InternalError`](actix_web::error::InternalError) around the first one.
//! - A middleware finds the [`Exchange`] in the request's extensions, and awaits its session there. A guard runs before
//!   anything can be awaited, so it cannot.
//! - [`connection_info`](actix_web::HttpRequest::connection_info) is not asked, since any client can write what it reads. Say
//!   with the policy's `trust_proxy` whose `X-Forwarded-Proto` counts.

mod extract;
mod middleware;

pub use extract::{Named, Peek, Session, SessionError, SignedIn};
pub use middleware::{SessionMiddleware, SessionService};
pub use session_driver::core::StoreKey;
pub use session_driver::core::store;
pub use session_driver::core::{
    AsKey, IdsAtRest, Key, Keyring, Owner, Policy, SessionCookie, SessionId, Signature, cookie, csrf, flash,
    policy, request,
};
pub use session_driver::{
    Challenge, Clock, Device, Devices, Error, Exchange, LayerName, ManualClock, Sessions, SessionsBuilder,
    SystemClock, Time,
};
