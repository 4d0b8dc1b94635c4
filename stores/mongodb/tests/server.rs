//! The server's side: indexes, what each verb costs, sessions that move while others end them, names, and what errors say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{Place, cases, create, key, live, now, on_a_database, record};
use libtest_mimic::Arguments;
use session_core::store::{
    Created, Deleted, Directory as _, Extend, Owner, Record, Replace, Replaced, Store as _, StoreErrorKind,
    Updated,
};
use session_store_mongodb::MongoStore;
use session_store_mongodb::mongodb::bson::{Document, doc};
use session_store_mongodb::mongodb::event::EventHandler;
use session_store_mongodb::mongodb::event::command::CommandEvent;
use session_store_mongodb::mongodb::options::ClientOptions;
use session_store_mongodb::mongodb::{Client, Collection};

const URL: &str = "MONGODB_URL";

fn main() {
    let cases = cases![
        the_indexes_are_made_once_and_are_connect_mongos_own,
        servers_that_start_at_once_all_start,
        searches_use_the_indexes_and_nothing_else,
        a_collection_in_which_keys_are_not_what_they_are_is_refused,
        each_verb_is_one_command_and_a_replace_three,
        a_revoke_amid_moves_counts_each_session_once_and_lets_none_get_away,
        what_a_broken_off_move_leaves_is_listed_once_and_revoked,
        names_that_mean_something_else_are_refused,
        strange_keys_are_bound_safely,
        what_is_too_large_for_the_server_is_refused_and_changes_nothing,
        no_error_says_a_password_a_key_or_a_value,
    ];
    common::run("mongodb", URL, &Arguments::from_args(), cases);
}

/// Name, keys and life of each index.
async fn indexes(sessions: &Collection<Document>) -> Vec<(String, Document, Option<Duration>)> {
    let mut cursor = sessions.list_indexes().await.unwrap();
    let mut found = Vec::new();
    while cursor.advance().await.unwrap() {
        let index = cursor.deserialize_current().unwrap();
        let options = index.options.unwrap();
        found.push((options.name.unwrap(), index.keys, options.expire_after));
    }
    found
}

async fn the_indexes_are_made_once_and_are_connect_mongos_own() {
    on_a_database(URL, async |place| {
        let expected = [
            ("_id_".to_owned(), doc! { "_id": 1 }, None),
            ("expires_1".to_owned(), doc! { "expires": 1 }, Some(Duration::ZERO)),
            ("owner_1".to_owned(), doc! { "owner": 1 }, None),
        ];
        for _ in 0..3 {
            place.store().await;
            assert_eq!(indexes(&place.sessions()).await, expected);
        }
        // As connect-mongo makes it, before this store and after it.
        let node = doc! { "createIndexes": "sessions", "indexes": [
            { "key": { "expires": 1 }, "name": "expires_1", "background": true, "expireAfterSeconds": 0 },
        ] };
        place.database().run_command(node.clone()).await.unwrap();
        place.sessions().drop().await.unwrap();
        place.database().run_command(node).await.unwrap();
        place.store().await;
        assert_eq!(indexes(&place.sessions()).await, expected);
        // One that removes nothing is not silently kept.
        place.sessions().drop_index("expires_1").await.unwrap();
        let plain =
            doc! { "createIndexes": "sessions", "indexes": [{ "key": { "expires": 1 }, "name": "mine" }] };
        place.database().run_command(plain).await.unwrap();
        let refused = place.builder().connect(&place.url).await.unwrap_err();
        assert!(
            refused.kind() == StoreErrorKind::Refused && refused.to_string().contains("expireAfterSeconds")
        );
    })
    .await;
}

async fn servers_that_start_at_once_all_start() {
    on_a_database(URL, async |place| {
        let starts: Vec<_> =
            (0..10).map(|_| tokio::spawn(place.builder().connect(&place.url.clone().leak()[..]))).collect();
        for start in starts {
            start.await.unwrap().unwrap();
        }
        assert_eq!(indexes(&place.sessions()).await.len(), 3);
    })
    .await;
}

async fn searches_use_the_indexes_and_nothing_else() {
    on_a_database(URL, async |place| {
        let store = place.store().await;
        for n in 0..200 {
            create(&store, &format!("s{n}"), &record(n, Some(&format!("owner-{}", n % 20)))).await;
        }
        // What the store sends, as the server sees it.
        let profile = |level| doc! { "profile": level };
        place.database().run_command(profile(2)).await.unwrap();
        let owner = Owner::new("owner-1").unwrap();
        let later = now() + Duration::from_secs(900);
        let extend = Extend { due_before: later, to: later, original_max_age: Some(600_000) };
        let base = store.load(&key("s1"), None, now()).await.unwrap().unwrap().version;
        store.load(&key("s1"), Some(&extend), now()).await.unwrap();
        store.update(&key("s1"), &record(7, Some("owner-1")), Some(&base), now()).await.unwrap();
        store.touch(&key("s2"), later, None, now()).await.unwrap();
        store.delete(&key("s3"), Some(&base)).await.unwrap();
        store.sessions_of(&owner, now()).await.unwrap();
        store.revoke(&owner, Some(&key("s1"))).await.unwrap();
        store.page(Some(&key("s5")), 10, now()).await.unwrap();
        store.count(now()).await.unwrap();
        store.purge_expired(now(), 10).await.unwrap();
        place.database().run_command(profile(0)).await.unwrap();
        let profile = place.database().collection::<Document>("system.profile");
        let mut seen = profile.find(doc! { "planSummary": { "$exists": true } }).await.unwrap();
        let mut plans = Vec::new();
        while seen.advance().await.unwrap() {
            let seen = seen.deserialize_current().unwrap();
            plans.push(seen.get_str("planSummary").unwrap().to_owned());
        }
        eprintln!("{plans:?}");
        assert!(plans.len() >= 12 && plans.iter().all(|plan| plan.starts_with("IXSCAN")), "{plans:?}");
    })
    .await;
}

async fn a_collection_in_which_keys_are_not_what_they_are_is_refused() {
    on_a_database(URL, async |place| {
        place.store().await;
        for (name, options) in [
            ("folded", doc! { "collation": { "locale": "en", "strength": 1 } }),
            ("view", doc! { "viewOn": "sessions" }),
            ("ring", doc! { "capped": true, "size": 4096 }),
        ] {
            let mut make = doc! { "create": name };
            make.extend(options);
            place.database().run_command(make).await.unwrap();
            let refused = place.builder().collection(name).connect(&place.url).await.unwrap_err();
            assert_eq!(refused.kind(), StoreErrorKind::Refused, "{name}");
        }
    })
    .await;
}

/// A client that counts the commands it sends.
async fn counting(place: &Place) -> (Client, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let mut options = ClientOptions::parse(&place.url).await.unwrap();
    options.command_event_handler = Some(EventHandler::callback(move |event| {
        if matches!(event, CommandEvent::Started(_)) {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    }));
    (Client::with_options(options).unwrap(), count)
}

async fn each_verb_is_one_command_and_a_replace_three() {
    on_a_database(URL, async |place| {
        let (client, count) = counting(place).await;
        let store = MongoStore::from_database(client.database(&place.name)).await.unwrap();
        let trips = || count.swap(0, Ordering::SeqCst);
        let (a, b, owner) = (key("a"), key("b"), Owner::new("o").unwrap());
        let to = now() + Duration::from_secs(900);
        let extend = Extend { due_before: to, to, original_max_age: Some(600_000) };
        trips();
        let stale = create(&store, "a", &record(1, None)).await;
        assert_eq!(trips(), 1, "create");
        store.update(&a, &record(2, Some("o")), Some(&stale), now()).await.unwrap();
        assert_eq!(trips(), 1, "update");
        store.load(&a, None, now()).await.unwrap();
        assert_eq!(trips(), 1, "load");
        let stored = store.load(&a, Some(&extend), now()).await.unwrap().unwrap();
        assert!(to - stored.record.expires_at < Duration::from_millis(1));
        assert_eq!(trips(), 1, "load with a due touch");
        store.touch(&a, to, Some(&stored.version), now()).await.unwrap();
        assert_eq!(trips(), 1, "touch");
        let conflict = store.update(&a, &record(3, Some("o")), Some(&stale), now()).await.unwrap();
        assert!(matches!(conflict, Updated::Conflict(_)));
        assert_eq!(trips(), 2, "update that meets a conflict");
        let (moved, tombstone) = (record(3, Some("o")), record(4, None));
        let replace =
            Replace { old: &a, new: &b, record: &moved, base: &stored.version, tombstone: Some(&tombstone) };
        store.replace(replace, now()).await.unwrap();
        assert_eq!(trips(), 3, "replace");
        store.delete(&a, None).await.unwrap();
        assert_eq!(trips(), 1, "delete");
        for n in 0..50 {
            create(&store, &n.to_string(), &record(n, Some("o"))).await;
        }
        trips();
        assert_eq!(store.sessions_of(&owner, now()).await.unwrap().len(), 51);
        assert_eq!(trips(), 1, "sessions_of");
        assert_eq!(store.revoke(&owner, None).await.unwrap(), 51);
        assert_eq!(trips(), 2, "revoke of 51");
    })
    .await;
}

async fn a_revoke_amid_moves_counts_each_session_once_and_lets_none_get_away() {
    on_a_database(URL, async |place| {
        let store = place.store().await;
        let owner = Owner::new("o").unwrap();
        let mut moved_first = 0;
        for round in 0..10_u64 {
            let mut moves = Vec::new();
            for n in 0..40_u64 {
                let old = format!("{round}-{n}-old");
                let base = create(&store, &old, &record(n, Some("o"))).await;
                let store = store.clone();
                moves.push(async move {
                    // Spread over the time that the revoke takes.
                    tokio::time::sleep(Duration::from_micros(n * 400)).await;
                    let (record, tombstone) = (record(n, Some("o")), record(n, None));
                    let tombstone = (n % 2 == 0).then_some(&tombstone);
                    let new = key(&old.replace("old", "new"));
                    let replace =
                        Replace { old: &key(&old), new: &new, record: &record, base: &base, tombstone };
                    matches!(store.replace(replace, now()).await.unwrap(), Replaced::Done(_))
                });
            }
            let moves: Vec<_> = moves.into_iter().map(tokio::spawn).collect();
            tokio::time::sleep(Duration::from_millis(1 + 2 * round)).await;
            assert_eq!(store.revoke(&owner, None).await.unwrap(), 40);
            for moving in moves {
                moved_first += u32::from(moving.await.unwrap());
            }
            assert_eq!(store.sessions_of(&owner, now()).await.unwrap(), []);
            assert_eq!(place.sessions().count_documents(doc! { "owner": "o" }).await.unwrap(), 0);
        }
        eprintln!("of 400 sessions, {moved_first} had moved before they were revoked");
        assert!((1..400).contains(&moved_first), "{moved_first}");
    })
    .await;
}

async fn what_a_broken_off_move_leaves_is_listed_once_and_revoked() {
    on_a_database(URL, async |place| {
        let store = place.store().await;
        let owner = Owner::new("o").unwrap();
        let listed = async || {
            let found = store.sessions_of(&owner, now()).await.unwrap();
            let mut keys: Vec<_> = found.into_iter().map(|(key, _)| key.as_str().to_owned()).collect();
            keys.sort();
            keys
        };
        // Broken off before the old one was retired, and after.
        for name in ["a", "b", "x"] {
            create(&store, name, &record(1, Some("o"))).await;
        }
        for (new, old) in [("b", "a"), ("x", "gone")] {
            let mark = doc! { "$set": { "movedFrom": old } };
            place.sessions().update_one(doc! { "_id": new }, mark).await.unwrap();
        }
        assert_eq!(listed().await, ["a", "x"]);
        assert_eq!(store.revoke(&owner, Some(&key("a"))).await.unwrap(), 0);
        assert_eq!(listed().await, ["a"]);
        // The kept one is on its way to `b`.
        assert!(live(&store, "b").await.is_some() && live(&store, "x").await.is_none());
        // A write under the new key proves that it has arrived.
        store.update(&key("b"), &record(2, Some("o")), None, now()).await.unwrap();
        assert_eq!(listed().await, ["a", "b"]);
        assert_eq!(store.revoke(&owner, None).await.unwrap(), 2);
        assert_eq!(place.sessions().count_documents(doc! {}).await.unwrap(), 0);
    })
    .await;
}

async fn names_that_mean_something_else_are_refused() {
    on_a_database(URL, async |place| {
        for name in ["", "$cmd", "a$b", "a\0b", "system.users", ".a", "a..b", &"x".repeat(1 << 20)] {
            let refused = place.builder().collection(name).connect(&place.url).await.unwrap_err();
            assert_eq!(refused.kind(), StoreErrorKind::Refused, "{name}");
            let refused = place.builder().collection(name).from_database(place.database()).await.unwrap_err();
            assert_eq!(refused.kind(), StoreErrorKind::Refused, "{name}");
        }
        for name in ["", "a.b", "a\"b", "a$b", "a\0b", "admin", "local"] {
            let refused = MongoStore::builder().database(name).connect(&place.url).await.unwrap_err();
            assert_eq!(refused.kind(), StoreErrorKind::Refused, "{name}");
        }
        // These are only unusual.
        for name in ["web.sessions", "it's \"ours\"; --", "sitzungen-\u{e9}"] {
            let store = place.builder().collection(name).connect(&place.url).await.unwrap();
            create(&store, "a", &record(1, None)).await;
            assert_eq!(store.clear().await.unwrap(), 1);
        }
    })
    .await;
}

async fn strange_keys_are_bound_safely() {
    on_a_database(URL, async |place| {
        let store = place.store().await;
        create(&store, "a", &record(0, None)).await;
        let long = "k".repeat(1 << 20);
        for name in ["", "a\0", "\0", "{\"$gt\":\"\"}", "$where", "a.b", "'\"`", long.as_str()] {
            let found = store.load(&key(name), None, now()).await.unwrap();
            assert_eq!(found, None);
            let version = create(&store, name, &record(1, Some("o"))).await;
            assert_eq!(store.create(&key(name), &record(2, None), now()).await.unwrap(), Created::Exists);
            let updated =
                store.update(&key(name), &record(2, Some("o")), Some(&version), now()).await.unwrap();
            assert!(matches!(updated, Updated::Done(_)));
            let owner = Owner::new("o").unwrap();
            let found = store.sessions_of(&owner, now()).await.unwrap();
            assert_eq!((found.len(), found[0].0.as_str()), (1, name));
            assert_eq!(store.delete(&key(name), None).await.unwrap(), Deleted::Done);
        }
        assert!(live(&store, "a").await.is_some());
    })
    .await;
}

async fn what_is_too_large_for_the_server_is_refused_and_changes_nothing() {
    on_a_database(URL, async |place| {
        let store = place.builder().patience(Duration::from_secs(20)).connect(&place.url).await.unwrap();
        let of_mib = |mib: usize| {
            let payload = format!(r#"{{"cookie":{{}},"a":"{}"}}"#, "x".repeat(mib << 20));
            Record { payload: payload.into(), ..record(1, None) }
        };
        let error = store.create(&key("a"), &of_mib(17), now()).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Refused, "{error}");
        let base = create(&store, "a", &of_mib(7)).await;
        let updated = store.update(&key("a"), &of_mib(7), Some(&base), now()).await.unwrap();
        let Updated::Done(base) = updated else { panic!("{updated:?}") };
        let error = store.update(&key("a"), &of_mib(12), Some(&base), now()).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Refused, "{error}");
        let left = live(&store, "a").await.unwrap();
        assert!(left.payload == of_mib(7).payload);
    })
    .await;
}

async fn no_error_says_a_password_a_key_or_a_value() {
    on_a_database(URL, async |place| {
        let rest = place.url.strip_prefix("mongodb://").unwrap();
        let in_url = format!("mongodb://sessions:s3cret@{rest}");
        let patience = Duration::from_millis(500);
        let errors = [
            place.builder().connect(&in_url).await.unwrap_err(),
            MongoStore::connect("mongodb://u:s3cret@[::bad").await.unwrap_err(),
            MongoStore::connect("s3cret").await.unwrap_err(),
            MongoStore::connect("mongodb://u:s3cret@h/?tlsCAFile=/none&tls=true").await.unwrap_err(),
            MongoStore::builder().patience(patience).connect("mongodb://u:s3cret@127.0.0.1:1").await.unwrap_err(),
        ];
        let kinds = errors.each_ref().map(|error| {
            let text = format!("{error} {error:?}");
            assert!(!text.contains("s3cret") && !text.contains("127.0.0.1"), "{text}");
            error.kind()
        });
        eprintln!("{errors:?}");
        let (refused, unavailable) = (StoreErrorKind::Refused, StoreErrorKind::Unavailable);
        assert_eq!(kinds, [refused, refused, refused, refused, unavailable]);
        // The server's message for this one quotes the key that is taken.
        place.store().await;
        let unique = doc! { "createIndexes": "sessions", "indexes": [{ "key": { "session": 1 }, "name": "u", "unique": true }] };
        place.database().run_command(unique).await.unwrap();
        let store = place.store().await;
        create(&store, "k3y-a", &record(1, Some("s3cret"))).await;
        create(&store, "k3y-b", &record(2, Some("s3cret"))).await;
        let error = store.update(&key("k3y-b"), &record(1, Some("s3cret")), None, now()).await.unwrap_err();
        assert_eq!(error.to_string(), "the session store refused: MongoDB error 11000");
        let text = format!("{store:?} {:?}", place.builder());
        assert!(!text.contains("s3cret") && !text.contains("k3y"), "{text}");
    })
    .await;
}
