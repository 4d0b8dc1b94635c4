//! The secret that signs the session cookies: made once, kept in a file that only its owner can read.
//!
//! It must outlive the process, or a restart would sign everybody out. It is not in the database, so that who steals a
//! copy of the one cannot make cookies without the other.

use std::ffi::OsString;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::TryRng as _;
use rand::rngs::SysRng;
use zeroize::Zeroizing;

use crate::StartError;
use crate::options::{Options, StoreChoice};

/// Where the secret may be given in place of a file.
pub const VARIABLE: &str = "SESSION_SECRET";

/// As many as are 44 characters of base64 without padding.
const BYTES: usize = 33;

/// The secret: of the environment, else of the file that the options name, which is made if there is none. With the
/// memory store, whose sessions end with the process, it needs no file.
///
/// # Errors
///
/// The file cannot be read or made.
pub fn load(options: &Options) -> Result<Zeroizing<String>, StartError> {
    if let Ok(secret) = std::env::var(VARIABLE) {
        return Ok(Zeroizing::new(secret));
    }
    match (&options.secret_file, options.store) {
        (Some(path), _) => of_file(path),
        (None, StoreChoice::Memory) => draw(),
        (None, _) => of_file(&beside(&options.database)),
    }
}

/// The file of the secret that belongs to this database.
#[must_use]
pub fn beside(database: &Path) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(".secret");
    name.into()
}

fn of_file(path: &Path) -> Result<Zeroizing<String>, StartError> {
    match fs::read_to_string(path) {
        Ok(secret) => Ok(Zeroizing::new(secret.trim_end().to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => make(path),
        Err(error) => Err(format!("the secret file {} cannot be read: {error}", path.display()).into()),
    }
}

/// Writes a new secret. It gets its name only when it is complete, so no other process reads half of one.
fn make(path: &Path) -> Result<Zeroizing<String>, StartError> {
    let failed = |error: std::io::Error| -> StartError {
        format!("the secret file {} cannot be made: {error}", path.display()).into()
    };
    let secret = draw()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed)?;
    // Readable by its owner only.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(secret.as_bytes()).and_then(|()| file.write_all(b"\n")).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(secret),
        // Another process was first; its secret counts.
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => of_file(path),
        Err(error) => Err(failed(error.error)),
    }
}

fn draw() -> Result<Zeroizing<String>, StartError> {
    let mut bytes = Zeroizing::new([0; BYTES]);
    SysRng.try_fill_bytes(bytes.as_mut_slice())?;
    Ok(Zeroizing::new(STANDARD.encode(*bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_made_once_and_then_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = beside(&folder.path().join("not yet there").join("login.sqlite3"));
        let first = of_file(&path).unwrap();
        assert_eq!(first.len(), 44);
        assert_eq!(of_file(&path).unwrap(), first);
        assert_ne!(draw().unwrap(), first);
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_read_the_file() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        of_file(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = of_file(folder.path()).unwrap_err().to_string();
        assert!(error.contains(&folder.path().display().to_string()), "{error}");
    }
}
