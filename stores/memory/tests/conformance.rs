//! The memory store keeps every promise of a store and of a directory.

use session_core::store::StoreError;
use session_store_memory::MemoryStore;

fn main() {
    session_conformance::directory(|| async { Ok::<_, StoreError>(MemoryStore::new()) })
        .named("memory")
        .run();
}
