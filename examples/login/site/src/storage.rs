//! Where the sessions are kept, chosen when the program starts.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use session_core::Policy;
use session_core::store::{Directory, Store};
use session_driver::{Devices, Sessions};
use session_store_memory::MemoryStore;
use session_store_sql::{PurgeTask, SqliteStore};

use crate::StartError;
use crate::options::{Options, StoreChoice};

/// How often expired sessions are swept out of the database. They have ended before, each at its time.
const SWEEP: Duration = Duration::from_secs(10 * 60);

/// The store that the command line asked for.
#[derive(Debug)]
pub struct Storage(Kind);

#[derive(Debug)]
enum Kind {
    Memory(Arc<MemoryStore>),
    /// The task sweeps for as long as it is held.
    Sqlite(Arc<SqliteStore>, PurgeTask),
}

impl Storage {
    /// Opens the store. A database and its folder are made if they are not there.
    ///
    /// # Errors
    ///
    /// The database cannot be opened.
    pub async fn open(options: &Options) -> Result<Self, StartError> {
        Ok(Self(match options.store {
            StoreChoice::Memory => Kind::Memory(Arc::new(MemoryStore::new())),
            StoreChoice::Sqlite => {
                if let Some(folder) = options.database.parent() {
                    fs::create_dir_all(folder)?;
                }
                let store = SqliteStore::open(&options.database).await?;
                let sweep = store.spawn_purge(SWEEP, 500);
                Kind::Sqlite(Arc::new(store), sweep)
            }
        }))
    }

    /// The sessions in this store, and the devices of their owners.
    #[must_use]
    pub fn sessions(&self, policy: Policy) -> (Sessions, Devices) {
        match &self.0 {
            Kind::Memory(store) => sessions_in(store, policy),
            Kind::Sqlite(store, _) => sessions_in(store, policy),
        }
    }

    /// Closes the store, when the last request is done.
    pub async fn close(self) {
        match self.0 {
            Kind::Memory(_) => {}
            Kind::Sqlite(store, sweep) => {
                drop(sweep);
                store.close().await;
            }
        }
    }
}

fn sessions_in(directory: &Arc<impl Directory>, policy: Policy) -> (Sessions, Devices) {
    let store: Arc<dyn Store> = directory.clone();
    let sessions = Sessions::new(policy, store);
    let devices = Devices::new(&sessions, directory.clone());
    (sessions, devices)
}
