//! What lies in a document's `session`: the payload as text or as an object, and which version it is.
//!
//! The version is what lies there, whole. A Node server knows of no version of ours and replaces `session`, so only its
//! contents tell that it has been there; and since the server compares them, nothing can come between looking and writing.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use mongodb::bson::raw::RawElement;
use mongodb::bson::{Bson, Document, RawBsonRef, RawDocument, RawDocumentBuf, doc};
use session_core::store::{Owner, Record, StoreError, Stored, Version};

use crate::error::unreadable;
use crate::moment::from_date;
use crate::object::{from_json, to_json};
use crate::schema::{EXPIRES, OWNER, SESSION};

/// How a session is kept; connect-mongo's option `stringify`. Both forms are read, whatever is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// As JSON text, byte for byte: `stringify: true`, connect-mongo's default.
    #[default]
    String,
    /// As an embedded document: `stringify: false`. See the [crate] for what comes back changed.
    Object,
}

/// The payload as it is stored, and its version.
pub(crate) struct Session {
    pub(crate) value: Bson,
    pub(crate) version: Version,
}

impl Session {
    pub(crate) fn new(layout: Layout, payload: &str) -> Result<Self, StoreError> {
        match layout {
            Layout::String => {
                Ok(Self { value: Bson::String(payload.to_owned()), version: Version::from(payload) })
            }
            Layout::Object => {
                let object = from_json(payload).ok_or_else(no_object)?;
                let version = version_of(&object);
                let object = Document::try_from(object).map_err(|_| no_object())?;
                Ok(Self { value: Bson::Document(object), version })
            }
        }
    }
}

fn no_object() -> StoreError {
    StoreError::refused(
        "the session holds what an embedded document cannot (a NUL in a key, half of a surrogate pair, a number that is \
         too large, 128 levels); keep it out, or choose Layout::String",
    )
}

/// No JSON text begins with this.
const OBJECT: char = '\0';

fn version_of(object: &RawDocument) -> Version {
    let mut text = String::from(OBJECT);
    STANDARD_NO_PAD.encode_string(object.as_bytes(), &mut text);
    Version::from(&*text)
}

/// What `session` must be for a record to be at this version.
pub(crate) fn is_at(base: &Version) -> Document {
    match base.text().and_then(contents) {
        Some(value) => doc! { "$eq": value },
        // Nothing is in an empty list: a version of another store, or none.
        None => doc! { "$in": [] },
    }
}

fn contents(version: &str) -> Option<Bson> {
    let Some(object) = version.strip_prefix(OBJECT) else { return Some(version.into()) };
    let bytes = STANDARD_NO_PAD.decode(object).ok()?;
    let object = RawDocumentBuf::from_bytes(bytes).ok()?;
    Document::try_from(object).ok().map(Bson::Document)
}

/// A document of the collection as a record.
pub(crate) fn stored(document: &RawDocument) -> Result<Stored, StoreError> {
    let (mut session, mut expires, mut owner) = (None, None, None);
    for element in document.iter_elements() {
        let element = element.map_err(|_| unreadable())?;
        match element.key().as_str() {
            SESSION => session = Some(value(&element)?),
            EXPIRES => expires = Some(value(&element)?),
            OWNER => owner = Some(value(&element)?),
            _ => {}
        }
    }
    let (payload, version): (Arc<str>, _) = match session {
        Some(RawBsonRef::String(text)) => (text.into(), Version::from(text)),
        Some(RawBsonRef::Document(object)) => {
            (to_json(object).ok_or_else(unreadable)?.into(), version_of(object))
        }
        _ => return Err(unreadable()),
    };
    let expires_at = match expires {
        None => from_date(None),
        Some(RawBsonRef::DateTime(date)) => from_date(Some(date)),
        Some(_) => return Err(unreadable()),
    };
    let owner = match owner {
        None | Some(RawBsonRef::Null) => None,
        Some(RawBsonRef::String(name)) => Some(Owner::new(name).ok_or_else(unreadable)?),
        Some(_) => return Err(unreadable()),
    };
    Ok(Stored { record: Record { payload, expires_at, owner }, version })
}

fn value<'a>(element: &RawElement<'a>) -> Result<RawBsonRef<'a>, StoreError> {
    element.value().map_err(|_| unreadable())
}

#[cfg(test)]
mod tests {
    use session_core::store::StoreErrorKind;

    use super::*;

    const PAYLOAD: &str = r#"{"cookie":{"originalMaxAge":5},"a":[1.5,{"$gt":""}]}"#;

    fn read(document: &Document) -> Result<Stored, StoreError> {
        stored(&RawDocumentBuf::try_from(document).unwrap())
    }

    #[test]
    fn a_version_is_what_is_stored_in_both_layouts() {
        for layout in [Layout::String, Layout::Object] {
            let Session { value, version } = Session::new(layout, PAYLOAD).unwrap();
            assert_eq!(is_at(&version), doc! { "$eq": value.clone() });
            let stored = read(&doc! { "_id": "a", "session": value }).unwrap();
            assert_eq!((&*stored.record.payload, &stored.version), (PAYLOAD, &version));
        }
        for foreign in [Version::unknown(), Version::from(7), Version::from("\0~"), Version::from("\0AAAA")] {
            assert_eq!(is_at(&foreign), doc! { "$in": [] });
        }
    }

    #[test]
    fn a_document_of_another_kind_is_corrupt_and_unknown_fields_are_not() {
        let good = doc! { "session": PAYLOAD, "lastModified": 1, "createdAt": Bson::Null, "x": { "y": 1 } };
        assert_eq!(read(&good).unwrap().record.expires_at.year(), 9999);
        for bad in [
            doc! {},
            doc! { "session": 7 },
            doc! { "session": [PAYLOAD] },
            doc! { "session": { "a": Bson::MinKey } },
            doc! { "session": PAYLOAD, "expires": "2030-01-01" },
            doc! { "session": PAYLOAD, "owner": 7 },
            doc! { "session": PAYLOAD, "owner": "" },
        ] {
            assert_eq!(read(&bad).unwrap_err().kind(), StoreErrorKind::Corrupt, "{bad}");
        }
    }
}
