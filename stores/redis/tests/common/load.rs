//! Sessions made and ended without a break, and what of it is still so afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use session_core::store::{Created, Store as _, StoreErrorKind};
use session_store_redis::RedisStore;
use tokio::task::JoinSet;

use super::{key, now, record};

/// What was answered.
#[derive(Debug, Default)]
pub struct Tally {
    pub made: BTreeSet<String>,
    pub ended: BTreeSet<String>,
    pub failed: u64,
    pub texts: BTreeMap<String, u64>,
    /// The longest time in which a task had no success.
    pub gap: Duration,
}

/// Runs until it is told to stop.
pub struct Load {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<Tally>,
}

impl Load {
    /// Each task makes one session after the other, half of them of one owner, and ends every second one.
    pub fn start(label: &str, store: &RedisStore, tasks: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let tasks = (0..tasks).map(|task| {
            let (label, store, stop) = (label.to_owned(), store.clone(), Arc::clone(&stop));
            async move {
                let mut tally = Tally::default();
                let mut since = Instant::now();
                for n in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let name = format!("{label}-{task}-{n}");
                    let owner = (n % 4 < 2).then(|| format!("{label}-{task}"));
                    let done = async {
                        let made = store.create(&key(&name), &record(n, owner.as_deref()), now()).await?;
                        assert!(matches!(made, Created::Done(_)), "a new key is taken");
                        if n % 2 == 0 {
                            store.delete(&key(&name), None).await?;
                        }
                        Ok(())
                    };
                    match done.await {
                        Ok(()) => {
                            let kept = if n % 2 == 0 { &mut tally.ended } else { &mut tally.made };
                            kept.insert(name);
                            tally.gap = tally.gap.max(since.elapsed());
                            since = Instant::now();
                        }
                        Err(error) => {
                            let error: session_core::store::StoreError = error;
                            assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
                            tally.failed += 1;
                            *tally.texts.entry(error.to_string()).or_default() += 1;
                            tokio::time::sleep(Duration::from_millis(5)).await;
                        }
                    }
                }
                tally
            }
        });
        Self { tasks: tasks.collect(), stop }
    }

    pub async fn stop(mut self) -> Tally {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Tally::default();
        while let Some(tally) = self.tasks.join_next().await {
            let tally = tally.unwrap();
            all.made.extend(tally.made);
            all.ended.extend(tally.ended);
            all.failed += tally.failed;
            all.gap = all.gap.max(tally.gap);
            for (text, count) in tally.texts {
                *all.texts.entry(text).or_default() += count;
            }
        }
        all
    }
}

/// How many of these there are.
pub async fn there<'a>(store: &RedisStore, names: impl IntoIterator<Item = &'a String>) -> usize {
    let mut count = 0;
    for name in names {
        count += usize::from(store.load(&key(name), None, now()).await.unwrap().is_some());
    }
    count
}

/// Asks until the store answers for this key again; says how long that took.
pub async fn recovered(store: &RedisStore, name: &str) -> Duration {
    let begun = Instant::now();
    while let Err(error) = store.load(&key(name), None, now()).await {
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
        assert!(begun.elapsed() < Duration::from_secs(30), "{error}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    begun.elapsed()
}
