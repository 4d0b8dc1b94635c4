//! A verb that has begun goes on when its caller goes away: a browser that closes its tab, or a deadline that passes.
//!
//! A statement cannot be taken back once it is sent, and the client library cannot be dropped at every await: it loses count
//! of the answers that are on their way, and does not know of a transaction that the server has begun and it has not yet been
//! told of. Such a connection would answer the next verb from an old snapshot, or with the answer to another question.
//!
//! So each verb is a task of its own, and only its caller's interest in it can be dropped. The alternative, to close every
//! connection that was dropped in use, would let anybody who breaks off requests make the servers log in anew without end.
//! It is left for what no task can prevent, see [`Lease`](crate::server::Lease): the end of the runtime, and the walks over the
//! whole table, which nobody wants to go on for nobody.
//!
//! SQLite needs none of this: there the client library has a thread for each connection, which is such a task already.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use session_core::store::StoreError;
use tokio::task::JoinHandle;
use tracing::Instrument as _;

tokio::task_local! {
    /// Whether the verb of this task has got a connection.
    static BEGUN: Arc<AtomicBool>;
}

/// The verb of this task has got a connection, and goes on whatever becomes of its caller.
pub(crate) fn begun() {
    // A verb that is no task of its own ends with its caller.
    let _no_task = BEGUN.try_with(|begun| begun.store(true, Ordering::SeqCst));
}

/// Carries out `verb` in a task of its own.
///
/// Dropping the answer ends a verb that still waits for a connection, and leaves one alone that has begun.
///
/// # Panics
///
/// If it is not called within a Tokio runtime, without which no connection can be used either.
pub(crate) async fn outlive<T: Send + 'static>(
    verb: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    let begun = Arc::<AtomicBool>::default();
    let task = tokio::spawn(BEGUN.scope(Arc::clone(&begun), verb.in_current_span()));
    let mut caller = Caller { task, begun };
    match (&mut caller.task).await {
        Ok(answer) => answer,
        Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
        Err(_) => Err(StoreError::unavailable("the runtime is shutting down")),
    }
}

struct Caller<T> {
    task: JoinHandle<T>,
    begun: Arc<AtomicBool>,
}

impl<T> Drop for Caller<T> {
    fn drop(&mut self) {
        // A verb that begins just now is broken off in its work, and its connection is closed.
        if !self.begun.load(Ordering::SeqCst) {
            self.task.abort();
        }
    }
}

/// The verbs of a store whose work is in `$verbs`, a store that holds `$store` and need not survive being dropped.
macro_rules! outliving {
    ($store:ty, $verbs:ident) => {
        /// The verbs themselves; see `outlive.rs`.
        #[derive(Clone)]
        struct $verbs($store);

        impl std::ops::Deref for $verbs {
            type Target = $store;

            fn deref(&self) -> &$store {
                &self.0
            }
        }

        #[async_trait::async_trait]
        impl session_core::store::Store for $store {
            async fn load(
                &self,
                key: &session_core::StoreKey,
                extend: Option<&session_core::store::Extend>,
                now: time::OffsetDateTime,
            ) -> Result<Option<session_core::store::Stored>, StoreError> {
                let (verbs, key, extend) = ($verbs(self.clone()), key.clone(), extend.cloned());
                $crate::outlive::outlive(async move { verbs.load(&key, extend.as_ref(), now).await }).await
            }

            async fn create(
                &self,
                key: &session_core::StoreKey,
                record: &session_core::store::Record,
                now: time::OffsetDateTime,
            ) -> Result<session_core::store::Created, StoreError> {
                let (verbs, key, record) = ($verbs(self.clone()), key.clone(), record.clone());
                $crate::outlive::outlive(async move { verbs.create(&key, &record, now).await }).await
            }

            async fn update(
                &self,
                key: &session_core::StoreKey,
                record: &session_core::store::Record,
                base: Option<&session_core::store::Version>,
                now: time::OffsetDateTime,
            ) -> Result<session_core::store::Updated, StoreError> {
                let (verbs, key, record) = ($verbs(self.clone()), key.clone(), record.clone());
                let base = base.cloned();
                let verb = async move { verbs.update(&key, &record, base.as_ref(), now).await };
                $crate::outlive::outlive(verb).await
            }

            async fn touch(
                &self,
                key: &session_core::StoreKey,
                expires_at: time::OffsetDateTime,
                base: Option<&session_core::store::Version>,
                now: time::OffsetDateTime,
            ) -> Result<session_core::store::Touched, StoreError> {
                let (verbs, key, base) = ($verbs(self.clone()), key.clone(), base.cloned());
                let verb = async move { verbs.touch(&key, expires_at, base.as_ref(), now).await };
                $crate::outlive::outlive(verb).await
            }

            async fn replace(
                &self,
                replace: session_core::store::Replace<'_>,
                now: time::OffsetDateTime,
            ) -> Result<session_core::store::Replaced, StoreError> {
                let verbs = $verbs(self.clone());
                let (old, new, base) = (replace.old.clone(), replace.new.clone(), replace.base.clone());
                let (record, tombstone) = (replace.record.clone(), replace.tombstone.cloned());
                let verb = async move {
                    let replace = session_core::store::Replace {
                        old: &old,
                        new: &new,
                        record: &record,
                        base: &base,
                        tombstone: tombstone.as_ref(),
                    };
                    verbs.replace(replace, now).await
                };
                $crate::outlive::outlive(verb).await
            }

            async fn delete(
                &self,
                key: &session_core::StoreKey,
                base: Option<&session_core::store::Version>,
            ) -> Result<session_core::store::Deleted, StoreError> {
                let (verbs, key, base) = ($verbs(self.clone()), key.clone(), base.cloned());
                $crate::outlive::outlive(async move { verbs.delete(&key, base.as_ref()).await }).await
            }
        }

        #[async_trait::async_trait]
        impl session_core::store::Directory for $store {
            async fn sessions_of(
                &self,
                owner: &session_core::store::Owner,
                now: time::OffsetDateTime,
            ) -> Result<Vec<(session_core::StoreKey, session_core::store::Stored)>, StoreError> {
                let (verbs, owner) = ($verbs(self.clone()), owner.clone());
                $crate::outlive::outlive(async move { verbs.sessions_of(&owner, now).await }).await
            }

            async fn revoke(
                &self,
                owner: &session_core::store::Owner,
                keep: Option<&session_core::StoreKey>,
            ) -> Result<u64, StoreError> {
                let (verbs, owner, keep) = ($verbs(self.clone()), owner.clone(), keep.cloned());
                $crate::outlive::outlive(async move { verbs.revoke(&owner, keep.as_ref()).await }).await
            }

            // What follows walks over the table, and ends with its caller.

            async fn count(&self, now: time::OffsetDateTime) -> Result<u64, StoreError> {
                $verbs(self.clone()).count(now).await
            }

            async fn page(
                &self,
                after: Option<&session_core::StoreKey>,
                limit: usize,
                now: time::OffsetDateTime,
            ) -> Result<Vec<(session_core::StoreKey, session_core::store::Stored)>, StoreError> {
                $verbs(self.clone()).page(after, limit, now).await
            }

            async fn clear(&self) -> Result<u64, StoreError> {
                $verbs(self.clone()).clear().await
            }

            async fn purge_expired(
                &self,
                now: time::OffsetDateTime,
                batch: usize,
            ) -> Result<u64, StoreError> {
                $verbs(self.clone()).purge_expired(now, batch).await
            }
        }
    };
}
pub(crate) use outliving;
