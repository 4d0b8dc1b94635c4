//! One request over a store that came with it.

use std::collections::BTreeMap;
use std::time::Duration;

use session_core::close::Close;
use session_core::state::Use;
use session_core::store::{Created, Deleted, Record, Replaced, Stored, Touched, Updated, Version};
use session_core::{Error, Open, Owner, Policy, RequestFacts, SessionId, State};
use time::OffsetDateTime;

use crate::Step;

/// A record as it goes over the line.
#[derive(Clone, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry {
    payload: String,
    /// Milliseconds since the epoch.
    expires_at: i64,
}

pub(crate) struct Exchange {
    pub(crate) policy: Policy,
    pub(crate) now: OffsetDateTime,
    pub(crate) records: BTreeMap<String, Entry>,
    pub(crate) ids: std::vec::IntoIter<String>,
    pub(crate) looked_up: Vec<String>,
}

impl Exchange {
    /// The session of the request; `None` if its path is outside the cookie's.
    pub(crate) fn open(&mut self, cookies: &[String]) -> Option<Box<State>> {
        let facts = RequestFacts::new("/").tls(true);
        let visit = self.policy.visit(&facts, cookies.iter().map(String::as_bytes));
        let mut open = self.policy.open(visit);
        loop {
            match open {
                Open::Ready(state) => return Some(state),
                Open::Outside => return None,
                Open::Load(load) => {
                    let key = load.key().as_str().to_owned();
                    let answer = self.records.get(&key).map(Entry::stored);
                    self.looked_up.push(key);
                    open = load.resume(answer, self.now);
                }
            }
        }
    }

    pub(crate) fn play(&mut self, state: &mut State, script: Vec<Step>) -> Result<(), Error> {
        for step in script {
            match step {
                Step::Insert(key, value) => state.insert(&key, value)?,
                Step::Remove(key) => drop(state.take::<serde_json::Value>(&key)?),
                Step::MaxAge(ms) => state.set_max_age(ms.map(Duration::from_millis), self.now)?,
                Step::Renew => state.renew()?,
                Step::Login(owner) => {
                    if let Some(owner) = Owner::new(&owner) {
                        state.login(owner, self.now)?;
                    }
                }
                Step::Destroy => state.destroy(),
                Step::Count(key) => {
                    let _count = state.update(&key, |count: Option<u64>| count.unwrap_or(0) + 1)?;
                }
            }
        }
        Ok(())
    }

    /// Carries out what the end of the request demands; the `Set-Cookie` line, if there is one.
    pub(crate) fn close(&mut self, state: Box<State>) -> Result<Option<String>, Error> {
        let Self { now, records, ids, .. } = self;
        let mut drawn = 0_u8;
        let mut fresh = || {
            drawn = drawn.wrapping_add(1);
            let given = ids.next().and_then(|id| SessionId::new(&id));
            given.unwrap_or_else(|| SessionId::from_entropy([drawn; 24]))
        };
        let mut close = state.close(Use::Used, *now, &mut fresh);
        loop {
            // One request at a time: no version is ever in the way.
            close = match close {
                Close::Done(settled) => return Ok(settled.into_reply(*now).set_cookie().map(str::to_owned)),
                Close::Refused(refused) => return Err(refused.error),
                Close::Create(step) => {
                    let answer = if records.contains_key(step.key().as_str()) {
                        Created::Exists
                    } else {
                        records.insert(step.key().as_str().to_owned(), Entry::of(step.record()));
                        Created::Done(Version::from(1))
                    };
                    step.resume(answer, *now, &mut fresh)
                }
                Close::Update(step) => {
                    let answer = match records.get_mut(step.key().as_str()) {
                        Some(entry) => {
                            *entry = Entry::of(step.record());
                            Updated::Done(Version::from(1))
                        }
                        None => Updated::Missing,
                    };
                    step.resume(answer, *now)
                }
                Close::Touch(step) => {
                    let answer = match records.get_mut(step.key().as_str()) {
                        Some(entry) => {
                            entry.expires_at = millis(step.expires_at());
                            Touched::Done
                        }
                        None => Touched::Missing,
                    };
                    step.resume(answer)
                }
                Close::Rename(step) => {
                    let replace = step.replace();
                    let answer = match records.remove(replace.old.as_str()) {
                        Some(_) => {
                            if let Some(tombstone) = replace.tombstone {
                                records.insert(replace.old.as_str().to_owned(), Entry::of(tombstone));
                            }
                            records.insert(replace.new.as_str().to_owned(), Entry::of(replace.record));
                            Replaced::Done(Version::from(1))
                        }
                        None => Replaced::Missing,
                    };
                    step.resume(answer, *now, &mut fresh)
                }
                Close::Delete(step) => {
                    let answer = match records.remove(step.key().as_str()) {
                        Some(_) => Deleted::Done,
                        None => Deleted::Missing,
                    };
                    step.resume(answer)
                }
            };
        }
    }
}

impl Entry {
    fn of(record: &Record) -> Self {
        Self { payload: record.payload.to_string(), expires_at: millis(record.expires_at) }
    }

    fn stored(&self) -> Stored {
        let expires_at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.expires_at) * 1_000_000);
        Stored {
            record: Record {
                payload: self.payload.as_str().into(),
                expires_at: expires_at.unwrap_or(OffsetDateTime::UNIX_EPOCH),
                owner: None,
            },
            version: Version::from(1),
        }
    }
}

fn millis(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}
