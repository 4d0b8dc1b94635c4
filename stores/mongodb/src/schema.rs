//! The fields of a document, the indexes on them, and how the indexes come into being.

use std::time::Duration;

use mongodb::bson::{Bson, Document, doc};
use mongodb::options::IndexOptions;
use mongodb::results::CollectionType;
use mongodb::{Collection, Database, IndexModel};
use session_core::store::StoreError;

use crate::error::{is_no_collection, store_error};

/// connect-mongo's: the key.
pub(crate) const KEY: &str = "_id";
/// connect-mongo's: the payload, as text or as an object.
pub(crate) const SESSION: &str = "session";
/// connect-mongo's: a date.
pub(crate) const EXPIRES: &str = "expires";
/// Ours: whose session it is; absent if nobody's.
pub(crate) const OWNER: &str = "owner";
/// Ours: the key that a session is coming from, until it has certainly left that.
pub(crate) const MOVED_FROM: &str = "movedFrom";
/// Ours: the key that a session has gone to.
pub(crate) const MOVED_TO: &str = "movedTo";

/// Whether the collection is one in which keys are what they are, and which indexes it has.
///
/// Looks first, so that an account without the right to make indexes can use a collection that has them.
pub(crate) async fn missing_indexes(
    database: &Database,
    collection: &Collection<Document>,
) -> Result<Vec<IndexModel>, StoreError> {
    let mut found = database
        .list_collections()
        .filter(doc! { "name": collection.name() })
        .await
        .map_err(|error| store_error(&error))?;
    while found.advance().await.map_err(|error| store_error(&error))? {
        let found = found.deserialize_current().map_err(|error| store_error(&error))?;
        let options = &found.options;
        if found.collection_type != CollectionType::Collection
            || options.capped == Some(true)
            || options.collation.is_some()
        {
            return Err(StoreError::refused(
                "the collection is a view, capped, of time series, or has a collation, under which different keys are one; \
                 choose another collection",
            ));
        }
    }
    let (mut ttl, mut owner) = (false, false);
    let mut indexes = match collection.list_indexes().await {
        Ok(indexes) => indexes,
        Err(error) if is_no_collection(&error) => return Ok(vec![by_expiry(), by_owner()]),
        Err(error) => return Err(store_error(&error)),
    };
    while indexes.advance().await.map_err(|error| store_error(&error))? {
        let index = indexes.deserialize_current().map_err(|error| store_error(&error))?;
        let first = index.keys.keys().next().map(String::as_str);
        if first == Some(EXPIRES) && index.keys.len() == 1 {
            if index.options.is_none_or(|options| options.expire_after.is_none()) {
                return Err(StoreError::refused(
                    "there is an index on `expires` that removes nothing; drop it, and it is made anew with \
                     expireAfterSeconds: 0",
                ));
            }
            ttl = true;
        }
        owner |= first == Some(OWNER);
    }
    let missing = [(!ttl).then(by_expiry), (!owner).then(by_owner)];
    Ok(missing.into_iter().flatten().collect())
}

/// The index by which the server removes what has expired: connect-mongo's own, by name too.
fn by_expiry() -> IndexModel {
    let options = IndexOptions::builder().name("expires_1".to_owned()).expire_after(Duration::ZERO).build();
    IndexModel::builder().keys(doc! { EXPIRES: 1 }).options(options).build()
}

/// The index for the sessions of an owner; nobody's sessions are not in it.
fn by_owner() -> IndexModel {
    let options = IndexOptions::builder()
        .name("owner_1".to_owned())
        .partial_filter_expression(doc! { OWNER: { "$exists": true } })
        .build();
    IndexModel::builder().keys(doc! { OWNER: Bson::Int32(1) }).options(options).build()
}
