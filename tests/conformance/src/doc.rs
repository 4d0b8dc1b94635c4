//! A store's name for the examples in the documentation. Not for use.

use session_core::store::StoreError;

/// Stands for the reader's store.
#[derive(Debug)]
pub struct MyStore;

impl MyStore {
    /// Stands for whatever makes one.
    ///
    /// # Errors
    ///
    /// Always: there is no such server.
    #[allow(clippy::unused_async, reason = "a real one awaits")]
    pub async fn connect(
        _url: &str,
    ) -> Result<std::sync::Arc<dyn session_core::store::Directory>, StoreError> {
        Err(StoreError::unavailable("this is an example"))
    }
}
