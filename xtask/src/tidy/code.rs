//! Rust source with its comments blanked out, so that rules about code are not broken by talking about it.

/// The text with every comment replaced by spaces; lines and columns stay where they are.
pub(crate) fn without_comments(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < characters.len() {
        let rest = &characters[at..];
        let (length, is_comment) = match rest {
            ['/', '/', ..] => (rest.iter().position(|&c| c == '\n').unwrap_or(rest.len()), true),
            ['/', '*', ..] => (block_comment(rest), true),
            ['"', ..] => (string(rest), false),
            ['r', '"' | '#', ..] if at == 0 || !is_name(characters[at - 1]) || is_prefix(&characters, at) => {
                (raw_string(rest), false)
            }
            ['\'', ..] => (character(rest), false),
            _ => (1, false),
        };
        for &c in &rest[..length] {
            out.push(if is_comment && c != '\n' { ' ' } else { c });
        }
        at += length;
    }
    out
}

/// Whether a character may be part of a name.
pub(crate) fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether the `r` at this place belongs to a `br"…"` or `cr"…"`.
fn is_prefix(characters: &[char], at: usize) -> bool {
    at > 0 && matches!(characters[at - 1], 'b' | 'c') && (at == 1 || !is_name(characters[at - 2]))
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn string(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

fn raw_string(rest: &[char]) -> usize {
    let hashes = rest[1..].iter().take_while(|&&c| c == '#').count();
    if rest.get(1 + hashes) != Some(&'"') {
        return 1; // a raw identifier
    }
    let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let body = &rest[2 + hashes..];
    let length = body.windows(end.len()).position(|window| window == end);
    length.map_or(rest.len(), |length| 2 + hashes + length + end.len())
}

/// A character literal, or just the quote where a lifetime begins.
fn character(rest: &[char]) -> usize {
    match rest {
        ['\'', '\\', _, tail @ ..] => tail.iter().position(|&c| c == '\'').map_or(1, |end| end + 4),
        ['\'', _, '\'', ..] => 3,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::without_comments;

    fn code(text: &str) -> String {
        let blanked = without_comments(text);
        assert_eq!(blanked.chars().count(), text.chars().count());
        blanked.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_of_every_form_are_blanked() {
        assert_eq!(code("a // b\n/// c\n//! d\ne /* f /* g */ h */ i"), "a e i");
    }

    #[test]
    fn what_looks_like_a_comment_in_a_literal_is_kept() {
        assert_eq!(code(r#"let u = "http://x"; // gone"#), r#"let u = "http://x";"#);
        assert_eq!(code("r#\"a // \" b\"# c // d"), "r#\"a // \" b\"# c");
        assert_eq!(code(r#"'"' '\'' '\u{2f}' x // y"#), r#"'"' '\'' '\u{2f}' x"#);
        assert_eq!(code("br\"\\\" // z"), "br\"\\\"");
        assert_eq!(code("fn f<'a>(r#in: &'a str) // b"), "fn f<'a>(r#in: &'a str)");
    }
}
