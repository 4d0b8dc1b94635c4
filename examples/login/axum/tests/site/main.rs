//! The login example over a real socket: the program that a person would start, and what it answers byte for byte.
//!
//! The tests in `tests/browser` look at the same program through a browser.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod login;
mod pages;
mod support;
