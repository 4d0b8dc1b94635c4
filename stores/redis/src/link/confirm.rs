//! Waiting until replicas have a change too, on connections beside the shared one.
//!
//! `WAIT` speaks of what was written before it *on its connection*, and holds that connection up meanwhile. So a verb
//! whose writes are to be confirmed makes them on connections of its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{RedisResult, Value};
use session_core::store::StoreError;
use tokio::task::JoinSet;

use crate::error::{store_error, unexpected};
use crate::link::door::{Door, Place};

/// A connection that was idle for longer is tried before it is used.
const FRESH: Duration = Duration::from_millis(100);

/// Idle connections that are kept for one server.
const KEPT: usize = 16;

/// How many replicas must have a change, and how long they are waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) replicas: u32,
    pub(crate) within: Duration,
}

/// The connections on which changes are confirmed.
pub(crate) struct Lanes {
    wanted: Wanted,
    idle: Mutex<BTreeMap<Place, Vec<(MultiplexedConnection, Instant)>>>,
}

impl Lanes {
    pub(crate) fn new(wanted: Wanted) -> Arc<Self> {
        Arc::new(Self { wanted, idle: Mutex::default() })
    }

    /// The connections of one verb.
    pub(crate) fn lane(self: &Arc<Self>) -> Lane {
        Lane(Some(Arc::new(Own { lanes: Arc::clone(self), taken: tokio::sync::Mutex::default() })))
    }

    async fn take(&self, place: &Place) -> Option<MultiplexedConnection> {
        loop {
            let idle =
                self.idle.lock().unwrap_or_else(PoisonError::into_inner).get_mut(place).and_then(Vec::pop);
            let (mut connection, since) = idle?;
            // It may have been closed meanwhile, and a logout should not fail because of that.
            let sound = since.elapsed() < FRESH
                || redis::cmd("PING").query_async::<Value>(&mut connection).await.is_ok();
            if sound {
                return Some(connection);
            }
        }
    }

    fn give_back(&self, place: Place, connection: MultiplexedConnection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = idle.entry(place).or_default();
        if idle.len() < KEPT {
            idle.push((connection, Instant::now()));
        }
    }
}

/// The connections that a verb's writes go over: the shared ones, unless they are to be confirmed.
#[derive(Clone, Default)]
pub(crate) struct Lane(Option<Arc<Own>>);

struct Own {
    lanes: Arc<Lanes>,
    taken: tokio::sync::Mutex<BTreeMap<Place, MultiplexedConnection>>,
}

impl Lane {
    pub(crate) fn is_own(&self) -> bool {
        self.0.is_some()
    }

    /// This verb's own connection to a server.
    pub(crate) async fn connection(&self, door: &Door) -> RedisResult<MultiplexedConnection> {
        let Some(own) = &self.0 else { return door.open().await };
        // A Unix socket has no place, and there is only one.
        let place = door.place().unwrap_or_default();
        let mut taken = own.taken.lock().await;
        if let Some(connection) = taken.get(&place) {
            return Ok(connection.clone());
        }
        let connection = match own.lanes.take(&place).await {
            Some(connection) => connection,
            None => door.open().await?,
        };
        taken.insert(place, connection.clone());
        Ok(connection)
    }

    /// Forgets the connection to a server, which was closed.
    pub(crate) async fn forget(&self, door: &Door) {
        if let Some(own) = &self.0 {
            own.taken.lock().await.remove(&door.place().unwrap_or_default());
        }
    }

    /// Waits until as many replicas as are wanted have what was written over this lane, on each server it was written to.
    pub(crate) async fn confirm(self) -> Result<(), StoreError> {
        let Some(own) = self.0 else { return Ok(()) };
        let Wanted { replicas, within } = own.lanes.wanted;
        let taken = std::mem::take(&mut *own.taken.lock().await);
        let mut waiting: JoinSet<_> = taken
            .into_iter()
            .map(|(place, connection)| {
                let (lanes, mut waiting) = (Arc::clone(&own.lanes), connection.clone());
                async move {
                    waiting.set_response_timeout(within + Duration::from_secs(1));
                    let mut wait = redis::cmd("WAIT");
                    wait.arg(replicas).arg(u64::try_from(within.as_millis()).unwrap_or(u64::MAX).max(1));
                    let answer = wait.query_async(&mut waiting).await;
                    let Value::Int(confirmed) = answer.map_err(|error| store_error(&error))? else {
                        return Err(unexpected());
                    };
                    lanes.give_back(place, connection);
                    Ok(confirmed >= i64::from(replicas))
                }
            })
            .collect();
        let mut all = Ok(true);
        while let Some(answer) = waiting.join_next().await {
            let answer = answer.unwrap_or_else(|_| Err(unexpected()));
            all = all.and_then(|all| answer.map(|here| all && here));
        }
        match all {
            Ok(true) => Ok(()),
            Ok(false) => Err(StoreError::unavailable(format!(
                "the change was carried out, but not confirmed by {replicas} replicas in time"
            ))),
            Err(_) => Err(StoreError::unavailable(
                "the change was carried out, but whether replicas have it could not be found out",
            )),
        }
    }
}
