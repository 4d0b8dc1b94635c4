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
    let (year, month, day) = at.date().to_calendar_date();
    let (hour, minute, second, milli) = at.time().as_hms_milli();
    let mut text = String::with_capacity(24);
    push_year(&mut text, year);
    for (before, number) in [('-', month.into()), ('-', day), ('T', hour), (':', minute), (':', second)] {
        text.push(before);
        push_two(&mut text, number);
    }
    text.push('.');
    // A millisecond is smaller than 1000.
    text.push(digit(milli / 100));
    text.push(digit(milli / 10 % 10));
    text.push(digit(milli % 10));
    text.push('Z');
    text
}

/// HTTP's date format (RFC 9110 §5.6.7, IMF-fixdate): `Tue, 01 Jan 2030 00:01:00 GMT`.
pub(crate) fn to_http(at: OffsetDateTime) -> String {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let at = at.to_offset(time::UtcOffset::UTC);
    let (year, month, day) = at.date().to_calendar_date();
    let (hour, minute, second) = at.time().as_hms();
    let mut text = String::with_capacity(29);
    text.push_str(DAYS[usize::from(at.date().weekday().number_days_from_monday())]);
    text.push_str(", ");
    push_two(&mut text, day);
    text.push(' ');
    text.push_str(MONTHS[usize::from(u8::from(month) - 1)]);
    text.push(' ');
    push_year(&mut text, year);
    for (before, number) in [(' ', hour), (':', minute), (':', second)] {
        text.push(before);
        push_two(&mut text, number);
    }
    text.push_str(" GMT");
    text
}

// Both dates are written with every record and every cookie, and the formatting machinery takes ten times as long.

fn push_year(text: &mut String, year: i32) {
    match u16::try_from(year) {
        Ok(year @ 0..=9999) => {
            text.push(digit(year / 1000));
            text.push(digit(year / 100 % 10));
            text.push(digit(year / 10 % 10));
            text.push(digit(year % 10));
        }
        Ok(_) | Err(_) => text.push_str(&format!("{year:04}")),
    }
}

/// A number below 100.
fn push_two(text: &mut String, number: u8) {
    text.push(digit(u16::from(number / 10)));
    text.push(digit(u16::from(number % 10)));
}

fn digit(number: u16) -> char {
    char::from_digit(u32::from(number), 10).unwrap_or('0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_javascript_and_http_write_them() {
        let at = datetime!(2030-01-01 01:01:00.2509 +1);
        assert_eq!(to_iso(at), "2030-01-01T00:01:00.250Z");
        assert_eq!(to_http(at), "Tue, 01 Jan 2030 00:01:00 GMT");
        assert_eq!(to_iso(END_OF_TIME), "9999-12-31T23:59:59.999Z");
        assert_eq!(to_http(END_OF_TIME), "Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(to_iso(datetime!(0007-03-04 05:06:07.089 +2)), "0007-03-04T03:06:07.089Z");
        assert_eq!(to_iso(datetime!(-0044-03-15 12:00 UTC)), "-044-03-15T12:00:00.000Z");
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
