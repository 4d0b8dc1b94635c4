//! What the suites found, as a table, as JSON, and as a page to look at.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde::Serialize;

use super::program::Half;
use crate::test::Counts;

/// One store or adapter, or a pair of them, and its cases.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) half: Half,
    pub(crate) name: String,
    pub(crate) cases: Vec<Case>,
}

/// One promise.
#[derive(Debug, Serialize)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) verdict: Verdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    Passed,
    Failed,
    NotTried,
}

impl Subject {
    pub(crate) fn counts(&self) -> Counts {
        let count = |verdict| self.cases.iter().filter(|case| case.verdict == verdict).count() as u64;
        Counts {
            passed: count(Verdict::Passed),
            failed: count(Verdict::Failed),
            skipped: count(Verdict::NotTried),
        }
    }
}

pub(crate) const HEAD: [&str; 5] = ["suite", "subject", "passed", "failed", "not tried"];

pub(crate) fn rows(subjects: &[Subject]) -> Vec<Vec<String>> {
    let row = |subject: &Subject| {
        let Counts { passed, failed, skipped } = subject.counts();
        let numbers = [passed, failed, skipped].map(|number| number.to_string());
        [vec![subject.half.name().to_owned(), subject.name.clone()], numbers.to_vec()].concat()
    };
    subjects.iter().map(row).collect()
}

pub(crate) fn total(subjects: &[Subject]) -> Counts {
    let mut total = Counts::default();
    for subject in subjects {
        total.add(subject.counts());
    }
    total
}

pub(crate) fn json(subjects: &[Subject]) -> String {
    let suites: Vec<_> = subjects
        .iter()
        .map(|subject| {
            let counts = subject.counts();
            serde_json::json!({
                "suite": subject.half.name(),
                "subject": subject.name,
                "passed": counts.passed,
                "failed": counts.failed,
                "notTried": counts.skipped,
                "cases": subject.cases,
            })
        })
        .collect();
    format!("{:#}\n", serde_json::json!({ "suites": suites }))
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#17201d}\
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2.5rem}table{border-collapse:collapse}th,td{padding:.3rem .7rem;\
border:1px solid #d5dcd9;text-align:left}td.n{text-align:right}.passed{background:#e3f4ec}.failed{background:#f8d7d7}\
.not-tried{background:#f4efdc}details{margin:.3rem 0}summary{cursor:pointer}li.failed,li.not-tried{padding:0 .3rem}";

/// A page that needs nothing but itself.
pub(crate) fn html(subjects: &[Subject]) -> String {
    let total = total(subjects);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Conformance</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style>\n<h1>Conformance</h1>\n\
         <p>{} cases passed, {} failed, {} were not tried.</p>\n",
        total.passed, total.failed, total.skipped
    );
    matrix(&mut page, subjects);
    let mut last = None;
    for subject in subjects.iter().filter(|subject| subject.half != Half::Matrix) {
        if last != Some(subject.half) {
            last = Some(subject.half);
            let _never = writeln!(page, "<h2>{}</h2>", title(subject.half));
        }
        cases(&mut page, subject);
    }
    page.push_str("</html>\n");
    page
}

fn title(half: Half) -> &'static str {
    match half {
        Half::Contract => "Stores: the contract",
        Half::Faults => "Stores: while the server is in trouble",
        Half::Adapter => "Adapters",
        Half::Matrix => "Adapters with stores",
    }
}

/// The adapters down, the stores across.
fn matrix(page: &mut String, subjects: &[Subject]) {
    let cells: Vec<_> = subjects
        .iter()
        .filter(|subject| subject.half == Half::Matrix)
        .filter_map(|subject| Some((subject.name.split_once('+')?, subject)))
        .collect();
    if cells.is_empty() {
        return;
    }
    let unique = |names: Vec<&str>| {
        let mut seen = Vec::new();
        names.into_iter().for_each(|name: &str| {
            if !seen.contains(&name.to_owned()) {
                seen.push(name.to_owned());
            }
        });
        seen
    };
    let adapters = unique(cells.iter().map(|((adapter, _), _)| *adapter).collect());
    let stores = unique(cells.iter().map(|((_, store), _)| *store).collect());
    let head: String = stores.iter().map(|store| format!("<th>{}</th>", escaped(store))).collect();
    let _never = writeln!(page, "<h2>{}</h2>\n<table><tr><th></th>{head}</tr>", title(Half::Matrix));
    for adapter in &adapters {
        let _never = write!(page, "<tr><th>{}</th>", escaped(adapter));
        for store in &stores {
            let cell = cells.iter().find(|((a, s), _)| a == adapter && s == store);
            let _never = match cell {
                Some((_, subject)) => {
                    let counts = subject.counts();
                    write!(page, "<td class=\"n {}\">{}</td>", class(counts), in_words(counts))
                }
                None => write!(page, "<td></td>"),
            };
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</table>\n");
}

fn cases(page: &mut String, subject: &Subject) {
    let counts = subject.counts();
    let open = if counts.failed > 0 { " open" } else { "" };
    let _never = writeln!(
        page,
        "<details{open}><summary><span class=\"{}\">{}: {}</span></summary><ul>",
        class(counts),
        escaped(&subject.name),
        in_words(counts)
    );
    for case in &subject.cases {
        let (class, mark) = match case.verdict {
            Verdict::Passed => ("", ""),
            Verdict::Failed => (" class=\"failed\"", " (failed)"),
            Verdict::NotTried => (" class=\"not-tried\"", " (not tried)"),
        };
        let _never = writeln!(page, "<li{class}>{}{mark}</li>", escaped(&case.name.replace('_', " ")));
    }
    page.push_str("</ul></details>\n");
}

fn class(counts: Counts) -> &'static str {
    match counts {
        Counts { failed: 1.., .. } => "failed",
        Counts { skipped: 1.., .. } => "not-tried",
        Counts { .. } => "passed",
    }
}

fn in_words(Counts { passed, failed, skipped }: Counts) -> String {
    let mut words = format!("{passed} passed");
    if failed > 0 {
        let _never = write!(words, ", {failed} failed");
    }
    if skipped > 0 {
        let _never = write!(words, ", {skipped} not tried");
    }
    words
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

pub(crate) fn write(file: &Path, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    say!("wrote {}", file.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(verdict: Verdict) -> Subject {
        Subject {
            half: Half::Matrix,
            name: "axum+redis".into(),
            cases: vec![Case { name: "a_<story>".into(), verdict }],
        }
    }

    #[test]
    fn the_page_shows_a_pair_once_and_escapes_what_it_shows() {
        let page = html(&[subject(Verdict::Passed)]);
        assert!(page.contains("<td class=\"n passed\">1 passed</td>"), "{page}");
        let contract = Subject { half: Half::Contract, ..subject(Verdict::Failed) };
        assert!(html(&[contract]).contains("<li class=\"failed\">a &lt;story&gt; (failed)</li>"));
    }

    #[test]
    fn the_json_names_every_case() {
        let json: serde_json::Value = serde_json::from_str(&json(&[subject(Verdict::NotTried)])).unwrap();
        assert_eq!(json["suites"][0]["notTried"], 1);
        assert_eq!(json["suites"][0]["cases"][0]["verdict"], "not-tried");
    }
}
