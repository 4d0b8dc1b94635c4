//! What runs in the background of a test, and waiting for what it does.

use std::time::{Duration, Instant};

/// How many tasks there are on this runtime.
pub(crate) fn alive() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

/// Asks until the answer is yes.
pub(crate) async fn until(mut question: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !question().await {
        assert!(start.elapsed() < Duration::from_secs(60), "nothing happens");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
