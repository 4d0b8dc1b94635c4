//! A store that keeps every promise, unless it is told to break one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use session_core::StoreKey;
use session_core::store::{Extend, Owner, Record, StoreError, Stored, Version};
use time::OffsetDateTime;

use crate::fault::Fault;

/// A clone is the same store.
#[derive(Clone)]
pub(crate) struct Model {
    fault: Option<Fault>,
    nature: Nature,
    state: Arc<Mutex<State>>,
    pool: Arc<Mutex<Pool>>,
}

/// Connections, as a store has them whose server knows transactions.
#[derive(Default)]
struct Pool {
    /// How many verbs have been begun.
    begun: usize,
    /// What each connection sees, if it is in a transaction.
    snapshots: [Option<State>; CONNECTIONS],
    in_use: usize,
    locked: BTreeSet<StoreKey>,
}

const CONNECTIONS: usize = 20;

/// What a sound store may be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nature {
    Plain,
    /// It does not listen to what it is told of the time.
    ServerClock,
    /// It holds the expiry in whole seconds.
    WholeSeconds,
    /// It leaves each touch to its caller.
    IgnoresExtend,
}

#[derive(Default, Clone)]
pub(crate) struct State {
    pub(crate) counter: u64,
    pub(crate) sessions: BTreeMap<StoreKey, Stored>,
    /// The sessions with an owner, as a store with an index of its own would hold it.
    pub(crate) index: BTreeSet<(Owner, StoreKey)>,
    /// As they were created.
    pub(crate) first: BTreeMap<StoreKey, Stored>,
}

impl State {
    pub(crate) fn put(&mut self, key: &StoreKey, record: Record) -> Version {
        self.counter += 1;
        let version = Version::from(self.counter);
        self.put_at(key, record, version.clone());
        version
    }

    pub(crate) fn put_at(&mut self, key: &StoreKey, record: Record, version: Version) {
        self.remove(key);
        self.index.extend(record.owner.clone().map(|owner| (owner, key.clone())));
        self.sessions.insert(key.clone(), Stored { record, version });
    }

    pub(crate) fn remove(&mut self, key: &StoreKey) -> bool {
        let Some(stored) = self.sessions.remove(key) else { return false };
        if let Some(owner) = stored.record.owner {
            self.index.remove(&(owner, key.clone()));
        }
        true
    }

    pub(crate) fn live(&self, key: &StoreKey, now: OffsetDateTime) -> Option<Stored> {
        self.sessions.get(key).filter(|stored| stored.record.expires_at > now).cloned()
    }
}

/// Long enough for others to come in between.
pub(crate) async fn pause() {
    for _ in 0..3 {
        tokio::task::yield_now().await;
    }
}

/// Whether the record is not at `base`.
pub(crate) fn differs(stored: &Stored, base: Option<&Version>) -> bool {
    base.is_some_and(|base| *base != stored.version)
}

impl Model {
    pub(crate) fn new(fault: Option<Fault>) -> Self {
        Self { fault, nature: Nature::Plain, state: Arc::default(), pool: Arc::default() }
    }

    pub(crate) fn sound(nature: Nature) -> Self {
        Self { nature, ..Self::new(None) }
    }

    /// The time that this store goes by.
    pub(crate) fn time(&self, told: OffsetDateTime) -> OffsetDateTime {
        if self.nature == Nature::ServerClock { OffsetDateTime::now_utc() } else { told }
    }

    pub(crate) fn fault(&self) -> Option<Fault> {
        self.fault
    }

    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// Where a verb that is dropped leaves something: begins and ends a transaction on the next connection.
    pub(crate) async fn transaction(&self, keys: &[&StoreKey]) -> Result<(), StoreError> {
        let Some(
            fault @ (Fault::DroppedKeepsSnapshot | Fault::DroppedKeepsConnection | Fault::DroppedKeepsLock),
        ) = self.fault
        else {
            return Ok(());
        };
        let before = self.lock().clone();
        let connection = {
            let mut pool = self.pool();
            let connection = pool.begun % CONNECTIONS;
            pool.begun += 1;
            if fault == Fault::DroppedKeepsSnapshot {
                pool.snapshots[connection] = Some(before);
            } else if pool.in_use == CONNECTIONS || keys.iter().any(|key| pool.locked.contains(key)) {
                return Err(StoreError::unavailable("others are in the way"));
            } else if fault == Fault::DroppedKeepsConnection {
                pool.in_use += 1;
            } else {
                pool.locked.extend(keys.iter().copied().cloned());
            }
            connection
        };
        // Long enough to be dropped by callers who count milliseconds, too.
        tokio::time::sleep(Duration::from_millis(1)).await;
        let mut pool = self.pool();
        pool.snapshots[connection] = None;
        pool.in_use = pool.in_use.saturating_sub(1);
        pool.locked.retain(|key| !keys.contains(&key));
        Ok(())
    }

    /// What the next connection sees, if it is still in a transaction.
    pub(crate) fn snapshot(&self) -> Option<State> {
        if !self.has(Fault::DroppedKeepsSnapshot) {
            return None;
        }
        let mut pool = self.pool();
        pool.begun += 1;
        pool.snapshots[pool.begun % CONNECTIONS].clone()
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn key(&self, key: &StoreKey) -> StoreKey {
        let text = key.as_str();
        match self.fault {
            Some(Fault::KeysFoldCase) => StoreKey::from_stored(text.to_lowercase()),
            Some(Fault::KeysAreCut) => StoreKey::from_stored(text.chars().take(255).collect::<String>()),
            _ => key.clone(),
        }
    }

    /// The record as it is kept.
    pub(crate) fn kept(&self, record: &Record) -> Record {
        let Record { payload, expires_at, owner } = record.clone();
        let end_2038 = OffsetDateTime::from_unix_timestamp(i64::from(i32::MAX)).unwrap_or(expires_at);
        let expires_at = match self.fault {
            Some(Fault::ExpiryRoundsUp) => {
                expires_at.replace_nanosecond(0).unwrap_or(expires_at) + Duration::from_secs(1)
            }
            None if self.nature == Nature::WholeSeconds => {
                expires_at.replace_nanosecond(0).unwrap_or(expires_at)
            }
            Some(Fault::ExpiryEndsIn2038) => expires_at.min(end_2038),
            _ => expires_at,
        };
        let payload = match self.fault {
            Some(Fault::PayloadNormalised) => {
                let value: Result<serde_json::Value, _> = serde_json::from_str(&payload);
                value.map_or(payload, |value| value.to_string().into())
            }
            Some(Fault::PayloadCut) => payload[..payload.len().min(65_535)].into(),
            Some(Fault::PayloadAscii) => {
                payload.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect::<String>().into()
            }
            Some(Fault::PayloadWithoutNul) => payload.replace("\\u0000", "").into(),
            Some(Fault::PayloadCompleted) => {
                payload.replace(r#""cookie":{}}"#, r#""cookie":{"originalMaxAge":null}}"#).into()
            }
            _ => payload,
        };
        Record { payload, expires_at, owner }
    }

    pub(crate) fn shown(&self, stored: Stored) -> Stored {
        match self.fault {
            Some(Fault::ConflictShowsNoVersion) => Stored { version: Version::unknown(), ..stored },
            _ => stored,
        }
    }

    /// Whether a load with `extend` moves the expiry.
    pub(crate) fn extends(&self, extend: &Extend, record: &Record, now: OffsetDateTime) -> bool {
        let due = record.expires_at > now && record.expires_at < extend.due_before;
        let always = Extend { due_before: record.expires_at + Duration::from_secs(1), ..extend.clone() };
        match self.fault {
            Some(Fault::ExtendIgnoresDue) => always.applies_to(record, now),
            Some(Fault::ExtendIgnoresLife) => due,
            Some(Fault::ExtendTakesAbsentForNull) if !record.payload.contains("originalMaxAge") => {
                due && extend.original_max_age.is_none()
            }
            Some(Fault::ExtendSearchesText) => {
                let life = extend.original_max_age.map_or("null".to_owned(), |life| life.to_string());
                due && record.payload.contains(&format!("originalMaxAge\":{life}"))
            }
            Some(Fault::ExtendRevives) => always.applies_to(record, OffsetDateTime::UNIX_EPOCH),
            None if self.nature == Nature::IgnoresExtend => false,
            _ => extend.applies_to(record, now),
        }
    }
}
