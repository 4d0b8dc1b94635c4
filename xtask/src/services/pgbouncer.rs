//! PgBouncer in front of the PostgreSQL that runs: transaction mode, and few server connections, so that clients really
//! share them.

use std::fs;

use super::group::Group;
use super::tools::Tools;
use super::{ports, postgres, probe};
use crate::process;

/// Connections to the server for each database and user. Fewer than one store opens, so that they change hands.
const POOL_SIZE: u32 = 3;

/// `server` is the URL of the PostgreSQL behind it.
pub(crate) fn single(group: &mut Group<'_>, tools: &Tools, server: &str) -> Result<String, String> {
    let server = Server::parse(server)?;
    let port = ports::free(1)?[0];
    let folder = group.subfolder("run")?;
    let config = folder.join("pgbouncer.ini");
    // What is not set is as PgBouncer has it: a store must do with that.
    let text = format!(
        "[databases]\n* = {}\n\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
         auth_type = any\npool_mode = transaction\ndefault_pool_size = {POOL_SIZE}\nmax_client_conn = 1000\n",
        server.connection()
    );
    fs::write(&config, text).map_err(|error| format!("cannot write {}: {error}", config.display()))?;
    let mut command = tools.command("pgbouncer");
    command.arg(&config).current_dir(&folder);
    // It refuses to run as root, like the server behind it.
    if process::is_root() {
        let (user, group_of_user) = postgres::other_user()?;
        for path in [&folder, &config] {
            process::give(path, user, group_of_user)
                .map_err(|error| format!("cannot give {} away: {error}", path.display()))?;
        }
        process::run_as(&mut command, user, group_of_user);
    }
    group.spawn("pooler", port, &mut command)?;
    group.wait_until("pgbouncer", || probe::postgres(port))?;
    Ok(format!("postgres://{}@127.0.0.1:{port}/{}", server.user, server.database))
}

/// What PgBouncer has to know of the server behind it.
#[derive(Debug, PartialEq, Eq)]
struct Server {
    user: String,
    password: Option<String>,
    host: String,
    port: u16,
    database: String,
}

impl Server {
    /// Reads `postgres://user:password@host:port/database`, of which only the host must be there.
    fn parse(url: &str) -> Result<Self, String> {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let rest = rest.split('?').next().unwrap_or_default();
        if rest.contains(['%', '\'', '[']) {
            return Err("PgBouncer needs a POSTGRES_URL without escapes and with a plain host name".into());
        }
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (account, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = match account.split_once(':') {
            Some((user, password)) => (user, Some(password.to_owned())),
            None => (account, None),
        };
        let (host, port) = match host.split_once(':') {
            Some((host, port)) => {
                (host, port.parse().map_err(|_| format!("POSTGRES_URL has no port but `{port}`"))?)
            }
            None => (host, super::Kind::Postgres.usual_port()),
        };
        let user = if user.is_empty() { postgres::USER } else { user };
        let database = if database.is_empty() { user } else { database };
        Ok(Self {
            user: user.to_owned(),
            password,
            host: host.to_owned(),
            port,
            database: database.to_owned(),
        })
    }

    /// The same as PgBouncer's configuration has it. Whoever comes is let in as this one user.
    fn connection(&self) -> String {
        let Self { user, password, host, port, database: _ } = self;
        let password =
            password.as_ref().map(|password| format!(" password='{password}'")).unwrap_or_default();
        format!("host='{host}' port={port} user='{user}'{password}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_behind_it_is_read_from_its_url() {
        let server = Server::parse("postgres://app:secret@db:6000/web?sslmode=disable").unwrap();
        assert_eq!(server.connection(), "host='db' port=6000 user='app' password='secret'");
        assert_eq!(server.database, "web");
        let server = Server::parse("postgres://127.0.0.1").unwrap();
        assert_eq!(server.connection(), "host='127.0.0.1' port=5432 user='postgres'");
        assert_eq!(server.database, "postgres");
        assert!(Server::parse("postgres://a%40b@db/web").is_err());
        assert!(Server::parse("postgres://a@db:x/web").is_err());
    }
}
