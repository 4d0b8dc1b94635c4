//! Arithmetic on points in time that neither overflows nor panics. No clock is read here: time is an argument.

use std::time::Duration;

use time::OffsetDateTime;
use time::macros::datetime;

/// The last moment that a cookie or a record can name.
pub(crate) const END_OF_TIME: OffsetDateTime = datetime!(9999-12-31 23:59:59.999 UTC);

/// `from` and `by` later; never past [`END_OF_TIME`].
pub(crate) fn later(from: OffsetDateTime, by: Duration) -> OffsetDateTime {
    time::Duration::try_from(by)
        .ok()
        .and_then(|by| from.checked_add(by))
        .map_or(END_OF_TIME, |sum| sum.min(END_OF_TIME))
}

/// `from` and `ms` milliseconds later, or earlier if negative.
pub(crate) fn later_ms(from: OffsetDateTime, ms: i64) -> OffsetDateTime {
    let sum = from.checked_add(time::Duration::milliseconds(ms));
    match sum {
        Some(sum) => sum.min(END_OF_TIME),
        None if ms < 0 => OffsetDateTime::UNIX_EPOCH,
        None => END_OF_TIME,
    }
}

/// Milliseconds since the epoch.
pub(crate) fn millis(at: OffsetDateTime) -> i64 {
    // Years up to 9999 fit in 48 bits.
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

/// The moment `ms` milliseconds after the epoch; out of range counts as the nearest end.
pub(crate) fn from_millis(ms: i64) -> OffsetDateTime {
    later_ms(OffsetDateTime::UNIX_EPOCH, ms)
}

/// A duration in whole milliseconds, as express-session counts lives.
pub(crate) fn duration_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// ECMAScript's date format, as `JSON.stringify` writes a Date: `2030-01-01T00:00:00.250Z`.
pub(crate) fn to_iso(at: OffsetDateTime) -> String {
    let at = at.to_offset(time::UtcOffset::UTC);
    let (date, time) = (at.date(), at.time());
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.millisecond()
    )
}

/// HTTP's date format (RFC 9110 §5.6.7, IMF-fixdate): `Tue, 01 Jan 2030 00:01:00 GMT`.
pub(crate) fn to_http(at: OffsetDateTime) -> String {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let at = at.to_offset(time::UtcOffset::UTC);
    let (date, time) = (at.date(), at.time());
    format!(
        "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
        DAYS[usize::from(date.weekday().number_days_from_monday())],
        date.day(),
        MONTHS[usize::from(u8::from(date.month()) - 1)],
        date.year(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_javascript_and_http_write_them() {
        let at = datetime!(2030-01-01 01:01:00.2509 +1);
        assert_eq!(to_iso(at), "2030-01-01T00:01:00.250Z");
        assert_eq!(to_http(at), "Tue, 01 Jan 2030 00:01:00 GMT");
        assert_eq!(from_millis(millis(at)), datetime!(2030-01-01 00:01:00.25 UTC));
    }

    #[test]
    fn no_sum_overflows() {
        let at = datetime!(2030-01-01 0:00 UTC);
        assert_eq!(later(at, Duration::MAX), END_OF_TIME);
        assert_eq!(later_ms(at, i64::MAX), END_OF_TIME);
        assert_eq!(later_ms(at, i64::MIN), OffsetDateTime::UNIX_EPOCH);
        assert_eq!(duration_ms(Duration::MAX), i64::MAX);
    }
}
