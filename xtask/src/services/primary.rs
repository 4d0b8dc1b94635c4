//! Which servers of a service take the writes now: the ones whose end is a failover.

use super::state::State;
use super::{Kind, probe};

/// The ports of the servers that hold data, in the order they were started: without the sentinels.
fn holders(kind: Kind) -> Result<Vec<u16>, String> {
    let state = State::load()?;
    let service = state.services.get(&kind).ok_or_else(|| format!("{kind} was not started here"))?;
    let processes = service.processes.iter().filter(|process| !process.role.starts_with("sentinel"));
    Ok(processes.map(|process| process.port).collect())
}

fn sentinels(kind: Kind) -> Result<Vec<u16>, String> {
    let state = State::load()?;
    let processes = state.services.get(&kind).map(|service| service.processes.clone()).unwrap_or_default();
    let sentinels = processes.into_iter().filter(|process| process.role.starts_with("sentinel"));
    Ok(sentinels.map(|process| process.port).collect())
}

/// The ports of the servers that take writes and are known to do so.
pub(crate) fn primaries(kind: Kind) -> Result<Vec<u16>, String> {
    let all = holders(kind)?;
    let is_primary = |port: &u16| -> bool {
        match kind {
            Kind::Redis | Kind::Mongodb | Kind::Postgres | Kind::Pgbouncer | Kind::Mysql => true,
            Kind::RedisCluster | Kind::RedisSentinel => {
                probe::redis(*port, "INFO replication").is_ok_and(|info| info.contains("role:master"))
            }
            Kind::MongodbReplica => probe::mongo_primary(*port).is_ok(),
        }
    };
    let mut primaries: Vec<u16> = all.into_iter().filter(is_primary).collect();
    if kind == Kind::RedisSentinel {
        // A primary that has come back takes itself for one until the sentinels have told it otherwise.
        let named = sentinels(kind)?.into_iter().find_map(|port| {
            let answer = probe::redis(port, "SENTINEL GET-MASTER-ADDR-BY-NAME mymaster").ok()?;
            answer.lines().nth(1)?.parse::<u16>().ok()
        });
        primaries.retain(|port| Some(*port) == named);
    }
    Ok(primaries)
}

/// The ports of the servers that follow a primary.
pub(crate) fn replicas(kind: Kind) -> Result<Vec<u16>, String> {
    let primaries = primaries(kind)?;
    Ok(holders(kind)?.into_iter().filter(|port| !primaries.contains(port)).collect())
}

/// Whether each server answers and each primary has its replicas again, so that the next failover finds a successor.
pub(crate) fn settled(kind: Kind) -> Result<(), String> {
    State::load()?.condition(kind)?;
    let primaries = primaries(kind)?;
    match kind {
        Kind::Redis | Kind::Mongodb | Kind::Postgres | Kind::Pgbouncer | Kind::Mysql => Ok(()),
        Kind::RedisCluster => {
            if primaries.len() != 3 {
                return Err(format!("the cluster has {} primaries", primaries.len()));
            }
            primaries.into_iter().try_for_each(|port| probe::redis_replicas(port, 1))
        }
        Kind::RedisSentinel => {
            let primary = primaries.first().ok_or("there is no primary")?;
            probe::redis_replicas(*primary, 2)
        }
        // Its condition says that all follow the one.
        Kind::MongodbReplica => Ok(()),
    }
}
