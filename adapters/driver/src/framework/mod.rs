//! What each framework must be told of the driver's own types: how handlers are given a session, and what an error answers.
//!
//! Each framework asks for traits of its own, and Rust lets only the crate of a type implement them. They are here, each
//! behind a feature, so that there is one `Session` and one `Error`, and `?` works on every method. What an adapter does with
//! a request and its response is in the adapter.

/// Calls a macro with each type that handlers ask for.
#[allow(unused_macros, reason = "unused if no framework is asked for")]
macro_rules! each_extractor {
    ($implement:ident) => {
        $implement!(Session);
        $implement!(Peek);
        $implement!(SignedIn);
        $implement!(SessionOrAnonymous);
        $implement!(SessionOrUnavailable);
        $implement!(Named<N, T>);
    };
}

#[cfg(feature = "actix-web")]
pub mod actix_web;
#[cfg(feature = "axum")]
mod axum;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "poem")]
mod poem;
#[cfg(feature = "rocket")]
pub mod rocket;
