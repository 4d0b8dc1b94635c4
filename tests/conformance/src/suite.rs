//! Runs named cases: as tests with a command line, or for a program that wants the results.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Arguments, Completion, Trial};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::unavailable::Stop;

pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A case that can be run, again and again.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) run: Arc<dyn Fn() -> BoxFuture<Result<(), Stop>> + Send + Sync>,
}

/// Cases of one subject.
pub(crate) struct Suite {
    pub(crate) subject: String,
    pub(crate) cases: Vec<Case>,
    pub(crate) deadline: Duration,
}

/// What the suites of all halves have: `common_methods!(StoreSuite, terms.name, "two minutes")`. The suite has a field
/// `cases` and a field `deadline`, holds its subject's name at this path, and knows how to turn `into_suite`.
macro_rules! common_methods {
    ($suite:ident, $($name:ident).+, $deadline:literal) => {
        impl std::fmt::Debug for $suite {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($suite))
                    .field("name", &self.$($name).+)
                    .field("cases", &self.cases.len())
                    .finish_non_exhaustive()
            }
        }

        impl $suite {
            /// What is tried, for the output and for `SESSION_REQUIRE`.
            ///
            /// Without it, `store` or `adapter`.
            pub fn named(mut self, name: impl Into<String>) -> Self {
                self.$($name).+ = name.into();
                self
            }

            #[doc = concat!("How long a case may take before it counts as failed. Without it, ", $deadline, ".")]
            pub fn deadline(mut self, deadline: std::time::Duration) -> Self {
                self.deadline = deadline;
                self
            }

            /// Keeps only the cases whose names `keep` accepts.
            pub fn only(mut self, keep: impl Fn(&str) -> bool) -> Self {
                self.cases.retain(|case| keep(case.name));
                self
            }

            /// The names of the cases, in their order.
            pub fn names(&self) -> impl Iterator<Item = &'static str> {
                self.cases.iter().map(|case| case.name)
            }

            /// Runs the cases as tests, as the command line says. Ends the process with an error if one fails.
            ///
            /// Call it from the `main` of a test with `harness = false`.
            ///
            /// # Panics
            ///
            /// If it is called within a tokio runtime: the cases get one of their own.
            pub fn run(self) {
                self.into_suite().run();
            }

            /// Runs all cases and answers how each ended, in the order of the suite: for a program that is the judge.
            ///
            /// ```
            /// use session_conformance::{Unavailable, Verdict};
            /// # use session_conformance::doc::MyStore;
            ///
            /// // There is no such server, so nothing can be said of the store.
            /// let reports = session_conformance::store(|| async { MyStore::connect("my://nowhere").await }).report();
            /// assert!(reports.iter().all(|report| matches!(report.verdict, Verdict::Ignored(_))));
            /// ```
            ///
            /// # Panics
            ///
            /// If it is called within a tokio runtime: the cases get one of their own.
            #[must_use]
            pub fn report(self) -> Vec<crate::CaseReport> {
                self.into_suite().report()
            }
        }
    };
}
pub(crate) use common_methods;

/// How one case ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseReport {
    /// The case's name, a sentence with underscores.
    pub name: &'static str,
    /// How it ended.
    pub verdict: Verdict,
}

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The promise was kept.
    Passed,
    /// It was not; here is how.
    Failed(String),
    /// It could not be tried, since a service is not there.
    Ignored(String),
}

/// How many cases run at a time when there is no command line to say so.
const AT_ONCE: usize = 8;

/// How suites that ran as one test program ended.
#[derive(Debug)]
#[must_use = "a failure is to be told to whoever started the program"]
pub struct Runs {
    /// For each suite, in their order, the cases that ran.
    pub reports: Vec<Vec<CaseReport>>,
    failed: bool,
}

impl Runs {
    /// Ends the process with an error if a case failed.
    pub fn exit_if_failed(self) {
        if self.failed {
            std::process::exit(101);
        }
    }
}

/// Runs the cases of several suites as the tests of one program, as the command line says.
pub(crate) fn run_together(suites: Vec<Suite>) -> Runs {
    let arguments = Arguments::from_args();
    let runtime = Arc::new(runtime());
    let (sender, receiver) = std::sync::mpsc::channel();
    let count = suites.len();
    let mut trials = Vec::new();
    for (suite, Suite { subject, cases, deadline }) in suites.into_iter().enumerate() {
        trials.extend(cases.into_iter().map(|Case { name, run }| {
            let (runtime, sender) = (Arc::clone(&runtime), sender.clone());
            let trial = Trial::ignorable_test(name, move || {
                let verdict = runtime.block_on(judge(run(), deadline));
                // The receiver waits for the end of all trials.
                let _sent = sender.send((suite, CaseReport { name, verdict: verdict.clone() }));
                match verdict {
                    Verdict::Passed => Ok(Completion::Completed),
                    Verdict::Ignored(why) => Ok(Completion::ignored_with(why)),
                    Verdict::Failed(why) => Err(why.into()),
                }
            });
            trial.with_kind(subject.clone())
        }));
    }
    drop(sender);
    let failed = libtest_mimic::run(&arguments, trials).has_failed();
    shut_down(runtime);
    let mut reports = vec![Vec::new(); count];
    for (suite, report) in receiver {
        reports[suite].push(report);
    }
    Runs { reports, failed }
}

impl Suite {
    /// Runs the cases as tests, as the command line says; ends the process if one fails.
    pub(crate) fn run(self) {
        run_together(vec![self]).exit_if_failed();
    }

    /// Runs all cases and answers how each ended, in their order.
    pub(crate) fn report(&self) -> Vec<CaseReport> {
        let runtime = runtime();
        let reports = runtime.block_on(async {
            let mut running = JoinSet::new();
            let mut reports = Vec::with_capacity(self.cases.len());
            for (index, case) in self.cases.iter().enumerate() {
                if running.len() >= AT_ONCE {
                    reports.extend(running.join_next().await);
                }
                let (name, run, deadline) = (case.name, Arc::clone(&case.run), self.deadline);
                running.spawn(async move {
                    let verdict = judge(run(), deadline).await;
                    (index, CaseReport { name, verdict })
                });
            }
            reports.extend(running.join_all().await.into_iter().map(Ok));
            reports
        });
        runtime.shutdown_background();
        // `judge` catches what a case may throw, so none of these is an error.
        let mut reports: Vec<_> = reports.into_iter().flatten().collect();
        reports.sort_by_key(|(index, _)| *index);
        reports.into_iter().map(|(_, report)| report).collect()
    }
}

#[allow(clippy::expect_used, reason = "without threads there is nothing to report to")]
pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .expect("the operating system gives threads for a tokio runtime")
}

fn shut_down(runtime: Arc<Runtime>) {
    // A case past its deadline may hold a thread for ever; the process does not wait for it.
    if let Some(runtime) = Arc::into_inner(runtime) {
        runtime.shutdown_background();
    }
}

/// Runs a case in a task of its own, so that a panic or a wait without end is a failure of this case only.
async fn judge(case: BoxFuture<Result<(), Stop>>, deadline: Duration) -> Verdict {
    let mut task = tokio::spawn(case);
    match tokio::time::timeout(deadline, &mut task).await {
        Ok(Ok(Ok(()))) => Verdict::Passed,
        Ok(Ok(Err(Stop::Failed(why)))) => Verdict::Failed(why),
        Ok(Ok(Err(Stop::Unavailable(why)))) => Verdict::Ignored(why),
        Ok(Err(panicked)) => Verdict::Failed(panicked.to_string()),
        Err(_) => {
            task.abort();
            Verdict::Failed(format!("it did not finish within {} seconds", deadline.as_secs()))
        }
    }
}
