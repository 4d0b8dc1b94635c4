//! What a case gets: the store under test, keys and records to try it with, and words for what to expect.

use std::future::Future;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use session_core::StoreKey;
use session_core::store::{
    Created, Deleted, Directory, Owner, Record, Replace, Replaced, Store, Stored, Updated, Version,
};
use time::OffsetDateTime;
use tokio::sync::Barrier;
use tokio::task::{JoinError, JoinSet};

use super::{Clock, Made, Moving, Namespace, Terms};
use crate::failure::{Failure, Outcome};

/// The usual life of a session in these cases.
pub(crate) const LIFE: Duration = Duration::from_secs(600);

/// The store under test, and the time at which the case began.
#[derive(Clone)]
pub(crate) struct Subject {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) now: OffsetDateTime,
    directory: Option<Arc<dyn Directory>>,
    terms: Arc<Terms>,
}

impl Subject {
    pub(super) fn new(made: Made, terms: Arc<Terms>) -> Self {
        Self { store: made.store, directory: made.directory, now: OffsetDateTime::now_utc(), terms }
    }

    /// A store that no factory makes a second time.
    pub(crate) fn alone(store: Arc<dyn Store>, expiry_precision: Duration, clock: Clock) -> Self {
        let terms = Terms {
            name: "store".to_owned(),
            make: Box::new(|| Box::pin(async { Err("this store is made once".into()) })),
            expiry_precision,
            clock,
            moving: Moving::OneStep,
            namespace: Namespace::Fresh,
        };
        Self::new(Made { store, directory: None }, Arc::new(terms))
    }

    pub(crate) fn directory(&self) -> Outcome<&dyn Directory> {
        self.directory.as_deref().ok_or_else(|| Failure::new("this store was said to have no directory"))
    }

    /// Another store from the same factory, in a namespace of its own.
    pub(crate) async fn another(&self) -> Outcome<Self> {
        match (self.terms.make)().await {
            Ok(made) => Ok(Self::new(made, Arc::clone(&self.terms))),
            Err(error) => Err(Failure::new(format!("the factory failed the second time: {error}"))),
        }
    }

    /// Removes everything, to start with an empty namespace.
    pub(crate) async fn empty(&self) -> Outcome {
        self.directory()?.clear().await?;
        Ok(())
    }

    /// A key that nobody has used, of the form of a hashed id.
    pub(crate) fn key(&self) -> StoreKey {
        StoreKey::from_stored(format!("{:022x}{:021x}", random(), random() >> 4))
    }

    /// An owner that nobody has used.
    #[allow(clippy::expect_used, reason = "it is short and not empty")]
    pub(crate) fn owner(&self) -> Owner {
        Owner::new(&format!("owner-{:016x}", random())).expect("a sound owner")
    }

    /// A record that holds the number `n`, as a session of the usual life would.
    pub(crate) fn record(&self, n: u64) -> Record {
        Record { payload: payload("600000", n, None), expires_at: self.ends_in(LIFE), owner: None }
    }

    /// The same, of an owner.
    pub(crate) fn owned(&self, n: u64, owner: &Owner) -> Record {
        Record { payload: payload("600000", n, Some(owner)), owner: Some(owner.clone()), ..self.record(n) }
    }

    /// A record with this payload.
    pub(crate) fn holding(&self, payload: &str) -> Record {
        Record { payload: payload.into(), ..self.record(0) }
    }

    /// What a renewal leaves under the old key.
    pub(crate) fn tombstone(&self, to: &StoreKey) -> Record {
        let until = self.ends_in(Duration::from_secs(60));
        let payload = format!(
            r#"{{"cookie":{{"path":"/"}},"_session":{{"v":1,"moved":"{}","until":{}}}}}"#,
            to.as_str(),
            until.unix_timestamp() * 1000
        );
        Record { payload: payload.into(), expires_at: until, owner: None }
    }

    /// A time to come, with digits that show whether a store rounds down.
    pub(crate) fn ends_in(&self, life: Duration) -> OffsetDateTime {
        let end = self.now + life;
        end.replace_nanosecond(987_654_321).unwrap_or(end)
    }

    /// The expiry of a session that the case lets expire.
    pub(crate) fn ends_soon(&self) -> OffsetDateTime {
        match self.terms.clock {
            Clock::Argument => self.ends_in(LIFE),
            Clock::Server => {
                OffsetDateTime::now_utc() + Duration::from_millis(500) + 2 * self.terms.expiry_precision
            }
        }
    }

    /// The time when `end` has passed.
    pub(crate) async fn after(&self, end: OffsetDateTime) -> OffsetDateTime {
        let later = end + Duration::from_millis(20);
        if self.terms.clock == Clock::Server {
            let gone = later + self.elapsed();
            while let Ok(rest) = Duration::try_from(gone - OffsetDateTime::now_utc()) {
                tokio::time::sleep(rest.max(Duration::from_millis(1))).await;
            }
        }
        later
    }

    /// How late it may be by the server's account: it counts a life from when it takes the write, and the cases say all the
    /// while that it is when they began.
    fn elapsed(&self) -> Duration {
        match self.terms.clock {
            Clock::Argument => Duration::ZERO,
            Clock::Server => {
                let elapsed = Duration::try_from(OffsetDateTime::now_utc() - self.now).unwrap_or_default();
                elapsed + self.terms.expiry_precision
            }
        }
    }

    /// Whether the store believes what it is told of the time.
    pub(crate) fn believes_the_argument(&self) -> bool {
        self.terms.clock == Clock::Argument
    }

    /// The record under `key`, unless it has expired.
    pub(crate) async fn live(&self, key: &StoreKey) -> Outcome<Option<Stored>> {
        let stored = self.store.load(key, None, self.now).await?;
        Ok(stored.filter(|stored| stored.record.expires_at > self.now))
    }

    /// Stores a new session.
    pub(crate) async fn create(&self, key: &StoreKey, record: &Record) -> Outcome<Version> {
        match self.store.create(key, record, self.now).await? {
            Created::Done(version) => Ok(version),
            Created::Exists => Err(Failure::new("create answered Exists for a key that nobody has used")),
        }
    }

    /// A new session that holds `n`.
    pub(crate) async fn created(&self, n: u64) -> Outcome<(StoreKey, Version)> {
        let key = self.key();
        let version = self.create(&key, &self.record(n)).await?;
        Ok((key, version))
    }

    /// Rewrites a session for certain.
    pub(crate) async fn update(&self, key: &StoreKey, record: &Record) -> Outcome<Version> {
        match self.store.update(key, record, None, self.now).await? {
            Updated::Done(version) => Ok(version),
            other @ (Updated::Missing | Updated::Conflict(_)) => {
                Err(Failure::new(format!("update without a base of a live session answered {other:?}")))
            }
        }
    }

    pub(crate) async fn replace(&self, replace: Replace<'_>) -> Outcome<Replaced> {
        Ok(self.store.replace(replace, self.now).await?)
    }

    /// Removes a session that is there.
    pub(crate) async fn delete(&self, key: &StoreKey) -> Outcome {
        let deleted = self.store.delete(key, None).await?;
        ensure!(deleted == Deleted::Done, "delete of a live session answered {deleted:?}");
        Ok(())
    }

    /// The record under `key`, which must be `record`.
    pub(crate) async fn holds(&self, key: &StoreKey, record: &Record) -> Outcome<Stored> {
        let stored = self.store.load(key, None, self.now).await?;
        let stored = stored.ok_or_else(|| Failure::new("load answered None for a live session"))?;
        self.same(&stored.record, record)?;
        Ok(stored)
    }

    /// The most keys under which a session may be found that is just moving.
    pub(crate) fn most_keys_of_one(&self) -> u64 {
        match self.terms.moving {
            Moving::OneStep => 1,
            Moving::TwoSteps => 2,
        }
    }

    /// There must be nothing live under `key`.
    pub(crate) async fn gone(&self, key: &StoreKey, why: &str) -> Outcome {
        ensure!(self.live(key).await?.is_none(), "{why}, and yet there is a live session under its key");
        Ok(())
    }

    /// `found` must be `put`, but for the precision of the expiry.
    pub(crate) fn same(&self, found: &Record, put: &Record) -> Outcome {
        ensure!(
            found.payload == put.payload,
            "the payload is not what was stored: {} instead of {}",
            excerpt(&found.payload, &put.payload),
            excerpt(&put.payload, &found.payload)
        );
        ensure!(found.owner == put.owner, "the owner is not the one that was stored");
        self.expires(found, put.expires_at)
    }

    /// `found` must expire at `end` or a little earlier; by a server's clock, as exactly as that can be told.
    pub(crate) fn expires(&self, found: &Record, end: OffsetDateTime) -> Outcome {
        let (found, elapsed) = (found.expires_at, self.elapsed());
        ensure!(found <= end + elapsed, "the expiry is late: {found} instead of {end}");
        ensure!(
            end - found <= self.terms.expiry_precision + elapsed,
            "the expiry is early by more than the store's precision: {found} instead of {end}"
        );
        Ok(())
    }
}

/// Runs all of them at once; answers in no particular order, or with the first failure.
pub(crate) async fn together<T: Send + 'static, F>(tasks: impl IntoIterator<Item = F>) -> Outcome<Vec<T>>
where
    F: Future<Output = Outcome<T>> + Send + 'static,
{
    let mut running: JoinSet<Outcome<T>> = tasks.into_iter().collect();
    let mut answers = Vec::new();
    while let Some(ended) = running.join_next().await {
        answers.push(ended.map_err(|error| Failure::new(error.to_string()))??);
    }
    Ok(answers)
}

/// Runs two at once, on two threads if there are two; from round to round, one or the other is ahead a little more.
pub(crate) async fn race<A: Send + 'static, B: Send + 'static>(
    round: u64,
    one: impl Future<Output = Outcome<A>> + Send + 'static,
    two: impl Future<Output = Outcome<B>> + Send + 'static,
) -> Outcome<(A, B)> {
    let start = Arc::new(Barrier::new(2));
    let lead = round % 8 / 2;
    let (one_waits, two_waits) = if round.is_multiple_of(2) { (lead, 0) } else { (0, lead) };
    let one = tokio::spawn(started(Arc::clone(&start), one_waits, one));
    let two = tokio::spawn(started(start, two_waits, two));
    let thrown = |error: JoinError| Failure::new(error.to_string());
    let (one, two) = (one.await.map_err(thrown)?, two.await.map_err(thrown)?);
    Ok((one?, two?))
}

async fn started<T>(start: Arc<Barrier>, waits: u64, future: impl Future<Output = T>) -> T {
    start.wait().await;
    for _ in 0..waits {
        tokio::task::yield_now().await;
    }
    future.await
}

/// The number in a record's payload.
pub(crate) fn number(record: &Record) -> Outcome<u64> {
    record.value("n").ok_or_else(|| Failure::new("the number in the payload is lost"))
}

/// A payload of a session with this `cookie.originalMaxAge`.
pub(crate) fn payload(life: &str, n: u64, owner: Option<&Owner>) -> Arc<str> {
    // A real session names its owner in the payload too.
    let facts = owner.map_or_else(String::new, |owner| {
        format!(r#","_session":{{"v":1,"owner":{}}}"#, serde_json::Value::from(owner.as_str()))
    });
    format!(r#"{{"cookie":{{"originalMaxAge":{life},"expires":"2030-01-01T00:00:00.000Z","httpOnly":true,"path":"/"}},"n":{n}{facts}}}"#)
        .into()
}

/// 64 random bits, from what seeds the standard library's hash tables.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(0)
}

/// The part of `text` where it begins to differ from `other`.
fn excerpt(text: &str, other: &str) -> String {
    let same = text.bytes().zip(other.bytes()).take_while(|(one, two)| one == two).count();
    let part: String = String::from_utf8_lossy(&text.as_bytes()[same..]).chars().take(24).collect();
    format!("{part:?} (from byte {same} of {})", text.len())
}
