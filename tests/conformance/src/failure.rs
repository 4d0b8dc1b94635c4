//! Why a case failed: cases return it, so that a suite can be run and judged by a program too.

use std::fmt;
use std::panic::Location;

use session_core::store::StoreError;

/// What was promised and not kept, and where it was noticed.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    at: &'static Location<'static>,
}

/// What a case answers.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    #[track_caller]
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self::located(what, Location::caller())
    }

    /// Of a place that is not the caller's, since it was noticed later.
    pub(crate) fn located(what: impl Into<String>, at: &'static Location<'static>) -> Self {
        Self { what: what.into(), at }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}:{})", self.what, self.at.file(), self.at.line())
    }
}

impl From<StoreError> for Failure {
    #[track_caller]
    fn from(error: StoreError) -> Self {
        Self::new(format!("the store could not answer: {error}"))
    }
}

impl From<std::io::Error> for Failure {
    #[track_caller]
    fn from(error: std::io::Error) -> Self {
        Self::new(format!("the connection broke: {error}"))
    }
}

/// Ends the case with a failure unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($why:tt)+) => {
        if !$condition {
            return Err($crate::failure::Failure::new(format!($($why)+)));
        }
    };
}

/// Ends the case with a failure unless both are the same.
macro_rules! ensure_eq {
    ($left:expr, $right:expr, $($why:tt)+) => {
        match (&$left, &$right) {
            (left, right) if left == right => {}
            (left, right) => {
                let why = format!($($why)+);
                return Err($crate::failure::Failure::new(format!("{why}: {left:?} instead of {right:?}")));
            }
        }
    };
}
