//! The folder keeps every promise of a store and of a directory.
#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

use std::sync::atomic::{AtomicU32, Ordering};

use your_own_store::FolderStore;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let count = AtomicU32::new(0);
    // A new folder for each case.
    let make = move || {
        let store = FolderStore::open(path.join(count.fetch_add(1, Ordering::Relaxed).to_string()));
        async { store }
    };
    session_conformance::directory(make).named("folder").run();
}
