//! The login example over a real socket: the program that a person would start, and what it answers byte for byte.
//!
//! The tests are the same for all frameworks. Those in `tests/browser` look at the same program through a browser.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

const PROGRAM: &str = env!("CARGO_BIN_EXE_login-poem");

#[path = "../../suite/login.rs"]
mod login;
#[path = "../../suite/pages.rs"]
mod pages;
#[path = "../../suite/support.rs"]
mod support;
