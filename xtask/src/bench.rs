//! `cargo xtask bench`: what a request costs with our sessions, with others', and with none, as tables.
//!
//! What is measured is in `bench/`, a workspace of its own. This builds it, runs its subjects one after the other, round
//! by round, so that nobody has the quiet minute to himself, and compares.

mod report;
mod runs;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::args::{Arg, Args};
use crate::output::Stop;
use crate::test::Counts;
use crate::{process, workspace};
use runs::Profile;

pub(crate) const HELP: &str = "\
Measure what a request costs: each framework alone, with our sessions, and with others'.

Usage: cargo xtask bench [--quick] [--json FILE]

  --quick      three short rounds, and no instructions
  --json FILE  write every number there, too

The frameworks are called in this process, without a socket, and sessions are kept in memory; axum+hyper is axum behind its
HTTP server, over a connection within the process. Five kinds of request:

  no cookie  a page that does not use the session, for somebody who has none
  unused     the same page for somebody who has a session
  read       one value of a session of 256 bytes is read
  write      one value of it is changed
  login      the session gets a new id, its owner and its data

Of each are told the processor time (the median of seven rounds), the instructions (where valgrind is installed;
they differ by a few in a hundred from run to run, since ids and hash tables are random), the heap allocations, and how often the store was asked. `x 1.50` is one and a half times what the
framework takes alone. Last, the bytes that a session takes in memory.

Each answer is checked before and after it is measured. Nothing here fails because it is slow.
";

/// How much is measured.
#[derive(Debug, Clone, Copy)]
struct Extent {
    rounds: usize,
    requests: u32,
    instructions: bool,
    sessions: u32,
}

const FULL: Extent = Extent { rounds: 7, requests: 20_000, instructions: true, sessions: 200_000 };
const QUICK: Extent = Extent { rounds: 3, requests: 4_000, instructions: false, sessions: 200_000 };

/// So many requests are enough to see that a subject answers as it must.
const SMOKE_REQUESTS: u32 = 3;

/// What the measuring program has to offer.
#[derive(Debug, Deserialize)]
struct List {
    subjects: Vec<String>,
    scenarios: Vec<String>,
    stores: Vec<String>,
}

/// One run of one subject, as the measuring program prints it.
#[derive(Debug, Deserialize)]
struct Run {
    scenarios: Vec<Numbers>,
}

/// What one run found of one scenario, each for one request.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Numbers {
    scenario: String,
    cpu_ns: Option<f64>,
    wall_ns: f64,
    allocations: Option<f64>,
    trips: Option<f64>,
    wrong: Option<String>,
}

/// What a request of one kind costs with one subject.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Cost {
    subject: String,
    scenario: String,
    /// Of the processor; missing on systems that do not tell.
    cpu_ns: Option<f64>,
    wall_ns: f64,
    instructions: Option<f64>,
    allocations: Option<f64>,
    trips: Option<f64>,
}

/// What a session takes in memory.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Weight {
    store: String,
    bytes_per_session: f64,
}

/// Everything that was found.
#[derive(Debug, Serialize)]
struct Costs {
    requests: Vec<Cost>,
    memory: Vec<Weight>,
}

pub(crate) fn run(mut args: Args) -> Result<(), Stop> {
    let (mut extent, mut json) = (FULL, None::<PathBuf>);
    while let Some(arg) = args.next() {
        match arg {
            Arg::Option(name) if name == "--quick" => extent = QUICK,
            Arg::Option(name) if name == "--json" => json = Some(args.value(&name)?.into()),
            other => return Err(other.unknown()),
        }
    }
    let programs = runs::build(Profile::Release)?;
    let list = programs.list()?;
    let valgrind = valgrind(extent);
    let costs = Costs {
        requests: programs.requests(&list, extent, valgrind.as_deref())?,
        memory: list.stores.iter().map(|store| programs.weigh(store, extent)).collect::<Result<_, _>>()?,
    };
    say!("{}", report::tables(&list, &costs).trim_end());
    if let Some(file) = json {
        report::write(&file, &costs)?;
    }
    Ok(())
}

/// Where valgrind is, if instructions are to be counted and it is there. They are worth having, and not worth failing for.
fn valgrind(extent: Extent) -> Option<PathBuf> {
    let found = extent.instructions.then(|| process::find("valgrind"))?;
    if found.is_none() {
        say!("valgrind is not installed, so instructions are not counted; it is in most systems' packages");
    }
    found
}

/// Whether there is anything to measure.
pub(crate) fn exists() -> bool {
    runs::manifest().is_file()
}

/// The manifest, for those who format and check the measuring programs as they do everything else.
pub(crate) fn manifest() -> PathBuf {
    runs::manifest()
}

/// Lets every subject answer a few requests of every kind; answers how many were as they must be, and what was not.
pub(crate) fn smoke() -> Result<(Counts, Vec<String>), String> {
    let programs = runs::build(Profile::Dev)?;
    let list = programs.list()?;
    let (mut counts, mut wrong) = (Counts::default(), Vec::new());
    for subject in &list.subjects {
        let run = programs.run(subject, SMOKE_REQUESTS)?;
        let answers = |scenario: &String| run.scenarios.iter().find(|found| found.scenario == *scenario);
        for scenario in &list.scenarios {
            match answers(scenario).map(|found| &found.wrong) {
                Some(None) => counts.passed += 1,
                Some(Some(why)) => {
                    counts.failed += 1;
                    wrong.push(format!("{subject}, {scenario}: {why}"));
                }
                None => {
                    counts.failed += 1;
                    wrong.push(format!("{subject}, {scenario}: it was not tried"));
                }
            }
        }
        say!("{subject}: {} kinds of request", run.scenarios.len());
    }
    Ok((counts, wrong))
}

fn folder() -> PathBuf {
    workspace::root().join("bench")
}
