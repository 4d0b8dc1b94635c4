//! What is particular to SQLite. What every store promises is in `conformance.rs`.
#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

mod files;
mod housekeeping;
mod locks;
mod outages;
mod records;
mod schema;

use std::path::PathBuf;
use std::time::Duration;

use session_core::StoreKey;
use session_core::store::{Created, Owner, Record, Store as _};
use session_store_sql::SqliteStore;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
use tempfile::TempDir;
use time::OffsetDateTime;

pub(crate) struct Place {
    pub(crate) dir: TempDir,
    pub(crate) now: OffsetDateTime,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), now: OffsetDateTime::now_utc() }
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.dir.path().join("sessions.db")
    }

    pub(crate) async fn store(&self) -> SqliteStore {
        SqliteStore::open(self.file()).await.unwrap()
    }

    /// A connection of somebody else.
    pub(crate) async fn other(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.file()).create_if_missing(true);
        SqliteConnection::connect_with(&options).await.unwrap()
    }

    pub(crate) fn record(&self, n: u64) -> Record {
        Record {
            payload: format!(r#"{{"cookie":{{"originalMaxAge":60000}},"n":{n}}}"#).into(),
            expires_at: self.now + Duration::from_secs(60),
            owner: Owner::new("somebody"),
        }
    }

    pub(crate) async fn create(&self, store: &SqliteStore, name: &str) {
        let created = store.create(&key(name), &self.record(1), self.now).await.unwrap();
        assert!(matches!(created, Created::Done(_)));
    }

    pub(crate) async fn has(&self, store: &SqliteStore, name: &str) -> bool {
        store.load(&key(name), None, self.now).await.unwrap().is_some()
    }
}

pub(crate) fn key(name: &str) -> StoreKey {
    StoreKey::from_stored(name)
}

pub(crate) async fn run(connection: &mut SqliteConnection, sql: impl Into<String>) {
    sqlx::raw_sql(AssertSqlSafe(sql.into())).execute(connection).await.unwrap();
}
