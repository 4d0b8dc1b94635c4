//! The test programs that hold the suites, and how their output becomes cases.

use std::collections::BTreeMap;
use std::process::Command;

use super::report::{Case, Subject, Verdict};
use crate::{process, workspace};

/// What a suite is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Half {
    /// What a store promises.
    Contract,
    /// What it promises while its server is in trouble.
    Faults,
    /// What an adapter promises.
    Adapter,
    /// An adapter with a store.
    Matrix,
}

impl Half {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Contract => "contract",
            Self::Faults => "faults",
            Self::Adapter => "adapter",
            Self::Matrix => "matrix",
        }
    }
}

/// A test program with a suite for each of its subjects.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) half: Half,
    pub(crate) package: &'static str,
    target: &'static str,
    subjects: &'static [&'static str],
}

const fn program(
    half: Half,
    package: &'static str,
    target: &'static str,
    subjects: &'static [&'static str],
) -> Program {
    Program { half, package, target, subjects }
}

pub(crate) const PROGRAMS: &[Program] = &[
    program(Half::Contract, "session-store-memory", "conformance", &["memory"]),
    program(
        Half::Contract,
        "session-store-sql",
        "conformance",
        &["sqlite", "postgres", "pgbouncer", "mysql"],
    ),
    program(
        Half::Contract,
        "session-store-redis",
        "conformance",
        &["redis", "redis-cluster", "redis-sentinel"],
    ),
    program(
        Half::Contract,
        "session-store-mongodb",
        "conformance",
        &["mongodb", "mongodb-object", "mongodb-replica"],
    ),
    program(Half::Contract, "session-store-migrating", "conformance", &["migrating"]),
    program(Half::Faults, "session-store-sql", "faults", &["postgres", "mysql"]),
    program(Half::Faults, "session-store-redis", "faults", &["redis"]),
    program(Half::Faults, "session-store-mongodb", "faults", &["mongodb"]),
    program(Half::Adapter, "session-axum", "conformance", &["axum"]),
    program(Half::Adapter, "session-actix", "conformance", &["actix-web"]),
    program(Half::Adapter, "session-rocket", "conformance", &["rocket"]),
    program(Half::Adapter, "session-poem", "conformance", &["poem"]),
    program(
        Half::Matrix,
        "session-matrix",
        "matrix",
        &[
            "axum+memory",
            "axum+sqlite",
            "axum+postgres",
            "axum+pgbouncer",
            "axum+mysql",
            "axum+redis",
            "axum+redis-cluster",
            "axum+redis-sentinel",
            "axum+mongodb",
            "axum+mongodb-replica",
            "actix-web+memory",
            "actix-web+sqlite",
            "actix-web+postgres",
            "actix-web+pgbouncer",
            "actix-web+mysql",
            "actix-web+redis",
            "actix-web+redis-cluster",
            "actix-web+redis-sentinel",
            "actix-web+mongodb",
            "actix-web+mongodb-replica",
            "rocket+memory",
            "rocket+sqlite",
            "rocket+postgres",
            "rocket+pgbouncer",
            "rocket+mysql",
            "rocket+redis",
            "rocket+redis-cluster",
            "rocket+redis-sentinel",
            "rocket+mongodb",
            "rocket+mongodb-replica",
            "poem+memory",
            "poem+sqlite",
            "poem+postgres",
            "poem+pgbouncer",
            "poem+mysql",
            "poem+redis",
            "poem+redis-cluster",
            "poem+redis-sentinel",
            "poem+mongodb",
            "poem+mongodb-replica",
        ],
    ),
];

impl Program {
    pub(crate) fn subjects(&self) -> impl Iterator<Item = String> {
        self.subjects.iter().map(|subject| (*subject).to_owned())
    }

    /// Builds and runs it; the cases by subject, also if some failed.
    pub(crate) fn run(&self, variables: &[(&'static str, String)]) -> Result<Vec<Subject>, String> {
        self.run_some(variables, |_| true)
    }

    /// The same where the variables leave some subjects out: `expected` says which are to be there.
    pub(crate) fn run_some(
        &self,
        variables: &[(&'static str, String)],
        expected: impl Fn(&str) -> bool,
    ) -> Result<Vec<Subject>, String> {
        let mut command = workspace::cargo();
        command.args(["test", "--all-features", "--package", self.package, "--test", self.target]);
        command.arg("--no-fail-fast").envs(variables.iter().map(|(name, value)| (name, value)));
        let lines = output(&mut command)?;
        let subjects = self.read(&lines);
        let expected = self.subjects().filter(|name| expected(name));
        let missing: Vec<_> = expected.filter(|name| !subjects.iter().any(|s| s.name == *name)).collect();
        if !missing.is_empty() {
            return Err(format!(
                "{} said nothing about {}; its output was:\n{}",
                self.package,
                missing.join(", "),
                lines.join("\n")
            ));
        }
        if subjects.iter().any(|subject| subject.counts().failed > 0) {
            say!("{}", lines.join("\n"));
        }
        Ok(subjects)
    }

    fn read(&self, lines: &[String]) -> Vec<Subject> {
        let mut cases: BTreeMap<String, Vec<Case>> = BTreeMap::new();
        for line in lines {
            if let Some((subject, case)) = case(line) {
                cases.entry(subject.to_owned()).or_default().push(case);
            }
        }
        let place = |name: &str| self.subjects.iter().position(|subject| *subject == name);
        let mut subjects: Vec<_> =
            cases.into_iter().map(|(name, cases)| Subject { half: self.half, name, cases }).collect();
        subjects.sort_by_key(|subject| place(&subject.name));
        subjects
    }
}

/// Runs a command to its end without showing what it prints; its lines, without colours.
fn output(command: &mut Command) -> Result<Vec<String>, String> {
    let output = command.output().map_err(|error| format!("cannot run cargo: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if text.trim().is_empty() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(process::without_colours(&text).lines().map(str::to_owned).collect())
}

/// Reads `test [redis] delete_is_idempotent ... ok`.
fn case(line: &str) -> Option<(&str, Case)> {
    let (subject, rest) = line.strip_prefix("test [")?.split_once("] ")?;
    let (name, verdict) = rest.split_once(" ... ")?;
    let verdict = match verdict.trim() {
        "ok" => Verdict::Passed,
        "FAILED" => Verdict::Failed,
        ignored if ignored.starts_with("ignored") => Verdict::NotTried,
        _ => return None,
    };
    Some((subject, Case { name: name.trim().to_owned(), verdict }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_suite_is_read() {
        let (subject, passed) = case("test [redis] delete_is_idempotent      ... ok").unwrap();
        assert_eq!(
            (subject, &*passed.name, passed.verdict),
            ("redis", "delete_is_idempotent", Verdict::Passed)
        );
        assert_eq!(case("test [a] b ... FAILED").unwrap().1.verdict, Verdict::Failed);
        assert_eq!(case("test [a] b ... ignored, set A_URL").unwrap().1.verdict, Verdict::NotTried);
        assert!(case("test open::it_works ... ok").is_none());
        assert!(case("test result: ok. 94 passed; 0 failed").is_none());
    }
}
