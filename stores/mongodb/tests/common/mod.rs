//! What the tests share: a database for each test on the server that the environment names, and a few words.
#![allow(dead_code, unreachable_pub, unused_imports, unused_macros, reason = "each test uses some of it")]

pub mod hole;
pub mod own;

use std::pin::Pin;
use std::time::Duration;

use libtest_mimic::{Arguments, Completion, Trial};
use session_core::StoreKey;
use session_core::store::{Created, Owner, Record, Store as _, Stored, Version};
use session_store_mongodb::mongodb::bson::{Bson, DateTime, Document, doc};
use session_store_mongodb::mongodb::{Client, Collection, Database};
use session_store_mongodb::{MongoBuilder, MongoStore};
use time::OffsetDateTime;

type Test = fn() -> Pin<Box<dyn Future<Output = ()>>>;

/// A test and its name.
pub struct Case {
    pub name: &'static str,
    pub test: Test,
}

/// A table of tests.
macro_rules! cases {
    ($($test:ident),+ $(,)?) => {
        vec![$($crate::common::Case { name: stringify!($test), test: || Box::pin($test()) }),+]
    };
}
pub(crate) use cases;

/// Runs the tests of `server`, which is at the URL in the environment variable `variable`.
///
/// Where the variable is not set they are ignored, or fail if `SESSION_REQUIRE` names the server.
pub fn run(server: &'static str, variable: &'static str, arguments: &Arguments, cases: Vec<Case>) {
    let is_there = std::env::var_os(variable).is_some();
    let list = std::env::var("SESSION_REQUIRE").unwrap_or_default();
    let is_required = list.split(',').any(|name| name.trim() == server);
    let trials = cases.into_iter().map(|Case { name, test }| {
        Trial::ignorable_test(name, move || match (is_there, is_required) {
            (true, _) => {
                tokio::runtime::Runtime::new()?.block_on(test());
                Ok(Completion::Completed)
            }
            (false, true) => Err(format!("SESSION_REQUIRE names {server}, and {variable} is not set").into()),
            (false, false) => Ok(Completion::ignored_with(format!("set {variable} to run this"))),
        })
        .with_kind(server)
    });
    libtest_mimic::run(arguments, trials.collect()).exit_if_failed();
}

/// A database of a test's own.
pub struct Place {
    pub url: String,
    pub name: String,
    pub now: OffsetDateTime,
    pub client: Client,
}

/// Runs a test in a database of its own, and removes it.
pub async fn on_a_database(variable: &str, test: impl AsyncFnOnce(&Place)) {
    let url = std::env::var(variable).unwrap();
    let name = format!("test_{:016x}", rand::random::<u64>());
    let client = Client::with_uri_str(&url).await.unwrap();
    let place = Place { url, name, now: now(), client };
    test(&place).await;
    place.database().drop().await.unwrap();
}

impl Place {
    pub fn builder(&self) -> MongoBuilder {
        MongoStore::builder().database(&self.name)
    }

    pub async fn store(&self) -> MongoStore {
        self.builder().connect(&self.url).await.unwrap()
    }

    pub fn database(&self) -> Database {
        self.client.database(&self.name)
    }

    /// The sessions, as somebody else sees them.
    pub fn sessions(&self) -> Collection<Document> {
        self.database().collection("sessions")
    }

    pub async fn document(&self, name: &str) -> Option<Document> {
        self.sessions().find_one(doc! { "_id": name }).await.unwrap()
    }

    /// The URL's host and port, of the first host if there are several.
    pub fn host(&self) -> String {
        let rest = self.url.strip_prefix("mongodb://").unwrap();
        let end = rest.find(['/', ',', '?']).unwrap_or(rest.len());
        rest[..end].to_owned()
    }
}

pub fn key(text: &str) -> StoreKey {
    StoreKey::from_stored(text)
}

pub fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// A session of ten minutes that holds `n`.
pub fn record(n: u64, owner: Option<&str>) -> Record {
    let facts = owner.map_or_else(String::new, |owner| format!(r#","_session":{{"v":1,"owner":"{owner}"}}"#));
    let payload = format!(
        r#"{{"cookie":{{"originalMaxAge":600000,"expires":"2020-01-01T00:00:00.000Z"}},"n":{n}{facts}}}"#
    );
    let owner = owner.and_then(Owner::new);
    Record { payload: payload.into(), expires_at: now() + Duration::from_secs(600), owner }
}

pub async fn create(store: &MongoStore, name: &str, record: &Record) -> Version {
    match store.create(&key(name), record, now()).await.unwrap() {
        Created::Done(version) => version,
        Created::Exists => panic!("the key is new"),
    }
}

pub async fn live(store: &MongoStore, name: &str) -> Option<Record> {
    store.load(&key(name), None, now()).await.unwrap().map(|stored| stored.record)
}

pub fn date(at: OffsetDateTime) -> DateTime {
    DateTime::from_millis(i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap())
}

/// connect-mongo's `set`.
pub async fn node_sets(
    sessions: &Collection<Document>,
    name: &str,
    session: impl Into<Bson>,
    expires: OffsetDateTime,
) {
    let expires = date(expires);
    let set = doc! { "_id": name, "expires": expires, "session": session.into() };
    sessions.update_one(doc! { "_id": name }, doc! { "$set": set }).upsert(true).await.unwrap();
}

pub async fn loaded(store: &MongoStore, name: &str) -> Stored {
    store.load(&key(name), None, now()).await.unwrap().expect("it is there")
}

pub fn holding(payload: &str) -> Record {
    Record { payload: payload.into(), ..record(1, None) }
}
