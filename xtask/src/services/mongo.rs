//! MongoDB: one server, and a replica set of three for what only a replica set can do.

use super::group::Group;
use super::mongo_wire::{self, Document};
use super::tools::Tools;
use super::{ports, probe};

const SET: &str = "rs0";

pub(crate) fn single(group: &mut Group<'_>, tools: &Tools) -> Result<String, String> {
    let port = ports::free(1)?[0];
    start_server(group, tools, "server", port, &[])?;
    group.wait_until("mongod", || probe::mongo_primary(port))?;
    Ok(format!("mongodb://127.0.0.1:{port}/?directConnection=true"))
}

pub(crate) fn replica_set(group: &mut Group<'_>, tools: &Tools) -> Result<String, String> {
    let ports = ports::free(3)?;
    for (number, &port) in ports.iter().enumerate() {
        start_server(group, tools, &format!("member {}", number + 1), port, &["--replSet", SET])?;
    }
    for &port in &ports {
        group.wait_until("a member of the replica set", || probe::mongo_hello(port).map(drop))?;
    }
    let members = ports.iter().enumerate().map(|(number, port)| {
        Document::new().int("_id", number_as_int(number)).text("host", &format!("127.0.0.1:{port}"))
    });
    let settings = Document::new().int("electionTimeoutMillis", 2000).int("heartbeatIntervalMillis", 500);
    let config =
        Document::new().text("_id", SET).array("members", members.collect()).document("settings", &settings);
    let reply = mongo_wire::command(ports[0], Document::new().document("replSetInitiate", &config))?;
    if reply.number("ok") != Some(1.0) {
        let why = reply.text("errmsg").unwrap_or("it did not say why");
        return Err(format!("the replica set refused to start: {why}"));
    }
    group.wait_until("the replica set", || probe::mongo_replica(&ports))?;
    let hosts: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    Ok(format!("mongodb://{}/?replicaSet={SET}", hosts.join(",")))
}

fn start_server(
    group: &mut Group<'_>,
    tools: &Tools,
    role: &str,
    port: u16,
    options: &[&str],
) -> Result<(), String> {
    let folder = group.subfolder(&role.replace(' ', "-"))?;
    let mut command = tools.command("mongod");
    command.arg("--dbpath").arg(&folder).args(["--port", &port.to_string(), "--bind_ip", "127.0.0.1"]);
    // Four of these share a small machine: little cache, no socket file, no diagnostics on disk. A primary that is
    // told to stop would wait 15 seconds for its clients to move on.
    command.args(["--nounixsocket", "--wiredTigerCacheSizeGB", "0.25"]);
    command.args(["--setParameter", "diagnosticDataCollectionEnabled=false"]);
    command.args(["--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100"]);
    group.spawn(role, port, command.args(options).current_dir(&folder))
}

fn number_as_int(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
