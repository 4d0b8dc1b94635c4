//! How the store reaches its servers: one server, the primary that sentinels name, or the nodes of a cluster.

pub(crate) mod cluster;
pub(crate) mod confirm;
pub(crate) mod door;
pub(crate) mod sentinel;
pub(crate) mod single;
pub(crate) mod slots;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use redis::aio::{ConnectionManager, MultiplexedConnection};
use redis::{ErrorKind, RedisResult, ServerErrorKind, Value};
use session_core::store::{StoreError, StoreErrorKind};
use tokio::task::JoinSet;

use crate::script::Call;
use crate::script::failed::Failed;
use cluster::Cluster;
use confirm::Lane;
use door::{Door, Place};
use sentinel::Sentinel;
use single::Single;

/// A command whose caller has gone after so long was waiting for a server in trouble.
const SUSPICIOUS: Duration = Duration::from_millis(100);

/// A connection to what turns out to be a replica is kept for so long, lest one is made for each write.
const REPLICA_LASTS: Duration = Duration::from_secs(1);

pub(crate) enum Link {
    /// A connection that the application has made.
    Given(ConnectionManager),
    Single(Single),
    Sentinel(Sentinel),
    Cluster(Cluster),
}

impl Link {
    /// Carries a call out where its key lies. Over a connection that turns out to be closed, what only reads, and what was
    /// certainly not sent, is tried once more; nothing else is sent twice, unless the server said that it did not do it.
    pub(crate) async fn send(&self, call: &Call, lane: &Lane) -> Result<Value, StoreError> {
        match self {
            Self::Given(manager) => {
                // It makes its connection anew by itself, when it has failed once.
                let answer = match call.carry_out(&mut manager.clone(), false).await {
                    Err(failed) if failed.may_be_tried_again(call) => {
                        call.carry_out(&mut manager.clone(), false).await
                    }
                    answer => answer,
                };
                answer.map_err(only_server)
            }
            Self::Single(single) => single.send(call, lane).await.map_err(only_server),
            Self::Sentinel(sentinel) => sentinel.send(call, lane).await,
            Self::Cluster(cluster) => cluster.send(call, lane).await,
        }
    }

    /// Carries a call out on one of the [`primaries`](Self::primaries), whatever its key.
    pub(crate) async fn send_to(&self, place: &Place, call: &Call) -> Result<Value, StoreError> {
        match self {
            Self::Given(_) | Self::Single(_) | Self::Sentinel(_) => self.send(call, &Lane::default()).await,
            Self::Cluster(cluster) => cluster.send_to(place, call).await,
        }
    }

    /// All servers that hold keys of their own. The only one has no name.
    pub(crate) async fn primaries(&self) -> Result<Vec<Place>, StoreError> {
        match self {
            Self::Given(_) | Self::Single(_) | Self::Sentinel(_) => Ok(vec![Place::default()]),
            Self::Cluster(cluster) => cluster.primaries().await,
        }
    }

    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }

    /// Whether it can open connections beside the one that all verbs share.
    pub(crate) fn has_lanes(&self) -> bool {
        !matches!(self, Self::Given(_))
    }
}

/// The error of a server that is thought to be the only one.
fn only_server(failed: Failed) -> StoreError {
    match failed.error.kind() {
        ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::Ask | ServerErrorKind::CrossSlot) => {
            StoreError::refused("the server is part of a cluster; use `connect_cluster`")
        }
        _ => failed.into(),
    }
}

/// Lets one connect at a time. Who comes while one tries waits; if several wait and the next attempt fails as well, it has
/// failed for all of them: a server that is down, or just back, is not asked once for each verb that waits for it.
pub(crate) struct OneAtATime<E>(tokio::sync::Mutex<Option<(Instant, E)>>);

impl<E> Default for OneAtATime<E> {
    fn default() -> Self {
        Self(tokio::sync::Mutex::new(None))
    }
}

impl<E: Clone> OneAtATime<E> {
    /// `connect` must leave behind what `known` finds.
    pub(crate) async fn connect(
        &self,
        known: impl Fn() -> Option<Arc<Live>>,
        connect: impl Future<Output = Result<Arc<Live>, E>>,
    ) -> Result<Arc<Live>, E> {
        if let Some(live) = known() {
            return Ok(live);
        }
        let came = Instant::now();
        let mut failure = self.0.lock().await;
        if let Some(live) = known() {
            return Ok(live);
        }
        match &*failure {
            Some((begun, error)) if *begun >= came => return Err(error.clone()),
            _ => {}
        }
        let begun = Instant::now();
        let connected = connect.await;
        *failure = connected.as_ref().err().map(|error| (begun, error.clone()));
        connected
    }
}

/// A connection to one server, until something speaks against it.
pub(crate) struct Live {
    door: Door,
    connection: MultiplexedConnection,
    opened: Instant,
    doubted: AtomicBool,
}

impl Live {
    pub(crate) async fn open(door: Door) -> RedisResult<Arc<Self>> {
        let connection = door.open().await?;
        Ok(Arc::new(Self { door, connection, opened: Instant::now(), doubted: AtomicBool::new(false) }))
    }

    /// Whether the server may be gone, silent, or not what it was.
    pub(crate) fn is_doubted(&self) -> bool {
        self.doubted.load(Ordering::Relaxed)
    }

    pub(crate) async fn ask(&self, call: &Call, asking: bool, lane: &Lane) -> Result<Value, Failed> {
        let watch = Watch { doubted: &self.doubted, begun: Instant::now(), over: false };
        let answer = if lane.is_own() {
            match lane.connection(&self.door).await {
                Ok(mut own) => call.carry_out(&mut own, asking).await,
                Err(error) => Err(Failed::unsent(error)),
            }
        } else {
            call.carry_out(&mut self.connection.clone(), asking).await
        };
        watch.over();
        if let Err(failed) = &answer {
            if lane.is_own() && failed.error.is_connection_dropped() {
                lane.forget(&self.door).await;
            }
            if self.is_suspicious(failed) {
                self.doubted.store(true, Ordering::Relaxed);
            }
        }
        answer
    }

    /// Whether a call that failed here may be tried once more, over another connection.
    pub(crate) fn lets_try_again(&self, call: &Call, failed: &Failed) -> bool {
        failed.may_be_tried_again(call) || failed.is_of_a_replica() && self.is_doubted()
    }

    /// Whether a failure says that this is not the server to ask, or not any more.
    fn is_suspicious(&self, failed: &Failed) -> bool {
        use ServerErrorKind::{BusyLoading, ClusterDown, MasterDown};
        match failed.error.kind() {
            _ if failed.is_of_a_replica() => self.opened.elapsed() > REPLICA_LASTS,
            ErrorKind::Io | ErrorKind::Parse => true,
            ErrorKind::Server(kind) => matches!(kind, MasterDown | ClusterDown | BusyLoading),
            _ => false,
        }
    }
}

/// Notices that a caller has given up waiting: callers have deadlines of their own, and just drop the future.
struct Watch<'a> {
    doubted: &'a AtomicBool,
    begun: Instant,
    over: bool,
}

impl Watch<'_> {
    fn over(mut self) {
        self.over = true;
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if !self.over && self.begun.elapsed() > SUSPICIOUS {
            self.doubted.store(true, Ordering::Relaxed);
        }
    }
}

/// The first good answer of several that are asked at the same time; the last error if there is none.
pub(crate) async fn first<T: Send + 'static>(
    asked: impl Iterator<Item = impl Future<Output = Result<T, StoreError>> + Send + 'static>,
) -> Result<T, StoreError> {
    let mut asked: JoinSet<_> = asked.collect();
    let mut last = StoreError::unavailable("there is no server to ask");
    while let Some(answer) = asked.join_next().await {
        match answer {
            Ok(Ok(answer)) => return Ok(answer),
            // A refusal has a reason that the application can do something about.
            Ok(Err(error)) if last.kind() != StoreErrorKind::Refused => last = error,
            Ok(Err(_)) | Err(_) => {}
        }
    }
    Err(last)
}
