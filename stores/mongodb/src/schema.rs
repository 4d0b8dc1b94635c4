//! The fields of a document, the indexes on them, and how the indexes come into being.

use std::time::Duration;

use mongodb::bson::{Bson, Document, doc};
use mongodb::options::IndexOptions;
use mongodb::results::CollectionType;
use mongodb::{Collection, Database, IndexModel};
use session_core::store::StoreError;
use time::OffsetDateTime;

use crate::error::{is_no_collection, store_error};
use crate::moment::from_date;

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

/// By how much clocks may differ before anybody is told.
const TOLERATED: Duration = Duration::from_secs(10);

/// What the collection lacks.
#[must_use]
pub(crate) struct Missing {
    /// To be made.
    pub(crate) indexes: Vec<IndexModel>,
    /// The delay that the index on `expires` should have, if it is there with another one.
    pub(crate) delay: Option<Duration>,
}

/// Whether the collection is one in which keys are what they are, and which indexes it has.
///
/// Looks first, so that an account without the right to make indexes can use a collection that has them.
pub(crate) async fn missing_indexes(
    database: &Database,
    collection: &Collection<Document>,
    removal_delay: Option<Duration>,
) -> Result<Missing, StoreError> {
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
    let (mut ttl, mut owner, mut delay) = (false, false, None);
    let mut indexes = match collection.list_indexes().await {
        Ok(indexes) => indexes,
        Err(error) if is_no_collection(&error) => {
            return Ok(Missing { indexes: vec![by_expiry(removal_delay), by_owner()], delay: None });
        }
        Err(error) => return Err(store_error(&error)),
    };
    while indexes.advance().await.map_err(|error| store_error(&error))? {
        let index = indexes.deserialize_current().map_err(|error| store_error(&error))?;
        let first = index.keys.keys().next().map(String::as_str);
        if first == Some(EXPIRES) && index.keys.len() == 1 {
            let Some(there) = index.options.and_then(|options| options.expire_after) else {
                return Err(StoreError::refused(
                    "there is an index on `expires` that removes nothing; drop it, and it is made anew with \
                     expireAfterSeconds: 0",
                ));
            };
            ttl = true;
            delay = removal_delay.filter(|wanted| *wanted != there);
        }
        owner |= first == Some(OWNER);
    }
    let missing = [(!ttl).then(|| by_expiry(removal_delay)), (!owner).then(by_owner)];
    Ok(Missing { indexes: missing.into_iter().flatten().collect(), delay })
}

/// Lets the index on `expires` that is there remove what expired so long ago.
pub(crate) async fn set_delay(
    database: &Database,
    collection: &Collection<Document>,
    delay: Duration,
) -> Result<(), StoreError> {
    let seconds = i64::try_from(delay.as_secs()).unwrap_or(i64::MAX);
    let index = doc! { "keyPattern": { EXPIRES: 1 }, "expireAfterSeconds": seconds };
    let change = database.run_command(doc! { "collMod": collection.name(), "index": index });
    change.await.map(drop).map_err(|error| store_error(&error))
}

/// Says so if the server's clock is so far ahead that it removes sessions which have not expired.
///
/// Nothing depends on it, so whatever goes wrong here is left to the verbs.
pub(crate) async fn compare_clocks(database: &Database, removal_delay: Option<Duration>) {
    let asked = OffsetDateTime::now_utc();
    let Ok(answer) = database.run_command(doc! { "hello": 1 }).await else { return };
    let Ok(theirs) = answer.get_datetime("localTime") else { return };
    let ahead = from_date(Some(*theirs)) - OffsetDateTime::now_utc().max(asked);
    if ahead > TOLERATED && ahead > removal_delay.unwrap_or_default() {
        tracing::warn!(
            seconds_ahead = ahead.whole_seconds(),
            "the clock of the MongoDB server is ahead: it removes sessions so much too early; set the clocks, or a \
             removal_delay"
        );
    }
}

/// The index by which the server removes what has expired: connect-mongo's own, by name too, and if nothing else is wanted
/// the same in all.
fn by_expiry(removal_delay: Option<Duration>) -> IndexModel {
    let delay = removal_delay.unwrap_or(Duration::ZERO);
    let options = IndexOptions::builder().name("expires_1".to_owned()).expire_after(delay).build();
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
