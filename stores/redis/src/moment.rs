//! Points in time and spans of it as Redis holds them. Rounded down, always.
//!
//! The server's clock may be wrong, so what it is told of a session's end is how many milliseconds are left of its life,
//! and so is what it answers. Only the scores in an index are points in time, by the clock of whoever calls.

use time::{Duration, OffsetDateTime};

/// The last millisecond that a calendar of four-digit years has; stands for a key that never expires.
pub(crate) const NEVER: i64 = 253_402_300_799_999;

/// Scores up to this one are an index's marks, not points in time.
const MARKS: i64 = 1_000_000_000;

/// Whole milliseconds since the epoch, rounded down.
pub(crate) fn millis(at: OffsetDateTime) -> i64 {
    // Years have four digits, so this fits in 48 bits.
    i64::try_from(at.unix_timestamp_nanos().div_euclid(1_000_000)).unwrap_or(i64::MAX)
}

/// An expiry as an index has it: a point in time, and no mark.
pub(crate) fn score(at: OffsetDateTime) -> i64 {
    millis(at).max(MARKS + 1)
}

/// Whole milliseconds from `now` to `end`, rounded down; none or less if it has passed.
pub(crate) fn left(end: OffsetDateTime, now: OffsetDateTime) -> i64 {
    i64::try_from((end - now).whole_nanoseconds().div_euclid(1_000_000)).unwrap_or(i64::MAX)
}

/// When a session ends of whose life Redis reports so many milliseconds left; a negative number says that it never does.
pub(crate) fn ends(left: i64, now: OffsetDateTime) -> OffsetDateTime {
    let never = OffsetDateTime::from_unix_timestamp_nanos(i128::from(NEVER) * 1_000_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    match u64::try_from(left) {
        Ok(_) => now.checked_add(Duration::milliseconds(left)).map_or(never, |end| end.min(never)),
        Err(_) => never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanos: i128) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap()
    }

    #[test]
    fn a_point_in_time_is_rounded_down_on_both_sides_of_the_epoch() {
        for (nanos, ms) in [(1_999_999, 1), (2_000_000, 2), (0, 0), (-1, -1), (-1_000_000, -1)] {
            assert_eq!(millis(at(nanos)), ms);
        }
        assert_eq!(score(at(-5)), MARKS + 1);
        assert_eq!(score(at(1_893_456_000_250_000_000)), 1_893_456_000_250);
    }

    #[test]
    fn what_is_left_is_rounded_down_and_comes_back_as_no_more_than_it_was() {
        for (nanos, ms) in [(1_999_999, 1), (2_000_000, 2), (0, 0), (-1, -1), (-1_000_000, -1)] {
            assert_eq!(left(at(5_000_000 + nanos), at(5_000_000)), ms);
        }
        let (end, now) = (at(1_893_456_000_250_999_999), at(1_893_455_000_111_222_333));
        let back = ends(left(end, now), now);
        assert!(back <= end && end - back < Duration::milliseconds(1));
    }

    #[test]
    fn no_end_is_far_away() {
        for left in [-1, i64::MAX, NEVER] {
            assert_eq!(ends(left, at(1_893_456_000_250_000_000)), at(i128::from(NEVER) * 1_000_000));
        }
    }
}
