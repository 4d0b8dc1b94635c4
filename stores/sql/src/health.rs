//! What one connection's end says about the others of its pool.
//!
//! A server that restarts, fails over or is told to end connections ends all of them. The first verb that notices says so here;
//! after that each connection that was idle at that time is asked whether it is alive before it is used again.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A connection that was in use a moment ago is most likely alive; one that was idle for longer is asked.
const IDLE: Duration = Duration::from_secs(5);

/// A server that takes no writes may be one that has just been demoted, while its address now leads to another. All connections
/// are made anew, so that they come to that one, and at most this often.
const REPLACED: Duration = Duration::from_secs(2);

/// For how long every connection of a pool of the application's own is asked, after one of them was found dead.
const DOUBT: Duration = Duration::from_secs(10);

/// What is known about the connections of a pool.
#[derive(Debug, Default)]
pub(crate) struct Health(Mutex<Signs>);

#[derive(Debug, Default)]
struct Signs {
    /// When a connection was last found dead.
    dead: Option<Instant>,
    /// When a connection last led to a server that takes no writes.
    stale: Option<Instant>,
}

/// What is to be done with an idle connection before it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Advice {
    Use,
    Ask,
    Replace,
}

impl Health {
    /// About a connection that was made, and last used, so long ago.
    pub(crate) fn advice(&self, age: Duration, idle_for: Duration) -> Advice {
        let signs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = |sign: Option<Instant>, ago| sign.is_some_and(|sign| sign.elapsed() <= ago);
        if before(signs.stale, age) {
            Advice::Replace
        } else if idle_for >= IDLE || before(signs.dead, idle_for) {
            Advice::Ask
        } else {
            Advice::Use
        }
    }

    /// Whether a connection was found dead so short a time ago that others, of which nothing is known, may be dead as well.
    pub(crate) fn is_doubtful(&self) -> bool {
        let signs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        signs.dead.is_some_and(|dead| dead.elapsed() < DOUBT)
    }

    /// A connection was found dead.
    pub(crate) fn found_dead(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).dead = Some(Instant::now());
    }

    /// A connection led to a server that takes no writes. Answers whether it is to be replaced, and all others with it.
    pub(crate) fn found_stale(&self) -> bool {
        let mut signs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = signs.stale.is_none_or(|stale| stale.elapsed() >= REPLACED);
        if is_new {
            signs.stale = Some(Instant::now());
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_dead_connection_casts_doubt_on_those_that_were_idle_then() {
        let health = Health::default();
        assert_eq!(health.advice(HOUR, Duration::ZERO), Advice::Use);
        assert_eq!(health.advice(HOUR, IDLE), Advice::Ask);
        health.found_dead();
        assert_eq!(health.advice(HOUR, Duration::from_secs(4)), Advice::Ask);
        assert_eq!(health.advice(HOUR, Duration::ZERO), Advice::Use, "it was used after that");
    }

    #[test]
    fn a_stale_connection_is_replaced_with_all_others_once() {
        let health = Health::default();
        assert!(health.found_stale());
        assert!(!health.found_stale(), "the new ones lead to the same server");
        assert_eq!(health.advice(HOUR, Duration::ZERO), Advice::Replace);
        assert_eq!(health.advice(Duration::ZERO, Duration::ZERO), Advice::Use, "it was made after that");
    }
}
