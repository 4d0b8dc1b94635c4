//! A statement on its way to the server: prepared, with its values beside it, or whole, with its values written into it.
//!
//! The client library prepares a statement in one round trip and runs it in the next, even one without a name. Between the
//! two, a pooler in transaction mode gives the server's connection to somebody else: the statement is not found
//! there, or it is *another one of that name*. What is sent as one text is one round trip and needs nothing from before.

use std::fmt::Write as _;
use std::time::Duration;

use futures_util::StreamExt as _;
use sqlx::postgres::{PgConnection, PgQueryResult, PgRow};
use sqlx::{AssertSqlSafe, Either, Error, Executor as _, SqlSafeStr as _, SqlStr, query, raw_sql};

use crate::outcome::is_broken;

/// How statements are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Prepared once for each connection. The connection's own `lock_timeout` counts.
    Prepared,
    /// As one text that holds everything, the limit of its wait for a row included.
    Whole { lock_timeout: Duration },
}

impl Way {
    /// What is sent before a statement, in the same text and transaction.
    pub(super) fn prelude(self) -> String {
        match self {
            Self::Prepared => String::new(),
            Self::Whole { lock_timeout } => {
                format!("SET LOCAL lock_timeout = {};\n", lock_timeout.as_millis().max(1))
            }
        }
    }

    pub(super) fn statement(self, sql: &SqlStr) -> Statement<'_> {
        Statement { way: self, sql, values: Vec::with_capacity(10) }
    }
}

/// A value for a `$n` of a statement.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'q> {
    Text(Option<&'q str>),
    Number(Option<i64>),
}

impl<'q> From<&'q str> for Value<'q> {
    fn from(text: &'q str) -> Self {
        Self::Text(Some(text))
    }
}

impl<'q> From<Option<&'q str>> for Value<'q> {
    fn from(text: Option<&'q str>) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Number(Some(number))
    }
}

impl From<Option<i64>> for Value<'_> {
    fn from(number: Option<i64>) -> Self {
        Self::Number(number)
    }
}

impl Value<'_> {
    /// Writes the value as a constant of its type: for the server the same as a parameter.
    fn write(self, out: &mut String) {
        match self {
            Self::Text(None) => out.push_str("NULL::text"),
            Self::Number(None) => out.push_str("NULL::int8"),
            Self::Number(Some(number)) => {
                let _ = write!(out, "({number})::int8");
            }
            Self::Text(Some(text)) => write_text(text, out),
        }
    }
}

/// Writes a text constant. Whatever the text holds, only [harmless](is_plain) characters and escapes of a fixed length stand
/// between the quotes, so that it ends where it is meant to, under every setting of the server.
fn write_text(text: &str, out: &mut String) {
    out.push_str("E'");
    for character in text.chars() {
        if is_plain(character) {
            out.push(character);
            continue;
        }
        let code = u32::from(character);
        let _ = if code <= 0xffff { write!(out, "\\u{code:04x}") } else { write!(out, "\\U{code:08x}") };
    }
    out.push_str("'::text");
}

/// Whether a character stands for itself in a text constant: what can be printed of ASCII, but for `'` and `\`.
fn is_plain(character: char) -> bool {
    matches!(character, ' '..='~') && !matches!(character, '\'' | '\\')
}

/// A statement and its values.
pub(super) struct Statement<'q> {
    way: Way,
    sql: &'q SqlStr,
    values: Vec<Value<'q>>,
}

impl<'q> Statement<'q> {
    /// The value of the next `$n`.
    pub(super) fn bind(mut self, value: impl Into<Value<'q>>) -> Self {
        self.values.push(value.into());
        self
    }

    pub(super) async fn execute(self, connection: &mut PgConnection) -> Result<PgQueryResult, Error> {
        Ok(self.run(connection).await?.0)
    }

    pub(super) async fn fetch_optional(self, connection: &mut PgConnection) -> Result<Option<PgRow>, Error> {
        Ok(self.run(connection).await?.1.into_iter().next())
    }

    pub(super) async fn fetch_one(self, connection: &mut PgConnection) -> Result<PgRow, Error> {
        self.fetch_optional(connection).await?.ok_or(Error::RowNotFound)
    }

    pub(super) async fn fetch_all(self, connection: &mut PgConnection) -> Result<Vec<PgRow>, Error> {
        Ok(self.run(connection).await?.1)
    }

    /// What the server says until it is ready for the next statement, for only then is the work committed.
    async fn run(self, connection: &mut PgConnection) -> Result<(PgQueryResult, Vec<PgRow>), Error> {
        let mut answers = match self.way {
            Way::Prepared => connection.fetch_many(self.prepared()),
            Way::Whole { .. } => connection.fetch_many(raw_sql(self.whole())),
        };
        let (mut done, mut rows, mut begun) = (PgQueryResult::default(), Vec::new(), false);
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(Either::Left(result)) => done.extend([result]),
                Ok(Either::Right(row)) => rows.push(row),
                // The server's farewell comes after an answer: whether it has committed what it answered is not known.
                Err(error) if begun && is_broken(&error) => {
                    return Err(Error::Protocol(
                        "the connection ended between the statement's answer and its commit".into(),
                    ));
                }
                Err(error) => return Err(error),
            }
            begun = true;
        }
        Ok((done, rows))
    }

    fn prepared(&self) -> sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments> {
        self.values.iter().fold(query(self.sql.clone()), |query, value| match *value {
            Value::Text(text) => query.bind(text),
            Value::Number(number) => query.bind(number),
        })
    }

    /// Puts the values in the places of the parameters. What a value holds is not looked at again.
    fn whole(&self) -> SqlStr {
        let mut text = self.way.prelude();
        let mut pieces = self.sql.as_str().split('$');
        text.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            let digits = piece.bytes().take_while(u8::is_ascii_digit).count();
            let (number, rest) = piece.split_at(digits);
            let number: Option<usize> = number.parse().ok();
            match number.and_then(|number| self.values.get(number.checked_sub(1)?)) {
                Some(value) => value.write(&mut text),
                // No statement of ours has a parameter without a value; the server would refuse it.
                None => {
                    text.push('$');
                    text.push_str(piece);
                    continue;
                }
            }
            text.push_str(rest);
        }
        AssertSqlSafe(text).into_sql_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Way = Way::Whole { lock_timeout: Duration::from_millis(1500) };

    fn whole(sql: &'static str, values: &[Value<'_>]) -> String {
        let sql = sql.into_sql_str();
        let statement = values.iter().fold(WHOLE.statement(&sql), |statement, value| statement.bind(*value));
        statement.whole().as_str().to_owned()
    }

    #[test]
    fn values_take_the_places_of_their_parameters() {
        let values: Vec<Value<'_>> = (1..=10).map(Value::from).collect();
        assert_eq!(
            whole("SELECT $10, $1::bigint, $1", &values),
            "SET LOCAL lock_timeout = 1500;\nSELECT (10)::int8, (1)::int8::bigint, (1)::int8"
        );
        assert_eq!(
            whole("$1 $2 $3", &[Value::Text(None), Value::Number(None), Value::from(i64::MIN)]),
            "SET LOCAL lock_timeout = 1500;\nNULL::text NULL::int8 (-9223372036854775808)::int8"
        );
    }

    #[test]
    fn no_value_ends_its_constant_or_is_taken_for_a_parameter() {
        let value = Value::from("a'; DROP TABLE x; --\\' $1 \u{0}\n\u{e9}\u{20ac}\u{1f600}");
        let text = whole("SELECT $1, $2", &[value, Value::from(2)]);
        assert_eq!(
            text,
            "SET LOCAL lock_timeout = 1500;\nSELECT E'a\\u0027; DROP TABLE x; --\\u005c\\u0027 $1 \\u0000\\u000a\\u00e9\
             \\u20ac\\U0001f600'::text, (2)::int8"
        );
    }

    #[test]
    fn between_the_quotes_of_a_constant_there_is_no_quote_whatever_the_character() {
        for character in '\0'..=char::MAX {
            let mut text = String::new();
            write_text(character.encode_utf8(&mut [0; 4]), &mut text);
            let inner = text.strip_prefix("E'").and_then(|rest| rest.strip_suffix("'::text")).unwrap();
            let escaped = inner.strip_prefix('\\').is_some_and(|rest| {
                let (head, digits) = rest.split_at(1);
                digits.len() == if head == "u" { 4 } else { 8 }
                    && digits.bytes().all(|b| b.is_ascii_hexdigit())
            });
            assert!(escaped || (inner.len() == 1 && !inner.contains(['\'', '\\'])), "{character:?}");
        }
    }
}
