//! Server-side sessions for Rocket.
//!
//! Attach the [`SessionFairing`] and ask for the [`Session`] in a handler:
//!
//! ```
//! use rocket::{get, routes};
//! use session_rocket::{Session, SessionError, SessionFairing};
//! use session_store_memory::MemoryStore;
//!
//! #[get("/")]
//! fn visits(session: Session) -> Result<String, SessionError> {
//!     let visits = session.update("visits", |visits: Option<u32>| visits.unwrap_or(0) + 1)?;
//!     Ok(format!("You have been here {visits} times."))
//! }
//!
//! // The secret and all options are read from Rocket.toml and the environment.
//! let app = rocket::build().attach(SessionFairing::from_figment(MemoryStore::new())).mount("/", routes![visits]);
//! ```
//!
//! [`SessionFairing::new`] takes [`Sessions`] that were put together in code.
//!
//! A handler that does not ask for the session costs no store access. What a handler changes is saved when it has
//! returned, whatever it returned, before the response goes out; if that fails the client gets an error and no cookie.
//!
//! # Routes for those who have signed in
//!
//! A handler that asks for [`SignedIn`] has the session and its owner. Everybody else is forwarded, in the end to 401, or 303 where a
//! [login page](SessionsBuilder::login_page) was named, and the request only wants to see a page.
//!
//! # Several sessions
//!
//! Several fairings may be around a route if their cookies have different names. [`Session`] is that of the last
//! one; [`Named`] gives any of them, by the name of its cookie.
//!
//! # With Rocket
//!
//! - A guard or a handler that fails with a [`SessionError`] ends at the catcher of its status, which makes the body; the
//!   fairing adds the headers. Catchers can use the session: `request.guard::<Session>().await`. Only if the save itself
//!   fails there is no catcher to ask, and the response becomes a short text.
//! - A handler that panics leaves the session as it was, and the catcher of 500 answers. This is noticed by the [`Session`]
//!   that the handler holds at that moment; one that has given it away before has it saved.
//! - Mistakes show at the launch: an application with a route that wants a session that no fairing gives does not
//!   launch.
//! - Rocket's `X-Real-IP` is not asked, since any client can send it. Say with the policy's `trust_proxy` whose
//!   `X-Forwarded-Proto` counts.
//! - The events of a session's life are written with `tracing`, which Rocket's own log does not show.

mod extract;
mod middleware;

pub use extract::{Named, Peek, Session, SessionError, SignedIn};
pub use middleware::SessionFairing;
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
