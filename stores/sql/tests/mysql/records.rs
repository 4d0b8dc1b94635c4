//! Records that cannot be read or have expired, and errors that must not say too much.

use std::time::Duration;

use session_core::store::{
    Deleted, Directory as _, Record, Replace, Replaced, Store as _, StoreErrorKind, Touched, Updated,
};
use session_store_sql::MysqlStore;
use sqlx::Executor as _;
use sqlx::mysql::MySqlPoolOptions;

use super::{key, on_a_database, run};

pub(crate) async fn a_record_that_cannot_be_read_is_an_error_for_its_key_only() {
    on_a_database(async |place| {
        let store = place.store().await;
        let mut other = place.other().await;
        let broken = [
            ("a", "NULL, 4000000000, NULL"),
            ("b", "'{}', 4000000000, ''"),
            ("c", "'{}', 4000000000, x'ff'"),
        ];
        for (name, rest) in broken {
            run(
                &mut other,
                format!("INSERT INTO sessions (session_id, data, expires, owner) VALUES ('{name}', {rest})"),
            )
            .await;
        }
        place.create(&store, "z").await;
        for (name, _) in broken {
            let error = store.load(&key(name), None, place.now).await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{name}");
        }
        assert!(place.has(&store, "z").await);
        for limit in [1, 2, 100] {
            let page = store.page(None, limit, place.now).await.unwrap();
            assert_eq!(page.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["z"]);
        }
        assert_eq!(store.delete(&key("a"), None).await.unwrap(), Deleted::Done);
    })
    .await;
}

pub(crate) async fn an_expired_session_does_not_keep_its_key_and_is_not_brought_back() {
    on_a_database(async |place| {
        let store = place.store().await;
        let base = place.create(&store, "a").await;
        let now = place.now + Duration::from_secs(61);
        let record = Record { expires_at: now + Duration::from_secs(60), ..place.record(2) };
        let (name, new) = (key("a"), key("b"));
        assert_eq!(store.touch(&name, record.expires_at, None, now).await.unwrap(), Touched::Missing);
        assert_eq!(store.touch(&name, record.expires_at, Some(&base), now).await.unwrap(), Touched::Missing);
        assert_eq!(store.update(&name, &record, None, now).await.unwrap(), Updated::Missing);
        for tombstone in [None, Some(&record)] {
            let replace = Replace { old: &name, new: &new, record: &record, base: &base, tombstone };
            assert_eq!(store.replace(replace, now).await.unwrap(), Replaced::Missing);
        }
        let created = store.create(&name, &record, now).await.unwrap();
        assert!(matches!(created, session_core::store::Created::Done(_)));
    })
    .await;
}

pub(crate) async fn keys_and_payloads_that_do_not_fit_are_refused_and_not_cut() {
    on_a_database(async |place| {
        // A server that cuts off what does not fit.
        let pool = MySqlPoolOptions::new()
            .after_connect(|connection, _| {
                Box::pin(async { connection.execute("SET SESSION sql_mode = ''").await.map(drop) })
            })
            .connect_with(place.options())
            .await
            .unwrap();
        let columns =
            "session_id varchar(20) COLLATE utf8mb4_bin PRIMARY KEY, expires int unsigned, data text";
        run(&mut place.other().await, format!("CREATE TABLE sessions ({columns}) CHARSET utf8mb4")).await;
        let store = MysqlStore::from_pool(pool).await.unwrap();
        place.create(&store, "éxxxxxxxxxxxxxxxxxxx").await;
        for name in ["éxxxxxxxxxxxxxxxxxxxx", "a "] {
            let error = store.create(&key(name), &place.record(1), place.now).await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Refused);
            assert!(store.load(&key(name), None, place.now).await.is_err());
        }
        let long = Record { payload: "x".repeat(65_536).into(), ..place.record(1) };
        let error = store.update(&key("a"), &long, None, place.now).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Refused);
        assert_eq!(store.count(place.now).await.unwrap(), 1);
    })
    .await;
}

pub(crate) async fn an_expiry_beyond_the_column_ends_when_the_column_does() {
    on_a_database(async |place| {
        let store = place.store().await;
        let far = Record { expires_at: time::macros::datetime!(9999-12-31 0:00 UTC), ..place.record(1) };
        store.create(&key("a"), &far, place.now).await.unwrap();
        let stored = store.load(&key("a"), None, place.now).await.unwrap().unwrap();
        assert_eq!(stored.record.expires_at.year(), 2106);
    })
    .await;
}

pub(crate) async fn no_error_says_a_key_a_value_or_a_password() {
    on_a_database(async |place| {
        let store = place.store().await;
        let trigger = "CREATE TRIGGER no BEFORE INSERT ON sessions FOR EACH ROW
                       SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'my secret'";
        run(&mut place.other().await, trigger).await;
        let mut errors = vec![store.create(&key("key-7"), &place.record(1), place.now).await.unwrap_err()];
        assert_eq!(errors[0].to_string(), "the session store refused: MySQL error 1644");
        let nowhere = [
            "mysql://me:pass-7@127.0.0.1:1/none",
            "mysql://me:pass-7@[none/none",
            "mysql://me:pass-7@host-7.invalid/none?ssl-mode=pass-7",
        ];
        for url in nowhere {
            let builder = MysqlStore::builder().patience(Duration::from_millis(100));
            errors.push(builder.connect(url).await.unwrap_err());
        }
        for error in errors {
            let text = format!("{error} {error:?} {store:?}");
            for part in ["-7", "secret", "somebody", "INSERT", "127.0.0.1"] {
                assert!(!text.contains(part), "{text}");
            }
        }
        store.close().await;
        let error = store.load(&key("a"), None, place.now).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "a closed store says so");
    })
    .await;
}
