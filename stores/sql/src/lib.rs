//! Server-side sessions in SQL databases.
//!
//! | database | feature | store | table |
//! | --- | --- | --- | --- |
//! | SQLite | `sqlite` (default) | [`SqliteStore`] | its own, see [`sqlite`] |
//!
//! Each implements [`Store`](session_core::store::Store) and [`Directory`](session_core::store::Directory), and makes its
//! table when it connects. The pages of the modules say what each promises, what not, and what to tune.
//!
//! ```
//! # #[cfg(feature = "sqlite")]
//! # async fn example(folder: &std::path::Path) -> Result<(), session_core::store::StoreError> {
//! use std::time::Duration;
//! use session_store_sql::SqliteStore;
//!
//! let store = SqliteStore::open(folder.join("sessions.db")).await?;
//! // Gives the space of expired sessions back, as long as it is kept.
//! let purge = store.spawn_purge(Duration::from_secs(15 * 60), 1000);
//! # drop(purge);
//! # store.close().await;
//! # Ok(())
//! # }
//! # #[cfg(feature = "sqlite")]
//! # {
//! # let folder = tempfile::tempdir().unwrap();
//! # tokio::runtime::Runtime::new().unwrap().block_on(example(folder.path())).unwrap();
//! # }
//! ```
//!
//! # Errors
//!
//! A [`StoreError`](session_core::store::StoreError) of this crate holds fixed words and a code of the database (an
//! SQLite result code), never a statement, a value, a file name or a URL.

mod error;
mod moment;
mod name;
mod purge;
#[cfg(feature = "sqlite")]
pub mod sqlite;

pub use purge::PurgeTask;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;
