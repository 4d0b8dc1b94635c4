//! A store that counts what is asked of it, and can be told to fail or to wait.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use session_core::StoreKey;
use session_core::store::{
    Created, Deleted, Directory, Extend, Record, Replace, Replaced, Store, StoreError, Stored, Touched,
    Updated, Version, async_trait,
};
use time::OffsetDateTime;
use tokio::sync::{Semaphore, watch};

use super::options::millis;

/// What a store is asked, in the words that all stores have in common: a replacement is a write and a destruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verb {
    Read,
    Write,
    Touch,
    Destroy,
}

/// How often a store was asked what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Calls {
    pub(crate) read: u64,
    pub(crate) write: u64,
    /// A touch that is folded into a read is not counted.
    pub(crate) touch: u64,
    pub(crate) destroy: u64,
}

/// The store of one site.
pub(crate) struct Probe {
    store: Arc<dyn Directory>,
    state: Mutex<State>,
    /// Calls of this verb wait until it is another.
    holding: watch::Sender<Option<Verb>>,
    /// How many wait.
    held: Semaphore,
}

#[derive(Default)]
struct State {
    calls: Calls,
    failing: BTreeSet<Verb>,
    read_only: bool,
}

impl Probe {
    pub(crate) fn new(store: Arc<dyn Directory>) -> Self {
        Self { store, state: Mutex::default(), holding: watch::Sender::new(None), held: Semaphore::new(0) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The calls since this was last asked.
    pub(crate) fn take_calls(&self) -> Calls {
        std::mem::take(&mut self.state().calls)
    }

    /// From now on these fail, and no others.
    pub(crate) fn fail(&self, verbs: BTreeSet<Verb>) {
        self.state().failing = verbs;
    }

    /// From now on it takes no writes, or takes them again.
    pub(crate) fn set_read_only(&self, read_only: bool) {
        self.state().read_only = read_only;
    }

    fn is_read_only(&self) -> bool {
        self.state().read_only
    }

    /// From now on, calls of this verb wait.
    pub(crate) fn hold(&self, verb: Verb) {
        self.holding.send_replace(Some(verb));
    }

    /// Waits until so many more calls wait.
    pub(crate) async fn held(&self, count: u32) {
        if let Ok(permits) = self.held.acquire_many(count).await {
            permits.forget();
        }
    }

    /// Lets all go on, and holds none any more.
    pub(crate) fn release(&self) {
        self.holding.send_replace(None);
    }

    /// Everything that is kept, with its key, its payload and, in milliseconds since the epoch, its end.
    pub(crate) async fn records(&self, now: OffsetDateTime) -> Result<Value, StoreError> {
        let page = self.store.page(None, usize::MAX, now).await?;
        let record = |(key, stored): (StoreKey, Stored)| {
            json!({
                "key": key.as_str(),
                "payload": &*stored.record.payload,
                "expires": millis(stored.record.expires_at),
            })
        };
        Ok(page.into_iter().map(record).collect())
    }

    /// Puts a record in that nobody made.
    pub(crate) async fn plant(
        &self,
        key: &str,
        payload: &str,
        expires_at: OffsetDateTime,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let key = StoreKey::from_stored(key);
        let record = Record { payload: payload.into(), expires_at, owner: None };
        self.store.delete(&key, None).await?;
        self.store.create(&key, &record, now).await.map(drop)
    }

    /// Removes everything.
    pub(crate) async fn forget(&self) -> Result<(), StoreError> {
        self.store.clear().await.map(drop)
    }

    async fn note(&self, verbs: &[Verb]) -> Result<(), StoreError> {
        let failing = {
            let mut state = self.state();
            for verb in verbs {
                *match verb {
                    Verb::Read => &mut state.calls.read,
                    Verb::Write => &mut state.calls.write,
                    Verb::Touch => &mut state.calls.touch,
                    Verb::Destroy => &mut state.calls.destroy,
                } += 1;
            }
            verbs.iter().any(|verb| state.failing.contains(verb))
        };
        let is_held = |holding: &Option<Verb>| holding.is_some_and(|held| verbs.contains(&held));
        let mut holding = self.holding.subscribe();
        if is_held(&holding.borrow()) {
            self.held.add_permits(1);
            // The sender lives as long as this store.
            let _released = holding.wait_for(|holding| !is_held(holding)).await;
        }
        if failing {
            Err(StoreError::unavailable("the test has switched it off"))
        } else if self.is_read_only() && verbs != [Verb::Read] {
            Err(read_only())
        } else {
            Ok(())
        }
    }
}

/// The store as the site sees it; the test keeps the other handle.
pub(crate) struct Handle(pub(crate) Arc<Probe>);

#[async_trait]
impl Store for Handle {
    async fn load(
        &self,
        key: &StoreKey,
        extend: Option<&Extend>,
        now: OffsetDateTime,
    ) -> Result<Option<Stored>, StoreError> {
        self.0.note(&[Verb::Read]).await?;
        if extend.is_some() && self.0.is_read_only() {
            return Err(read_only());
        }
        self.0.store.load(key, extend, now).await
    }

    async fn create(
        &self,
        key: &StoreKey,
        record: &Record,
        now: OffsetDateTime,
    ) -> Result<Created, StoreError> {
        self.0.note(&[Verb::Write]).await?;
        self.0.store.create(key, record, now).await
    }

    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        base: Option<&Version>,
        now: OffsetDateTime,
    ) -> Result<Updated, StoreError> {
        self.0.note(&[Verb::Write]).await?;
        self.0.store.update(key, record, base, now).await
    }

    async fn touch(
        &self,
        key: &StoreKey,
        expires_at: OffsetDateTime,
        base: Option<&Version>,
        now: OffsetDateTime,
    ) -> Result<Touched, StoreError> {
        self.0.note(&[Verb::Touch]).await?;
        self.0.store.touch(key, expires_at, base, now).await
    }

    async fn replace(&self, replace: Replace<'_>, now: OffsetDateTime) -> Result<Replaced, StoreError> {
        self.0.note(&[Verb::Write, Verb::Destroy]).await?;
        self.0.store.replace(replace, now).await
    }

    async fn delete(&self, key: &StoreKey, base: Option<&Version>) -> Result<Deleted, StoreError> {
        self.0.note(&[Verb::Destroy]).await?;
        self.0.store.delete(key, base).await
    }
}

fn read_only() -> StoreError {
    StoreError::read_only("the test has made it read-only")
}
