//! A server that starts late, may only be read, or ends its idle connections.

use std::collections::BTreeMap;
use std::process::Command;
use std::str::FromStr as _;
use std::time::{Duration, Instant};

use session_core::store::{Created, Extend, Replace, Store as _, StoreErrorKind, Updated};
use session_store_sql::MysqlStore;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _, Row as _};

use super::own::{Own, find, until};
use super::{Place, key, on_a_database, run};

pub(crate) fn own() -> Option<Own> {
    // It does not run as root unless it is told to.
    fn command(program: &str, own: &Own) -> Command {
        let mut command = Command::new(find(program).unwrap());
        command.arg("--no-defaults").arg(format!("--datadir={}", own.folder().join("data").display()));
        let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
        command.args(root.then_some("--user=root")).current_dir(own.folder());
        command
    }
    let make = |own: &Own| {
        let mut make = command("mariadb-install-db", own);
        make.args(["--auth-root-authentication-method=normal", "--skip-name-resolve", "--force"]);
        make
    };
    Own::prepare("mariadb-install-db", make, |own| {
        let mut server = command("mariadbd", own);
        server
            .arg(format!("--port={}", own.port))
            .arg(format!("--socket={}", own.folder().join("s").display()));
        server.args(["--bind-address=127.0.0.1", "--skip-name-resolve", "--pid-file=server.pid"]);
        server
    })
}

async fn connect(url: &str) -> MySqlConnection {
    until("a connection", async || MySqlConnection::connect(url).await.is_ok()).await;
    MySqlConnection::connect(url).await.unwrap()
}

pub(crate) async fn a_store_that_is_made_before_its_server_works_when_the_server_is_there() {
    let Some(mut own) = own() else { return };
    // A database that is always there.
    let url = format!("mysql://root@127.0.0.1:{}/mysql", own.port);
    let store = MysqlStore::connect_lazy(&url).unwrap();
    let place =
        Place { url: url.clone(), database: "mysql".to_owned(), now: time::OffsetDateTime::now_utc() };
    for _ in 0..3 {
        let begun = Instant::now();
        let error = store.load(&key("a"), None, place.now).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    }
    own.start();
    until("the server", async || store.load(&key("a"), None, place.now).await.is_ok()).await;
    place.create(&store, "a").await;
    assert!(place.has(&MysqlStore::connect(&url).await.unwrap(), "a").await);
}

pub(crate) async fn a_server_that_may_only_be_read_serves_sessions_until_it_takes_writes_again() {
    let Some(mut own) = own() else { return };
    own.start();
    let mut root = connect(&format!("mysql://root@127.0.0.1:{}/mysql", own.port)).await;
    run(&mut root, "CREATE DATABASE app; CREATE USER app IDENTIFIED BY 'secret'; GRANT ALL ON app.* TO app")
        .await;
    let url = format!("mysql://app:secret@127.0.0.1:{}/app", own.port);
    let place = Place { url: url.clone(), database: "app".to_owned(), now: time::OffsetDateTime::now_utc() };
    let store = MysqlStore::connect(&url).await.unwrap();
    let base = place.create(&store, "a").await;
    let before = store.load(&key("a"), None, place.now).await.unwrap().unwrap();
    run(&mut root, "SET GLOBAL read_only = 1").await;
    let ends = |hours: u64| place.now + Duration::from_secs(3600 * hours);
    let extend = Extend { due_before: ends(1), to: ends(2), original_max_age: Some(60_000) };
    let lazy = MysqlStore::connect_lazy(&url).unwrap();
    for store in [&store, &MysqlStore::connect(&url).await.unwrap(), &lazy] {
        for _ in 0..3 {
            let loaded = store.load(&key("a"), Some(&extend), place.now).await.unwrap();
            assert_eq!(loaded.as_ref(), Some(&before));
        }
        let (record, now, old, new) = (place.record(2), place.now, key("a"), key("b"));
        for tombstone in [None, Some(&record)] {
            let replace = Replace { old: &old, new: &new, record: &record, base: &base, tombstone };
            let error = store.replace(replace, now).await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::ReadOnly, "{error}");
        }
        let errors = [
            store.create(&new, &record, now).await.unwrap_err(),
            store.update(&old, &record, None, now).await.unwrap_err(),
            store.touch(&old, record.expires_at, None, now).await.unwrap_err(),
            store.delete(&old, None).await.unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), StoreErrorKind::ReadOnly, "{error}");
        }
    }
    // Nothing is there yet, and nothing can be made.
    let builder = || MysqlStore::builder().table("other");
    assert_eq!(builder().connect(&url).await.unwrap_err().kind(), StoreErrorKind::ReadOnly);
    let other = builder().connect_lazy(&url).unwrap();
    let error = other.load(&key("a"), None, place.now).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");

    run(&mut root, "SET GLOBAL read_only = 0").await;
    until("an extension", async || {
        let loaded = store.load(&key("a"), Some(&extend), place.now).await.unwrap().unwrap();
        loaded.record.expires_at > before.record.expires_at
    })
    .await;
    until("the other table", async || other.load(&key("a"), None, place.now).await.is_ok()).await;
}

pub(crate) async fn of_many_first_users_one_connects_and_makes_the_table() {
    on_a_database(async |place| {
        let store = MysqlStore::builder().connections(1).connect_lazy_with(place.options()).unwrap();
        let now = place.now;
        let loads: Vec<_> = (0..100)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { store.load(&key("a"), None, now).await })
            })
            .collect();
        for load in loads {
            assert_eq!(load.await.unwrap().unwrap(), None);
        }
        place.create(&store, "a").await;
    })
    .await;
}

pub(crate) async fn what_can_never_work_is_refused_when_the_store_is_made() {
    for url in ["mysql://host:port/db", "mysql//", "mysql://h/db?ssl-mode=sometimes"] {
        let error = MysqlStore::connect_lazy(url).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Refused, "{url}: {error}");
    }
    let error = MysqlStore::builder().table("a b").connect_lazy("mysql://h/db").unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Refused);
}

pub(crate) async fn who_must_act_is_told_at_the_first_use_what_to_do() {
    on_a_database(async |place| {
        let nobody = place.options().username("nobody_at_all").password("secret");
        let store = MysqlStore::builder().connect_lazy_with(nobody).unwrap();
        let error = store.load(&key("a"), None, place.now).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Refused, "{error}");
        assert!(error.to_string().contains("check the user name, the password"), "{error}");
        assert!(!error.to_string().contains("nobody_at_all") && !error.to_string().contains("secret"));

        let elsewhere = MySqlConnectOptions::from_str(&place.url).unwrap().database("no_such_database");
        let store = MysqlStore::builder().connect_lazy_with(elsewhere).unwrap();
        let error = store.load(&key("a"), None, place.now).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Refused, "{error}");
        assert!(error.to_string().contains("there is no such database"), "{error}");
    })
    .await;
}

pub(crate) async fn a_closed_store_does_not_connect_again() {
    on_a_database(async |place| {
        for store in [place.store().await, MysqlStore::builder().connect_lazy_with(place.options()).unwrap()]
        {
            store.close().await;
            let error = store.load(&key("a"), None, place.now).await.unwrap_err();
            assert_eq!(error.to_string(), "the session store is unavailable: the store has been closed");
        }
    })
    .await;
}

/// A table beside the store's, in which each change of a row is counted.
async fn audited(place: &Place) -> MySqlConnection {
    let mut other = place.other().await;
    for statement in [
        "CREATE TABLE audit (sid varchar(128) NOT NULL)",
        "CREATE TRIGGER made AFTER INSERT ON sessions FOR EACH ROW INSERT INTO audit VALUES (NEW.session_id)",
        "CREATE TRIGGER changed AFTER UPDATE ON sessions FOR EACH ROW INSERT INTO audit VALUES (NEW.session_id)",
    ] {
        run(&mut other, statement).await;
    }
    other
}

async fn counted(other: &mut MySqlConnection) -> BTreeMap<String, i64> {
    let rows = sqlx::query("SELECT sid, count(*) FROM audit GROUP BY sid").fetch_all(other).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Ends all other connections to this database.
async fn end_all(other: &mut MySqlConnection, place: &Place) -> usize {
    let ids = sqlx::query_scalar::<_, i64>(
        "SELECT id FROM information_schema.processlist WHERE db = ? AND id <> connection_id()",
    );
    let ids = ids.bind(&place.database).fetch_all(&mut *other).await.unwrap();
    for id in &ids {
        // It may have ended by itself.
        let _ended = sqlx::raw_sql(AssertSqlSafe(format!("KILL {id}"))).execute(&mut *other).await;
    }
    ids.len()
}

pub(crate) async fn when_the_server_ends_all_idle_connections_reads_go_on_and_no_write_is_made_twice() {
    on_a_database(async |place| {
        let pool = MySqlPoolOptions::new().max_connections(10).test_before_acquire(false);
        let stores = [
            place.store().await,
            MysqlStore::from_pool(pool.connect_with(place.options()).await.unwrap()).await.unwrap(),
        ];
        let mut other = audited(place).await;
        let now = place.now;
        let (mut round, mut answers) = (0, BTreeMap::new());
        for store in stores {
            for _ in 0..4 {
                round += 1;
                let name_of = |n: usize| format!("{round}-{n}");
                // Uses all connections of the pool.
                let created: Vec<_> = (0..32)
                    .map(|n| {
                        let (store, key, record) = (store.clone(), key(&name_of(n)), place.record(1));
                        tokio::spawn(async move {
                            // A connection may end later than it was told to, and take the answer with it.
                            let created = store.create(&key, &record, now).await;
                            match (created, store.load(&key, None, now).await.unwrap()) {
                                (_, Some(stored)) => stored.version,
                                (Err(_), None) => match store.create(&key, &record, now).await.unwrap() {
                                    Created::Done(version) => version,
                                    Created::Exists => panic!("it was not there"),
                                },
                                (Ok(created), None) => panic!("{created:?}, and it is not there"),
                            }
                        })
                    })
                    .collect();
                let mut bases = Vec::new();
                for created in created {
                    bases.push(created.await.unwrap());
                }
                assert!(end_all(&mut other, place).await > 2, "the pool has several connections");
                let reads: Vec<_> = (0..32)
                    .map(|n| {
                        let (store, key) = (store.clone(), key(&name_of(n)));
                        tokio::spawn(async move { store.load(&key, None, now).await })
                    })
                    .collect();
                for read in reads {
                    assert!(read.await.unwrap().unwrap().is_some());
                }
                end_all(&mut other, place).await;
                let writes: Vec<_> = bases
                    .into_iter()
                    .enumerate()
                    .map(|(n, base)| {
                        let (store, name, record) = (store.clone(), name_of(n), place.record(2));
                        tokio::spawn(async move {
                            (store.update(&key(&name), &record, Some(&base), now).await, name)
                        })
                    })
                    .collect();
                for write in writes {
                    let (written, name) = write.await.unwrap();
                    match written {
                        Ok(ref updated) => assert!(matches!(updated, Updated::Done(_)), "{updated:?}"),
                        // The server says nothing as it goes, so that whether it did anything is not known.
                        Err(ref error) => assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}"),
                    }
                    answers.insert(name, written.is_ok());
                }
            }
        }
        // What was answered as unknown is decided by now.
        let counted = counted(&mut other).await;
        for (name, done) in &answers {
            // One of them is the creation.
            let count = counted[name] - 1;
            assert!(count == 1 || (count == 0 && !done), "{name} was written {count} times, answered {done}");
        }
        let done = answers.values().filter(|done| **done).count();
        eprintln!("{done} of {} writes were answered as done", answers.len());
        // Not more than one for each connection of the pool, and each time.
        assert!(done >= answers.len() - 8 * 10, "{done}");
    })
    .await;
}

pub(crate) async fn a_renewal_on_a_connection_that_has_ended_is_begun_again() {
    on_a_database(async |place| {
        let store = place.store().await;
        let mut other = place.other().await;
        for n in 0..8 {
            let (old, new) = (format!("old-{n}"), format!("new-{n}"));
            let base = place.create(&store, &old).await;
            end_all(&mut other, place).await;
            let (old, new, record) = (key(&old), key(&new), place.record(2));
            let replace =
                Replace { old: &old, new: &new, record: &record, base: &base, tombstone: Some(&record) };
            // Its first words are BEGIN, and whoever did not hear them has done nothing.
            let replaced = store.replace(replace, place.now).await.unwrap();
            assert!(matches!(replaced, session_core::store::Replaced::Done(_)), "{replaced:?}");
        }
    })
    .await;
}
