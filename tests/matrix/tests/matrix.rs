//! Every adapter with every store: a whole story over HTTP, and the races that have to end well.
//!
//! `MATRIX_ADAPTER` and `MATRIX_STORE` choose one of each. With `MATRIX_PROCESSES`, so many processes serve each site together, on
//! the stores that can be shared; they are this program, which `MATRIX_SERVES` tells to serve.

use std::process::Command;
use std::sync::Arc;

use session_conformance::{AdapterSuite, Feature, Processes, Unavailable, Worker, pair_of_processes};
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

/// An adapter's mount with each store, in this process, and in a process that serves for another one.
macro_rules! with_every_store {
    ($($name:literal => $adapter:ident),* $(,)?) => {
        [$(Adapter {
            name: $name,
            pair: |store| session_conformance::pair($adapter::mount, move || open(store)),
            serve: |worker, subject, store| {
                worker.serves(subject, $adapter::mount, move |place| open_at(store, place))
            },
        }),*]
    };
}

struct Adapter {
    name: &'static str,
    pair: fn(&'static str) -> AdapterSuite,
    serve: fn(Worker, String, &'static str) -> Worker,
}

fn is_there(store: &str) -> Result<(), AnyError> {
    match stores::variable(store) {
        Some(variable) if std::env::var_os(variable).is_none() => {
            Err(Unavailable::new(format!("set {variable} to run this")).into())
        }
        _ => Ok(()),
    }
}

async fn open(store: &'static str) -> Result<Arc<dyn session_core::store::Directory>, AnyError> {
    is_there(store)?;
    stores::open(store).await
}

async fn open_at(
    store: &'static str,
    place: String,
) -> Result<Arc<dyn session_core::store::Directory>, AnyError> {
    is_there(store)?;
    stores::open_at(store, &place).await
}

fn main() {
    let adapters =
        with_every_store!["axum" => axum, "actix-web" => actix_web, "rocket" => rocket, "poem" => poem];
    let pairs =
        || adapters.iter().flat_map(|adapter| stores::NAMES.iter().map(move |store| (adapter, *store)));
    if std::env::var_os("MATRIX_SERVES").is_some() {
        let serve = |worker, (adapter, store): (&Adapter, &'static str)| {
            (adapter.serve)(worker, format!("{}+{store}", adapter.name), store)
        };
        return pairs().fold(Worker::new(), serve).run();
    }
    let processes = std::env::var("MATRIX_PROCESSES").ok().and_then(|count| count.parse().ok()).unwrap_or(1);
    let shared = (processes > 1).then(|| Arc::new(Processes::new(processes, another)));
    let chosen = |variable: &str, name: &str| std::env::var(variable).is_ok_and(|chosen| chosen != name);
    let mut suites = Vec::new();
    for (adapter, store) in pairs() {
        if chosen("MATRIX_ADAPTER", adapter.name) || chosen("MATRIX_STORE", store) {
            continue;
        }
        let subject = format!("{}+{store}", adapter.name);
        let suite = match &shared {
            None => (adapter.pair)(store).named(subject),
            Some(processes) if stores::is_shared(store) => pair_of_processes(processes, subject),
            Some(_) => continue,
        };
        // Redis expires its keys by its own clock, which the suite cannot move.
        let own_clock = store.starts_with("redis");
        suites.push(if own_clock { suite.without(Feature::ToldTime) } else { suite });
    }
    drop(shared);
    session_conformance::run_together(suites).exit_if_failed();
}

/// This program, as one that serves.
fn another() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap_or_else(|_| "matrix".into()));
    command.env("MATRIX_SERVES", "1");
    command
}
