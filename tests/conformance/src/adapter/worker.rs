//! A process that serves sites for a test in another one: the side of the process.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::io::{BufRead as _, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use session_core::store::Directory;
use tokio::sync::oneshot;

use super::host::{Ask, BoxError, Mount, Mounted, Place as _, Stores};
use super::processes::{Answered, Said, Told};
use super::site::Site;
use crate::script::gate;
use crate::suite::{BoxFuture, runtime};
use crate::unavailable::Stop;

/// Opens the store at a place that several processes share.
type Shared = dyn Fn(String) -> BoxFuture<Result<Arc<dyn Directory>, BoxError>> + Send + Sync;

/// A process that serves sites together with others, for a test that runs
/// [`pair_of_processes`](crate::pair_of_processes) and started it.
///
/// ```no_run
/// use std::sync::Arc;
/// use session_conformance::{Site, Worker};
/// # use session_conformance::doc::MyStore;
///
/// async fn mount(site: Site) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
///     // Serves the routes, as for a suite in one process.
///     site.stopped().await;
///     Ok(())
/// }
///
/// let open = |place: String| async move { MyStore::connect(&format!("my://server/{place}")).await };
/// Worker::new().serves("mine+my", mount, open).run();
/// ```
#[derive(Default)]
#[must_use = "it serves nothing until it is run"]
pub struct Worker {
    subjects: HashMap<String, (Arc<Mount>, Arc<Shared>)>,
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("subjects", &self.subjects.keys()).finish()
    }
}

impl Worker {
    /// One that serves nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Serves this subject: an adapter's mount, and a store that is opened at a place. The processes that are given the same
    /// place share what is stored; a place that was not used before is empty.
    pub fn serves<F, Fut, G, Made, S, E>(mut self, subject: impl Into<String>, mount: F, open: G) -> Self
    where
        F: Fn(Site) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Box<dyn Error + Send + Sync>>> + Send + 'static,
        G: Fn(String) -> Made + Send + Sync + 'static,
        Made: Future<Output = Result<S, E>> + Send + 'static,
        S: Directory,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let mount: Arc<Mount> = Arc::new(move |site| Box::pin(mount(site)));
        let open: Arc<Shared> = Arc::new(move |place| {
            let store = open(place);
            Box::pin(async move { Ok(Arc::new(store.await.map_err(Into::into)?) as Arc<dyn Directory>) })
        });
        self.subjects.insert(subject.into(), (mount, open));
        self
    }

    /// Serves until the test's process closes the standard input.
    ///
    /// # Panics
    ///
    /// If it is called within a tokio runtime: it makes one of its own.
    pub fn run(self) {
        let runtime = runtime();
        let _entered = runtime.enter();
        let gates = Arc::new(Gates::default());
        gate::are_elsewhere(Box::new(Arc::clone(&gates)));
        let mut sites: HashMap<u64, Arc<Mounted>> = HashMap::new();
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let Ok(told) = serde_json::from_str(&line) else { continue };
            match told {
                Told::Passed { ticket } => gates.passed(ticket),
                Told::Asked { id, subject, place, site, ask } => {
                    let host = match ask {
                        Ask::Hello => self.mounted(&subject, place),
                        Ask::Open { .. } => self
                            .mounted(&subject, place)
                            .inspect(|host| drop(sites.insert(site, Arc::clone(host)))),
                        Ask::Close { .. } => sites.remove(&site),
                        _ => sites.get(&site).cloned(),
                    };
                    runtime.spawn(answer(id, host, site, ask));
                }
            }
        }
        runtime.shutdown_background();
    }

    fn mounted(&self, subject: &str, place: String) -> Option<Arc<Mounted>> {
        let (mount, open) = self.subjects.get(subject)?;
        let open = Arc::clone(open);
        let stores: Arc<Stores> = Arc::new(move || open(place.clone()));
        Some(Arc::new(Mounted::new(Arc::clone(mount), stores)))
    }
}

async fn answer(id: u64, host: Option<Arc<Mounted>>, site: u64, ask: Ask) {
    let answered = match (host, ask) {
        (None, _) => Err("this process serves no such subject or site".into()),
        (Some(host), Ask::Open { options, now }) => host.open_as(site, &options, now).await,
        (Some(host), ask) => host.ask(ask).await,
    };
    let answer = match answered {
        Ok(value) => Answered::Done(value),
        Err(error) => match Stop::from_factory(error.as_ref(), "") {
            Stop::Unavailable(why) => Answered::Unavailable(why),
            Stop::Failed(_) => Answered::Failed(error.to_string()),
        },
    };
    say(&Said::Answered { id, answer });
}

fn say(line: &Said) {
    let Ok(mut text) = serde_json::to_vec(line) else { return };
    text.push(b'\n');
    let mut stdout = std::io::stdout().lock();
    // Nobody listens any more when the test is over.
    let _heard = stdout.write_all(&text).and_then(|()| stdout.flush());
}

/// The gates of the test's process.
#[derive(Default)]
struct Gates {
    tickets: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<()>>>,
}

impl Gates {
    fn passed(&self, ticket: u64) {
        if let Some(waiting) = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&ticket) {
            // The request may have been given up meanwhile.
            let _goes_on = waiting.send(());
        }
    }
}

impl gate::Elsewhere for Arc<Gates> {
    fn pass(&self, name: &str) -> BoxFuture<()> {
        let ticket = self.tickets.fetch_add(1, Ordering::Relaxed);
        let (sender, passed) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(ticket, sender);
        say(&Said::Waits { ticket, gate: name.to_owned() });
        Box::pin(async move {
            // The gates are never taken down while this process serves.
            let _passed = passed.await;
        })
    }

    fn leave(&self, name: &str, report: Value) {
        say(&Said::Left { gate: name.to_owned(), report });
    }
}
