//! What is done about an owner's index that may lack sessions: Redis evicts keys, and restores may be partial.
//!
//! An index is written beside the sessions and can vanish without them; the next login of its owner begins a new one. So
//! nothing is decided by an index that something speaks against: all sessions are walked over, and the index is filled with
//! what is found. What speaks against it costs nothing to notice:
//!
//! * there is none at all, and yet somebody asks for it;
//! * a session that was its owner's before is written, touched, moved or removed, and is not in it, or is the one to `keep`;
//! * the server is set to evict keys, and no walk has filled this index since it began.

use std::sync::atomic::Ordering;

use redis::Value;
use session_core::StoreKey;
use session_core::store::{Owner, StoreError};
use time::OffsetDateTime;
use tokio::task::JoinHandle;

use crate::RedisStore;
use crate::apart::index::{Entry, Stage};
use crate::directory::{CHUNK, array, number, text};
use crate::error::unexpected;
use crate::link::confirm::Lane;
use crate::moment::{ends, millis};
use crate::script::Call;

/// What an index says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    Unmarked,
    /// A walk over all sessions has filled it.
    Proven,
    /// It lacked a session, or a walk is under way.
    Doubted,
}

impl Mark {
    pub(crate) fn parse(score: Value) -> Result<Self, StoreError> {
        match score {
            Value::Nil => Ok(Self::Unmarked),
            score => {
                Ok(if text(score).ok_or_else(unexpected)? == "1" { Self::Proven } else { Self::Doubted })
            }
        }
    }
}

/// What speaks against an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doubt {
    Nothing,
    /// There is none: most likely, its owner has no sessions.
    NoIndex,
    MayLackSome,
}

impl Doubt {
    /// As the scripts answer it.
    pub(crate) fn parse(answer: &Value) -> Result<Self, StoreError> {
        match number(answer)? {
            0 => Ok(Self::Nothing),
            1 => Ok(Self::NoIndex),
            _ => Ok(Self::MayLackSome),
        }
    }
}

impl RedisStore {
    /// Whether the server removes keys when its memory is full, an index among them.
    pub(crate) fn may_evict(&self) -> bool {
        self.0.may_evict.load(Ordering::Relaxed)
    }

    /// Against an index with this mark, and so many members.
    pub(crate) fn doubt(&self, mark: Mark, members: usize) -> Doubt {
        match mark {
            Mark::Proven => Doubt::Nothing,
            Mark::Doubted => Doubt::MayLackSome,
            Mark::Unmarked if self.may_evict() => Doubt::MayLackSome,
            Mark::Unmarked if members == 0 => Doubt::NoIndex,
            Mark::Unmarked => Doubt::Nothing,
        }
    }

    /// Remembers that a session was not in its owner's index.
    pub(crate) async fn has_lost(&self, owner: &Owner) -> Result<(), StoreError> {
        self.mark(owner, "0", "").await
    }

    async fn mark(&self, owner: &Owner, new: &str, old: &str) -> Result<(), StoreError> {
        let mut call = self.scripts().mark.on(&[self.names().owner(owner)]);
        self.send(call.arg(new).arg(old), &Lane::default()).await.map(drop)
    }

    /// Begins to walk over all sessions, to fill an owner's index. The walk goes on if nobody waits for it any more.
    pub(crate) fn search(&self, owner: &Owner, doubt: Doubt) -> JoinHandle<Result<(), StoreError>> {
        let (store, owner) = (self.clone(), owner.clone());
        tokio::spawn(async move {
            if doubt == Doubt::MayLackSome {
                store.in_time(store.has_lost(&owner)).await?;
            }
            store.fill(&owner).await
        })
    }

    async fn fill(&self, owner: &Owner) -> Result<(), StoreError> {
        // One walk at a time. Whoever waited may find that it was made for the same owner.
        let _alone = self.0.walking.lock().await;
        let mut mark = Call::command("ZSCORE", &self.names().owner(owner)).reads();
        mark.arg("");
        if Mark::parse(self.call(&mark).await?)? == Mark::Proven {
            return Ok(());
        }
        // Not what a walk by another server has, and neither of the marks that mean something.
        let ours = (millis(OffsetDateTime::now_utc()) % 900_000_000 + 2).to_string();
        self.in_time(self.mark(owner, &ours, "")).await?;
        let mut found = 0_u64;
        let mut walk = self.walk().await?;
        while let Some(names) = self.step(&mut walk, self.names().sessions(), "string").await? {
            for chunk in names.chunks(CHUNK) {
                for (key, left) in self.in_time(self.owned(chunk, owner)).await? {
                    let now = OffsetDateTime::now_utc();
                    let entry = Entry { owner, key: &key, expires_at: ends(left, now), now };
                    let is_new = self.in_time(self.list(entry, Stage::Listed, &Lane::default())).await?;
                    found += u64::from(is_new);
                }
            }
        }
        if found > 0 {
            tracing::warn!(
                found,
                "the index of an owner's sessions lacked some, and was filled; Redis may have evicted it: set \
                 `maxmemory-policy noeviction`"
            );
        }
        // Unless it was evicted, or lost something, meanwhile.
        self.in_time(self.mark(owner, "", &ours)).await
    }

    /// Those of these sessions that are this owner's, and what is left of their lives.
    async fn owned(&self, names: &[String], owner: &Owner) -> Result<Vec<(StoreKey, i64)>, StoreError> {
        let ask = |names: &[String]| {
            let mut call = self.scripts().owned.on(names).reads();
            call.arg(owner.as_str());
            call
        };
        let answers = if self.is_apart() {
            let each = names.iter().map(|name| StoreKey::from_stored(name.as_str())).collect();
            let lane = Lane::default();
            let answers = self.each(each, &lane, |name| ask(&[name.as_str().to_owned()])).await?;
            answers.into_iter().map(|(name, answer)| (vec![name.as_str().to_owned()], answer)).collect()
        } else {
            vec![(names.to_vec(), self.send(&ask(names), &Lane::default()).await?)]
        };
        let mut found = Vec::new();
        for (names, answer) in answers {
            for (name, left) in names.iter().zip(array(answer)?) {
                let Value::Int(left) = left else { return Err(unexpected()) };
                let key = name.strip_prefix(self.names().sessions());
                found.extend(key.filter(|_| left != -2).map(|key| (StoreKey::from_stored(key), left)));
            }
        }
        Ok(found)
    }
}
