//! The judge of the adapter half: another implementation that plays the same scripts, real express-session above all.
//!
//! A case that is [true of both](Scope::Both) is right only if the judge passes it. Where this library differs on purpose, the
//! case names the [`Difference`], and looks at both sides: [`suite`] expects of the judge what express-session does,
//! [`differences`] makes sure that it does nothing else.
//!
//! `tests/oracle` in this project's repository is one, in JavaScript. There is no need for another to test an adapter.

pub use crate::adapter::{AdapterSuite, CaseFacts, Difference, Host, Scope};

/// The cases that are true of express-session, too, for an implementation of it.
pub fn suite(host: impl Host) -> AdapterSuite {
    AdapterSuite::judged_by(host)
}

/// The cases in which the two differ on purpose, with this library's side expected of the judge: each must fail there, or
/// the difference is none.
pub fn differences(host: impl Host) -> AdapterSuite {
    AdapterSuite::judged_by(host).differing()
}
