//! The verbs of [`Directory`]: sessions of an owner by the index, everything else by a walk over all keys.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use async_trait::async_trait;
use redis::Value;
use session_core::StoreKey;
use session_core::store::{Directory, Owner, StoreError, StoreErrorKind, Stored};
use time::OffsetDateTime;

use crate::RedisStore;
use crate::error::unexpected;
use crate::link::confirm::Lane;
use crate::link::door::Place;
use crate::lost::Doubt;
use crate::moment::millis;
use crate::name::pattern;
use crate::payload::stored;
use crate::script::Call;

/// Keys that Redis looks at in one step of a walk: a millisecond or a few in which it does nothing else.
const STEP: u32 = 1000;

/// Sessions that are read, removed or swept by one command.
pub(crate) const CHUNK: usize = 100;

#[async_trait]
impl Directory for RedisStore {
    async fn sessions_of(
        &self,
        owner: &Owner,
        now: OffsetDateTime,
    ) -> Result<Vec<(StoreKey, Stored)>, StoreError> {
        let (doubt, found) = self.in_time(self.listed(owner, now)).await?;
        // A walk that takes longer goes on, for those who ask again.
        let limit = match doubt {
            Doubt::Nothing => return Ok(found),
            Doubt::NoIndex => self.0.patience / 8,
            Doubt::MayLackSome => self.0.patience,
        };
        match (doubt, tokio::time::timeout(limit, self.search(owner, doubt)).await) {
            (_, Ok(Ok(Ok(())))) => Ok(self.in_time(self.listed(owner, now)).await?.1),
            // Most likely they have no sessions; to find out whether that is so takes long, or cannot be written down.
            (Doubt::NoIndex, _) => Ok(found),
            (_, Ok(Ok(Err(error)))) => Err(error),
            (_, Ok(Err(_)) | Err(_)) => Err(StoreError::unavailable(
                "the index of this owner's sessions lacks some and is being filled; ask again",
            )),
        }
    }

    async fn revoke(&self, owner: &Owner, keep: Option<&StoreKey>) -> Result<u64, StoreError> {
        let lane = self.lane();
        let (mut revoked, doubt) = self.in_time(self.revoke_listed(owner, keep, &lane)).await?;
        if doubt != Doubt::Nothing {
            self.search(owner, doubt).await.map_err(|_| unexpected())??;
            // Sessions that have moved during the walk are listed, too.
            revoked += self.in_time(self.revoke_listed(owner, keep, &lane)).await?.0;
        }
        lane.confirm().await?;
        Ok(revoked)
    }

    async fn count(&self, _now: OffsetDateTime) -> Result<u64, StoreError> {
        let mut count = 0;
        let mut walk = self.walk().await?;
        while let Some(keys) = self.step(&mut walk, self.names().sessions(), "string").await? {
            count += keys.len() as u64;
        }
        Ok(count)
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
                for (key, payload, left) in self.read(chunk).await? {
                    if payload != Value::Nil {
                        found.extend(readable(key, payload, &left, now)?);
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
        let lane = self.lane();
        let mut removed = 0;
        let mut walk = self.walk().await?;
        while let Some(names) = self.step(&mut walk, self.names().sessions(), "string").await? {
            for chunk in names.chunks(CHUNK) {
                removed += self.in_time(self.unlink(chunk, &lane)).await?;
            }
        }
        // The indexes are not removed but swept: a login meanwhile must stay listed, or no revoke would find it. Where
        // they lie apart, a login is listed before it is there, so they are left to run out.
        let mut walk = self.walk().await?;
        while !self.is_apart()
            && let Some(indexes) = self.step(&mut walk, self.names().owners(), "zset").await?
        {
            for index in indexes {
                let mut call = self.scripts().sweep.on(&[index]);
                self.call(call.arg(self.names().sessions())).await?;
            }
        }
        lane.confirm().await?;
        Ok(removed)
    }

    async fn purge_expired(&self, now: OffsetDateTime, batch: usize) -> Result<u64, StoreError> {
        let batch = batch as u64;
        let mut removed = 0;
        // Goes on where the call before stopped.
        let before = self.0.purge.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut walk = match before {
            Some(walk) => walk,
            None => self.walk().await?,
        };
        while removed < batch {
            let here = walk.clone();
            let Some(indexes) = self.step(&mut walk, self.names().owners(), "zset").await? else {
                return Ok(removed);
            };
            for index in indexes {
                let most = (batch - removed).min(u64::from(STEP));
                removed += self.in_time(self.tidy(&index, now, most)).await?;
                if removed >= batch {
                    // This step may hold more of them, so the next call begins with it.
                    walk = here;
                    break;
                }
            }
        }
        *self.0.purge.lock().unwrap_or_else(PoisonError::into_inner) = Some(walk);
        Ok(removed)
    }
}

/// A walk over all keys, server by server.
#[derive(Debug, Clone)]
pub(crate) struct Walk {
    /// The servers to come; the one that it is at is the last.
    places: Vec<Place>,
    cursor: u64,
}

impl RedisStore {
    /// The sessions that an owner's index lists, and what speaks against it.
    async fn listed(
        &self,
        owner: &Owner,
        now: OffsetDateTime,
    ) -> Result<(Doubt, Vec<(StoreKey, Stored)>), StoreError> {
        if self.is_apart() {
            return self.sessions_of_apart(owner, now).await;
        }
        let mut call = self.scripts().sessions_of.on(&[self.names().owner(owner)]).reads();
        call.arg(owner.as_str()).arg(self.names().sessions()).arg(u8::from(self.may_evict()));
        let mut parts = array(self.send(&call, &Lane::default()).await?)?.into_iter();
        let doubt = Doubt::parse(&parts.next().ok_or_else(unexpected)?)?;
        let mut found = Vec::with_capacity(parts.len() / 3);
        while let (Some(key), Some(payload), Some(left)) = (parts.next(), parts.next(), parts.next()) {
            let Some(key) = text(key) else { continue };
            found.extend(readable(StoreKey::from_stored(key), payload, &left, now)?);
        }
        Ok((doubt, found))
    }

    /// Ends the sessions that an owner's index lists; answers how many, and what speaks against it.
    async fn revoke_listed(
        &self,
        owner: &Owner,
        keep: Option<&StoreKey>,
        lane: &Lane,
    ) -> Result<(u64, Doubt), StoreError> {
        if self.is_apart() {
            return self.revoke_apart(owner, keep, lane).await;
        }
        let mut call = self.scripts().revoke.on(&[self.names().owner(owner)]);
        call.arg(owner.as_str()).arg(self.names().sessions()).arg(u8::from(self.may_evict()));
        if let Some(keep) = keep {
            call.arg(keep.as_str());
        }
        let answer = array(self.send(&call, lane).await?)?;
        let Ok([revoked, doubt]) = <[Value; 2]>::try_from(answer) else { return Err(unexpected()) };
        Ok((number(&revoked)?, Doubt::parse(&doubt)?))
    }

    pub(crate) async fn walk(&self) -> Result<Walk, StoreError> {
        self.in_time(self.ready()).await?;
        let places = self.in_time(self.0.link.primaries()).await?;
        Ok(Walk { places, cursor: 0 })
    }

    /// One step of a walk over all keys that begin with `prefix` and hold this type; `None` at the end.
    pub(crate) async fn step(
        &self,
        walk: &mut Walk,
        prefix: &str,
        kind: &str,
    ) -> Result<Option<Vec<String>>, StoreError> {
        let Some(place) = walk.places.last() else { return Ok(None) };
        let mut scan = Call::keyless("SCAN").reads();
        scan.arg(walk.cursor).arg("MATCH").arg(pattern(prefix)).arg("COUNT").arg(STEP).arg("TYPE").arg(kind);
        let answer = array(self.in_time(self.0.link.send_to(place, &scan)).await?)?;
        let Ok([next, keys]) = <[Value; 2]>::try_from(answer) else { return Err(unexpected()) };
        walk.cursor = text(next).and_then(|next| next.parse().ok()).ok_or_else(unexpected)?;
        if walk.cursor == 0 {
            walk.places.pop();
        }
        // A key that is not text is none of ours.
        Ok(Some(array(keys)?.into_iter().filter_map(text).collect()))
    }

    /// The first keys after `after`, at most `limit`: of a walk over all keys, only these are kept.
    async fn first_after(&self, after: Option<&StoreKey>, limit: usize) -> Result<Vec<StoreKey>, StoreError> {
        let mut first: BTreeSet<StoreKey> = BTreeSet::new();
        let prefix = self.names().sessions();
        let mut walk = self.walk().await?;
        while let Some(names) = self.step(&mut walk, prefix, "string").await? {
            for name in names {
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
        }
        Ok(first.into_iter().collect())
    }

    /// Payload and what is left of the life of each of these, in their order; nil for what is not there.
    async fn read(&self, keys: &[StoreKey]) -> Result<Vec<(StoreKey, Value, Value)>, StoreError> {
        let names: Vec<String> = keys.iter().map(|key| self.names().session(key)).collect();
        if !self.is_apart() {
            let mut parts = array(self.call(&self.scripts().read.on(&names).reads()).await?)?.into_iter();
            let both = |key: &StoreKey| Some((key.clone(), parts.next()?, parts.next()?));
            return keys.iter().map(both).collect::<Option<_>>().ok_or_else(unexpected);
        }
        let read = |key: &StoreKey| self.scripts().read.on(&[self.names().session(key)]).reads();
        let mut found = Vec::with_capacity(keys.len());
        for (key, answer) in self.in_time(self.each(keys.to_vec(), &Lane::default(), read)).await? {
            let Ok([payload, left]) = <[Value; 2]>::try_from(array(answer)?) else {
                return Err(unexpected());
            };
            found.push((key, payload, left));
        }
        found.sort_by(|(one, ..), (two, ..)| one.cmp(two));
        Ok(found)
    }

    /// Removes sessions by their names; answers how many there were.
    async fn unlink(&self, names: &[String], lane: &Lane) -> Result<u64, StoreError> {
        let Some((first, others)) = names.split_first() else { return Ok(0) };
        if !self.is_apart() {
            let mut call = Call::command("UNLINK", first);
            return number(&self.send(call.arg(others), lane).await?);
        }
        let names = names.iter().map(|name| StoreKey::from_stored(name.as_str())).collect();
        let answers = self.each(names, lane, |name| Call::command("UNLINK", name.as_str())).await?;
        answers.iter().map(|(_, answer)| number(answer)).sum()
    }

    async fn tidy(&self, index: &str, now: OffsetDateTime, most: u64) -> Result<u64, StoreError> {
        if self.is_apart() {
            return self.tidy_apart(index, now, most).await;
        }
        let mut call = self.scripts().tidy.on(&[index]);
        call.arg(self.names().sessions()).arg(most).arg(millis(now));
        number(&self.send(&call, &Lane::default()).await?)
    }
}

/// A session if it is live. A record that cannot be read must not hide the others.
pub(crate) fn readable(
    key: StoreKey,
    payload: Value,
    left: &Value,
    now: OffsetDateTime,
) -> Result<Option<(StoreKey, Stored)>, StoreError> {
    match stored(payload, left, now) {
        Ok(stored) => Ok((stored.record.expires_at > now).then_some((key, stored))),
        Err(error) if error.kind() == StoreErrorKind::Corrupt => {
            tracing::warn!(handle = %key.handle(), "a session record cannot be read and is left out");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

pub(crate) fn array(value: Value) -> Result<Vec<Value>, StoreError> {
    match value {
        Value::Array(parts) => Ok(parts),
        _ => Err(unexpected()),
    }
}

pub(crate) fn number(value: &Value) -> Result<u64, StoreError> {
    match value {
        Value::Int(number) => u64::try_from(*number).map_err(|_| unexpected()),
        _ => Err(unexpected()),
    }
}

pub(crate) fn text(value: Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes).ok(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text),
        _ => None,
    }
}
