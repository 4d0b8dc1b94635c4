//! Reading how many tests passed, failed and were skipped out of what the test runners print.

/// How many tests ended how.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: Counts) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// Reads `test result: ok. 3 passed; 0 failed; 1 ignored; …`, the line that every Rust test program ends with.
pub(crate) fn rust_summary(line: &str) -> Option<Counts> {
    let (_, rest) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut counts = Counts::default();
    for part in rest.split(';') {
        match part.trim().split_once(' ') {
            Some((number, "passed")) => counts.passed = number.parse().ok()?,
            Some((number, "failed")) => counts.failed = number.parse().ok()?,
            Some((number, "ignored")) => counts.skipped = number.parse().ok()?,
            Some(_) | None => {}
        }
    }
    Some(counts)
}

/// Reads one line of Node's summary: `ℹ pass 12`, or `# pass 12` where the output is no terminal.
pub(crate) fn node_summary(line: &str) -> Option<Counts> {
    let rest = line.strip_prefix("ℹ ").or_else(|| line.strip_prefix("# "))?;
    let (name, number) = rest.split_once(' ')?;
    let number = number.parse().ok()?;
    let none = Counts::default();
    match name {
        "pass" => Some(Counts { passed: number, ..none }),
        "fail" | "cancelled" => Some(Counts { failed: number, ..none }),
        "skipped" | "todo" => Some(Counts { skipped: number, ..none }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_of_a_rust_test_program_is_read() {
        let line = "test result: FAILED. 12 passed; 1 failed; 2 ignored; 0 measured; 3 filtered out; finished in 0.1s";
        assert_eq!(rust_summary(line), Some(Counts { passed: 12, failed: 1, skipped: 2 }));
        assert_eq!(rust_summary("test open::the_result ... ok"), None);
    }

    #[test]
    fn the_lines_of_a_node_summary_are_read() {
        let lines =
            ["ℹ tests 9", "ℹ suites 2", "ℹ pass 5", "# fail 1", "ℹ cancelled 1", "ℹ skipped 1", "# todo 1"];
        let mut sum = Counts::default();
        lines.iter().filter_map(|line| node_summary(line)).for_each(|counts| sum.add(counts));
        assert_eq!(sum, Counts { passed: 5, failed: 2, skipped: 2 });
        assert_eq!(node_summary("# Subtest: pass 3"), None);
    }
}
