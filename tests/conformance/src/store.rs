//! The store half: what [`Store`] and [`Directory`] promise.
//!
//! A new case is one function in the file of its topic and one line in the table at the top of that file.

mod create_update;
mod cuts;
mod delete;
mod extend;
mod housekeeping;
mod keys;
mod owners;
mod parallel;
mod payloads;
mod replace;
mod revoke;
mod subject;
mod touch_expiry;

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use session_core::store::{Directory, Store};
use tokio::sync::RwLock;

use crate::failure::Outcome;
use crate::suite::{BoxFuture, Case, Suite, common_methods};
use crate::unavailable::Stop;
pub(crate) use subject::{LIFE, Subject, together};

/// What a factory made.
#[derive(Clone)]
struct Made {
    store: Arc<dyn Store>,
    directory: Option<Arc<dyn Directory>>,
}

type Factory = dyn Fn() -> BoxFuture<Result<Made, Box<dyn Error + Send + Sync>>> + Send + Sync;

/// What is true of the store under test.
struct Terms {
    name: String,
    make: Box<Factory>,
    expiry_precision: Duration,
    clock: Clock,
    moving: Moving,
    namespace: Namespace,
}

/// Under how many keys a session may be found that is just moving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moving {
    OneStep,
    TwoSteps,
}

/// Who knows the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clock {
    Argument,
    Server,
}

/// What the factory gives.
#[derive(Debug)]
enum Namespace {
    Fresh,
    /// Always the same. Cases that need it for themselves take the lock for writing.
    Shared(RwLock<()>),
}

/// What a case needs beyond a key of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    EmptyNamespace,
    TwoNamespaces,
}

/// One promise.
#[derive(Clone, Copy)]
struct StoreCase {
    name: &'static str,
    needs: Needs,
    run: fn(Subject) -> BoxFuture<Outcome>,
}

/// A table of cases, named after their functions.
macro_rules! cases {
    ($($case:ident $(needs $needs:ident)?),* $(,)?) => {
        &[$($crate::store::StoreCase {
            name: stringify!($case),
            needs: cases!(@ $($needs)?),
            run: |it| Box::pin($case(it)),
        }),*]
    };
    (@) => { $crate::store::Needs::Nothing };
    (@ $needs:ident) => { $crate::store::Needs::$needs };
}
use cases;

const STORE: &[&[StoreCase]] = &[
    create_update::CASES,
    touch_expiry::CASES,
    extend::CASES,
    replace::CASES,
    delete::CASES,
    payloads::CASES,
    keys::CASES,
    parallel::CASES,
    cuts::VERB_CASES,
    cuts::CROWD_CASES,
];

const DIRECTORY: &[&[StoreCase]] =
    &[owners::CASES, revoke::CASES, housekeeping::CASES, cuts::DIRECTORY_CASES];

/// The cases of [`Store`], for the store that `make` gives. See the [crate](crate) for what `make` should do.
///
/// ```no_run
/// # use session_conformance::doc::MyStore;
/// session_conformance::store(|| async { MyStore::connect("my://localhost").await }).named("my").run();
/// ```
pub fn store<F, Fut, S, E>(make: F) -> StoreSuite
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<S, E>> + Send + 'static,
    S: Store,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    StoreSuite::new(STORE.concat(), make, |store| Made { store, directory: None })
}

/// The cases of [`Store`] and of [`Directory`], for the store that `make` gives.
///
/// See the [crate](crate) for what `make` should do.
pub fn directory<F, Fut, S, E>(make: F) -> StoreSuite
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<S, E>> + Send + 'static,
    S: Directory,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let cases = [STORE, DIRECTORY].concat().concat();
    StoreSuite::new(cases, make, |store: Arc<S>| Made {
        store: Arc::<S>::clone(&store),
        directory: Some(store),
    })
}

/// The cases for one store, and what is true of it. Made by [`store`] and [`directory`].
#[must_use = "a suite does nothing until it is run"]
pub struct StoreSuite {
    cases: Vec<StoreCase>,
    terms: Terms,
    deadline: Duration,
}

common_methods!(StoreSuite, terms.name, "two minutes");

impl StoreSuite {
    fn new<F, Fut, S, E>(cases: Vec<StoreCase>, make: F, made: fn(Arc<S>) -> Made) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<S, E>> + Send + 'static,
        S: Store,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let make: Box<Factory> = Box::new(move || {
            let store = make();
            Box::pin(async move { store.await.map(|store| made(Arc::new(store))).map_err(Into::into) })
        });
        let terms = Terms {
            name: "store".to_owned(),
            make,
            expiry_precision: Duration::from_millis(1),
            clock: Clock::Argument,
            moving: Moving::OneStep,
            namespace: Namespace::Fresh,
        };
        Self { cases, terms, deadline: Duration::from_secs(120) }
    }

    /// The finest difference in expiry that the store can hold. Without it, a millisecond.
    ///
    /// A store rounds down to it, never up: a session must not live longer than it was given.
    pub fn expiry_precision(mut self, precision: Duration) -> Self {
        self.terms.expiry_precision = precision;
        self
    }

    /// The store goes by its server's clock, not by the time that the verbs are told.
    ///
    /// Cases in which a session expires then really wait: for half a second and twice the
    /// [precision](Self::expiry_precision). This machine's clock and the server's must agree to within that.
    pub fn server_clock(mut self) -> Self {
        self.terms.clock = Clock::Server;
        self
    }

    /// The store moves a session in two steps, the new key first: a revocation that comes between may count it under both.
    pub fn moves_in_two_steps(mut self) -> Self {
        self.terms.moving = Moving::TwoSteps;
        self
    }

    /// The factory gives the same namespace each time, which nobody else uses: **it will be cleared**.
    ///
    /// Cases that count or clear run alone then, and those that need two namespaces are left out.
    pub fn shared_namespace(mut self) -> Self {
        self.terms.namespace = Namespace::Shared(RwLock::new(()));
        self.cases.retain(|case| case.needs != Needs::TwoNamespaces);
        self
    }

    fn into_suite(self) -> Suite {
        let terms = Arc::new(self.terms);
        let cases = self.cases.into_iter().map(|case| {
            let terms = Arc::clone(&terms);
            Case { name: case.name, run: Arc::new(move || Box::pin(run(case, Arc::clone(&terms)))) }
        });
        Suite { subject: terms.name.clone(), cases: cases.collect(), deadline: self.deadline }
    }
}

async fn run(case: StoreCase, terms: Arc<Terms>) -> Result<(), Stop> {
    let failed = |failure: crate::failure::Failure| Stop::Failed(failure.to_string());
    let it = match (terms.make)().await {
        Ok(made) => Subject::new(made, Arc::clone(&terms)),
        Err(error) => return Err(Stop::from_factory(error.as_ref(), &terms.name)),
    };
    match &terms.namespace {
        Namespace::Fresh => (case.run)(it).await.map_err(failed),
        Namespace::Shared(lock) if case.needs == Needs::EmptyNamespace => {
            let _alone = lock.write().await;
            it.empty().await.map_err(failed)?;
            (case.run)(it).await.map_err(failed)
        }
        Namespace::Shared(lock) => {
            let _together = lock.read().await;
            (case.run)(it).await.map_err(failed)
        }
    }
}
