//! Every order in which the calls of some requests can reach the store, with every place at which a request can be
//! dropped: a depth-first walk that begins each schedule anew, since a session cannot be copied.

use std::collections::BTreeMap;

use session_core::store::Stored;

use crate::checks::CHECKS;
use crate::request::Request;
use crate::script::Script;
use crate::setup::Setup;
use crate::store::ModelStore;
use crate::trace::{Event, Touched, Trace, is_live};

/// What happens at a scheduling point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// The call is made and answered.
    Call,
    /// The request is dropped before its call.
    CutBefore,
    /// The call takes effect, and the request is dropped before the answer arrives.
    CutAfter,
    /// The request is dropped while its call is under way.
    CutUnderWay,
    /// The call of a request that was dropped takes effect at last.
    Arrival,
    /// The store cannot be reached.
    FailBefore,
    /// The call takes effect, and the answer is lost.
    FailAfter,
}

/// How many requests of one schedule may meet with what.
#[derive(Debug, Clone, Copy, Default)]
pub struct Budget {
    pub cuts: usize,
    pub failures: usize,
    /// A cut may leave a call under way, which takes effect at any later time.
    pub under_way: bool,
    /// A cut may also end the process that takes back what the browser was not told of.
    pub deaths: bool,
}

/// What an enumeration came to.
#[derive(Default)]
pub struct Report {
    /// Sets of requests.
    pub sets: u64,
    pub schedules: u64,
    /// Those of them in which a request was dropped, or the store failed.
    pub broken_off: u64,
    /// By check: how often it failed, and how it did first.
    pub failures: BTreeMap<&'static str, (u64, String)>,
    /// How often something happened that is documented as not guaranteed.
    pub exceptions: BTreeMap<&'static str, u64>,
}

impl Report {
    pub fn assert_clean(&self, title: &str) {
        println!(
            "{title}: {} sets of requests, {} schedules, {} of them broken off",
            self.sets, self.schedules, self.broken_off
        );
        for (exception, times) in &self.exceptions {
            println!("  not guaranteed, seen {times} times: {exception}");
        }
        let failures: Vec<_> = self
            .failures
            .iter()
            .map(|(check, (times, first))| format!("{check}: broken in {times} schedules, first in\n{first}"))
            .collect();
        assert!(failures.is_empty(), "{title}:\n{}", failures.join("\n\n"));
    }
}

/// The walk: which of its choices is taken at each point.
#[derive(Default)]
struct Walk {
    path: Vec<(usize, usize)>,
    depth: usize,
}

impl Walk {
    fn choose(&mut self, of: usize) -> usize {
        if self.depth == self.path.len() {
            self.path.push((0, of));
        }
        let (chosen, width) = self.path[self.depth];
        assert_eq!(width, of, "a schedule that is begun anew takes the same course");
        self.depth += 1;
        chosen
    }

    /// Goes to the next schedule; `false` after the last.
    fn advance(&mut self) -> bool {
        self.depth = 0;
        while let Some((chosen, of)) = self.path.pop() {
            if chosen + 1 < of {
                self.path.push((chosen + 1, of));
                return true;
            }
        }
        false
    }
}

/// Runs every schedule of `scripts` and checks each at its end.
pub fn explore(setup: &Setup, scripts: &[Script], budget: Budget, report: &mut Report) {
    report.sets += 1;
    let mut walk = Walk::default();
    loop {
        let trace = run(setup, scripts, budget, &mut walk);
        report.schedules += 1;
        report.broken_off += u64::from(trace.schedule.iter().any(|(_, how)| *how != How::Call));
        for (name, check) in CHECKS {
            match check(&trace) {
                Ok(None) => {}
                Ok(Some(exception)) => *report.exceptions.entry(exception).or_default() += 1,
                Err(why) => {
                    let entry = report.failures.entry(name);
                    let first = || (0, format!("{}\n  {why}", trace.describe()));
                    entry.or_insert_with(first).0 += 1;
                }
            }
        }
        if !walk.advance() {
            return;
        }
    }
}

/// Runs the requests one after another, undisturbed.
pub fn in_turn<'a>(setup: &'a Setup, scripts: &'a [Script]) -> Trace<'a> {
    // The first choice at each point is the next call of the first request that is not over.
    run(setup, scripts, Budget::default(), &mut Walk::default())
}

fn run<'a>(setup: &'a Setup, scripts: &'a [Script], mut budget: Budget, walk: &mut Walk) -> Trace<'a> {
    let mut store = setup.store.clone();
    let mut ids = setup.ids.clone();
    let mut schedule: Vec<(usize, How)> = Vec::new();
    let mut events: Vec<Event> = Vec::new();
    let mut requests: Vec<_> = scripts
        .iter()
        .enumerate()
        .map(|(me, script)| Request::begin(setup, *script, me, setup.at(0), &mut ids))
        .collect();
    let mut options = Vec::new();
    loop {
        options.clear();
        for (actor, request) in requests.iter().enumerate() {
            if request.stray.is_some() {
                options.push((actor, How::Arrival));
            }
            if !request.is_running() {
                continue;
            }
            options.push((actor, How::Call));
            // What is dropped before its call does nothing, whenever that happens; so it is tried once for each call:
            // right after the request's own last step, or at the very beginning.
            let own_turn = schedule.last().is_some_and(|(last, _)| *last == actor)
                || schedule.iter().all(|(other, how)| *how == How::CutBefore && *other < actor);
            if budget.cuts > 0 && (budget.deaths || !request.is_undoing()) {
                options.push((actor, How::CutAfter));
                if budget.under_way && request.is_writing() && request.stray.is_none() {
                    options.push((actor, How::CutUnderWay));
                }
                if own_turn {
                    options.push((actor, How::CutBefore));
                }
            }
            if budget.failures > 0 && request.is_writing() {
                options.push((actor, How::FailBefore));
                options.push((actor, How::FailAfter));
            }
        }
        if options.is_empty() {
            break;
        }
        assert!(schedule.len() < 50, "a request that never ends: {schedule:?}");
        let (actor, how) = options[walk.choose(options.len())];
        let now = setup.at(schedule.len() + 1);
        schedule.push((actor, how));
        let request = &mut requests[actor];
        let answer = match how {
            How::CutBefore | How::FailBefore => None,
            How::CutUnderWay => {
                request.stray = Some(request.call(now));
                None
            }
            How::Call | How::CutAfter | How::FailAfter | How::Arrival => {
                let call = match how {
                    How::Arrival => request.stray.take().expect("what arrives was under way"),
                    _ => request.call(now),
                };
                let asked_at = request.asked_at;
                let snapshot = |store: &ModelStore| -> Vec<Option<Stored>> {
                    call.keys().into_iter().map(|key| store.get(key).cloned()).collect()
                };
                let before = snapshot(&store);
                let answer = store.answer(&call, now);
                let after = snapshot(&store);
                let touched = call.keys().into_iter().cloned().zip(before.into_iter().zip(after));
                events.push(Event {
                    actor,
                    name: call.name(),
                    answer: answer.name(),
                    asked_at,
                    at: now,
                    touched: touched
                        .map(|(key, (before, after))| Touched {
                            key,
                            before,
                            lives: is_live(after.as_ref()),
                            after,
                        })
                        .collect(),
                });
                Some(answer)
            }
        };
        match (how, answer) {
            (How::Call, Some(answer)) => request.answer(answer, now, events.len(), &mut ids),
            (How::Arrival, _) => {}
            (How::Call | How::CutBefore | How::CutAfter | How::CutUnderWay, _) => {
                budget.cuts -= 1;
                request.cut(events.len());
            }
            (How::FailBefore | How::FailAfter, _) => {
                budget.failures -= 1;
                request.fail(now, events.len(), &mut ids);
            }
        }
    }
    Trace {
        setup,
        scripts,
        schedule,
        events,
        logs: requests.into_iter().map(|request| request.log).collect(),
        store,
        ids,
    }
}
