//! The policy, the store and the clock of an application, put together once at its start.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use rand::TryRng as _;
use rand::rngs::SysRng;
use session_core::close::{CookieProblem, CookieWarning};
use session_core::id::ENTROPY_BYTES;
use session_core::request::{ClientRequest, Insecure};
use session_core::store::{Directory, Extend, Store, StoreError, StoreErrorKind, Stored};
use session_core::{Policy, Reply, RequestFacts, SessionId, StoreKey};
use time::OffsetDateTime as Time;

use crate::clock::{Clock, SystemClock};
use crate::devices::Devices;
use crate::error::Error;
use crate::exchange::{Exchange, Slot};
use crate::health::{Asked, Health};
use crate::log;
use crate::outage::OnOutage;
use crate::session::Session;

mod builder;

pub use builder::SessionsBuilder;

/// How long a store may take for one answer, unless [told otherwise](SessionsBuilder::deadline).
pub const DEFAULT_DEADLINE: Duration = Duration::from_millis(500);

/// Makes ids; `None` if it cannot.
type GenId = Arc<dyn Fn() -> Option<SessionId> + Send + Sync>;

/// Makes what makes the ids of one request.
type GenIdByRequest = Arc<dyn Fn(&ClientRequest<'_>) -> GenId + Send + Sync>;

/// The sessions of an application: a policy, a store, a clock. Cheap to clone; adapters hold one.
///
/// ```
/// use session_core::{Keyring, Policy};
/// use session_driver::Sessions;
/// use session_store_memory::MemoryStore;
///
/// let policy = Policy::builder(Keyring::new("s3cr3t, random and longer than 32 bytes")).build()?;
/// let sessions = Sessions::new(policy, MemoryStore::new());
/// # Ok::<(), session_core::policy::PolicyError>(())
/// ```
#[derive(Clone)]
pub struct Sessions(
    Arc<Inner>,
    /// What makes the ids of the request at hand, if that depends on the request.
    Option<GenId>,
);

struct Inner {
    policy: Policy,
    store: Arc<dyn Store>,
    /// The same store, if it can list sessions.
    directory: Option<Arc<dyn Directory>>,
    clock: Arc<dyn Clock>,
    genid: GenId,
    genid_by_request: Option<GenIdByRequest>,
    deadline: Duration,
    login_page: Option<Arc<str>>,
    on_outage: OnOutage,
    health: Health,
    /// One bit for each reason that has been warned of.
    warned: AtomicU16,
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions")
            .field("policy", &self.0.policy)
            .field("clock", &self.0.clock)
            .field("deadline", &self.0.deadline)
            .finish_non_exhaustive()
    }
}

impl Sessions {
    /// Sessions with the system's clock and random generator, and a deadline of 500 ms for the store.
    #[must_use]
    pub fn new(policy: Policy, store: impl Store) -> Self {
        Self::builder(policy, store).build()
    }

    /// Sessions in a store that finds them by their owner: [`devices`](Self::devices) lists and ends them.
    #[must_use]
    pub fn with_directory(policy: Policy, store: impl Directory) -> Self {
        Self::builder_with_directory(policy, store).build()
    }

    /// Sessions of which more is to be said.
    pub fn builder(policy: Policy, store: impl Store) -> SessionsBuilder {
        Self::collect(policy, Arc::new(store), None)
    }

    /// Sessions of which more is to be said, in a store that finds them by their owner.
    pub fn builder_with_directory(policy: Policy, store: impl Directory) -> SessionsBuilder {
        let store = Arc::new(store);
        Self::collect(policy, store.clone(), Some(store))
    }

    fn collect(
        policy: Policy,
        store: Arc<dyn Store>,
        directory: Option<Arc<dyn Directory>>,
    ) -> SessionsBuilder {
        SessionsBuilder(Inner {
            policy,
            store,
            directory,
            clock: Arc::new(SystemClock),
            genid: Arc::new(system_id),
            genid_by_request: None,
            deadline: DEFAULT_DEADLINE,
            login_page: None,
            on_outage: OnOutage::FailClosed,
            health: Health::new(),
            warned: AtomicU16::new(0),
        })
    }

    /// Begins the session's part of a request. Asks the store nothing: that waits until a handler wants the session.
    pub fn begin<'a>(
        &self,
        facts: &RequestFacts<'_>,
        cookies: impl IntoIterator<Item = &'a [u8]>,
    ) -> Exchange {
        self.begin_inside(None, facts, cookies)
    }

    /// The same in a request that has passed another session layer: its exchange is then found by
    /// [`named`](Exchange::named).
    pub fn begin_inside<'a>(
        &self,
        outer: Option<Exchange>,
        facts: &RequestFacts<'_>,
        cookies: impl IntoIterator<Item = &'a [u8]>,
    ) -> Exchange {
        let by_request = self.0.genid_by_request.as_ref();
        let genid = by_request.map(|genid| genid(&self.0.policy.client(facts)));
        let visit = self.0.policy.visit(facts, cookies);
        Exchange::new(Self(Arc::clone(&self.0), genid), outer, Slot::Unopened(visit))
    }

    /// The session with this id, outside any request: for a websocket or a background task. `None` if there is none.
    ///
    /// It is saved by [`Session::save`] and by nothing else.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the store could not answer.
    pub async fn open_detached(&self, id: SessionId) -> Result<Option<Session>, Error> {
        let exchange =
            Exchange::new(self.clone(), None, Slot::Loading(Box::new(self.0.policy.open_detached(id))));
        let session = exchange.session_on_outage(OnOutage::FailClosed).await?;
        Ok(session.exists()?.then_some(session))
    }

    /// The sessions of an owner, for a page of devices and for "log out everywhere".
    ///
    /// # Errors
    ///
    /// [`Error::NoDirectory`] if these were not made [`with_directory`](Self::with_directory).
    pub fn devices(&self) -> Result<Devices, Error> {
        let directory = self.0.directory.clone().ok_or(Error::NoDirectory)?;
        Ok(Devices::new(self.clone(), directory))
    }

    /// Asks the store for a session that nobody has, for a readiness check: `Ok` if it answers within the deadline.
    ///
    /// It says whether sessions can be read. A store that takes no writes at the moment is ready: it serves who is signed in.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// # use session_core::{Keyring, Policy};
    /// # use session_driver::Sessions;
    /// # use session_store_memory::MemoryStore;
    /// # let policy = Policy::builder(Keyring::new("s3cr3t, random and longer than 32 bytes")).build().unwrap();
    /// let sessions = Sessions::new(policy, MemoryStore::new());
    ///
    /// let status = if sessions.ping().await.is_ok() { 200 } else { 503 };
    /// assert_eq!(status, 200);
    /// # });
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the store could not answer, [`Error::Randomness`] if no id can be made to ask for.
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed, whenever the future is dropped.
    pub async fn ping(&self) -> Result<(), Error> {
        let key = system_id().ok_or(Error::Randomness)?.key(self.0.policy.ids_at_rest());
        let answer = self.ask(Asked::Read, self.0.store.load(&key, None, self.0.clock.now())).await;
        log::failure("ping", answer.map_err(Error::from)).map(drop)
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.0.policy
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.0.clock
    }

    pub(crate) fn login_page(&self) -> Option<&Arc<str>> {
        self.0.login_page.as_ref()
    }

    pub(crate) fn on_outage(&self) -> OnOutage {
        self.0.on_outage
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.0.store
    }

    pub(crate) fn fresh_id(&self) -> Option<SessionId> {
        self.1.as_ref().unwrap_or(&self.0.genid)()
    }

    pub(crate) fn health(&self) -> &Health {
        &self.0.health
    }

    /// Loads a record. A store that takes no writes at the moment is asked again without extending.
    pub(crate) async fn load(
        &self,
        key: &StoreKey,
        extend: Option<&Extend>,
        now: Time,
    ) -> Result<Option<Stored>, Error> {
        let Inner { store, health, .. } = &*self.0;
        let extend = extend.filter(|_| !health.is_unwritable(now));
        self.read_within_deadline(async {
            match store.load(key, extend, now).await {
                Err(error) if extend.is_some() && error.kind() == StoreErrorKind::ReadOnly => {
                    health.note(Asked::Write, Some(&error), health.recoveries(), now);
                    store.load(key, None, now).await
                }
                answer => answer,
            }
        })
        .await
    }

    /// Waits for the store to do something, but no longer than the deadline.
    pub(crate) async fn within_deadline<T>(
        &self,
        answer: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, Error> {
        Ok(self.ask(Asked::Write, answer).await?)
    }

    /// Waits for the store to say something, but no longer than the deadline. While a store is coming back, few ask it at a
    /// time: the others wait for their turn, within the same deadline.
    pub(crate) async fn read_within_deadline<T>(
        &self,
        answer: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, Error> {
        Ok(self
            .ask(Asked::Read, async {
                let Some(turn) = self.0.health.turn().await else { return answer.await };
                // A question that the store has swallowed must not keep the others waiting until the deadline.
                let mut answer = pin!(answer);
                match tokio::time::timeout(self.0.deadline / 4, answer.as_mut()).await {
                    Ok(answer) => answer,
                    Err(_) => {
                        drop(turn);
                        answer.await
                    }
                }
            })
            .await?)
    }

    async fn ask<T>(
        &self,
        asked: Asked,
        answer: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let recoveries = self.0.health.recoveries();
        let answer = tokio::time::timeout(self.0.deadline, answer)
            .await
            .unwrap_or_else(|_| Err(StoreError::unavailable("no answer within the deadline")));
        self.0.health.note(asked, answer.as_ref().err(), recoveries, self.0.clock.now());
        answer
    }

    /// Warns once of each reason why a cookie is not set, or looks odd.
    pub(crate) fn warn_once(&self, reply: &Reply) {
        let insecure = |why: Insecure| match why {
            Insecure::Unsaid => 0,
            Insecure::Silent => 1,
            Insecure::Denied => 2,
            Insecure::NobodyTrusted => 3,
            Insecure::UntrustedPeer => 4,
            Insecure::UnknownPeer(_) => 5,
            _ => 6,
        };
        if let Some(problem) = reply.problem() {
            let bit = match problem {
                CookieProblem::Insecure(why) => insecure(why),
                CookieProblem::TooLarge => 7,
                CookieProblem::Unfit(_) => 8,
                _ => 9,
            };
            if self.is_news(bit) {
                log::cookie_not_set(problem);
            }
        }
        if let Some(warning) = reply.warning() {
            // A cookie that is set without Secure has the same cause as one that is not set.
            let bit = match warning {
                CookieWarning::Disbelieved(why) => insecure(why),
                CookieWarning::ForeignDomain => 10,
                _ => 11,
            };
            if self.is_news(bit) {
                log::cookie_looks_odd(warning);
            }
        }
    }

    fn is_news(&self, bit: u16) -> bool {
        let bit = 1 << bit;
        self.0.warned.fetch_or(bit, Ordering::Relaxed) & bit == 0
    }
}

/// 192 bits from the system's generator, with no fallback.
fn system_id() -> Option<SessionId> {
    random_bytes::<ENTROPY_BYTES>().map(SessionId::from_entropy)
}

/// Random bytes from the system's generator; `None` if it fails.
pub(crate) fn random_bytes<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    SysRng.try_fill_bytes(&mut bytes).ok()?;
    Some(bytes)
}
