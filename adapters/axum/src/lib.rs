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
//! returned, before the response goes out; if that fails the client gets an error and no cookie.
//!
//! Give the layer the address of the client (`into_make_service_with_connect_info::<SocketAddr>()`) if the policy trusts
//! proxies on private networks.

mod extract;
mod middleware;

pub use extract::{Peek, Session, SessionError};
pub use middleware::{ResponseFuture, SessionLayer, SessionService};
pub use session_driver::core::StoreKey;
pub use session_driver::core::store;
pub use session_driver::core::{
    AsKey, IdsAtRest, Key, Keyring, Owner, Policy, SessionCookie, SessionId, Signature, cookie, csrf, flash,
    policy,
};
pub use session_driver::{
    Clock, Device, Devices, Error, ManualClock, Sessions, SessionsBuilder, SystemClock,
};
pub use session_driver::{Exchange, Time};

/// The README's examples are compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
