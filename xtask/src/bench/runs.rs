//! Building the measuring programs and running them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use serde::de::DeserializeOwned;

use super::{Cost, Extent, List, Numbers, Run, Weight, folder};
use crate::{process, workspace};

/// How the measuring programs are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Profile {
    /// Quick to build: enough to see whether the answers are right.
    Dev,
    /// What is measured.
    Release,
}

/// The measuring programs, built.
#[derive(Debug)]
pub(super) struct Programs {
    measure: PathBuf,
    /// The same with an allocator that counts.
    allocations: PathBuf,
}

/// Instructions are counted over so many requests, and over twice as many; what the second run has more is theirs.
const COUNTED_REQUESTS: u32 = 500;

/// Requests over which allocations are counted.
const ALLOCATING_REQUESTS: u32 = 1_000;

pub(super) fn manifest() -> PathBuf {
    folder().join("Cargo.toml")
}

pub(super) fn build(profile: Profile) -> Result<Programs, String> {
    let target = workspace::metadata(&manifest())?.target_directory;
    let mut command = workspace::cargo();
    command.args(["build", "--manifest-path"]).arg(manifest());
    let folder = match profile {
        Profile::Dev => {
            command.args(["--bin", "measure"]);
            "debug"
        }
        Profile::Release => {
            command.args(["--release", "--bins"]);
            "release"
        }
    };
    if !process::stream(&mut command, |_| ())?.success() {
        return Err("the measuring programs do not build, see above".into());
    }
    let program = |name: &str| target.join(folder).join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    Ok(Programs { measure: program("measure"), allocations: program("allocations") })
}

impl Programs {
    pub(super) fn list(&self) -> Result<List, String> {
        json(Command::new(&self.measure).arg("list"))
    }

    pub(super) fn run(&self, subject: &str, requests: u32) -> Result<Run, String> {
        json(Command::new(&self.measure).args([subject, "--requests", &requests.to_string()]))
    }

    pub(super) fn weigh(&self, store: &str, extent: Extent) -> Result<Weight, String> {
        say!("memory of {store}");
        let sessions = extent.sessions.to_string();
        json(Command::new(&self.measure).args(["memory", store, "--sessions", &sessions]))
    }

    /// What a request of each kind costs with each subject.
    pub(super) fn requests(
        &self,
        list: &List,
        extent: Extent,
        valgrind: Option<&Path>,
    ) -> Result<Vec<Cost>, String> {
        let mut rounds: Vec<Vec<Run>> = list.subjects.iter().map(|_| Vec::new()).collect();
        for round in 1..=extent.rounds {
            say!("round {round} of {}", extent.rounds);
            for (subject, runs) in list.subjects.iter().zip(&mut rounds) {
                runs.push(checked(subject, self.run(subject, extent.requests)?)?);
            }
        }
        let mut costs = Vec::new();
        for (subject, runs) in list.subjects.iter().zip(&rounds) {
            let requests = ALLOCATING_REQUESTS.to_string();
            let mut counting = Command::new(&self.allocations);
            let allocating = checked(subject, json(counting.args([subject, "--requests", &requests]))?)?;
            for scenario in &list.scenarios {
                costs.push(cost(subject, scenario, runs, &allocating));
            }
        }
        if let Some(valgrind) = valgrind {
            say!("instructions of {} kinds of request", costs.len());
            self.instructions(valgrind, &mut costs)?;
        }
        Ok(costs)
    }

    /// Counts instructions, as many at a time as there are processors: other work does not change their number.
    fn instructions(&self, valgrind: &Path, costs: &mut [Cost]) -> Result<(), String> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let left = Mutex::new(costs.iter_mut());
        let next = || {
            left.lock().map_err(|_| "another count failed, see above".to_owned()).map(|mut left| left.next())
        };
        let work = || -> Result<(), String> {
            while let Some(cost) = next()? {
                let of = |requests| self.collected(valgrind, &cost.subject, &cost.scenario, requests);
                let (once, twice) = (of(COUNTED_REQUESTS)?, of(2 * COUNTED_REQUESTS)?);
                cost.instructions = Some((twice - once) / f64::from(COUNTED_REQUESTS));
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let died = |_| Err("counting failed in an unforeseen way, see above".to_owned());
            threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(died))
        })
    }

    /// The instructions of a whole run.
    fn collected(
        &self,
        valgrind: &Path,
        subject: &str,
        scenario: &str,
        requests: u32,
    ) -> Result<f64, String> {
        let mut command = Command::new(valgrind);
        command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(&self.measure);
        command.args([subject, "--scenario", scenario, "--requests", &requests.to_string()]);
        let output = command.output().map_err(|error| format!("cannot run valgrind: {error}"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        let number = said.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
        number.ok_or_else(|| format!("valgrind does not say what it counted: {}", process::tail(&said, 6)))
    }
}

/// The run, if every answer in it was as it must be.
fn checked(subject: &str, run: Run) -> Result<Run, String> {
    let wrong = run.scenarios.iter().find_map(|found| found.wrong.as_ref().map(|why| (&found.scenario, why)));
    match wrong {
        None => Ok(run),
        Some((scenario, why)) => Err(format!("{subject} is not as bench/ expects it, {scenario}: {why}")),
    }
}

fn cost(subject: &str, scenario: &str, runs: &[Run], allocating: &Run) -> Cost {
    let of = |run: &Run| run.scenarios.iter().find(|found| found.scenario == scenario).cloned();
    let found: Vec<Numbers> = runs.iter().filter_map(of).collect();
    let cpu: Option<Vec<f64>> = found.iter().map(|numbers| numbers.cpu_ns).collect();
    Cost {
        subject: subject.to_owned(),
        scenario: scenario.to_owned(),
        cpu_ns: cpu.and_then(median),
        wall_ns: median(found.iter().map(|numbers| numbers.wall_ns).collect()).unwrap_or_default(),
        instructions: None,
        allocations: of(allocating).and_then(|numbers| numbers.allocations),
        trips: found.first().and_then(|numbers| numbers.trips),
    }
}

/// The middle of what was measured; the slow ones are those that something else disturbed.
pub(super) fn median(mut numbers: Vec<f64>) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied()
}

fn json<T: DeserializeOwned>(command: &mut Command) -> Result<T, String> {
    let text = process::capture(command)?;
    serde_json::from_str(&text)
        .map_err(|error| format!("the measuring program prints what I cannot read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn one_slow_round_changes_nothing() {
        assert_eq!(median(vec![3.0, 900.0, 2.0, 1.0, 2.5]), Some(2.5));
        assert_eq!(median(Vec::new()), None);
    }
}
