//! Server-side sessions for axum, and for every tower stack.
//!
//! Add the [`SessionLayer`] to a router and ask for the [`Session`] in a handler:
//!
//! ```
//! use axum::{Router, routing::get};
//! use session_axum::{Keyring, Policy, Session, SessionError, SessionLayer, Sessions};
//! use session_store_memory::MemoryStore;
//!
//! async fn visits(session: Session) -> Result<String, SessionError> {
//!     let visits = session.update("visits", |visits: Option<u32>| visits.unwrap_or(0) + 1)?;
//!     Ok(format!("You have been here {visits} times."))
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // In production read the secret from the environment.
//! let policy = Policy::builder(Keyring::new("a long random text, 32 bytes or more")).build()?;
//! let sessions = Sessions::new(policy, MemoryStore::new());
//! let app: Router = Router::new().route("/", get(visits)).layer(SessionLayer::new(sessions));
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
//! Several layers may be around a route if their cookies have different names. [`Session`] is that of the innermost
//! one; [`Named`] gives any of them, by the name of its cookie.
//!
//! # With axum
//!
//! - A handler that panics ends the connection, and the session is as it was. A layer that turns panics into responses
//!   belongs outside the [`SessionLayer`].
//! - Behind a proxy, `trust_proxy` of the policy says whose word counts. If it is to go by addresses, serve with
//!   `into_make_service_with_connect_info::<SocketAddr>()`, or the address of the connection is unknown; a number of hops
//!   does without.
//!
//! # Without axum
//!
//! The layer goes around any tower service whose responses can have a text for a body, on a plain hyper server say. There
//! [`Session::of`] takes the place of the extractor, and a [`SessionError`] becomes a response:
//!
//! ```
//! use http::{Request, Response};
//! use session_axum::{Session, SessionError};
//!
//! async fn visits<B>(request: Request<B>) -> Result<Response<String>, SessionError> {
//!     let session = Session::of(&request).await?;
//!     let visits = session.update("visits", |visits: Option<u32>| visits.unwrap_or(0) + 1)?;
//!     Ok(Response::new(format!("You have been here {visits} times.")))
//! }
//!
//! async fn call<B>(request: Request<B>) -> Response<String> {
//!     visits(request).await.unwrap_or_else(Response::from)
//! }
//! ```
//!
//! What that is made of is the [`Exchange`] in the request's extensions. It also answers whether somebody has
//! [signed in](Exchange::signed_in), and finds the session of [another layer](Exchange::named). A server that is to tell the
//! layer whom it talks with puts an [`axum::extract::ConnectInfo<SocketAddr>`](axum::extract::ConnectInfo) beside it.

mod extract;
mod middleware;

pub use extract::{Named, Peek, Session, SessionError, SignedIn};
pub use middleware::{ResponseFuture, SessionLayer, SessionService};
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

/// The README's examples are compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
