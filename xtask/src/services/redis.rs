//! Redis in the three shapes people run it in: one server, a cluster, and a primary watched by sentinels.

use std::fs;

use super::group::Group;
use super::tools::Tools;
use super::{ports, probe};
use crate::process;

/// What the sentinels call the primary: the name that Redis's own sample configuration uses.
const PRIMARY: &str = "mymaster";

pub(crate) fn single(group: &mut Group<'_>, tools: &Tools) -> Result<String, String> {
    let port = ports::free(1)?[0];
    start_server(group, tools, "server", port, &[])?;
    group.wait_until("redis", || probe::redis_ping(port))?;
    Ok(url(port))
}

/// Three primaries, each with a replica.
pub(crate) fn cluster(group: &mut Group<'_>, tools: &Tools) -> Result<String, String> {
    let ports = ports::free_with_bus(6)?;
    for (number, &port) in ports.iter().enumerate() {
        let options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1500"];
        start_server(group, tools, &format!("node {}", number + 1), port, &options)?;
    }
    for &port in &ports {
        group.wait_until("a cluster node", || probe::redis_ping(port))?;
    }
    let mut create = tools.command("redis-cli");
    create.args(["--cluster", "create"]).args(ports.iter().map(|port| format!("127.0.0.1:{port}")));
    process::capture(create.args(["--cluster-replicas", "1", "--cluster-yes"]))?;
    group.wait_until("the cluster", || probe::redis_cluster(&ports))?;
    Ok(urls(&ports))
}

/// One primary, two replicas, three sentinels. The URL lists the sentinels.
pub(crate) fn sentinel(group: &mut Group<'_>, tools: &Tools) -> Result<String, String> {
    let ports = ports::free(6)?;
    let (servers, sentinels) = ports.split_at(3);
    let primary = servers[0];
    start_server(group, tools, "primary", primary, &[])?;
    group.wait_until("the primary", || probe::redis_ping(primary))?;
    for (number, &port) in servers.iter().enumerate().skip(1) {
        let options = ["--replicaof", &format!("127.0.0.1 {primary}"), "--repl-diskless-sync-delay", "0"];
        start_server(group, tools, &format!("replica {number}"), port, &options)?;
    }
    // A sentinel learns of the replicas from the primary every ten seconds, so they had better be there first.
    group.wait_until("the replicas", || probe::redis_replicas(primary, 2))?;
    for (number, &port) in sentinels.iter().enumerate() {
        let role = format!("sentinel {}", number + 1);
        let folder = group.subfolder(&role.replace(' ', "-"))?;
        let file = folder.join("sentinel.conf");
        // Sentinels rewrite this file, hence one each, in a folder they may write to.
        let text = format!(
            "port {port}\nbind 127.0.0.1\ndir \"{}\"\n\
             sentinel monitor {PRIMARY} 127.0.0.1 {primary} 2\n\
             sentinel down-after-milliseconds {PRIMARY} 1500\n\
             sentinel failover-timeout {PRIMARY} 5000\n",
            folder.display()
        );
        fs::write(&file, text).map_err(|error| format!("cannot write {}: {error}", file.display()))?;
        let mut command = tools.command("redis-server");
        command.arg(&file).arg("--sentinel").current_dir(&folder);
        group.spawn(&role, port, &mut command)?;
    }
    group.wait_until("the sentinels", || probe::redis_sentinels(sentinels, PRIMARY))?;
    Ok(urls(sentinels))
}

fn start_server(
    group: &mut Group<'_>,
    tools: &Tools,
    role: &str,
    port: u16,
    options: &[&str],
) -> Result<(), String> {
    let folder = group.subfolder(&role.replace(' ', "-"))?;
    let mut command = tools.command("redis-server");
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
    // What it answered is in the file, so that a crash of the server, not of the machine, loses nothing.
    command.args(["--appendonly", "yes"]);
    command.arg("--dir").arg(&folder).args(options).current_dir(&folder);
    group.spawn(role, port, &mut command)
}

fn url(port: u16) -> String {
    format!("redis://127.0.0.1:{port}")
}

fn urls(ports: &[u16]) -> String {
    ports.iter().map(|&port| url(port)).collect::<Vec<_>>().join(",")
}
