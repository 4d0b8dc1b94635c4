//! Renewals whose outcome nobody knows, settled after the request is over.
//!
//! The store did not answer in time, or the request was dropped while it worked: the browser was told nothing and still has
//! the old id. A task that outlives the request takes the renewal back, so that the old id works again; the steps are
//! [`Undo`]'s.

use std::time::Duration;

use session_core::State;
use session_core::close::{Close, Undo};
use session_core::store::StoreErrorKind;
use tokio::sync::Semaphore;

use crate::error::Error;
use crate::sessions::Sessions;

/// The first wait after the store did not answer; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// So often it is tried, which takes an hour. A store that was away for longer has most likely lost the move, too.
const MOST_ATTEMPTS: u32 = 3600;

/// So many are settled at a time, so that a store that comes back is not stormed; the others wait for their turn.
static TURNS: Semaphore = Semaphore::const_new(32);

/// A session on its way through the last save of its request. If that does not come to an end, what the browser was not
/// told of is taken back.
pub(crate) struct Finishing<'a> {
    pub(crate) sessions: &'a Sessions,
    pub(crate) close: Option<Close>,
}

impl Finishing<'_> {
    /// The save ended with this error. If the store has answered, nothing is unknown.
    pub(crate) fn failed(mut self, error: Error) -> Error {
        match &error {
            Error::Store(store) if store.kind() == StoreErrorKind::Unavailable => {}
            _ => self.close = None,
        }
        error
    }
}

impl Drop for Finishing<'_> {
    fn drop(&mut self) {
        if let Some(close) = self.close.take() {
            take_back(self.sessions, close.abandon());
        }
    }
}

/// Takes back what was perhaps done of a renewal of which no response will tell. Returns at once.
pub(crate) fn take_back(sessions: &Sessions, state: Box<State>) {
    let Some(undo) = state.undo() else { return };
    // Without a runtime nothing can be awaited; the process is about to end.
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        tracing::debug!(target: "session", event = "renewal_unknown");
        runtime.spawn(settle(sessions.clone(), undo));
    }
}

async fn settle(sessions: Sessions, undo: Undo) {
    let mut undo = Some(undo);
    let mut wait = FIRST_WAIT;
    let _turn = TURNS.acquire().await;
    for _ in 0..MOST_ATTEMPTS {
        let Some(step) = &undo else {
            tracing::info!(target: "session", event = "renewal_undone");
            return;
        };
        let now = sessions.clock().now();
        let update = sessions.store().update(step.key(), step.record(), Some(step.base()), now);
        match sessions.within_deadline(update).await {
            Ok(answer) => undo = undo.and_then(|undo| undo.resume(answer)),
            Err(_) => {
                tokio::time::sleep(wait).await;
                wait = LONGEST_WAIT.min(wait * 2);
            }
        }
    }
    tracing::warn!(target: "session", event = "renewal_not_settled");
}
