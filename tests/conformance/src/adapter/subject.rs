//! What a case gets: servers to open, with a clock, a store and gates that it holds in its hands; and who is looked at.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use time::OffsetDateTime;
use time::macros::datetime;

use super::client::wire::Connection;
use super::client::{Browser, HOST, Request};
use super::difference::{Difference, Side};
use super::host::{Ask, Place};
use super::options::{Options, millis};
use super::probe::{Calls, Verb};
use crate::failure::{Failure, Outcome};
use crate::script::step::Step;

/// When every case begins.
pub(crate) const BEGIN: OffsetDateTime = datetime!(2030-01-01 0:00 UTC);

/// How long a case waits for something to happen in a server before it says that it does not.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a case gets.
#[derive(Clone)]
pub(crate) struct Subject {
    place: Arc<dyn Place>,
    side: Side,
    differences: &'static [Difference],
}

/// A server that a case has opened. Clones are the same; when the last is dropped, it stops.
#[derive(Clone)]
pub(crate) struct Server(Arc<Inner>);

struct Inner {
    place: Arc<dyn Place>,
    number: u64,
    /// One for each process that serves the site; connections go to them in turn.
    addresses: Vec<SocketAddr>,
    connections: AtomicUsize,
    now: Mutex<OffsetDateTime>,
    cookie_name: String,
}

/// A record of a server's store.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) key: String,
    /// As it is stored.
    pub(crate) text: String,
    pub(crate) payload: Value,
    /// When it ends.
    pub(crate) expires: Option<OffsetDateTime>,
}

impl Subject {
    pub(super) fn new(place: Arc<dyn Place>, side: Side, differences: &'static [Difference]) -> Self {
        Self { place, side, differences }
    }

    /// Opens a server.
    #[track_caller]
    pub(crate) fn site(&self, options: Options) -> impl Future<Output = Outcome<Server>> + Send + use<> {
        let place = Arc::clone(&self.place);
        let at = std::panic::Location::caller();
        async move {
            let policy = options.policy().map_err(|error| Failure::new(error.to_string()))?;
            let cookie_name = policy.cookie_name().to_owned();
            let open = Ask::Open { options: Box::new(options), now: millis(BEGIN) };
            let opened = place.ask(open).await.map_err(|error| Failure::located(error.to_string(), at))?;
            let address = |port: &Value| {
                let port = u16::try_from(port.as_u64()?).ok()?;
                Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
            };
            let addresses = match opened["ports"].as_array() {
                Some(ports) => ports.iter().map(address).collect(),
                None => address(&opened["port"]).map(|address| vec![address]),
            };
            let (Some(number), Some(addresses)) = (opened["site"].as_u64(), addresses) else {
                return Err(Failure::new("the host did not say where the site is"));
            };
            let connections = AtomicUsize::new(0);
            let now = Mutex::new(BEGIN);
            Ok(Server(Arc::new(Inner { place, number, addresses, connections, now, cookie_name })))
        }
    }

    /// Opens a server, and a browser for it.
    #[track_caller]
    pub(crate) fn browser(
        &self,
        options: Options,
    ) -> impl Future<Output = Outcome<(Server, Browser)>> + Send + use<> {
        let site = self.site(options);
        async move {
            let site = site.await?;
            let browser = site.browser();
            Ok((site, browser))
        }
    }

    /// Opens a server, and a browser for it that has begun a session with these steps. It is stored, and the browser has its
    /// cookie, so that a case about its end is about something.
    #[track_caller]
    pub(crate) fn begun(
        &self,
        options: Options,
        steps: impl IntoIterator<Item = Step>,
    ) -> impl Future<Output = Outcome<(Server, Browser)>> + Send {
        let at = std::panic::Location::caller();
        let opened = self.browser(options);
        let steps: Vec<Step> = steps.into_iter().collect();
        async move {
            let (site, browser) = opened.await?;
            browser.play(steps).await?;
            if site.records().await?.len() != 1 || browser.session_cookie().is_none() {
                return Err(Failure::located("the session that the case is about was not begun", at));
            }
            Ok((site, browser))
        }
    }

    /// Who is looked at, in a matter in which the two differ on purpose.
    ///
    /// # Panics
    ///
    /// If the case's line in the table does not name the difference.
    #[allow(clippy::panic, reason = "a mistake in the suite itself")]
    pub(crate) fn on_purpose(&self, difference: Difference) -> Side {
        if !self.differences.contains(&difference) {
            panic!("the case says nothing of `{difference:?}` in its line in the table");
        }
        self.side
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let close = self.place.ask(Ask::Close { site: self.number });
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(close);
        }
    }
}

impl Server {
    pub(crate) fn browser(&self) -> Browser {
        Browser::new(self.clone())
    }

    pub(crate) async fn connect(&self) -> Outcome<Connection> {
        let turn = self.0.connections.fetch_add(1, Ordering::Relaxed) % self.0.addresses.len().max(1);
        let address = self.0.addresses.get(turn).ok_or_else(|| Failure::new("nobody serves the site"))?;
        Connection::open(*address).await
    }

    /// The name of the session's cookie.
    pub(crate) fn cookie_name(&self) -> &str {
        &self.0.cookie_name
    }

    /// A `Cookie` header with this value for the session's cookie.
    pub(crate) fn cookie_of(&self, value: &str) -> String {
        format!("{}={value}", self.0.cookie_name)
    }

    pub(crate) fn now(&self) -> OffsetDateTime {
        *self.0.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the clock of the server and of its browsers.
    pub(crate) async fn wait(&self, time: Duration) -> Outcome {
        self.set(self.now() + time).await
    }

    /// Sets the clock back, as an administrator might.
    pub(crate) async fn set_back(&self, time: Duration) -> Outcome {
        self.set(self.now() - time).await
    }

    async fn set(&self, now: OffsetDateTime) -> Outcome {
        *self.0.now.lock().unwrap_or_else(PoisonError::into_inner) = now;
        self.ask(Ask::Clock { site: self.0.number, now: millis(now) }).await.map(drop)
    }

    async fn ask(&self, ask: Ask) -> Outcome<Value> {
        let what = format!("{ask:?}");
        let answer = tokio::time::timeout(PATIENCE, self.0.place.ask(ask)).await;
        answer
            .map_err(|_| Failure::new(format!("this did not happen: {what}")))?
            .map_err(|error| Failure::new(error.to_string()))
    }

    /// What the store was asked since this was last asked.
    pub(crate) async fn calls(&self) -> Outcome<Calls> {
        let calls = self.ask(Ask::Calls { site: self.0.number }).await?;
        serde_json::from_value(calls).map_err(|error| Failure::new(error.to_string()))
    }

    /// From now on the store fails at these, and at no others.
    pub(crate) async fn fail(&self, verbs: &[Verb]) -> Outcome {
        let verbs = BTreeSet::from_iter(verbs.iter().copied());
        self.ask(Ask::Fail { site: self.0.number, verbs }).await.map(drop)
    }

    /// From now on the store takes no writes, or takes them again.
    pub(crate) async fn read_only(&self, on: bool) -> Outcome {
        self.ask(Ask::ReadOnly { site: self.0.number, on }).await.map(drop)
    }

    /// From now on the store's calls of this verb wait.
    pub(crate) async fn hold(&self, verb: Verb) -> Outcome {
        self.ask(Ask::Hold { site: self.0.number, verb }).await.map(drop)
    }

    /// Waits until so many more calls wait in the store.
    pub(crate) async fn held(&self, count: u32) -> Outcome {
        self.ask(Ask::Held { site: self.0.number, count }).await.map(drop)
    }

    /// Lets the calls that wait go on, and all later ones.
    pub(crate) async fn release(&self) -> Outcome {
        self.ask(Ask::Release { site: self.0.number }).await.map(drop)
    }

    /// What the store holds that has not expired.
    pub(crate) async fn records(&self) -> Outcome<Vec<Kept>> {
        let records = self.ask(Ask::Records { site: self.0.number }).await?;
        let kept = |record: &Value| {
            let text = record["payload"].as_str()?.to_owned();
            Some(Kept {
                key: record["key"].as_str()?.to_owned(),
                payload: serde_json::from_str(&text).unwrap_or_default(),
                text,
                expires: record["expires"]
                    .as_i64()
                    .map(|ms| OffsetDateTime::UNIX_EPOCH + time::Duration::milliseconds(ms)),
            })
        };
        let records = records.as_array().map(|all| all.iter().map(kept).collect::<Option<_>>());
        records.flatten().ok_or_else(|| Failure::new("the host's records are none"))
    }

    /// The only record there is.
    pub(crate) async fn record(&self) -> Outcome<Kept> {
        let mut records = self.records().await?;
        match (records.pop(), records.len()) {
            (Some(record), 0) => Ok(record),
            (_, more) => {
                Err(Failure::new(format!("there should be one record, and one is not among {more} others")))
            }
        }
    }

    /// Puts a record in that no request made; it lives for ten minutes.
    pub(crate) async fn plant(&self, key: &str, payload: &str) -> Outcome {
        let (site, key, payload) = (self.0.number, key.to_owned(), payload.to_owned());
        self.ask(Ask::Plant { site, key, payload }).await.map(drop)
    }

    /// Removes all records, as somebody with access to the store might.
    pub(crate) async fn forget(&self) -> Outcome {
        self.ask(Ask::Forget { site: self.0.number }).await.map(drop)
    }

    /// A place where requests wait for the test.
    pub(crate) fn gate(&self, name: &str) -> Gate {
        Gate { server: self.clone(), name: format!("{}/{name}", self.0.number) }
    }

    /// A request as it stands, for the default host, without a browser's cookies.
    pub(crate) async fn with_cookie(
        &self,
        cookie: impl AsRef<[u8]>,
        steps: impl IntoIterator<Item = Step>,
    ) -> Outcome<super::client::Page> {
        self.browser().send(Request::get("/play").host(HOST).cookie(cookie).steps(steps)).await?.expect(200)
    }
}

/// A place in scripts where requests wait until the test lets them go on.
#[derive(Clone)]
pub(crate) struct Gate {
    server: Server,
    name: String,
}

impl Gate {
    /// The step that waits here.
    pub(crate) fn pause(&self) -> Step {
        Step::Pause(self.name.clone())
    }

    /// The step that keeps a handle past the response, and plays these on it once this opens.
    pub(crate) fn keep(&self, steps: impl IntoIterator<Item = Step>) -> Step {
        Step::Keep(self.name.clone(), steps.into_iter().collect())
    }

    /// Waits until so many more have come here.
    pub(crate) async fn arrived(&self, count: u32) -> Outcome {
        self.server.ask(Ask::Arrived { gate: self.name.clone(), count }).await.map(drop)
    }

    /// Lets so many go on.
    pub(crate) async fn open(&self, count: usize) -> Outcome {
        self.server.ask(Ask::Leave { gate: self.name.clone(), count }).await.map(drop)
    }

    /// What the steps of a handle that was kept have seen.
    pub(crate) async fn report(&self) -> Outcome<Value> {
        self.server.ask(Ask::Report { gate: self.name.clone() }).await
    }
}
