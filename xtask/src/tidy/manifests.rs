//! Rules about the members of the workspace: who may depend on whom, and what each manifest must say.

use super::{Finding, Source};
use crate::workspace::Package;

/// The place of a member in the architecture, told by its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Core,
    Driver,
    Adapter,
    Store,
    /// Examples, tests and these commands, which may use everything.
    Outside,
    /// Anything else.
    Other,
}

fn place(folder: &str) -> Place {
    match folder {
        "session-core" => Place::Core,
        "adapters/driver" => Place::Driver,
        "xtask" => Place::Outside,
        _ if folder.starts_with("adapters/") => Place::Adapter,
        _ if folder.starts_with("stores/") => Place::Store,
        _ if folder.starts_with("examples/") || folder.starts_with("tests/") => Place::Outside,
        _ => Place::Other,
    }
}

pub(crate) fn check(packages: &[Package], sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages {
        let folder = package.folder();
        let manifest = format!("{folder}/Cargo.toml");
        let text =
            sources.iter().find(|source| source.name == manifest).map_or("", |source| source.text.as_str());
        dependencies(package, packages, &manifest, text, &mut findings);
        if package.description.as_deref().unwrap_or_default().is_empty() {
            findings.push(Finding::new(&manifest, 1, "add a `description`"));
        }
        if package.license.as_deref().unwrap_or_default().is_empty() {
            findings.push(Finding::new(&manifest, 1, "add `license.workspace = true`"));
        }
        if !has_lints(text) {
            findings.push(Finding::new(&manifest, 1, "add `[lints]` with `workspace = true`"));
        }
    }
    findings
}

fn dependencies(package: &Package, all: &[Package], manifest: &str, text: &str, findings: &mut Vec<Finding>) {
    let here = place(&package.folder());
    for dependency in &package.dependencies {
        let Some(ours) = all.iter().find(|other| other.name == dependency.name) else {
            continue;
        };
        let there = place(&ours.folder());
        let is_dev = dependency.kind.as_deref() == Some("dev");
        let complaint = match here {
            Place::Outside => None,
            _ if there == Place::Adapter && package.name != ours.name => {
                Some("only examples, tests and xtask depend on an adapter")
            }
            _ if is_dev => None,
            Place::Core => Some("the core depends on none of our crates"),
            Place::Driver => (there != Place::Core).then_some("the driver depends on session-core only"),
            Place::Store => (there != Place::Core).then_some("a store depends on session-core only"),
            Place::Adapter => (there != Place::Driver)
                .then_some("an adapter depends on session-driver only; use its re-exports"),
            Place::Other => None,
        };
        if let Some(complaint) = complaint {
            let what = format!("`{}` depends on `{}`: {complaint}", package.name, dependency.name);
            findings.push(Finding::new(manifest, line_of(text, &dependency.name), what));
        }
    }
}

/// The line that names a dependency, or the first one.
fn line_of(text: &str, name: &str) -> usize {
    let names = |line: &str| {
        let rest = line.trim_start().strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with([' ', '=', '.']))
    };
    text.lines().position(names).map_or(1, |index| index + 1)
}

fn has_lints(text: &str) -> bool {
    let mut section = "";
    text.lines().map(str::trim).any(|line| {
        if line.starts_with('[') {
            section = line;
        }
        (section == "[lints]" && squeezed(line) == "workspace=true")
            || squeezed(line) == "lints.workspace=true"
    })
}

fn squeezed(line: &str) -> String {
    line.chars().filter(|c| !c.is_whitespace()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::{self, Dependency};

    fn package(folder: &str, name: &str, dependencies: &[(&str, Option<&str>)]) -> Package {
        Package {
            name: name.into(),
            manifest_path: workspace::root().join(folder).join("Cargo.toml"),
            description: Some("described".into()),
            license: Some("MIT".into()),
            targets: Vec::new(),
            dependencies: dependencies
                .iter()
                .map(|(name, kind)| Dependency { name: (*name).into(), kind: kind.map(str::to_owned) })
                .collect(),
        }
    }

    fn complaints(extra: Package) -> Vec<String> {
        let packages = [
            package("session-core", "core", &[]),
            package("adapters/driver", "driver", &[("core", None)]),
            package("adapters/axum", "axum", &[("driver", None), ("memory", Some("dev"))]),
            package("stores/memory", "memory", &[("core", None), ("serde", None)]),
            package("examples/counter", "counter", &[("axum", None), ("memory", None)]),
            extra,
        ];
        let sources: Vec<Source> = packages
            .iter()
            .map(|package| Source {
                name: format!("{}/Cargo.toml", package.folder()),
                text: "[dependencies]\ncore.workspace = true\n[lints]\nworkspace = true\n".into(),
            })
            .collect();
        check(&packages, &sources).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn the_architecture_as_drawn_is_accepted() {
        assert_eq!(complaints(package("tests/matrix", "matrix", &[("axum", None)])), [""; 0]);
    }

    #[test]
    fn each_wrong_direction_is_refused() {
        assert_eq!(complaints(package("stores/sql", "sql", &[("driver", None)])).len(), 1);
        assert_eq!(complaints(package("stores/sql", "sql", &[("axum", Some("dev"))])).len(), 1);
        assert_eq!(complaints(package("session-core", "other", &[("driver", None)])).len(), 1);
        let adapter = complaints(package("adapters/poem", "poem", &[("core", None)]));
        assert!(adapter[0].starts_with("adapters/poem/Cargo.toml:2: "), "{adapter:?}");
    }

    #[test]
    fn the_lints_of_the_workspace_are_asked_for() {
        assert!(has_lints("[lints]\nworkspace = true\n") && has_lints("lints.workspace = true"));
        assert!(!has_lints("[package]\nworkspace = true\n[lints]\n"));
    }
}
