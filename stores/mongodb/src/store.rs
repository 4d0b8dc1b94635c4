//! The verbs of [`Store`]. Each is one command unless somebody else got in between; a replace is three.

use std::future::IntoFuture;

use async_trait::async_trait;
use mongodb::Collection;
use mongodb::bson::{Bson, DateTime, Document, RawDocumentBuf, doc};
use mongodb::options::{Acknowledgment, Hint, ReadConcern, ReturnDocument, WriteConcern};
use session_core::StoreKey;
use session_core::store::{
    Created, Deleted, Extend, Owner, Record, Replace, Replaced, Store, StoreError, StoreErrorKind, Stored,
    Touched, Updated, Version,
};
use time::OffsetDateTime;

use crate::Verbs;
use crate::error::{is_duplicate, no_primary_but_others, store_error};
use crate::moment::date;
use crate::payload::{Session, is_at, stored};
use crate::schema::{EXPIRES, KEY, MOVED_FROM, MOVED_TO, OWNER, SESSION};

/// The expiry of what a replace leaves without a tombstone, until it has removed that: nobody takes it for a session.
const OVER: DateTime = DateTime::from_millis(0);

#[async_trait]
impl Store for Verbs {
    async fn load(
        &self,
        key: &StoreKey,
        extend: Option<&Extend>,
        now: OffsetDateTime,
    ) -> Result<Option<Stored>, StoreError> {
        let Some(extend) = extend.filter(|_| !self.0.primary.is_missing()) else {
            return self.read(key, now).await;
        };
        let find = self
            .raw()
            .find_one_and_update(live(key, now), vec![extension(extend, now)])
            .return_document(ReturnDocument::After)
            .projection(fields())
            .hint(by_key())
            .write_concern(primary_only());
        // Whoever has come to be served without a primary need not wait for the next one.
        match self.0.primary.or_missing(self.written(ask(find))).await {
            Some(Ok(found)) => found.as_deref().map(stored).transpose(),
            Some(Err(error)) if error.kind() != StoreErrorKind::ReadOnly => Err(error),
            Some(Err(_)) | None => self.read(key, now).await,
        }
    }

    async fn create(
        &self,
        key: &StoreKey,
        record: &Record,
        now: OffsetDateTime,
    ) -> Result<Created, StoreError> {
        let Session { value, version } = Session::new(self.layout(), &record.payload)?;
        let document = document(key, record, value);
        let created = self.written(self.insert(key, document, now)).await?;
        Ok(if created { Created::Done(version) } else { Created::Exists })
    }

    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        base: Option<&Version>,
        now: OffsetDateTime,
    ) -> Result<Updated, StoreError> {
        let Session { value, version } = Session::new(self.layout(), &record.payload)?;
        let filter = at(live(key, now), base);
        self.written(async {
            let update = self.documents().update_one(filter, rewriting(record, value)).hint(by_key());
            if ask(update).await?.matched_count > 0 {
                return Ok(Updated::Done(version));
            }
            // With no base, only absence can have been the reason; what is there now came later.
            if base.is_none() {
                return Ok(Updated::Missing);
            }
            let found = self.newest(live(key, now)).await?;
            Ok(found.map_or(Updated::Missing, Updated::Conflict))
        })
        .await
    }

    async fn touch(
        &self,
        key: &StoreKey,
        expires_at: OffsetDateTime,
        base: Option<&Version>,
        now: OffsetDateTime,
    ) -> Result<Touched, StoreError> {
        if self.0.primary.is_missing() {
            return Err(no_primary_but_others());
        }
        self.written(async {
            let touch = doc! { "$set": { EXPIRES: date(expires_at) } };
            let touch = self.documents().update_one(at(live(key, now), base), touch).hint(by_key());
            if ask(touch).await?.matched_count > 0 {
                return Ok(Touched::Done);
            }
            if base.is_none() {
                return Ok(Touched::Missing);
            }
            let found = self.newest(live(key, now)).await?;
            Ok(found.map_or(Touched::Missing, |_| Touched::Changed))
        })
        .await
    }

    /// In three steps: the session under its new key, marked as coming from the old one; the old one retired, if it is
    /// still at its version, which decides; the mark removed. The mark is for a revoke in between: see there.
    async fn replace(&self, replace: Replace<'_>, now: OffsetDateTime) -> Result<Replaced, StoreError> {
        let Replace { old, new, record, base, tombstone } = replace;
        let Session { value, version } = Session::new(self.layout(), &record.payload)?;
        let mut successor = document(new, record, value);
        successor.insert(MOVED_FROM, old.as_str());
        let mut retirement = match tombstone {
            Some(tombstone) => rewriting(tombstone, Session::new(self.layout(), &tombstone.payload)?.value),
            None => doc! { "$set": { EXPIRES: OVER }, "$unset": { OWNER: "", MOVED_FROM: "" } },
        };
        // Tells a revoke that it was the move which ended the old one.
        mark(&mut retirement, new);
        self.in_time(async {
            if !self.insert(new, successor, now).await.map_err(|error| self.0.primary.unwritten(error))? {
                return Ok(Replaced::Exists);
            }
            let retire = self.documents().update_one(at(live(old, now), Some(base)), retirement);
            // If this fails, it may have been carried out all the same, so the successor stays.
            if ask(retire.hint(by_key())).await?.matched_count == 0 {
                let found = self.newest(live(old, now)).await;
                ask(self.documents().delete_one(coming(new.as_str(), old.as_str())).hint(by_key())).await?;
                return Ok(found?.map_or(Replaced::Missing, Replaced::Conflict));
            }
            let arrive = self
                .documents()
                .update_one(coming(new.as_str(), old.as_str()), doc! { "$unset": { MOVED_FROM: "" } });
            // From here on the session has moved, and a mark that stays does no harm.
            let arrived = ask(arrive.hint(by_key()).write_concern(primary_only())).await;
            if tombstone.is_none() {
                let left = doc! { KEY: old.as_str(), EXPIRES: OVER, MOVED_TO: new.as_str() };
                // If this fails, the index on `expires` does it.
                let _ = ask(self.documents().delete_one(left).write_concern(primary_only())).await;
            }
            match arrived {
                Ok(arrived) if arrived.matched_count == 0 => Ok(Replaced::Missing),
                Ok(_) | Err(_) => Ok(Replaced::Done(version)),
            }
        })
        .await
    }

    async fn delete(&self, key: &StoreKey, base: Option<&Version>) -> Result<Deleted, StoreError> {
        let there = || doc! { KEY: key.as_str(), EXPIRES: { "$ne": OVER } };
        self.written(async {
            let delete = self.documents().delete_one(at(there(), base)).hint(by_key());
            if ask(delete).await?.deleted_count > 0 {
                return Ok(Deleted::Done);
            }
            if base.is_none() {
                return Ok(Deleted::Missing);
            }
            let found = self.newest(there()).await?;
            Ok(found.map_or(Deleted::Missing, Deleted::Conflict))
        })
        .await
    }
}

impl Verbs {
    /// Stores a document where there is none; one that has expired gives way.
    async fn insert(
        &self,
        key: &StoreKey,
        document: Document,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        // A live one does not match, and then the upsert meets it as a duplicate key.
        let expired = doc! { KEY: key.as_str(), EXPIRES: { "$lte": date(now) } };
        match self.documents().replace_one(expired, document).upsert(true).hint(by_key()).await {
            Ok(_) => Ok(true),
            Err(error) if is_duplicate(&error) => Ok(false),
            Err(error) => Err(store_error(&error)),
        }
    }

    async fn read(&self, key: &StoreKey, now: OffsetDateTime) -> Result<Option<Stored>, StoreError> {
        let find = self.raw().find_one(live(key, now)).projection(fields()).hint(by_key());
        let find = find.selection_criteria(self.0.primary.reading.clone());
        let found: Option<RawDocumentBuf> = self.in_time(ask(find)).await?;
        found.as_deref().map(stored).transpose()
    }

    /// What was in the way of a write: also what the majority has not confirmed yet.
    async fn newest(&self, filter: Document) -> Result<Option<Stored>, StoreError> {
        let find = self.raw().find_one(filter).projection(fields()).hint(by_key());
        let found: Option<RawDocumentBuf> = ask(find.read_concern(ReadConcern::local())).await?;
        found.as_deref().map(stored).transpose()
    }

    pub(crate) fn raw(&self) -> &Collection<RawDocumentBuf> {
        &self.0.raw
    }

    pub(crate) fn documents(&self) -> &Collection<Document> {
        &self.0.documents
    }
}

/// Carries out an operation of the driver.
pub(crate) async fn ask<T>(
    operation: impl IntoFuture<Output = mongodb::error::Result<T>>,
) -> Result<T, StoreError> {
    operation.await.map_err(|error| store_error(&error))
}

/// What is read of a document.
pub(crate) fn fields() -> Document {
    doc! { SESSION: 1, EXPIRES: 1, OWNER: 1 }
}

/// What has not expired. connect-mongo takes a document without an expiry for one that never ends.
pub(crate) fn unexpired(now: OffsetDateTime) -> Document {
    doc! { "$not": { "$lte": date(now) } }
}

/// For a write that costs little if it is lost: the primary alone confirms it.
pub(crate) fn primary_only() -> WriteConcern {
    WriteConcern::builder().w(Acknowledgment::Nodes(1)).build()
}

/// Keeps the server from trying other indexes, on `expires` say.
pub(crate) fn by_key() -> Hint {
    Hint::Keys(doc! { KEY: 1 })
}

fn live(key: &StoreKey, now: OffsetDateTime) -> Document {
    doc! { KEY: key.as_str(), EXPIRES: unexpired(now) }
}

/// A session that has not certainly left its old key.
pub(crate) fn coming(new: &str, old: &str) -> Document {
    doc! { KEY: new, MOVED_FROM: old }
}

fn at(mut filter: Document, base: Option<&Version>) -> Document {
    if let Some(base) = base {
        filter.insert(SESSION, is_at(base));
    }
    filter
}

fn document(key: &StoreKey, record: &Record, session: Bson) -> Document {
    let mut document = doc! { KEY: key.as_str(), EXPIRES: date(record.expires_at), SESSION: session };
    if let Some(owner) = &record.owner {
        document.insert(OWNER, owner.as_str());
    }
    document
}

/// Leaves alone what Node keeps beside: `lastModified`, `createdAt`, `updatedAt`.
fn rewriting(record: &Record, session: Bson) -> Document {
    let mut set = doc! { SESSION: session, EXPIRES: date(record.expires_at) };
    let mut unset = doc! { MOVED_FROM: "", MOVED_TO: "" };
    match record.owner.as_ref().map(Owner::as_str) {
        Some(owner) => set.insert(OWNER, owner),
        None => unset.insert(OWNER, ""),
    };
    doc! { "$set": set, "$unset": unset }
}

fn mark(retirement: &mut Document, new: &StoreKey) {
    if let Ok(set) = retirement.get_document_mut("$set") {
        set.insert(MOVED_TO, new.as_str());
    }
    if let Ok(unset) = retirement.get_document_mut("$unset") {
        unset.remove(MOVED_TO);
    }
}

/// Moves the expiry of a record that is due, if its life is the usual one; writes nothing if it is not.
///
/// Of a text, only the beginning is looked at, where both this library and Node write the life unless there are keys that
/// are numbers. Any other is left to the caller.
fn extension(extend: &Extend, now: OffsetDateTime) -> Document {
    let Extend { due_before, to, original_max_age } = extend;
    let (text, value) =
        original_max_age.map_or(("null".to_owned(), Bson::Null), |ms| (ms.to_string(), ms.into()));
    let beginning = format!(r#"^\{{"cookie":\{{"originalMaxAge":{text}[,}}]"#);
    let life = format!("${SESSION}.cookie.originalMaxAge");
    let (session, expires) = (format!("${SESSION}"), format!("${EXPIRES}"));
    let usual = doc! { "$cond": [
        { "$eq": [{ "$type": &session }, "string"] },
        { "$regexMatch": { "input": &session, "regex": beginning } },
        { "$eq": [life, value] },
    ] };
    let due = doc! { "$and": [
        { "$gt": [&expires, date(now)] },
        { "$lt": [&expires, date(*due_before)] },
        usual,
    ] };
    doc! { "$set": { EXPIRES: { "$cond": [due, date(*to), &expires] } } }
}
