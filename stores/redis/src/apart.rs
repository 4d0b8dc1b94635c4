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
use time::OffsetDateTime;

use crate::RedisStore;
use crate::error::unexpected;
use crate::link::confirm::Lane;
use crate::moment::left;
use crate::payload::{base as base_of, version};
use crate::script::Call;
use crate::store::{found, whose};
use index::{Entry, Stage};

impl RedisStore {
    pub(crate) async fn create_apart(
        &self,
        key: &StoreKey,
        record: &Record,
        now: OffsetDateTime,
    ) -> Result<Value, StoreError> {
        if let Some(owner) = &record.owner {
            let entry = Entry { owner, key, expires_at: record.expires_at, now };
            self.list(entry, Stage::Listed, &Lane::default()).await?;
        }
        self.set(key, record, now, &Lane::default()).await
    }

    /// Stores a new record, if there is none under its key.
    async fn set(
        &self,
        key: &StoreKey,
        record: &Record,
        now: OffsetDateTime,
        lane: &Lane,
    ) -> Result<Value, StoreError> {
        let name = self.names().session(key);
        let life = left(record.expires_at, now);
        if life > 0 {
            let mut set = Call::command("SET", &name);
            set.arg(&*record.payload).arg("NX").arg("PX").arg(life);
            return self.send(&set, lane).await;
        }
        // Redis takes no life that is over already.
        let mut create = self.scripts().create.on(&[name]);
        self.send(create.arg(&*record.payload).arg(life), lane).await
    }

    /// The new record, its place in the index, then the old one's end, which decides; at last the index put in order.
    ///
    /// Until the old one's end nobody has the new key, and the index marks it as [`Stage::Coming`].
    pub(crate) async fn replace_apart(
        &self,
        replace: Replace<'_>,
        now: OffsetDateTime,
        lane: &Lane,
    ) -> Result<Replaced, StoreError> {
        let Replace { old, new, record, base, tombstone } = replace;
        match self.set(new, record, now, lane).await? {
            Value::Okay | Value::Int(1) => {}
            Value::Nil | Value::Int(0) => return Ok(Replaced::Exists),
            _ => return Err(unexpected()),
        }
        let made = version(&record.payload);
        if let Some(owner) = &record.owner
            && let entry = (Entry { owner, key: new, expires_at: record.expires_at, now })
            && let Err(error) = self.list(entry, Stage::Coming, lane).await
        {
            let _nobody_has_its_key = self.delete_over(new, Some(&made), lane).await;
            return Err(error);
        }
        let name = [self.names().session(old)];
        let mut retire = match tombstone {
            Some(tombstone) => {
                let mut call = self.scripts().update.on(&name);
                call.arg(&*tombstone.payload).arg(left(tombstone.expires_at, now));
                call
            }
            None => self.scripts().delete.on(&name),
        };
        let refused = match self.send(retire.arg(base_of(Some(base))), lane).await? {
            Value::Int(0) => Replaced::Missing,
            there @ Value::Array(_) => Replaced::Conflict(found(there, now)?),
            done => {
                self.afterwards(self.settle(record, whose(&done)?, old, new, now, lane)).await;
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
        record: &Record,
        was: Option<&str>,
        old: &StoreKey,
        new: &StoreKey,
        now: OffsetDateTime,
        lane: &Lane,
    ) -> Result<(), StoreError> {
        let owner = record.owner.as_ref();
        let stays = owner.is_some_and(|owner| was == Some(owner.as_str()));
        if let Some(owner) = owner {
            let stage = if stays { Stage::Follows(old) } else { Stage::Listed };
            let entry = Entry { owner, key: new, expires_at: record.expires_at, now };
            self.list(entry, stage, lane).await?;
        }
        if stays { Ok(()) } else { self.unlist(was, old, lane).await }
    }
}
