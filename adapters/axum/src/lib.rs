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
//! [login page](SessionsBuilder::login_page) was named, and the request only wants to see a page. The routes of a whole router are
//! guarded by one line:
//!
//! ```
//! use axum::{Router, middleware, routing::get};
//! use session_axum::SignedIn;
//!
//! let account: Router = Router::new()
//!     .route("/account", get(async || "yours"))
//!     .route_layer(middleware::from_extractor::<SignedIn>());
//! ```
//!
//! # Errors
//!
//! Everything that can go wrong is a [`SessionError`], and it is a response: 503 with `Retry-After` if the store is down, 409 if the
//! session ended meanwhile, 401 or 303 if somebody must sign in, else 500. The body says nothing about the server; the log does.
//! `?` takes it in handlers that return `Result<_, SessionError>`, [`axum::response::Result`] or an error of your own. What it holds is here to be matched:
//! `SessionError::Session(CoreError::Gone)`.
//!
//! An error of your own that takes all others lets the session's answer for itself:
//!
//! ```
//! use std::error::Error;
//!
//! use axum::http::StatusCode;
//! use axum::response::{IntoResponse, Response};
//! use session_axum::SessionError;
//!
//! struct AppError(Box<dyn Error + Send + Sync>);
//!
//! impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for AppError {
//!     fn from(error: E) -> Self {
//!         Self(error.into())
//!     }
//! }
//!
//! impl IntoResponse for AppError {
//!     fn into_response(self) -> Response {
//!         match self.0.downcast::<SessionError>() {
//!             Ok(error) => error.into_response(),
//!             Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
//!         }
//!     }
//! }
//! ```
//!
//! # While the store is down
//!
//! A request without a session cookie that only reads does not notice. One with a cookie is answered 503, or where
//! [`on_outage`](SessionsBuilder::on_outage) says [`OnOutage::Anonymous`], its page is shown as to a stranger. A route says it for
//! itself with [`SessionOrAnonymous`] or [`SessionOrUnavailable`] in place of [`Session`]. Nobody is logged out either way.
//!
//! # Several sessions
//!
//! Several layers may be around a route if their cookies have different names. [`Session`] is that of the innermost
//! one; [`Named`] gives any of them, by the name of its cookie.
//!
//! # With axum
//!
//! - `Option<Session>` is `None` where there is no session layer, or where the route is outside the cookie's path;
//!   `Option<SignedIn>` also where nobody has signed in. A store that cannot answer is an error for both. With
//!   `Result<Session, SessionError>` the handler sees every error.
//! - A handler that panics leaves the session as it was. It ends the connection, or is answered by a layer that turns panics
//!   into responses.
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

mod middleware;

pub use middleware::{ResponseFuture, SessionLayer, SessionService};
pub use session_driver::prelude::*;

/// The README's examples are compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
