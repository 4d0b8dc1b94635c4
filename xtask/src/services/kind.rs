//! The kinds of service and the names they go by: on the command line, in the environment, in the record.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::output::Stop;

/// One kind of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    Redis,
    RedisCluster,
    RedisSentinel,
    Mongodb,
    MongodbReplica,
    Postgres,
    Pgbouncer,
    Mysql,
}

impl Kind {
    pub(crate) const ALL: &[Kind] = &[
        Kind::Redis,
        Kind::RedisCluster,
        Kind::RedisSentinel,
        Kind::Mongodb,
        Kind::MongodbReplica,
        Kind::Postgres,
        Kind::Pgbouncer,
        Kind::Mysql,
    ];

    /// The name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Redis => "redis",
            Kind::RedisCluster => "redis-cluster",
            Kind::RedisSentinel => "redis-sentinel",
            Kind::Mongodb => "mongodb",
            Kind::MongodbReplica => "mongodb-replica",
            Kind::Postgres => "postgres",
            Kind::Pgbouncer => "pgbouncer",
            Kind::Mysql => "mysql",
        }
    }

    /// The environment variable that says where it is.
    pub(crate) fn variable(self) -> &'static str {
        match self {
            Kind::Redis => "REDIS_URL",
            Kind::RedisCluster => "REDIS_CLUSTER_URLS",
            Kind::RedisSentinel => "REDIS_SENTINEL_URLS",
            Kind::Mongodb => "MONGODB_URL",
            Kind::MongodbReplica => "MONGODB_REPLICA_URL",
            Kind::Postgres => "POSTGRES_URL",
            Kind::Pgbouncer => "PGBOUNCER_URL",
            Kind::Mysql => "MYSQL_URL",
        }
    }

    /// The port a URL means when it names none.
    pub(crate) fn usual_port(self) -> u16 {
        match self {
            Kind::Redis | Kind::RedisCluster => 6379,
            Kind::RedisSentinel => 26379,
            Kind::Mongodb | Kind::MongodbReplica => 27017,
            Kind::Postgres => 5432,
            Kind::Pgbouncer => 6432,
            Kind::Mysql => 3306,
        }
    }

    /// The kind that must run before this one, since it stands in front of it.
    pub(crate) fn behind(self) -> Option<Kind> {
        match self {
            Kind::Pgbouncer => Some(Kind::Postgres),
            Kind::Redis
            | Kind::RedisCluster
            | Kind::RedisSentinel
            | Kind::Mongodb
            | Kind::MongodbReplica
            | Kind::Postgres
            | Kind::Mysql => None,
        }
    }

    /// The signal that ends the server soon and in order. PostgreSQL waits for its clients on the usual one.
    pub(crate) fn stop_signal(self) -> &'static str {
        match self {
            Kind::Postgres => "INT",
            Kind::Redis
            | Kind::RedisCluster
            | Kind::RedisSentinel
            | Kind::Mongodb
            | Kind::MongodbReplica
            | Kind::Pgbouncer
            | Kind::Mysql => "TERM",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// Reads a list such as `redis,postgres`.
pub(crate) fn parse(list: &str) -> Result<Vec<Kind>, Stop> {
    list.split(',').map(str::trim).filter(|name| !name.is_empty()).map(parse_one).collect()
}

fn parse_one(name: &str) -> Result<Kind, Stop> {
    let wanted = if name == "mariadb" { "mysql" } else { name };
    Kind::ALL.iter().copied().find(|kind| kind.name() == wanted).ok_or_else(|| {
        let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        Stop::Usage(format!("there is no service `{name}`; known are {}", known.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_names_is_read() {
        assert_eq!(parse("redis, mariadb").unwrap(), [Kind::Redis, Kind::Mysql]);
        assert!(parse("oracle").is_err());
    }

    #[test]
    fn the_record_uses_the_same_names_as_the_command_line() {
        for kind in Kind::ALL {
            assert_eq!(serde_json::to_string(kind).unwrap(), format!("\"{kind}\""));
        }
    }
}
