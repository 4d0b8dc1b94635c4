//! The command line of the measuring programs.

use std::io::Write as _;
use std::process::ExitCode;

use serde::Serialize;

use crate::measure::{Allocations, Found, Plan};
use crate::memory;
use crate::scenario::Scenario;
use crate::subject::Subject;

const USAGE: &str = "\
Usage: measure list
       measure SUBJECT [--scenario NAME] [--requests N]
       measure memory STORE [--sessions N]

Prints JSON, one line. `cargo xtask bench` is what people use.";

#[derive(Serialize)]
struct List {
    subjects: Vec<&'static str>,
    scenarios: Vec<&'static str>,
    stores: Vec<&'static str>,
}

#[derive(Serialize)]
struct Measured {
    subject: &'static str,
    scenarios: Vec<Found>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Weighed {
    store: String,
    bytes_per_session: f64,
}

/// Does what the command line says. Exit code 1 if anything was not as it must be.
#[must_use]
pub fn main(allocations: Option<Allocations>) -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(&words, allocations) {
        Ok(line) => {
            // A reader that went away is not worth a panic.
            let _reader_gone = writeln!(std::io::stdout(), "{line}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            let _reader_gone = writeln!(std::io::stderr(), "error: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[String], allocations: Option<Allocations>) -> Result<String, String> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let json = match *words.as_slice() {
        ["list"] => serde_json::to_string(&List {
            subjects: Subject::ALL.iter().map(|subject| subject.name()).collect(),
            scenarios: Scenario::ALL.iter().map(|scenario| scenario.name()).collect(),
            stores: memory::STORES.to_vec(),
        }),
        ["memory", store, ref options @ ..] => {
            let sessions = option(options, "--sessions")?.unwrap_or(200_000);
            let bytes_per_session = memory::weigh(store, sessions)?;
            serde_json::to_string(&Weighed { store: store.to_owned(), bytes_per_session })
        }
        [name, ref options @ ..] => {
            let subject = Subject::ALL.iter().copied().find(|subject| subject.name() == name);
            let subject = subject.ok_or_else(|| format!("there is no subject `{name}`\n\n{USAGE}"))?;
            let only: Option<String> = option(options, "--scenario")?;
            let wanted = |scenario: &Scenario| only.as_deref().is_none_or(|only| only == scenario.name());
            let plan = Plan {
                subject,
                scenarios: Scenario::ALL.into_iter().filter(wanted).collect(),
                requests: option(options, "--requests")?.unwrap_or(10_000),
                allocations,
            };
            let scenarios = subject.run(&plan)?;
            serde_json::to_string(&Measured { subject: subject.name(), scenarios })
        }
        [] => return Err(USAGE.into()),
    };
    json.map_err(|error| format!("the result does not become JSON: {error}"))
}

/// The value of `--name value`.
fn option<T: std::str::FromStr>(options: &[&str], name: &str) -> Result<Option<T>, String> {
    let Some(at) = options.iter().position(|word| *word == name) else { return Ok(None) };
    let value = options.get(at + 1).and_then(|value| value.parse().ok());
    value.map(Some).ok_or_else(|| format!("{name} needs a value that makes sense\n\n{USAGE}"))
}
