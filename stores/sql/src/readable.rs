//! The sessions of a list, where one that cannot be read must not hide the others.

use session_core::StoreKey;
use session_core::store::Stored;

/// What of an answer can be read.
pub(crate) struct Readable {
    pub(crate) found: Vec<(StoreKey, Stored)>,
    /// The key of the last row, readable or not.
    last: Option<StoreKey>,
}

impl Readable {
    /// The key after which the next page begins, if this one holds rows, and none of them can be read: an empty page would say
    /// that there is nothing more.
    pub(crate) fn unreadable_up_to(&self) -> Option<&StoreKey> {
        self.last.as_ref().filter(|_| self.found.is_empty())
    }

    /// Reads `rows`: the key of each, and its record unless decoding it fails with an error that says that it is none.
    pub(crate) fn of<R, E>(
        rows: &[R],
        key: impl Fn(&R) -> Result<String, E>,
        decode: impl Fn(&R) -> Result<Stored, E>,
        is_no_record: impl Fn(&E) -> bool,
    ) -> Result<Self, E> {
        let mut last = None;
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            let key = StoreKey::from_stored(key(row)?);
            match decode(row) {
                Ok(stored) => found.push((key.clone(), stored)),
                Err(error) if is_no_record(&error) => {
                    tracing::warn!(handle = %key.handle(), "a session record cannot be read and is left out");
                }
                Err(error) => return Err(error),
            }
            last = Some(key);
        }
        Ok(Self { found, last })
    }
}
