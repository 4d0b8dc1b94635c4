//! `cargo xtask fuzz`: the libFuzzer targets in `fuzz/`, built with the stable compiler.
//!
//! cargo-fuzz wants a nightly compiler for the address sanitizer. This code base forbids `unsafe`, so coverage and the
//! crash itself are enough, and those the stable compiler provides when it is asked through LLVM's own options.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::args::{Arg, Args};
use crate::output::Stop;
use crate::{process, workspace};

pub(crate) const HELP: &str = "\
Run the fuzz targets in fuzz/ with libFuzzer, on the stable compiler.

Usage: cargo xtask fuzz [--seconds N] [--target NAME]

  --seconds N     how long each target runs; 60 unless told otherwise
  --target NAME   only this target, instead of all one after the other

Inputs to begin with are read from fuzz/seeds/NAME, words from fuzz/dict/NAME.dict. What a run finds worth keeping
goes into fuzz/target/corpus/NAME; the input of a crash into fuzz/target/artifacts/NAME. Run that one input again
with: fuzz/target/<host>/release/NAME <file>
";

/// The instrumentation that libFuzzer reads, as cargo-fuzz asks for it.
const FLAGS: &[&str] = &[
    "--cfg fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
    "-Cdebuginfo=1",
    "-Cdebug-assertions",
];

pub(crate) fn run(mut args: Args) -> Result<(), Stop> {
    let (mut seconds, mut only) = (60_u32, None);
    while let Some(arg) = args.next() {
        match arg {
            Arg::Option(name) if name == "--seconds" => {
                seconds = args.parsed(&name, "a number of seconds")?
            }
            Arg::Option(name) if name == "--target" => only = Some(args.value(&name)?),
            other => return Err(other.unknown()),
        }
    }
    let names = targets()?;
    let names = match only {
        None => names,
        Some(name) if names.contains(&name) => vec![name],
        Some(name) => {
            return Err(Stop::Usage(format!("there is no target `{name}`; there are {}", names.join(", "))));
        }
    };
    ready()?;
    let failed = fuzz(&names, seconds)?;
    if failed.is_empty() { Ok(()) } else { Err(Stop::Failed(format!("crashed: {}", failed.join(", ")))) }
}

/// Whether there is anything to fuzz.
pub(crate) fn exists() -> bool {
    manifest().is_file()
}

/// The names of all targets.
pub(crate) fn targets() -> Result<Vec<String>, String> {
    if !exists() {
        return Err("there is no fuzz/Cargo.toml".into());
    }
    let packages = workspace::metadata(&manifest())?.packages;
    let targets = packages.into_iter().flat_map(|package| package.targets);
    Ok(targets
        .filter(|target| target.kind.iter().any(|kind| kind == "bin"))
        .map(|target| target.name)
        .collect())
}

/// Makes sure of the one thing that is needed beside cargo: libFuzzer is built from its C++ source.
pub(crate) fn ready() -> Result<(), String> {
    if ["c++", "g++", "clang++"].iter().any(|name| process::find(name).is_some()) {
        return Ok(());
    }
    process::install("g++").map_err(|why| format!("fuzzing needs a C++ compiler: {why}"))
}

/// Runs the targets one after the other and returns the names of those that crashed.
pub(crate) fn fuzz(names: &[String], seconds: u32) -> Result<Vec<String>, String> {
    let host = host()?;
    let target_dir = folder().join("target");
    let mut build = workspace::cargo();
    // With a target named, build scripts and macros are left without the instrumentation.
    build.args(["build", "--release", "--target", &host, "--manifest-path"]).arg(manifest());
    build
        .arg("--target-dir")
        .arg(&target_dir)
        .env("RUSTFLAGS", FLAGS.join(" "))
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    if !process::stream(&mut build, |_| ())?.success() {
        return Err("the fuzz targets do not build, see above".into());
    }
    let mut failed = Vec::new();
    for name in names {
        say!("fuzzing {name} for {seconds} s");
        let binary = target_dir.join(&host).join("release").join(name);
        if !process::stream(&mut command(&binary, name, seconds)?, |_| ())?.success() {
            say!("{name} crashed; its input is in {}", workspace::relative(&artifacts(name)));
            failed.push(name.clone());
        }
    }
    Ok(failed)
}

fn command(binary: &Path, name: &str, seconds: u32) -> Result<Command, String> {
    let found = folder().join("target/corpus").join(name);
    for folder in [&found, &artifacts(name)] {
        fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    }
    let mut command = Command::new(binary);
    command.arg(format!("-max_total_time={seconds}")).args(["-timeout=10", "-print_final_stats=1"]);
    command.arg(format!("-artifact_prefix={}/", artifacts(name).display()));
    let words = folder().join("dict").join(format!("{name}.dict"));
    if words.is_file() {
        command.arg(format!("-dict={}", words.display()));
    }
    // libFuzzer writes into the first folder only, so that the one under version control stays as it is.
    command.arg(found);
    let seeds = folder().join("seeds").join(name);
    if seeds.is_dir() {
        command.arg(seeds);
    }
    Ok(command)
}

fn folder() -> PathBuf {
    workspace::root().join("fuzz")
}

fn manifest() -> PathBuf {
    folder().join("Cargo.toml")
}

fn artifacts(name: &str) -> PathBuf {
    folder().join("target/artifacts").join(name)
}

/// The name of the machine that the compiler compiles for when it is not told.
fn host() -> Result<String, String> {
    let text = process::capture(Command::new("rustc").current_dir(workspace::root()).arg("-vV"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    line.map(str::to_owned).ok_or_else(|| "rustc -vV does not name the host".into())
}
