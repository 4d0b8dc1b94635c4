//! What a store makes at its first use: by whoever comes first, once for all, and again later if it failed.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use session_core::store::{StoreError, StoreErrorKind};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::error::too_late;

/// How long an answer counts before the server is asked again: nothing that ends by itself in less time is worth a try.
const PAUSE: Duration = Duration::from_millis(100);

/// The same for a server that answered, and refused: somebody must act before it answers anything else.
const PAUSE_IF_REFUSED: Duration = Duration::from_secs(1);

/// When an attempt ended, and how; `None` as long as it runs.
type Outcome<T> = Option<(Instant, Result<T, StoreError>)>;

/// A value that is made at its first use.
pub(crate) struct Lazy<T> {
    made: OnceLock<T>,
    /// The last attempt. There is one at a time, for everybody who waits.
    attempt: Mutex<Option<watch::Receiver<Outcome<T>>>>,
}

impl<T> Default for Lazy<T> {
    fn default() -> Self {
        Self { made: OnceLock::new(), attempt: Mutex::new(None) }
    }
}

impl<T: Clone + Send + Sync + 'static> Lazy<T> {
    /// Takes this for the value, unless there is one.
    pub(crate) fn set(&self, value: T) {
        // Two that make it at once make the same.
        let _made_before = self.made.set(value);
    }

    /// The value, made now if need be.
    ///
    /// An attempt runs in a task of its own, so that it goes on when the one who began it goes away, and answers all who wait.
    ///
    /// # Errors
    ///
    /// The attempt's own. `Unavailable` if the attempt takes longer than `limit`, or if something has to be written and nothing
    /// can be.
    pub(crate) async fn get_or_make<F>(
        &self,
        limit: Duration,
        attempt: impl FnOnce() -> F,
    ) -> Result<&T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        if let Some(made) = self.made.get() {
            return Ok(made);
        }
        let mut outcome = self.join(attempt);
        let ended = timeout(limit, outcome.wait_for(Option::is_some)).await.map_err(|_| too_late())?;
        match ended.as_deref() {
            Ok(Some((_, Ok(value)))) => Ok(self.made.get_or_init(|| value.clone())),
            Ok(Some((_, Err(error)))) => Err(error.clone()),
            // The runtime that it ran on has ended.
            Ok(None) | Err(_) => Err(StoreError::unavailable("connecting was broken off; try again")),
        }
    }

    /// The attempt that runs, the last one if it ended just now, or a new one.
    fn join<F>(&self, attempt: impl FnOnce() -> F) -> watch::Receiver<Outcome<T>>
    where
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let mut last = self.attempt.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(outcome) = last.as_ref().filter(|outcome| counts(outcome)) {
            return outcome.clone();
        }
        let (ended, outcome) = watch::channel(None);
        let attempt = attempt();
        tokio::spawn(async move {
            let answer = attempt.await.map_err(|error| match error.kind() {
                StoreErrorKind::ReadOnly => StoreError::unavailable(
                    "the indexes are not complete, and the server takes no writes now",
                ),
                _ => error,
            });
            ended.send_replace(Some((Instant::now(), answer)));
        });
        *last = Some(outcome.clone());
        outcome
    }
}

/// Whether there is no need to try again yet.
fn counts<T>(outcome: &watch::Receiver<Outcome<T>>) -> bool {
    match &*outcome.borrow() {
        None => outcome.has_changed().is_ok(),
        Some((_, Ok(_))) => true,
        Some((at, Err(error))) => {
            let pause = match error.kind() {
                StoreErrorKind::Refused => PAUSE_IF_REFUSED,
                _ => PAUSE,
            };
            at.elapsed() < pause
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn who_comes_meanwhile_shares_the_attempt_and_who_goes_away_does_not_end_it() {
        let (lazy, tries) = (Lazy::default(), Arc::new(AtomicUsize::new(0)));
        let make = || {
            tries.fetch_add(1, Ordering::SeqCst);
            async {
                tokio::time::sleep(Duration::from_secs(10)).await;
                Ok(7)
            }
        };
        assert!(timeout(Duration::from_secs(1), lazy.get_or_make(LIMIT, make)).await.is_err());
        assert_eq!(lazy.get_or_make(Duration::from_secs(1), make).await, Err(too_late()));
        let (one, two) = tokio::join!(lazy.get_or_make(LIMIT, make), lazy.get_or_make(LIMIT, make));
        assert_eq!((one, two), (Ok(&7), Ok(&7)));
        assert_eq!(tries.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_counts_for_a_while_and_then_it_is_tried_again() {
        for (error, pause) in
            [(StoreError::unavailable("down"), PAUSE), (StoreError::refused("password"), PAUSE_IF_REFUSED)]
        {
            let (lazy, tries) = (Lazy::<()>::default(), AtomicUsize::new(0));
            let fail = || {
                tries.fetch_add(1, Ordering::SeqCst);
                let error = error.clone();
                async { Err(error) }
            };
            for _ in 0..3 {
                assert_eq!(lazy.get_or_make(LIMIT, fail).await, Err(error.clone()));
            }
            assert_eq!(tries.load(Ordering::SeqCst), 1, "{error}");
            tokio::time::advance(pause).await;
            assert_eq!(lazy.get_or_make(LIMIT, fail).await, Err(error.clone()));
            assert_eq!(tries.load(Ordering::SeqCst), 2, "{error}");
            assert_eq!(lazy.get_or_make(LIMIT, || async { Ok(()) }).await, Err(error.clone()));
            tokio::time::advance(pause).await;
            assert_eq!(lazy.get_or_make(LIMIT, || async { Ok(()) }).await, Ok(&()));
        }
    }

    #[test]
    fn an_attempt_that_ended_with_its_runtime_is_made_again_on_the_next_one() {
        let lazy = Lazy::default();
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime().block_on(async {
            let forever = lazy.get_or_make(Duration::from_millis(1), std::future::pending::<Result<u8, _>>);
            assert!(forever.await.is_err());
        });
        runtime().block_on(async {
            assert_eq!(lazy.get_or_make(LIMIT, || async { Ok(1) }).await, Ok(&1));
        });
    }
}
