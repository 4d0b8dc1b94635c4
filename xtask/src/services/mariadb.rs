//! MariaDB: a fresh data folder, root without a password, and the database `test`.

use super::group::Group;
use super::tools::Tools;
use super::{ports, probe};
use crate::process;

pub(crate) fn single(group: &mut Group<'_>, tools: &Tools) -> Result<String, String> {
    let port = ports::free(1)?[0];
    let data = group.subfolder("data")?;
    // mariadbd refuses to run as root unless it is told to.
    let user = process::is_root().then_some("--user=root");
    let mut install = tools.command("mariadb-install-db");
    install.arg("--no-defaults").arg(format!("--datadir={}", data.display())).args(user);
    // --force: a machine that cannot look up its own name is good enough, since only 127.0.0.1 is served.
    install.args(["--auth-root-authentication-method=normal", "--skip-name-resolve", "--force"]);
    process::capture(install.current_dir(group.folder()))?;
    let mut server = tools.command("mariadbd");
    server.arg("--no-defaults").arg(format!("--datadir={}", data.display())).args(user);
    server.arg(format!("--port={port}"));
    server.args([
        "--bind-address=127.0.0.1",
        "--skip-name-resolve",
        // Relative to the data folder: a socket's whole path may be 107 bytes long at most.
        "--socket=s.sock",
        "--pid-file=server.pid",
        // To the operating system at each commit, so that a crash of the server, not of the machine, loses nothing.
        "--innodb-flush-log-at-trx-commit=2",
        "--max-connections=200",
    ]);
    group.spawn("server", port, server.current_dir(&data))?;
    group.wait_until("mysql", || probe::mysql(port))?;
    let mut client = tools.command("mariadb");
    client.args(["--no-defaults", "--host=127.0.0.1", "--user=root", &format!("--port={port}")]);
    process::capture(client.args(["--execute", "CREATE DATABASE IF NOT EXISTS test"]))?;
    Ok(format!("mysql://root@127.0.0.1:{port}/test"))
}
