//! The pair keeps every promise of a store and of a directory.

use session_core::store::StoreError;
use session_store_memory::MemoryStore;
use session_store_migrating::Migrating;

fn main() {
    session_conformance::directory(|| async {
        Ok::<_, StoreError>(Migrating::new(MemoryStore::new(), MemoryStore::new()))
    })
    .named("migrating")
    .run();
}
