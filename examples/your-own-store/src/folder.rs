//! The database: reading, writing and removing one file at a time. Nothing here knows what a verb is.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use session_core::StoreKey;
use session_core::store::{Owner, Record, StoreError, Stored, Version};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// Held while a file is looked at and then written: nobody else writes in between.
    writing: Mutex<()>,
}

/// What a file holds.
#[derive(serde::Serialize, serde::Deserialize)]
struct Entry {
    key: String,
    payload: String,
    /// Milliseconds since 1970: rounded down, as the contract wants it.
    expires_at: i64,
    owner: Option<String>,
    /// Drawn anew for each write, so that no two states of a session ever have the same.
    version: String,
}

impl Folder {
    pub(crate) fn open(path: PathBuf) -> Result<Self, StoreError> {
        fs::create_dir_all(&path).map_err(failed)?;
        Ok(Self { path, writing: Mutex::new(()) })
    }

    /// Nobody else writes for as long as the answer is kept.
    pub(crate) fn lock(&self) -> MutexGuard<'_, ()> {
        // A panic while it was held has left whole files: each is written beside its place and then moved there.
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn read(&self, key: &StoreKey) -> Result<Option<Stored>, StoreError> {
        Ok(self.entry(&self.file(key))?.map(Entry::into_stored).transpose()?.map(|(_, stored)| stored))
    }

    /// Answers the version of what it wrote.
    pub(crate) fn write(&self, key: &StoreKey, record: &Record) -> Result<Version, StoreError> {
        let version = format!("{:032x}", rand::random::<u128>());
        self.put(key, record, &version)?;
        Ok(Version::from(version.as_str()))
    }

    /// Writes a record that keeps its version: a touch.
    pub(crate) fn rewrite(&self, key: &StoreKey, stored: &Stored) -> Result<(), StoreError> {
        self.put(key, &stored.record, stored.version.text().unwrap_or_default())
    }

    pub(crate) fn remove(&self, key: &StoreKey) -> Result<(), StoreError> {
        fs::remove_file(self.file(key)).map_err(failed)
    }

    /// All records, in no order. A file that cannot be read is passed over: it is an error for its own key only.
    pub(crate) fn all(&self) -> Result<Vec<(StoreKey, Stored)>, StoreError> {
        let mut all = Vec::new();
        for file in fs::read_dir(&self.path).map_err(failed)? {
            let path = file.map_err(failed)?.path();
            if path.extension().is_some_and(|extension| extension == "json")
                && let Ok(Some(entry)) = self.entry(&path)
            {
                all.extend(entry.into_stored());
            }
        }
        Ok(all)
    }

    /// A key may be any text, a file name may not. The file says whose it is.
    fn file(&self, key: &StoreKey) -> PathBuf {
        let name: String = Sha256::digest(key.as_str()).iter().map(|byte| format!("{byte:02x}")).collect();
        self.path.join(name).with_extension("json")
    }

    fn entry(&self, path: &Path) -> Result<Option<Entry>, StoreError> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        serde_json::from_slice(&text).map(Some).map_err(|_| unreadable())
    }

    fn put(&self, key: &StoreKey, record: &Record, version: &str) -> Result<(), StoreError> {
        let entry = Entry {
            key: key.as_str().to_owned(),
            payload: record.payload.to_string(),
            expires_at: millis(record.expires_at),
            owner: record.owner.as_ref().map(|owner| owner.as_str().to_owned()),
            version: version.to_owned(),
        };
        let text = serde_json::to_vec(&entry).map_err(|_| unreadable())?;
        let place = self.file(key);
        let beside = place.with_extension("new");
        // Whole or not at all, also if the power fails: written beside, made durable, moved into place.
        let write = || {
            let mut file = File::create(&beside)?;
            file.write_all(&text)?;
            file.sync_data()?;
            fs::rename(&beside, &place)
        };
        write().map_err(failed)
    }
}

impl Entry {
    fn into_stored(self) -> Result<(StoreKey, Stored), StoreError> {
        let expires_at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.expires_at) * 1_000_000);
        let owner = self.owner.map(|owner| Owner::new(&owner).ok_or_else(unreadable)).transpose()?;
        let record =
            Record { payload: self.payload.into(), expires_at: expires_at.map_err(|_| unreadable())?, owner };
        Ok((StoreKey::from_stored(self.key), Stored { record, version: Version::from(&*self.version) }))
    }
}

fn millis(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos().div_euclid(1_000_000)).unwrap_or(i64::MAX)
}

/// Of the error's own words none are passed on: they may hold a path.
fn failed(error: io::Error) -> StoreError {
    StoreError::unavailable(format!("the folder could not be read or written ({})", error.kind()))
}

fn unreadable() -> StoreError {
    StoreError::corrupt("the session's file does not hold a session")
}
