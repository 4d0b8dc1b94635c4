//! Points in time as MongoDB holds them. Rounded down, always: a session may end early, never late.

use mongodb::bson::DateTime;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

/// The last millisecond that a calendar of four-digit years has; stands for a record that never expires.
const NEVER: i64 = 253_402_300_799_999;

/// As JavaScript's `Date.toJSON` writes it.
const ISO: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// Whole milliseconds, rounded down.
pub(crate) fn date(at: OffsetDateTime) -> DateTime {
    // Years have four digits, so this fits in 48 bits.
    DateTime::from_millis(i64::try_from(at.unix_timestamp_nanos().div_euclid(1_000_000)).unwrap_or(i64::MAX))
}

/// The expiry that a record holds; `None` is one that never expires.
pub(crate) fn from_date(date: Option<DateTime>) -> OffsetDateTime {
    let ms = date.map_or(NEVER, DateTime::timestamp_millis).min(NEVER);
    from_millis(ms).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// The text of a date in JavaScript; `None` beyond four-digit years.
pub(crate) fn iso(ms: i64) -> Option<String> {
    let at = from_millis(ms).filter(|at| (0..=9999).contains(&at.year()))?;
    at.format(ISO).ok()
}

/// The date of which JavaScript makes exactly this text.
pub(crate) fn millis_of_iso(text: &str) -> Option<i64> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let ms = date(at).timestamp_millis();
    (iso(ms).as_deref() == Some(text)).then_some(ms)
}

fn from_millis(ms: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_rounded_down_on_both_sides_of_the_epoch() {
        for (nanos, ms) in [(1_999_999, 1), (2_000_000, 2), (0, 0), (-1, -1), (-1_000_000, -1)] {
            let at = OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap();
            assert_eq!(date(at).timestamp_millis(), ms);
            assert!(from_date(Some(date(at))) <= at);
        }
        assert_eq!(from_date(None).year(), 9999);
        assert_eq!(from_date(Some(DateTime::MAX)), from_date(None));
        assert!(from_date(Some(DateTime::MIN)) <= OffsetDateTime::UNIX_EPOCH);
    }

    #[test]
    fn only_javascripts_own_text_of_a_date_is_taken_for_one() {
        for text in ["2030-01-01T00:00:00.250Z", "1969-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"] {
            assert_eq!(iso(millis_of_iso(text).unwrap()).unwrap(), text);
        }
        for text in ["", "tomorrow", "2030-01-01T00:00:00Z", "2030-01-01T00:00:00.2500Z", "2030-01-01"] {
            assert_eq!(millis_of_iso(text), None);
        }
        assert_eq!(millis_of_iso("2030-01-01T00:00:00.250+00:00"), None);
    }
}
