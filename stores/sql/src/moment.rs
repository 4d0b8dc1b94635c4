//! Points in time as the tables hold them. Rounded down, always: a session may end early, never late.

use time::OffsetDateTime;

/// Whole milliseconds since the epoch, rounded down.
///
/// For an expiry in whole milliseconds, `expiry > millis(now)` holds exactly when `expiry > now` does.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) fn millis(at: OffsetDateTime) -> i64 {
    // Years have four digits, so this fits in 48 bits.
    i64::try_from(at.unix_timestamp_nanos().div_euclid(1_000_000)).unwrap_or(i64::MAX)
}

/// Whole seconds since the epoch, rounded down, as far as 32 bits without a sign hold them: to the year 2106.
#[cfg(feature = "mysql")]
pub(crate) fn seconds(at: OffsetDateTime) -> i64 {
    at.unix_timestamp().clamp(0, i64::from(u32::MAX))
}

/// The moment `seconds` seconds after the epoch; `None` if no calendar has it.
#[cfg(feature = "mysql")]
pub(crate) fn from_seconds(seconds: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(seconds).ok()
}

/// The moment `ms` milliseconds after the epoch; `None` if no calendar has it.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) fn from_millis(ms: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "mysql")]
    #[test]
    fn seconds_are_rounded_down_and_do_not_overflow_their_column() {
        use time::macros::datetime;
        assert_eq!(seconds(datetime!(1970-01-01 0:00:01.999 UTC)), 1);
        assert_eq!(seconds(datetime!(1969-12-31 0:00 UTC)), 0);
        assert_eq!(seconds(datetime!(9999-12-31 0:00 UTC)), i64::from(u32::MAX));
        assert_eq!(from_seconds(i64::MAX), None);
    }

    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    #[test]
    fn a_moment_is_rounded_down_on_both_sides_of_the_epoch() {
        for (nanos, ms) in [(1_999_999, 1), (2_000_000, 2), (0, 0), (-1, -1), (-1_000_000, -1)] {
            let at = OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap();
            assert_eq!(millis(at), ms);
            assert!(from_millis(ms).unwrap() <= at);
        }
        assert_eq!(from_millis(i64::MAX), None);
    }
}
