//! The promises of a session store and those of an adapter, one named test each.
//!
//! Whoever writes a store for [`session_core`], or an adapter for a framework, runs these against it and knows when it is
//! done. Every sentence of the [store's contract](session_core::store) is a case; what an adapter promises is told by cases
//! that talk to it as a browser does, and where they are about what express-session does, too, the real one has passed
//! them ([`judge`]). Broken stores and adapters in this crate's own tests prove that cases bite.
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
//! # Callers that go away
//!
//! The cases with `dropped` in their names, and the one of a crowd that goes away, need nothing from the store under test. They
//! poll a verb once, twice and so on until it comes to its end, drop it, and look at what it left through more readers than a
//! store has connections. A store with a pool should have no more than ten connections for it.
//!
//! # Time
//!
//! Every verb is told the time. Cases start at the real time and give sessions lives of minutes. Where a session has
//! to expire, they say that it is later now. A store that goes by its server's clock instead says
//! [`server_clock`](StoreSuite::server_clock): such a case then gives a session a short life and waits for its end.
//!
//! # An adapter's conformance test
//!
//! The same lines in `Cargo.toml`, and in `tests/conformance.rs` a function that serves a small set of routes in the
//! framework, behind the adapter under test:
//!
//! ```no_run
//! use session_conformance::{Feature, Site};
//!
//! async fn mount(site: Site) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//!     let (listener, sessions) = (site.listener()?, site.sessions());
//! #   drop((listener, sessions));
//!     // Here: accept at the listener, with a session layer made of the sessions around the routes below.
//!     site.stopped().await;
//!     Ok(())
//! }
//!
//! fn main() {
//!     session_conformance::adapter(mount).named("mine").without(Feature::Socket).run();
//! }
//! ```
//!
//! It is called once for each case, with a [`Site`]: a server of its own on a free port of the loopback interface, whose
//! policy, store and clock are the case's. The handlers know nothing of that. Each reads the request's [`script`], plays it on
//! the session that the framework's own extractor gave, and answers what the script says:
//!
//! | route | handler |
//! | --- | --- |
//! | `/play` | asks for the session, reads the body, and plays the [script](script::Script::play) |
//! | `/nested/play` | the same in a router within the router, whose layer sees a shortened path: [`Feature::Nested`] |
//! | `/maybe` | [plays](script::Script::play_maybe) with an optional session: [`Feature::Optional`] |
//! | `/idle` | plays, and never names the session |
//! | `/peek` | the extractor that does not extend the session: [`Feature::Peek`] |
//! | `/fail` | plays, then fails with an error of the framework's own, of the answer's status |
//! | `/stream` | plays, then sends [the answer's chunks](script::Answer::chunks) as its body: [`Feature::Stream`] |
//! | `/socket` | plays, then upgrades, and answers each text message by [`play_detached`](script::play_detached): [`Feature::Socket`] |
//! | `/two/play` | two layers around one handler, which [plays on both](script::Script::play_two): [`Feature::TwoLayers`] |
//! | `/signed-in` | behind the guard for the signed-in: [`Feature::Guard`] |
//!
//! All but `/play` and `/nested/play` read the script from the header alone. Requests come with `GET`, `HEAD` and `POST`. Errors
//! of the session are passed on as an application would with `?`; the adapter makes responses of them. What a framework does
//! not have is said by [`without`](AdapterSuite::without).
//!
//! `examples/your-own-adapter` in this project's repository is a whole adapter with its mount, and a guide.
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
pub mod judge;
pub mod script;
mod store;
mod suite;
mod unavailable;

#[doc(hidden)]
pub mod doc;

pub use adapter::{
    AdapterSuite, Feature, Processes, Site, Worker, adapter, pair, pair_of_processes, run_together,
};
pub use faults::{FaultSuite, faults};
pub use store::{StoreSuite, directory, store};
pub use suite::{CaseReport, Runs, Verdict};
pub use unavailable::Unavailable;
