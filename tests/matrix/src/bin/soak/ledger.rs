//! What the visitors went through, in figures.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

/// As many examples of what went wrong as somebody will read.
const EXAMPLES: usize = 10;

/// What the site broke. None of these may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// A change that was acknowledged is not there, or a count is: acknowledged, and not made.
    Lost,
    /// A count that nobody asked for: a change made twice.
    Invented,
    /// A session that was ended, and acknowledged as ended, is signed in.
    Undone,
    /// Somebody who did not log out meets the page for strangers.
    LoggedOut,
    /// Somebody sees somebody else's session.
    MixedUp,
}

/// What somebody did, or was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    Login,
    Read,
    Count,
    Rotation,
    Logout,
    Revocation,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    requests: u64,
    answers: BTreeMap<String, u64>,
    done: BTreeMap<&'static str, u64>,
    late: u64,
    slowest: Duration,
    lost: u64,
    invented: u64,
    undone: u64,
    logged_out: u64,
    /// Of these, those that had a rotation without an answer just before.
    pub(crate) out_by_rotation: u64,
    mixed_up: u64,
    /// Of all that is broken, what is counted here alone: the replication of the store's servers explains it.
    failed_over: u64,
    examples: Vec<String>,
}

impl Ledger {
    /// An answer: its status, or a word; and how long it took.
    pub(crate) fn answered(&mut self, kind: impl ToString, took: Duration, limit: Duration) {
        self.requests += 1;
        *self.answers.entry(kind.to_string()).or_default() += 1;
        self.slowest = self.slowest.max(took);
        if took > limit {
            self.late += 1;
        }
    }

    pub(crate) fn did(&mut self, done: Done) {
        let name = match done {
            Done::Login => "logins",
            Done::Read => "reads",
            Done::Count => "writes",
            Done::Rotation => "rotations",
            Done::Logout => "logouts",
            Done::Revocation => "revocations",
        };
        *self.done.entry(name).or_default() += 1;
    }

    /// Notes what is broken, so many times; `failed_over` if a failover of a store that replicates after it has answered
    /// came between the acknowledgement and now.
    pub(crate) fn broken(&mut self, what: Broken, times: u64, failed_over: bool, story: String) {
        if failed_over {
            self.failed_over += times;
        } else {
            *match what {
                Broken::Lost => &mut self.lost,
                Broken::Invented => &mut self.invented,
                Broken::Undone => &mut self.undone,
                Broken::LoggedOut => &mut self.logged_out,
                Broken::MixedUp => &mut self.mixed_up,
            } += times;
        }
        if self.examples.len() < EXAMPLES {
            self.examples.push(format!("{what:?}: {story}"));
        }
    }

    pub(crate) fn add(&mut self, other: Ledger) {
        self.requests += other.requests;
        other.answers.into_iter().for_each(|(kind, count)| *self.answers.entry(kind).or_default() += count);
        other.done.into_iter().for_each(|(kind, count)| *self.done.entry(kind).or_default() += count);
        self.late += other.late;
        self.slowest = self.slowest.max(other.slowest);
        self.lost += other.lost;
        self.invented += other.invented;
        self.undone += other.undone;
        self.logged_out += other.logged_out;
        self.out_by_rotation += other.out_by_rotation;
        self.mixed_up += other.mixed_up;
        self.failed_over += other.failed_over;
        self.examples.extend(other.examples);
        self.examples.truncate(EXAMPLES);
    }

    pub(crate) fn json(&self, memory_before: u64, memory_after: u64) -> serde_json::Value {
        json!({
            "requests": self.requests,
            "answers": self.answers,
            "done": self.done,
            "late": self.late,
            "slowestMs": u64::try_from(self.slowest.as_millis()).unwrap_or(u64::MAX),
            "lost": self.lost,
            "invented": self.invented,
            "undone": self.undone,
            "loggedOut": self.logged_out,
            "outByRotation": self.out_by_rotation,
            "mixedUp": self.mixed_up,
            "failedOver": self.failed_over,
            "memoryBefore": memory_before,
            "memoryAfter": memory_after,
            "examples": self.examples,
        })
    }
}
