//! Sessions for plain hyper: a whole adapter, to read beside the guide in `README.md` and to begin yours with.
//!
//! Wrap the service of a connection in a [`SessionService`] and ask for the session of a request:
//!
//! ```
//! use http_body_util::Full;
//! use hyper::body::Bytes;
//! use hyper::{Request, Response};
//! use your_own_adapter::{Session, SessionError, SessionService, Sessions, extract};
//!
//! type Body = Full<Bytes>;
//!
//! async fn visits(request: Request<Body>) -> Result<Response<Body>, SessionError> {
//!     let session: Session = extract(&request).await?;
//!     let visits = session.update("visits", |visits: Option<u32>| visits.unwrap_or(0) + 1)?;
//!     Ok(Response::new(format!("You have been here {visits} times.").into()))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use hyper::service::{Service as _, service_fn};
//! # use your_own_adapter::{Keyring, Policy};
//! # let policy = Policy::builder(Keyring::new("a long random text, 32 bytes or more")).build()?;
//! # let sessions = Sessions::new(policy, session_store_memory::MemoryStore::new());
//! # let peer = std::net::IpAddr::from([127, 0, 0, 1]);
//! // For each connection that comes in, whose other end is `peer`:
//! let service = SessionService::new(sessions, peer, service_fn(async |request| {
//!     Ok::<_, std::convert::Infallible>(visits(request).await.unwrap_or_else(Response::from))
//! }));
//! # let response = service.call(Request::new(Body::default())).await?;
//! # assert!(response.headers().contains_key("set-cookie"));
//! # Ok(()) }
//! ```

mod extract;
mod middleware;

pub use extract::{OriginalPath, extract, extract_if_any};
pub use middleware::SessionService;
pub use session_driver::prelude::*;
