//! The same rows as connect-pg-simple: what one writes, the other reads. The statements are Node's own, recorded.

use std::time::Duration;

use serde_json::Value;
use session_core::store::{Directory as _, Owner, Store as _, Touched, Updated};
use session_store_sql::PostgresStore;
use sqlx::postgres::{PgConnection, PgPoolOptions};
use sqlx::{AssertSqlSafe, Executor as _, Row as _};
use time::OffsetDateTime;
use time::macros::datetime;

use super::{key, on_a_schema, run};

/// The vectors of one variant; Node's clock stood at this time.
const NODES_NOW: OffsetDateTime = datetime!(2030-01-01 0:00:00.250 UTC);

fn vectors() -> Vec<Value> {
    let file: Value = serde_json::from_str(include_str!("../golden/pg.json")).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    vectors
        .iter()
        .filter(|v| v["variant"] == "defaults, TimeZone UTC" && v["row"].is_object())
        .cloned()
        .collect()
}

/// One of Node's statements, on the table that the search path finds.
fn statement(recorded: &Value) -> String {
    recorded["text"].as_str().unwrap().replace("\"golden0\".", "")
}

/// The table as Node makes it.
fn create_table() -> String {
    statement(&vectors()[0]["statements_set"][1])
}

/// Node's `set`, with its own text of the session.
async fn node_sets(connection: &mut PgConnection, vector: &Value, sess: &str, expire: f64) {
    let recorded = vector["statements_set"].as_array().unwrap().last().unwrap();
    // Node sends parameters without a type, as text.
    let text = statement(recorded).replace("$1", "$1::json");
    let sid = vector["session_id"].as_str().unwrap();
    let done = sqlx::query(AssertSqlSafe(text)).bind(sess).bind(expire).bind(sid).execute(connection).await;
    assert_eq!(done.unwrap().rows_affected(), 1);
}

async fn node_writes_all(connection: &mut PgConnection) {
    for vector in vectors() {
        let recorded = vector["statements_set"].as_array().unwrap().last().unwrap().clone();
        let expire = recorded["params"][1].as_f64().unwrap();
        node_sets(connection, &vector, vector["row"]["sess_text"].as_str().unwrap(), expire).await;
    }
}

/// Whether Node's `get` finds this session at its time.
async fn node_finds(connection: &mut PgConnection, sid: &str, now: f64) -> Option<String> {
    let text = statement(&vectors()[0]["statements_unmodified_request"][0])
        .replace("SELECT sess", "SELECT sess::text");
    let row = sqlx::query(AssertSqlSafe(text)).bind(sid).bind(now).fetch_optional(connection).await.unwrap();
    row.map(|row| row.get(0))
}

fn expire_of(vector: &Value) -> OffsetDateTime {
    let text = vector["row"]["expire_text"].as_str().unwrap().replace(' ', "T") + "Z";
    OffsetDateTime::parse(&text, &time::format_description::well_known::Rfc3339).unwrap()
}

pub(crate) async fn what_node_wrote_is_read_as_it_is() {
    on_a_schema(async |place| {
        let mut node = place.other().await;
        run(&mut node, create_table()).await;
        node_writes_all(&mut node).await;
        let store = place.store().await;
        for vector in vectors() {
            let sid = vector["session_id"].as_str().unwrap();
            let stored = store.load(&key(sid), None, NODES_NOW).await.unwrap().expect("it is there");
            assert_eq!(&*stored.record.payload, vector["row"]["sess_text"].as_str().unwrap());
            assert_eq!(stored.record.expires_at, expire_of(&vector));
            assert_eq!(stored.record.owner, None);
        }
    })
    .await;
}

pub(crate) async fn what_this_store_writes_node_finds_until_it_expires() {
    on_a_schema(async |place| {
        let store = place.store().await;
        let mut node = place.other().await;
        let record = place.record(1);
        store.create(&key("a"), &record, place.now).await.unwrap();
        #[allow(clippy::cast_precision_loss, reason = "seconds of this century are exact")]
        let seconds = record.expires_at.unix_timestamp() as f64;
        assert_eq!(node_finds(&mut node, "a", seconds).await.as_deref(), Some(&*record.payload));
        assert_eq!(node_finds(&mut node, "a", seconds + 1.0).await, None);
        // Node's touch.
        let touch = statement(&vectors()[0]["statements_unmodified_request"][1]);
        let touch = sqlx::query(AssertSqlSafe(touch)).bind(seconds + 100.0).bind("a");
        assert_eq!(touch.execute(&mut node).await.unwrap().rows_affected(), 1);
        let stored = store.load(&key("a"), None, place.now).await.unwrap().unwrap();
        assert_eq!(stored.record.expires_at.unix_timestamp(), record.expires_at.unix_timestamp() + 100);
        assert_eq!(stored.record.owner, record.owner);
    })
    .await;
}

pub(crate) async fn a_write_by_node_is_a_conflict_and_keeps_the_owner() {
    on_a_schema(async |place| {
        let store = place.store().await;
        let mut node = place.other().await;
        let vector = &vectors()[0];
        let sid = vector["session_id"].as_str().unwrap();
        let base = place.create(&store, sid).await;
        let text = vector["row"]["sess_text"].as_str().unwrap();
        node_sets(&mut node, vector, text, 4e9).await;
        let later = place.now + Duration::from_secs(90);
        let touched = store.touch(&key(sid), later, Some(&base), place.now).await.unwrap();
        assert_eq!(touched, Touched::Changed);
        let updated = store.update(&key(sid), &place.record(2), Some(&base), place.now).await.unwrap();
        let Updated::Conflict(newer) = updated else { panic!("Node's write was overwritten: {updated:?}") };
        assert_eq!(&*newer.record.payload, text);
        assert_eq!(newer.record.owner, Owner::new("somebody"));
        let updated =
            store.update(&key(sid), &place.record(2), Some(&newer.version), place.now).await.unwrap();
        assert!(matches!(updated, Updated::Done(_)));
        assert_eq!(store.revoke(&Owner::new("somebody").unwrap(), None).await.unwrap(), 1);
    })
    .await;
}

pub(crate) async fn the_time_zone_of_its_own_connection_changes_nothing() {
    on_a_schema(async |place| {
        let mut node = place.other().await;
        run(&mut node, create_table()).await;
        node_writes_all(&mut node).await;
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .after_connect(|connection, _| {
                Box::pin(async { connection.execute("SET TIME ZONE 'America/New_York'").await.map(drop) })
            })
            .connect_with(place.options())
            .await
            .unwrap();
        let abroad = PostgresStore::from_pool(pool).await.unwrap();
        let here = place.store().await;
        for vector in vectors() {
            let sid = key(vector["session_id"].as_str().unwrap());
            let stored = abroad.load(&sid, None, NODES_NOW).await.unwrap().unwrap();
            assert_eq!(stored.record.expires_at, expire_of(&vector));
        }
        place.create(&abroad, "a").await;
        let read =
            |store: PostgresStore| async move { store.load(&key("a"), None, place.now).await.unwrap() };
        assert_eq!(read(abroad.clone()).await, read(here).await);
        assert!(abroad.load(&key("a"), None, place.record(1).expires_at).await.unwrap().is_none());
    })
    .await;
}

pub(crate) async fn a_table_that_node_made_gets_what_it_lacks_and_keeps_what_it_has() {
    on_a_schema(async |place| {
        let mut node = place.other().await;
        run(&mut node, create_table()).await;
        node_writes_all(&mut node).await;
        let store = place.store().await;
        place.create(&store, "a").await;
        assert_eq!(store.count(OffsetDateTime::UNIX_EPOCH).await.unwrap(), 5);
        let page = store.page(None, 10, place.now).await.unwrap();
        assert!(page.windows(2).all(|pair| pair[0].0 < pair[1].0));
        let indexes = sqlx::query("SELECT indexname::text FROM pg_indexes WHERE schemaname = $1 ORDER BY 1");
        let indexes = indexes.bind(&place.schema).fetch_all(&mut node).await.unwrap();
        let indexes: Vec<String> = indexes.iter().map(|row| row.get(0)).collect();
        assert_eq!(indexes, ["IDX_session_expire", "session_owner_idx", "session_pkey"]);
        // And Node, started after this store, is content with the table it finds.
        let found = statement(&vectors()[0]["statements_set"][0]);
        let found = sqlx::query(AssertSqlSafe(found)).bind("\"session\"").fetch_one(&mut node).await.unwrap();
        assert!(found.try_get_raw(0).is_ok_and(|value| !sqlx::ValueRef::is_null(&value)));
    })
    .await;
}
