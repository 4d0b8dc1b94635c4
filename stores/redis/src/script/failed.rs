//! What is known of a call that failed: whether the server can have carried it out.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use redis::{RedisError, RedisResult};
use session_core::store::StoreError;

use crate::error::{code, store_error};
use crate::script::Call;

/// A call without an answer, or with one that refuses it.
#[derive(Debug, Clone)]
pub(crate) struct Failed {
    pub(crate) error: RedisError,
    /// It never left this process.
    is_unsent: bool,
}

impl Failed {
    /// No connection could be made, or the one there was had been closed before.
    pub(crate) fn unsent(error: RedisError) -> Self {
        Self { error, is_unsent: true }
    }

    /// Whether it may be tried once more: a call that was certainly not carried out, or one that only reads. Never a write
    /// whose answer was lost.
    pub(crate) fn may_be_tried_again(&self, call: &Call) -> bool {
        let is_lost = self.error.is_connection_dropped();
        is_lost && (self.is_unsent || call.is_read())
    }

    /// Whether the server is a replica and has refused it: its primary may be elsewhere by now.
    pub(crate) fn is_of_a_replica(&self) -> bool {
        code(&self.error) == Some("READONLY")
    }
}

impl From<RedisError> for Failed {
    fn from(error: RedisError) -> Self {
        Self { error, is_unsent: false }
    }
}

impl From<Failed> for StoreError {
    fn from(failed: Failed) -> Self {
        store_error(&failed.error)
    }
}

/// The answer to something that is sent over a shared connection, and whether it was sent at all.
///
/// The client library hands it to the task that has the socket and waits. If that task has ended, since the connection
/// is closed, there is nobody to hand it to, and the answer is there at once, without a wait.
pub(crate) async fn watched<T>(sent: impl Future<Output = RedisResult<T>>) -> Result<T, Failed> {
    let mut sent = pin!(sent);
    let mut has_waited = false;
    poll_fn(|context| match sent.as_mut().poll(context) {
        Poll::Pending => {
            has_waited = true;
            Poll::Pending
        }
        Poll::Ready(Ok(answer)) => Poll::Ready(Ok(answer)),
        Poll::Ready(Err(error)) => {
            let is_unsent = !has_waited && error.is_connection_dropped();
            Poll::Ready(Err(Failed { error, is_unsent }))
        }
    })
    .await
}
