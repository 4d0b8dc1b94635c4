//! The login example without its framework, so that the examples for all frameworks are the same site.
//!
//! What is left to an example is what differs: its routes, how it reads a form, and how it stops.
//!
//! * [`actions`]: what the site does, and every use of the session;
//! * [`Options`]: the command line;
//! * [`secret`]: the secret that signs the cookies, made at the first start;
//! * [`policy`] and [`Storage`]: what the sessions are put together from;
//! * [`users`]: who may sign in;
//! * [`forgery`]: which requests may change something;
//! * [`pages`]: what the browser shows, and [`device`]: what it is called there;
//! * [`keys`]: what a session holds.

pub mod actions;
pub mod device;
pub mod forgery;
pub mod keys;
mod options;
pub mod pages;
mod policy;
pub mod secret;
pub mod serving;
mod storage;
pub mod users;
mod words;

pub use options::{Options, StoreChoice};
pub use policy::{REMEMBERED, policy};
pub use storage::Storage;

/// What may go wrong while a program starts. It ends then, so nothing but a person looks at it.
pub type StartError = Box<dyn std::error::Error + Send + Sync>;

/// Writes warnings to standard error, or what the variable `RUST_LOG` asks for.
pub fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
