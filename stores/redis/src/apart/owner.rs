//! All sessions of an owner where they lie apart from the index, in a cluster: listing them, and ending them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use redis::Value;
use session_core::StoreKey;
use session_core::store::{Owner, StoreError, Stored};
use time::OffsetDateTime;

use crate::RedisStore;
use crate::apart::index::Member;
use crate::directory::{array, readable, text};
use crate::error::unexpected;
use crate::link::confirm::Lane;
use crate::lost::Doubt;
use crate::moment::{NEVER, score};
use crate::payload::{moved_to, owner_of};

/// What a script found under the key of a member.
enum Seen {
    Ended,
    Missing,
    Moved(StoreKey),
    Foreign,
}

impl Seen {
    fn parse(answer: Value) -> Result<Self, StoreError> {
        match answer {
            Value::Int(0) => Ok(Self::Missing),
            Value::Int(1) => Ok(Self::Ended),
            Value::Int(_) => Ok(Self::Foreign),
            to => Ok(Self::Moved(StoreKey::from_stored(text(to).ok_or_else(unexpected)?))),
        }
    }
}

impl RedisStore {
    pub(crate) async fn sessions_of_apart(
        &self,
        owner: &Owner,
        now: OffsetDateTime,
    ) -> Result<(Doubt, Vec<(StoreKey, Stored)>), StoreError> {
        let index = self.names().owner(owner);
        let (mark, members) = self.members(&index, now, None).await?;
        let doubt = self.doubt(mark, members.len());
        let mut members = by_key(members);
        // The copy of a session on its way is not listed, but the session is, under the key it still has.
        let mut next: Vec<StoreKey> =
            members.values().filter(|member| !member.is_coming()).map(|member| member.key.clone()).collect();
        let mut seen: BTreeSet<StoreKey> = next.iter().cloned().collect();
        let (mut theirs, mut wrong) = (Vec::new(), Vec::new());
        while !next.is_empty() {
            let read = |key: &StoreKey| self.scripts().read.on(&[self.names().session(key)]).reads();
            for (key, answer) in self.each(std::mem::take(&mut next), &Lane::default(), read).await? {
                let Ok([payload, left]) = <[Value; 2]>::try_from(array(answer)?) else {
                    return Err(unexpected());
                };
                let member = members.remove(&key).filter(|member| member.is_over);
                let (is_theirs, moved) = match &payload {
                    Value::BulkString(payload) => {
                        let payload = std::str::from_utf8(payload).unwrap_or_default();
                        (owner_of(payload).as_ref() == Some(owner), moved_to(payload))
                    }
                    _ => (false, None),
                };
                if is_theirs {
                    let live = readable(key, payload, &left, now)?;
                    let ends = live.as_ref().map_or(NEVER, |(_, stored)| score(stored.record.expires_at));
                    wrong.extend(member.map(|member| (member, Some(ends))));
                    theirs.extend(live);
                } else {
                    wrong.extend(member.map(|member| (member, None)));
                    next.extend(moved.filter(|to| seen.insert(to.clone())));
                }
            }
        }
        self.afterwards(async { self.correct(&index, wrong).await.map(drop) }).await;
        Ok((doubt, theirs))
    }

    /// Ends the sessions that the index lists, and looks again as long as one may have escaped to a key that was listed
    /// meanwhile.
    ///
    /// A session that moves is listed under its new key before it leaves the old one. So whoever is found neither there
    /// nor gone for long has moved (or was ended by somebody else), and is in the index when it is read again.
    pub(crate) async fn revoke_apart(
        &self,
        owner: &Owner,
        keep: Option<&StoreKey>,
        lane: &Lane,
    ) -> Result<(u64, Doubt), StoreError> {
        let index = self.names().owner(owner);
        let mut doubt = None;
        let mut seen: BTreeSet<StoreKey> = keep.cloned().into_iter().collect();
        let mut ended = 0;
        // A session that needs longer to arrive has died on its way.
        let arrived = Instant::now() + self.0.patience / 8;
        let mut pause = Duration::from_millis(1);
        loop {
            let (mark, members) = self.members(&index, OffsetDateTime::now_utc(), None).await?;
            // Only what it was before anything was struck out counts.
            let doubt = match doubt {
                Some(doubt) => doubt,
                None if self.is_left_out(keep, &members, owner).await? => *doubt.insert(Doubt::MayLackSome),
                None => *doubt.insert(self.doubt(mark, members.len())),
            };
            let mut members = by_key(members);
            members.retain(|key, _| !seen.contains(key));
            let all = members.len();
            // A copy that is on its way and not in force would be counted beside the session itself. Soon it is in
            // force, or gone.
            members.retain(|_, member| !member.is_coming() || Instant::now() > arrived);
            let has_coming = members.len() < all;
            let mut has_missing = false;
            let mut struck = Vec::new();
            let mut next: Vec<StoreKey> = members.keys().cloned().collect();
            while !next.is_empty() {
                seen.extend(next.iter().cloned());
                let end = |key: &StoreKey| {
                    let mut call = self.scripts().end.on(&[self.names().session(key)]);
                    call.arg(owner.as_str());
                    call
                };
                for (key, answer) in self.each(std::mem::take(&mut next), lane, end).await? {
                    let member = members.remove(&key);
                    match Seen::parse(answer)? {
                        Seen::Ended => {
                            ended += 1;
                            struck.extend(member);
                        }
                        Seen::Missing => {
                            has_missing = true;
                            // A copy is written before it is listed, so nobody is about to write this one either.
                            struck.extend(member.filter(|member| member.is_over || member.is_coming()));
                        }
                        Seen::Moved(to) if !seen.contains(&to) => next.push(to),
                        Seen::Moved(_) | Seen::Foreign => {
                            struck.extend(member.filter(|member| member.is_over));
                        }
                    }
                }
            }
            let struck = struck.into_iter().map(|member| (member, None));
            self.afterwards(async { self.correct(&index, struck).await.map(drop) }).await;
            if !has_missing && !has_coming {
                return Ok((ended, doubt));
            }
            if has_coming {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
        }
    }

    /// Whether the session to keep is this owner's, and their index does not say so.
    async fn is_left_out(
        &self,
        keep: Option<&StoreKey>,
        members: &[Member],
        owner: &Owner,
    ) -> Result<bool, StoreError> {
        let Some(keep) = keep.filter(|keep| members.iter().all(|member| member.key != **keep)) else {
            return Ok(false);
        };
        let mut call = self.scripts().owned.on(&[self.names().session(keep)]).reads();
        let left = array(self.send(call.arg(owner.as_str()), &Lane::default()).await?)?;
        Ok(left.first().is_some_and(|left| *left != Value::Int(-2)))
    }
}

fn by_key(members: Vec<Member>) -> BTreeMap<StoreKey, Member> {
    members.into_iter().map(|member| (member.key.clone(), member)).collect()
}
