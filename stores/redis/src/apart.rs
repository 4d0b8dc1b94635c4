//! The verbs of [`Store`](session_core::store::Store) that differ in a cluster, where each session, and each owner's
//! index, lies in a slot of its own.
//!
//! What is kept under a session's key is the truth, the index a hint that is verified when it is read. A session is in its
//! owner's index before it is anybody's, and comes out after it is gone; so a step that fails leaves an entry too many,
//! and never a session that no revoke finds.

pub(crate) mod index;
mod owner;

use redis::Value;
use session_core::StoreKey;
use session_core::store::{Deleted, Owner, Record, Replace, Replaced, StoreError};

use crate::RedisStore;
use crate::error::unexpected;
use crate::link::confirm::Lane;
use crate::moment::expiry;
use crate::payload::{base as base_of, version};
use crate::script::Call;
use crate::store::{found, whose};
use index::Stage;

impl RedisStore {
    pub(crate) async fn create_apart(&self, key: &StoreKey, record: &Record) -> Result<Value, StoreError> {
        if let Some(owner) = &record.owner {
            self.list(owner, key, expiry(record.expires_at), Stage::Listed, &Lane::default()).await?;
        }
        self.set(key, record, &Lane::default()).await
    }

    /// Stores a new record, if there is none under its key.
    async fn set(&self, key: &StoreKey, record: &Record, lane: &Lane) -> Result<Value, StoreError> {
        let mut set = Call::command("SET", &self.names().session(key));
        set.arg(&*record.payload).arg("NX").arg("PXAT").arg(expiry(record.expires_at));
        self.send(&set, lane).await
    }

    /// The new record, its place in the index, then the old one's end, which decides; at last the index put in order.
    ///
    /// Until the old one's end nobody has the new key, and the index marks it as [`Stage::Coming`].
    pub(crate) async fn replace_apart(
        &self,
        replace: Replace<'_>,
        lane: &Lane,
    ) -> Result<Replaced, StoreError> {
        let Replace { old, new, record, base, tombstone } = replace;
        let ends = expiry(record.expires_at);
        match self.set(new, record, lane).await? {
            Value::Okay => {}
            Value::Nil => return Ok(Replaced::Exists),
            _ => return Err(unexpected()),
        }
        let made = version(&record.payload);
        if let Some(owner) = &record.owner
            && let Err(error) = self.list(owner, new, ends, Stage::Coming, lane).await
        {
            let _nobody_has_its_key = self.delete_over(new, Some(&made), lane).await;
            return Err(error);
        }
        let name = [self.names().session(old)];
        let mut retire = match tombstone {
            Some(tombstone) => {
                let mut call = self.scripts().update.on(&name);
                call.arg(&*tombstone.payload).arg(expiry(tombstone.expires_at));
                call
            }
            None => self.scripts().delete.on(&name),
        };
        let refused = match self.send(retire.arg(base_of(Some(base))), lane).await? {
            Value::Int(0) => Replaced::Missing,
            there @ Value::Array(_) => Replaced::Conflict(found(there)?),
            done => {
                self.afterwards(self.settle(record.owner.as_ref(), whose(&done)?, old, new, ends, lane))
                    .await;
                return Ok(Replaced::Done(made));
            }
        };
        if self.delete_over(new, Some(&made), lane).await? == Deleted::Missing {
            // Else that has struck it out of the index.
            self.afterwards(self.unlist(record.owner.as_ref().map(Owner::as_str), new, lane)).await;
        }
        Ok(refused)
    }

    /// After a session has moved: the new key is listed for good, the old one is not any more.
    async fn settle(
        &self,
        owner: Option<&Owner>,
        was: Option<&str>,
        old: &StoreKey,
        new: &StoreKey,
        ends: i64,
        lane: &Lane,
    ) -> Result<(), StoreError> {
        let stays = owner.is_some_and(|owner| was == Some(owner.as_str()));
        if let Some(owner) = owner {
            let stage = if stays { Stage::Follows(old) } else { Stage::Listed };
            self.list(owner, new, ends, stage, lane).await?;
        }
        if stays { Ok(()) } else { self.unlist(was, old, lane).await }
    }
}
