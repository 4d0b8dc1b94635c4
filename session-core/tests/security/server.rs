//! A server with a store that does what the contract says, and a clock that is told.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use session_core::close::Close;
use session_core::policy::PolicyBuilder;
use session_core::state::Use;
use session_core::store::{Created, Deleted, Record, Replaced, Stored, Touched, Updated, Version};
use session_core::{Error, Keyring, Open, Policy, Reply, RequestFacts, SessionId, State, StoreKey};
use sha2::Sha256;
use time::OffsetDateTime;
use time::macros::datetime;

pub const NOW: OffsetDateTime = datetime!(2030-01-01 0:00 UTC);
pub const SECRET: &str = "0123456789abcdefghijklmnopqrstuvwxyz";
pub const SECOND: Duration = Duration::from_secs(1);
pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(60 * 60);
pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub fn tls() -> RequestFacts<'static> {
    RequestFacts::new("/").tls(true)
}

pub fn strong() -> PolicyBuilder {
    Policy::builder(Keyring::new(SECRET))
}

pub fn preset() -> PolicyBuilder {
    Policy::express_session(Keyring::new(SECRET))
}

pub fn no_id() -> SessionId {
    panic!("no id is to be made")
}

pub fn mac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// A cookie value as `cookie-signature` signs it.
pub fn raw_seal(id: &str) -> String {
    let signed = format!("s:{id}.{}", STANDARD_NO_PAD.encode(mac(SECRET.as_bytes(), id.as_bytes())));
    // What encodeURIComponent leaves alone, as far as it stands in these ids.
    const LEFT: &percent_encoding::AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');
    utf8_percent_encode(&signed, LEFT).to_string()
}

pub trait CookieOf {
    /// `name=value`, as a browser sends it back.
    fn cookie(&self) -> String;
}

impl CookieOf for Reply {
    fn cookie(&self) -> String {
        self.set_cookie().expect("a cookie is set").split("; ").next().unwrap().to_owned()
    }
}

/// A server with a store that does what the contract says.
pub struct Server<'a> {
    pub policy: Policy,
    pub facts: RequestFacts<'a>,
    pub records: BTreeMap<StoreKey, Stored>,
    pub drawn: Cell<u8>,
    pub version: u64,
    pub verbs: usize,
}

impl Server<'_> {
    pub fn new(builder: PolicyBuilder) -> Self {
        Self::with(builder.build().unwrap())
    }

    pub fn with(policy: Policy) -> Self {
        Self { policy, facts: tls(), records: BTreeMap::new(), drawn: Cell::new(0), version: 0, verbs: 0 }
    }

    /// Draws the next id from a generator that can be begun again.
    pub fn fresh(&self) -> SessionId {
        self.drawn.set(self.drawn.get() + 1);
        SessionId::from_entropy([self.drawn.get(); 24])
    }

    /// The cookie that this server would set for an id, whether or not there is such a session.
    pub fn cookie_for(&self, id: &str) -> String {
        let mut server = Server { facts: self.facts, ..Server::with(self.policy.clone()) };
        let mut state = server.open(&[], NOW);
        state.id(|| SessionId::new(id).unwrap());
        state.insert("a", 1).unwrap();
        server.close(state, NOW).cookie()
    }

    /// Puts a record into the store, past the core.
    pub fn plant(&mut self, id: &str, payload: &str) -> StoreKey {
        let key = SessionId::new(id).unwrap().key(self.policy.ids_at_rest());
        let record = Record { payload: payload.into(), expires_at: NOW + DAY, owner: None };
        self.records.insert(key.clone(), Stored { record, version: Version::from("planted") });
        key
    }

    /// Begins a session and returns its cookie.
    pub fn begin(&mut self) -> String {
        let mut state = self.open(&[], NOW);
        state.insert("a", 1).unwrap();
        self.close(state, NOW).cookie()
    }

    pub fn only(&self) -> &Stored {
        let mut all = self.records.values();
        let one = all.next().expect("a record");
        assert!(all.next().is_none(), "one record");
        one
    }

    pub fn open(&self, cookies: &[&str], now: OffsetDateTime) -> Box<State> {
        let visit = self.policy.visit(&self.facts, cookies.iter().map(|cookie| cookie.as_bytes()));
        let mut open = self.policy.open(visit);
        loop {
            match open {
                Open::Ready(state) => return state,
                Open::Outside => panic!("the path is inside"),
                Open::Load(load) => {
                    let answer = self.records.get(load.key()).cloned();
                    open = load.resume(answer, now);
                }
            }
        }
    }

    pub fn close(&mut self, state: Box<State>, now: OffsetDateTime) -> Reply {
        self.try_close(state, now).unwrap()
    }

    pub fn try_close(&mut self, state: Box<State>, now: OffsetDateTime) -> Result<Reply, Error> {
        self.close_as(state, Use::Used, now)
    }

    pub fn close_as(&mut self, state: Box<State>, used: Use, now: OffsetDateTime) -> Result<Reply, Error> {
        let drawn = Cell::new(self.drawn.get());
        let mut fresh = || {
            drawn.set(drawn.get() + 1);
            SessionId::from_entropy([drawn.get(); 24])
        };
        let mut close = state.close(used, now, &mut fresh);
        let result = loop {
            self.version += 1;
            let version = Version::from(self.version);
            match &close {
                Close::Done(_) | Close::Refused(_) => {}
                Close::Create(_)
                | Close::Update(_)
                | Close::Touch(_)
                | Close::Rename(_)
                | Close::Delete(_) => {
                    self.verbs += 1;
                }
            }
            close = match close {
                Close::Done(settled) => break Ok(settled.into_reply(now)),
                Close::Refused(refused) => break Err(refused.error),
                Close::Create(step) => {
                    let answer = if self.records.contains_key(step.key()) {
                        Created::Exists
                    } else {
                        let record = step.record().clone();
                        self.records.insert(step.key().clone(), Stored { record, version: version.clone() });
                        Created::Done(version)
                    };
                    step.resume(answer, now, &mut fresh)
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
                    let answer = match self.records.get(replace.old) {
                        None => Replaced::Missing,
                        Some(stored) if stored.version != *replace.base => Replaced::Conflict(stored.clone()),
                        Some(_) if self.records.contains_key(replace.new) => Replaced::Exists,
                        Some(_) => {
                            self.records.remove(replace.old);
                            if let Some(tombstone) = replace.tombstone {
                                let record = tombstone.clone();
                                self.records.insert(
                                    replace.old.clone(),
                                    Stored { record, version: Version::from("gone") },
                                );
                            }
                            let record = replace.record.clone();
                            self.records
                                .insert(replace.new.clone(), Stored { record, version: version.clone() });
                            Replaced::Done(version)
                        }
                    };
                    step.resume(answer, now, &mut fresh)
                }
                Close::Delete(step) => {
                    let answer = match self.records.get(step.key()) {
                        None => Deleted::Missing,
                        Some(stored) if step.base().is_some_and(|base| *base != stored.version) => {
                            Deleted::Conflict(stored.clone())
                        }
                        Some(_) => {
                            self.records.remove(step.key());
                            Deleted::Done
                        }
                    };
                    step.resume(answer)
                }
            };
        };
        self.drawn.set(drawn.get());
        result
    }
}
