//! What every run begins with: a policy, a store that holds one session with an owner and data, and its cookie.

use std::time::Duration;

use session_core::policy::Concurrency;
use session_core::state::Use;
use session_core::{Close, Keyring, Open, Policy, RequestFacts, SessionId, StoreKey};
use time::OffsetDateTime;
use time::macros::datetime;

use crate::request::{close_call, resume};
use crate::script::{COUNTER, SEED, owner};
use crate::store::{Flaw, Fold, ModelStore};

/// When the session was made.
const BEFORE: OffsetDateTime = datetime!(2030-01-01 0:00 UTC);
/// When the requests begin: a touch is due by then, after a tenth of a day.
const START: OffsetDateTime = datetime!(2030-01-01 3:00 UTC);
/// When they may begin in its place: no touch is due yet.
pub const SOON: OffsetDateTime = datetime!(2030-01-01 0:01 UTC);

/// The policies under which everything is enumerated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The default.
    Merge,
    /// The default, but a renewal leaves no tombstone.
    NoTombstones,
    /// As express-session does it. Leaves no tombstones either.
    LastWriteWins,
}

/// How the store is asked and the reply passed on. All ways but the first are wrong; each must be noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    Waits,
    /// Hands out the reply first and lets the write run in the background.
    RepliesEarly,
    /// Takes away every cookie that led to nothing, whatever the core says.
    TidiesUp,
    /// Forgets a renewal that was broken off.
    NeverTakesBack,
}

/// Makes ids: a counter in place of randomness, so that every run can be made again.
#[derive(Clone, Default)]
pub struct Ids {
    made: u64,
    /// Every id comes twice, as from a broken generator.
    pub stutters: bool,
    pub issued: Vec<(SessionId, StoreKey)>,
}

impl Ids {
    pub fn fresh(&mut self, policy: &Policy) -> SessionId {
        let number = if self.stutters { self.made / 2 } else { self.made };
        self.made += 1;
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        let id = SessionId::from_entropy(bytes);
        self.issued.push((id.clone(), id.key(policy.ids_at_rest())));
        id
    }
}

pub struct Setup {
    pub mode: Mode,
    pub driver: Driver,
    pub policy: Policy,
    pub store: ModelStore,
    pub ids: Ids,
    /// The `Cookie` header of the session that is there.
    pub cookie: String,
    /// A `Cookie` header that verifies, for an id that was never stored here.
    pub stranger: String,
    /// The key of the session that is there.
    pub root: StoreKey,
    pub start: OffsetDateTime,
}

impl Setup {
    pub fn new(mode: Mode, fold: Fold) -> Self {
        Self::flawed(mode, fold, None, Driver::Waits)
    }

    pub fn flawed(mode: Mode, fold: Fold, flaw: Option<Flaw>, driver: Driver) -> Self {
        let builder = Policy::builder(Keyring::new("s3cr3t, random and longer than 32 bytes"));
        let policy = match mode {
            Mode::Merge => builder,
            Mode::NoTombstones => builder.tombstone_life(Duration::ZERO),
            Mode::LastWriteWins => builder.concurrency(Concurrency::LastWriteWins),
        }
        .build()
        .unwrap();
        let mut store = ModelStore::new(fold, flaw);
        let mut ids = Ids::default();
        let stranger = first_visit(&policy, &mut store.clone(), &mut ids);
        let cookie = first_visit(&policy, &mut store, &mut ids);
        let root = store.entries().next().unwrap().0.clone();
        let setup = Self { mode, driver, policy, store, ids, cookie, stranger, root, start: START };
        // What the requests send is what the first reply told the browser, and it leads to the session.
        assert!(matches!(setup.open(Some(&setup.cookie)), Open::Load(load) if *load.key() == setup.root));
        assert!(matches!(setup.open(Some(&setup.stranger)), Open::Load(load) if *load.key() != setup.root));
        setup
    }

    pub fn tombstones(&self) -> bool {
        self.mode == Mode::Merge
    }

    pub fn merges(&self) -> bool {
        matches!(self.mode, Mode::Merge | Mode::NoTombstones)
    }

    /// The clock: it moves a second with each step, so that any two steps can be told apart by it.
    pub fn at(&self, step: usize) -> OffsetDateTime {
        self.start + Duration::from_secs(step as u64)
    }

    pub fn open(&self, cookie: Option<&str>) -> Open {
        open(&self.policy, cookie)
    }
}

fn open(policy: &Policy, cookie: Option<&str>) -> Open {
    let facts = RequestFacts::new("/").tls(true);
    policy.open(policy.visit(&facts, cookie.map(str::as_bytes)))
}

/// A request without a cookie that makes the session: the `Cookie` header that its browser sends from then on.
fn first_visit(policy: &Policy, store: &mut ModelStore, ids: &mut Ids) -> String {
    let Open::Ready(mut state) = open(policy, None) else {
        panic!("a request without a cookie needs no store")
    };
    state.login(owner("the first"), BEFORE).unwrap();
    state.insert(SEED, 1).unwrap();
    state.insert(COUNTER, 0).unwrap();
    let mut fresh = || ids.fresh(policy);
    let close = state.close(Use::Used, BEFORE, &mut fresh);
    let call = close_call(&close).expect("a login is written");
    let answer = store.answer(&call, BEFORE);
    let Close::Done(settled) = resume(close, answer, BEFORE, &mut fresh) else {
        panic!("one write is enough")
    };
    let reply = settled.into_reply(BEFORE);
    let line = reply.set_cookie().unwrap();
    line.split(';').next().unwrap().to_owned()
}
