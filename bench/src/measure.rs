//! Asking one site many times, and looking at what it answers before and after.

use std::fs;
use std::time::Instant;

use serde::Serialize;

use crate::count::Trips;
use crate::data::FOREIGN_COOKIE;
use crate::scenario::Scenario;
use crate::site::{Reading, Site};
use crate::subject::Subject;

/// Answers how many allocations there have been so far.
pub type Allocations = fn() -> u64;

/// Requests before those that are measured, so that nothing is done for the first time.
const WARM_UP: u64 = 200;

/// Requests over which a store's round trips are counted.
const COUNTED: u64 = 8;

/// What is to be done.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) subject: Subject,
    pub(crate) scenarios: Vec<Scenario>,
    pub(crate) requests: u64,
    pub(crate) allocations: Option<Allocations>,
}

/// What came of one scenario, each for one request.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Found {
    scenario: &'static str,
    /// Missing on systems that do not tell how long a thread has had the processor.
    cpu_ns: Option<f64>,
    wall_ns: f64,
    allocations: Option<f64>,
    /// Missing where there is no store that could be asked.
    trips: Option<f64>,
    /// What was not as it must be; the numbers then mean nothing.
    wrong: Option<String>,
}

/// Goes through the scenarios. `plain` is measured; `counted` is the same site on a store that counts.
pub(crate) async fn all(
    plan: &Plan,
    mut plain: impl Site,
    mut counted: Option<(impl Site, Trips)>,
) -> Vec<Found> {
    let mut found = Vec::new();
    for &scenario in &plan.scenarios {
        let (mut trips, mut wrong) = (None, None);
        if let Some((site, counter)) = &mut counted {
            match trips_of(plan.subject, scenario, site, counter).await {
                Ok(counted) => trips = Some(counted),
                Err(why) => wrong = Some(why),
            }
        }
        let one = match one(plan, scenario, &mut plain).await {
            Ok(one) => Found { trips, wrong, ..one },
            Err(why) => Found { wrong: Some(why), ..Found::nothing(scenario) },
        };
        found.push(one);
    }
    found
}

impl Found {
    fn nothing(scenario: Scenario) -> Self {
        let scenario = scenario.name();
        Self { scenario, cpu_ns: None, wall_ns: 0.0, allocations: None, trips: None, wrong: None }
    }
}

async fn one(plan: &Plan, scenario: Scenario, site: &mut impl Site) -> Result<Found, String> {
    let mut visitor = Visitor::new(plan.subject, scenario, site).await?;
    visitor.check().await?;
    for _ in 0..WARM_UP {
        visitor.ask().await?;
    }
    let allocations = plan.allocations.map(|count| count());
    let (cpu, wall) = (cpu_ns(), Instant::now());
    for _ in 0..plan.requests {
        visitor.ask().await?;
    }
    let wall = wall.elapsed();
    let cpu = cpu_ns().zip(cpu).map(|(after, before)| after - before);
    let allocations = plan.allocations.map(|count| count()).zip(allocations);
    visitor.check().await?;
    let each = |sum: f64| sum / plan.requests as f64;
    Ok(Found {
        cpu_ns: cpu.map(|ns| each(ns as f64)),
        wall_ns: each(wall.as_nanos() as f64),
        allocations: allocations.map(|(after, before)| each((after - before) as f64)),
        ..Found::nothing(scenario)
    })
}

async fn trips_of(
    subject: Subject,
    scenario: Scenario,
    site: &mut impl Site,
    trips: &Trips,
) -> Result<f64, String> {
    let mut visitor = Visitor::new(subject, scenario, site).await?;
    visitor.check().await?;
    let before = trips.so_far();
    for _ in 0..COUNTED {
        visitor.ask().await?;
    }
    Ok((trips.so_far() - before) as f64 / COUNTED as f64)
}

/// How long this thread has had a processor.
fn cpu_ns() -> Option<u64> {
    fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok()
}

/// Somebody who has logged in and now makes one kind of request.
struct Visitor<'a, S> {
    subject: Subject,
    scenario: Scenario,
    site: &'a mut S,
    cookie: Option<String>,
    asked: u64,
}

impl<'a, S: Site> Visitor<'a, S> {
    async fn new(subject: Subject, scenario: Scenario, site: &'a mut S) -> Result<Self, String> {
        let mut cookie = None;
        if scenario.has_cookie() && subject.has_sessions() {
            cookie = site.ask(Scenario::Login.path(), None, Reading::Head).await?.cookie;
            if cookie.is_none() {
                return Err("a login sets no cookie".into());
            }
        } else if scenario.has_cookie() {
            cookie = Some(FOREIGN_COOKIE.to_owned());
        }
        Ok(Self { subject, scenario, site, cookie, asked: 0 })
    }

    /// One request as it is measured.
    async fn ask(&mut self) -> Result<(), String> {
        let answer = self.site.ask(self.scenario.path(), self.cookie.as_deref(), Reading::Head).await?;
        self.asked += 1;
        if answer.status != 200 {
            return Err(format!("status {}", answer.status));
        }
        if self.scenario == Scenario::Login && answer.cookie.is_some() {
            self.cookie = answer.cookie;
        }
        Ok(())
    }

    /// One request whose answer is looked at as a whole.
    async fn check(&mut self) -> Result<(), String> {
        let answer = self.site.ask(self.scenario.path(), self.cookie.as_deref(), Reading::Text).await?;
        let wanted = self.scenario.text(if self.subject.has_sessions() { self.asked } else { 0 });
        self.asked += 1;
        if answer.status != 200 {
            return Err(format!("status {}: {}", answer.status, answer.text));
        }
        if answer.text != wanted {
            return Err(format!("it answers `{}` instead of `{wanted}`", answer.text));
        }
        match (self.subject.sets_cookie(self.scenario), answer.cookie.is_some()) {
            (true, false) => return Err("it sets no cookie".into()),
            (false, true) => return Err("it sets a cookie".into()),
            (true, true) | (false, false) => {}
        }
        if self.scenario == Scenario::Login && answer.cookie.is_some() {
            if answer.cookie == self.cookie {
                return Err("a login keeps the id".into());
            }
            self.cookie = answer.cookie;
        }
        Ok(())
    }
}
