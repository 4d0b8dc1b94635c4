//! Sessions in a folder, a file for each: a whole store to read before one writes one's own.
//!
//! `README.md` goes through it step by step.

mod directory;
mod folder;
mod store;

use std::path::PathBuf;
use std::sync::Arc;

use session_core::store::StoreError;

use folder::Folder;

/// Sessions in a folder that this process alone uses.
///
/// A clone is another handle to the same folder.
#[derive(Debug, Clone)]
pub struct FolderStore(Arc<Folder>);

impl FolderStore {
    /// Opens the folder, and makes it if it is not there.
    ///
    /// # Errors
    ///
    /// `Unavailable` if it can neither be opened nor made.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        Ok(Self(Arc::new(Folder::open(path.into())?)))
    }

    /// Does `work` on a thread that may wait for the disk. It runs to its end even if the caller goes away.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let folder = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || work(&folder)).await;
        done.unwrap_or_else(|_| Err(StoreError::unavailable("the work on the folder was broken off")))
    }
}
