//! Gates: places in a script where a request waits until the test lets it go on.
//!
//! They are found by name, in one list for the process, so that a mount need not carry anything to its handlers. A process
//! that serves a site for another one has none of its own: it asks the other's.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};

use serde_json::Value;
use tokio::sync::{Notify, Semaphore};

use crate::suite::BoxFuture;

static GATES: LazyLock<Mutex<HashMap<String, Arc<Gate>>>> = LazyLock::new(Mutex::default);

/// The gates of another process.
pub(crate) trait Elsewhere: Send + Sync {
    /// Waits until the gate is opened for one more.
    fn pass(&self, name: &str) -> BoxFuture<()>;
    /// Leaves something for the test.
    fn leave(&self, name: &str, report: Value);
}

static ELSEWHERE: OnceLock<Box<dyn Elsewhere>> = OnceLock::new();

/// From now on the gates of this process are those of another one.
pub(crate) fn are_elsewhere(there: Box<dyn Elsewhere>) {
    // Set once, when the process begins to serve.
    let _first = ELSEWHERE.set(there);
}

/// Waits at the gate of that name until it is opened for one more.
pub(crate) async fn pass(name: &str) {
    match ELSEWHERE.get() {
        Some(there) => there.pass(name).await,
        None => named(name).pass().await,
    }
}

/// Leaves something for the test at the gate of that name.
pub(crate) fn leave(name: &str, report: Value) {
    match ELSEWHERE.get() {
        Some(there) => there.leave(name, report),
        None => named(name).leave(report),
    }
}

/// A place to wait at.
pub(crate) struct Gate {
    arrived: Semaphore,
    open: Semaphore,
    report: Mutex<Option<Value>>,
    reported: Notify,
}

fn gates() -> MutexGuard<'static, HashMap<String, Arc<Gate>>> {
    GATES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The gate of that name; made when it is first asked for.
pub(crate) fn named(name: &str) -> Arc<Gate> {
    let gate = || {
        Arc::new(Gate {
            arrived: Semaphore::new(0),
            open: Semaphore::new(0),
            report: Mutex::new(None),
            reported: Notify::new(),
        })
    };
    Arc::clone(gates().entry(name.to_owned()).or_insert_with(gate))
}

/// Takes down the gates whose names begin so.
pub(crate) fn forget(prefix: &str) {
    gates().retain(|name, _| !name.starts_with(prefix));
}

impl Gate {
    /// Waits until the gate is opened for one more.
    pub(crate) async fn pass(&self) {
        self.arrived.add_permits(1);
        take(&self.open, 1).await;
    }

    /// Waits until so many more have come to the gate.
    pub(crate) async fn arrived(&self, count: u32) {
        take(&self.arrived, count).await;
    }

    /// Lets so many pass.
    pub(crate) fn open(&self, count: usize) {
        self.open.add_permits(count);
    }

    /// Leaves something for the test.
    pub(crate) fn leave(&self, report: Value) {
        *self.report.lock().unwrap_or_else(PoisonError::into_inner) = Some(report);
        self.reported.notify_one();
    }

    /// Takes what was left, once it is.
    pub(crate) async fn report(&self) -> Value {
        loop {
            if let Some(report) = self.report.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return report;
            }
            self.reported.notified().await;
        }
    }
}

async fn take(semaphore: &Semaphore, count: u32) {
    // A gate's semaphores are never closed.
    if let Ok(permits) = semaphore.acquire_many(count).await {
        permits.forget();
    }
}
