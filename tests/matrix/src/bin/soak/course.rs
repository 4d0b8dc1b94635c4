//! What all visitors know of the course of things, and what chance has in store for each.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::site::Site;

/// What all visitors know.
pub(crate) struct Course {
    pub(crate) site: Site,
    pub(crate) begun: Instant,
    pub(crate) over: AtomicBool,
    /// What an answer may take.
    pub(crate) limit: Duration,
    /// Whether the store's servers replicate after they have answered, so that a failover may lose what was answered.
    pub(crate) replicates_late: bool,
    /// Failovers that began, and those of them that are over.
    pub(crate) failovers: AtomicU64,
    pub(crate) failed_over: AtomicU64,
}

impl Course {
    /// To be kept with what is acknowledged now.
    pub(crate) fn stamp(&self) -> u64 {
        self.failed_over.load(Ordering::SeqCst)
    }

    /// Whether a failover may have lost what was acknowledged then.
    pub(crate) fn may_be_lost(&self, stamp: u64) -> bool {
        self.replicates_late && self.failovers.load(Ordering::SeqCst) > stamp
    }
}

/// Numbers that look random and are the same for the same seed (splitmix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
