//! What callers that go away leave on the server, as the server itself sees it; and servers that commit nothing by themselves.

use std::time::Duration;

use session_core::store::{Created, Directory as _, Owner, Replace, Store as _, StoreErrorKind};
use session_store_sql::MysqlStore;
use sqlx::mysql::{MySqlConnection, MySqlPoolOptions};
use sqlx::{Connection as _, Executor as _};

use super::outages::own;
use super::own::until;
use super::{Place, key, on_a_database};

/// Connections that the pool has at most.
const CONNECTIONS: i64 = 4;

pub(crate) async fn no_transaction_is_left_by_callers_that_go_away() {
    on_a_database(async |place| {
        let store = place.open(MysqlStore::builder().connections(4)).await.unwrap();
        let owner = Owner::new("somebody").unwrap();
        for n in 0..200 {
            let (old, new) = (key(&format!("old-{n}")), key(&format!("new-{n}")));
            let Created::Done(base) = store.create(&old, &place.record(1), place.now).await.unwrap() else {
                panic!("the key is new");
            };
            let (record, tombstone) = (place.record(2), place.record(3));
            let replace =
                Replace { old: &old, new: &new, record: &record, base: &base, tombstone: Some(&tombstone) };
            let stays = Duration::from_micros(n * 10);
            let _gone = tokio::time::timeout(stays, store.replace(replace, place.now)).await;
            if n % 10 == 0 {
                let _gone = tokio::time::timeout(stays, store.revoke(&owner, Some(&old))).await;
            }
        }
        is_at_rest(place).await;
        // A connection that came back in the middle of something would see an old state.
        place.create(&store, "last").await;
        for _ in 0..4 * CONNECTIONS {
            assert!(place.has(&store, "last").await);
        }
    })
    .await;
}

pub(crate) async fn a_walk_that_is_dropped_leaves_no_transaction_and_no_connection() {
    on_a_database(async |place| {
        let store = place.open(MysqlStore::builder().connections(4)).await.unwrap();
        for n in 0..100 {
            place.create(&store, &format!("a-{n}")).await;
        }
        for n in 0..100 {
            let stays = Duration::from_micros(n * 10);
            let _gone = tokio::time::timeout(stays, store.count(place.now)).await;
            let _gone = tokio::time::timeout(stays, store.page(None, 50, place.now)).await;
            let _gone = tokio::time::timeout(stays, store.purge_expired(place.now, 10)).await;
        }
        is_at_rest(place).await;
        // None has been taken for good.
        assert_eq!(store.count(place.now).await.unwrap(), 100);
        let all = (0..4 * CONNECTIONS).map(|_| {
            let (store, now) = (store.clone(), place.now);
            tokio::spawn(async move { store.load(&key("a-1"), None, now).await.unwrap().is_some() })
        });
        for one in all.collect::<Vec<_>>() {
            assert!(one.await.unwrap());
        }
    })
    .await;
}

/// Comes back when the server sees no transaction and no more connections than the pool may have.
async fn is_at_rest(place: &Place) {
    let mut other = place.other().await;
    until("the end of all transactions", async || open_transactions(&mut other, place).await == 0).await;
    let count = "SELECT count(*) FROM information_schema.processlist WHERE db = ? AND id <> connection_id()";
    until("the end of closed connections", async || {
        let there: i64 = sqlx::query_scalar(count).bind(&place.database).fetch_one(&mut other).await.unwrap();
        there <= CONNECTIONS
    })
    .await;
}

async fn open_transactions(other: &mut MySqlConnection, place: &Place) -> i64 {
    let open = "SELECT count(*) FROM information_schema.innodb_trx t JOIN information_schema.processlist p
        ON t.trx_mysql_thread_id = p.id WHERE p.db = ? AND p.id <> connection_id()";
    sqlx::query_scalar(open).bind(&place.database).fetch_one(other).await.unwrap()
}

pub(crate) async fn a_server_that_does_not_commit_by_itself_is_told_to() {
    let Some(mut own) = own() else { return };
    own.options = &["--autocommit=0", "--transaction-isolation=SERIALIZABLE"];
    own.start();
    let url = format!("mysql://root@127.0.0.1:{}/mysql", own.port);
    until("the server", async || MySqlConnection::connect(&url).await.is_ok()).await;
    let place =
        Place { url: url.clone(), database: "mysql".to_owned(), now: time::OffsetDateTime::now_utc() };
    let mut other = place.other().await;
    let commits: i64 = sqlx::query_scalar("SELECT @@autocommit").fetch_one(&mut other).await.unwrap();
    assert_eq!(commits, 0, "the server is not as this test wants it");
    let store = MysqlStore::connect(&url).await.unwrap();
    for n in 0..20 {
        let name = format!("a-{n}");
        place.create(&store, &name).await;
        let readers = (0..20).map(|_| {
            let (store, name, now) = (store.clone(), name.clone(), place.now);
            tokio::spawn(async move { store.load(&key(&name), None, now).await.unwrap().is_some() })
        });
        for reader in readers.collect::<Vec<_>>() {
            assert!(reader.await.unwrap(), "a session made just now is seen as a stranger");
        }
    }
    store.close().await;
}

pub(crate) async fn a_pool_that_does_not_commit_by_itself_is_refused() {
    on_a_database(async |place| {
        let pool = MySqlPoolOptions::new().after_connect(|connection, _| {
            Box::pin(async move { connection.execute("SET autocommit = 0").await.map(drop) })
        });
        let pool = pool.connect_with(place.options()).await.unwrap();
        let error = MysqlStore::from_pool(pool).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Refused);
        assert!(error.to_string().contains("autocommit"), "{error}");
    })
    .await;
}
