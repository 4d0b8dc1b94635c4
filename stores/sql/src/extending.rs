//! What becomes of moving a due expiry while the database takes no writes: the session is served all the same.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use session_core::store::StoreError;
use tokio::time::Instant;

/// How long nothing is extended after a refusal, so that reads do not each ask in vain, or wait for a lock that is held.
const PAUSE: Duration = Duration::from_secs(1);

/// How long until the log says it again.
const QUIET: Duration = Duration::from_secs(60);

/// Whether loads move expiries at present.
#[derive(Debug, Default)]
pub(crate) struct Extending(Mutex<Refusal>);

#[derive(Debug, Default)]
struct Refusal {
    at: Option<Instant>,
    logged: Option<Instant>,
}

impl Extending {
    /// Whether it is worth while to try.
    pub(crate) fn is_on(&self) -> bool {
        let refusal = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        refusal.at.is_none_or(|at| at.elapsed() >= PAUSE)
    }

    /// An expiry could not be moved, for this reason.
    pub(crate) fn refused(&self, error: &StoreError) {
        let now = Instant::now();
        let mut refusal = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        refusal.at = Some(now);
        if refusal.logged.is_none_or(|logged| now - logged >= QUIET) {
            refusal.logged = Some(now);
            tracing::warn!(%error, "sessions are served, and their lives are not extended");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn after_a_refusal_it_is_tried_again_in_a_second() {
        let extending = Extending::default();
        assert!(extending.is_on());
        extending.refused(&StoreError::read_only("a test"));
        assert!(!extending.is_on());
        tokio::time::advance(PAUSE).await;
        assert!(extending.is_on());
    }
}
