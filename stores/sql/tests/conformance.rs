//! Every promise of a session store, for each database of this crate.
#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

fn main() {
    #[cfg(feature = "sqlite")]
    {
        let folder = tempfile::tempdir().unwrap();
        sqlite::suite(folder.path()).run();
    }
}

type Broken = Box<dyn std::error::Error + Send + Sync>;

#[cfg(feature = "sqlite")]
mod sqlite {
    use std::path::Path;
    use std::sync::atomic::{AtomicU32, Ordering};

    use session_conformance::StoreSuite;
    use session_store_sql::SqliteStore;

    use super::Broken;

    /// A new file for each case.
    pub(super) fn suite(folder: &Path) -> StoreSuite {
        let folder = folder.to_owned();
        let count = AtomicU32::new(0);
        let make = move || {
            let file = folder.join(format!("{}.db", count.fetch_add(1, Ordering::Relaxed)));
            async { Ok::<_, Broken>(SqliteStore::open(file).await?) }
        };
        session_conformance::directory(make).named("sqlite")
    }
}
