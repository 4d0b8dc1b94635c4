//! A primary watched by sentinels: they are asked who it is, and asked again when it is in doubt.

use std::sync::{Arc, Mutex, PoisonError};

use redis::Value;
use session_core::store::StoreError;

use crate::error::{store_error, unexpected};
use crate::link::confirm::Lane;
use crate::link::door::{Door, Place};
use crate::link::{Live, OneAtATime, first};
use crate::script::Call;

pub(crate) struct Sentinel {
    sentinels: Vec<Door>,
    name: Arc<str>,
    /// Who we are at the primary; its place is not in here.
    door: Door,
    primary: Mutex<Option<Arc<Live>>>,
    asking: OneAtATime<StoreError>,
}

impl Sentinel {
    /// `door` is that of a server whose host is the primary's name.
    pub(crate) fn new(sentinels: Vec<Door>, door: Door) -> Result<Self, StoreError> {
        let Some(Place { host: name, .. }) = door.place() else {
            return Err(StoreError::refused("sentinels know a primary by a name, not by a path"));
        };
        if sentinels.is_empty() {
            return Err(StoreError::refused("the list of sentinels is empty"));
        }
        Ok(Self {
            sentinels,
            name: name.into(),
            door,
            primary: Mutex::default(),
            asking: OneAtATime::default(),
        })
    }

    pub(crate) async fn send(&self, call: &Call, lane: &Lane) -> Result<Value, StoreError> {
        let primary = self.primary().await?;
        match primary.ask(call, false, lane).await {
            Err(failed) if primary.lets_try_again(call, &failed) => {
                Ok(self.primary().await?.ask(call, false, lane).await?)
            }
            answer => Ok(answer?),
        }
    }

    async fn primary(&self) -> Result<Arc<Live>, StoreError> {
        let connect = async {
            // All at once: the one that lived on the primary's machine may be as dead as the primary.
            let asked = self.sentinels.iter().map(|sentinel| {
                let (sentinel, door, name) = (sentinel.clone(), self.door.clone(), Arc::clone(&self.name));
                async move { primary_by(&sentinel, &door, &name).await }
            });
            let primary = first(asked).await?;
            *self.primary.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&primary));
            Ok(primary)
        };
        self.asking.connect(|| self.known(), connect).await
    }

    fn known(&self) -> Option<Arc<Live>> {
        let primary = self.primary.lock().unwrap_or_else(PoisonError::into_inner).clone();
        primary.filter(|primary| !primary.is_doubted())
    }
}

/// A connection to the primary that this sentinel names.
async fn primary_by(sentinel: &Door, door: &Door, name: &str) -> Result<Arc<Live>, StoreError> {
    let limit = sentinel.limit();
    let asked = async {
        let mut connection = sentinel.open().await?;
        let mut ask = redis::cmd("SENTINEL");
        ask.arg("GET-MASTER-ADDR-BY-NAME").arg(name).query_async(&mut connection).await
    };
    let answer = tokio::time::timeout(limit, asked)
        .await
        .map_err(|_| StoreError::unavailable("no sentinel answered in time"))?
        .map_err(|error| store_error(&error))?;
    let place = match answer {
        Value::Nil => return Err(StoreError::refused("the sentinels know no primary by this name")),
        Value::Array(parts) => place(&parts).ok_or_else(unexpected)?,
        _ => return Err(unexpected()),
    };
    let primary = Live::open(door.at(&place)).await.map_err(|error| store_error(&error))?;
    // A sentinel may not have heard yet that the server it names was put down to be a replica.
    let role = primary.ask(&Call::keyless("ROLE"), false, &Lane::default()).await;
    match role? {
        Value::Array(parts) if parts.first() == Some(&Value::BulkString(b"master".to_vec())) => Ok(primary),
        _ => Err(StoreError::unavailable("the server that the sentinels name is no primary")),
    }
}

fn place(parts: &[Value]) -> Option<Place> {
    let [Value::BulkString(host), Value::BulkString(port)] = parts else { return None };
    let host = String::from_utf8(host.clone()).ok()?;
    let port = std::str::from_utf8(port).ok()?.parse().ok()?;
    Some(Place { host, port })
}
