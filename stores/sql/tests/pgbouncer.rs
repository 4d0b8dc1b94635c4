//! What is particular to PostgreSQL behind PgBouncer in transaction mode. What every store promises is in `conformance.rs`.
//!
//! Needs both at `PGBOUNCER_URL`; each test works in a table of its own and removes it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

#[path = "support/suite.rs"]
mod suite;
#[path = "support/told.rs"]
mod told;

use std::str::FromStr as _;
use std::time::{Duration, Instant};

use session_core::StoreKey;
use session_core::store::{
    Created, Deleted, Directory as _, Owner, Record, Replace, Replaced, Store as _, StoreErrorKind, Touched,
    Updated, Version,
};
use session_store_sql::PostgresStore;
use session_store_sql::postgres::{Pooler, PostgresBuilder};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Row as _};
use time::OffsetDateTime;

use self::suite::cases;
use self::told::Told;

/// As many as a small site has servers, each with its own connections.
const CLIENTS: usize = 8;
const REQUESTS: usize = 48;

fn main() {
    let cases = cases![
        sharing:
            clients_that_share_the_servers_connections_do_not_disturb_each_other,
            no_prepared_statement_stays_on_the_servers_connections,
            a_locked_row_is_answered_in_time_and_nothing_is_written_late;
        finding:
            a_pool_is_refused_until_the_store_is_told_of_the_pooler,
            who_denies_the_pooler_is_told_what_to_set;
        values:
            what_would_end_a_constant_comes_back_as_it_is,
            no_value_gets_into_the_log;
    ];
    suite::run("pgbouncer", "PGBOUNCER_URL", cases);
}

struct Place {
    url: String,
    table: String,
    now: OffsetDateTime,
}

async fn on_a_table(test: impl AsyncFnOnce(&Place)) {
    let place = Place {
        url: std::env::var("PGBOUNCER_URL").unwrap(),
        table: format!("pooled_{:016x}", rand::random::<u64>()),
        now: OffsetDateTime::now_utc(),
    };
    test(&place).await;
    place.run(&mut place.other().await, "DROP TABLE #").await;
}

impl Place {
    fn builder(&self) -> PostgresBuilder {
        PostgresStore::builder().table(&self.table)
    }

    /// With time to wait for one of the few connections of the server.
    async fn store(&self) -> PostgresStore {
        self.builder().patience(Duration::from_secs(30)).connect(&self.url).await.unwrap()
    }

    fn options(&self) -> PgConnectOptions {
        PgConnectOptions::from_str(&self.url).unwrap().extra_float_digits(None)
    }

    /// A connection of somebody else.
    async fn other(&self) -> PgConnection {
        self.options().connect().await.unwrap()
    }

    /// Runs statements in which `#` is the table.
    async fn run(&self, connection: &mut PgConnection, sql: &str) {
        let sql = AssertSqlSafe(sql.replace('#', &self.table));
        sqlx::raw_sql(sql).execute(connection).await.unwrap();
    }

    fn record(&self, n: usize) -> Record {
        Record {
            payload: format!(r#"{{"cookie":{{"originalMaxAge":60000}},"n":{n}}}"#).into(),
            expires_at: self.now + Duration::from_secs(600),
            owner: Owner::new("somebody"),
        }
    }

    async fn create(&self, store: &PostgresStore, name: &str, record: &Record) -> Version {
        match store.create(&key(name), record, self.now).await.unwrap() {
            Created::Done(version) => version,
            Created::Exists => panic!("the key is new"),
        }
    }
}

fn key(name: &str) -> StoreKey {
    StoreKey::from_stored(name)
}

mod sharing {
    use super::*;

    pub(crate) async fn clients_that_share_the_servers_connections_do_not_disturb_each_other() {
        on_a_table(async |place| {
            let first = place.store().await;
            place.create(&first, "shared", &place.record(0)).await;
            let mut clients = Vec::new();
            for client in 0..CLIENTS {
                let (store, now) = (place.store().await, place.now);
                let records: Vec<_> = (0..=CLIENTS * REQUESTS).map(|n| place.record(n)).collect();
                clients.push(tokio::spawn(async move {
                    for request in 0..REQUESTS {
                        client_of(&store, &format!("{client}-{request}"), &records, now).await;
                    }
                }));
            }
            for client in clients {
                client.await.unwrap();
            }
            let stored = first.load(&key("shared"), None, place.now).await.unwrap().unwrap();
            assert_eq!(stored.record.value::<usize>("n"), Some(CLIENTS * REQUESTS));
            assert_eq!(first.count(place.now).await.unwrap(), 1);
        })
        .await;
    }

    /// A session from login to logout, and one count in the session that all share.
    async fn client_of(store: &PostgresStore, name: &str, records: &[Record], now: OffsetDateTime) {
        let (old, new) = (key(name), key(&format!("{name}-new")));
        let Created::Done(base) = store.create(&old, &records[0], now).await.unwrap() else {
            panic!("the key is new")
        };
        let later = records[0].expires_at + Duration::from_secs(1);
        assert_eq!(store.touch(&old, later, Some(&base), now).await.unwrap(), Touched::Done);
        let replace = Replace { old: &old, new: &new, record: &records[1], base: &base, tombstone: None };
        let Replaced::Done(base) = store.replace(replace, now).await.unwrap() else {
            panic!("nobody else has it")
        };
        assert!(store.load(&old, None, now).await.unwrap().is_none());
        let stored = store.load(&new, None, now).await.unwrap().unwrap();
        assert_eq!((&stored.record.payload, &stored.version), (&records[1].payload, &base));
        assert_eq!(store.delete(&new, Some(&base)).await.unwrap(), Deleted::Done);

        let mut seen = store.load(&key("shared"), None, now).await.unwrap().unwrap();
        loop {
            let next = &records[seen.record.value::<usize>("n").unwrap() + 1];
            match store.update(&key("shared"), next, Some(&seen.version), now).await.unwrap() {
                Updated::Done(_) => return,
                Updated::Conflict(newer) => seen = newer,
                Updated::Missing => panic!("the session is lost"),
            }
        }
    }

    pub(crate) async fn no_prepared_statement_stays_on_the_servers_connections() {
        on_a_table(async |place| {
            let store = place.store().await;
            place.create(&store, "a", &place.record(1)).await;
            assert_eq!(store.count(place.now).await.unwrap(), 1);
            assert_eq!(store.purge_expired(place.now, 10).await.unwrap(), 0);
            // Transactions hold on to their connections, so these see as many as there are for sure.
            let mut seen = Vec::new();
            for _ in 0..2 {
                let mut other = place.other().await;
                place.run(&mut other, "BEGIN").await;
                let query = "SELECT count(*) FROM pg_prepared_statements";
                let row = sqlx::raw_sql(query).fetch_one(&mut other).await.unwrap();
                assert_eq!(row.get::<i64, _>(0), 0);
                seen.push(other);
            }
            for mut other in seen {
                place.run(&mut other, "COMMIT").await;
            }
        })
        .await;
    }

    pub(crate) async fn a_locked_row_is_answered_in_time_and_nothing_is_written_late() {
        on_a_table(async |place| {
            // A quarter of it is left for everything but the wait.
            let patience = Duration::from_secs(8);
            let store = place.builder().patience(patience).connect(&place.url).await.unwrap();
            place.create(&store, "a", &place.record(1)).await;
            let mut other = place.other().await;
            place.run(&mut other, "BEGIN; SELECT 1 FROM # WHERE sid = 'a' FOR UPDATE").await;
            let start = Instant::now();
            let error = store.update(&key("a"), &place.record(2), None, place.now).await.unwrap_err();
            assert!(start.elapsed() < patience * 2, "{:?}", start.elapsed());
            assert_eq!(
                error.to_string(),
                "the session store takes no writes: SQLSTATE 55P03: another session has locked the row"
            );
            place.run(&mut other, "COMMIT").await;
            let stored = store.load(&key("a"), None, place.now).await.unwrap().unwrap();
            assert_eq!(stored.record.payload, place.record(1).payload);
        })
        .await;
    }
}

mod finding {
    use super::*;

    pub(crate) async fn a_pool_is_refused_until_the_store_is_told_of_the_pooler() {
        on_a_table(async |place| {
            let options = place.options().disable_statement_logging();
            let pool = PgPoolOptions::new().connect_with(options).await.unwrap();
            let builder = place.builder().patience(Duration::from_secs(30));
            let error = builder.clone().from_pool(pool.clone()).await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Refused);
            assert!(error.to_string().contains("`pooler(Pooler::Transaction)`"), "{error}");
            let store = builder.pooler(Pooler::Transaction).from_pool(pool).await.unwrap();
            place.create(&store, "a", &place.record(1)).await;
        })
        .await;
    }

    pub(crate) async fn who_denies_the_pooler_is_told_what_to_set() {
        on_a_table(async |place| {
            let _table = place.store().await;
            let error = place.builder().pooler(Pooler::Session).connect(&place.url).await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Refused);
            assert!(error.to_string().contains("`pooler(Pooler::Transaction)`"), "{error}");
        })
        .await;
    }
}

mod values {
    use super::*;

    pub(crate) async fn what_would_end_a_constant_comes_back_as_it_is() {
        on_a_table(async |place| {
            let store = place.store().await;
            let odd =
                "a'b''c\\'d\\\\e\"; DROP TABLE x; -- $1 $10 /* \u{1}\n\u{7f}\u{e9}\u{2028}\u{ffff}\u{1f600}";
            let payload = format!(r#"{{"cookie":{{}},"odd":{}}}"#, serde_json::to_string(odd).unwrap());
            let owner = Owner::new(odd);
            assert!(owner.is_some());
            let record = Record { payload: payload.into(), owner: owner.clone(), ..place.record(1) };
            place.create(&store, odd, &record).await;
            let stored = store.load(&key(odd), None, place.now).await.unwrap().unwrap();
            assert_eq!((&stored.record.payload, &stored.record.owner), (&record.payload, &owner));
            assert_eq!(stored.record.value::<String>("odd").as_deref(), Some(odd));
            let sessions = store.sessions_of(&owner.unwrap(), place.now).await.unwrap();
            assert_eq!(sessions.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), [odd]);
        })
        .await;
    }

    /// The client library logs the statements of a connection unless it is told not to, and here they hold all values.
    pub(crate) async fn no_value_gets_into_the_log() {
        on_a_table(async |place| {
            let told = Told::default();
            let guard = tracing::subscriber::set_default(told.clone());
            // The library must be seen to log, or this shows nothing.
            place.run(&mut place.other().await, "SELECT 'seen-by-somebody'").await;
            let store = place.store().await;
            let payload = r#"{"cookie":{},"secret":"hidden-value"}"#;
            let owner = Owner::new("hidden-owner");
            let record = Record { payload: payload.into(), owner, ..place.record(1) };
            place.create(&store, "hidden-key", &record).await;
            assert!(store.load(&key("hidden-key"), None, place.now).await.unwrap().is_some());
            drop(guard);
            assert!(told.text().contains("seen-by-somebody"));
            assert!(!told.text().contains("hidden-"), "{}", told.text());
        })
        .await;
    }
}
