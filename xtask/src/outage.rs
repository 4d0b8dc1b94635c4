//! `cargo xtask outage`: a store's server crashes under load and comes back, and this counts what became of the sessions.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Stdio};
use std::time::Duration;

use crate::args::{Arg, Args};
use crate::output::{self, Stop};
use crate::services::{self, Kind};
use crate::workspace;

pub(crate) const HELP: &str = "\
Crash a store's server under load, start it again, and count what became of the sessions.

Usage: cargo xtask outage [--store NAME|all]

  --store NAME   redis, postgres, mysql, mongodb, or all

A site on that store has 24 visitors. Its server is killed, stays away for three seconds, and is started again. Wanted: while
it is away every answer is a 503 and comes within the deadline; afterwards everybody is still logged in, nothing that
was acknowledged is lost, and the site works again by itself. Only a server that this command started is killed.
";

const KINDS: &[Kind] = &[Kind::Redis, Kind::Postgres, Kind::Mysql, Kind::Mongodb];

/// The driver's deadline is 500 ms; the rest is for a machine with other things to do.
const SLOWEST_REFUSAL_MS: u64 = 1500;
const SLOWEST_RECOVERY_MS: u64 = 10_000;

/// How long each part lasts.
const BEFORE: Duration = Duration::from_secs(2);
const AWAY: Duration = Duration::from_secs(3);
const AFTER: Duration = Duration::from_secs(4);

#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    counted: u64,
    counted_before: u64,
    counted_after: u64,
    unavailable: u64,
    other_statuses: Vec<u16>,
    slowest_refusal_ms: u64,
    recovered_after_ms: Option<u64>,
    logged_out: u64,
    lost_counts: u64,
    invented_counts: u64,
}

pub(crate) fn run(mut args: Args) -> Result<(), Stop> {
    let mut store = "all".to_owned();
    while let Some(arg) = args.next() {
        match arg {
            Arg::Option(name) if name == "--store" => store = args.value(&name)?,
            other => return Err(other.unknown()),
        }
    }
    let kinds: Vec<Kind> =
        KINDS.iter().copied().filter(|kind| store == "all" || kind.name() == store).collect();
    if kinds.is_empty() {
        return Err(Stop::Usage(format!("no server of a store `{store}` can be crashed")));
    }
    let build = workspace::cargo().args(["build", "--package", "session-matrix", "--bin", "outage"]).status();
    if !build.is_ok_and(|status| status.success()) {
        return Err(Stop::Failed("the site does not build, see above".into()));
    }
    let mut rows = Vec::new();
    let mut missed = false;
    for kind in kinds {
        let env = services::ensure(&[kind])?;
        let found = outage(kind, &env);
        services::stop(&env.started())?;
        let found = found?;
        let misses = found.misses();
        missed |= !misses.is_empty();
        rows.push(found.row(kind, &misses));
    }
    let head =
        ["store", "before", "503s", "slowest 503", "recovered", "after", "logged out", "lost", "verdict"];
    say!("\n{}", output::table(&head, &rows).trim_end());
    if missed { Err(Stop::Reported) } else { Ok(()) }
}

fn outage(kind: Kind, env: &services::Env) -> Result<Found, String> {
    say!("{kind}: load");
    let mut command = workspace::cargo();
    command.args(["run", "--quiet", "--package", "session-matrix", "--bin", "outage", "--", kind.name()]);
    command.envs(env.variables()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut site = command.spawn().map_err(|error| format!("cannot start the site: {error}"))?;
    let found = story(kind, &mut site);
    if found.is_err() {
        let _ended_already = site.kill();
    }
    let _reaped = site.wait();
    found
}

fn story(kind: Kind, site: &mut Child) -> Result<Found, String> {
    let (stdin, stdout) = (site.stdin.take(), site.stdout.take());
    let (Some(mut stdin), Some(stdout)) = (stdin, stdout) else { return Err("the site has no pipes".into()) };
    let mut lines = BufReader::new(stdout).lines();
    let mut line = || lines.next().and_then(Result::ok).ok_or("the site ended early, see above");
    if line()? != "running" {
        return Err("the site did not say that it runs".into());
    }
    std::thread::sleep(BEFORE);
    let crashed = services::crash(kind)?;
    tell(&mut stdin, "crashed")?;
    say!("{kind}: crashed");
    std::thread::sleep(AWAY);
    crashed.start_again()?;
    tell(&mut stdin, "back")?;
    say!("{kind}: back");
    std::thread::sleep(AFTER);
    tell(&mut stdin, "stop")?;
    serde_json::from_str(&line()?).map_err(|error| format!("the site's result makes no sense: {error}"))
}

fn tell(stdin: &mut ChildStdin, what: &str) -> Result<(), String> {
    writeln!(stdin, "{what}").map_err(|error| format!("the site ended early: {error}"))
}

impl Found {
    /// What was not as it should be.
    fn misses(&self) -> Vec<String> {
        let mut misses = Vec::new();
        let mut want = |holds: bool, miss: String| {
            if !holds {
                misses.push(miss);
            }
        };
        want(self.counted_before > 0 && self.unavailable > 0, "there was no load, or no outage".into());
        want(self.other_statuses.is_empty(), format!("statuses {:?}", self.other_statuses));
        want(self.slowest_refusal_ms <= SLOWEST_REFUSAL_MS, "a late 503".into());
        want(self.recovered_after_ms.is_some_and(|ms| ms <= SLOWEST_RECOVERY_MS), "no recovery".into());
        want(self.logged_out == 0, "people logged out".into());
        want(self.lost_counts == 0, "acknowledged changes lost".into());
        want(self.invented_counts == 0, "changes made twice".into());
        misses
    }

    fn row(&self, kind: Kind, misses: &[String]) -> Vec<String> {
        vec![
            kind.to_string(),
            self.counted_before.to_string(),
            self.unavailable.to_string(),
            format!("{} ms", self.slowest_refusal_ms),
            self.recovered_after_ms.map_or("never".into(), |ms| format!("{ms} ms")),
            self.counted_after.to_string(),
            self.logged_out.to_string(),
            format!("{} of {}", self.lost_counts, self.counted),
            if misses.is_empty() { "kept".into() } else { misses.join(", ") },
        ]
    }
}
