//! A whole server over a store that does what the contract says.

use std::cell::Cell;
use std::collections::HashMap;

use session_core::close::Close;
use session_core::state::Use;
use session_core::store::{Created, Deleted, Replaced, Stored, Touched, Updated, Version};
use session_core::{Error, Open, Policy, Reply, SessionId, State, StoreKey};
use time::OffsetDateTime;

use crate::requests::*;

/// A server with a store that does what the contract says.
pub struct Server {
    pub policy: Policy,
    pub records: HashMap<StoreKey, Stored>,
    pub counter: Cell<u64>,
    /// Whether the store carries out a due touch while it loads.
    pub folds: bool,
}

impl Server {
    pub fn new(policy: Policy) -> Self {
        Self { policy, records: HashMap::new(), counter: Cell::new(0), folds: false }
    }

    pub fn version(&self) -> Version {
        self.counter.set(self.counter.get() + 1);
        Version::from(self.counter.get())
    }

    pub fn open(&mut self, cookie: Option<&str>, now: OffsetDateTime) -> Box<State> {
        let mut open = self.policy.open(self.policy.visit(&facts(), cookie.map(str::as_bytes)));
        loop {
            match open {
                Open::Ready(state) => return state,
                Open::Outside => panic!("`/` covers everything"),
                Open::Load(mut load) => {
                    let extend = load.extend(now);
                    let found = self.records.get_mut(load.key());
                    let answer = found.map(|stored| {
                        if let Some(extend) =
                            extend.filter(|extend| self.folds && extend.applies_to(&stored.record, now))
                        {
                            stored.record.expires_at = extend.to;
                        }
                        stored.clone()
                    });
                    open = load.resume(answer, now);
                }
            }
        }
    }

    pub fn close(&mut self, state: Box<State>, now: OffsetDateTime) -> Result<Reply, Error> {
        let counter = Cell::new(self.counter.get() + 1_000_000);
        let mut fresh = || {
            counter.set(counter.get() + 1);
            SessionId::new(&format!("id{}", counter.get())).unwrap()
        };
        let mut close = state.close(Use::Used, now, &mut fresh);
        loop {
            let version = self.version();
            close = match close {
                Close::Done(settled) => return Ok(settled.into_reply(now)),
                Close::Refused(refused) => return Err(refused.error),
                Close::Create(step) => {
                    let stored = Stored { record: step.record().clone(), version: version.clone() };
                    let none = self.records.insert(step.key().clone(), stored);
                    assert!(none.is_none(), "ids are not repeated");
                    step.resume(Created::Done(version), now, &mut fresh)
                }
                Close::Update(step) => {
                    let answer = match self.records.get_mut(step.key()) {
                        None => Updated::Missing,
                        Some(stored) if step.base().is_some_and(|base| *base != stored.version) => {
                            Updated::Conflict(stored.clone())
                        }
                        Some(stored) => {
                            *stored = Stored { record: step.record().clone(), version: version.clone() };
                            Updated::Done(version)
                        }
                    };
                    step.resume(answer, now)
                }
                Close::Touch(step) => match self.records.get_mut(step.key()) {
                    None => step.resume(Touched::Missing),
                    Some(stored) => {
                        stored.record.expires_at = step.expires_at();
                        step.resume(Touched::Done)
                    }
                },
                Close::Rename(step) => {
                    let replace = step.replace();
                    let answer = match self.records.remove(replace.old) {
                        None => Replaced::Missing,
                        Some(_) => {
                            let record = replace.record.clone();
                            self.records
                                .insert(replace.new.clone(), Stored { record, version: version.clone() });
                            Replaced::Done(version)
                        }
                    };
                    step.resume(answer, now, &mut fresh)
                }
                Close::Delete(step) => {
                    let answer = match self.records.remove(step.key()) {
                        None => Deleted::Missing,
                        Some(_) => Deleted::Done,
                    };
                    step.resume(answer)
                }
            };
        }
    }
}
