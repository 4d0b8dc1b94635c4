//! Names of tables. They become part of a statement and cannot be bound, so they are parsed here, once.

use session_core::store::StoreError;

/// A name that needs no escaping in any of the three databases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name(Box<str>);

impl Name {
    /// PostgreSQL cuts names at 63 bytes without a word; the names of indexes are made by appending to this one.
    const MAX_BYTES: usize = 48;

    /// Letters, digits and `_`, not beginning with a digit.
    ///
    /// `sqlite_…` and `pg_…` belong to the databases themselves.
    pub(crate) fn parse(text: &str) -> Result<Self, StoreError> {
        let letters = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let head = text.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
        let lower = text.to_ascii_lowercase();
        let taken = lower.starts_with("sqlite_") || lower.starts_with("pg_");
        if letters && head && !taken && text.len() <= Self::MAX_BYTES {
            Ok(Self(text.into()))
        } else {
            Err(StoreError::refused(
                "the table name is not usable; take 1 to 48 ASCII letters, digits and underscores, \
                 not beginning with a digit, `sqlite_` or `pg_`",
            ))
        }
    }

    /// The name as it was given.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_have_to_be_escaped_are_refused() {
        for name in ["sessions", "Session2", "_s", &"s".repeat(48)] {
            assert_eq!(Name::parse(name).unwrap().as_str(), name);
        }
        for name in
            ["", "2s", "a b", "a\"b", "a`b", "a'b", "a;b", "a.b", "a-b", "a$b", "a\0", "sitzung\u{e9}"]
        {
            assert!(Name::parse(name).is_err(), "{name}");
        }
        for name in ["sqlite_x", "SQLite_x", "pg_x", &"s".repeat(49)] {
            assert!(Name::parse(name).is_err(), "{name}");
        }
    }
}
