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
//! # Errors
//!
//! Everything that can go wrong is a [`SessionError`], and it is a response: 503 with `Retry-After` if the store is down, 409 if the
//! session ended meanwhile, 401 or 303 if somebody must sign in, else 500. The body says nothing about the server; the log does.
//! `?` takes it in handlers that return `Result<_, SessionError>` or an error of your own: a responder. What it holds is here to be matched:
//! `SessionError::Session(CoreError::Gone)`.
//!
//! An error of your own that takes all others lets the session's answer for itself:
//!
//! ```
//! use rocket::Responder;
//! use session_rocket::SessionError;
//!
//! #[derive(Responder)]
//! enum AppError {
//!     Session(SessionError),
//!     #[response(status = 500)]
//!     Other(&'static str),
//! }
//!
//! impl From<SessionError> for AppError {
//!     fn from(error: SessionError) -> Self {
//!         Self::Session(error)
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
//! Several fairings may be around a route if their cookies have different names. [`Session`] is that of the last
//! one; [`Named`] gives any of them, by the name of its cookie.
//!
//! # With Rocket
//!
//! - `Option<Session>` is Rocket's own: `None` where the route is outside the cookie's path, and also where the store cannot
//!   answer. `Result<Session, SessionError>` tells these apart.
//! - A guard or a handler that fails with a [`SessionError`] ends at the catcher of its status, which makes the body; the
//!   fairing adds the headers. Catchers can use the session: `request.guard::<Session>().await`. Only if the save itself
//!   fails there is no catcher to ask, and the response becomes a short text.
//! - A handler that panics leaves the session as it was, and the catcher of 500 answers.
//! - Mistakes show at the launch: an application with a route that wants a session that no fairing gives does not
//!   launch.
//! - Rocket's `X-Real-IP` is not asked, since any client can send it. Say with the policy's `trust_proxy` whose
//!   `X-Forwarded-Proto` counts.
//! - The events of a session's life are written with `tracing`, which Rocket's own log does not show.

mod middleware;

pub use middleware::SessionFairing;
pub use session_driver::prelude::*;
