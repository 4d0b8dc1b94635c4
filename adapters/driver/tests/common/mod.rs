//! A store that counts, delays and fails on demand, and a client that keeps a cookie.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what it expects"
)]

pub mod log;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use session_core::policy::PolicyBuilder;
use session_core::store::{
    Created, Deleted, Extend, Record, Replace, Replaced, Store, StoreError, Stored, Touched, Updated,
    Version, async_trait,
};
use session_core::{Keyring, Policy, Reply, RequestFacts, StoreKey};
use session_driver::{Error, Exchange, ManualClock, OnOutage, Session, Sessions, SessionsBuilder};
use session_store_memory::MemoryStore;
use time::OffsetDateTime;
use tokio::sync::Semaphore;

pub const SECRET: &str = "a secret for tests that is long enough";

/// A memory store under observation.
#[derive(Clone, Default)]
pub struct Probe(Arc<Inner>);

#[derive(Default)]
struct Inner {
    store: MemoryStore,
    verbs: Mutex<Vec<&'static str>>,
    down: AtomicBool,
    hanging: AtomicBool,
    corrupt: AtomicBool,
    read_only: AtomicBool,
    /// How many calls are in the store at this moment, and how many were at most.
    inside: AtomicUsize,
    most_inside: AtomicUsize,
    folding: AtomicBool,
    /// When set, a write waits for a permit before (`Some(true)`) or after it takes effect.
    gate: Mutex<Option<(Gate, Arc<Semaphore>)>>,
    arrived: AtomicUsize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    BeforeWrites,
    AfterWrites,
    AfterLoads,
}

impl Probe {
    pub fn folding() -> Self {
        let probe = Self::default();
        probe.0.folding.store(true, Ordering::SeqCst);
        probe
    }

    /// The verbs since the last call.
    pub fn verbs(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.0.verbs.lock().unwrap())
    }

    pub fn set_down(&self, down: bool) {
        self.0.down.store(down, Ordering::SeqCst);
    }

    pub fn set_hanging(&self, hanging: bool) {
        self.0.hanging.store(hanging, Ordering::SeqCst);
    }

    pub fn set_corrupt(&self, corrupt: bool) {
        self.0.corrupt.store(corrupt, Ordering::SeqCst);
    }

    pub fn set_read_only(&self, read_only: bool) {
        self.0.read_only.store(read_only, Ordering::SeqCst);
    }

    /// How many calls were in the store at a time, at most, since this was last asked.
    pub fn most_inside(&self) -> usize {
        self.0.most_inside.swap(0, Ordering::SeqCst)
    }

    /// Holds calls back until permits are added to the semaphore.
    pub fn hold(&self, gate: Gate) -> Arc<Semaphore> {
        let semaphore = Arc::new(Semaphore::new(0));
        *self.0.gate.lock().unwrap() = Some((gate, semaphore.clone()));
        self.0.arrived.store(0, Ordering::SeqCst);
        semaphore
    }

    pub fn release(&self) {
        if let Some((_, semaphore)) = self.0.gate.lock().unwrap().take() {
            semaphore.add_permits(1_000_000);
        }
    }

    /// Waits until so many calls are held back.
    pub async fn arrived(&self, count: usize) {
        while self.0.arrived.load(Ordering::SeqCst) < count {
            tokio::task::yield_now().await;
        }
    }

    /// How many calls have been held back since `hold`.
    pub fn arrived_so_far(&self) -> usize {
        self.0.arrived.load(Ordering::SeqCst)
    }

    async fn enter(&self, verb: &'static str) -> Result<(), StoreError> {
        self.0.verbs.lock().unwrap().push(verb);
        if self.0.down.load(Ordering::SeqCst) {
            return Err(StoreError::unavailable("connection refused"));
        }
        if self.0.read_only.load(Ordering::SeqCst) && verb != "load" {
            return Err(StoreError::read_only("READONLY"));
        }
        if self.0.hanging.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if verb != "load" {
            self.pass(Gate::BeforeWrites).await;
        }
        Ok(())
    }

    async fn pass(&self, at: Gate) {
        let gate = self.0.gate.lock().unwrap().clone();
        if let Some((gate, semaphore)) = gate
            && gate == at
        {
            self.0.arrived.fetch_add(1, Ordering::SeqCst);
            semaphore.acquire().await.unwrap().forget();
        }
    }
}

/// A call that is in the store.
struct Inside<'a>(&'a Inner);

impl<'a> Inside<'a> {
    fn of(inner: &'a Inner) -> Self {
        let inside = inner.inside.fetch_add(1, Ordering::SeqCst) + 1;
        inner.most_inside.fetch_max(inside, Ordering::SeqCst);
        Self(inner)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Store for Probe {
    async fn load(
        &self,
        key: &StoreKey,
        extend: Option<&Extend>,
        now: OffsetDateTime,
    ) -> Result<Option<Stored>, StoreError> {
        let _inside = Inside::of(&self.0);
        self.enter("load").await?;
        if extend.is_some() && self.0.read_only.load(Ordering::SeqCst) {
            return Err(StoreError::read_only("READONLY"));
        }
        if self.0.corrupt.load(Ordering::SeqCst) {
            return Err(StoreError::corrupt("the payload is not text"));
        }
        let extend = extend.filter(|_| self.0.folding.load(Ordering::SeqCst));
        let answer = self.0.store.load(key, extend, now).await;
        self.pass(Gate::AfterLoads).await;
        answer
    }

    async fn create(
        &self,
        key: &StoreKey,
        record: &Record,
        now: OffsetDateTime,
    ) -> Result<Created, StoreError> {
        self.enter("create").await?;
        let answer = self.0.store.create(key, record, now).await;
        self.pass(Gate::AfterWrites).await;
        answer
    }

    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        base: Option<&Version>,
        now: OffsetDateTime,
    ) -> Result<Updated, StoreError> {
        self.enter("update").await?;
        let answer = self.0.store.update(key, record, base, now).await;
        self.pass(Gate::AfterWrites).await;
        answer
    }

    async fn touch(
        &self,
        key: &StoreKey,
        expires_at: OffsetDateTime,
        base: Option<&Version>,
        now: OffsetDateTime,
    ) -> Result<Touched, StoreError> {
        self.enter("touch").await?;
        self.0.store.touch(key, expires_at, base, now).await
    }

    async fn replace(&self, replace: Replace<'_>, now: OffsetDateTime) -> Result<Replaced, StoreError> {
        self.enter("replace").await?;
        let answer = self.0.store.replace(replace, now).await;
        self.pass(Gate::AfterWrites).await;
        answer
    }

    async fn delete(&self, key: &StoreKey, base: Option<&Version>) -> Result<Deleted, StoreError> {
        self.enter("delete").await?;
        self.0.store.delete(key, base).await
    }
}

pub fn policy() -> PolicyBuilder {
    Policy::builder(Keyring::new(SECRET))
}

/// Sessions with everything a test moves by hand.
pub struct World {
    pub sessions: Sessions,
    pub probe: Probe,
    pub clock: ManualClock,
}

impl World {
    pub fn new(policy: PolicyBuilder) -> Self {
        Self::with(policy, Probe::default())
    }

    pub fn on_outage(policy: PolicyBuilder, on_outage: OnOutage) -> Self {
        Self::build(policy, Probe::default(), |builder| builder.on_outage(on_outage))
    }

    pub fn with(policy: PolicyBuilder, probe: Probe) -> Self {
        Self::build(policy, probe, |builder| builder)
    }

    pub fn build(
        policy: PolicyBuilder,
        probe: Probe,
        more: impl FnOnce(SessionsBuilder) -> SessionsBuilder,
    ) -> Self {
        let clock = ManualClock::default();
        let builder = Sessions::builder(policy.build().unwrap(), probe.clone()).clock(clock.clone());
        Self { sessions: more(builder).build(), probe, clock }
    }

    /// A request with these cookies.
    pub fn begin(&self, cookie: &str) -> Exchange {
        let facts = RequestFacts::new("/").host(Some("localhost"));
        let cookies: Vec<&[u8]> = if cookie.is_empty() { vec![] } else { vec![cookie.as_bytes()] };
        self.sessions.begin(&facts, cookies)
    }

    /// A whole request; the cookie the browser has afterwards.
    pub async fn request(
        &self,
        cookie: &str,
        handler: impl FnOnce(&Session) -> Result<(), Error>,
    ) -> Result<String, Error> {
        let exchange = self.begin(cookie);
        handler(&exchange.session().await?)?;
        Ok(after(cookie, &exchange.finish().await?))
    }

    /// A session that holds `n = 0`, and its cookie.
    pub async fn logged_in(&self) -> String {
        let owner = session_core::Owner::new("user1").unwrap();
        self.request("", |session| {
            session.login(owner)?;
            session.insert("n", 0)
        })
        .await
        .unwrap()
    }

    /// What a request with this cookie reads.
    pub async fn read(&self, cookie: &str, key: &'static str) -> Option<i64> {
        let exchange = self.begin(cookie);
        let value = exchange.session().await.unwrap().get(key).unwrap();
        let _ = exchange.finish().await.unwrap();
        value
    }
}

/// The cookie that a browser has after a reply.
pub fn after(cookie: &str, reply: &Reply) -> String {
    match reply.set_cookie() {
        None => cookie.to_owned(),
        Some(line) if line.contains("Max-Age=0") => String::new(),
        Some(line) => line.split(';').next().unwrap().to_owned(),
    }
}
