//! The command line of the login examples.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// What `--help` shows.
const HELP: &str = "\
The login example. Sign in as user1 with the password mypassword.

  --store NAME        where sessions are kept: sqlite, memory, redis, mongodb, postgres or mysql; sqlite unless told
                      otherwise. A variable says where the server is: REDIS_URL, MONGODB_URL, POSTGRES_URL, MYSQL_URL.
  --port N            the port on 127.0.0.1; 4000 unless told otherwise, 0 takes a free one
  --database FILE     the SQLite database; made if it is not there
  --secret-file FILE  holds the secret that signs the cookies; made if it is not there, and unless told otherwise
                      it lies beside the database. The variable SESSION_SECRET goes before it.
  --max-age SECONDS   how long a session lives without a visit; a day unless told otherwise
";

/// Which store to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreChoice {
    /// A file; sessions survive a restart.
    Sqlite,
    /// This process's memory.
    Memory,
    /// A Redis server.
    Redis,
    /// A MongoDB server.
    Mongodb,
    /// A PostgreSQL server.
    Postgres,
    /// A MySQL or MariaDB server.
    Mysql,
}

impl StoreChoice {
    const ALL: [Self; 6] =
        [Self::Sqlite, Self::Memory, Self::Redis, Self::Mongodb, Self::Postgres, Self::Mysql];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Memory => "memory",
            Self::Redis => "redis",
            Self::Mongodb => "mongodb",
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
        }
    }

    fn named(name: &str) -> Result<Self, String> {
        let all = || Self::ALL.into_iter();
        all().find(|store| store.name() == name).ok_or_else(|| {
            let names: Vec<_> = all().map(Self::name).collect();
            format!("there is no store `{name}`, only {}", names.join(", "))
        })
    }
}

/// The options of the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Which store to use.
    pub store: StoreChoice,
    /// The port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// The SQLite database.
    pub database: PathBuf,
    /// The file that holds the signing secret, if one is named.
    pub secret_file: Option<PathBuf>,
    /// How long a session lives without a visit, if it is said.
    pub max_age: Option<Duration>,
}

impl Options {
    /// The options this program was started with. Shows the help or the mistake and ends the program where there is one.
    #[must_use]
    #[allow(clippy::print_stdout, clippy::print_stderr, reason = "this is a program's command line")]
    pub fn from_args() -> Self {
        match Self::parse(std::env::args().skip(1)) {
            Ok(Some(options)) => options,
            Ok(None) => {
                print!("{HELP}");
                std::process::exit(0)
            }
            Err(mistake) => {
                eprintln!("error: {mistake}; --help shows the options");
                std::process::exit(2)
            }
        }
    }

    /// Reads the arguments; `None` if they ask for help.
    fn parse(args: impl IntoIterator<Item = String>) -> Result<Option<Self>, String> {
        let mut options = Self {
            store: StoreChoice::Sqlite,
            port: 4000,
            database: default_database(),
            secret_file: None,
            max_age: None,
        };
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            let (name, attached) = match arg.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (arg.as_str(), None),
            };
            let mut value =
                || attached.clone().or_else(|| args.next()).ok_or(format!("{name} needs a value"));
            match name {
                "--help" | "-h" => return Ok(None),
                "--store" => options.store = StoreChoice::named(&value()?)?,
                "--port" => options.port = number(name, &value()?)?,
                "--database" => options.database = value()?.into(),
                "--secret-file" => options.secret_file = Some(value()?.into()),
                "--max-age" => options.max_age = Some(Duration::from_secs(number(name, &value()?)?)),
                _ => return Err(format!("there is no option `{name}`")),
            }
        }
        Ok(Some(options))
    }
}

fn number<N: FromStr>(name: &str, value: &str) -> Result<N, String> {
    value.parse().map_err(|_| format!("{name} cannot be `{value}`"))
}

/// Beside the program if Cargo built it (`target/demo/login.sqlite3`), else in the current folder.
fn default_database() -> PathBuf {
    let program = std::env::current_exe().ok();
    let profile = program.as_deref().and_then(|program| program.parent());
    let target = profile
        .filter(|folder| folder.file_name().is_some_and(|name| name == "debug" || name == "release"))
        .and_then(|folder| folder.parent());
    target.map_or_else(|| "login.sqlite3".into(), |target| target.join("demo").join("login.sqlite3"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Options>, String> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn every_option_is_read() {
        let options = parse("--store memory --port 0 --database a.db --secret-file=b.txt --max-age 2")
            .unwrap()
            .unwrap();
        let expected = Options {
            store: StoreChoice::Memory,
            port: 0,
            database: "a.db".into(),
            secret_file: Some("b.txt".into()),
            max_age: Some(Duration::from_secs(2)),
        };
        assert_eq!(options, expected);
    }

    #[test]
    fn without_options_it_is_sqlite_on_port_4000() {
        let options = parse("").unwrap().unwrap();
        assert_eq!((options.store, options.port), (StoreChoice::Sqlite, 4000));
        assert!(options.database.ends_with("login.sqlite3"), "{:?}", options.database);
    }

    #[test]
    fn mistakes_are_named() {
        for (line, mistake) in [
            (
                "--store tape",
                "there is no store `tape`, only sqlite, memory, redis, mongodb, postgres, mysql",
            ),
            ("--port 70000", "--port cannot be `70000`"),
            ("--port", "--port needs a value"),
            ("--ports 1", "there is no option `--ports`"),
        ] {
            assert_eq!(parse(line), Err(mistake.to_owned()));
        }
        assert_eq!(parse("--port 1 --help"), Ok(None));
    }
}
