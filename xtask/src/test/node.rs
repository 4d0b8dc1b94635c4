//! The tests that are written in JavaScript: against the real Node packages, and in a real browser.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::iter;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use super::{Verdict, counts, steps};
use crate::{process, servers, workspace};

/// The oldest Node that the packages under test run on.
const NODE: u32 = 20;

/// Variables that a test run needs, or what is missing.
type Tools = Result<Vec<(&'static str, OsString)>, String>;

/// Installs and runs the package in `folder`, if there is one.
pub(crate) fn run(folder: &'static str, tools: &dyn Fn() -> Tools) -> Verdict {
    let folder = workspace::root().join(folder);
    if !folder.join("package.json").is_file() {
        return Verdict::Nothing("the folder has no package.json");
    }
    let variables = match tools() {
        Ok(variables) => variables,
        Err(why) => return Verdict::Missing(why),
    };
    if let Err(why) = install(&folder, &variables) {
        return Verdict::Failed(counts::Counts::default(), why);
    }
    let mut command = Command::new("npm");
    command.arg("test").current_dir(&folder).envs(variables);
    steps::counted(&mut command, counts::node_summary, "see the failures above")
}

/// What Rust tests need that talk to Node: a Node that is recent enough, and the packages in `folder`, installed.
pub(crate) fn packages(folder: &str) -> Tools {
    let variables = tools()?;
    install(&workspace::root().join(folder), &variables)?;
    Ok(variables)
}

/// Node and npm, installed if need be.
pub(crate) fn tools() -> Tools {
    for program in ["node", "npm"] {
        if process::find(program).is_none() {
            let package = if program == "node" { "nodejs" } else { "npm" };
            process::install(package).map_err(|why| format!("{program} is missing: {why}"))?;
        }
    }
    if is_recent(Path::new("node")) {
        return Ok(Vec::new());
    }
    // Debian's Node may be older than the packages under test allow; the npm package of that name is the program.
    let cache = workspace::root().join("target/node-cache");
    let folder = cache.join("node_modules/node/bin");
    if !is_recent(&folder.join("node")) {
        say!("installing Node {NODE} beside the older one");
        let mut command = Command::new("npm");
        command.args(["install", "--no-audit", "--no-fund", "--prefix"]).arg(&cache);
        process::capture(command.arg(format!("node@{NODE}")))
            .map_err(|why| format!("Node {NODE} or newer is needed first on the PATH; {why}"))?;
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(iter::once(folder).chain(env::split_paths(&path)))
        .map_err(|error| error.to_string())?;
    Ok(vec![("PATH", path)])
}

fn is_recent(node: &Path) -> bool {
    let version = process::capture(Command::new(node).arg("--version")).unwrap_or_default();
    major(&version).is_some_and(|major| major >= NODE)
}

/// The same, and the servers that both halves of a site share.
pub(crate) fn tools_and_servers() -> Tools {
    let mut variables = tools()?;
    variables.extend(servers::variables()?.into_iter().map(|(name, value)| (name, value.into())));
    Ok(variables)
}

/// The same, and a browser.
pub(crate) fn tools_servers_and_chromium() -> Tools {
    let mut variables = tools_and_servers()?;
    let chromium = match chromium() {
        Some(path) => path,
        None => {
            process::install("chromium")
                .map_err(|why| format!("Chromium is missing: {why}, or set CHROMIUM to its path"))?;
            chromium().ok_or("Chromium is installed, but not on the PATH; set CHROMIUM to its path")?
        }
    };
    variables.push(("CHROMIUM", chromium.into_os_string()));
    Ok(variables)
}

fn chromium() -> Option<PathBuf> {
    let named = env::var_os("CHROMIUM").map(PathBuf::from).filter(|path| path.is_file());
    named.or_else(|| {
        ["chromium", "chromium-browser", "google-chrome"].iter().find_map(|name| process::find(name))
    })
}

fn major(version: &str) -> Option<u32> {
    version.trim().trim_start_matches('v').split('.').next()?.parse().ok()
}

/// Runs `npm ci` unless what is installed is newer than the lockfile.
fn install(folder: &Path, variables: &[(&'static str, OsString)]) -> Result<(), String> {
    let lockfile = written(&folder.join("package-lock.json"));
    if lockfile.is_none() {
        return Err(format!(
            "{} needs a package-lock.json; run `npm install` there",
            workspace::relative(folder)
        ));
    }
    // npm writes this one last, so that an interrupted install does not look like a whole one.
    if written(&folder.join("node_modules/.package-lock.json")) >= lockfile {
        return Ok(());
    }
    let mut command = Command::new("npm");
    command.args(["ci", "--no-audit", "--no-fund"]).current_dir(folder).envs(variables.iter().cloned());
    if process::stream(&mut command, |_| ())?.success() {
        Ok(())
    } else {
        Err("npm ci failed, see above".into())
    }
}

fn written(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).and_then(|facts| facts.modified()).ok()
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn the_major_version_of_node_is_read() {
        assert_eq!(major("v20.20.2\n"), Some(20));
        assert_eq!(major("nonsense"), None);
    }
}
