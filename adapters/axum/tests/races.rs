//! Requests that run at the same time, over real sockets, on the memory store and on SQLite.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use common::{Server, policy};
use session_axum::policy::Rolling;
use session_axum::store::Store;
use session_axum::{Owner, Session, SessionError};
use session_store_memory::MemoryStore;
use session_store_sql::SqliteStore;
use tokio::sync::Semaphore;

/// Lets a test stop requests in their handlers, and knows how many have come that far.
#[derive(Clone)]
struct Barrier {
    arrived: Arc<Semaphore>,
    leave: Arc<Semaphore>,
}

impl Barrier {
    fn new() -> Self {
        Self { arrived: Arc::new(Semaphore::new(0)), leave: Arc::new(Semaphore::new(0)) }
    }

    async fn pass(&self) {
        self.arrived.add_permits(1);
        self.leave.acquire().await.unwrap().forget();
    }
}

fn router(barrier: Barrier) -> Router {
    let slow = |act: fn(&Session) -> Result<(), SessionError>| {
        let barrier = barrier.clone();
        get(async move |session: Session| {
            act(&session)?;
            barrier.pass().await;
            Ok::<_, SessionError>(format!("{:?}", session.get::<i64>("n")?))
        })
    };
    let set = barrier.clone();
    Router::new()
        .route(
            "/login",
            get(async |session: Session| {
                session.login(Owner::new("user1").unwrap())?;
                session.insert("n", 0)?;
                Ok::<_, SessionError>("")
            }),
        )
        .route("/logout", get(async |session: Session| session.logout()))
        .route(
            "/read/{key}",
            get(async |Path(key): Path<String>, session: Session| {
                Ok::<_, SessionError>(format!("{:?}", session.get::<i64>(&key)?))
            }),
        )
        .route("/slow/read", slow(|_| Ok(())))
        .route("/slow/write", slow(|session| session.insert("w", 1)))
        .route("/slow/touch", slow(|session| session.touch()))
        .route("/slow/renew", slow(|session| session.renew()))
        .route(
            "/slow/set/{key}",
            get(async move |Path(key): Path<String>, session: Session| {
                session.insert(&key, 1)?;
                set.pass().await;
                Ok::<_, SessionError>("")
            }),
        )
        .route(
            "/count",
            get(async |session: Session| {
                Ok::<_, SessionError>(session.update("n", |n: Option<i64>| n.unwrap_or(0) + 1)?.to_string())
            }),
        )
}

/// Runs a test on each store.
async fn on_each_store(test: impl AsyncFn(&'static str, Server, Barrier)) {
    let folder = tempfile::tempdir().unwrap();
    let stores: [(&str, Arc<dyn Store>); 2] = [
        ("memory", Arc::new(MemoryStore::new())),
        ("sqlite", Arc::new(SqliteStore::open(folder.path().join("sessions.sqlite3")).await.unwrap())),
    ];
    for (name, store) in stores {
        let barrier = Barrier::new();
        let policy = policy().rolling(Rolling::EveryRequest).touch_after(Duration::ZERO);
        let server = Server::start(policy, store, router(barrier.clone())).await;
        test(name, server, barrier).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_logout_during_any_slow_request_is_final() {
    on_each_store(async |store, server, barrier| {
        for path in ["/slow/read", "/slow/write", "/slow/touch", "/slow/renew"] {
            let cookie = server.get("/login", "").await.cookie("");
            let slow = async {
                let response = server.get(path, &cookie).await;
                response.cookie("")
            };
            let logout = async {
                barrier.arrived.acquire().await.unwrap().forget();
                let response = server.get("/logout", &cookie).await;
                assert_eq!(response.cookie(&cookie), "", "{store} {path}");
                barrier.leave.add_permits(1);
            };
            let (new_cookie, ()) = tokio::join!(slow, logout);
            assert_eq!(server.get("/read/n", &cookie).await.body, "None", "{store} {path}, old cookie");
            // A reader that had loaded the session before may refresh the cookie; it leads nowhere.
            if matches!(path, "/slow/write" | "/slow/renew") {
                assert_eq!(new_cookie, "", "{store} {path}: no new cookie");
            }
            assert_eq!(server.get("/read/n", &new_cookie).await.body, "None", "{store} {path}, new cookie");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_parallel_requests_that_write_five_keys_are_all_kept() {
    on_each_store(async |store, server, barrier| {
        let cookie = server.get("/login", "").await.cookie("");
        let set = async |key: &str| server.get(&format!("/slow/set/{key}"), &cookie).await.status;
        let release = async {
            barrier.arrived.acquire_many(5).await.unwrap().forget();
            barrier.leave.add_permits(5);
        };
        let (a, b, c, d, e, ()) = tokio::join!(set("a"), set("b"), set("c"), set("d"), set("e"), release);
        assert_eq!([a, b, c, d, e], [200; 5], "{store}");
        for key in ["a", "b", "c", "d", "e"] {
            assert_eq!(server.get(&format!("/read/{key}"), &cookie).await.body, "Some(1)", "{store} {key}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_parallel_increments_count_a_hundred() {
    on_each_store(async |store, server, _| {
        let cookie = server.get("/login", "").await.cookie("");
        let server = Arc::new(server);
        let requests: Vec<_> = (0..100)
            .map(|_| {
                let (server, cookie) = (server.clone(), cookie.clone());
                tokio::spawn(async move { server.get("/count", &cookie).await.status })
            })
            .collect();
        for request in requests {
            assert_eq!(request.await.unwrap(), 200, "{store}");
        }
        assert_eq!(server.get("/read/n", &cookie).await.body, "Some(100)", "{store}");
    })
    .await;
}
