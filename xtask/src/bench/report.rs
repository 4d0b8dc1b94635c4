//! What was measured, as tables and as JSON.

use std::fs;
use std::path::Path;

use super::{Cost, Costs, List};
use crate::output::table;

/// Something of which there is a number for each request.
struct Measure {
    title: &'static str,
    number: fn(&Cost) -> Option<f64>,
    write: fn(f64) -> String,
    /// Whether what the framework takes alone says something about the others.
    compared: bool,
}

const INSTRUCTIONS: Measure = Measure {
    title: "Instructions per request",
    number: |cost| cost.instructions,
    write: grouped,
    compared: true,
};

const CPU: Measure = Measure {
    title: "Processor time per request, in microseconds",
    number: |cost| cost.cpu_ns,
    write: |ns| format!("{:.1}", ns / 1000.0),
    compared: true,
};

const WALL: Measure = Measure {
    title: "Time per request, in microseconds; this system does not tell whose it was",
    number: |cost| Some(cost.wall_ns),
    write: |ns| format!("{:.1}", ns / 1000.0),
    compared: true,
};

const ALLOCATIONS: Measure = Measure {
    title: "Heap allocations per request",
    number: |cost| cost.allocations,
    write: |count| format!("{count:.0}"),
    compared: false,
};

const TRIPS: Measure = Measure {
    title: "Times the store is asked per request",
    number: |cost| cost.trips,
    write: exact,
    compared: false,
};

/// All tables, one below the other.
pub(super) fn tables(list: &List, costs: &Costs) -> String {
    let has_cpu = costs.requests.iter().all(|cost| cost.cpu_ns.is_some());
    let mut text = String::new();
    for measure in [INSTRUCTIONS, if has_cpu { CPU } else { WALL }, ALLOCATIONS, TRIPS] {
        if costs.requests.iter().any(|cost| (measure.number)(cost).is_some()) {
            text.push_str(&format!("\n{}\n\n{}", measure.title, one(list, &costs.requests, &measure)));
        }
    }
    let weights = costs.memory.iter();
    let rows: Vec<_> = weights
        .map(|weight| vec![weight.store.clone(), format!("{:.0}", weight.bytes_per_session)])
        .collect();
    text.push_str(&format!("\nMemory\n\n{}", table(&["store", "bytes per session"], &rows)));
    text
}

fn one(list: &List, costs: &[Cost], measure: &Measure) -> String {
    let head: Vec<&str> =
        ["framework", "sessions"].into_iter().chain(list.scenarios.iter().map(String::as_str)).collect();
    let rows: Vec<Vec<String>> = list
        .subjects
        .iter()
        .map(|subject| {
            let (framework, sessions) = split(subject);
            let cells = list.scenarios.iter().map(|scenario| cell(costs, subject, scenario, measure));
            [framework.to_owned(), sessions.to_owned()].into_iter().chain(cells).collect()
        })
        .collect();
    table(&head, &rows)
}

fn cell(costs: &[Cost], subject: &str, scenario: &str, measure: &Measure) -> String {
    let number = |subject: &str| {
        let cost = costs.iter().find(|cost| cost.subject == subject && cost.scenario == scenario);
        cost.and_then(measure.number)
    };
    let Some(here) = number(subject) else { return "-".into() };
    let alone = number(&format!("{}/alone", split(subject).0)).filter(|alone| *alone > 0.0);
    match alone {
        Some(alone) if measure.compared => format!("x {:.2} {}", here / alone, (measure.write)(here)),
        Some(_) | None => (measure.write)(here),
    }
}

/// The framework and whose sessions.
fn split(subject: &str) -> (&str, &str) {
    subject.split_once('/').unwrap_or((subject, ""))
}

/// A whole number whose thousands are set apart.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// A number that mostly is a whole one.
fn exact(number: f64) -> String {
    if number.fract() == 0.0 { format!("{number:.0}") } else { format!("{number:.2}") }
}

/// Every number, for programs to read.
pub(super) fn write(file: &Path, costs: &Costs) -> Result<(), String> {
    let json = serde_json::to_string_pretty(costs).map_err(|error| format!("cannot write JSON: {error}"))?;
    fs::write(file, json + "\n").map_err(|error| format!("cannot write {}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::super::Weight;
    use super::*;

    #[test]
    fn a_cell_says_how_many_times_the_framework_alone_it_is() {
        let cost = |subject: &str, instructions| Cost {
            subject: subject.into(),
            scenario: "read".into(),
            instructions,
            ..Cost::default()
        };
        let list = List {
            subjects: vec!["axum/alone".into(), "axum/ours".into(), "axum/theirs".into()],
            scenarios: vec!["read".into()],
            stores: Vec::new(),
        };
        let requests = vec![
            cost("axum/alone", Some(8_000.0)),
            cost("axum/ours", Some(12_000.0)),
            cost("axum/theirs", None),
        ];
        let memory = vec![Weight { store: "ours".into(), bytes_per_session: 400.2 }];
        let text = tables(&list, &Costs { requests, memory });
        let line = |begin: &str| text.lines().find(|line| line.starts_with(begin)).unwrap_or_default();
        assert_eq!(line("axum      | alone"), "axum      | alone    | x 1.00 8 000");
        assert_eq!(line("axum      | ours"), "axum      | ours     | x 1.50 12 000");
        assert_eq!(line("axum      | theirs"), "axum      | theirs   | -");
        assert!(line("ours").ends_with("| 400"));
    }
}
