//! `cargo xtask soak`: visitors use a site while the servers and processes it runs on are killed, paused, restarted and failed
//! over; this counts what became of their sessions.

mod faults;
mod report;

use std::fs::File;
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::args::{Arg, Args};
use crate::output::{self, Stop};
use crate::services::{self, Kind};
use crate::workspace;
use faults::{Fault, Shuffled};
use report::Found;

pub(crate) const HELP: &str = "\
Let visitors use a site while what it runs on is killed, paused, restarted and failed over, and count what became of them.

Usage: cargo xtask soak [--minutes N] [--store NAME,...] [--adapter NAME] [--fault NAME,...] [--seed N]

  --minutes N       how long for each store; 1 if not given, fractions are taken
  --store NAME,...  redis, redis-sentinel, redis-cluster, postgres, mysql, mongodb, mongodb-replica, sqlite; all if not given
  --adapter NAME    axum, actix-web, rocket or poem; axum if not given
  --fault NAME,...  only these; all that the store can have if not given
  --seed N          the order of the faults and what the visitors do; printed if not given

  kill      a store's only server is killed, stays away for up to three seconds, and is started again
  pause     the server that takes the writes stands still (SIGSTOP), up to 2.5 seconds
  restart   a server is stopped in order and started again; where there are several, one that follows
  failover  the server that takes the writes is killed; when another has taken over, it is started again and follows
  app       one of the site's two processes is killed in the middle of its work and started again

24 visitors log in, read, count, rotate their id, log out and are revoked; one request in thirty is left by its browser before there is an
answer, and one in thirty is sent and read slowly. What was acknowledged to them must be so, then and at the end:
no count lost or made twice, nobody signed in after a logout or a revocation, nobody logged out who did not ask for it.
What was answered by an error, or not at all, may have been done. Exit code 1 if one of these columns is not zero.

Redis replicates after it has answered, so a failover may lose what was acknowledged in its last moment (the store's page
says so; ends of sessions wait for one replica here). What a failover explains is in a column of its own and no failure.

The memory is the resident memory of the site's process that is never killed. Only servers that this command started are
touched: it starts its own beside those that run already.
";

/// The stores, and the service that each is on.
const STORES: &[(&str, Option<Kind>)] = &[
    ("sqlite", None),
    ("postgres", Some(Kind::Postgres)),
    ("mysql", Some(Kind::Mysql)),
    ("redis", Some(Kind::Redis)),
    ("redis-sentinel", Some(Kind::RedisSentinel)),
    ("redis-cluster", Some(Kind::RedisCluster)),
    ("mongodb", Some(Kind::Mongodb)),
    ("mongodb-replica", Some(Kind::MongodbReplica)),
];

/// What the visitors do undisturbed between two faults.
const CALM: Duration = Duration::from_millis(1500);

#[derive(Debug)]
struct Choice {
    time: Duration,
    stores: Vec<(&'static str, Option<Kind>)>,
    adapter: String,
    faults: Vec<Fault>,
    seed: u64,
}

pub(crate) fn run(args: Args) -> Result<(), Stop> {
    let choice = choice(args)?;
    let bins = ["--bin", "site", "--bin", "soak"];
    let build = workspace::cargo().args(["build", "--package", "session-matrix"]).args(bins).status();
    if !build.is_ok_and(|status| status.success()) {
        return Err(Stop::Failed("the site does not build, see above".into()));
    }
    let lock = workspace::root().join("target/soak.lock");
    let lock = File::create(&lock).map_err(|error| format!("cannot make {}: {error}", lock.display()))?;
    if lock.try_lock().is_err() {
        return Err(Stop::Failed("another `cargo xtask soak` runs here; wait for its end".into()));
    }
    services::apart()?;
    say!("soak: seed {}", choice.seed);
    let mut rows = Vec::new();
    let mut broken = false;
    for &(store, kind) in &choice.stores {
        let found = on(store, kind, &choice);
        if let Some(kind) = kind {
            services::stop(&[kind])?;
        }
        let (found, faults) = found?;
        broken |= found.is_broken();
        found.examples().for_each(|example| say!("{store}: {example}"));
        rows.push(found.row(store, faults));
    }
    say!("\n{}", output::table(report::HEAD, &rows).trim_end());
    if broken { Err(Stop::Reported) } else { Ok(()) }
}

fn choice(mut args: Args) -> Result<Choice, Stop> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut choice = Choice {
        time: Duration::from_secs(60),
        stores: STORES.to_vec(),
        adapter: "axum".into(),
        faults: Fault::ALL.to_vec(),
        seed: now.as_secs(),
    };
    while let Some(arg) = args.next() {
        match arg {
            Arg::Option(name) if name == "--minutes" => {
                let minutes: f64 = args.parsed(&name, "a number of minutes")?;
                choice.time = Duration::try_from_secs_f64(minutes * 60.0)
                    .map_err(|_| Stop::Usage("--minutes needs a number of minutes".into()))?;
            }
            Arg::Option(name) if name == "--store" => {
                choice.stores = args.value(&name)?.split(',').map(store).collect::<Result<_, _>>()?;
            }
            Arg::Option(name) if name == "--adapter" => choice.adapter = args.value(&name)?,
            Arg::Option(name) if name == "--fault" => {
                choice.faults = args.value(&name)?.split(',').map(Fault::named).collect::<Result<_, _>>()?;
            }
            Arg::Option(name) if name == "--seed" => choice.seed = args.parsed(&name, "a number")?,
            other => return Err(other.unknown()),
        }
    }
    if !["axum", "actix-web", "rocket", "poem"].contains(&choice.adapter.as_str()) {
        return Err(Stop::Usage(format!("there is no adapter `{}`", choice.adapter)));
    }
    Ok(choice)
}

fn store(name: &str) -> Result<(&'static str, Option<Kind>), Stop> {
    STORES.iter().copied().find(|(known, _)| *known == name).ok_or_else(|| {
        let known: Vec<&str> = STORES.iter().map(|(known, _)| *known).collect();
        Stop::Usage(format!("there is no store `{name}` to soak; there are {}", known.join(", ")))
    })
}

/// Runs the visitors on one store; what they found, and how many faults there were.
fn on(store: &str, kind: Option<Kind>, choice: &Choice) -> Result<(Found, usize), String> {
    let env = services::ensure(kind.as_slice())?;
    if let Some((_, why)) = env.missing().next() {
        return Err(why.to_owned());
    }
    let mut faults = Shuffled::new(Fault::of(kind, &choice.faults), choice.seed);
    let target = workspace::metadata(&workspace::root().join("Cargo.toml"))?.target_directory;
    let mut command = Command::new(target.join("debug/soak"));
    command.args([&choice.adapter, store, &choice.seed.to_string()]).envs(env.variables());
    let mut visitors = Visitors::start(&mut command)?;
    let begun = Instant::now();
    let mut count = 0;
    // Every kind of fault happens once, however short the time.
    while let Some(fault) = faults.next().filter(|_| begun.elapsed() < choice.time || count < faults.kinds())
    {
        std::thread::sleep(CALM);
        say!("{store}: {} after {:.1} s", fault.name(), begun.elapsed().as_secs_f64());
        fault.happen(kind, &mut visitors, &mut faults)?;
        count += 1;
    }
    std::thread::sleep(CALM);
    Ok((visitors.stop()?, count))
}

/// The program that holds the visitors and the processes of the site.
#[derive(Debug)]
struct Visitors {
    program: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Visitors {
    fn start(command: &mut Command) -> Result<Self, String> {
        let program = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut program = program.map_err(|error| format!("cannot start the visitors: {error}"))?;
        let (Some(stdin), Some(stdout)) = (program.stdin.take(), program.stdout.take()) else {
            return Err("the visitors have no pipes".into());
        };
        let mut visitors = Self { program, stdin, lines: BufReader::new(stdout).lines() };
        visitors.hear()?;
        Ok(visitors)
    }

    fn hear(&mut self) -> Result<String, String> {
        self.lines.next().and_then(Result::ok).ok_or_else(|| "the visitors ended early, see above".into())
    }

    /// Tells them something, and waits until they have noted it.
    fn tell(&mut self, what: &str) -> Result<(), String> {
        writeln!(self.stdin, "{what}").map_err(|error| format!("the visitors ended early: {error}"))?;
        match self.hear()?.as_str() {
            "ok" => Ok(()),
            other => Err(format!("the visitors say {other:?} to `{what}`")),
        }
    }

    fn stop(mut self) -> Result<Found, String> {
        writeln!(self.stdin, "stop").map_err(|error| format!("the visitors ended early: {error}"))?;
        let found = self.hear()?;
        serde_json::from_str(&found).map_err(|error| format!("the visitors' result makes no sense: {error}"))
    }
}

impl Drop for Visitors {
    fn drop(&mut self) {
        // The processes of the site end with it.
        let _ended_already = self.program.kill();
        let _reaped = self.program.wait();
    }
}
