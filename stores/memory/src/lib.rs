//! Sessions in this process's memory.
//!
//! For development, tests, and services of one process that may forget their sessions when they restart. Several
//! processes need a store that they share. One line in the log says so, unless
//! [`for_one_process`](MemoryStore::for_one_process) says that this is meant.
//!
//! # Contract
//!
//! * Everything that [`Store`](session_core::store::Store) and [`Directory`](session_core::store::Directory)
//!   promise; `session-conformance` runs against it.
//! * **Bounded.** A full store refuses new sessions of strangers, with an error that says what to do. It never drops a live
//!   session that has an owner: a flood of new visitors logs nobody out. Nor does it keep anybody from logging in: a
//!   session with an owner takes the place of one without.
//! * **Reclaims expired sessions unasked.** Every verb looks at a few records and removes those that have expired,
//!   so there is no background task to start and no pause that grows with the number of sessions.
//! * **No verb waits.** No future of this store is ever pending, so none can be cancelled halfway.
//!
//! A session costs its payload and about 180 bytes, the key included: 430 bytes for a payload of 251.
//! Sessions without an owner take no room in the index of owners. A million sessions take some 430 MB and need nothing
//! tuned but [`MemoryStore::with_capacity`]; a hundred million are for another store.
//!
//! # Examples
//!
//! ```
//! use session_core::StoreKey;
//! use session_core::store::{Created, Record, Store};
//! use session_store_memory::MemoryStore;
//! use time::{Duration, OffsetDateTime};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), session_core::store::StoreError> {
//! let store = MemoryStore::new();
//! let now = OffsetDateTime::now_utc();
//! let key = StoreKey::from_stored("a key");
//! let record = Record {
//!     payload: r#"{"cookie":{"originalMaxAge":60000}}"#.into(),
//!     expires_at: now + Duration::minutes(1),
//!     owner: None,
//! };
//!
//! assert!(matches!(store.create(&key, &record, now).await?, Created::Done(_)));
//! assert!(store.load(&key, None, now).await?.is_some());
//! assert!(store.load(&key, None, now + Duration::minutes(1)).await?.is_none());
//! # Ok(())
//! # }
//! ```

mod directory;
mod key;
mod room;
mod shard;
mod store;

pub use store::{DEFAULT_MAX_SESSIONS, MemoryStore};
