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
//! # Several sessions
//!
//! Several middlewares may be around a route if their cookies have different names. [`Session`] is that of the innermost
//! one; [`Named`] gives any of them, by the name of its cookie.
//!
//! # With poem
//!
//! - A handler that panics ends the connection, and the session is as it was. `CatchPanic` belongs outside the
//!   [`SessionMiddleware`].
//! - An error takes no headers. So the error of a request that used its session is a response further out, and
//!   `catch_error` belongs inside; the error of one that did not, a path that is not there say, stays an error.
//! - The operations of a poem-openapi service take the same extractors. Such a session stands in no document; describe its
//!   cookie there with a `SecurityScheme` if clients should know of it.
//! - An endpoint of your own finds the [`Exchange`] in the request's data.
//! - A session in a websocket ends with the response: [`save`](session_driver::Session::save) it before the upgrade, and
//!   [open](Sessions::open_detached) it again by its id.

mod extract;
mod middleware;

pub use extract::{Named, Peek, Session, SessionError, SignedIn};
pub use middleware::{SessionEndpoint, SessionMiddleware};
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
