//! The verbs of [`Directory`]: sessions of an owner by the index, everything else by a walk over the collection.

use async_trait::async_trait;
use mongodb::bson::{Bson, RawBsonRef, RawDocument, RawDocumentBuf, doc};
use mongodb::options::ReadConcern;
use session_core::StoreKey;
use session_core::store::{Directory, Owner, StoreError, StoreErrorKind, Stored};
use time::OffsetDateTime;

use crate::Verbs;
use crate::error::store_error;
use crate::moment::date;
use crate::payload::stored;
use crate::schema::{EXPIRES, KEY, MOVED_FROM, MOVED_TO, OWNER};
use crate::store::{ask, by_key, coming, fields, unexpired};

/// How often a revoke looks again whether a session has got away by moving, before it no longer cares for the count.
const PASSES: u32 = 8;

#[async_trait]
impl Directory for Verbs {
    async fn sessions_of(
        &self,
        owner: &Owner,
        now: OffsetDateTime,
    ) -> Result<Vec<(StoreKey, Stored)>, StoreError> {
        let mut wanted = fields();
        wanted.insert(MOVED_FROM, 1);
        let filter = doc! { OWNER: owner.as_str(), EXPIRES: unexpired(now) };
        let find = self.raw().find(filter).projection(wanted);
        let documents = self.in_time(async { all(ask(find).await?).await }).await?;
        let keys: Vec<_> = documents.iter().filter_map(|document| text(document, KEY)).collect();
        let mut found = Vec::with_capacity(documents.len());
        for document in &documents {
            // A session on its way is under both keys for a moment. It is listed under the one that it is leaving.
            if text(document, MOVED_FROM).is_none_or(|old| !keys.contains(&old)) {
                found.extend(readable(document)?);
            }
        }
        Ok(found)
    }

    /// A session that is moving is under two keys for a moment, and is to be ended and counted once. What bears the mark of
    /// a move is therefore left out at first, and looked at when its old key is certainly gone.
    async fn revoke(&self, owner: &Owner, keep: Option<&StoreKey>) -> Result<u64, StoreError> {
        let of_owner = || {
            let mut filter = doc! { OWNER: owner.as_str() };
            if let Some(keep) = keep {
                filter.insert(KEY, doc! { "$ne": keep.as_str() });
            }
            filter
        };
        self.in_time(async {
            let mut removed = 0;
            for _ in 0..PASSES {
                let mut settled = of_owner();
                settled.insert(MOVED_FROM, doc! { "$exists": false });
                removed += ask(self.documents().delete_many(settled)).await?.deleted_count;
                let mut rest = of_owner();
                if let Some(keep) = keep {
                    // The one to be kept, before it has left its old key.
                    rest.insert(MOVED_FROM, doc! { "$ne": keep.as_str() });
                }
                let find = self.raw().find(rest).projection(doc! { MOVED_FROM: 1 });
                let rest = all(ask(find.read_concern(ReadConcern::local())).await?).await?;
                if rest.is_empty() {
                    return Ok(removed);
                }
                for document in &rest {
                    // One without the mark has just arrived, or is a new login: the next pass finds it.
                    if let (Some(new), Some(old)) = (text(document, KEY), text(document, MOVED_FROM)) {
                        removed += u64::from(self.end_coming(new, old).await?);
                    }
                }
            }
            removed += ask(self.documents().delete_many(of_owner())).await?.deleted_count;
            Ok(removed)
        })
        .await
    }

    async fn count(&self, now: OffsetDateTime) -> Result<u64, StoreError> {
        let count = self.documents().count_documents(doc! { EXPIRES: unexpired(now) });
        self.unhurried(ask(count)).await
    }

    async fn page(
        &self,
        after: Option<&StoreKey>,
        limit: usize,
        now: OffsetDateTime,
    ) -> Result<Vec<(StoreKey, Stored)>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        // To the server, no limit is what 0 means.
        if limit == 0 {
            return Ok(Vec::new());
        }
        let mut after = after.map_or_else(|| doc! { "$gte": "" }, |key| doc! { "$gt": key.as_str() });
        loop {
            let filter = doc! { KEY: after, EXPIRES: unexpired(now) };
            let find = self.raw().find(filter).projection(fields()).sort(doc! { KEY: 1 });
            let find = find.hint(by_key()).limit(limit);
            let documents = self.unhurried(async { all(ask(find).await?).await }).await?;
            let mut found = Vec::with_capacity(documents.len());
            for document in &documents {
                found.extend(readable(document)?);
            }
            match documents.last().and_then(|last| text(last, KEY)) {
                // An empty page says that there is nothing more; this one is only unreadable.
                Some(last) if found.is_empty() => after = doc! { "$gt": last },
                Some(_) | None => return Ok(found),
            }
        }
    }

    async fn clear(&self) -> Result<u64, StoreError> {
        let delete = self.documents().delete_many(doc! { KEY: { "$type": "string" } });
        Ok(self.unhurried(ask(delete)).await?.deleted_count)
    }

    async fn purge_expired(&self, now: OffsetDateTime, batch: usize) -> Result<u64, StoreError> {
        let batch = i64::try_from(batch).unwrap_or(i64::MAX);
        if batch == 0 {
            return Ok(0);
        }
        let expired = || doc! { EXPIRES: { "$lte": date(now) } };
        self.unhurried(async {
            let find = self.documents().find(expired()).projection(doc! { KEY: 1 }).limit(batch);
            let mut cursor = ask(find).await?;
            let mut keys = Vec::new();
            while cursor.advance().await.map_err(|error| store_error(&error))? {
                let document = cursor.deserialize_current().map_err(|error| store_error(&error))?;
                keys.extend(document.get(KEY).cloned());
            }
            // Those that have been touched meanwhile stay.
            let mut delete = expired();
            delete.insert(KEY, doc! { "$in": Bson::Array(keys) });
            Ok(ask(self.documents().delete_many(delete)).await?.deleted_count)
        })
        .await
    }
}

impl Verbs {
    /// Removes a session that bears the mark of a move; answers whether it had left its old key, and so was the session.
    async fn end_coming(&self, new: &str, old: &str) -> Result<bool, StoreError> {
        let gone = doc! { KEY: old, MOVED_TO: new };
        let find = self.raw().find_one(gone).projection(doc! { KEY: 1 }).hint(by_key());
        let moved = ask(find.read_concern(ReadConcern::local())).await?.is_some();
        let removed = ask(self.documents().delete_one(coming(new, old)).hint(by_key())).await?;
        Ok(moved && removed.deleted_count > 0)
    }
}

async fn all(mut cursor: mongodb::Cursor<RawDocumentBuf>) -> Result<Vec<RawDocumentBuf>, StoreError> {
    let mut documents = Vec::new();
    while cursor.advance().await.map_err(|error| store_error(&error))? {
        documents.push(cursor.current().to_owned());
    }
    Ok(documents)
}

fn text<'a>(document: &'a RawDocument, field: &str) -> Option<&'a str> {
    match document.get(field) {
        Ok(Some(RawBsonRef::String(text))) => Some(text),
        _ => None,
    }
}

/// A session and its key. A record that cannot be read must not hide the others.
fn readable(document: &RawDocument) -> Result<Option<(StoreKey, Stored)>, StoreError> {
    // Only a person can have made one with another kind of key.
    let Some(key) = text(document, KEY).map(StoreKey::from_stored) else { return Ok(None) };
    match stored(document) {
        Ok(stored) => Ok(Some((key, stored))),
        Err(error) if error.kind() == StoreErrorKind::Corrupt => {
            tracing::warn!(handle = %key.handle(), "a session record cannot be read and is left out");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
