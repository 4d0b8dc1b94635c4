//! A request as a state machine that is driven by hand: every call to the store is a point at which something else may
//! happen first, or at which the request may be dropped.

use std::collections::VecDeque;

use session_core::close::{Fresh, Undo};
use session_core::state::Use;
use session_core::{Close, Load, Open, State, StoreKey};
use time::OffsetDateTime;

use crate::script::{Carries, Change, Script};
use crate::setup::{Driver, Ids, Setup};
use crate::store::{Answer, Call};

/// What the response says of the cookie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    Nothing,
    Removed,
    Given(StoreKey),
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    Running,
    Replied(Told),
    Refused(session_core::Error),
    Cut,
    /// The store failed twice.
    Failed,
}

/// A change of which the handler or the client was told that it is kept.
#[derive(Debug, Clone)]
pub struct Claim {
    pub change: Change,
    /// How many calls the store had answered by then.
    pub after: usize,
}

/// What a request leaves for the checks.
#[derive(Debug)]
pub struct Log {
    pub script: Script,
    pub end: End,
    /// How many calls the store had answered when it ended.
    pub ended: usize,
    pub claims: Vec<Claim>,
    /// What the handler was shown first: whether there were data or an owner.
    pub saw_data: Option<bool>,
    /// How many calls the store had answered when it was told that the session is destroyed.
    pub destroyed: Option<usize>,
    /// The store failed once, and the handler tried again.
    pub retried: bool,
    /// The server's process ended before it had taken back what the browser was not told of.
    pub died: bool,
}

enum Task {
    Asking(Load),
    Saving(Close),
    /// The reply is out; this is still to be written.
    Lagging(Call),
    /// There will be no reply; what the browser was not told of is taken back.
    Undoing(Undo),
    Over,
}

pub struct Request<'a> {
    setup: &'a Setup,
    me: usize,
    part: usize,
    task: Task,
    /// What the current part changed, until its save settles.
    unsaved: Vec<Change>,
    lagging: VecDeque<Call>,
    /// A call that was under way when the request was dropped, and has not reached the store yet.
    pub stray: Option<Call>,
    pub asked_at: OffsetDateTime,
    pub log: Log,
}

impl<'a> Request<'a> {
    /// The beginning of a request, up to its first call.
    pub fn begin(setup: &'a Setup, script: Script, me: usize, now: OffsetDateTime, ids: &mut Ids) -> Self {
        let open = setup.open(match script.carries() {
            Carries::TheSession => Some(&setup.cookie),
            Carries::NeverStored => Some(&setup.stranger),
            Carries::Nothing => None,
        });
        let mut request = Self {
            setup,
            me,
            part: 0,
            task: Task::Over,
            unsaved: Vec::new(),
            lagging: VecDeque::new(),
            stray: None,
            asked_at: now,
            log: Log {
                script,
                end: End::Running,
                ended: 0,
                claims: Vec::new(),
                saw_data: None,
                destroyed: None,
                retried: false,
                died: false,
            },
        };
        request.opened(open, now, 0, ids);
        request
    }

    pub fn is_running(&self) -> bool {
        !matches!(self.task, Task::Over)
    }

    pub fn is_writing(&self) -> bool {
        matches!(self.task, Task::Saving(_) | Task::Undoing(_))
    }

    pub fn is_undoing(&self) -> bool {
        matches!(self.task, Task::Undoing(_))
    }

    /// The call it waits to make.
    pub fn call(&mut self, now: OffsetDateTime) -> Call {
        match &mut self.task {
            Task::Asking(load) => {
                // It begins when it first calls.
                self.asked_at = now;
                let extend = match self.log.script {
                    Script::Read => None,
                    _ => load.extend(now),
                };
                Call::Load { key: load.key().clone(), extend }
            }
            Task::Saving(close) => close_call(close).expect("a finished close waits for nothing"),
            Task::Lagging(call) => call.clone(),
            Task::Undoing(undo) => Call::Update {
                key: undo.key().clone(),
                record: undo.record().clone(),
                base: Some(undo.base().clone()),
            },
            Task::Over => panic!("a request that is over calls nobody"),
        }
    }

    /// Takes the store's answer and goes on to the next call, or to the end.
    pub fn answer(&mut self, answer: Answer, now: OffsetDateTime, calls: usize, ids: &mut Ids) {
        self.asked_at = now;
        match std::mem::replace(&mut self.task, Task::Over) {
            Task::Asking(load) => {
                let Answer::Load(stored) = answer else { panic!("a load is answered with a load") };
                self.opened(load.resume(stored, now), now, calls, ids);
            }
            Task::Saving(close) => {
                let close = resume(close, answer, now, &mut || ids.fresh(&self.setup.policy));
                self.drive(close, now, calls, ids);
            }
            Task::Lagging(_) => self.lag(),
            Task::Undoing(undo) => {
                let Answer::Update(answer) = answer else { panic!("an update is answered as one") };
                self.task = undo.resume(answer).map_or(Task::Over, Task::Undoing);
            }
            Task::Over => panic!("a request that is over waits for no answer"),
        }
    }

    /// The request is dropped where it stands.
    pub fn cut(&mut self, calls: usize) {
        match std::mem::replace(&mut self.task, Task::Over) {
            Task::Saving(close) => self.take_back(close),
            Task::Undoing(_) => self.log.died = true,
            Task::Asking(_) | Task::Lagging(_) | Task::Over => {}
        }
        self.lagging.clear();
        // Where the reply went out before the write, the client has it.
        if self.log.end == End::Running {
            self.finish(End::Cut, calls);
        }
    }

    fn take_back(&mut self, close: Close) {
        let undo = close.abandon().undo().filter(|_| self.setup.driver != Driver::NeverTakesBack);
        self.task = undo.map_or(Task::Over, Task::Undoing);
    }

    /// The store could not answer. The handler tries once more.
    pub fn fail(&mut self, now: OffsetDateTime, calls: usize, ids: &mut Ids) {
        self.asked_at = now;
        match std::mem::replace(&mut self.task, Task::Over) {
            Task::Saving(close) if !self.log.retried => {
                self.log.retried = true;
                let state = close.abandon();
                let close = state.close(Use::Used, now, &mut || ids.fresh(&self.setup.policy));
                self.drive(close, now, calls, ids);
            }
            Task::Saving(close) => {
                self.take_back(close);
                self.finish(End::Failed, calls);
            }
            Task::Undoing(undo) => self.task = Task::Undoing(undo),
            Task::Asking(_) | Task::Lagging(_) | Task::Over => self.finish(End::Failed, calls),
        }
    }

    fn opened(&mut self, open: Open, now: OffsetDateTime, calls: usize, ids: &mut Ids) {
        match open {
            Open::Outside => panic!("every path is inside `/`"),
            Open::Load(load) => self.task = Task::Asking(load),
            Open::Ready(state) => {
                self.log.saw_data = Some(!state.is_empty() || state.owner().is_some());
                self.play(state, now, calls, ids);
            }
        }
    }

    fn play(&mut self, mut state: Box<State>, now: OffsetDateTime, calls: usize, ids: &mut Ids) {
        self.unsaved = self.log.script.play(self.part, self.me, &mut state, now);
        let close = state.close(Use::Used, now, &mut || ids.fresh(&self.setup.policy));
        self.drive(close, now, calls, ids);
    }

    fn drive(&mut self, mut close: Close, now: OffsetDateTime, calls: usize, ids: &mut Ids) {
        if self.setup.driver == Driver::RepliesEarly {
            while let Some(call) = close_call(&close) {
                close = resume(close, call.hoped(), now, &mut || ids.fresh(&self.setup.policy));
                self.lagging.push_back(call);
            }
        }
        match close {
            Close::Done(settled) => {
                let saved = std::mem::take(&mut self.unsaved);
                let claims = saved.into_iter().map(|change| Claim { change, after: calls });
                self.log.claims.extend(claims);
                if self.log.script.destroys() && self.part == 0 {
                    self.log.destroyed = Some(calls);
                }
                self.part += 1;
                if self.part < self.log.script.parts() {
                    self.play(settled.into_state(), now, calls, ids);
                } else {
                    let told = told(settled.into_reply(now).set_cookie(), ids);
                    self.finish(End::Replied(self.pass_on(told)), calls);
                    self.lag();
                }
            }
            Close::Refused(refused) => {
                self.finish(End::Refused(refused.error), calls);
                self.lag();
            }
            close => self.task = Task::Saving(close),
        }
    }

    fn pass_on(&self, told: Told) -> Told {
        match (self.setup.driver, told) {
            (Driver::TidiesUp, Told::Nothing) if self.log.saw_data == Some(false) => Told::Removed,
            (Driver::Waits | Driver::RepliesEarly | Driver::TidiesUp | Driver::NeverTakesBack, told) => told,
        }
    }

    fn lag(&mut self) {
        self.task = self.lagging.pop_front().map_or(Task::Over, Task::Lagging);
    }

    fn finish(&mut self, end: End, calls: usize) {
        self.log.end = end;
        self.log.ended = calls;
    }
}

fn told(line: Option<&str>, ids: &Ids) -> Told {
    let Some(line) = line else { return Told::Nothing };
    let value = line.split(';').next().unwrap().split_once('=').unwrap().1;
    if value.is_empty() {
        assert!(line.contains("Max-Age=0"), "an empty cookie is one that is taken away: {line}");
        return Told::Removed;
    }
    let issued = ids.issued.iter().find(|(id, _)| value.contains(id.expose()));
    Told::Given(issued.expect("only ids that were issued are announced").1.clone())
}

/// What a close wants of the store; `None` if nothing.
pub fn close_call(close: &Close) -> Option<Call> {
    Some(match close {
        Close::Done(_) | Close::Refused(_) => return None,
        Close::Create(step) => Call::Create { key: step.key().clone(), record: step.record().clone() },
        Close::Update(step) => Call::Update {
            key: step.key().clone(),
            record: step.record().clone(),
            base: step.base().cloned(),
        },
        Close::Touch(step) => {
            Call::Touch { key: step.key().clone(), expires_at: step.expires_at(), base: step.base().cloned() }
        }
        Close::Rename(step) => {
            let replace = step.replace();
            Call::Replace {
                old: replace.old.clone(),
                new: replace.new.clone(),
                record: replace.record.clone(),
                base: replace.base.clone(),
                tombstone: replace.tombstone.cloned(),
            }
        }
        Close::Delete(step) => Call::Delete { key: step.key().clone(), base: step.base().cloned() },
    })
}

/// Hands the store's answer to the step it belongs to.
pub fn resume(close: Close, answer: Answer, now: OffsetDateTime, fresh: Fresh<'_>) -> Close {
    match (close, answer) {
        (Close::Create(step), Answer::Create(answer)) => step.resume(answer, now, fresh),
        (Close::Update(step), Answer::Update(answer)) => step.resume(answer, now),
        (Close::Touch(step), Answer::Touch(answer)) => step.resume(answer),
        (Close::Rename(step), Answer::Replace(answer)) => step.resume(answer, now, fresh),
        (Close::Delete(step), Answer::Delete(answer)) => step.resume(answer),
        (_, answer) => panic!("no step waits for {}", answer.name()),
    }
}
