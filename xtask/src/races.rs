//! `cargo xtask races`: requests that meet over HTTP, for every adapter with every store, as a table of what became of them.
//!
//! The races are cases of the conformance suite's pairs; this shows them by race, where `conformance` shows them by pair.

use std::path::PathBuf;

use crate::args::{Arg, Args};
use crate::conformance::program::{Half, PROGRAMS, Program};
use crate::conformance::report::{self, Subject, Verdict};
use crate::output::{self, Stop};
use crate::servers;

pub(crate) const HELP: &str = "\
Let requests race over HTTP, on every adapter with every store, and print what became of them.

Usage: cargo xtask races [--processes N] [--adapter NAME] [--store NAME] [--json FILE]

  --processes N   so many server processes serve each site together, and browsers come to them in turn; 1 if not given.
                  With more than one, the memory store is left out
  --adapter NAME  axum, actix-web, rocket or poem; all if not given
  --store NAME    sqlite, postgres, mysql, redis, redis-cluster, redis-sentinel, mongodb, mongodb-replica or memory
  --json FILE     write the result of every case there, too

  logout     a slow reader, writer, save, touch, renewal and regeneration are in flight while the session is logged out:
             none may revive it, under the old cookie or a new one
  5 keys     five parallel requests write five keys: all five are kept
  100 counts a hundred parallel increments count a hundred
  renewals   of twenty parallel renewals one succeeds, and nobody turns anonymous with a new cookie
  crossing   logins, logouts and renewals that cross each other end as the last word says

Each cell is the number of cases that were won of those that were run. Exit code 1 on any miss.
";

/// The races, and how the names of their cases begin.
const RACES: &[(&str, &[&str])] = &[
    ("logout", &["a_logout_beats_"]),
    ("5 keys", &["of_five_parallel_requests_"]),
    ("100 counts", &["a_hundred_parallel_increments_"]),
    ("renewals", &["of_twenty_parallel_renewals_"]),
    (
        "crossing",
        &[
            "a_login_that_crosses_",
            "a_logout_that_crosses_",
            "a_slow_write_that_crosses_",
            "a_slow_reader_that_crosses_",
            "a_slow_writer_that_crosses_",
        ],
    ),
];

/// What the command line chose.
#[derive(Debug)]
struct Choice {
    processes: u8,
    adapter: Option<String>,
    store: Option<String>,
}

pub(crate) fn run(mut args: Args) -> Result<(), Stop> {
    let mut choice = Choice { processes: 1, adapter: None, store: None };
    let mut json: Option<PathBuf> = None;
    while let Some(arg) = args.next() {
        match arg {
            Arg::Option(name) if name == "--processes" => {
                choice.processes = args.parsed(&name, "a number of processes")?;
            }
            Arg::Option(name) if name == "--adapter" => choice.adapter = Some(args.value(&name)?),
            Arg::Option(name) if name == "--store" => choice.store = Some(args.value(&name)?),
            Arg::Option(name) if name == "--json" => json = Some(args.value(&name)?.into()),
            other => return Err(other.unknown()),
        }
    }
    if choice.processes == 0 {
        return Err(Stop::Usage("somebody has to serve: --processes needs 1 or more".into()));
    }
    if !matrix().any(|program| program.subjects().any(|pair| choice.takes(&pair))) {
        return Err(Stop::Usage("no adapter has such races with such a store".into()));
    }
    let found = pairs(&choice);
    servers::stop()?;
    let mut pairs = found?;
    let is_race = |name: &str| RACES.iter().any(|(_, cases)| is_one_of(name, cases));
    pairs.iter_mut().for_each(|pair| pair.cases.retain(|case| is_race(&case.name)));
    let head: Vec<&str> =
        ["adapter", "store"].into_iter().chain(RACES.iter().map(|(race, _)| *race)).collect();
    say!("\n{}", output::table(&head, &pairs.iter().map(row).collect::<Vec<_>>()).trim_end());
    if let Some(file) = json {
        report::write(&file, &report::json(&pairs))?;
    }
    let total = report::total(&pairs);
    say!(
        "races between requests to {} {}: {} won, {} lost, {} not run",
        choice.processes,
        if choice.processes == 1 { "process" } else { "processes" },
        total.passed,
        total.failed,
        total.skipped
    );
    if total.failed + total.skipped > 0 || total.passed == 0 { Err(Stop::Reported) } else { Ok(()) }
}

impl Choice {
    /// Whether it takes in a pair, such as `axum+redis`.
    fn takes(&self, pair: &str) -> bool {
        let is = |chosen: &Option<String>, name| chosen.as_ref().is_none_or(|chosen| chosen == name);
        // A store in the memory of one process is no other's.
        let shared = |store| self.processes == 1 || store != "memory";
        pair.split_once('+').is_some_and(|(adapter, store)| {
            is(&self.adapter, adapter) && is(&self.store, store) && shared(store)
        })
    }

    /// What the test program is told.
    fn variables(&self) -> Vec<(&'static str, String)> {
        let mut variables = vec![("MATRIX_PROCESSES", self.processes.to_string())];
        variables.extend(self.adapter.clone().map(|adapter| ("MATRIX_ADAPTER", adapter)));
        variables.extend(self.store.clone().map(|store| ("MATRIX_STORE", store)));
        variables
    }
}

fn matrix() -> impl Iterator<Item = &'static Program> {
    PROGRAMS.iter().filter(|program| program.half == Half::Matrix)
}

fn pairs(choice: &Choice) -> Result<Vec<Subject>, Stop> {
    let mut variables = servers::variables()?;
    variables.extend(choice.variables());
    let mut pairs = Vec::new();
    for program in matrix() {
        pairs.extend(program.run_some(&variables, |pair| choice.takes(pair))?);
    }
    Ok(pairs)
}

fn row(pair: &Subject) -> Vec<String> {
    let (adapter, store) = pair.name.split_once('+').unwrap_or((&pair.name, ""));
    let cell = |cases: &[&str]| {
        let run: Vec<_> = pair.cases.iter().filter(|case| is_one_of(&case.name, cases)).collect();
        let won = run.iter().filter(|case| case.verdict == Verdict::Passed).count();
        format!("{won}/{}", run.len())
    };
    let cells = RACES.iter().map(|(_, cases)| cell(cases));
    [adapter.to_owned(), store.to_owned()].into_iter().chain(cells).collect()
}

fn is_one_of(name: &str, beginnings: &[&str]) -> bool {
    beginnings.iter().any(|beginning| name.starts_with(beginning))
}
