//! Where the sessions are kept, chosen when the program starts.

use std::fmt;
use std::fs;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use session_core::Policy;
use session_core::store::Directory;
use session_driver::{Devices, Sessions};
use session_store_memory::MemoryStore;
use session_store_sql::SqliteStore;

use crate::StartError;
use crate::options::{Options, StoreChoice};

#[cfg(feature = "servers")]
mod servers;

/// The store that the command line asked for.
pub struct Storage {
    directory: Arc<dyn Directory>,
    /// What is to be done at the end; until then it holds what has to be kept.
    close: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Storage {
    /// Opens the store. What it keeps the sessions in (a file and its folder, a table) is made if it is not there.
    ///
    /// # Errors
    ///
    /// The database cannot be opened, the server does not answer or nothing says where it is, or this program was
    /// built without the feature `servers`.
    pub async fn open(options: &Options) -> Result<Self, StartError> {
        match options.store {
            StoreChoice::Memory => Ok(Self::of(Arc::new(MemoryStore::new()), async {})),
            StoreChoice::Sqlite => {
                if let Some(folder) = options.database.parent() {
                    fs::create_dir_all(folder)?;
                }
                let store = Arc::new(SqliteStore::open(&options.database).await?);
                Ok(Self::of(store.clone(), async move { store.close().await }))
            }
            #[cfg(feature = "servers")]
            server => servers::open(server).await,
            #[cfg(not(feature = "servers"))]
            server => {
                let name = server.name();
                Err(format!("built without the store `{name}`; add --features servers to the build").into())
            }
        }
    }

    fn of(directory: Arc<dyn Directory>, close: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { directory, close: Box::pin(close) }
    }

    /// The sessions in this store, and the devices of their owners.
    ///
    /// # Errors
    ///
    /// None: this store finds sessions by their owner.
    pub fn sessions(&self, policy: Policy) -> Result<(Sessions, Devices), session_driver::Error> {
        let sessions = Sessions::with_directory(policy, self.directory.clone());
        let devices = sessions.devices()?;
        Ok((sessions, devices))
    }

    /// Closes the store, when the last request is done.
    pub async fn close(self) {
        self.close.await;
    }
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storage").finish_non_exhaustive()
    }
}
