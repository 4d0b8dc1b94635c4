//! A server that starts late, may only be read, or ends its idle connections.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::str::FromStr as _;
use std::time::{Duration, Instant};

use session_core::store::{Created, Extend, Replace, Store as _, StoreErrorKind, Touched, Updated};
use session_store_sql::PostgresStore;
use sqlx::Row as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};

use super::own::{Own, find, until};
use super::{Place, key, on_a_schema, run};

/// What PostgreSQL runs as, since it does not run as root.
fn postgres(program: &str, own: &Own) -> Command {
    let mut command = Command::new(find(program).unwrap());
    let id = |what: &str| -> Option<u32> {
        let output = Command::new("id").args([what, "postgres"]).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    if let (true, Some((user, group))) = (root, id("-u").zip(id("-g"))) {
        std::os::unix::fs::chown(own.folder(), Some(user), Some(group)).unwrap();
        command.uid(user).gid(group);
    }
    command.current_dir(own.folder());
    command
}

pub(crate) fn own() -> Option<Own> {
    let make = |own: &Own| {
        let mut make = postgres("initdb", own);
        make.arg("-D").arg(own.folder().join("data")).args(["-A", "trust", "-U", "postgres", "--no-sync"]);
        make
    };
    Own::prepare("initdb", make, |own| {
        let mut server = postgres("postgres", own);
        server.arg("-D").arg(own.folder().join("data")).args(["-p", &own.port.to_string()]);
        server.args([
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "unix_socket_directories=",
            "-c",
            "fsync=off",
        ]);
        server
    })
}

pub(crate) async fn a_store_that_is_made_before_its_server_works_when_the_server_is_there() {
    let Some(mut own) = own() else { return };
    let url = format!("postgres://postgres@127.0.0.1:{}/postgres", own.port);
    let store = PostgresStore::connect_lazy(&url).unwrap();
    let place = Place { url: url.clone(), schema: "public".to_owned(), now: time::OffsetDateTime::now_utc() };
    for _ in 0..3 {
        let begun = Instant::now();
        let error = store.load(&key("a"), None, place.now).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    }
    own.start();
    until("the server", async || store.load(&key("a"), None, place.now).await.is_ok()).await;
    place.create(&store, "a").await;
    assert!(place.has(&PostgresStore::connect(&url).await.unwrap(), "a").await);
}

pub(crate) async fn of_many_first_users_one_connects_and_makes_the_table() {
    on_a_schema(async |place| {
        let name = place.schema.clone();
        let options = PgConnectOptions::from_str(&place.url).unwrap().application_name(&name);
        let store = place.builder().connections(1).connect_lazy_with(options).unwrap();
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
    for url in ["postgres://host:port/db", "mysql//", "postgres://h/db?sslmode=sometimes"] {
        let error = PostgresStore::connect_lazy(url).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Refused, "{url}: {error}");
    }
    let error = PostgresStore::builder().table("a b").connect_lazy("postgres://h/db").unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Refused);
}

pub(crate) async fn who_must_act_is_told_at_the_first_use_what_to_do() {
    on_a_schema(async |place| {
        let nobody =
            PgConnectOptions::from_str(&place.url).unwrap().username("nobody_at_all").password("secret");
        let store = place.builder().connect_lazy_with(nobody).unwrap();
        let error = store.load(&key("a"), None, place.now).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Refused, "{error}");
        assert!(error.to_string().contains("check the user name, the password"), "{error}");
        assert!(!error.to_string().contains("nobody_at_all") && !error.to_string().contains("secret"));

        let elsewhere = PgConnectOptions::from_str(&place.url).unwrap().database("no_such_database");
        let store = place.builder().connect_lazy_with(elsewhere).unwrap();
        let error = store.load(&key("a"), None, place.now).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Refused, "{error}");
        assert!(error.to_string().contains("there is no such database"), "{error}");
    })
    .await;
}

pub(crate) async fn a_closed_store_does_not_connect_again() {
    on_a_schema(async |place| {
        for store in [place.store().await, place.builder().connect_lazy(&place.url).unwrap()] {
            store.close().await;
            let error = store.load(&key("a"), None, place.now).await.unwrap_err();
            assert_eq!(error.to_string(), "the session store is unavailable: the store has been closed");
        }
    })
    .await;
}

pub(crate) async fn a_database_that_may_only_be_read_serves_sessions_and_takes_no_writes() {
    on_a_schema(async |place| {
        let store = place.store().await;
        let base = place.create(&store, "a").await;
        let before = store.load(&key("a"), None, place.now).await.unwrap().unwrap();
        // For every transaction of a new connection, as on a standby; and the store's own are replaced.
        let read_only = place.options().options([("default_transaction_read_only", "on")]);
        for store in [
            place.builder().connect_with(read_only.clone()).await.unwrap(),
            place.builder().connect_lazy_with(read_only.clone()).unwrap(),
        ] {
            let extend = extend(place);
            for _ in 0..3 {
                let loaded = store.load(&key("a"), Some(&extend), place.now).await.unwrap();
                assert_eq!(loaded.as_ref(), Some(&before));
            }
            let (record, now, old, new) = (place.record(2), place.now, key("a"), key("b"));
            let replace =
                Replace { old: &old, new: &new, record: &record, base: &base, tombstone: Some(&record) };
            let errors = [
                store.create(&new, &record, now).await.unwrap_err(),
                store.update(&old, &record, None, now).await.unwrap_err(),
                store.touch(&old, record.expires_at, None, now).await.unwrap_err(),
                store.replace(replace, now).await.unwrap_err(),
                store.delete(&old, None).await.unwrap_err(),
            ];
            for error in errors {
                assert_eq!(error.kind(), StoreErrorKind::ReadOnly, "{error}");
            }
        }
        assert_eq!(store.load(&key("a"), None, place.now).await.unwrap(), Some(before));
        // Nothing is there yet, and nothing can be made.
        let builder = || PostgresStore::builder().schema(&place.schema).table("other");
        let error = builder().connect_with(read_only.clone()).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::ReadOnly, "{error}");
        let lazy = builder().connect_lazy_with(read_only).unwrap();
        let error = lazy.load(&key("a"), None, place.now).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    })
    .await;
}

/// Due at once, and to two hours from now.
fn extend(place: &Place) -> Extend {
    let ends = |hours: u64| place.now + Duration::from_secs(3600 * hours);
    Extend { due_before: ends(1), to: ends(2), original_max_age: Some(60_000) }
}

pub(crate) async fn connections_to_a_server_that_was_demoted_are_made_anew() {
    on_a_schema(async |place| {
        let store = place.store().await;
        place.create(&store, "a").await;
        // A setting of this role, of which connections are told when they begin, and keep it.
        let role = format!("{}_role", place.schema);
        let mut other = place.other().await;
        run(&mut other, format!("CREATE ROLE {role} LOGIN; GRANT ALL ON SCHEMA {} TO {role}", place.schema))
            .await;
        run(&mut other, format!("GRANT ALL ON ALL TABLES IN SCHEMA {} TO {role}", place.schema)).await;
        run(&mut other, format!("ALTER ROLE {role} SET default_transaction_read_only = on")).await;
        let options = PgConnectOptions::from_str(&place.url).unwrap().username(&role);
        let store = place.builder().connect_with(options).await.unwrap();
        let now = place.now;
        let loads: Vec<_> = (0..32)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { store.load(&key("a"), None, now).await })
            })
            .collect();
        for load in loads {
            assert!(load.await.unwrap().unwrap().is_some());
        }
        let error = store.update(&key("a"), &place.record(2), None, now).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::ReadOnly, "{error}");
        // New connections are told something else, as if the address led to another server now.
        run(&mut other, format!("ALTER ROLE {role} RESET default_transaction_read_only")).await;
        let mut in_a_row = 0;
        until("writing again, on all connections", async || {
            match store.update(&key("a"), &place.record(3), None, now).await {
                Ok(updated) => {
                    assert!(matches!(updated, Updated::Done(_)), "{updated:?}");
                    in_a_row += 1;
                }
                Err(error) => {
                    assert_eq!(error.kind(), StoreErrorKind::ReadOnly, "{error}");
                    in_a_row = 0;
                }
            }
            in_a_row == 40
        })
        .await;
        store.close().await;
        run(&mut other, format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
    })
    .await;
}

/// A table beside the store's, in which each change of a row is counted.
async fn audited(place: &Place) -> PgConnection {
    let mut other = place.other().await;
    run(
        &mut other,
        "CREATE TABLE audit (sid text NOT NULL);
         CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN INSERT INTO audit VALUES (NEW.sid); RETURN NEW; END';
         CREATE TRIGGER note AFTER INSERT OR UPDATE ON session FOR EACH ROW EXECUTE FUNCTION note()",
    )
    .await;
    other
}

async fn counted(other: &mut PgConnection) -> BTreeMap<String, i64> {
    let rows = sqlx::query("SELECT sid, count(*) FROM audit GROUP BY sid").fetch_all(other).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

async fn end_all(other: &mut PgConnection, name: &str) -> i64 {
    let ended = sqlx::query_scalar(
        "SELECT count(*) FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE application_name = $1) AS ended",
    );
    ended.bind(name).fetch_one(other).await.unwrap()
}

pub(crate) async fn when_the_server_ends_all_idle_connections_no_user_notices() {
    on_a_schema(async |place| {
        let name = place.schema.clone();
        let options = place.options().application_name(&name);
        let pool = PgPoolOptions::new().max_connections(10).test_before_acquire(false);
        let stores = [
            place.builder().connect_with(options.clone()).await.unwrap(),
            place.builder().from_pool(pool.connect_with(options).await.unwrap()).await.unwrap(),
        ];
        let mut other = audited(place).await;
        let now = place.now;
        let mut round = 0;
        for store in stores {
            for _ in 0..4 {
                round += 1;
                let name_of = |n: usize| key(&format!("{round}-{n}"));
                // Uses all connections of the pool.
                let created: Vec<_> = (0..32)
                    .map(|n| {
                        let (store, key, record) = (store.clone(), name_of(n), place.record(1));
                        tokio::spawn(async move { store.create(&key, &record, now).await.unwrap() })
                    })
                    .collect();
                let mut bases = Vec::new();
                for created in created {
                    let Created::Done(base) = created.await.unwrap() else { panic!("the key is new") };
                    bases.push(base);
                }
                assert!(end_all(&mut other, &name).await > 2, "the pool has several connections");
                let reads: Vec<_> = (0..32)
                    .map(|n| {
                        let (store, key) = (store.clone(), name_of(n));
                        tokio::spawn(async move { store.load(&key, None, now).await })
                    })
                    .collect();
                for read in reads {
                    assert!(read.await.unwrap().unwrap().is_some());
                }
                end_all(&mut other, &name).await;
                let writes: Vec<_> = bases
                    .into_iter()
                    .enumerate()
                    .map(|(n, base)| {
                        let (store, key, record) = (store.clone(), name_of(n), place.record(2));
                        tokio::spawn(async move { store.update(&key, &record, Some(&base), now).await })
                    })
                    .collect();
                for write in writes {
                    // The server says that it has ended the connection, and that is as good as to say that nothing was done.
                    let written = write.await.unwrap().unwrap();
                    assert!(matches!(written, Updated::Done(_)), "{written:?}");
                }
            }
        }
        let counted = counted(&mut other).await;
        assert_eq!(counted.len(), round * 32);
        assert!(counted.values().all(|count| *count == 2), "{counted:?}");
    })
    .await;
}

pub(crate) async fn a_write_whose_connection_is_cut_is_not_made_twice_and_a_read_is_answered() {
    on_a_schema(async |place| {
        let options = place.options();
        let hole = super::hole::Hole::before(format!("{}:{}", options.get_host(), options.get_port())).await;
        let options = options.host("127.0.0.1").port(hole.port);
        let store = place.builder().connect_with(options).await.unwrap();
        let mut other = audited(place).await;
        let now = place.now;
        let warm = async || {
            let reads: Vec<_> = (0..32)
                .map(|_| {
                    let store = store.clone();
                    tokio::spawn(async move { store.load(&key("a"), None, now).await })
                })
                .collect();
            for read in reads {
                read.await.unwrap().unwrap();
            }
        };
        let mut done = BTreeMap::new();
        for round in 0..4 {
            warm().await;
            hole.cut();
            warm().await;
            hole.cut();
            let writes: Vec<_> = (0..32)
                .map(|n| {
                    let (store, name, record) = (store.clone(), format!("{round}-{n}"), place.record(1));
                    tokio::spawn(async move { (store.create(&key(&name), &record, now).await, name) })
                })
                .collect();
            for write in writes {
                let (written, name) = write.await.unwrap();
                match written {
                    Ok(ref created) => assert!(matches!(created, Created::Done(_)), "{created:?}"),
                    Err(ref error) => assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}"),
                }
                done.insert(name, written.is_ok());
            }
        }
        let counted = counted(&mut other).await;
        for (name, done) in &done {
            let count = counted.get(name).copied().unwrap_or(0);
            assert!(count == 1 || (count == 0 && !done), "{name} was written {count} times, answered {done}");
        }
        let done = done.values().filter(|done| **done).count();
        eprintln!("{done} of 128 writes were answered as done");
        // Not more than one for each connection of the pool, and each time.
        assert!(done >= 128 - 4 * 10, "{done}");
        assert_eq!(store.touch(&key("none"), now, None, now).await.unwrap(), Touched::Missing);
    })
    .await;
}

/// At a shutdown the server says goodbye also to whom it has answered already. Then nobody knows whether the commit was made.
pub(crate) async fn a_write_that_was_answered_and_whose_commit_was_not_is_not_made_again() {
    on_a_schema(async |place| {
        let store = place.store().await;
        let mut other = place.other().await;
        let Created::Done(version) = store.create(&key("a"), &place.record(1), place.now).await.unwrap()
        else {
            panic!("it is new")
        };
        // A deferred trigger runs between the statement's answer and its commit. A sequence counts what is undone, too.
        let sql = format!(
            "CREATE SEQUENCE made;
             CREATE FUNCTION ends() RETURNS trigger LANGUAGE plpgsql SET search_path = {0} AS $$
             BEGIN
                 IF nextval('made') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
                 RETURN NULL;
             END $$;
             CREATE CONSTRAINT TRIGGER ends AFTER UPDATE ON session
             DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ends()",
            place.schema
        );
        run(&mut other, sql).await;
        let error = store.update(&key("a"), &place.record(2), Some(&version), place.now).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
        let made = sqlx::query("SELECT last_value FROM made").fetch_one(&mut other).await.unwrap();
        assert_eq!(made.get::<i64, _>(0), 1, "how often the write was made");
        let updated = store.update(&key("a"), &place.record(2), Some(&version), place.now).await.unwrap();
        assert!(matches!(updated, Updated::Done(_)), "{updated:?}");
    })
    .await;
}
