//! Housekeeping: expired records are removed in small batches, in the background, as long as a store is there.
//!
//! Sessions end on time without it, since expiry is judged at each load; this only gives the space back.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use session_core::store::{Directory, StoreErrorKind};
use time::OffsetDateTime;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

/// How often expired records are removed, and how many at once. Each builder has one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Purge {
    pub(crate) every: Option<Duration>,
    pub(crate) batch: usize,
}

impl Default for Purge {
    /// What connect-pg-simple and express-mysql-session do by default, too.
    fn default() -> Self {
        Self { every: Some(Duration::from_secs(15 * 60)), batch: 1000 }
    }
}

/// The background task of one store. It ends when this is dropped, which is with the store's last clone.
pub(crate) struct Purging {
    purge: Purge,
    task: Mutex<Task>,
}

enum Task {
    NotStarted,
    Runs(AbortHandle),
    Stopped,
}

impl Purging {
    pub(crate) fn new(purge: Purge) -> Self {
        Self { purge, task: Mutex::new(Task::NotStarted) }
    }

    /// Starts the task, unless it runs, was stopped, or is not wanted.
    ///
    /// `store` makes the store of its inner part, of which the task keeps no more than a weak reference while it waits.
    /// Without a Tokio runtime nothing happens; a later call may have one.
    pub(crate) fn start<I, D>(&self, inner: &Arc<I>, store: fn(Arc<I>) -> D)
    where
        I: Send + Sync + 'static,
        D: Directory,
    {
        let (Some(every), Ok(runtime)) = (self.purge.every, Handle::try_current()) else { return };
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        let is_wanted = match &*task {
            Task::NotStarted => true,
            // The runtime that it ran on is gone.
            Task::Runs(handle) => handle.is_finished(),
            Task::Stopped => false,
        };
        if is_wanted {
            let (inner, batch) = (Arc::downgrade(inner), self.purge.batch.max(1));
            let every = every.clamp(Duration::from_secs(1), Duration::from_secs(365 * 86_400));
            let passes = repeat(inner, store, every, batch);
            *task = Task::Runs(runtime.spawn(passes).abort_handle());
        }
    }

    /// Ends the task for good, at its next await.
    pub(crate) fn stop(&self) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if let Task::Runs(handle) = std::mem::replace(&mut *task, Task::Stopped) {
            handle.abort();
        }
    }
}

impl Drop for Purging {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Purging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Purging").field("purge", &self.purge).finish_non_exhaustive()
    }
}

/// One pass after the other, each half an interval to one and a half after the one before: servers that were started
/// together do not purge together, and one that has just started has other things to do.
async fn repeat<I, D: Directory>(inner: Weak<I>, store: fn(Arc<I>) -> D, every: Duration, batch: usize) {
    loop {
        tokio::time::sleep(every.mul_f64(rand::random_range(0.5..1.5))).await;
        let mut removed = 0;
        // The store may be dropped between two batches, too.
        while let Some(inner) = inner.upgrade() {
            let begun = Instant::now();
            let done = store(inner).purge_expired(OffsetDateTime::now_utc(), batch).await;
            match done {
                Ok(count) => {
                    removed += count;
                    if count < batch as u64 {
                        tracing::debug!(removed, "expired sessions were purged");
                        break;
                    }
                }
                // It takes no writes at the moment, or never: a replica purges nothing.
                Err(error) if error.kind() == StoreErrorKind::ReadOnly => {
                    tracing::debug!(%error, removed, "expired sessions were not purged");
                    break;
                }
                Err(error) => {
                    tracing::warn!(%error, removed, "expired sessions could not be purged; trying again later");
                    break;
                }
            }
            // Half of the time belongs to others, however much has gathered.
            tokio::time::sleep(begun.elapsed()).await;
        }
        if inner.strong_count() == 0 {
            return;
        }
    }
}

/// The options of a builder with a field `purge`.
macro_rules! purge_options {
    () => {
        /// How often expired sessions are removed in the background: every 15 minutes unless it is set, at least one
        /// second apart; `None` switches it off.
        ///
        /// Sessions end on time without it; this gives their space back. The time between two passes varies by up to a
        /// half of this, so that several servers do not purge together. The task reads the system's clock, keeps no
        /// connection while it waits, and ends with the last clone of the store, or when it is closed. A pass that
        /// fails is logged at level WARN and made again the next time.
        pub fn purge_every(mut self, interval: impl Into<Option<std::time::Duration>>) -> Self {
            self.purge.every = interval.into();
            self
        }

        /// How many expired sessions one step of the background task removes; 1000 unless it is set, at least 1.
        ///
        /// Between two steps the task waits for as long as the step took.
        pub fn purge_batch(mut self, sessions: usize) -> Self {
            self.purge.batch = sessions;
            self
        }
    };
}
pub(crate) use purge_options;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_runtime_nothing_is_started_and_nothing_panics() {
        let purging = Purging::new(Purge::default());
        let inner = Arc::new(());
        purging.start(&inner, store);
        assert!(matches!(*purging.task.lock().unwrap(), Task::NotStarted));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async { purging.start(&inner, store) });
        assert!(matches!(*purging.task.lock().unwrap(), Task::Runs(_)));
        purging.stop();
        runtime.block_on(async { purging.start(&inner, store) });
        assert!(matches!(*purging.task.lock().unwrap(), Task::Stopped));
    }

    #[tokio::test]
    async fn the_task_ends_with_the_store() {
        let inner = Arc::new(());
        let purging = Purging::new(Purge { every: Some(Duration::MAX), batch: 0 });
        purging.start(&inner, store);
        purging.start(&inner, store);
        let runtime = Handle::current();
        assert_eq!((runtime.metrics().num_alive_tasks(), Arc::strong_count(&inner)), (1, 1));
        drop(purging);
        while runtime.metrics().num_alive_tasks() > 0 {
            tokio::task::yield_now().await;
        }
    }

    #[test]
    fn switched_off_nothing_is_started() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let purging = Purging::new(Purge { every: None, batch: 1 });
        runtime.block_on(async { purging.start(&Arc::new(()), store) });
        assert_eq!(runtime.metrics().num_alive_tasks(), 0);
    }

    fn store(_: Arc<()>) -> Arc<dyn Directory> {
        unreachable!("no pass is made")
    }
}
