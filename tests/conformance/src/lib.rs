//! The promises of a session store, one named test each.
//!
//! Whoever writes a store for [`session_core`] runs these against it and knows when it is done. Every sentence of
//! the [contract](session_core::store) is a case; broken stores in this crate's own tests prove that each case bites.
//!
//! # A store's conformance test
//!
//! In `Cargo.toml`:
//!
//! ```toml
//! [[test]]
//! name = "conformance"
//! harness = false
//! ```
//!
//! and in `tests/conformance.rs`:
//!
//! ```no_run
//! # use session_conformance::doc::MyStore;
//! fn main() {
//!     session_conformance::store(|| async { MyStore::connect("my://localhost").await }).named("my").run();
//! }
//! ```
//!
//! [`store`] runs the cases of [`Store`](session_core::store::Store); [`directory`] runs those and the cases of
//! [`Directory`](session_core::store::Directory). Each case is a test of its own, so `cargo test --test conformance`
//! takes filters, `--list` and `--test-threads` as always.
//!
//! A store whose server is reached over a socket has a second test: [`faults`] puts a proxy between the two and
//! looks at what the store says while connections are refused, silent, cut and slow.
//!
//! # The factory
//!
//! It is called once for each case, and twice for a case that looks at two stores. It should give an **empty
//! namespace** each time: a fresh table, collection, file or key prefix. Cases run in parallel. A store whose factory
//! can only give the same namespace again says [`shared_namespace`](StoreSuite::shared_namespace): cases then share
//! it under random keys, those that count or clear run alone, and **whatever was in it is removed**.
//! What a case leaves behind expires within half an hour, but for two records that live for twenty years.
//!
//! # Time
//!
//! Every verb is told the time. Cases start at the real time and give sessions lives of minutes. Where a session has
//! to expire, they say that it is later now. A store that goes by its server's clock instead says
//! [`server_clock`](StoreSuite::server_clock): such a case then gives a session a short life and waits for its end.
//!
//! # A service that is not there
//!
//! If the factory fails with [`Unavailable`], or with a [`StoreError`](session_core::store::StoreError) of the kind
//! *unavailable*, the case is reported as ignored, so that whoever has no such server can still run the tests. Where
//! the environment variable `SESSION_REQUIRE` lists the store's [name](StoreSuite::named) (`SESSION_REQUIRE=redis,my`),
//! it is reported as failed, so that a build server cannot pass by testing nothing.

#[macro_use]
mod failure;
mod adapter;
mod faults;
pub mod script;
mod store;
mod suite;
mod unavailable;

#[doc(hidden)]
pub mod doc;

pub use adapter::{
    AdapterSuite, CaseFacts, Difference, Feature, Host, Scope, Site, adapter, differences, judged_by, pair,
    run_together,
};
pub use faults::{FaultSuite, faults};
pub use store::{StoreSuite, directory, store};
pub use suite::{CaseReport, Runs, Verdict};
pub use unavailable::Unavailable;
