//! One run as it went, and what the checks ask of it.

use std::fmt::Write as _;

use session_core::store::Stored;
use session_core::{Open, State, StoreKey};
use time::OffsetDateTime;

use crate::explore::How;
use crate::request::{Claim, End, Log};
use crate::script::{COUNTER, Change, Script};
use crate::setup::{Ids, Setup};
use crate::store::{Answer, Call, ModelStore};

/// A call as it was carried out.
pub struct Event {
    pub actor: usize,
    pub name: &'static str,
    pub answer: &'static str,
    /// When the request decided on it, and when it took effect.
    pub asked_at: OffsetDateTime,
    pub at: OffsetDateTime,
    pub touched: Vec<Touched>,
}

/// A record before and after a call.
pub struct Touched {
    pub key: StoreKey,
    pub before: Option<Stored>,
    pub after: Option<Stored>,
    /// Whether there is a session after it, and not merely what a renewal left behind.
    pub lives: bool,
}

impl Touched {
    pub fn changed(&self) -> bool {
        self.before != self.after
    }
}

/// Whether there is a session, and no tombstone.
pub fn is_live(stored: Option<&Stored>) -> bool {
    stored.is_some_and(|stored| !stored.record.is_tombstone())
}

/// One run, from beginning to end.
pub struct Trace<'a> {
    pub setup: &'a Setup,
    pub scripts: &'a [Script],
    pub schedule: Vec<(usize, How)>,
    pub events: Vec<Event>,
    pub logs: Vec<Log>,
    pub store: ModelStore,
    pub ids: Ids,
}

impl Trace<'_> {
    pub fn describe(&self) -> String {
        let mut text = format!("{:?} under {:?}:", self.scripts, self.setup.mode);
        let mut events = self.events.iter();
        for (actor, how) in &self.schedule {
            let event = match how {
                How::CutBefore | How::FailBefore | How::CutUnderWay => None,
                How::Call | How::CutAfter | How::FailAfter | How::Arrival => events.next(),
            };
            let _ = match event {
                Some(event) => write!(text, "\n  {actor} {} -> {}", event.name, event.answer),
                None => write!(text, "\n  {actor}"),
            };
            if *how != How::Call {
                let _ = write!(text, " ({how:?})");
            }
        }
        for (actor, log) in self.logs.iter().enumerate() {
            let _ = write!(text, "\n  {actor} ended as {:?}", log.end);
        }
        text
    }
}

/// What became of the session under a key.
pub enum Fate {
    Lives(StoreKey),
    Ended,
}

/// A record that moved: from which key to which, and by whom.
pub struct Move<'t> {
    pub from: &'t StoreKey,
    pub to: &'t StoreKey,
    pub actor: usize,
}

pub fn moved(event: &Event) -> Option<Move<'_>> {
    match (event.name, event.touched.as_slice()) {
        ("replace", [old, new]) if new.changed() => {
            Some(Move { from: &old.key, to: &new.key, actor: event.actor })
        }
        _ => None,
    }
}

pub fn ended<'e>(event: &'e Event, key: &StoreKey) -> Option<&'e Touched> {
    (event.name == "delete")
        .then(|| event.touched.iter().find(|touched| touched.key == *key && touched.changed()))
        .flatten()
}

impl Trace<'_> {
    pub fn script(&self, actor: usize) -> Script {
        self.scripts[actor]
    }

    /// Follows a session from key to key, as long as its data go with it.
    pub fn fate(&self, key: &StoreKey, after: usize) -> Fate {
        let mut key = key;
        for event in &self.events[after..] {
            if let Some(step) = moved(event).filter(|step| step.from == key) {
                let put_back =
                    self.was_taken_back(step.actor) && self.script(step.actor) == Script::LoginAgain;
                if !self.script(step.actor).renews() && !put_back {
                    return Fate::Ended;
                }
                key = step.to;
            }
            if ended(event, key).is_some() {
                return Fate::Ended;
            }
        }
        Fate::Lives(key.clone())
    }

    /// Whether a key belongs to the session that all began with; and whether a login is among the moves to it.
    pub fn descent(&self, key: &StoreKey) -> Option<bool> {
        let (mut key, mut by_login) = (key, false);
        while *key != self.setup.root {
            let step = self.events.iter().filter_map(moved).find(|step| step.to == key)?;
            by_login |= self.script(step.actor).logs_in() && !self.was_taken_back(step.actor);
            key = step.from;
        }
        Some(by_login)
    }

    /// Whether this request was broken off, and what the browser was not told of was taken back.
    pub fn was_taken_back(&self, actor: usize) -> bool {
        let log = &self.logs[actor];
        matches!(log.end, End::Cut | End::Failed) && !log.died && self.setup.tombstones()
    }

    /// The session that the browser's first cookie leads to at the end, when nothing is under way any more.
    pub fn seen_by_the_browser(&self) -> Box<State> {
        let (now, mut store) = (self.setup.at(self.schedule.len() + 1), self.store.clone());
        let mut open = self.setup.open(Some(&self.setup.cookie));
        loop {
            open = match open {
                Open::Ready(state) => return state,
                Open::Outside => panic!("every path is inside `/`"),
                Open::Load(load) => {
                    let call = Call::Load { key: load.key().clone(), extend: None };
                    let Answer::Load(stored) = store.answer(&call, now) else { unreachable!() };
                    load.resume(stored, now)
                }
            };
        }
    }

    /// The write that a claim rests on, and where it stands among the calls.
    pub fn ground(&self, actor: usize, claim: &Claim) -> Option<(usize, &StoreKey)> {
        let events = self.events[..claim.after].iter().enumerate().rev();
        events.filter(|(_, event)| event.actor == actor).find_map(|(index, event)| {
            let last = event.touched.last()?;
            // What another has removed already is removed; and after a failure the record may hold the change of the try
            // that failed.
            let removal = matches!(claim.change, Change::Removed { .. });
            let sound = last.changed() || removal || self.logs[actor].retried;
            (sound && holds(last, &claim.change)).then_some((index, &last.key))
        })
    }

    /// Whether there was a session under this key when the store had answered so many calls.
    pub fn lived(&self, key: &StoreKey, calls: usize) -> bool {
        let mut records = self.events[..calls].iter().rev().flat_map(|event| &event.touched);
        records.find(|touched| touched.key == *key).is_some_and(|touched| touched.lives)
    }

    /// The calls that a request made before it ended, the last one first.
    pub fn calls(&self, actor: usize) -> impl Iterator<Item = &Event> {
        let log = &self.logs[actor];
        self.events[..log.ended].iter().rev().filter(move |event| event.actor == actor)
    }

    /// The last id that a request made and stored a record under.
    pub fn newest(&self, actor: usize) -> Option<&StoreKey> {
        self.calls(actor).find_map(|event| {
            let last = event.touched.last()?;
            (matches!(event.name, "create" | "replace") && last.changed()).then_some(&last.key)
        })
    }

    pub fn claims(&self) -> impl Iterator<Item = (usize, &Log, &Claim)> {
        let logs = self.logs.iter().enumerate();
        logs.flat_map(|(actor, log)| log.claims.iter().map(move |claim| (actor, log, claim)))
    }

    /// The first load of a request: the record it was answered with.
    pub fn loaded(&self, actor: usize) -> Option<(usize, &Touched)> {
        let mut events = self.events.iter().enumerate();
        let (index, load) = events.find(|(_, event)| event.actor == actor && event.name == "load")?;
        load.touched.first().map(|touched| (index, touched))
    }
}

/// The value of a key, found in the text: all values of these sessions are numbers, and reading whole records over and
/// over would take most of the time.
pub fn number(stored: &Stored, key: &str) -> Option<u64> {
    let (_, rest) = stored.record.payload.split_once(&format!("\"{key}\":"))?;
    let end = rest.find(|other: char| !other.is_ascii_digit())?;
    Some(rest[..end].parse().expect("a number"))
}

pub fn holds(touched: &Touched, change: &Change) -> bool {
    let Some(stored) = touched.after.as_ref().filter(|_| touched.lives) else {
        return false;
    };
    match change {
        Change::Set { key, value } => number(stored, key) == Some(*value),
        Change::Removed { key } => number(stored, key).is_none(),
        Change::Counted => number(stored, COUNTER).is_some(),
    }
}
