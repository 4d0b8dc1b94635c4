//! `cargo xtask tidy`: the rules of the house that no compiler checks, each with the place and what to do about it.

mod code;
mod manifests;
mod siblings;
mod sources;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::args::Args;
use crate::output::Stop;
use crate::{table, workspace};

pub(crate) const HELP: &str = "\
Check the rules of the house.

Usage: cargo xtask tidy

  - session-core/src awaits nothing, reads no clock, draws no random number, names no framework
  - stores depend on session-core, adapters on session-driver, and nothing depends on an adapter
  - the driver names a framework nowhere but in its folder `framework`
  - each file under src says in its first line why it exists, and has at most 400 lines beside its tests
  - sibling crates have files of the same names
  - nothing is left undone, no test is switched off
  - each member has a description, a licence and the lints of the workspace
  - ARCHITECTURE.md shows the decision table that the code prints
";

/// One breach of a rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    file: String,
    line: usize,
    what: String,
}

impl Finding {
    fn new(file: &str, line: usize, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.file, self.line, self.what)
    }
}

/// A text file of the workspace; its name is the path from the root, with `/` on every system.
#[derive(Debug)]
pub(crate) struct Source {
    name: String,
    text: String,
}

pub(crate) fn run(mut args: Args) -> Result<(), Stop> {
    if let Some(arg) = args.next() {
        return Err(arg.unknown());
    }
    let findings = findings()?;
    for finding in &findings {
        say!("{finding}");
    }
    if !findings.is_empty() {
        return Err(Stop::Failed(format!("rules broken: {}, see above", findings.len())));
    }
    say!("tidy: nothing to complain about");
    Ok(())
}

/// Everything that breaks a rule, in the order of the files.
pub(crate) fn findings() -> Result<Vec<String>, String> {
    let sources = sources()?;
    let packages = workspace::metadata(&workspace::root().join("Cargo.toml"))?.packages;
    let mut findings = sources::check(&sources);
    findings.extend(manifests::check(&packages, &sources));
    findings.extend(siblings::check(&sources));
    findings.sort();
    let mut lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
    lines.extend(table::check().err());
    Ok(lines)
}

/// Every text file that a rule may look at.
fn sources() -> Result<Vec<Source>, String> {
    let mut found = Vec::new();
    collect(workspace::root(), &mut found)?;
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn collect(folder: &Path, found: &mut Vec<Source>) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("cannot read {}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            if !is_foreign(&path) {
                collect(&path, found)?;
            }
        } else if has_rules(&path) {
            let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            found.push(Source { name: workspace::relative(&path).replace('\\', "/"), text });
        }
    }
    Ok(())
}

/// Folders that hold what was built, downloaded or belongs to another tool.
fn is_foreign(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.')
        || name == "target"
        || name == "node_modules"
        || folder.join("CACHEDIR.TAG").exists()
}

fn has_rules(path: &PathBuf) -> bool {
    let endings = ["rs", "toml", "js", "mjs", "ts", "sql"];
    Path::new(path).extension().is_some_and(|ending| endings.iter().any(|known| ending == *known))
}
