//! The rows of the security checklist that the core can show by itself, without a socket or a real store.
//!
//! Each test names its rows. Rows about real stores, races and adapters are shown where those are.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::type_complexity,
    missing_docs,
    unreachable_pub,
    missing_debug_implementations,
    reason = "a test says what it expects"
)]

#[path = "security/caching.rs"]
mod caching;
#[path = "security/cookie.rs"]
mod cookie;
#[path = "security/crypto.rs"]
mod crypto;
#[path = "security/identifier.rs"]
mod identifier;
#[path = "security/prefixes.rs"]
mod prefixes;
#[path = "security/reading.rs"]
mod reading;
#[path = "security/rotation.rs"]
mod rotation;
#[path = "security/server.rs"]
mod server;
#[path = "security/storage.rs"]
mod storage;
#[path = "security/timeouts.rs"]
mod timeouts;
