//! The index of an owner's sessions where it lies apart from them, in a cluster: kept by trips of its own.

use std::collections::BTreeMap;

use redis::Value;
use session_core::StoreKey;
use session_core::store::{Owner, StoreError};
use time::OffsetDateTime;

use crate::RedisStore;
use crate::directory::{array, number, text};
use crate::error::unexpected;
use crate::link::confirm::Lane;
use crate::lost::Mark;
use crate::moment::{NEVER, millis, score};
use crate::script::Call;

/// How a session stands in its owner's index.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stage<'a> {
    /// For good.
    Listed,
    /// For good, in the place of the key that it had before.
    Follows(&'a StoreKey),
    /// It is the copy that a session is moving to, and is not in force yet.
    Coming,
}

/// A session, as its owner's index is told of it.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) owner: &'a Owner,
    pub(crate) key: &'a StoreKey,
    pub(crate) expires_at: OffsetDateTime,
    pub(crate) now: OffsetDateTime,
}

/// What an index says of a session.
pub(crate) struct Member {
    pub(crate) key: StoreKey,
    /// Its expiry in milliseconds, and half a one more while it is [`Stage::Coming`]; in the server's own digits.
    score: String,
    /// Its time has passed, so nobody is about to write it.
    pub(crate) is_over: bool,
}

impl Member {
    pub(crate) fn is_coming(&self) -> bool {
        self.score.ends_with(".5")
    }
}

impl RedisStore {
    /// Puts a session in its owner's index, or moves its expiry there; answers whether it was not in there before.
    pub(crate) async fn list(
        &self,
        entry: Entry<'_>,
        stage: Stage<'_>,
        lane: &Lane,
    ) -> Result<bool, StoreError> {
        let Entry { owner, key, expires_at, now } = entry;
        let ends = score(expires_at);
        let mut call = self.scripts().list.on(&[self.names().owner(owner)]);
        call.arg(key.as_str());
        match stage {
            Stage::Listed | Stage::Follows(_) => call.arg(ends),
            Stage::Coming => call.arg(format!("{ends}.5")),
        };
        call.arg(ends).arg(millis(now));
        if let Stage::Follows(old) = stage {
            call.arg(old.as_str());
        }
        Ok(number(&self.send(&call, lane).await?)? == 1)
    }

    /// The same for a session that should be in there already: if it is not, the index has lost something.
    pub(crate) async fn list_again(&self, entry: Entry<'_>) -> Result<(), StoreError> {
        if self.list(entry, Stage::Listed, &Lane::default()).await? {
            self.has_lost(entry.owner).await?;
        }
        Ok(())
    }

    /// Takes a session that is gone, or somebody else's, out of an index.
    pub(crate) async fn unlist(
        &self,
        owner: Option<&str>,
        key: &StoreKey,
        lane: &Lane,
    ) -> Result<(), StoreError> {
        let Some(owner) = owner.and_then(Owner::new) else { return Ok(()) };
        let mut call = Call::command("ZREM", &self.names().owner(&owner));
        self.send(call.arg(key.as_str()), lane).await.map(drop)
    }

    /// All members of an index, or at most so many of those whose time is over by its account; and its mark.
    pub(crate) async fn members(
        &self,
        index: &str,
        now: OffsetDateTime,
        most_over: Option<u64>,
    ) -> Result<(Mark, Vec<Member>), StoreError> {
        let now = millis(now);
        let mut call = self.scripts().members.on(&[index]).reads();
        if let Some(most) = most_over {
            call.arg(now).arg(most);
        }
        let mut parts = array(self.send(&call, &Lane::default()).await?)?.into_iter();
        let mark = Mark::parse(parts.next().ok_or_else(unexpected)?)?;
        let mut members = Vec::with_capacity(parts.len() / 2);
        while let (Some(key), Some(score)) = (parts.next(), parts.next()) {
            let (Some(key), Some(score)) = (text(key), text(score)) else { continue };
            let is_over = score.parse::<f64>().is_ok_and(|score| score <= now as f64);
            members.push(Member { key: StoreKey::from_stored(key), score, is_over });
        }
        Ok((mark, members))
    }

    /// Gives members the expiry that their session has, or strikes those out that have none; answers how many it struck.
    ///
    /// Only members whose time is over may be struck out for being missing: others may just be about to be written.
    pub(crate) async fn correct(
        &self,
        index: &str,
        members: impl IntoIterator<Item = (Member, Option<i64>)>,
    ) -> Result<u64, StoreError> {
        let mut call = self.scripts().correct.on(&[index]);
        let mut is_empty = true;
        for (member, ends) in members {
            is_empty = false;
            call.arg(member.key.as_str()).arg(member.score);
            match ends {
                Some(ends) => call.arg(ends),
                None => call.arg(""),
            };
        }
        if is_empty {
            return Ok(0);
        }
        number(&self.send(&call, &Lane::default()).await?)
    }

    /// Looks at some of the members whose time is over, and puts them right; answers how many were struck out.
    pub(crate) async fn tidy_apart(
        &self,
        index: &str,
        now: OffsetDateTime,
        most: u64,
    ) -> Result<u64, StoreError> {
        let mut over = BTreeMap::new();
        for member in self.members(index, now, Some(most)).await?.1 {
            over.insert(member.key.clone(), member);
        }
        let asked = over.keys().cloned().collect();
        let ask = |key: &StoreKey| Call::command("PTTL", &self.names().session(key)).reads();
        let mut corrected = Vec::with_capacity(over.len());
        for (key, left) in self.each(asked, &Lane::default(), ask).await? {
            let ends = match left {
                Value::Int(-2) => None,
                Value::Int(-1) => Some(NEVER),
                Value::Int(left) => Some(millis(now) + left),
                _ => return Err(unexpected()),
            };
            corrected.extend(over.remove(&key).map(|member| (member, ends)));
        }
        self.correct(index, corrected).await
    }
}
