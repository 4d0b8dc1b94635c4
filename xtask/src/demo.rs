//! `cargo xtask demo`: the login example, in the framework and with the store one wants to see.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;

use crate::args::{Arg, Args};
use crate::output::Stop;
use crate::services::{self, Kind};
use crate::{process, workspace};

pub(crate) const HELP: &str = "\
Build and run the login example. Ctrl-C ends it.

Usage: cargo xtask demo [--adapter NAME] [--store NAME] [--port N]

  --adapter NAME   axum, actix-web, rocket or poem; axum unless told otherwise
  --store NAME     sqlite (a file), memory (gone after a restart), redis, mongodb, postgres or mysql; sqlite unless
                   told otherwise. A server is started, and stays for the next time, unless its variable is set.
  --port N         the port on 127.0.0.1; 4000 unless told otherwise
";

/// The stores, and the server that one needs.
const STORES: &[(&str, Option<Kind>)] = &[
    ("sqlite", None),
    ("memory", None),
    ("redis", Some(Kind::Redis)),
    ("mongodb", Some(Kind::Mongodb)),
    ("postgres", Some(Kind::Postgres)),
    ("mysql", Some(Kind::Mysql)),
];

pub(crate) fn run(mut args: Args) -> Result<(), Stop> {
    let (mut adapter, mut store, mut port) = ("axum".to_owned(), "sqlite".to_owned(), 4000_u16);
    while let Some(arg) = args.next() {
        match arg {
            Arg::Option(name) if name == "--adapter" => adapter = args.value(&name)?,
            Arg::Option(name) if name == "--store" => store = args.value(&name)?,
            Arg::Option(name) if name == "--port" => port = args.parsed(&name, "a port number")?,
            other => return Err(other.unknown()),
        }
    }
    let adapters = adapters();
    if !adapters.contains(&adapter) {
        return Err(Stop::Usage(if adapters.is_empty() {
            "there is no login example yet: examples/login has no adapter in it".into()
        } else {
            format!("there is no login example for `{adapter}`; there is one for {}", adapters.join(", "))
        }));
    }
    let Some((_, server)) = STORES.iter().find(|(name, _)| *name == store) else {
        let names: Vec<_> = STORES.iter().map(|(name, _)| *name).collect();
        return Err(Stop::Usage(format!("the demo has no store `{store}`; it has {}", names.join(", "))));
    };
    // Asked before the build, which may take minutes.
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| {
        Stop::Failed(format!("port {port} of 127.0.0.1 cannot be used ({error}); choose another with --port"))
    })?;
    let mut command = workspace::cargo();
    command.args(["run", "--package", &format!("login-{adapter}")]);
    if let Some(kind) = server {
        let env = services::ensure(&[*kind])?;
        if let Some((_, why)) = env.missing().next() {
            return Err(Stop::Failed(format!("could not provide {kind}: {why}")));
        }
        say!(
            "{kind} answers. If it was started for this, it keeps the sessions until `cargo xtask services down`."
        );
        command.args(["--features", "servers"]).envs(env.variables());
    }
    command.args(["--", "--store", &store, "--port"]);
    // This process becomes cargo, which becomes the example: whoever stops this process stops the example.
    let error = process::become_program(command.arg(port.to_string()));
    Err(Stop::Failed(format!("cannot run cargo: {error}")))
}

/// Builds the login example of every adapter, with every store; answers the adapters and where the programs are.
pub(crate) fn programs() -> Result<Vec<(String, PathBuf)>, String> {
    let adapters = adapters();
    let mut command = workspace::cargo();
    command.args(["build", "--all-features"]);
    for adapter in &adapters {
        command.args(["--package", &format!("login-{adapter}")]);
    }
    if !process::stream(&mut command, |_| ())?.success() {
        return Err("the login examples do not build, see above".into());
    }
    let built = workspace::metadata(&workspace::root().join("Cargo.toml"))?.target_directory.join("debug");
    let program = |adapter: String| {
        let name = format!("login-{adapter}{}", std::env::consts::EXE_SUFFIX);
        (adapter, built.join(name))
    };
    Ok(adapters.into_iter().map(program).collect())
}

/// The adapters that have a login example. What the examples share lies beside them and is a library.
fn adapters() -> Vec<String> {
    let folders = fs::read_dir(workspace::root().join("examples/login")).into_iter().flatten().flatten();
    let mut names: Vec<String> = folders
        .filter(|entry| entry.path().join("src/main.rs").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
