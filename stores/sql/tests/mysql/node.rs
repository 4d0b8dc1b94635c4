//! The same rows as express-mysql-session: what one writes, the other reads.

use std::time::Duration;

use serde_json::Value;
use session_core::store::{Directory as _, Owner, Store as _, Touched, Updated};
use sqlx::mysql::MySqlConnection;
use sqlx::{Row as _, query};
use time::OffsetDateTime;

use super::{key, on_a_database, run};

/// Node's clock stood at 2030-01-01T00:00:00.250Z when these were made.
const NODES_NOW: i64 = 1_893_456_000;

fn vectors() -> Vec<Value> {
    let file: Value = serde_json::from_str(include_str!("../golden/mysql.json")).unwrap();
    file["vectors"].as_array().unwrap().iter().filter(|v| v["variant"] == "defaults").cloned().collect()
}

/// The table as Node makes it.
fn create_table() -> String {
    let vectors = vectors();
    let create = vectors.iter().find_map(|vector| vector["create_table"].as_str()).unwrap();
    create.replace("`sessions0`", "`sessions`")
}

/// Id, expiry and text of each row.
fn rows() -> Vec<(String, i64, String)> {
    let rows = vectors().into_iter().filter(|vector| vector["row"].is_object());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let row = |row: &Value| (text(&row["session_id"]), row["expires"].as_i64().unwrap(), text(&row["data"]));
    rows.map(|vector| row(&vector["row"])).collect()
}

/// Node's `set`.
async fn node_sets(connection: &mut MySqlConnection, id: &str, expires: i64, data: &str) {
    let set = "INSERT INTO `sessions` (`session_id`, `expires`, `data`) VALUES (?, ?, ?)
               ON DUPLICATE KEY UPDATE `expires` = VALUES(`expires`), `data` = VALUES(`data`)";
    query(set).bind(id).bind(expires).bind(data).execute(connection).await.unwrap();
}

pub(crate) async fn what_node_wrote_is_read_as_it_is_from_the_table_that_node_made() {
    on_a_database(async |place| {
        let mut node = place.other().await;
        run(&mut node, create_table()).await;
        for (id, expires, data) in rows() {
            node_sets(&mut node, &id, expires, &data).await;
        }
        let store = place.store().await;
        for (id, expires, data) in rows() {
            let now = OffsetDateTime::from_unix_timestamp(NODES_NOW).unwrap();
            let stored = store.load(&key(&id), None, now).await.unwrap().expect("it is there");
            assert_eq!(&*stored.record.payload, data);
            assert_eq!(stored.record.expires_at.unix_timestamp(), expires);
            assert_eq!(stored.record.owner, None);
        }
        place.create(&store, "a").await;
        assert_eq!(store.count(OffsetDateTime::UNIX_EPOCH).await.unwrap(), 5);
        // And Node still writes to it.
        node_sets(&mut node, "b", 4_000_000_000, "{}").await;
    })
    .await;
}

pub(crate) async fn what_this_store_writes_node_finds() {
    on_a_database(async |place| {
        let store = place.store().await;
        let mut node = place.other().await;
        let record = place.record(1);
        store.create(&key("a"), &record, place.now).await.unwrap();
        let get =
            query("SELECT `data` AS `data`, `expires` AS `expires` FROM `sessions` WHERE `session_id` = ?");
        let row = get.bind("a").fetch_one(&mut node).await.unwrap();
        assert_eq!(row.get::<String, _>("data"), &*record.payload);
        assert_eq!(i64::from(row.get::<u32, _>("expires")), record.expires_at.unix_timestamp());
        // Node's touch.
        let touch = query("UPDATE `sessions` SET `expires` = ? WHERE `session_id` = ?");
        touch.bind(4_000_000_000_u32).bind("a").execute(&mut node).await.unwrap();
        let stored = store.load(&key("a"), None, place.now).await.unwrap().unwrap();
        assert_eq!(stored.record.expires_at.unix_timestamp(), 4_000_000_000);
        assert_eq!(stored.record.owner, record.owner);
    })
    .await;
}

pub(crate) async fn a_write_by_node_is_a_conflict_and_keeps_the_owner() {
    on_a_database(async |place| {
        let store = place.store().await;
        let mut node = place.other().await;
        let base = place.create(&store, "a").await;
        let text = r#"{"cookie":{"originalMaxAge":60000},"name":"Zoë 😀"}"#;
        node_sets(&mut node, "a", 4_000_000_000, text).await;
        let later = place.now + Duration::from_secs(90);
        let touched = store.touch(&key("a"), later, Some(&base), place.now).await.unwrap();
        assert_eq!(touched, Touched::Changed);
        let updated = store.update(&key("a"), &place.record(2), Some(&base), place.now).await.unwrap();
        let Updated::Conflict(newer) = updated else { panic!("Node's write was overwritten: {updated:?}") };
        assert_eq!(&*newer.record.payload, text);
        assert_eq!(newer.record.owner, Owner::new("somebody"));
        let updated =
            store.update(&key("a"), &place.record(2), Some(&newer.version), place.now).await.unwrap();
        assert!(matches!(updated, Updated::Done(_)));
        assert_eq!(store.revoke(&Owner::new("somebody").unwrap(), None).await.unwrap(), 1);
    })
    .await;
}
