//! The servers that the tests of a run talk to: started when the first step needs them, stopped when the run is over.

use std::sync::OnceLock;

use crate::process;
use crate::services::{self, Env, Kind};

/// The store tests that CI must not pass by testing nothing: what their suites are named.
const REQUIRED: &str = "memory,sqlite,redis,redis-cluster,redis-sentinel,mongodb,mongodb-object,mongodb-replica,postgres,pgbouncer,mysql,node";

static SERVERS: OnceLock<Result<Env, String>> = OnceLock::new();

/// Variables that tell tests where the servers are, and which of them a test must not do without.
pub(crate) fn variables() -> Result<Vec<(&'static str, String)>, String> {
    let env = SERVERS.get_or_init(start).as_ref().map_err(Clone::clone)?;
    let mut variables: Vec<_> = env.variables().map(|(name, url)| (name, url.to_owned())).collect();
    // What was started must be reached. In CI a server that could not be started is a failure, too.
    let required = if process::in_ci() { REQUIRED.to_owned() } else { provided(env) };
    variables.push(("SESSION_REQUIRE", required));
    Ok(variables)
}

fn start() -> Result<Env, String> {
    let env = services::ensure(Kind::ALL)?;
    for (kind, why) in env.missing() {
        say!("could not provide {kind}: {why}");
    }
    Ok(env)
}

fn provided(env: &Env) -> String {
    let there = env.services.iter().filter(|service| service.result.is_ok());
    there.map(|service| service.kind.name()).collect::<Vec<_>>().join(",")
}

/// Stops what this run started, and nothing that ran before.
pub(crate) fn stop() -> Result<(), String> {
    match SERVERS.get() {
        Some(Ok(env)) => services::stop(&env.started()).map(drop),
        Some(Err(_)) | None => Ok(()),
    }
}
