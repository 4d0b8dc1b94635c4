//! Housekeeping: expired records are removed in small batches, in the background.
//!
//! Sessions end on time without it, since expiry is judged at each load; this only gives the space back.

use std::time::Duration;

use session_core::store::Directory;
use time::OffsetDateTime;
use tokio::task::JoinHandle;

/// A purge that runs until this is dropped.
///
/// Got from `spawn_purge` of a store, or from [`PurgeTask::spawn`] for any other store. Keep it as long as the
/// store is in use; dropping it stops the purge at its next await, which is safe at any time.
#[derive(Debug)]
#[must_use = "the purge stops when this is dropped"]
pub struct PurgeTask(JoinHandle<()>);

impl PurgeTask {
    /// Removes expired records of `store` once per `interval`, at most `batch` of them in one statement.
    ///
    /// Each pass begins at a random moment of its interval, so that servers started together do not purge
    /// together. Between two batches the task lets others go first. A pass that fails is reported with
    /// `tracing` at level WARN, and the next one is made as usual. This task reads the system's clock.
    ///
    /// An `interval` below one second counts as one second, a `batch` of 0 as 1.
    ///
    /// # Panics
    ///
    /// If it is not called within a Tokio runtime.
    pub fn spawn<D: Directory>(store: D, interval: Duration, batch: usize) -> Self {
        let interval = interval.max(Duration::from_secs(1));
        let batch = batch.max(1);
        Self(tokio::spawn(async move {
            loop {
                let before = interval.mul_f64(rand::random::<f64>());
                tokio::time::sleep(before).await;
                purge(&store, batch).await;
                tokio::time::sleep(interval - before).await;
            }
        }))
    }
}

impl Drop for PurgeTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn purge<D: Directory>(store: &D, batch: usize) {
    let mut removed = 0;
    loop {
        match store.purge_expired(OffsetDateTime::now_utc(), batch).await {
            Ok(count) => {
                removed += count;
                if count < batch as u64 {
                    tracing::debug!(removed, "expired sessions were purged");
                    return;
                }
                tokio::task::yield_now().await;
            }
            Err(error) => {
                tracing::warn!(%error, removed, "expired sessions could not be purged; trying again later");
                return;
            }
        }
    }
}
