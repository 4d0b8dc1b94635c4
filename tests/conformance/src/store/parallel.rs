//! Many at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use session_core::store::{Owner, Record, Updated};
use tokio::sync::Semaphore;

use super::subject::{Subject, number, together};
use super::{StoreCase, cases};
use crate::failure::{Failure, Outcome};

pub(super) const CASES: &[StoreCase] = cases![
    parallel_compare_and_set_loses_nothing,
    parallel_writers_of_different_sessions_do_not_disturb_each_other,
    readers_never_see_a_torn_record,
];

/// Each adds one to the number in the same session.
const WRITERS: u64 = 200;

/// How many of them at a time: enough to collide, few enough for a server on a small machine.
const AT_ONCE: usize = 20;

async fn parallel_compare_and_set_loses_nothing(it: Subject) -> Outcome {
    let (key, _) = it.created(0).await?;
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let tasks = (0..WRITERS).map(|_| {
        let (it, key, turns) = (it.clone(), key.clone(), Arc::clone(&turns));
        async move {
            let _turn = turns.acquire().await;
            let stored = it.live(&key).await?;
            let mut seen = stored.ok_or_else(|| Failure::new("the session is lost"))?;
            // Somebody wins each time, so that nobody loses more often than the others can win.
            for _ in 0..WRITERS {
                let next = it.record(number(&seen.record)? + 1);
                match it.store.update(&key, &next, Some(&seen.version), it.now).await? {
                    Updated::Done(_) => return Ok(()),
                    Updated::Conflict(newer) => seen = newer,
                    Updated::Missing => return Err(Failure::new("the session is lost")),
                }
            }
            Err(Failure::new("update at the version that a conflict has just shown is a conflict each time"))
        }
    });
    together(tasks).await?;
    it.holds(&key, &it.record(WRITERS)).await?;
    Ok(())
}

async fn parallel_writers_of_different_sessions_do_not_disturb_each_other(it: Subject) -> Outcome {
    let tasks = (0..50).map(|writer| {
        let it = it.clone();
        async move {
            let (key, mut base) = it.created(writer * 100).await?;
            for n in 1..=5 {
                let record = it.record(writer * 100 + n);
                base = match it.store.update(&key, &record, Some(&base), it.now).await? {
                    Updated::Done(version) => version,
                    other @ (Updated::Missing | Updated::Conflict(_)) => {
                        return Err(Failure::new(format!("update of a session of one's own: {other:?}")));
                    }
                };
                // Others get a turn, to do harm if they can.
                tokio::task::yield_now().await;
                it.holds(&key, &record).await?;
            }
            it.delete(&key).await?;
            it.gone(&key, "the session was deleted").await
        }
    });
    together(tasks).await?;
    Ok(())
}

/// A record every part of which tells `n`: the payload at both ends, the expiry, the owner.
fn telltale(it: &Subject, n: u64) -> Outcome<Record> {
    let owner = Owner::new(&format!("owner-{n}")).ok_or_else(|| Failure::new("not an owner"))?;
    let payload = format!(
        r#"{{"cookie":{{}},"n":{n},"pad":"{}","m":{n},"_session":{{"v":1,"owner":"owner-{n}"}}}}"#,
        "x".repeat(4000)
    );
    let expires_at = it.ends_in(Duration::from_secs(600 + n));
    Ok(Record { payload: payload.into(), expires_at, owner: Some(owner) })
}

async fn readers_never_see_a_torn_record(it: Subject) -> Outcome {
    let key = it.key();
    it.create(&key, &telltale(&it, 0)?).await?;
    let writing = Arc::new(AtomicBool::new(true));
    let readers = (0..4).map(|_| {
        let (it, key, writing) = (it.clone(), key.clone(), Arc::clone(&writing));
        async move {
            while writing.load(Ordering::Relaxed) {
                let stored = it.live(&key).await?.ok_or_else(|| Failure::new("the session is lost"))?;
                it.same(&stored.record, &telltale(&it, number(&stored.record)?)?)?;
                tokio::task::yield_now().await;
            }
            Ok(())
        }
    });
    let writers = (0..4).map(|writer| {
        let (it, key) = (it.clone(), key.clone());
        async move {
            for n in 1..=50 {
                it.update(&key, &telltale(&it, writer * 100 + n)?).await?;
                tokio::task::yield_now().await;
            }
            Ok(())
        }
    });
    let done = async {
        let written = together(writers).await;
        writing.store(false, Ordering::Relaxed);
        written
    };
    let (read, written) = tokio::join!(together(readers), done);
    read.and(written)?;
    Ok(())
}
