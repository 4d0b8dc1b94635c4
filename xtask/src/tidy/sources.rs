//! Rules about single files: what the core must not do, how a file begins, how long it is, what is left undone.

use super::code::{is_name, without_comments};
use super::{Finding, Source};

/// What the core must not contain, and what to do instead.
const NOT_IN_THE_CORE: &[(&str, &str)] = &[
    (".await", "the core never waits; return a value that the driver resumes"),
    ("SystemTime::now", "the core reads no clock; take the time as an argument"),
    ("Instant::now", "the core reads no clock; take the time as an argument"),
    ("now_utc", "the core reads no clock; take the time as an argument"),
    ("getrandom", "the core draws no random numbers; take fresh ids as an argument"),
    ("rand::", "the core draws no random numbers; take fresh ids as an argument"),
    ("tokio", "the core knows no runtime; that belongs into adapters/driver"),
    ("axum", "the core knows no framework; that belongs into adapters/axum"),
    ("actix", "the core knows no framework; that belongs into adapters/actix-web"),
    ("rocket", "the core knows no framework; that belongs into adapters/rocket"),
    ("poem", "the core knows no framework; that belongs into adapters/poem"),
];

/// What the driver must not contain outside of its folder for it.
const NOT_IN_THE_DRIVER: &[&str] = &["axum_core::", "actix_web::", "poem::", "rocket::", "http::"];

/// Marks of unfinished work. Put together here so that this file does not find itself.
const UNFINISHED: &[(&str, &str)] = &[
    (concat!("todo", "!("), "finish it, or refuse the case with an error"),
    (concat!("unimplemented", "!("), "finish it, or refuse the case with an error"),
    (concat!("#[", "ignore"), "a test that does not run proves nothing; repair it or delete it"),
    (concat!("FIX", "ME"), "do it now, or write an issue"),
    (concat!("X", "XX"), "do it now, or write an issue"),
];

const LONGEST: usize = 400;

pub(crate) fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        unfinished(source, &mut findings);
        if source.name.ends_with(".rs") && in_src(&source.name) {
            beginning(source, &mut findings);
            length(source, &mut findings);
        }
        if source.name.ends_with(".rs") && source.name.starts_with("session-core/src/") {
            purity(source, &mut findings);
        }
        if source.name.starts_with("adapters/driver/src/") && !source.name.contains("/src/framework/") {
            frameworks(source, &mut findings);
        }
    }
    findings
}

fn in_src(name: &str) -> bool {
    name.starts_with("src/") || name.contains("/src/")
}

fn purity(source: &Source, findings: &mut Vec<Finding>) {
    for (index, line) in without_comments(&source.text).lines().enumerate() {
        for (word, remedy) in NOT_IN_THE_CORE {
            if contains(line, word) {
                findings.push(Finding::new(
                    &source.name,
                    index + 1,
                    format!("`{word}` in the core: {remedy}"),
                ));
            }
        }
    }
}

fn frameworks(source: &Source, findings: &mut Vec<Finding>) {
    for (index, line) in without_comments(&source.text).lines().enumerate() {
        for word in NOT_IN_THE_DRIVER.iter().filter(|word| contains(line, word)) {
            let what = format!(
                "`{word}` in the driver: a framework's traits belong into adapters/driver/src/framework"
            );
            findings.push(Finding::new(&source.name, index + 1, what));
        }
    }
}

fn unfinished(source: &Source, findings: &mut Vec<Finding>) {
    for (index, line) in source.text.lines().enumerate() {
        for (mark, remedy) in UNFINISHED {
            if contains(line, mark) {
                findings.push(Finding::new(
                    &source.name,
                    index + 1,
                    format!("`{mark}` is left here: {remedy}"),
                ));
            }
        }
    }
}

fn beginning(source: &Source, findings: &mut Vec<Finding>) {
    if !source.text.starts_with("//!") {
        let what = "begin the file with a `//!` line that says why it exists";
        findings.push(Finding::new(&source.name, 1, what));
    }
}

/// Counts up to the tests at the end of a file; files in a `tests` folder may be as long as the cases they hold.
fn length(source: &Source, findings: &mut Vec<Finding>) {
    let is_test = source.name.starts_with("tests/")
        || source.name.contains("/tests/")
        || source.name.ends_with("/tests.rs");
    let lines: Vec<&str> = source.text.lines().collect();
    let tests = lines.windows(2).position(|two| two[0] == "#[cfg(test)]" && two[1].starts_with("mod "));
    let length = tests.unwrap_or(lines.len());
    if length > LONGEST && !is_test {
        let what = format!("{length} lines; split the file, {LONGEST} are the limit and 300 the aim");
        findings.push(Finding::new(&source.name, length, what));
    }
}

/// Whether a line contains a word as such, not as the end of a longer name nor (for capitals) as its beginning.
fn contains(line: &str, word: &str) -> bool {
    let starts_as_name = word.starts_with(is_name);
    let closed = word == ".await" || word.chars().all(|c| c.is_ascii_uppercase());
    line.match_indices(word).any(|(at, _)| {
        let before = starts_as_name && line[..at].chars().next_back().is_some_and(is_name);
        let after = closed && line[at + word.len()..].chars().next().is_some_and(is_name);
        !before && !after
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, text: &str) -> Vec<String> {
        let source = Source { name: name.into(), text: text.into() };
        check(&[source]).iter().map(|finding| format!("{}:{}", finding.file, finding.line)).collect()
    }

    #[test]
    fn the_core_may_speak_of_what_it_must_not_do_but_not_do_it() {
        let text = "//! no tokio here\nfn f() {} // x.await\nfn g() { x.await }\nuse tokio_util::x;\nlet strand::x;\n";
        assert_eq!(
            found("session-core/src/a.rs", text),
            ["session-core/src/a.rs:3", "session-core/src/a.rs:4"]
        );
        assert!(found("adapters/driver/src/a.rs", text).is_empty());
    }

    #[test]
    fn the_driver_names_frameworks_in_their_folder_only() {
        let text = "//! rocket::Request\nuse rocket::Request;\npub use framework::rocket;\n";
        assert_eq!(found("adapters/driver/src/a.rs", text), ["adapters/driver/src/a.rs:2"]);
        assert!(found("adapters/driver/src/framework/rocket.rs", text).is_empty());
    }

    #[test]
    fn a_file_says_why_it_exists() {
        assert_eq!(found("x/src/a.rs", "use std;\n"), ["x/src/a.rs:1"]);
        assert!(found("x/benches/a.rs", "use std;\n").is_empty());
    }

    #[test]
    fn tests_do_not_count_towards_the_length_of_a_file() {
        let long = format!("//! a\n{}", "x\n".repeat(400));
        assert_eq!(found("x/src/a.rs", &long).len(), 1);
        let tested = format!("//! a\n#[cfg(test)]\nmod tests {{\n{}}}\n", "x\n".repeat(400));
        assert!(found("x/src/a.rs", &tested).is_empty());
    }

    #[test]
    fn unfinished_work_is_found_in_comments_too() {
        let text = format!("// {}: later\nmktemp {1}{1}\n", concat!("FIX", "ME"), concat!("X", "XX"));
        assert_eq!(found("a.rs", &text), ["a.rs:1"]);
    }
}
