//! Callers that go away in the middle of a verb, wherever that is, and those who come after them.
//!
//! A browser that closes its tab and a deadline that passes drop the future of a verb. Each case does so after every number
//! of polls at which the verb is still under way, and then looks for what it left: a record in between, a session that some
//! connections see and others do not, a lock, an index that knows better than the record.

mod crowd;
mod directory;
mod verbs;

use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use session_core::StoreKey;
use session_core::store::{Owner, Record, StoreError, Stored, Updated};
use tokio::time::Instant;

use super::owners::listed;
use super::subject::{Subject, together};
use crate::failure::{Failure, Outcome};

pub(super) use directory::CASES as DIRECTORY_CASES;
pub(super) use {crowd::CASES as CROWD_CASES, verbs::CASES as VERB_CASES};

/// How many begin a session at once: more than a store has connections unless it is told to have many.
const MAKERS: u64 = 12;

/// How many look at each session at once.
const READERS: u64 = 12;

/// The most polls that are tried. A verb that is polled more often waits for the same thing again and again.
const MOST: u32 = 40;

/// How long what was sent before the caller went away may still be on its way.
const ARRIVES: Duration = Duration::from_secs(20);

/// After how many polls the next caller goes away. Each number is tried twice: on a connection that has not carried out the
/// verb before, the answer takes other turns than on one that has.
struct Cuts {
    tried: u32,
    ended: u32,
}

impl Cuts {
    fn new() -> Self {
        Self { tried: 0, ended: 0 }
    }

    /// Whether there is another number to try. There is none when the verb has come to its end three times in a row: how often
    /// it is polled differs from time to time.
    fn next(&mut self) -> bool {
        self.tried += 1;
        self.ended < 3 && self.tried <= 2 * MOST
    }

    /// Polls a verb that many times, then drops it; answers what it answered by then.
    async fn cut<T>(&mut self, verb: impl Future<Output = Result<T, StoreError>>) -> Outcome<Option<T>> {
        let answer = drop_after(self.tried.div_ceil(2), verb).await.transpose()?;
        self.ended = if answer.is_some() { self.ended + 1 } else { 0 };
        Ok(answer)
    }
}

/// Polls a future a few times, each time when it asks for it, then drops it; answers what it answered by then.
async fn drop_after<T>(polls: u32, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut left = polls;
    std::future::poll_fn(move |context| {
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// What many see at once under `key`, through as many connections as there are.
async fn seen(it: &Subject, key: &StoreKey, readers: u64) -> Outcome<Vec<Option<Stored>>> {
    let readers = (0..readers).map(|_| {
        let (it, key) = (it.clone(), key.clone());
        async move { it.live(&key).await }
    });
    together(readers).await
}

/// Everybody must see this under `key`, now.
async fn all_see(it: &Subject, key: &StoreKey, expected: Option<&Record>) -> Outcome {
    for stored in seen(it, key, READERS).await? {
        match (stored, expected) {
            (Some(stored), Some(record)) => it.same(&stored.record, record)?,
            (None, None) => {}
            (None, Some(_)) => return Err(Failure::new("a session that is there is not seen by everybody")),
            (Some(_), None) => {
                return Err(Failure::new("a session that has ended is still seen by somebody"));
            }
        }
    }
    Ok(())
}

/// Sessions made now are seen by everybody, and once they have ended by nobody.
async fn nobody_notices(it: &Subject) -> Outcome {
    let made = (0..MAKERS).map(|n| {
        let it = it.clone();
        async move { Ok((n, it.created(n).await?.0)) }
    });
    let made = together(made).await?;
    for (n, key) in &made {
        for stored in seen(it, key, 2).await? {
            let stored =
                stored.ok_or_else(|| Failure::new("a session made just now is seen as a stranger"))?;
            it.same(&stored.record, &it.record(*n))?;
        }
    }
    let ended = made.clone().into_iter().map(|(_, key)| {
        let it = it.clone();
        async move { it.delete(&key).await }
    });
    together(ended).await?;
    for (_, key) in &made {
        for stored in seen(it, key, 2).await? {
            ensure!(stored.is_none(), "a session ended just now is still seen as signed in");
        }
    }
    Ok(())
}

/// Waits until everybody sees the same under `key`. Nobody may at any time see anything but one of `allowed`.
async fn settles(it: &Subject, key: &StoreKey, allowed: &[Option<&Record>]) -> Outcome {
    let start = Instant::now();
    loop {
        let seen = seen(it, key, READERS).await?;
        for stored in &seen {
            let is = |allowed: &&Option<&Record>| match (stored, allowed) {
                (Some(stored), Some(record)) => it.same(&stored.record, record).is_ok(),
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            };
            ensure!(
                allowed.iter().any(|allowed| is(&allowed)),
                "the record is neither as it was nor as it was to be: {}",
                if stored.is_some() { "it is something in between" } else { "it is lost" }
            );
        }
        if seen.windows(2).all(|two| alike(it, &two[0], &two[1])) {
            return Ok(());
        }
        ensure!(
            start.elapsed() < ARRIVES,
            "some see the session as it was, others as it was to be, and it stays so"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Whether two looks at a session have found the same: what is left of its life may have been told in between.
fn alike(it: &Subject, one: &Option<Stored>, other: &Option<Stored>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => {
            one.version == other.version && it.same(&one.record, &other.record).is_ok()
        }
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// The owners' lists must soon be right about what is under `key`, and stay right.
async fn lists_settle(it: &Subject, key: &StoreKey, owners: &[&Owner]) -> Outcome {
    if it.directory().is_err() {
        return Ok(());
    }
    let start = Instant::now();
    loop {
        let before = it.live(key).await?;
        let right = lists_are_right(it, key, owners, before.as_ref().map(|stored| &stored.record)).await;
        if alike(it, &before, &it.live(key).await?) {
            match right {
                Ok(()) => return Ok(()),
                Err(failure) if start.elapsed() >= ARRIVES => return Err(failure),
                Err(_) => {}
            }
        }
        ensure!(start.elapsed() < 2 * ARRIVES, "the session changes without end");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// `key` must be in the list of the record's owner, and in no other's.
async fn lists_are_right(
    it: &Subject,
    key: &StoreKey,
    owners: &[&Owner],
    record: Option<&Record>,
) -> Outcome {
    if it.directory().is_err() {
        return Ok(());
    }
    for owner in owners {
        let is_listed = listed(it, owner, it.now).await?.contains_key(key);
        let is_owned = record.is_some_and(|record| record.owner.as_ref() == Some(owner));
        ensure!(is_listed || !is_owned, "a live session is not in its owner's list: no revoke finds it");
        ensure!(is_owned || !is_listed, "an owner's list has a session that is not that owner's");
    }
    Ok(())
}

/// Writes `record` over what is under `key`. Afterwards nothing that was sent before at another version can arrive.
///
/// Answers whether there was anything.
async fn overwrite(it: &Subject, key: &StoreKey, record: &Record) -> Outcome<bool> {
    match it.store.update(key, record, None, it.now).await? {
        Updated::Done(_) => Ok(true),
        Updated::Missing => Ok(false),
        Updated::Conflict(_) => Err(Failure::new("update without a base answered Conflict")),
    }
}
