//! `cargo xtask table`: the end-of-request decisions, printed from the code into ARCHITECTURE.md.
//!
//! The table in the document is never typed by hand: it is what the engine answers when every case is put to it.

use std::fs;
use std::path::PathBuf;

use crate::args::{Arg, Args};
use crate::output::Stop;
use crate::workspace;

pub(crate) const HELP: &str = "\
The decision table of session-core: what the end of a request does in every case.

Usage: cargo xtask table [--check|--write]

  (nothing)  print the table
  --check    fail if ARCHITECTURE.md shows another one
  --write    put it into ARCHITECTURE.md, between <!-- table:begin --> and <!-- table:end -->
";

const BEGIN: &str = "<!-- table:begin -->";
const END: &str = "<!-- table:end -->";

pub(crate) fn run(mut args: Args) -> Result<(), Stop> {
    let mut mode = None;
    while let Some(arg) = args.next() {
        match arg {
            Arg::Option(name) if mode.is_none() && (name == "--check" || name == "--write") => {
                mode = Some(name)
            }
            other => return Err(other.unknown()),
        }
    }
    match mode.as_deref() {
        None => say!("{}", generated().trim_end()),
        Some("--check") => {
            check()?;
            say!("ARCHITECTURE.md shows the table that the code prints");
        }
        Some(_) => write()?,
    }
    Ok(())
}

/// Fails where ARCHITECTURE.md and the code differ.
pub(crate) fn check() -> Result<(), String> {
    let document = read()?;
    let (before, shown, _) = split(&document)?;
    let wanted = generated();
    if shown.trim() == wanted.trim() {
        return Ok(());
    }
    let same =
        shown.trim().lines().zip(wanted.trim().lines()).take_while(|(shown, wanted)| shown == wanted).count();
    let blank = shown.lines().take_while(|line| line.trim().is_empty()).count();
    let line = before.lines().count() + blank + same;
    Err(format!(
        "ARCHITECTURE.md:{line}: the decision table differs from the code; run `cargo xtask table --write`"
    ))
}

fn write() -> Result<(), String> {
    let document = read()?;
    let (before, _, after) = split(&document)?;
    let text = format!("{before}\n\n{}\n\n{after}", generated().trim());
    if text == document {
        say!("ARCHITECTURE.md shows this table already");
        return Ok(());
    }
    fs::write(path(), text).map_err(|error| format!("cannot write {}: {error}", path().display()))?;
    say!("wrote the table into ARCHITECTURE.md");
    Ok(())
}

/// What the code decides, as a table.
fn generated() -> String {
    session_core::table::markdown()
}

fn path() -> PathBuf {
    workspace::root().join("ARCHITECTURE.md")
}

fn read() -> Result<String, String> {
    fs::read_to_string(path()).map_err(|error| format!("cannot read {}: {error}", path().display()))
}

/// The document up to the end of the first marker, what is between the two, and the rest from the second one.
fn split(document: &str) -> Result<(&str, &str, &str), String> {
    let missing =
        || format!("ARCHITECTURE.md needs the lines {BEGIN} and {END}, in this order, around the table");
    let begin = document.find(BEGIN).ok_or_else(missing)? + BEGIN.len();
    let end = begin + document[begin..].find(END).ok_or_else(missing)?;
    Ok((&document[..begin], &document[begin..end], &document[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_markers_stay_outside_of_what_is_replaced() {
        let document = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        let (before, shown, after) = split(&document).unwrap();
        assert_eq!(shown, "\nold\n");
        assert_eq!(format!("{before}{shown}{after}"), document);
        assert!(split(&format!("{END} {BEGIN}")).is_err());
    }
}
