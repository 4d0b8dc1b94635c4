//! The two layouts, text and object: what each keeps, what comes back of it, and what an object refuses.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

mod common;

use std::time::Duration;

use common::{cases, create, holding, key, live, loaded, node_sets, now, on_a_database, record};
use libtest_mimic::Arguments;
use session_core::store::{Directory as _, Extend, Store as _, StoreErrorKind, Updated};
use session_store_mongodb::Layout;
use session_store_mongodb::mongodb::bson::oid::ObjectId;
use session_store_mongodb::mongodb::bson::{Bson, DateTime, doc};

const URL: &str = "MONGODB_URL";

fn main() {
    let cases = cases![
        either_layout_is_read_and_the_chosen_one_is_written,
        an_object_holds_values_and_not_their_spelling,
        what_an_object_cannot_hold_is_refused_and_changes_nothing,
        a_due_touch_rides_along_with_a_load_in_both_layouts,
    ];
    common::run("mongodb", URL, &Arguments::from_args(), cases);
}

async fn either_layout_is_read_and_the_chosen_one_is_written() {
    on_a_database(URL, async |place| {
        let connect = |layout| place.builder().layout(layout);
        let text = connect(Layout::String).connect(&place.url).await.unwrap();
        let object = connect(Layout::Object).from_database(place.database()).await.unwrap();
        for (n, (writer, reader)) in (1..).zip([(&text, &object), (&object, &text)]) {
            let name = n.to_string();
            let version = create(writer, &name, &record(n, None)).await;
            let stored = loaded(reader, &name).await;
            assert_eq!((stored.record.payload, &stored.version), (record(n, None).payload, &version));
            let updated = reader.update(&key(&name), &record(9, None), Some(&version), now()).await.unwrap();
            let Updated::Done(newer) = updated else { panic!("{updated:?}") };
            assert_ne!(newer, version);
            let stored = loaded(writer, &name).await;
            assert_eq!((stored.record.payload, stored.version), (record(9, None).payload, newer));
        }
        assert!(matches!(place.document("1").await.unwrap().get("session"), Some(Bson::Document(_))));
        assert!(matches!(place.document("2").await.unwrap().get("session"), Some(Bson::String(_))));
    })
    .await;
}

async fn an_object_holds_values_and_not_their_spelling() {
    on_a_database(URL, async |place| {
        let store = place.builder().layout(Layout::Object).connect(&place.url).await.unwrap();
        let spelt = r#"{ "cookie": {}, "a": [1.50, 1e3, -0, 1.0], "\u00e9": "\u2028\/", "$set": {"a.b": "$x"} }"#;
        let version = create(&store, "a", &holding(spelt)).await;
        let stored = loaded(&store, "a").await;
        let plain = "{\"cookie\":{},\"a\":[1.5,1000,0,1],\"é\":\"\u{2028}/\",\"$set\":{\"a.b\":\"$x\"}}";
        assert_eq!(&*stored.record.payload, plain);
        assert_eq!(stored.version, version);
        // What an application in Node keeps as a type of its own is read as JSON.stringify shows it.
        let date = DateTime::from_millis(1_893_456_000_250);
        let id = ObjectId::from_bytes([1; 12]);
        let session = doc! { "cookie": {}, "at": date, "user": id, "big": 3e9 };
        node_sets(&place.sessions(), "b", session, now() + Duration::from_secs(60)).await;
        let theirs = r#"{"cookie":{},"at":"2030-01-01T00:00:00.250Z","user":"010101010101010101010101","big":3000000000}"#;
        assert_eq!(&*loaded(&store, "b").await.record.payload, theirs);
    })
    .await;
}

async fn what_an_object_cannot_hold_is_refused_and_changes_nothing() {
    on_a_database(URL, async |place| {
        let store = place.builder().layout(Layout::Object).connect(&place.url).await.unwrap();
        let base = create(&store, "a", &record(1, None)).await;
        for data in [r#""b\u0000":1"#, r#""b":"\ud800""#, r#""b":1e400"#, r#""b":18446744073709551615"#] {
            let record = holding(&format!(r#"{{"cookie":{{}},{data}}}"#));
            let errors = [
                store.create(&key("b"), &record, now()).await.unwrap_err(),
                store.update(&key("a"), &record, Some(&base), now()).await.unwrap_err(),
            ];
            for error in errors {
                assert_eq!(error.kind(), StoreErrorKind::Refused);
            }
        }
        assert_eq!(live(&store, "b").await, None);
        assert_eq!(loaded(&store, "a").await.version, base);
    })
    .await;
}

async fn a_due_touch_rides_along_with_a_load_in_both_layouts() {
    on_a_database(URL, async |place| {
        let to = now() + Duration::from_secs(1200);
        for layout in [Layout::String, Layout::Object] {
            let store = place.builder().layout(layout).connect(&place.url).await.unwrap();
            let lives = [("600000", Some(600_000)), ("null", None), ("2592000000", Some(2_592_000_000))];
            for (life, original_max_age) in lives {
                let payload = format!(r#"{{"cookie":{{"originalMaxAge":{life},"path":"/"}},"n":1}}"#);
                create(&store, life, &holding(&payload)).await;
                for (expected, original_max_age) in
                    [(false, Some(60_000)), (false, Some(6_000_000)), (true, original_max_age)]
                {
                    let extend = Extend { due_before: to, to, original_max_age };
                    let loaded = store.load(&key(life), Some(&extend), now()).await.unwrap().unwrap();
                    let moved = to - loaded.record.expires_at < Duration::from_millis(1);
                    assert_eq!(moved, expected, "{layout:?} {life} {original_max_age:?}");
                    assert_eq!(Some(loaded.record), live(&store, life).await);
                }
            }
            store.clear().await.unwrap();
        }
    })
    .await;
}
