//! The adapter half: what every adapter promises, over real HTTP, judged by real express-session.
//!
//! A new case is one function in the file of its topic and one line in the table at the top of that file.

mod cases;
mod client;
mod difference;
mod feature;
mod host;
mod options;
mod probe;
mod processes;
mod site;
mod subject;
mod worker;

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

pub use difference::Difference;
use difference::Side;
pub use feature::Feature;
pub use host::Host;
use host::{Ask, Mount, Mounted, Place, Remote, Stores};
pub use processes::Processes;
pub use site::Site;
use subject::Subject;
pub use worker::Worker;

use session_core::store::{Directory, StoreError};
use session_store_memory::MemoryStore;

use crate::failure::Outcome;
use crate::suite::{BoxFuture, Case, Runs, Suite, common_methods};
use crate::unavailable::Stop;

/// One promise of an adapter.
#[derive(Clone, Copy)]
struct AdapterCase {
    name: &'static str,
    scope: Scope,
    differences: &'static [Difference],
    needs: &'static [Feature],
    run: fn(Subject) -> BoxFuture<Outcome>,
}

/// Of whom a case is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Of express-session and of this library.
    Both,
    /// Of this library: express-session has nothing like it.
    Ours,
}

/// A table of cases, named after their functions:
/// `both name;`, `both name differs A, B;`, `ours name;`, `ours name needs Feature;`.
macro_rules! promises {
    ($($scope:ident $case:ident $(differs $($difference:ident),+)? $(needs $($feature:ident),+)?;)*) => {
        pub(super) const CASES: &[$crate::adapter::AdapterCase] = &[$($crate::adapter::AdapterCase {
            name: stringify!($case),
            scope: $crate::adapter::promises!(@ $scope),
            differences: &[$($($crate::adapter::Difference::$difference),+)?],
            needs: &[$($($crate::adapter::Feature::$feature),+)?],
            run: |it| Box::pin($case(it)),
        }),*];
    };
    (@ both) => { $crate::adapter::Scope::Both };
    (@ ours) => { $crate::adapter::Scope::Ours };
}
use promises;

/// The cases of an adapter, for what `mount` serves. See the [crate](crate) for what `mount` should do.
pub fn adapter<F, Fut>(mount: F) -> AdapterSuite
where
    F: Fn(Site) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let memory = || async { Ok::<_, StoreError>(MemoryStore::new()) };
    AdapterSuite::new("adapter", mounted(mount, memory), Side::Ours)
}

/// The cases of an adapter together with a store: a whole story over HTTP, and the races that have to end well.
///
/// `make` gives an empty store for each case, as for [`directory`](crate::directory). What each of the two promises by itself
/// is for [`adapter`] and [`directory`](crate::directory) to find out.
pub fn pair<F, Fut, G, Made, S, E>(mount: F, make: G) -> AdapterSuite
where
    F: Fn(Site) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), Box<dyn Error + Send + Sync>>> + Send + 'static,
    G: Fn() -> Made + Send + Sync + 'static,
    Made: Future<Output = Result<S, E>> + Send + 'static,
    S: Directory,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let cases = cases::PAIRED.concat();
    AdapterSuite { cases, ..AdapterSuite::new("pair", mounted(mount, make), Side::Ours) }
}

/// The cases of [`pair`], with each site served by several processes on one store, which browsers come to in turn.
///
/// The processes know the adapter and the store as `subject`; each runs a [`Worker`] that [serves](Worker::serves) it.
///
/// ```no_run
/// use std::process::Command;
/// use std::sync::Arc;
/// use session_conformance::{Processes, pair_of_processes};
///
/// let processes = Arc::new(Processes::new(2, || Command::new("the-program-that-runs-the-worker")));
/// pair_of_processes(&processes, "mine+my").run();
/// ```
pub fn pair_of_processes(processes: &Arc<Processes>, subject: impl Into<String>) -> AdapterSuite {
    let subject = subject.into();
    let place = processes::Shared { processes: Arc::clone(processes), subject: subject.clone() };
    let cases = cases::PAIRED.concat();
    AdapterSuite { cases, ..AdapterSuite::new(&subject, Arc::new(place), Side::Ours) }
}

fn mounted<F, Fut, G, Made, S, E>(mount: F, make: G) -> Arc<dyn Place>
where
    F: Fn(Site) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), Box<dyn Error + Send + Sync>>> + Send + 'static,
    G: Fn() -> Made + Send + Sync + 'static,
    Made: Future<Output = Result<S, E>> + Send + 'static,
    S: Directory,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let mount: Arc<Mount> = Arc::new(move |site| Box::pin(mount(site)));
    let stores: Arc<Stores> = Arc::new(move || {
        let store = make();
        Box::pin(async move { Ok(Arc::new(store.await.map_err(Into::into)?) as Arc<dyn Directory>) })
    });
    Arc::new(Mounted::new(mount, stores))
}

/// The cases for one adapter, and what is true of it. Made by [`adapter`].
#[must_use = "a suite does nothing until it is run"]
pub struct AdapterSuite {
    name: String,
    cases: Vec<AdapterCase>,
    place: Arc<dyn Place>,
    side: Side,
    expected: Expected,
    deadline: Duration,
}

/// What each case of a suite is to come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Pass,
    /// The case expects of one what only the other does.
    Fail,
}

/// What is known of a case before it is run. Given by [`AdapterSuite::cases`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct CaseFacts {
    /// Its name, a sentence with underscores.
    pub name: &'static str,
    /// Of whom it is true.
    pub scope: Scope,
    /// The differences on purpose that it looks at from both sides.
    pub differences: &'static [Difference],
    /// What a framework must have for it.
    pub needs: &'static [Feature],
}

common_methods!(AdapterSuite, name, "two minutes");

impl AdapterSuite {
    /// The cases that are true of express-session, too, for a host elsewhere.
    pub(crate) fn judged_by(host: impl Host) -> Self {
        let mut suite = Self::new("judge", Arc::new(Remote(Arc::new(host))), Side::Express);
        suite.cases.retain(|case| case.scope == Scope::Both);
        suite
    }

    /// Those in which the two differ, with our side expected of the host.
    pub(crate) fn differing(mut self) -> Self {
        self.cases.retain(|case| !case.differences.is_empty());
        Self { side: Side::Ours, expected: Expected::Fail, ..self.named("differences") }
    }

    fn new(name: &str, place: Arc<dyn Place>, side: Side) -> Self {
        let cases = cases::ALL.concat();
        let (name, expected, deadline) = (name.to_owned(), Expected::Pass, Duration::from_secs(120));
        Self { name, cases, place, side, expected, deadline }
    }

    /// The framework, or the adapter as yet, has no such thing: the cases that need it are left out.
    pub fn without(mut self, feature: Feature) -> Self {
        self.cases.retain(|case| !case.needs.contains(&feature));
        self
    }

    /// The cases, in their order, and what is known of each.
    pub fn cases(&self) -> impl Iterator<Item = CaseFacts> {
        self.cases.iter().map(|&AdapterCase { name, scope, differences, needs, .. }| CaseFacts {
            name,
            scope,
            differences,
            needs,
        })
    }

    pub(crate) fn into_suite(self) -> Suite {
        let Self { name: subject, cases, place, side, expected, deadline } = self;
        let cases = cases.into_iter().map(|case| {
            let (place, subject) = (Arc::clone(&place), subject.clone());
            let run = move || -> BoxFuture<Result<(), Stop>> {
                let (place, subject) = (Arc::clone(&place), subject.clone());
                Box::pin(async move {
                    if let Err(error) = place.ask(Ask::Hello).await {
                        return Err(Stop::from_factory(error.as_ref(), &subject));
                    }
                    let it = Subject::new(place, side, case.differences);
                    match ((case.run)(it).await, expected) {
                        (Ok(()), Expected::Pass) | (Err(_), Expected::Fail) => Ok(()),
                        (Err(failure), Expected::Pass) => Err(Stop::Failed(failure.to_string())),
                        (Ok(()), Expected::Fail) => {
                            Err(Stop::Failed("here the two do not differ".to_owned()))
                        }
                    }
                })
            };
            Case { name: case.name, run: Arc::new(run) }
        });
        Suite { cases: cases.collect(), subject, deadline }
    }
}

/// Runs several suites as one test program, as the command line says, and answers how their cases ended.
///
/// # Panics
///
/// If it is called within a tokio runtime: the cases get one of their own.
pub fn run_together(suites: impl IntoIterator<Item = AdapterSuite>) -> Runs {
    crate::suite::run_together(suites.into_iter().map(AdapterSuite::into_suite).collect())
}
