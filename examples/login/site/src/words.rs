//! Durations in words, for people.

use std::time::Duration;

const UNITS: [(u64, &str); 4] = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];

/// A duration in its largest unit, rounded: `30 days`, `1 hour`, `5 seconds`.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs() + u64::from(duration.subsec_millis() >= 500);
    for (length, unit) in UNITS {
        let count = (seconds + length / 2) / length;
        // Half a unit is better said in smaller ones.
        if count > 0 && seconds >= length - length / 60 {
            return format!("{count} {unit}{}", if count == 1 { "" } else { "s" });
        }
    }
    "less than a second".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_said_in_their_largest_unit() {
        for (seconds, expected) in [
            (30 * 86_400, "30 days"),
            (86_400, "1 day"),
            (86_399, "1 day"),
            (80_000, "22 hours"),
            (5_400, "2 hours"),
            (3_599, "1 hour"),
            (1_800, "30 minutes"),
            (60, "1 minute"),
            (59, "1 minute"),
            (58, "58 seconds"),
            (1, "1 second"),
            (0, "less than a second"),
        ] {
            assert_eq!(duration(Duration::from_secs(seconds)), expected, "{seconds}");
        }
        assert_eq!(duration(Duration::from_millis(59_700)), "1 minute");
    }
}
