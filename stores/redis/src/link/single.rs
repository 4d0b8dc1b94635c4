//! One server, over a connection that is made anew when something speaks against it: also when it has just gone silent.

use std::sync::{Arc, Mutex, PoisonError};

use redis::Value;

use crate::link::confirm::Lane;
use crate::link::door::Door;
use crate::link::{Live, OneAtATime};
use crate::script::Call;
use crate::script::failed::Failed;

pub(crate) struct Single {
    door: Door,
    live: Mutex<Option<Arc<Live>>>,
    connecting: OneAtATime<Failed>,
}

impl Single {
    /// The server is not asked for before the first call.
    pub(crate) fn new(door: Door) -> Self {
        Self { door, live: Mutex::default(), connecting: OneAtATime::default() }
    }

    pub(crate) async fn send(&self, call: &Call, lane: &Lane) -> Result<Value, Failed> {
        let live = self.live().await?;
        match live.ask(call, false, lane).await {
            Err(failed) if live.lets_try_again(call, &failed) => {
                self.live().await?.ask(call, false, lane).await
            }
            answer => answer,
        }
    }

    async fn live(&self) -> Result<Arc<Live>, Failed> {
        let connect = async {
            let live = Live::open(self.door.clone()).await.map_err(Failed::unsent)?;
            *self.live.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&live));
            Ok(live)
        };
        self.connecting.connect(|| self.known(), connect).await
    }

    fn known(&self) -> Option<Arc<Live>> {
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner).clone();
        live.filter(|live| !live.is_doubted())
    }
}
