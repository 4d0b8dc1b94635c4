//! Tables: made, refused, told apart, searched by their indexes, and touched without writing to one.

use std::time::Duration;

use session_core::store::{Directory as _, Store as _, StoreErrorKind};
use session_store_sql::PostgresStore;
use sqlx::{AssertSqlSafe, Row as _};
use time::OffsetDateTime;

use super::{Place, key, on_a_schema, run, tasks};

pub(crate) async fn servers_that_start_at_once_all_start() {
    on_a_schema(async |place| {
        let start = |table: &'static str| {
            let builder = place.builder().connections(2).table(table);
            let url = place.url.clone();
            tokio::spawn(async move { builder.connect(&url).await })
        };
        let starts: Vec<_> =
            ["one", "two", "three"].into_iter().flat_map(|t| [start(t), start(t), start(t)]).collect();
        for (n, start) in starts.into_iter().enumerate() {
            let store = start.await.unwrap().expect("each of them starts");
            place.create(&store, &n.to_string()).await;
        }
    })
    .await;
}

pub(crate) async fn two_tables_in_one_schema_do_not_see_each_other() {
    on_a_schema(async |place| {
        let shop = place.builder().table("shop").connect(&place.url).await.unwrap();
        let staff = place.builder().table("Shop").connect(&place.url).await.unwrap();
        place.create(&shop, "a").await;
        assert!(!place.has(&staff, "a").await);
        place.create(&staff, "a").await;
        assert_eq!(shop.clear().await.unwrap(), 1);
        assert!(place.has(&staff, "a").await);
    })
    .await;
}

pub(crate) async fn a_table_of_another_shape_is_refused_and_left_alone() {
    on_a_schema(async |place| {
        let mut other = place.other().await;
        let columns = [
            "id int, title text",
            "sid varchar PRIMARY KEY, sess jsonb, expire timestamp(6)",
            "sid varchar PRIMARY KEY, sess json, expire timestamptz",
            "sid varchar, sess json, expire timestamp(6)",
        ];
        for columns in columns {
            run(&mut other, format!("CREATE TABLE session ({columns})")).await;
            let error = place.builder().connect(&place.url).await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Refused, "{columns}");
            assert!(error.to_string().contains("connect-pg-simple"), "{error}");
            run(&mut other, "DROP TABLE session").await;
        }
    })
    .await;
}

pub(crate) async fn names_with_quotes_are_refused() {
    for name in ["a\"b", "a'b", "a;b", "a.b", "", "pg_a"] {
        for builder in [PostgresStore::builder().table(name), PostgresStore::builder().schema(name)] {
            let error = builder.connect("postgres://nobody@127.0.0.1:1/none").await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Refused);
        }
    }
}

pub(crate) async fn an_account_that_may_only_read_and_write_rows_is_enough_once_the_table_is_there() {
    on_a_schema(async |place| {
        let mut other = place.other().await;
        let (role, schema) = (format!("role_{}", place.schema), &place.schema);
        run(&mut other, format!("CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {schema} TO {role}")).await;
        let options = place.options().username(&role);
        let error = place.builder().connect_with(options.clone()).await.unwrap_err();
        assert_eq!((error.kind(), error.to_string().contains("42501")), (StoreErrorKind::Refused, true));
        let first = place.store().await;
        run(&mut other, format!("GRANT SELECT, INSERT, UPDATE, DELETE ON session TO {role}")).await;
        let store = place.builder().connect_with(options).await.unwrap();
        place.create(&store, "a").await;
        store.purge_expired(place.now, 10).await.unwrap();
        assert!(place.has(&first, "a").await);
        store.close().await;
        run(&mut other, format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
    })
    .await;
}

pub(crate) async fn searches_use_the_indexes_and_a_touch_changes_none() {
    on_a_schema(async |place| {
        let store = place.store().await;
        let mut other = place.other().await;
        fill(&mut other, 20_000).await;
        run(&mut other, "ANALYZE session").await;
        let plans = [
            ("SELECT sess FROM session WHERE sid = 'k7' AND expire > now()", "Index Scan using session_pkey"),
            ("SELECT sid FROM session WHERE owner = 'o7' AND expire > now()", "session_owner_idx"),
            (
                r#"SELECT sid FROM session WHERE sid COLLATE "C" > 'k7' AND expire > now() ORDER BY sid COLLATE "C" LIMIT 9"#,
                "Index Scan using session_pkey",
            ),
            ("SELECT ctid FROM session WHERE ctid >= '(0,0)' AND ctid < '(9,0)' AND expire < now()", "Tid Range Scan"),
        ];
        for (statement, expected) in plans {
            let plan = sqlx::query(AssertSqlSafe(format!("EXPLAIN {statement}")));
            let plan = plan.fetch_all(&mut other).await.unwrap();
            let plan: String = plan.iter().map(|row| row.get::<String, _>(0) + "\n").collect();
            assert!(plan.contains(expected) && !plan.contains("Sort"), "{statement}:\n{plan}");
        }
        for n in 0..50 {
            store.touch(&key("k1"), place.now + Duration::from_secs(90 + n), None, place.now).await.unwrap();
        }
        store.close().await;
        // The server's counts come a little later.
        let mut hot = (0, 0);
        while hot.0 < 50 {
            run(&mut other, "SELECT pg_stat_clear_snapshot()").await;
            let row = sqlx::query("SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relid = 'session'::regclass");
            let row = row.fetch_one(&mut other).await.unwrap();
            hot = (row.get::<i64, _>(0), row.get::<i64, _>(1));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // If the expiry were in an index, none of them would be. One that begins a new page while another test keeps an old
        // snapshot may be made the other way.
        assert!(hot.0 == 50 && hot.1 >= 40, "touches, and touches that changed no index: {hot:?}");
    })
    .await;
}

/// `count` rows k1, k2 and so on, of the owners o1, o2 and so on; every tenth has expired.
async fn fill(connection: &mut sqlx::PgConnection, count: u32) {
    let insert = format!(
        "INSERT INTO session (sid, sess, expire, owner) SELECT 'k' || i, '{{\"cookie\":{{}}}}',
         CASE WHEN i % 10 = 0 THEN TIMESTAMP '2001-01-01' ELSE TIMESTAMP '2090-01-01' END, 'o' || i
         FROM generate_series(1, {count}) AS i"
    );
    run(connection, insert).await;
}

pub(crate) async fn purge_removes_in_batches_and_goes_on_where_it_stopped() {
    on_a_schema(async |place: &Place| {
        let store = place.store().await;
        let mut other = place.other().await;
        assert_eq!(store.purge_expired(place.now, 10).await.unwrap(), 0);
        fill(&mut other, 100_000).await;
        let mut batches = Vec::new();
        loop {
            let removed = store.purge_expired(place.now, 3000).await.unwrap();
            batches.push(removed);
            if removed < 3000 {
                break;
            }
        }
        assert_eq!(batches, [3000, 3000, 3000, 1000]);
        assert_eq!(store.count(time::OffsetDateTime::UNIX_EPOCH).await.unwrap(), 90_000);
        // What expires behind the place where the last call stopped is found as well.
        run(&mut other, "UPDATE session SET expire = '2001-01-01' WHERE sid IN ('k1', 'k50001', 'k99999')")
            .await;
        assert_eq!(store.purge_expired(place.now, 3000).await.unwrap(), 3);
        assert_eq!(store.purge_expired(place.now, 0).await.unwrap(), 0);
        // A row that somebody is writing is left for the next time.
        run(&mut other, "UPDATE session SET expire = '2001-01-01' WHERE sid IN ('k2', 'k3')").await;
        run(&mut other, "BEGIN; SELECT 1 FROM session WHERE sid = 'k2' FOR UPDATE").await;
        assert_eq!(store.purge_expired(place.now, 3000).await.unwrap(), 1);
        run(&mut other, "COMMIT").await;
        assert_eq!(store.purge_expired(place.now, 3000).await.unwrap(), 1);
    })
    .await;
}

pub(crate) async fn expired_sessions_are_removed_in_the_background_until_the_store_is_dropped() {
    on_a_schema(async |place| {
        let _table = place.store().await;
        let mut other = place.other().await;
        let before = tasks::alive();
        let builder = place.builder().purge_every(Duration::from_secs(1)).purge_batch(2);
        let store = builder.connect(&place.url).await.unwrap();
        for name in ["a", "b", "c", "d", "e", "stays"] {
            place.create(&store, name).await;
        }
        run(&mut other, "UPDATE session SET expire = TIMESTAMP '2001-01-01' WHERE sid <> 'stays'").await;
        tasks::until(async || store.count(OffsetDateTime::UNIX_EPOCH).await.unwrap() == 1).await;
        assert!(place.has(&store, "stays").await);
        drop(store);
        tasks::until(async || tasks::alive() <= before).await;
    })
    .await;
}
