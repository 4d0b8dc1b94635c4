//! Where sites are opened: in this process, by the mount under test; or by a judge, which is told the same in JSON.

use std::collections::{BTreeSet, HashMap};
use std::error::Error;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use session_core::SessionId;
use session_core::store::Directory;
use session_driver::{Clock as _, ManualClock, Sessions};
use time::OffsetDateTime;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::options::Options;
use super::probe::{Calls, Handle, Probe, Verb};
use super::site::Site;
use crate::script::gate;
use crate::suite::BoxFuture;

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// An implementation that is not in this process: it opens sites and plays scripts as the mounts do.
///
/// It is asked in JSON, one object with one member a question, and answers in JSON; `tests/oracle` in this project's
/// repository has one in JavaScript and describes the questions.
pub trait Host: Send + Sync + 'static {
    /// Answers a question.
    fn ask(&self, question: Value) -> BoxFuture<Result<Value, BoxError>>;
}

impl<H: Host> Host for Arc<H> {
    fn ask(&self, question: Value) -> BoxFuture<Result<Value, BoxError>> {
        self.as_ref().ask(question)
    }
}

/// What the suite asks of a host.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ask {
    /// Whether it is there.
    Hello,
    /// Opens a site, at a time; answers its number and its port.
    Open {
        options: Box<Options>,
        now: i64,
    },
    Close {
        site: u64,
    },
    /// Sets the site's clock, in milliseconds since the epoch.
    Clock {
        site: u64,
        now: i64,
    },
    /// Answers [`Calls`], and begins to count anew.
    Calls {
        site: u64,
    },
    Fail {
        site: u64,
        verbs: BTreeSet<Verb>,
    },
    ReadOnly {
        site: u64,
        on: bool,
    },
    Hold {
        site: u64,
        verb: Verb,
    },
    Held {
        site: u64,
        count: u32,
    },
    Release {
        site: u64,
    },
    Records {
        site: u64,
    },
    Plant {
        site: u64,
        key: String,
        payload: String,
    },
    Forget {
        site: u64,
    },
    Arrived {
        gate: String,
        count: u32,
    },
    Leave {
        gate: String,
        count: usize,
    },
    Report {
        gate: String,
    },
}

/// Who answers.
pub(crate) trait Place: Send + Sync {
    fn ask(&self, ask: Ask) -> BoxFuture<Result<Value, BoxError>>;
}

/// A host elsewhere.
pub(crate) struct Remote(pub(crate) Arc<dyn Host>);

impl Place for Remote {
    fn ask(&self, ask: Ask) -> BoxFuture<Result<Value, BoxError>> {
        let question = serde_json::to_value(ask);
        let host = Arc::clone(&self.0);
        Box::pin(async move { host.ask(question?).await })
    }
}

/// Serves a site until it is stopped.
pub(crate) type Mount = dyn Fn(Site) -> BoxFuture<Result<(), BoxError>> + Send + Sync;

/// Gives an empty store, for one site.
pub(crate) type Stores = dyn Fn() -> BoxFuture<Result<Arc<dyn Directory>, BoxError>> + Send + Sync;

/// A host in this process: the mount under test.
pub(crate) struct Mounted {
    mount: Arc<Mount>,
    stores: Arc<Stores>,
    sites: Arc<Mutex<HashMap<u64, Arc<Running>>>>,
}

struct Running {
    clock: ManualClock,
    probe: Arc<Probe>,
    stop: watch::Sender<bool>,
}

/// Numbers are given out once in a process, so that gates of different suites are told apart.
static SITES: AtomicU64 = AtomicU64::new(1);

pub(crate) fn next_number() -> u64 {
    SITES.fetch_add(1, Ordering::Relaxed)
}

impl Mounted {
    pub(crate) fn new(mount: Arc<Mount>, stores: Arc<Stores>) -> Self {
        Self { mount, stores, sites: Arc::default() }
    }

    fn sites(&self) -> MutexGuard<'_, HashMap<u64, Arc<Running>>> {
        self.sites.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running(&self, site: u64) -> Result<Arc<Running>, BoxError> {
        self.sites().get(&site).cloned().ok_or_else(|| "there is no such site".into())
    }

    fn open(&self, options: &Options, now: i64) -> BoxFuture<Result<Value, BoxError>> {
        self.open_as(next_number(), options, now)
    }

    /// Opens a site that the asker has given a number.
    pub(crate) fn open_as(
        &self,
        number: u64,
        options: &Options,
        now: i64,
    ) -> BoxFuture<Result<Value, BoxError>> {
        let (mount, stores, sites) =
            (Arc::clone(&self.mount), Arc::clone(&self.stores), Arc::clone(&self.sites));
        let options = options.clone();
        Box::pin(async move {
            let clock = ManualClock::at(from_millis(now));
            let probe = Arc::new(Probe::new(stores().await?));
            let sessions = |policy| sessions(policy, &probe, &clock, &options);
            let (site, strings) =
                Site::new(number, sessions(options.policy()?), sessions(options.second_policy()?))?;
            let running = Running { clock: clock.clone(), probe: Arc::clone(&probe), stop: strings.stop };
            sites.lock().unwrap_or_else(PoisonError::into_inner).insert(number, Arc::new(running));
            let mut server = tokio::spawn(mount(site));
            let address = tokio::select! {
                address = listening(strings.address) => address?,
                ended = &mut server => return Err(match ended {
                    Ok(Ok(())) => "the mount ended before the case did".into(),
                    Ok(Err(error)) => format!("the mount failed: {error}").into(),
                    Err(panicked) => format!("the mount panicked: {panicked}").into(),
                }),
            };
            Ok(json!({ "site": number, "port": address.port() }))
        })
    }
}

fn sessions(
    policy: session_core::Policy,
    probe: &Arc<Probe>,
    clock: &ManualClock,
    options: &Options,
) -> Sessions {
    let builder = Sessions::builder(policy, Handle(Arc::clone(probe)));
    let mut builder = builder.clock(clock.clone()).deadline(options.deadline).on_outage(options.on_outage);
    if let Some(page) = options.login_page {
        builder = builder.login_page(page);
    }
    if options.is_by_request() {
        builder = builder.genid_by_request(|request| {
            let host = request.host().unwrap_or_default();
            let label = host.split('.').next().unwrap_or_default().to_owned();
            move || SessionId::new(&format!("{label}-{:032x}", SITES.fetch_add(1, Ordering::Relaxed)))
        });
    }
    if options.first_ids().is_empty() {
        return builder.build();
    }
    let ids = Mutex::new(options.first_ids().to_vec().into_iter());
    let next = move || {
        let given = ids.lock().unwrap_or_else(PoisonError::into_inner).next();
        SessionId::new(&given.unwrap_or_else(|| format!("{:032x}", SITES.fetch_add(1, Ordering::Relaxed))))
    };
    builder.genid(next).build()
}

/// How long a server may take to begin.
const PATIENCE: Duration = Duration::from_secs(20);

/// The address of a server, once it can be reached.
async fn listening(mut address: watch::Receiver<Option<SocketAddr>>) -> Result<SocketAddr, BoxError> {
    let reach = async {
        let address = address.wait_for(Option::is_some).await?.ok_or("no address")?;
        while TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(address)
    };
    tokio::time::timeout(PATIENCE, reach)
        .await
        .map_err(|_| "the mount did not listen at the site's listener or address")?
}

impl Place for Mounted {
    fn ask(&self, ask: Ask) -> BoxFuture<Result<Value, BoxError>> {
        let running = |site| self.running(site);
        match ask {
            // Without a store nothing can be said of the adapter.
            Ask::Hello => {
                let store = (self.stores)();
                Box::pin(async move { store.await.map(|_| Value::Null) })
            }
            Ask::Open { options, now } => self.open(&options, now),
            Ask::Close { site } => {
                gate::forget(&format!("{site}/"));
                answer(match self.sites().remove(&site) {
                    Some(running) => running.stop.send(true).map_err(Into::into),
                    None => Ok(()),
                })
            }
            Ask::Clock { site, now } => answer(running(site).map(|site| site.clock.set(from_millis(now)))),
            Ask::Calls { site } => {
                let calls = running(site).map(|site| site.probe.take_calls());
                let json = |Calls { read, write, touch, destroy }| json!({ "read": read, "write": write, "touch": touch, "destroy": destroy });
                Box::pin(std::future::ready(calls.map(json)))
            }
            Ask::Fail { site, verbs } => answer(running(site).map(|site| site.probe.fail(verbs))),
            Ask::ReadOnly { site, on } => answer(running(site).map(|site| site.probe.set_read_only(on))),
            Ask::Hold { site, verb } => answer(running(site).map(|site| site.probe.hold(verb))),
            Ask::Release { site } => answer(running(site).map(|site| site.probe.release())),
            Ask::Held { site, count } => on(running(site), move |site| async move {
                site.probe.held(count).await;
                Ok(Value::Null)
            }),
            Ask::Records { site } => {
                on(running(site), move |site| async move { Ok(site.probe.records(site.clock.now()).await?) })
            }
            Ask::Plant { site, key, payload } => on(running(site), move |site| async move {
                let now = site.clock.now();
                site.probe.plant(&key, &payload, now + Duration::from_secs(600), now).await?;
                Ok(Value::Null)
            }),
            Ask::Forget { site } => on(running(site), move |site| async move {
                site.probe.forget().await?;
                Ok(Value::Null)
            }),
            Ask::Arrived { gate, count } => Box::pin(async move {
                gate::named(&gate).arrived(count).await;
                Ok(Value::Null)
            }),
            Ask::Leave { gate, count } => {
                gate::named(&gate).open(count);
                answer(Ok(()))
            }
            Ask::Report { gate } => Box::pin(async move { Ok(gate::named(&gate).report().await) }),
        }
    }
}

fn answer(done: Result<(), BoxError>) -> BoxFuture<Result<Value, BoxError>> {
    Box::pin(std::future::ready(done.map(|()| Value::Null)))
}

fn on<F, Fut>(site: Result<Arc<Running>, BoxError>, act: F) -> BoxFuture<Result<Value, BoxError>>
where
    F: FnOnce(Arc<Running>) -> Fut + Send + 'static,
    Fut: Future<Output = Result<Value, BoxError>> + Send + 'static,
{
    Box::pin(async move { act(site?).await })
}

fn from_millis(ms: i64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + time::Duration::milliseconds(ms)
}
