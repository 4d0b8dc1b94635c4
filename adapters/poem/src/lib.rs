//! Server-side sessions for poem and poem-openapi.
//!
//! Put the [`SessionMiddleware`] around an endpoint and ask for the [`Session`] in a handler:
//!
//! ```
//! use poem::{EndpointExt as _, Route, get, handler};
//! use session_poem::{Keyring, Policy, Session, SessionError, SessionMiddleware, Sessions};
//! use session_store_memory::MemoryStore;
//!
//! #[handler]
//! fn visits(session: Session) -> Result<String, SessionError> {
//!     let visits = session.update("visits", |visits: Option<u32>| visits.unwrap_or(0) + 1)?;
//!     Ok(format!("You have been here {visits} times."))
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // In production read the secret from the environment.
//! let policy = Policy::builder(Keyring::new("a long random text, 32 bytes or more")).build()?;
//! let sessions = Sessions::new(policy, MemoryStore::new());
//! let app = Route::new().at("/", get(visits)).with(SessionMiddleware::new(sessions));
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
//! # Errors
//!
//! Everything that can go wrong is a [`SessionError`], and it is a response: 503 with `Retry-After` if the store is down, 409 if the
//! session ended meanwhile, 401 or 303 if somebody must sign in, else 500. The body says nothing about the server; the log does.
//! `?` takes it in handlers that return `Result<_, SessionError>`, `poem::Result` or an error of your own. What it holds is here to be matched:
//! `SessionError::Session(CoreError::Gone)`.
//!
//! An error of your own that takes all others lets the session's answer for itself:
//!
//! ```
//! use std::error::Error;
//!
//! use poem::http::StatusCode;
//! use session_poem::SessionError;
//!
//! struct AppError(Box<dyn Error + Send + Sync>);
//!
//! impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for AppError {
//!     fn from(error: E) -> Self {
//!         Self(error.into())
//!     }
//! }
//!
//! impl From<AppError> for poem::Error {
//!     fn from(error: AppError) -> Self {
//!         match error.0.downcast::<SessionError>() {
//!             Ok(error) => (*error).into(),
//!             Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error).into(),
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
//! Several middlewares may be around a route if their cookies have different names. [`Session`] is that of the innermost
//! one; [`Named`] gives any of them, by the name of its cookie.
//!
//! # With poem
//!
//! - `Option<Session>` is poem's own: `None` where there is no session middleware, where the route is outside the cookie's path,
//!   and also where the store cannot answer. `poem::Result<Session>` tells these apart.
//! - A handler that panics leaves the session as it was. It ends the connection, or is answered by `CatchPanic`.
//! - An error takes no headers. So the error of a request that used its session is a response further out, and
//!   `catch_error` belongs inside; the error of one that did not, a path that is not there say, stays an error.
//! - The operations of a poem-openapi service take the same extractors. Such a session stands in no document; describe its
//!   cookie there with a `SecurityScheme` if clients should know of it.
//! - An endpoint of your own finds the [`Exchange`] in the request's data.
//! - A session in a websocket ends with the response: [`save`](session_driver::Session::save) it before the upgrade, and
//!   [open](Sessions::open_detached) it again by its id.

mod middleware;

pub use middleware::{SessionEndpoint, SessionMiddleware};
pub use session_driver::prelude::*;
