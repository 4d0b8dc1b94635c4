//! The steps of a run: which command each is, and how its output becomes a verdict.

use std::process::Command;

use super::counts::{self, Counts};
use super::{Step, Verdict, node};
use crate::{bench, demo, fuzz, process, servers, table, tidy, workspace};

/// How long each fuzz target runs here; `cargo xtask fuzz` is for longer.
const FUZZ_SECONDS: u32 = 10;

/// How long the soak lasts on each store here, and which: `cargo xtask soak` is for longer and for all.
const SOAK_MINUTES: &str = "0.3";
const SOAK_STORES: &str = "sqlite,redis,postgres";

/// All steps, the quick ones first, so that the usual mistakes show early.
pub(crate) const STEPS: &[Step] = &[
    Step { name: "fmt", quick: true, run: fmt },
    Step { name: "table", quick: true, run: table },
    Step { name: "tidy", quick: true, run: tidy },
    Step { name: "clippy", quick: true, run: clippy },
    Step { name: "tests", quick: true, run: tests },
    Step { name: "docs", quick: false, run: docs },
    Step { name: "node", quick: false, run: || node::run("tests/node", &node::tools) },
    Step {
        name: "shared",
        quick: false,
        run: || node::run("examples/node-and-rust", &node::tools_and_servers),
    },
    Step { name: "browser", quick: false, run: browser },
    Step { name: "soak", quick: false, run: soak },
    Step { name: "bench", quick: false, run: bench },
    Step { name: "fuzz", quick: false, run: fuzz },
];

fn fmt() -> Verdict {
    if let Err(missing) = component("fmt", "rustfmt") {
        return missing;
    }
    let ours = plain(workspace::cargo().args(["fmt", "--all", "--check"]), "run `cargo fmt --all`");
    let (Verdict::Passed(_), true) = (&ours, bench::exists()) else { return ours };
    let mut command = workspace::cargo();
    command.args(["fmt", "--check", "--manifest-path"]).arg(bench::manifest());
    plain(&mut command, "run `cargo fmt --manifest-path bench/Cargo.toml`")
}

fn clippy() -> Verdict {
    if let Err(missing) = component("clippy", "clippy") {
        return missing;
    }
    let mut command = workspace::cargo();
    command.args(["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"]);
    plain(&mut command, "repair what clippy says above")
}

fn docs() -> Verdict {
    let mut command = workspace::cargo();
    command.args(["doc", "--workspace", "--no-deps", "--all-features"]).env("RUSTDOCFLAGS", "-D warnings");
    plain(&mut command, "repair what rustdoc says above")
}

fn tests() -> Verdict {
    let mut command = workspace::cargo();
    // Without --no-fail-fast the programs after the first failure would not be counted.
    command.args(["test", "--workspace", "--all-features", "--no-fail-fast"]);
    match servers::variables() {
        Ok(variables) => command.envs(variables),
        Err(why) => return Verdict::Missing(why),
    };
    // As with the oracle: the test itself says what is missing.
    if process::find("nginx").is_none()
        && let Err(why) = process::install("nginx-light")
    {
        say!("the settings for nginx cannot be tried: {why}");
    }
    match node::packages("tests/oracle") {
        Ok(variables) => drop(command.envs(variables)),
        // The test itself is then ignored, or fails where it must not be.
        Err(why) => say!("the oracle cannot be asked: {why}"),
    }
    // Without it the tests with servers whose clock is wrong are left out, or fail where they must not be.
    if process::find("faketime").is_none()
        && let Err(why) = process::install("faketime")
    {
        say!("no server's clock can be shifted: {why}");
    }
    counted(&mut command, counts::rust_summary, "see the failures above")
}

fn table() -> Verdict {
    table::check().map_or_else(failed, |()| Verdict::Passed(Counts::default()))
}

fn tidy() -> Verdict {
    match tidy::findings() {
        Ok(findings) if findings.is_empty() => Verdict::Passed(Counts::default()),
        Ok(findings) => {
            say!("{}", findings.join("\n"));
            failed(format!("rules broken: {}, see above", findings.len()))
        }
        Err(why) => failed(why),
    }
}

/// The same tests for the login example of every framework.
fn browser() -> Verdict {
    let programs = match demo::programs() {
        Ok(programs) => programs,
        Err(why) => return failed(why),
    };
    let mut sum = Counts::default();
    for (adapter, program) in programs {
        let tools = || {
            let mut variables = node::tools_servers_and_chromium()?;
            variables.push(("DEMO_PROGRAM", program.clone().into()));
            Ok(variables)
        };
        say!("the login example with {adapter}");
        match node::run("tests/browser", &tools) {
            Verdict::Passed(counts) => sum.add(counts),
            Verdict::Failed(counts, why) => {
                sum.add(counts);
                return Verdict::Failed(sum, format!("{adapter}: {why}"));
            }
            other => return other,
        }
    }
    Verdict::Passed(sum)
}

/// Short, and only what must be zero is judged. In a process of its own, since it keeps its servers apart from those of this run.
fn soak() -> Verdict {
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return failed(format!("cannot find this program: {error}")),
    };
    let mut command = Command::new(program);
    command.args(["soak", "--minutes", SOAK_MINUTES, "--store", SOAK_STORES]);
    plain(&mut command, "see what became of the sessions above; `cargo xtask soak --seed N` repeats it")
}

/// Nothing is timed here. The measuring programs are a workspace of their own, so nobody else would notice if they no
/// longer built, or measured an error page.
fn bench() -> Verdict {
    if !bench::exists() {
        return Verdict::Nothing("there is no bench/Cargo.toml");
    }
    match bench::smoke() {
        Ok((counts, wrong)) if wrong.is_empty() => Verdict::Passed(counts),
        Ok((counts, wrong)) => Verdict::Failed(counts, wrong.join("; ")),
        Err(why) => failed(why),
    }
}

fn fuzz() -> Verdict {
    if !fuzz::exists() {
        return Verdict::Nothing("there is no fuzz/Cargo.toml");
    }
    if let Err(why) = fuzz::ready() {
        return Verdict::Missing(why);
    }
    let run = || -> Result<Verdict, String> {
        let names = fuzz::targets()?;
        let crashed = fuzz::fuzz(&names, FUZZ_SECONDS)?;
        let counts = Counts {
            passed: u64::try_from(names.len() - crashed.len()).unwrap_or(0),
            failed: u64::try_from(crashed.len()).unwrap_or(0),
            skipped: 0,
        };
        if crashed.is_empty() {
            return Ok(Verdict::Passed(counts));
        }
        Ok(Verdict::Failed(counts, format!("crashed: {}", crashed.join(", "))))
    };
    run().unwrap_or_else(failed)
}

/// A command that only succeeds or fails.
fn plain(command: &mut Command, remedy: &str) -> Verdict {
    match process::stream(command, |_| ()) {
        Ok(status) if status.success() => Verdict::Passed(Counts::default()),
        Ok(_) => failed(remedy.to_owned()),
        Err(why) => failed(why),
    }
}

/// A command that runs tests and prints lines that `read` makes counts of.
pub(crate) fn counted(command: &mut Command, read: fn(&str) -> Option<Counts>, remedy: &str) -> Verdict {
    let mut sum = None;
    let mut seen = |line: &str| {
        if let Some(counts) = read(line) {
            sum.get_or_insert_with(Counts::default).add(counts);
        }
    };
    let status = process::stream(command, &mut seen);
    match (status, sum) {
        (Err(why), _) => failed(why),
        (Ok(status), Some(sum)) if status.success() && sum.failed == 0 => Verdict::Passed(sum),
        // A runner that ends well without a summary has most likely run nothing.
        (Ok(status), None) if status.success() => failed("no summary of any test was printed".into()),
        (Ok(_), sum) => Verdict::Failed(sum.unwrap_or_default(), remedy.to_owned()),
    }
}

fn failed(why: String) -> Verdict {
    Verdict::Failed(Counts::default(), why)
}

/// Whether a part of the Rust toolchain is there.
fn component(subcommand: &str, name: &str) -> Result<(), Verdict> {
    process::capture(workspace::cargo().args([subcommand, "--version"]))
        .map(drop)
        .map_err(|_| Verdict::Missing(format!("{name} is missing; run `rustup component add {name}`")))
}
