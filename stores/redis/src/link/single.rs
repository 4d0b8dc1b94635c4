//! One server, over a connection that is made anew when something speaks against it: also when it has just gone silent.

use std::sync::{Arc, Mutex, PoisonError};

use redis::{RedisResult, Value};

use crate::link::Live;
use crate::link::confirm::Lane;
use crate::link::door::Door;
use crate::script::Call;

pub(crate) struct Single {
    door: Door,
    live: Mutex<Option<Arc<Live>>>,
    /// Only one connects at a time.
    connecting: tokio::sync::Mutex<()>,
}

impl Single {
    pub(crate) async fn connect(door: Door) -> RedisResult<Self> {
        let single = Self { door, live: Mutex::default(), connecting: tokio::sync::Mutex::default() };
        single.live().await?;
        Ok(single)
    }

    pub(crate) async fn send(&self, call: &Call, lane: &Lane) -> RedisResult<Value> {
        self.live().await?.ask(call, false, lane).await
    }

    async fn live(&self) -> RedisResult<Arc<Live>> {
        if let Some(live) = self.known() {
            return Ok(live);
        }
        let _alone = self.connecting.lock().await;
        if let Some(live) = self.known() {
            return Ok(live);
        }
        let live = Live::open(self.door.clone()).await?;
        *self.live.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&live));
        Ok(live)
    }

    fn known(&self) -> Option<Arc<Live>> {
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner).clone();
        live.filter(|live| !live.is_doubted())
    }
}
