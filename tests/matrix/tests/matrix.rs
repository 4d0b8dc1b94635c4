//! Every adapter with every store: a whole story over HTTP, and the races that have to end well.
//!
//! `MATRIX_ADAPTER` and `MATRIX_STORE` choose one of each.

use session_conformance::{AdapterSuite, Feature, Unavailable};
use session_matrix::stores;

#[path = "../../../adapters/actix-web/tests/conformance/mount.rs"]
mod actix_web;
#[path = "../../../adapters/axum/tests/conformance/mount.rs"]
mod axum;
#[path = "../../../adapters/poem/tests/conformance/mount.rs"]
mod poem;
#[path = "../../../adapters/rocket/tests/conformance/mount.rs"]
mod rocket;

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// An adapter's mount with each store.
macro_rules! with_every_store {
    ($($name:literal => $adapter:ident),* $(,)?) => {
        [$(($name, (|store| session_conformance::pair($adapter::mount, move || open(store))) as fn(&'static str) -> AdapterSuite)),*]
    };
}

async fn open(store: &'static str) -> Result<std::sync::Arc<dyn session_core::store::Directory>, AnyError> {
    match stores::variable(store) {
        Some(variable) if std::env::var_os(variable).is_none() => {
            Err(Unavailable::new(format!("set {variable} to run this")).into())
        }
        _ => stores::open(store).await,
    }
}

fn main() {
    let adapters =
        with_every_store!["axum" => axum, "actix-web" => actix_web, "rocket" => rocket, "poem" => poem];
    let chosen = |variable: &str, name: &str| std::env::var(variable).is_ok_and(|chosen| chosen != name);
    let mut suites = Vec::new();
    for (adapter, pair) in adapters {
        for store in stores::NAMES {
            if chosen("MATRIX_ADAPTER", adapter) || chosen("MATRIX_STORE", store) {
                continue;
            }
            let suite = pair(store).named(format!("{adapter}+{store}"));
            // Redis expires its keys by its own clock, which the suite cannot move.
            let own_clock = store.starts_with("redis");
            suites.push(if own_clock { suite.without(Feature::ToldTime) } else { suite });
        }
    }
    session_conformance::run_together(suites).exit_if_failed();
}
