//! How many records the store may hold, counted over all shards.

use std::sync::atomic::{AtomicUsize, Ordering};

/// A count with a limit.
///
/// `Relaxed` is enough: the number guards nothing but itself, and the records have their shards' locks.
#[derive(Debug)]
pub(crate) struct Room {
    max: usize,
    used: AtomicUsize,
}

impl Room {
    pub(crate) fn new(max: usize) -> Self {
        Self { max, used: AtomicUsize::new(0) }
    }

    pub(crate) fn max(&self) -> usize {
        self.max
    }

    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Takes a place if there is a free one.
    #[must_use]
    pub(crate) fn take(&self) -> bool {
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| (used < self.max).then_some(used + 1))
            .is_ok()
    }

    /// Takes a place beyond the limit if need be: for a tombstone, which must not make a renewal fail.
    pub(crate) fn take_anyway(&self) {
        self.used.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn give_back(&self, places: usize) {
        self.used.fetch_sub(places, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_room_has_no_place_until_one_is_given_back() {
        let room = Room::new(1);
        assert!(room.take());
        assert!(!room.take());
        room.take_anyway();
        room.give_back(1);
        assert!(!room.take(), "one over the limit was given back");
        room.give_back(1);
        assert!(room.take());
    }
}
