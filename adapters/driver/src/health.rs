//! How the store fares: what is logged of an outage, what is remembered of a store that takes no writes, and how few ask
//! a store that is coming back.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use session_core::store::{StoreError, StoreErrorKind};
use time::OffsetDateTime;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::log;

/// While a store is being tried again, at most this many requests read from it at a time; the others wait their turn,
/// within their deadline.
pub(crate) const TRIALS: usize = 16;

/// After this many reads in a row that were not answered, a store is being tried again.
const TRIED_AFTER: u32 = 8;

/// How long a store that takes no writes is not asked to extend a session.
pub(crate) const UNWRITABLE_FOR: Duration = Duration::from_secs(2);

/// At most one line of counts in this time, while an outage lasts.
pub(crate) const COUNTED_EVERY: Duration = Duration::from_secs(30);

/// An outage that begins so soon after another is logged only if it lasts.
const FLAPPING: Duration = Duration::from_secs(10);

/// So long it must last then.
const LASTING: Duration = Duration::from_secs(5);

/// An outage of writes alone is over when none has failed for so long.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);

/// What a store is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Read,
    Write,
}

/// What a request went without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shortfall {
    /// The session: it was answered with an error.
    Failed,
    /// The session: it was served as a stranger's.
    Anonymous,
    /// A write that only the policy asked for.
    Unwritten,
}

/// How the store of some [`Sessions`](crate::Sessions) fares.
pub(crate) struct Health {
    /// Whether anything is amiss: all that a request looks at while nothing is.
    amiss: AtomicBool,
    /// Counts the reads that were answered while something was amiss.
    recoveries: AtomicU64,
    book: Mutex<Book>,
    trials: Semaphore,
}

#[derive(Default)]
struct Book {
    unanswered_reads: u32,
    reads: Option<OffsetDateTime>,
    writes: Option<OffsetDateTime>,
    outage: Option<Period>,
    outage_ended: Option<OffsetDateTime>,
    read_only: Option<Period>,
    read_only_ended: Option<OffsetDateTime>,
    unwritable_at: Option<OffsetDateTime>,
}

/// A time in which something is amiss, with what it cost.
pub(crate) struct Period {
    since: OffsetDateTime,
    counted_at: OffsetDateTime,
    announced: bool,
    pub(crate) failed: u64,
    pub(crate) anonymous: u64,
    pub(crate) unwritten: u64,
}

impl Health {
    pub(crate) fn new() -> Self {
        Self {
            amiss: AtomicBool::new(false),
            recoveries: AtomicU64::new(0),
            book: Mutex::default(),
            trials: Semaphore::new(TRIALS),
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_amiss(&self) -> bool {
        self.amiss.load(Ordering::Acquire)
    }

    /// Waits for a turn to read from a store that is being tried again. Any other is asked at once.
    pub(crate) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        if !self.is_amiss() || self.book().unanswered_reads < TRIED_AFTER {
            return None;
        }
        // The semaphore is never closed.
        self.trials.acquire().await.ok()
    }

    /// To be taken when a question is asked, for [`note`](Self::note).
    pub(crate) fn recoveries(&self) -> u64 {
        self.recoveries.load(Ordering::Acquire)
    }

    /// Takes down what became of a question that was asked at `recoveries`.
    pub(crate) fn note(
        &self,
        asked: Asked,
        failure: Option<&StoreError>,
        recoveries: u64,
        now: OffsetDateTime,
    ) {
        let kind = failure.map(StoreError::kind);
        match (failure, kind) {
            (Some(error), Some(StoreErrorKind::ReadOnly)) => {
                let mut book = self.book();
                book.unwritable(error, now);
                self.amiss.store(true, Ordering::Release);
            }
            // The store has answered.
            (None, _) | (Some(_), Some(StoreErrorKind::Corrupt)) => {
                if self.is_amiss() {
                    let mut book = self.book();
                    book.answered(asked, now);
                    if asked == Asked::Read {
                        self.recoveries.fetch_add(1, Ordering::Release);
                    }
                    self.amiss.store(book.is_amiss(), Ordering::Release);
                }
            }
            // An older question: the store has answered since.
            (Some(_), _) if asked == Asked::Read && recoveries != self.recoveries() => {}
            (Some(error), _) => {
                let mut book = self.book();
                book.failed(asked, error, now);
                self.amiss.store(true, Ordering::Release);
            }
        }
    }

    /// Whether the store has just said that it takes no writes, so that no request need ask for one of its own.
    pub(crate) fn is_unwritable(&self, now: OffsetDateTime) -> bool {
        self.is_amiss()
            && self.book().unwritable_at.is_some_and(|at| (at..at + UNWRITABLE_FOR).contains(&now))
    }

    /// Counts a request that went without something.
    pub(crate) fn count(&self, shortfall: Shortfall) {
        if self.is_amiss() {
            let mut book = self.book();
            let Book { outage, read_only, .. } = &mut *book;
            if let Some(period) = outage.as_mut().or(read_only.as_mut()) {
                match shortfall {
                    Shortfall::Failed => period.failed += 1,
                    Shortfall::Anonymous => period.anonymous += 1,
                    Shortfall::Unwritten => period.unwritten += 1,
                }
            }
        }
    }
}

impl Book {
    fn is_amiss(&self) -> bool {
        self.unanswered_reads > 0 || self.outage.is_some() || self.read_only.is_some()
    }

    fn failed(&mut self, asked: Asked, error: &StoreError, now: OffsetDateTime) {
        match asked {
            Asked::Read => {
                self.unanswered_reads = self.unanswered_reads.saturating_add(1);
                self.reads = Some(now);
            }
            Asked::Write => self.writes = Some(now),
        }
        let ended = self.outage_ended;
        let period = self.outage.get_or_insert_with(|| Period::begin(now));
        if period.is_news(ended, now) {
            log::outage_began(error);
        } else if period.is_counted(now) {
            log::outage_goes_on(period, now);
        }
    }

    fn unwritable(&mut self, error: &StoreError, now: OffsetDateTime) {
        self.unwritable_at = Some(now);
        let ended = self.read_only_ended;
        let period = self.read_only.get_or_insert_with(|| Period::begin(now));
        if period.is_news(ended, now) {
            log::read_only_began(error);
        } else if period.is_counted(now) {
            log::read_only_goes_on(period, now);
        }
    }

    fn answered(&mut self, asked: Asked, now: OffsetDateTime) {
        match asked {
            Asked::Read => {
                self.unanswered_reads = 0;
                self.reads = None;
            }
            Asked::Write => {
                self.writes = None;
                self.unwritable_at = None;
                if let Some(period) = self.read_only.take() {
                    self.read_only_ended = Some(now);
                    period.end(|period| log::read_only_ended(period, now));
                }
            }
        }
        let forgotten = |at: &mut Option<OffsetDateTime>| {
            if at.is_some_and(|at| now - at >= FORGOTTEN_AFTER) {
                *at = None;
            }
        };
        forgotten(&mut self.reads);
        forgotten(&mut self.writes);
        if self.reads.is_none()
            && self.writes.is_none()
            && let Some(period) = self.outage.take()
        {
            self.outage_ended = Some(now);
            period.end(|period| log::outage_ended(period, now));
        }
    }
}

impl Period {
    fn begin(now: OffsetDateTime) -> Self {
        Self { since: now, counted_at: now, announced: false, failed: 0, anonymous: 0, unwritten: 0 }
    }

    /// Whether it is to be announced now: at once, but for one that follows another closely and may be as short.
    fn is_news(&mut self, ended: Option<OffsetDateTime>, now: OffsetDateTime) -> bool {
        let flapping = ended.is_some_and(|ended| (ended..ended + FLAPPING).contains(&self.since));
        let news = !self.announced && (!flapping || now - self.since >= LASTING);
        self.announced |= news;
        news
    }

    /// Whether a line of counts is due.
    fn is_counted(&mut self, now: OffsetDateTime) -> bool {
        let due = self.announced && now - self.counted_at >= COUNTED_EVERY;
        if due {
            self.counted_at = now;
        }
        due
    }

    fn end(self, log: impl FnOnce(&Self)) {
        if self.announced {
            log(&self);
        }
    }

    /// How long it has lasted.
    pub(crate) fn seconds(&self, now: OffsetDateTime) -> i64 {
        (now - self.since).whole_seconds().max(0)
    }
}
