//! One collection with Node servers: what connect-mongo writes is read, and what is written is what it would write.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

mod common;

use std::time::Duration;

use common::{cases, create, date, holding, key, loaded, node_sets, now, on_a_database, record};
use libtest_mimic::Arguments;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use session_core::store::{
    Created, Deleted, Directory as _, Extend, Owner, Store as _, StoreErrorKind, Touched, Updated,
};
use session_store_mongodb::Layout;
use session_store_mongodb::mongodb::Collection;
use session_store_mongodb::mongodb::bson::{Bson, DateTime, Document, doc};
use time::OffsetDateTime;
use time::macros::datetime;

const URL: &str = "MONGODB_URL";

fn main() {
    let cases = cases![
        the_golden_documents_are_read_and_written_in_nodes_layout,
        a_write_of_node_between_load_and_save_is_a_conflict_and_keeps_the_owner,
        a_touch_of_node_moves_the_expiry_and_is_no_conflict,
        what_this_store_writes_node_finds_until_it_expires,
        what_node_keeps_beside_is_left_alone,
        a_stale_date_in_the_payload_ends_nothing,
        a_document_without_an_expiry_is_a_session_and_gets_one,
        a_document_that_cannot_be_read_is_an_error_for_its_key_only_and_stays,
        a_record_of_a_newer_layout_is_read_whole_and_not_overwritten,
    ];
    common::run("mongodb", URL, &Arguments::from_args(), cases);
}

/// Node's clock stood at this time.
const NODES_NOW: OffsetDateTime = datetime!(2030-01-01 0:00:00.250 UTC);

#[derive(Deserialize)]
struct Golden {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    variant: String,
    #[serde(default)]
    session_id: String,
    /// In extended JSON, which BSON reads of itself.
    document: Option<Document>,
    /// As text, for the order of its keys.
    read_back: Option<Box<RawValue>>,
}

async fn the_golden_documents_are_read_and_written_in_nodes_layout() {
    on_a_database(URL, async |place| {
        let golden: Golden = serde_json::from_str(include_str!("golden/mongo.json")).unwrap();
        let (mut texts, mut objects) = (0, 0);
        for vector in golden.vectors {
            let (Some(mut document), Some(read_back)) = (vector.document, vector.read_back) else { continue };
            let name = document.get_str("_id").unwrap().to_owned();
            assert!(name.ends_with(&vector.session_id));
            place.sessions().insert_one(&document).await.unwrap();
            let layout = match document.get("session").unwrap() {
                Bson::Document(_) => Layout::Object,
                _ => Layout::String,
            };
            let store = place.builder().layout(layout).connect(&place.url).await.unwrap();
            let stored = store.load(&key(&name), None, NODES_NOW).await.unwrap().expect("it is there");
            assert_eq!(&date(stored.record.expires_at), document.get_datetime("expires").unwrap());
            assert_eq!(stored.record.owner, None);
            if layout == Layout::Object {
                assert_eq!(&*stored.record.payload, read_back.get(), "{}", vector.variant);
                objects += 1;
            } else {
                assert_eq!(&*stored.record.payload, document.get_str("session").unwrap());
                texts += 1;
                // connect-mongo's `crypto` keeps something else there, which is no session to anybody else.
                let is_json = serde_json::from_str::<Value>(&stored.record.payload).is_ok();
                assert_eq!(is_json, !vector.variant.contains("crypto"), "{}", vector.variant);
            }
            // What this store writes is what Node wrote, without what only some of Node's options write.
            assert_eq!(store.delete(&key(&name), Some(&stored.version)).await.unwrap(), Deleted::Done);
            let created = store.create(&key(&name), &stored.record, NODES_NOW).await.unwrap();
            assert_eq!(created, Created::Done(stored.version));
            for option in ["lastModified", "createdAt", "updatedAt"] {
                document.remove(option);
            }
            let written = place.document(&name).await.unwrap();
            assert_eq!(written, document, "{}", vector.variant);
            assert_eq!(types(&written), types(&document));
            assert_eq!(store.clear().await.unwrap(), 1);
        }
        assert!(texts >= 36 && objects >= 4, "{texts} texts, {objects} objects");
    })
    .await;
}

/// Each value's type, since numbers of different types may be equal.
fn types(document: &Document) -> Vec<String> {
    fn walk(value: &Bson, found: &mut Vec<String>) {
        match value {
            Bson::Document(document) => document.values().for_each(|value| walk(value, found)),
            Bson::Array(values) => values.iter().for_each(|value| walk(value, found)),
            other => found.push(format!("{:?}", other.element_type())),
        }
    }
    let mut found = Vec::new();
    document.values().for_each(|value| walk(value, &mut found));
    found
}

/// connect-mongo's `get`.
async fn node_gets(sessions: &Collection<Document>, name: &str, now: OffsetDateTime) -> Option<Document> {
    let now = date(now);
    let live =
        doc! { "_id": name, "$or": [{ "expires": { "$exists": false } }, { "expires": { "$gt": now } }] };
    sessions.find_one(live).await.unwrap()
}

async fn a_write_of_node_between_load_and_save_is_a_conflict_and_keeps_the_owner() {
    on_a_database(URL, async |place| {
        let later = now() + Duration::from_secs(300);
        let text = |n: f64| Bson::String(format!(r#"{{"cookie":{{"originalMaxAge":null}},"n":{n}}}"#));
        let object = |n: f64| doc! { "cookie": { "originalMaxAge": Bson::Null }, "n": n }.into();
        let forms: [(Layout, &dyn Fn(f64) -> Bson); 2] = [(Layout::String, &text), (Layout::Object, &object)];
        for (layout, session) in forms {
            let store = place.builder().layout(layout).connect(&place.url).await.unwrap();
            node_sets(&place.sessions(), "a", session(2.3), later).await;
            let base = loaded(&store, "a").await.version;
            let mine = record(3, Some("o"));
            let base = match store.update(&key("a"), &mine, Some(&base), now()).await.unwrap() {
                Updated::Done(version) => version,
                other => panic!("{other:?}"),
            };
            // Not even the smallest difference is overlooked, and the expiry need not differ.
            node_sets(&place.sessions(), "a", session(2.3), later).await;
            let seen = loaded(&store, "a").await;
            node_sets(&place.sessions(), "a", session(2.9), later).await;
            for base in [&base, &seen.version] {
                let touched = store.touch(&key("a"), later, Some(base), now()).await.unwrap();
                assert_eq!(touched, Touched::Changed);
                assert!(matches!(store.delete(&key("a"), Some(base)).await.unwrap(), Deleted::Conflict(_)));
                let updated = store.update(&key("a"), &mine, Some(base), now()).await.unwrap();
                let Updated::Conflict(shown) = updated else { panic!("Node's write is lost: {updated:?}") };
                assert_eq!(shown.record.value::<f64>("n"), Some(2.9));
                assert_eq!(shown.record.owner, Owner::new("o"));
            }
            let newest = loaded(&store, "a").await.version;
            let again = store.update(&key("a"), &mine, Some(&newest), now()).await.unwrap();
            assert!(matches!(again, Updated::Done(_)));
            // After a logout Node may write back what it has read: nobody's session, until this store writes it.
            let owner = Owner::new("o").unwrap();
            assert_eq!(store.revoke(&owner, None).await.unwrap(), 1);
            node_sets(&place.sessions(), "a", session(2.9), later).await;
            assert_eq!(store.revoke(&owner, None).await.unwrap(), 0);
            store.update(&key("a"), &mine, None, now()).await.unwrap();
            assert_eq!(store.revoke(&owner, None).await.unwrap(), 1);
        }
    })
    .await;
}

async fn a_touch_of_node_moves_the_expiry_and_is_no_conflict() {
    on_a_database(URL, async |place| {
        let store = place.store().await;
        let base = create(&store, "a", &record(1, Some("o"))).await;
        let later = date(now() + Duration::from_secs(1800));
        let touch = doc! { "$set": { "expires": later } };
        let touched = place.sessions().update_one(doc! { "_id": "a" }, touch).await.unwrap();
        assert_eq!(touched.matched_count, 1);
        let stored = loaded(&store, "a").await;
        assert_eq!(date(stored.record.expires_at), later);
        assert_eq!(stored.version, base);
        let updated = store.update(&key("a"), &record(2, None), Some(&base), now()).await.unwrap();
        assert!(matches!(updated, Updated::Done(_)));
    })
    .await;
}

async fn what_this_store_writes_node_finds_until_it_expires() {
    on_a_database(URL, async |place| {
        for layout in [Layout::String, Layout::Object] {
            let store = place.builder().layout(layout).connect(&place.url).await.unwrap();
            let record = record(1, Some("o"));
            create(&store, "a", &record).await;
            let document = node_gets(&place.sessions(), "a", now()).await.unwrap();
            match document.get("session").unwrap() {
                Bson::String(text) => assert_eq!(**text, *record.payload),
                Bson::Document(object) => {
                    let cookie = object.get_document("cookie").unwrap();
                    assert_eq!(cookie.get_i32("originalMaxAge").unwrap(), 600_000);
                    assert!(cookie.get_datetime("expires").is_ok());
                    assert_eq!(object.get_i32("n").unwrap(), 1);
                }
                other => panic!("{other:?}"),
            }
            assert!(node_gets(&place.sessions(), "a", record.expires_at).await.is_none());
            store.delete(&key("a"), None).await.unwrap();
            assert!(node_gets(&place.sessions(), "a", now()).await.is_none());
        }
    })
    .await;
}

async fn what_node_keeps_beside_is_left_alone() {
    on_a_database(URL, async |place| {
        let store = place.store().await;
        create(&store, "a", &record(1, None)).await;
        let beside = doc! { "lastModified": DateTime::from_millis(1), "createdAt": DateTime::from_millis(2),
        "updatedAt": DateTime::from_millis(3), "more": { "of": ["theirs"] } };
        place.sessions().update_one(doc! { "_id": "a" }, doc! { "$set": &beside }).await.unwrap();
        let to = now() + Duration::from_secs(900);
        let extend = Extend { due_before: to, to, original_max_age: Some(600_000) };
        store.load(&key("a"), Some(&extend), now()).await.unwrap();
        store.update(&key("a"), &record(2, Some("o")), None, now()).await.unwrap();
        store.touch(&key("a"), to, None, now()).await.unwrap();
        let document = place.document("a").await.unwrap();
        for (field, value) in &beside {
            assert_eq!(document.get(field), Some(value));
        }
        let mut fields: Vec<_> = document.keys().map(String::as_str).collect();
        fields.sort_unstable();
        assert_eq!(
            fields,
            ["_id", "createdAt", "expires", "lastModified", "more", "owner", "session", "updatedAt"]
        );
    })
    .await;
}

async fn a_stale_date_in_the_payload_ends_nothing() {
    on_a_database(URL, async |place| {
        for layout in [Layout::String, Layout::Object] {
            let store = place.builder().layout(layout).connect(&place.url).await.unwrap();
            let record = record(1, None);
            assert!(record.payload.contains("2020-01-01"));
            let version = create(&store, "a", &record).await;
            let stored = loaded(&store, "a").await;
            assert_eq!(stored.record.payload, record.payload);
            let touched =
                store.touch(&key("a"), now() + Duration::from_secs(500), Some(&version), now()).await;
            assert_eq!(touched.unwrap(), Touched::Done);
            assert_eq!(store.delete(&key("a"), Some(&version)).await.unwrap(), Deleted::Done);
        }
    })
    .await;
}

async fn a_document_without_an_expiry_is_a_session_and_gets_one() {
    on_a_database(URL, async |place| {
        let store = place.store().await;
        for name in ["a", "b"] {
            let document = doc! { "_id": name, "session": &*record(1, None).payload };
            place.sessions().insert_one(document).await.unwrap();
        }
        let to = now() + Duration::from_secs(600);
        let extend = Extend { due_before: to, to, original_max_age: Some(600_000) };
        let stored = store.load(&key("a"), Some(&extend), now()).await.unwrap().unwrap();
        assert_eq!(stored.record.expires_at.year(), 9999);
        assert_eq!(store.create(&key("a"), &record(2, None), now()).await.unwrap(), Created::Exists);
        assert_eq!(store.page(None, 10, now()).await.unwrap().len(), 2);
        assert_eq!(store.count(now()).await.unwrap(), 2);
        assert_eq!(store.purge_expired(now(), 10).await.unwrap(), 0);
        store.update(&key("a"), &record(2, None), Some(&stored.version), now()).await.unwrap();
        store.touch(&key("b"), to, Some(&stored.version), now()).await.unwrap();
        let without = doc! { "expires": { "$exists": false } };
        assert_eq!(place.sessions().count_documents(without).await.unwrap(), 0);
    })
    .await;
}

async fn a_document_that_cannot_be_read_is_an_error_for_its_key_only_and_stays() {
    on_a_database(URL, async |place| {
        let store = place.store().await;
        let later = date(now() + Duration::from_secs(600));
        let payload = record(1, None).payload.to_string();
        let strange = [
            doc! { "_id": "0", "expires": later, "session": 7 },
            doc! { "_id": "1", "expires": later, "session": [&payload] },
            doc! { "_id": "2", "expires": later },
            doc! { "_id": "3", "expires": "never", "session": &payload, "owner": "o" },
            doc! { "_id": "4", "expires": later, "session": { "cookie": {}, "a": Bson::MaxKey }, "owner": "o" },
        ];
        place.sessions().insert_many(&strange).await.unwrap();
        create(&store, "5", &record(5, Some("o"))).await;
        let base = loaded(&store, "5").await.version;
        let to = now() + Duration::from_secs(1200);
        let extend = Extend { due_before: to, to, original_max_age: Some(600_000) };
        for document in &strange {
            let name = document.get_str("_id").unwrap();
            let errors = [
                store.load(&key(name), None, now()).await.unwrap_err(),
                store.load(&key(name), Some(&extend), now()).await.unwrap_err(),
                store.update(&key(name), &record(9, None), Some(&base), now()).await.unwrap_err(),
            ];
            for error in errors {
                assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{name}: {error}");
            }
            assert_eq!(store.create(&key(name), &record(9, None), now()).await.unwrap(), Created::Exists);
            assert_eq!(place.document(name).await.as_ref(), Some(document));
        }
        // With a page of one, all that is strange comes first.
        let page = store.page(None, 1, now()).await.unwrap();
        assert_eq!(page.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["5"]);
        let owner = Owner::new("o").unwrap();
        assert_eq!(store.sessions_of(&owner, now()).await.unwrap().len(), 1);
        assert_eq!(store.revoke(&owner, None).await.unwrap(), 3);
        assert_eq!(store.delete(&key("0"), None).await.unwrap(), Deleted::Done);
    })
    .await;
}

async fn a_record_of_a_newer_layout_is_read_whole_and_not_overwritten() {
    on_a_database(URL, async |place| {
        let store = place.store().await;
        let newer =
            r#"{"cookie":{"originalMaxAge":1,"new":[]},"_session":{"v":99,"created":1,"new":{"x":1}}}"#;
        create(&store, "a", &holding(newer)).await;
        place.sessions().update_one(doc! { "_id": "a" }, doc! { "$set": { "new": 1 } }).await.unwrap();
        let before = place.document("a").await;
        assert_eq!(&*loaded(&store, "a").await.record.payload, newer);
        let other = create(&store, "b", &record(1, None)).await;
        assert_eq!(store.create(&key("a"), &record(2, None), now()).await.unwrap(), Created::Exists);
        let updated = store.update(&key("a"), &record(2, None), Some(&other), now()).await.unwrap();
        assert!(matches!(updated, Updated::Conflict(_)));
        assert_eq!(place.document("a").await, before);
    })
    .await;
}
