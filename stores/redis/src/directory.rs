//! The verbs of [`Directory`]: sessions of an owner by the index, everything else by a walk over all keys.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use redis::Value;
use session_core::StoreKey;
use session_core::store::{Directory, Owner, StoreError, StoreErrorKind, Stored};
use time::OffsetDateTime;

use crate::RedisStore;
use crate::error::unexpected;
use crate::name::pattern;
use crate::payload::stored;

/// Keys that Redis looks at in one step of a walk: a millisecond or a few in which it does nothing else.
const STEP: u32 = 1000;

/// Sessions that are read, removed or swept by one command.
const CHUNK: usize = 100;

#[async_trait]
impl Directory for RedisStore {
    async fn sessions_of(
        &self,
        owner: &Owner,
        now: OffsetDateTime,
    ) -> Result<Vec<(StoreKey, Stored)>, StoreError> {
        let mut call = self.scripts().sessions_of.key(self.names().owner(owner));
        let parts = array(self.call(call.arg(owner.as_str()).arg(self.names().sessions())).await?)?;
        let mut found = Vec::with_capacity(parts.len() / 3);
        let mut parts = parts.into_iter();
        while let (Some(key), Some(payload), Some(ends)) = (parts.next(), parts.next(), parts.next()) {
            let Some(key) = text(key) else { continue };
            found.extend(readable(StoreKey::from_stored(key), payload, &ends, now)?);
        }
        Ok(found)
    }

    async fn revoke(&self, owner: &Owner, keep: Option<&StoreKey>) -> Result<u64, StoreError> {
        let mut call = self.scripts().revoke.key(self.names().owner(owner));
        call.arg(owner.as_str()).arg(self.names().sessions());
        if let Some(keep) = keep {
            call.arg(keep.as_str());
        }
        number(&self.call(&call).await?)
    }

    async fn count(&self, _now: OffsetDateTime) -> Result<u64, StoreError> {
        let (mut cursor, mut count) = (0, 0);
        loop {
            let keys = self.scan(&mut cursor, self.names().sessions(), "string").await?;
            count += keys.len() as u64;
            if cursor == 0 {
                return Ok(count);
            }
        }
    }

    async fn page(
        &self,
        after: Option<&StoreKey>,
        limit: usize,
        now: OffsetDateTime,
    ) -> Result<Vec<(StoreKey, Stored)>, StoreError> {
        let mut after = after.cloned();
        loop {
            let keys = self.first_after(after.as_ref(), limit).await?;
            let Some(last) = keys.last().cloned() else { return Ok(Vec::new()) };
            let mut found = Vec::with_capacity(keys.len());
            for chunk in keys.chunks(CHUNK) {
                let mut call = self.scripts().read.prepare_invoke();
                for key in chunk {
                    call.key(self.names().session(key));
                }
                let mut parts = array(self.call(&call).await?)?.into_iter();
                for key in chunk {
                    let (Some(payload), Some(ends)) = (parts.next(), parts.next()) else {
                        return Err(unexpected());
                    };
                    if payload != Value::Nil {
                        found.extend(readable(key.clone(), payload, &ends, now)?);
                    }
                }
            }
            if !found.is_empty() {
                return Ok(found);
            }
            // An empty page says that there is nothing more; these were only unreadable or have just ended.
            after = Some(last);
        }
    }

    async fn clear(&self) -> Result<u64, StoreError> {
        let (mut cursor, mut removed) = (0, 0);
        loop {
            let keys = self.scan(&mut cursor, self.names().sessions(), "string").await?;
            for chunk in keys.chunks(CHUNK) {
                removed += number(&self.command(redis::cmd("UNLINK").arg(chunk)).await?)?;
            }
            if cursor == 0 {
                break;
            }
        }
        // The indexes are not removed but swept: a login meanwhile must stay listed, or no revoke would find it.
        loop {
            for index in self.scan(&mut cursor, self.names().owners(), "zset").await? {
                let mut call = self.scripts().sweep.key(index);
                self.call(call.arg(self.names().sessions())).await?;
            }
            if cursor == 0 {
                return Ok(removed);
            }
        }
    }

    async fn purge_expired(&self, _now: OffsetDateTime, batch: usize) -> Result<u64, StoreError> {
        let batch = batch as u64;
        let mut removed = 0;
        // Goes on where the call before stopped.
        let mut cursor = self.purged_up_to().load(Ordering::Relaxed);
        while removed < batch {
            let here = cursor;
            for index in self.scan(&mut cursor, self.names().owners(), "zset").await? {
                let most = (batch - removed).min(u64::from(STEP));
                let mut call = self.scripts().tidy.key(index);
                removed += number(&self.call(call.arg(self.names().sessions()).arg(most)).await?)?;
                if removed >= batch {
                    // This step may hold more of them, so the next call begins with it.
                    cursor = here;
                    break;
                }
            }
            self.purged_up_to().store(cursor, Ordering::Relaxed);
            if cursor == 0 {
                break;
            }
        }
        Ok(removed)
    }
}

impl RedisStore {
    /// One step of a walk over all keys that begin with `prefix` and hold this type; the cursor is 0 at the end.
    async fn scan(&self, cursor: &mut u64, prefix: &str, kind: &str) -> Result<Vec<String>, StoreError> {
        let mut scan = redis::cmd("SCAN");
        scan.arg(*cursor).arg("MATCH").arg(pattern(prefix)).arg("COUNT").arg(STEP).arg("TYPE").arg(kind);
        let answer = array(self.command(&scan).await?)?;
        let Ok([next, keys]) = <[Value; 2]>::try_from(answer) else { return Err(unexpected()) };
        *cursor = text(next).and_then(|next| next.parse().ok()).ok_or_else(unexpected)?;
        // A key that is not text is none of ours.
        Ok(array(keys)?.into_iter().filter_map(text).collect())
    }

    /// The first keys after `after`, at most `limit`: of a walk over all keys, only these are kept.
    async fn first_after(&self, after: Option<&StoreKey>, limit: usize) -> Result<Vec<StoreKey>, StoreError> {
        let mut first: BTreeSet<StoreKey> = BTreeSet::new();
        let prefix = self.names().sessions();
        let mut cursor = 0;
        loop {
            for name in self.scan(&mut cursor, prefix, "string").await? {
                let Some(key) = name.strip_prefix(prefix).map(StoreKey::from_stored) else { continue };
                let full = first.len() >= limit;
                if after.is_some_and(|after| key <= *after) || (full && first.last() < Some(&key)) {
                    continue;
                }
                first.insert(key);
                if first.len() > limit {
                    first.pop_last();
                }
            }
            if cursor == 0 {
                return Ok(first.into_iter().collect());
            }
        }
    }
}

/// A session if it is live. A record that cannot be read must not hide the others.
fn readable(
    key: StoreKey,
    payload: Value,
    ends: &Value,
    now: OffsetDateTime,
) -> Result<Option<(StoreKey, Stored)>, StoreError> {
    match stored(payload, ends) {
        Ok(stored) => Ok((stored.record.expires_at > now).then_some((key, stored))),
        Err(error) if error.kind() == StoreErrorKind::Corrupt => {
            tracing::warn!(handle = %key.handle(), "a session record cannot be read and is left out");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn array(value: Value) -> Result<Vec<Value>, StoreError> {
    match value {
        Value::Array(parts) => Ok(parts),
        _ => Err(unexpected()),
    }
}

fn number(value: &Value) -> Result<u64, StoreError> {
    match value {
        Value::Int(number) => u64::try_from(*number).map_err(|_| unexpected()),
        _ => Err(unexpected()),
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}
