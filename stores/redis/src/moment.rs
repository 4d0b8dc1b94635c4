//! Points in time as Redis holds them. Rounded down, always: a session may end early, never late.

use time::OffsetDateTime;

/// The last millisecond that a calendar of four-digit years has; stands for a key that never expires.
pub(crate) const NEVER: i64 = 253_402_300_799_999;

/// Whole milliseconds since the epoch, rounded down.
pub(crate) fn millis(at: OffsetDateTime) -> i64 {
    // Years have four digits, so this fits in 48 bits.
    i64::try_from(at.unix_timestamp_nanos().div_euclid(1_000_000)).unwrap_or(i64::MAX)
}

/// An expiry that Redis accepts: it takes none before 1970, and any in the past has the same effect.
pub(crate) fn expiry(at: OffsetDateTime) -> i64 {
    millis(at).max(1)
}

/// The expiry that Redis reports in milliseconds; a negative one says that there is none.
pub(crate) fn from_expiry(ms: i64) -> OffsetDateTime {
    let ms = if ms < 0 { NEVER } else { ms.min(NEVER) };
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_rounded_down_on_both_sides_of_the_epoch() {
        for (nanos, ms) in [(1_999_999, 1), (2_000_000, 2), (0, 0), (-1, -1), (-1_000_000, -1)] {
            assert_eq!(millis(OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap()), ms);
        }
    }

    #[test]
    fn an_expiry_is_one_that_redis_takes_and_none_is_far_away() {
        assert_eq!(expiry(OffsetDateTime::from_unix_timestamp_nanos(-5).unwrap()), 1);
        assert_eq!(from_expiry(-1).year(), 9999);
        assert_eq!(from_expiry(i64::MAX), from_expiry(-1));
        assert_eq!(millis(from_expiry(1_893_456_000_250)), 1_893_456_000_250);
    }
}
