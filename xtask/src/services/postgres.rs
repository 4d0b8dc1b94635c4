//! PostgreSQL: a fresh cluster that trusts whoever comes from this machine.

use std::process::Command;

use super::group::Group;
use super::tools::Tools;
use super::{ports, probe};
use crate::process;

/// The superuser of the database and, under root, the system user that the server runs as.
pub(super) const USER: &str = "postgres";

pub(crate) fn single(group: &mut Group<'_>, tools: &Tools) -> Result<String, String> {
    let port = ports::free(1)?[0];
    let data = group.subfolder("data")?;
    // PostgreSQL refuses to run as root, so root hands it to the user that its package made.
    let other = if process::is_root() { Some(other_user()?) } else { None };
    if let Some((user, group_of_user)) = other {
        process::give(&data, user, group_of_user)
            .map_err(|error| format!("cannot give {} to the user {USER}: {error}", data.display()))?;
    }
    let as_other = |mut command: Command| {
        if let Some((user, group_of_user)) = other {
            process::run_as(&mut command, user, group_of_user);
        }
        command.current_dir(&data);
        command
    };
    let mut initdb = as_other(tools.command("initdb"));
    initdb.arg("-D").arg(&data).args(["-A", "trust", "-U", USER, "-E", "UTF8", "--locale=C", "--no-sync"]);
    process::capture(&mut initdb).map_err(|why| {
        format!("{why}\nIf the folder cannot be entered, set TMPDIR to one that every user may enter.")
    })?;
    let mut server = as_other(tools.command("postgres"));
    server.arg("-D").arg(&data).args(["-p", &port.to_string()]);
    // Nothing here outlives the tests, so nothing needs to reach the disk.
    for setting in [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "fsync=off",
        "full_page_writes=off",
        "max_connections=200",
    ] {
        server.args(["-c", setting]);
    }
    group.spawn("server", port, &mut server)?;
    group.wait_until("postgres", || probe::postgres(port))?;
    Ok(format!("postgres://{USER}@127.0.0.1:{port}/postgres"))
}

/// The system user that the programs of PostgreSQL run as under root.
pub(super) fn other_user() -> Result<(u32, u32), String> {
    let ids = process::user_id(Some(USER)).zip(process::group_id(USER));
    ids.ok_or_else(|| {
        format!("PostgreSQL does not run as root, and there is no user `{USER}`: run `useradd {USER}`")
    })
}
