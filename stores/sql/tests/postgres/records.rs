//! Records that cannot be read or have expired, and errors that must not say too much.

use std::time::Duration;

use session_core::store::{
    Deleted, Directory as _, Record, Replace, Replaced, Store as _, StoreErrorKind, Touched, Updated,
};
use session_store_sql::PostgresStore;

use super::{key, on_a_schema, run};

pub(crate) async fn a_record_that_cannot_be_read_is_an_error_for_its_key_only() {
    on_a_schema(async |place| {
        let store = place.store().await;
        let mut other = place.other().await;
        let broken = [("a", "'infinity', NULL"), ("b", "'2090-01-01', ''"), ("c", "'200000-01-01', NULL")];
        for (name, rest) in broken {
            run(
                &mut other,
                format!("INSERT INTO session (sid, sess, expire, owner) VALUES ('{name}', '{{}}', {rest})"),
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
    on_a_schema(async |place| {
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

pub(crate) async fn no_error_says_a_key_a_value_or_a_password() {
    on_a_schema(async |place| {
        let store = place.store().await;
        let odd = Record { payload: "no JSON: my secret".into(), ..place.record(1) };
        let mut errors = vec![store.create(&key("key-7"), &odd, place.now).await.unwrap_err()];
        assert_eq!(errors[0].to_string(), "the session store refused: SQLSTATE 22P02");
        let nowhere = [
            "postgres://me:pass-7@127.0.0.1:1/none",
            "postgres://me:pass-7@[none/none",
            "postgres://me:pass-7@host-7.invalid/none?sslmode=pass-7",
        ];
        for url in nowhere {
            let builder = PostgresStore::builder().patience(Duration::from_millis(100));
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
