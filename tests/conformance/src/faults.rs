//! The fault half: what a store promises while its server is in trouble. A proxy stands between the two.

mod cases;
mod proxy;
mod subject;

use std::error::Error;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use session_core::store::Store;

use crate::failure::Outcome;
use crate::store::{Clock, Subject};
use crate::suite::{BoxFuture, Case, Suite, common_methods};
use crate::unavailable::Stop;
use proxy::Proxy;
use subject::Trouble;

type AnyError = Box<dyn Error + Send + Sync>;
type Find = dyn Fn() -> Result<String, AnyError> + Send + Sync;
type Connect = dyn Fn(SocketAddr) -> BoxFuture<Result<Arc<dyn Store>, AnyError>> + Send + Sync;

/// One promise.
#[derive(Clone, Copy)]
struct FaultCase {
    name: &'static str,
    run: fn(Trouble) -> BoxFuture<Outcome>,
}

macro_rules! cases {
    ($($case:ident),* $(,)?) => {
        &[$(FaultCase { name: stringify!($case), run: |it| Box::pin(cases::$case(it)) }),*]
    };
}

const CASES: &[FaultCase] = cases![
    while_the_server_refuses_every_verb_is_unavailable,
    while_the_server_is_silent_every_verb_is_unavailable_in_time,
    many_verbs_at_once_all_end_in_an_outage_and_the_store_recovers,
    a_server_that_falls_silent_between_two_verbs_costs_no_connection,
    an_answer_cut_in_the_middle_is_an_error_and_never_an_empty_session,
    a_lost_acknowledgement_leaves_the_old_or_the_new_state_and_no_wrong_answer,
    an_answer_that_comes_late_is_not_taken_for_anothers,
    a_slow_server_is_not_taken_for_a_dead_one,
    an_error_shows_no_key_and_no_value,
];

/// The cases for a store whose server is reached over a socket: an outage, a silence, answers that are cut, lost or late.
///
/// `server` says where the server is, as a host and a port. `connect` makes the store at another address: that of a proxy,
/// which passes everything on until a case makes trouble. It is called twice for each case and must give the same
/// namespace each time; cases work under random keys, and what they leave behind expires within half an hour.
///
/// ```no_run
/// # use session_conformance::{Unavailable, doc::MyStore};
/// fn main() {
///     let server = || std::env::var("MY_SERVER").map_err(|_| Unavailable::new("set MY_SERVER to run this"));
///     session_conformance::faults(server, |address| async move {
///         MyStore::connect(&format!("my://{address}")).await
///     })
///     .named("my")
///     .run();
/// }
/// ```
pub fn faults<L, R, F, Fut, S, E>(server: L, connect: F) -> FaultSuite
where
    L: Fn() -> Result<String, R> + Send + Sync + 'static,
    R: Into<AnyError>,
    F: Fn(SocketAddr) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<S, E>> + Send + 'static,
    S: Store,
    E: Into<AnyError>,
{
    let connect: Box<Connect> = Box::new(move |address| {
        let store = connect(address);
        Box::pin(
            async move { store.await.map(|store| Arc::new(store) as Arc<dyn Store>).map_err(Into::into) },
        )
    });
    FaultSuite {
        cases: CASES.to_vec(),
        terms: Terms {
            name: "store".to_owned(),
            server: Box::new(move || server().map_err(Into::into)),
            connect,
            expiry_precision: Duration::from_millis(1),
            clock: Clock::Argument,
            patience: Duration::from_secs(5),
        },
        deadline: Duration::from_secs(300),
    }
}

/// The fault cases for one store, and what is true of it. Made by [`faults`].
#[must_use = "a suite does nothing until it is run"]
pub struct FaultSuite {
    cases: Vec<FaultCase>,
    terms: Terms,
    deadline: Duration,
}

struct Terms {
    name: String,
    server: Box<Find>,
    connect: Box<Connect>,
    expiry_precision: Duration,
    clock: Clock,
    patience: Duration,
}

common_methods!(FaultSuite, terms.name, "five minutes");

impl FaultSuite {
    /// The finest difference in expiry that the store can hold. Without it, a millisecond.
    pub fn expiry_precision(mut self, precision: Duration) -> Self {
        self.terms.expiry_precision = precision;
        self
    }

    /// As [`StoreSuite::server_clock`](crate::StoreSuite::server_clock).
    pub fn server_clock(mut self) -> Self {
        self.terms.clock = Clock::Server;
        self
    }

    /// How long a verb may take until it says that the server does not answer. Without it, five seconds.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.terms.patience = patience;
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

async fn run(case: FaultCase, terms: Arc<Terms>) -> Result<(), Stop> {
    let it = trouble(&terms).await.map_err(|error| Stop::from_factory(error.as_ref(), &terms.name))?;
    (case.run)(it).await.map_err(|failure| Stop::Failed(failure.to_string()))
}

async fn trouble(terms: &Terms) -> Result<Trouble, AnyError> {
    let server = (terms.server)()?;
    let (proxy, fair) = (Proxy::to(server.clone()).await?, Proxy::to(server).await?);
    let truth = (terms.connect)(fair.address()).await?;
    let store = (terms.connect)(proxy.address()).await?;
    let subject = |store| Subject::alone(store, terms.expiry_precision, terms.clock);
    Ok(Trouble { it: subject(store), truth: subject(truth), proxy, _fair: fair, patience: terms.patience })
}
