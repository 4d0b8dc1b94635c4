//! A store that fits on a page: the contract's verbs, carried out at once, and the ways in which one can get them wrong.

use std::collections::BTreeMap;

use session_core::StoreKey;
use session_core::store::{
    Created, Deleted, Extend, Record, Replace, Replaced, Stored, Touched, Updated, Version,
};
use time::OffsetDateTime;

/// A question to the store, with all it needs, so that it can be asked later than it was made.
#[derive(Clone)]
pub enum Call {
    Load { key: StoreKey, extend: Option<Extend> },
    Create { key: StoreKey, record: Record },
    Update { key: StoreKey, record: Record, base: Option<Version> },
    Touch { key: StoreKey, expires_at: OffsetDateTime, base: Option<Version> },
    Replace { old: StoreKey, new: StoreKey, record: Record, base: Version, tombstone: Option<Record> },
    Delete { key: StoreKey, base: Option<Version> },
}

impl Call {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Load { .. } => "load",
            Self::Create { .. } => "create",
            Self::Update { .. } => "update",
            Self::Touch { .. } => "touch",
            Self::Replace { .. } => "replace",
            Self::Delete { .. } => "delete",
        }
    }

    /// The keys that it may change, the one that comes into being last.
    pub fn keys(&self) -> Vec<&StoreKey> {
        match self {
            Self::Load { key, .. }
            | Self::Create { key, .. }
            | Self::Update { key, .. }
            | Self::Touch { key, .. }
            | Self::Delete { key, .. } => vec![key],
            Self::Replace { old, new, .. } => vec![old, new],
        }
    }

    /// The answer that a caller hopes for. For a driver that does not wait for the real one.
    pub fn hoped(&self) -> Answer {
        let version = Version::from(u64::MAX);
        match self {
            Self::Load { .. } => Answer::Load(None),
            Self::Create { .. } => Answer::Create(Created::Done(version)),
            Self::Update { .. } => Answer::Update(Updated::Done(version)),
            Self::Touch { .. } => Answer::Touch(Touched::Done),
            Self::Replace { .. } => Answer::Replace(Replaced::Done(version)),
            Self::Delete { .. } => Answer::Delete(Deleted::Done),
        }
    }
}

/// What the store said.
pub enum Answer {
    Load(Option<Stored>),
    Create(Created),
    Update(Updated),
    Touch(Touched),
    Replace(Replaced),
    Delete(Deleted),
}

impl Answer {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Load(Some(stored)) if stored.record.is_tombstone() => "tombstone",
            Self::Load(Some(_)) => "found",
            Self::Load(None) => "nothing",
            Self::Create(Created::Exists) | Self::Replace(Replaced::Exists) => "exists",
            Self::Update(Updated::Missing)
            | Self::Touch(Touched::Missing)
            | Self::Replace(Replaced::Missing)
            | Self::Delete(Deleted::Missing) => "missing",
            Self::Update(Updated::Conflict(_))
            | Self::Replace(Replaced::Conflict(_))
            | Self::Delete(Deleted::Conflict(_)) => "conflict",
            Self::Touch(Touched::Changed) => "changed",
            Self::Create(Created::Done(_))
            | Self::Update(Updated::Done(_))
            | Self::Touch(Touched::Done)
            | Self::Replace(Replaced::Done(_))
            | Self::Delete(Deleted::Done) => "done",
        }
    }
}

/// Whether a load carries out the touch it is offered. A store may do either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    InTheLoad,
    Never,
}

/// The ways in which a store can be wrong. Each must be noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    CreateOverwrites,
    UpdateUpserts,
    UpdateIgnoresBase,
    UnknownBaseIsSaidToBeDone,
    TouchUpserts,
    TouchIgnoresBase,
    TouchChangesTheVersion,
    ReplaceIgnoresBase,
    ReplaceKeepsTheOld,
    ReplaceLeavesNoTombstone,
    DeleteIgnoresBase,
    DeleteDoesNothing,
}

/// The store.
#[derive(Clone)]
pub struct ModelStore {
    pub fold: Fold,
    pub flaw: Option<Flaw>,
    counter: u64,
    map: BTreeMap<StoreKey, Stored>,
    /// The last record of each key that is no more: what a store that upserts would bring back.
    graves: BTreeMap<StoreKey, Record>,
}

impl ModelStore {
    pub fn new(fold: Fold, flaw: Option<Flaw>) -> Self {
        Self { fold, flaw, counter: 0, map: BTreeMap::new(), graves: BTreeMap::new() }
    }

    pub fn get(&self, key: &StoreKey) -> Option<&Stored> {
        self.map.get(key)
    }

    pub fn entries(&self) -> impl Iterator<Item = (&StoreKey, &Stored)> {
        self.map.iter()
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    fn put(&mut self, key: &StoreKey, record: &Record) -> Version {
        self.counter += 1;
        let version = Version::from(self.counter);
        self.map.insert(key.clone(), Stored { record: record.clone(), version: version.clone() });
        version
    }

    fn take(&mut self, key: &StoreKey) {
        if let Some(stored) = self.map.remove(key) {
            self.graves.insert(key.clone(), stored.record);
        }
    }

    /// Carries out one call, in one step.
    pub fn answer(&mut self, call: &Call, now: OffsetDateTime) -> Answer {
        match call {
            Call::Load { key, extend } => Answer::Load(self.load(key, extend.as_ref(), now)),
            Call::Create { key, record } => {
                if self.map.contains_key(key) && !self.has(Flaw::CreateOverwrites) {
                    return Answer::Create(Created::Exists);
                }
                Answer::Create(Created::Done(self.put(key, record)))
            }
            Call::Update { key, record, base } => Answer::Update(self.update(key, record, base.as_ref())),
            Call::Touch { key, expires_at, base } => {
                Answer::Touch(self.touch(key, *expires_at, base.as_ref()))
            }
            Call::Replace { old, new, record, base, tombstone } => Answer::Replace(self.replace(Replace {
                old,
                new,
                record,
                base,
                tombstone: tombstone.as_ref(),
            })),
            Call::Delete { key, base } => Answer::Delete(self.delete(key, base.as_ref())),
        }
    }

    fn load(&mut self, key: &StoreKey, extend: Option<&Extend>, now: OffsetDateTime) -> Option<Stored> {
        let stored = self.map.get_mut(key)?;
        match (self.fold, extend) {
            (Fold::InTheLoad, Some(extend)) if extend.applies_to(&stored.record, now) => {
                stored.record.expires_at = extend.to;
            }
            (Fold::InTheLoad | Fold::Never, _) => {}
        }
        Some(stored.clone())
    }

    fn update(&mut self, key: &StoreKey, record: &Record, base: Option<&Version>) -> Updated {
        if self.has(Flaw::UnknownBaseIsSaidToBeDone) && base == Some(&Version::unknown()) {
            return Updated::Done(Version::unknown());
        }
        match self.map.get(key) {
            None if !self.has(Flaw::UpdateUpserts) => return Updated::Missing,
            Some(stored)
                if base.is_some_and(|base| *base != stored.version) && !self.has(Flaw::UpdateIgnoresBase) =>
            {
                return Updated::Conflict(stored.clone());
            }
            None | Some(_) => {}
        }
        Updated::Done(self.put(key, record))
    }

    fn touch(&mut self, key: &StoreKey, expires_at: OffsetDateTime, base: Option<&Version>) -> Touched {
        if self.has(Flaw::TouchUpserts)
            && !self.map.contains_key(key)
            && let Some(record) = self.graves.get(key).cloned()
        {
            self.put(key, &record);
        }
        if self.has(Flaw::TouchChangesTheVersion)
            && let Some(record) = self.map.get(key).map(|stored| stored.record.clone())
        {
            self.put(key, &record);
        }
        let any = self.has(Flaw::TouchIgnoresBase) || self.has(Flaw::TouchUpserts);
        match self.map.get_mut(key) {
            Some(stored) if !any && base.is_some_and(|base| *base != stored.version) => Touched::Changed,
            Some(stored) => {
                stored.record.expires_at = expires_at;
                Touched::Done
            }
            None => Touched::Missing,
        }
    }

    fn replace(&mut self, replace: Replace<'_>) -> Replaced {
        let Some(stored) = self.map.get(replace.old) else {
            return Replaced::Missing;
        };
        if stored.version != *replace.base && !self.has(Flaw::ReplaceIgnoresBase) {
            return Replaced::Conflict(stored.clone());
        }
        if self.map.contains_key(replace.new) {
            return Replaced::Exists;
        }
        let version = self.put(replace.new, replace.record);
        match replace.tombstone {
            _ if self.has(Flaw::ReplaceKeepsTheOld) => {}
            Some(tombstone) if !self.has(Flaw::ReplaceLeavesNoTombstone) => {
                self.put(replace.old, tombstone);
            }
            Some(_) | None => self.take(replace.old),
        }
        Replaced::Done(version)
    }

    fn delete(&mut self, key: &StoreKey, base: Option<&Version>) -> Deleted {
        match self.map.get(key) {
            None => Deleted::Missing,
            Some(stored)
                if base.is_some_and(|base| *base != stored.version) && !self.has(Flaw::DeleteIgnoresBase) =>
            {
                Deleted::Conflict(stored.clone())
            }
            Some(_) => {
                if !self.has(Flaw::DeleteDoesNothing) {
                    self.take(key);
                }
                Deleted::Done
            }
        }
    }
}
