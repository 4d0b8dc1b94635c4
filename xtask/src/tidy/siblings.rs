//! The rule that sibling crates have the same files: who knows one store or one adapter finds the way in all of them.

use std::collections::BTreeMap;

use super::{Finding, Source};

/// One family of sibling crates.
#[derive(Debug)]
struct Family {
    folder: &'static str,
    /// Crates in the folder that are something else.
    except: &'static [&'static str],
    /// Crates that hold several siblings, each in a folder of its own.
    several: &'static [&'static str],
    required: &'static [&'static str],
    optional: &'static [&'static str],
    /// Files that one sibling has for a reason of its own.
    further: &'static [(&'static str, &'static str)],
}

const FAMILIES: &[Family] = &[
    Family {
        folder: "stores",
        except: &[],
        several: &["sql"],
        required: &["lib.rs", "store.rs", "directory.rs"],
        optional: &["schema.rs", "builder.rs", "error.rs", "moment.rs", "name.rs"],
        further: &[
            // The memory store is its own database: what one keeps, and how it is spread over locks.
            ("memory", "key.rs"),
            ("memory", "room.rs"),
            ("memory", "shard.rs"),
            // It keeps nothing itself, but a sign of where a session ended.
            ("migrating", "fence.rs"),
            // A document is text or an object, of which other stores have only the first.
            ("mongodb", "object.rs"),
            ("mongodb", "payload.rs"),
            // Of its servers, one takes writes, and there may be none that does.
            ("mongodb", "primary.rs"),
            // What its client connects to is made at the first verb, and a verb goes on when its caller goes away.
            ("mongodb", "lazy.rs"),
            ("mongodb", "outlive.rs"),
            // Each verb is a script there, and a script is told what SQL finds in columns.
            ("redis", "payload.rs"),
            ("redis", "script.rs"),
            // It has three ways to its servers, and on one of them a session lies apart from its owner's index.
            ("redis", "link.rs"),
            ("redis", "link/cluster.rs"),
            ("redis", "link/confirm.rs"),
            ("redis", "link/door.rs"),
            ("redis", "link/sentinel.rs"),
            ("redis", "link/single.rs"),
            ("redis", "link/slots.rs"),
            ("redis", "apart.rs"),
            ("redis", "apart/index.rs"),
            ("redis", "apart/owner.rs"),
            // Its index can vanish without the sessions, and a call can fail before it was sent.
            ("redis", "lost.rs"),
            ("redis", "script/failed.rs"),
            // This database is a file, which must be made and kept private.
            ("sql/sqlite", "file.rs"),
            // A pooler may be in front of this one, and then no prepared statement may outlive its round trip.
            ("sql/postgres", "pooler.rs"),
            ("sql/postgres", "statement.rs"),
        ],
    },
    Family {
        folder: "adapters",
        except: &["driver"],
        several: &[],
        required: &["lib.rs", "middleware.rs"],
        optional: &[],
        further: &[],
    },
];

pub(crate) fn check(sources: &[Source]) -> Vec<Finding> {
    FAMILIES.iter().flat_map(|family| check_family(family, sources)).collect()
}

fn check_family(family: &Family, sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (member, files) in members(family, sources) {
        let path = |file: &str| match (member.split_once('/'), file) {
            (Some((name, part)), "lib.rs") => format!("{}/{name}/src/{part}/mod.rs", family.folder),
            (Some((name, part)), file) => format!("{}/{name}/src/{part}/{file}", family.folder),
            (None, file) => format!("{}/{member}/src/{file}", family.folder),
        };
        // A crate around several siblings has its table of contents in common with others; what else lies there is
        // what those siblings share.
        let is_around = family.several.contains(&&*member);
        let required = if is_around { &["lib.rs"] } else { family.required };
        for file in required {
            if !files.contains(file) {
                let what = format!("every sibling in {} has a {file}; add it", family.folder);
                findings.push(Finding::new(&path(file), 1, what));
            }
        }
        for file in files {
            let common = is_around || required.contains(&file) || family.optional.contains(&file);
            if !common && !family.further.contains(&(&*member, file)) {
                let what = "its siblings have no such file; move it into one they have, or name it in \
                            xtask/src/tidy/siblings.rs with the reason";
                findings.push(Finding::new(&path(file), 1, what));
            }
        }
    }
    findings
}

/// The siblings of a family, each with the files of its source. One that shares a crate is called `crate/folder`,
/// and its `mod.rs` counts as the `lib.rs` that others have.
fn members<'a>(family: &Family, sources: &'a [Source]) -> BTreeMap<String, Vec<&'a str>> {
    let mut members: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for source in sources {
        let inside = source.name.strip_prefix(family.folder).and_then(|rest| rest.strip_prefix('/'));
        let Some((name, rest)) = inside.and_then(|inside| inside.split_once('/')) else {
            continue;
        };
        if family.except.contains(&name) {
            continue;
        }
        let file = rest.strip_prefix("src/").filter(|file| file.ends_with(".rs"));
        let (member, file) = match file.and_then(|file| file.split_once('/')) {
            Some((part, file)) if family.several.contains(&name) => {
                (format!("{name}/{part}"), Some(if file == "mod.rs" { "lib.rs" } else { file }))
            }
            _ => (name.to_owned(), file),
        };
        members.entry(member).or_default().extend(file);
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_files(names: &[&str]) -> Vec<String> {
        let sources: Vec<Source> =
            names.iter().map(|name| Source { name: (*name).into(), text: String::new() }).collect();
        check(&sources).into_iter().map(|finding| finding.file).collect()
    }

    #[test]
    fn siblings_with_the_same_files_are_accepted() {
        let files = [
            "stores/a/src/lib.rs",
            "stores/a/src/store.rs",
            "stores/a/src/directory.rs",
            "stores/a/Cargo.toml",
        ];
        assert!(check_files(&files).is_empty());
        assert!(check_files(&["adapters/driver/src/anything.rs"]).is_empty());
    }

    #[test]
    fn siblings_that_share_a_crate_are_looked_at_one_by_one() {
        let files = [
            "stores/sql/src/lib.rs",
            "stores/sql/src/a/mod.rs",
            "stores/sql/src/a/store.rs",
            "stores/sql/src/a/directory.rs",
            "stores/sql/src/b/store.rs",
            "stores/sql/src/b/directory.rs",
        ];
        assert_eq!(check_files(&files), ["stores/sql/src/b/mod.rs"]);
    }

    #[test]
    fn a_missing_file_and_one_too_many_are_found() {
        let files = ["adapters/x/src/lib.rs", "adapters/x/src/layer.rs"];
        assert_eq!(check_files(&files), ["adapters/x/src/middleware.rs", "adapters/x/src/layer.rs"]);
    }
}
