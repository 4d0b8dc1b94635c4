//! The database file itself: made for its owner's eyes only, and watched in case it is taken away.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};

use session_core::store::StoreError;

/// Makes the file if there is none, readable and writable by its owner only.
///
/// SQLite would make it readable by everybody under the usual umask, and sessions are nobody else's business.
/// Its journal files get the permissions of the file.
pub(super) fn create_private(path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        // Its folder is not there yet: a volume that is mounted late, for example.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(StoreError::unavailable("the folder of the database file is not there; make it, or mount it"))
        }
        Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => {
            Err(StoreError::read_only("the database file is missing, and its file system takes no writes"))
        }
        Err(error) => {
            Err(StoreError::refused(format!("the database file cannot be made ({})", error.kind())))
        }
    }
}

/// Which file was opened.
///
/// A connection whose file is deleted or moved away goes on reading and writing the file that no longer has a name,
/// and all of it is lost at the next restart. So each verb asks first whether the name still stands for the
/// file; it costs one `stat`.
#[derive(Debug)]
pub(super) struct OpenedFile {
    path: PathBuf,
    identity: Identity,
}

impl OpenedFile {
    pub(super) fn new(path: &Path) -> Result<Self, StoreError> {
        let identity = Identity::of(path).map_err(|_| gone())?;
        Ok(Self { path: path.to_owned(), identity })
    }

    pub(super) fn check(&self) -> Result<(), StoreError> {
        match Identity::of(&self.path) {
            Ok(identity) if identity == self.identity => Ok(()),
            Ok(_) | Err(_) => Err(gone()),
        }
    }
}

fn gone() -> StoreError {
    StoreError::unavailable(
        "the database file was moved, deleted or replaced; put it back or restart the server",
    )
}

#[derive(Debug, PartialEq, Eq)]
struct Identity {
    #[cfg(unix)]
    device_and_inode: (u64, u64),
}

impl Identity {
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = std::fs::metadata(path)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            Ok(Self { device_and_inode: (metadata.dev(), metadata.ino()) })
        }
        #[cfg(not(unix))]
        {
            // Where an open file cannot be deleted, its existence is enough.
            drop(metadata);
            Ok(Self {})
        }
    }
}
