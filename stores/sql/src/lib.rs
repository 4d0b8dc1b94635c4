//! Server-side sessions in SQL databases.
//!
//! | database | feature | store | table |
//! | --- | --- | --- | --- |
//! | SQLite | `sqlite` (default) | `SqliteStore` | its own |
//! | PostgreSQL | `postgres` | `PostgresStore` | that of Node's connect-pg-simple |
//! | MySQL, MariaDB | `mysql` | `MysqlStore` | that of Node's express-mysql-session |
//!
//! The feature `tls` is for connections to PostgreSQL and MySQL that leave the machine.
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
//! SQLite result code, an SQLSTATE, a MySQL error number), never a statement, a value, a file name or a URL.

#[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
compile_error!("this crate is for databases: choose one or more of its features sqlite, postgres and mysql");

#[cfg(any(feature = "postgres", feature = "mysql"))]
mod digest;
mod error;
mod extending;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod health;
mod lazy;
mod moment;
#[cfg(feature = "mysql")]
pub mod mysql;
mod name;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod outcome;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod outlive;
#[cfg(feature = "postgres")]
pub mod postgres;
mod purge;
mod readable;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod server;
#[cfg(feature = "sqlite")]
pub mod sqlite;

#[cfg(feature = "mysql")]
pub use mysql::MysqlStore;
#[cfg(feature = "postgres")]
pub use postgres::PostgresStore;
pub use purge::PurgeTask;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;
