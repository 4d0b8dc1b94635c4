//! What a case gets: the store behind a proxy, the same store on a fair way, and each verb ready to be tried.

use std::time::Duration;

use session_core::StoreKey;
use session_core::store::{
    Created, Deleted, Record, Replace, Replaced, Store, StoreError, StoreErrorKind, Stored, Touched, Updated,
    Version,
};
use tokio::time::{Instant, timeout};

use super::proxy::{Proxy, Weather};
use crate::failure::{Failure, Outcome};
use crate::store::Subject;

/// How long a store may take to find its way back.
const RECOVERY: Duration = Duration::from_secs(15);

/// The store under test.
pub(crate) struct Trouble {
    /// Behind the proxy.
    pub(crate) it: Subject,
    /// The same records on a fair way: what is really there.
    pub(crate) truth: Subject,
    pub(crate) proxy: Proxy,
    /// Keeps the fair way open.
    pub(crate) _fair: Proxy,
    pub(crate) patience: Duration,
}

/// A verb of [`Store`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Load,
    Create,
    Update,
    Touch,
    Replace,
    Delete,
}

impl Verb {
    pub(crate) const ALL: [Self; 6] =
        [Self::Load, Self::Create, Self::Update, Self::Touch, Self::Replace, Self::Delete];
    pub(crate) const WRITING: [Self; 5] =
        [Self::Create, Self::Update, Self::Touch, Self::Replace, Self::Delete];
}

/// A verb with a session of its own to be tried on.
pub(crate) struct Attempt {
    verb: Verb,
    key: StoreKey,
    /// Where a replace moves it.
    next: StoreKey,
    base: Version,
    it: Subject,
}

/// What a verb answered when nothing was in its way.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Loaded(Option<Stored>),
    Done,
    /// An answer that is wrong for a session that nobody else knows of.
    Wrong(String),
}

impl Trouble {
    /// A session is stored, and the verb made ready.
    pub(crate) async fn attempt(&self, verb: Verb) -> Outcome<Attempt> {
        let (key, next) = (self.truth.key(), self.truth.key());
        let base = match verb {
            Verb::Create => Version::unknown(),
            Verb::Load | Verb::Update | Verb::Touch | Verb::Replace | Verb::Delete => {
                self.truth.create(&key, &self.truth.record(1)).await?
            }
        };
        Ok(Attempt { verb, key, next, base, it: self.it.clone() })
    }

    /// Changes the weather.
    pub(crate) async fn turn(&mut self, weather: Weather) -> Outcome {
        self.proxy.turn(weather).await.map_err(|error| Failure::new(format!("the proxy failed: {error}")))
    }

    /// Connects, so that a fault meets connections that are in use.
    pub(crate) async fn warm(&self) -> Outcome {
        for _ in 0..3 {
            self.it.live(&self.it.key()).await?;
        }
        Ok(())
    }

    /// The verb must answer that the store is not available, within the store's patience.
    pub(crate) async fn is_unavailable(&self, attempt: &Attempt, when: &str) -> Outcome<StoreError> {
        let verb = attempt.verb;
        let begun = Instant::now();
        let Ok(answer) = timeout(self.patience, attempt.run()).await else {
            let seconds = self.patience.as_secs_f64();
            return Err(Failure::new(format!("{when}, {verb:?} had not ended after {seconds} s")));
        };
        match answer {
            Err(error) if error.kind() == StoreErrorKind::Unavailable => Ok(error),
            Err(error) => {
                Err(Failure::new(format!("{when}, {verb:?} failed as {:?}: {error}", error.kind())))
            }
            Ok(answer) => {
                let took = begun.elapsed();
                Err(Failure::new(format!("{when}, {verb:?} answered {answer:?} after {took:?}")))
            }
        }
    }

    /// In fair weather again: the store works again by itself, and each failure until then says that it is unavailable.
    pub(crate) async fn recovers(&mut self, after: &str) -> Outcome {
        self.turn(Weather::Fair).await?;
        let begun = Instant::now();
        let mut in_a_row = 0;
        while in_a_row < 5 {
            let (key, _) = self.truth.created(5).await?;
            match timeout(self.patience, self.it.store.load(&key, None, self.it.now)).await {
                Ok(Ok(Some(stored))) => {
                    self.it.same(&stored.record, &self.it.record(5))?;
                    in_a_row += 1;
                }
                Ok(Ok(None)) => {
                    return Err(Failure::new(format!("after {after}, a live session was answered None")));
                }
                Ok(Err(error)) if error.kind() != StoreErrorKind::Unavailable => {
                    return Err(Failure::new(format!("after {after}, load failed as {:?}", error.kind())));
                }
                Ok(Err(_)) | Err(_) => in_a_row = 0,
            }
            ensure!(
                begun.elapsed() < RECOVERY,
                "after {after}, the store did not recover within {RECOVERY:?}"
            );
        }
        Ok(())
    }
}

impl Attempt {
    pub(crate) fn key(&self) -> &StoreKey {
        &self.key
    }

    /// What an update, a touch or a replace writes.
    fn written(&self) -> Record {
        let record = self.it.record(2);
        match self.verb {
            Verb::Touch => {
                Record { expires_at: self.it.ends_in(2 * crate::store::LIFE), ..self.it.record(1) }
            }
            Verb::Load | Verb::Create | Verb::Update | Verb::Replace | Verb::Delete => record,
        }
    }

    /// Carries the verb out.
    pub(crate) async fn run(&self) -> Result<Answer, StoreError> {
        let Self { verb, key, next, base, it } = self;
        let (store, now, record) = (&it.store, it.now, self.written());
        let wrong = |answer: &dyn std::fmt::Debug| Answer::Wrong(format!("{answer:?}"));
        Ok(match verb {
            Verb::Load => Answer::Loaded(store.load(key, None, now).await?),
            Verb::Create => match store.create(key, &record, now).await? {
                Created::Done(_) => Answer::Done,
                other @ Created::Exists => wrong(&other),
            },
            Verb::Update => match store.update(key, &record, Some(base), now).await? {
                Updated::Done(_) => Answer::Done,
                other @ (Updated::Missing | Updated::Conflict(_)) => wrong(&other),
            },
            Verb::Touch => match store.touch(key, record.expires_at, Some(base), now).await? {
                Touched::Done => Answer::Done,
                other @ (Touched::Missing | Touched::Changed) => wrong(&other),
            },
            Verb::Replace => {
                let tombstone = it.tombstone(next);
                let replace =
                    Replace { old: key, new: next, record: &record, base, tombstone: Some(&tombstone) };
                match store.replace(replace, now).await? {
                    Replaced::Done(_) => Answer::Done,
                    other @ (Replaced::Missing | Replaced::Exists | Replaced::Conflict(_)) => wrong(&other),
                }
            }
            Verb::Delete => match store.delete(key, Some(base)).await? {
                Deleted::Done => Answer::Done,
                other @ (Deleted::Missing | Deleted::Conflict(_)) => wrong(&other),
            },
        })
    }

    /// What is there now must be as it was before the verb or as it is after it, and as it is after it if it said so.
    pub(crate) async fn left_whole(&self, truth: &Subject, said_done: bool) -> Outcome {
        let verb = self.verb;
        let there = truth.live(&self.key).await?;
        let holds = |stored: &Option<Stored>, record: &Record| {
            stored.as_ref().is_some_and(|stored| truth.same(&stored.record, record).is_ok())
        };
        let before = match verb {
            Verb::Create => there.is_none(),
            Verb::Load | Verb::Update | Verb::Touch | Verb::Replace | Verb::Delete => {
                holds(&there, &truth.record(1))
            }
        };
        let after = match verb {
            Verb::Load => before,
            Verb::Create | Verb::Update | Verb::Touch => holds(&there, &self.written()),
            Verb::Delete => there.is_none(),
            Verb::Replace => {
                let old_is_over = there.is_none_or(|stored| stored.record.is_tombstone());
                old_is_over && holds(&truth.live(&self.next).await?, &self.written())
            }
        };
        ensure!(before || after, "a {verb:?} that was cut off left neither the old nor the new state");
        ensure!(after || !said_done, "{verb:?} answered that it was done, and it was not");
        Ok(())
    }
}
