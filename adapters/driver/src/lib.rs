//! Everything that awaits in server-side sessions, written once for all frameworks.
//!
//! An application puts a policy and a store together as [`Sessions`]. For each request an adapter
//! [begins](Sessions::begin) an [`Exchange`], lets an extractor await its [`Session`](Exchange::session), runs the handler,
//! and [finishes](Exchange::finish) it. That is all an adapter does; the decisions are `session-core`'s.
//!
//! ```
//! # fn main() { tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run()).unwrap() }
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use session_core::{Keyring, Policy, RequestFacts};
//! use session_driver::Sessions;
//! use session_store_memory::MemoryStore;
//!
//! let policy = Policy::builder(Keyring::new("s3cr3t, random and longer than 32 bytes")).build()?;
//! let sessions = Sessions::new(policy, MemoryStore::new());
//! let facts = RequestFacts::new("/");
//!
//! // A request without a cookie: the handler counts a visit, the response carries the cookie.
//! let exchange = sessions.begin(&facts, []);
//! let session = exchange.session().await?;
//! session.update("visits", |visits: Option<u32>| visits.unwrap_or(0) + 1)?;
//! let reply = exchange.finish().await?;
//! let cookie = reply.set_cookie().ok_or("a new session has a cookie")?.split(';').next().unwrap_or_default().to_owned();
//!
//! // The next request comes with it.
//! let exchange = sessions.begin(&facts, [cookie.as_bytes()]);
//! let visits = exchange.session().await?.update("visits", |visits: Option<u32>| visits.unwrap_or(0) + 1)?;
//! assert_eq!(visits, 2);
//! exchange.finish().await?;
//! # Ok(()) }
//! ```
//!
//! # Frameworks
//!
//! By itself this crate knows no framework. The features `axum`, `actix-web`, `poem`, `rocket` and `http` give [`Error`] and the
//! types that handlers ask for ([`Session`], [`Peek`], [`SignedIn`], …) the traits of that framework, so that all adapters share
//! them and `?` works on each of their methods. Adapters turn their feature on; an application does not.

mod clock;
mod devices;
mod error;
mod exchange;
mod extract;
mod fields;
mod framework;
mod guard;
mod health;
mod layers;
mod log;
mod outage;
pub mod prelude;
mod save;
mod session;
mod sessions;
mod settle;

pub use clock::{Clock, ManualClock, SystemClock};
pub use devices::{Device, Devices};
pub use error::Error;
pub use exchange::Exchange;
pub use extract::{FromExchange, Named, Peek, SessionOrAnonymous, SessionOrUnavailable, SignedIn};
pub use fields::{Field, Others};
#[cfg(feature = "actix-web")]
pub use framework::actix_web;
#[cfg(feature = "http")]
pub use framework::http;
#[cfg(feature = "rocket")]
pub use framework::rocket;
pub use guard::Challenge;
pub use layers::LayerName;
pub use outage::OnOutage;
pub use session::Session;
pub use sessions::{DEFAULT_DEADLINE, Sessions, SessionsBuilder};

pub use session_core as core;
/// A point in time, as stores and clocks tell it.
pub use time::OffsetDateTime as Time;
