//! What one request costs. A program of this crate measures one subject (a framework with somebody's sessions, or
//! without any) in its own process and prints one line of JSON; `cargo xtask bench` runs them all and compares.
//!
//! There is no socket: the framework is called as its server would call it, so that what is compared is not drowned in what
//! the system's network costs.

mod actix;
mod axum;
mod command;
mod count;
mod data;
mod measure;
mod memory;
mod poem;
mod rocket;
mod scenario;
mod site;
mod subject;

pub use command::main;
pub use measure::Allocations;
