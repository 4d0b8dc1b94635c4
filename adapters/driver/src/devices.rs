//! The sessions of an owner, for a page of devices and for "log out everywhere".

use std::fmt;
use std::sync::Arc;

use session_core::store::{Directory, Record};
use session_core::{Owner, StoreKey};
use time::OffsetDateTime;

use crate::clock::Clock;
use crate::error::Error;
use crate::session::Session;
use crate::sessions::Sessions;

/// Looks sessions up by their owner, and ends them. Needs a store that is a [`Directory`].
///
/// ```
/// # tokio_test();
/// # fn tokio_test() { tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use session_core::{Keyring, Owner, Policy};
/// use session_driver::{Devices, Sessions};
/// use session_store_memory::MemoryStore;
/// use std::sync::Arc;
///
/// let store = Arc::new(MemoryStore::new());
/// let policy = Policy::builder(Keyring::new("s3cr3t, random and longer than 32 bytes")).build().unwrap();
/// let sessions = Sessions::new(policy, store.clone());
/// let devices = Devices::new(&sessions, store);
///
/// let ended = devices.revoke_all(&Owner::new("user1").unwrap()).await.unwrap();
/// assert_eq!(ended, 0);
/// # }); }
/// ```
#[derive(Clone)]
pub struct Devices {
    sessions: Sessions,
    directory: Arc<dyn Directory>,
}

impl fmt::Debug for Devices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Devices").finish_non_exhaustive()
    }
}

/// One live session of an owner.
#[derive(Debug, Clone)]
pub struct Device {
    /// Names the session in [`Devices::revoke`]. It is no cookie and cannot be made into one.
    pub handle: String,
    /// When the session began, if its record says so.
    pub created_at: Option<OffsetDateTime>,
    /// When it ends if it is not used again.
    pub expires_at: OffsetDateTime,
    /// Its record, for what the application put into it ([`Record::value`]).
    pub record: Record,
}

impl Devices {
    /// `directory` is the store that `sessions` uses.
    pub fn new(sessions: &Sessions, directory: Arc<dyn Directory>) -> Self {
        Self { sessions: sessions.clone(), directory }
    }

    async fn entries(&self, owner: &Owner) -> Result<Vec<(StoreKey, Device)>, Error> {
        let now = self.now();
        let found = self.sessions.within_deadline(self.directory.sessions_of(owner, now)).await?;
        Ok(found
            .into_iter()
            .map(|(key, stored)| {
                let device = Device {
                    handle: key.handle(),
                    created_at: stored.record.created_at(),
                    expires_at: stored.record.expires_at,
                    record: stored.record,
                };
                (key, device)
            })
            .collect())
    }

    fn now(&self) -> OffsetDateTime {
        let clock: &dyn Clock = self.sessions.clock();
        clock.now()
    }

    /// The live sessions of an owner.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the store could not answer.
    pub async fn list(&self, owner: &Owner) -> Result<Vec<Device>, Error> {
        Ok(self.entries(owner).await?.into_iter().map(|(_, device)| device).collect())
    }

    /// Ends one session of this owner, named by its handle; answers whether there was one. Another owner's is never ended.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the store could not answer.
    pub async fn revoke(&self, owner: &Owner, handle: &str) -> Result<bool, Error> {
        let Some((key, _)) = self.entries(owner).await?.into_iter().find(|(key, _)| key.handle() == handle)
        else {
            return Ok(false);
        };
        self.sessions.within_deadline(self.directory.delete(&key, None)).await?;
        tracing::info!(target: "session", event = "revoked", sessions = 1);
        Ok(true)
    }

    /// Ends all sessions of an owner except the one at hand; answers how many.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the store could not answer.
    pub async fn revoke_others(&self, owner: &Owner, current: &Session) -> Result<u64, Error> {
        let key = current.stored_key()?;
        let ended = self.sessions.within_deadline(self.directory.revoke(owner, key.as_ref())).await?;
        tracing::info!(target: "session", event = "revoked", sessions = ended);
        Ok(ended)
    }

    /// Ends all sessions of an owner; answers how many. Requests on their way cannot bring them back.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the store could not answer.
    pub async fn revoke_all(&self, owner: &Owner) -> Result<u64, Error> {
        let ended = self.sessions.within_deadline(self.directory.revoke(owner, None)).await?;
        tracing::info!(target: "session", event = "revoked", sessions = ended);
        Ok(ended)
    }
}
