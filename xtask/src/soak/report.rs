//! What the visitors found, as a line of the table.

use std::collections::BTreeMap;

#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Found {
    requests: u64,
    answers: BTreeMap<String, u64>,
    done: BTreeMap<String, u64>,
    late: u64,
    slowest_ms: u64,
    lost: u64,
    invented: u64,
    undone: u64,
    logged_out: u64,
    out_by_rotation: u64,
    mixed_up: u64,
    failed_over: u64,
    memory_before: u64,
    memory_after: u64,
    examples: Vec<String>,
}

pub(super) const HEAD: &[&str] = &[
    "store",
    "faults",
    "requests",
    "answers",
    "late",
    "slowest",
    "memory",
    "lost",
    "twice",
    "undone",
    "logged out",
    "mixed up",
    "by failover",
    "verdict",
];

impl Found {
    /// What must not happen and did, or the lack of anything to judge by.
    fn misses(&self) -> Vec<&'static str> {
        let done = |what: &str| self.done.get(what).copied().unwrap_or(0);
        let acts = ["logins", "reads", "writes", "rotations", "logouts", "revocations"];
        let misses = [
            (self.lost > 0, "acknowledged changes lost"),
            (self.invented > 0, "changes made twice"),
            (self.undone > 0, "logouts undone"),
            (self.logged_out > 0, "users logged out"),
            (self.mixed_up > 0, "sessions mixed up"),
            (acts.iter().any(|act| done(act) == 0), "something was never done"),
        ];
        misses.into_iter().filter_map(|(missed, name)| missed.then_some(name)).collect()
    }

    pub(super) fn is_broken(&self) -> bool {
        !self.misses().is_empty()
    }

    pub(super) fn examples(&self) -> impl Iterator<Item = &str> {
        self.examples.iter().map(String::as_str)
    }

    pub(super) fn row(&self, store: &str, faults: usize) -> Vec<String> {
        let answers: Vec<String> =
            self.answers.iter().map(|(kind, count)| format!("{kind}: {count}")).collect();
        let misses = self.misses();
        let mib = |kib: u64| kib.div_ceil(1024);
        vec![
            store.to_owned(),
            faults.to_string(),
            self.requests.to_string(),
            answers.join(", "),
            self.late.to_string(),
            format!("{} ms", self.slowest_ms),
            format!("{} -> {} MiB", mib(self.memory_before), mib(self.memory_after)),
            self.lost.to_string(),
            self.invented.to_string(),
            self.undone.to_string(),
            match self.out_by_rotation {
                0 => self.logged_out.to_string(),
                some => format!("{} ({some} by a rotation without an answer)", self.logged_out),
            },
            self.mixed_up.to_string(),
            self.failed_over.to_string(),
            if misses.is_empty() { "kept".into() } else { misses.join(", ") },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::Found;

    fn found(undone: u64, logins: u64) -> Found {
        serde_json::from_value(serde_json::json!({
            "requests": 9, "answers": { "200": 9 }, "late": 0, "slowestMs": 1,
            "done": { "logins": logins, "reads": 1, "writes": 1, "rotations": 1, "logouts": 1, "revocations": 1 },
            "lost": 0, "invented": 0, "undone": undone, "loggedOut": 0, "outByRotation": 0, "mixedUp": 0, "failedOver": 3,
            "memoryBefore": 1025, "memoryAfter": 2048, "examples": [],
        }))
        .unwrap()
    }

    #[test]
    fn only_zeros_are_good_and_nothing_done_is_not() {
        assert!(!found(0, 1).is_broken());
        assert_eq!(found(1, 1).misses(), ["logouts undone"]);
        assert!(found(0, 0).is_broken());
        assert!(found(0, 1).row("redis", 4).contains(&"2 -> 2 MiB".to_owned()));
    }
}
