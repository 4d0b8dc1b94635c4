//! The sessions of an owner, for a page of devices and for "log out everywhere".

use std::fmt;
use std::sync::Arc;

use session_core::revoke::Revoking;
use session_core::store::{Directory, Record, Stored};
use session_core::{Owner, StoreKey};
use time::OffsetDateTime;

use crate::clock::Clock;
use crate::error::Error;
use crate::log;
use crate::session::Session;
use crate::sessions::Sessions;

/// After this many steps, each of which found the session changed, a revocation gives up.
const MAX_STEPS: u32 = 256;

/// Looks sessions up by their owner, and ends them: [`Sessions::devices`].
///
/// ```
/// # tokio_test();
/// # fn tokio_test() { tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use session_core::{Keyring, Owner, Policy};
/// use session_driver::Sessions;
/// use session_store_memory::MemoryStore;
///
/// let policy = Policy::builder(Keyring::new("s3cr3t, random and longer than 32 bytes")).build().unwrap();
/// let sessions = Sessions::with_directory(policy, MemoryStore::new());
/// let devices = sessions.devices().unwrap();
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
    pub(crate) fn new(sessions: Sessions, directory: Arc<dyn Directory>) -> Self {
        Self { sessions, directory }
    }

    async fn entries(&self, owner: &Owner) -> Result<Vec<(StoreKey, Stored)>, Error> {
        let found = self.directory.sessions_of(owner, self.now());
        log::failure("sessions_of", self.sessions.read_within_deadline(found).await)
    }

    async fn end_all(&self, owner: &Owner, keep: Option<&StoreKey>) -> Result<u64, Error> {
        let ended = self.sessions.within_deadline(self.directory.revoke(owner, keep)).await;
        let ended = log::failure("revoke", ended)?;
        log::revoked(ended);
        Ok(ended)
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
        let device = |(key, stored): (StoreKey, Stored)| Device {
            handle: key.handle(),
            created_at: stored.record.created_at(),
            expires_at: stored.record.expires_at,
            record: stored.record,
        };
        Ok(self.entries(owner).await?.into_iter().map(device).collect())
    }

    /// Ends one session of this owner, named by its handle; answers whether this call ended it. Another owner's is never
    /// ended.
    ///
    /// A session that moves to a new id meanwhile is followed and ended where it is. `false` if there is no such session (any
    /// more): it is over, or another owner's by now, or it was renewed before this call and has a new handle, which
    /// [`list`](Self::list) shows.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the store could not answer, [`Error::Contended`] if the session changed each time: call it again.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the session as it was, or ended.
    pub async fn revoke(&self, owner: &Owner, handle: &str) -> Result<bool, Error> {
        let entries = self.entries(owner).await?;
        let Some((key, stored)) = entries.into_iter().find(|(key, _)| key.handle() == handle) else {
            return Ok(false);
        };
        let mut revoking = Revoking::begin(owner.clone(), key, stored.version);
        for _ in 0..MAX_STEPS {
            let step = match revoking {
                Revoking::Delete(step) => step,
                Revoking::Ended => {
                    log::revoked(1);
                    return Ok(true);
                }
                Revoking::NotFound => return Ok(false),
            };
            let answer =
                self.sessions.within_deadline(self.directory.delete(step.key(), Some(step.base()))).await;
            let answer = log::failure("delete", answer)?;
            log::deleted(&answer);
            revoking = step.resume(answer, self.now());
        }
        Err(log::contended())
    }

    /// Ends all sessions of an owner except the one at hand; answers how many.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the store could not answer.
    pub async fn revoke_others(&self, owner: &Owner, current: &Session) -> Result<u64, Error> {
        let key = current.stored_key()?;
        self.end_all(owner, key.as_ref()).await
    }

    /// Ends all sessions of an owner; answers how many. Requests on their way cannot bring them back.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the store could not answer.
    pub async fn revoke_all(&self, owner: &Owner) -> Result<u64, Error> {
        self.end_all(owner, None).await
    }
}
