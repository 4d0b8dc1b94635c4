//! `cargo xtask test`: everything CI runs, in one command, with a count at the end that nobody has to add up.

mod counts;
mod node;
mod steps;

use std::time::Instant;

use crate::args::{Arg, Args};
use crate::output::{self, Stop};
use crate::servers;
pub(crate) use counts::Counts;
use steps::STEPS;

pub(crate) const HELP: &str = "\
Run everything CI runs. All steps run even when one fails; the last line is the count of tests.

Usage: cargo xtask test [--quick] [--only STEP]...

  --quick      leave out docs, node, shared, browser, soak, bench and fuzz
  --only STEP  only this step; may be given several times

Steps:
  fmt      cargo fmt --all --check
  clippy   cargo clippy on everything, warnings denied
  tests    cargo test on everything: unit, integration and documentation tests, the oracle's Node packages included
  node     the tests in tests/node, against the real Node packages
  shared   the tests in examples/node-and-rust: express and axum on one store, with the real Node store packages
  browser  the tests in tests/browser on every login example, in a real Chromium (its path is in CHROMIUM)
  docs     cargo doc, warnings denied
  table    ARCHITECTURE.md shows the decision table that the code prints
  tidy     the rules of the house
  soak     a minute of `cargo xtask soak` on three stores; only what must be zero is judged
  bench    each subject of `cargo xtask bench` answers as it must; nothing is timed
  fuzz     each fuzz target for ten seconds

The tests talk to real servers, which `cargo xtask services` describes; what this run starts it stops again.
A tool that is missing is installed when this runs as root on Debian or Ubuntu. Otherwise its step is skipped, and
with CI=true it fails. In the count, a failed step without tests of its own is one failure, a skipped step one skip.
";

/// How a step ended.
#[derive(Debug)]
pub(crate) enum Verdict {
    Passed(Counts),
    /// With what failed and what to do about it.
    Failed(Counts, String),
    /// A tool is missing: which, and how to get it.
    Missing(String),
    /// The project has nothing for this step.
    Nothing(&'static str),
}

/// One step of the run.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    /// Whether `--quick` runs it too.
    pub(crate) quick: bool,
    pub(crate) run: fn() -> Verdict,
}

/// One line of the table at the end.
#[derive(Debug)]
struct Line {
    name: &'static str,
    result: &'static str,
    counts: Counts,
    seconds: f64,
    why: Option<String>,
}

pub(crate) fn run(mut args: Args) -> Result<(), Stop> {
    let mut quick = false;
    let mut only = Vec::new();
    while let Some(arg) = args.next() {
        match arg {
            Arg::Option(name) if name == "--quick" => quick = true,
            Arg::Option(name) if name == "--only" => only.push(known(args.value(&name)?)?),
            other => return Err(other.unknown()),
        }
    }
    let wanted = |step: &&Step| {
        if only.is_empty() { step.quick || !quick } else { only.iter().any(|name| name == step.name) }
    };
    let lines: Vec<Line> = STEPS.iter().filter(wanted).map(run_step).collect();
    servers::stop()?;
    if report(&lines) { Err(Stop::Reported) } else { Ok(()) }
}

fn known(name: String) -> Result<String, Stop> {
    if STEPS.iter().any(|step| step.name == name) {
        return Ok(name);
    }
    let names: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
    Err(Stop::Usage(format!("there is no step `{name}`; there are {}", names.join(", "))))
}

fn run_step(step: &Step) -> Line {
    say!("\n==> {}", step.name);
    let begun = Instant::now();
    let verdict = (step.run)();
    let seconds = begun.elapsed().as_secs_f64();
    let (result, counts, why) = judge(verdict, crate::process::in_ci());
    say!(
        "<== {}: {result} after {seconds:.1} s{}",
        step.name,
        why.as_deref().map_or(String::new(), |why| format!(": {why}"))
    );
    Line { name: step.name, result, counts, seconds, why }
}

/// What a verdict means for the table. Only here does it matter whether this is a CI run.
fn judge(verdict: Verdict, in_ci: bool) -> (&'static str, Counts, Option<String>) {
    match verdict {
        Verdict::Passed(counts) => ("passed", counts, None),
        Verdict::Failed(mut counts, why) => {
            counts.failed = counts.failed.max(1);
            ("failed", counts, Some(why))
        }
        Verdict::Missing(why) if in_ci => ("failed", Counts { failed: 1, ..Counts::default() }, Some(why)),
        Verdict::Missing(why) => ("skipped", Counts { skipped: 1, ..Counts::default() }, Some(why)),
        Verdict::Nothing(why) => ("nothing", Counts::default(), Some(why.to_owned())),
    }
}

/// Prints the table and the count; says whether anything failed.
fn report(lines: &[Line]) -> bool {
    let mut total = Counts::default();
    let mut rows = Vec::new();
    for line in lines {
        total.add(line.counts);
        rows.push(vec![
            line.name.to_owned(),
            line.result.to_owned(),
            line.counts.passed.to_string(),
            line.counts.failed.to_string(),
            line.counts.skipped.to_string(),
            format!("{:.1}", line.seconds),
        ]);
    }
    say!("\n{}", output::table(&["step", "result", "passed", "failed", "skipped", "seconds"], &rows));
    for line in lines {
        if let Some(why) = &line.why {
            say!("{} {}: {why}", line.name, line.result);
        }
    }
    say!("tests: {} passed, {} failed, {} skipped", total.passed, total.failed, total.skipped);
    lines.iter().any(|line| line.result == "failed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_tool_fails_only_in_continuous_integration() {
        let missing = || Verdict::Missing("install npm".into());
        assert_eq!(judge(missing(), true).0, "failed");
        assert_eq!(judge(missing(), false).0, "skipped");
        assert_eq!(judge(missing(), false).1.skipped, 1);
    }

    #[test]
    fn a_failure_is_counted_even_if_no_test_was() {
        let (result, counts, _) =
            judge(Verdict::Failed(Counts::default(), "it does not build".into()), false);
        assert_eq!((result, counts.failed), ("failed", 1));
    }
}
