//! Tables: made, refused, told apart, searched by their indexes, purged in batches.

use std::time::Duration;

use session_core::store::{Directory as _, StoreErrorKind};
use session_store_sql::MysqlStore;
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Row as _};
use time::OffsetDateTime;

use super::{on_a_database, run, tasks};

pub(crate) async fn servers_that_start_at_once_all_start() {
    on_a_database(async |place| {
        // On a new table, and on one that lacks this store's column.
        let old =
            "session_id varchar(128) COLLATE utf8mb4_bin PRIMARY KEY, expires int unsigned, data mediumtext";
        run(&mut place.other().await, format!("CREATE TABLE two ({old}) CHARSET utf8mb4")).await;
        let start = |table: &'static str| {
            let (builder, options) = (MysqlStore::builder().connections(2).table(table), place.options());
            tokio::spawn(async move { builder.connect_with(options).await })
        };
        let starts: Vec<_> =
            ["one", "two"].into_iter().flat_map(|t| [start(t), start(t), start(t)]).collect();
        for (n, start) in starts.into_iter().enumerate() {
            let store = start.await.unwrap().expect("each of them starts");
            place.create(&store, &n.to_string()).await;
        }
    })
    .await;
}

pub(crate) async fn two_tables_in_one_database_do_not_see_each_other() {
    on_a_database(async |place| {
        let shop = place.open(MysqlStore::builder().table("shop")).await.unwrap();
        let staff = place.open(MysqlStore::builder().table("staff")).await.unwrap();
        place.create(&shop, "a").await;
        assert!(!place.has(&staff, "a").await);
        place.create(&staff, "a").await;
        assert_eq!(shop.clear().await.unwrap(), 1);
        assert!(place.has(&staff, "a").await);
    })
    .await;
}

pub(crate) async fn a_table_of_another_shape_is_refused_and_left_alone() {
    on_a_database(async |place| {
        let mut other = place.other().await;
        let (id, key) = ("session_id varchar(128)", "session_id varchar(128) PRIMARY KEY");
        let tables = [
            "(id int, title text) CHARSET utf8mb4".to_owned(),
            format!("({key}, expires int unsigned, data mediumtext) COLLATE utf8mb4_general_ci"),
            format!("({key}, expires int unsigned, data mediumtext) COLLATE latin1_bin"),
            format!("({id}, expires int unsigned, data mediumtext) COLLATE utf8mb4_bin"),
            format!("({key}, expires timestamp, data mediumtext) COLLATE utf8mb4_bin"),
            format!("({key}, expires int unsigned, data mediumtext) ENGINE MyISAM COLLATE utf8mb4_bin"),
        ];
        for table in tables {
            run(&mut other, format!("CREATE TABLE sessions {table}")).await;
            let error = place.open(MysqlStore::builder()).await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Refused, "{table}");
            assert!(error.to_string().contains("express-mysql-session"), "{error}");
            run(&mut other, "DROP TABLE sessions").await;
        }
    })
    .await;
}

pub(crate) async fn names_with_quotes_are_refused() {
    for name in ["a\"b", "a'b", "a`b", "a;b", "a.b", ""] {
        let builder = MysqlStore::builder().table(name);
        let error = builder.connect("mysql://nobody@127.0.0.1:1/none").await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Refused);
    }
}

pub(crate) async fn an_account_that_may_only_read_and_write_rows_is_enough_once_the_table_is_there() {
    on_a_database(async |place| {
        let mut other = place.other().await;
        let (user, database) = (&place.database, &place.database);
        // A fresh server has a nameless account at localhost, which would go before one at any host.
        for host in ["%", "localhost"] {
            run(&mut other, format!("CREATE USER {user}@'{host}' IDENTIFIED BY 'pw'")).await;
            run(
                &mut other,
                format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {database}.* TO {user}@'{host}'"),
            )
            .await;
        }
        let options = place.options().username(user).password("pw");
        let error = MysqlStore::builder().connect_with(options.clone()).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string().contains("1142")),
            (StoreErrorKind::Refused, true),
            "{error}"
        );
        let first = place.store().await;
        let store = MysqlStore::builder().connect_with(options).await.unwrap();
        place.create(&store, "a").await;
        store.purge_expired(place.now, 10).await.unwrap();
        assert!(place.has(&first, "a").await);
        run(&mut other, format!("DROP USER {user}@'%', {user}@'localhost'")).await;
    })
    .await;
}

/// `count` rows k00001, k00002 and so on, of the owners o1, o2 and so on; every tenth has expired.
async fn fill(connection: &mut MySqlConnection, count: u32) {
    let digits: Vec<_> = (0..10).map(|digit| format!("SELECT {digit} AS d")).collect();
    let digits = digits.join(" UNION ALL ");
    let insert = format!(
        "INSERT INTO sessions (session_id, data, expires, owner)
         SELECT concat('k', lpad(i, 5, '0')), '{{\"cookie\":{{}}}}', if(i % 10 = 0, 1000, 4000000000), concat('o', i)
         FROM (SELECT 1 + a.d + 10 * b.d + 100 * c.d + 1000 * e.d AS i
               FROM ({digits}) a, ({digits}) b, ({digits}) c, ({digits}) e) AS numbers WHERE i <= {count}"
    );
    run(connection, insert).await;
}

pub(crate) async fn searches_use_the_indexes_and_none_is_on_the_expiry() {
    on_a_database(async |place| {
        let _store = place.store().await;
        let mut other = place.other().await;
        fill(&mut other, 5000).await;
        run(&mut other, "ANALYZE TABLE sessions").await;
        let plans = [
            ("SELECT data FROM sessions WHERE session_id = 'k00007' AND expires > 1", "PRIMARY"),
            ("SELECT data FROM sessions WHERE owner = 'o7' AND expires > 1", "sessions_owner_idx"),
            ("SELECT data FROM sessions WHERE session_id > 'k7' AND expires > 1 ORDER BY session_id LIMIT 9", "PRIMARY"),
        ];
        for (statement, index) in plans {
            let plan = sqlx::query(AssertSqlSafe(format!("EXPLAIN {statement}")));
            let plan = plan.fetch_one(&mut other).await.unwrap();
            assert_eq!(plan.get::<Option<String>, _>("key").as_deref(), Some(index), "{statement}");
            assert!(!plan.get::<String, _>("Extra").contains("filesort"), "{statement}");
        }
        // The type of the parameter must not keep the owner's index from being used.
        let plan = sqlx::query("EXPLAIN DELETE FROM sessions WHERE owner = ? AND (? IS NULL OR session_id <> ?)")
            .bind(&b"o7"[..])
            .bind(None::<&str>)
            .bind(None::<&str>)
            .fetch_one(&mut other)
            .await
            .unwrap();
        assert_eq!(plan.get::<Option<String>, _>("key").as_deref(), Some("sessions_owner_idx"));
        let indexed = "SELECT DISTINCT CAST(column_name AS CHAR) AS c FROM information_schema.statistics
                       WHERE table_schema = DATABASE() AND table_name = 'sessions' ORDER BY c";
        let indexed = sqlx::query(indexed).fetch_all(&mut other).await.unwrap();
        let indexed: Vec<String> = indexed.iter().map(|row| row.get(0)).collect();
        assert_eq!(indexed, ["owner", "session_id"], "an index on expires would be rewritten by each touch");
    })
    .await;
}

pub(crate) async fn purge_removes_in_batches_and_goes_on_where_it_stopped() {
    on_a_database(async |place| {
        let store = place.store().await;
        let mut other = place.other().await;
        assert_eq!(store.purge_expired(place.now, 10).await.unwrap(), 0);
        fill(&mut other, 10_000).await;
        let mut batches = Vec::new();
        loop {
            let removed = store.purge_expired(place.now, 330).await.unwrap();
            batches.push(removed);
            if removed < 330 {
                break;
            }
        }
        assert_eq!(batches, [330, 330, 330, 10]);
        assert_eq!(store.count(OffsetDateTime::UNIX_EPOCH).await.unwrap(), 9000);
        // What expires behind the place where the last call stopped is found as well.
        let expire = "UPDATE sessions SET expires = 1000 WHERE session_id IN ('k00001', 'k05001', 'k09999')";
        run(&mut other, expire).await;
        assert_eq!(store.purge_expired(place.now, 2).await.unwrap(), 2);
        assert_eq!(store.purge_expired(place.now, 2).await.unwrap(), 1);
        assert_eq!(store.purge_expired(place.now, 0).await.unwrap(), 0);
        // Looking for them waits for nobody.
        run(&mut other, "BEGIN; SELECT 1 FROM sessions WHERE session_id = 'k00002' FOR UPDATE").await;
        assert_eq!(store.purge_expired(place.now, 2).await.unwrap(), 0);
        run(&mut other, "COMMIT").await;
    })
    .await;
}

pub(crate) async fn expired_sessions_are_removed_in_the_background_until_the_store_is_dropped() {
    on_a_database(async |place| {
        let _table = place.store().await;
        let mut other = place.other().await;
        let before = tasks::alive();
        let builder = MysqlStore::builder().purge_every(Duration::from_secs(1)).purge_batch(2);
        let store = place.open(builder).await.unwrap();
        for name in ["a", "b", "c", "d", "e", "stays"] {
            place.create(&store, name).await;
        }
        run(&mut other, "UPDATE sessions SET expires = 1000 WHERE session_id <> 'stays'").await;
        tasks::until(async || store.count(OffsetDateTime::UNIX_EPOCH).await.unwrap() == 1).await;
        assert!(place.has(&store, "stays").await);
        drop(store);
        tasks::until(async || tasks::alive() <= before).await;
    })
    .await;
}
