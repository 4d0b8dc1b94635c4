//! Tables: made, upgraded, refused, told apart, and searched by their indexes.

use session_core::store::{Directory as _, Owner, StoreErrorKind};
use session_store_sql::SqliteStore;
use sqlx::{AssertSqlSafe, Row as _};

use super::{Place, run};

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_start_at_once_on_a_new_file_all_start() {
    for _ in 0..5 {
        let place = Place::new();
        let starts: Vec<_> = (0..8).map(|_| tokio::spawn(SqliteStore::open(place.file()))).collect();
        for (n, start) in starts.into_iter().enumerate() {
            let store = start.await.unwrap().expect("each of them starts");
            place.create(&store, &n.to_string()).await;
            assert!(place.has(&store, "0").await);
        }
    }
}

#[tokio::test]
async fn a_table_of_an_older_version_gets_its_missing_column_and_keeps_its_sessions() {
    let place = Place::new();
    let mut old = place.other().await;
    run(
        &mut old,
        "CREATE TABLE sessions (key TEXT NOT NULL PRIMARY KEY, payload TEXT, expires_at INTEGER, version INTEGER);
         INSERT INTO sessions VALUES ('a', '{\"cookie\":{}}', 99999999999999, 7)",
    )
    .await;
    let (one, two) = tokio::join!(place.store(), place.store());
    assert!(place.has(&one, "a").await);
    place.create(&two, "b").await;
    assert_eq!(two.sessions_of(&Owner::new("somebody").unwrap(), place.now).await.unwrap().len(), 1);
}

#[tokio::test]
async fn somebody_elses_table_is_refused_and_left_alone() {
    let place = Place::new();
    let mut other = place.other().await;
    run(&mut other, "CREATE TABLE sessions (id INTEGER, title TEXT)").await;
    let error = SqliteStore::open(place.file()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Refused);
    assert!(error.to_string().contains("another table name"), "{error}");
    let columns = sqlx::query("SELECT name FROM pragma_table_info('sessions')");
    assert_eq!(columns.fetch_all(&mut other).await.unwrap().len(), 2);
}

#[tokio::test]
async fn two_tables_in_one_file_do_not_see_each_other() {
    let place = Place::new();
    let shop = SqliteStore::builder().table("shop").open(place.file()).await.unwrap();
    let staff = SqliteStore::builder().table("staff").open(place.file()).await.unwrap();
    let owner = Owner::new("somebody").unwrap();
    place.create(&shop, "a").await;
    assert!(!place.has(&staff, "a").await);
    place.create(&staff, "a").await;
    assert_eq!(shop.revoke(&owner, None).await.unwrap(), 1);
    assert!(place.has(&staff, "a").await);
    assert_eq!(shop.clear().await.unwrap(), 0);
    assert_eq!(staff.clear().await.unwrap(), 1);
}

#[tokio::test]
async fn names_with_quotes_are_refused() {
    for name in ["a\"b", "a'b", "a`b", "a;b", "a b", "", "sqlite_a"] {
        let error = SqliteStore::builder().table(name).in_memory().await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Refused);
    }
}

#[tokio::test]
async fn searches_use_the_indexes_and_a_touch_changes_none() {
    let place = Place::new();
    let _store = place.store().await;
    let mut other = place.other().await;
    let plans = [
        ("SELECT payload FROM sessions WHERE key = ? AND expires_at > ?", "sqlite_autoindex_sessions_1"),
        (
            "UPDATE sessions SET expires_at = ? WHERE key = ? AND expires_at > ?",
            "sqlite_autoindex_sessions_1",
        ),
        ("SELECT key FROM sessions WHERE owner = ? AND expires_at > ?", "sessions_owner_idx"),
        ("DELETE FROM sessions WHERE owner = ? AND (?2 IS NULL OR key <> ?2)", "sessions_owner_idx"),
        (
            "SELECT key FROM sessions WHERE key > ? AND expires_at > ? ORDER BY key LIMIT 9",
            "sqlite_autoindex_sessions_1",
        ),
        (
            "SELECT rowid FROM sessions WHERE rowid > ? AND rowid <= ? AND expires_at <= ? LIMIT 9",
            "INTEGER PRIMARY KEY",
        ),
    ];
    for (statement, index) in plans {
        let plan = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}")))
            .fetch_all(&mut other)
            .await
            .unwrap();
        let plan: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
        assert_eq!(plan.len(), 1, "no sorting step: {plan:?}");
        assert!(plan[0].starts_with("SEARCH sessions") && plan[0].contains(index), "{statement}: {plan:?}");
    }
    let indexed = sqlx::query(
        "SELECT c.name FROM pragma_index_list('sessions') AS i, pragma_index_info(i.name) AS c ORDER BY 1",
    )
    .fetch_all(&mut other)
    .await
    .unwrap();
    let indexed: Vec<String> = indexed.iter().map(|row| row.get(0)).collect();
    assert_eq!(indexed, ["key", "owner"], "an index on expires_at would be rewritten by each touch");
}
