//! How commands end and how they print tables, so that all of them do it alike.

/// Prints a line. A reader that went away, as in `cargo xtask test | head`, is not worth a panic.
macro_rules! say {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _reader_gone = writeln!(std::io::stdout(), $($words)*);
    }};
}

/// Why a command did not succeed.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The command line was wrong: the message and the way to the help, exit code 2.
    Usage(String),
    /// The work failed: the message says the next step, exit code 1.
    Failed(String),
    /// The work failed and its report is already printed, exit code 1.
    Reported,
}

impl From<String> for Stop {
    fn from(message: String) -> Self {
        Stop::Failed(message)
    }
}

/// A table in plain text, columns as wide as their widest cell.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}")).collect();
        format!("{}\n", padded.join(" | ").trim_end())
    };
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    let mut text = line(head.to_vec());
    text.push_str(&format!("{}\n", rule.join("-+-")));
    for row in rows {
        text.push_str(&line(row.iter().map(String::as_str).collect()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_line_up() {
        let text = table(&["step", "n"], &[vec!["fmt".into(), "10".into()]]);
        assert_eq!(text, "step | n\n-----+---\nfmt  | 10\n");
    }
}
