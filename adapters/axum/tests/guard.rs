//! Routes for those who have signed in, and several session layers around one route.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

mod common;

use axum::Router;
use axum::middleware;
use axum::routing::get;
use common::{Server, cookie_field, policy};
use session_axum::{LayerName, Named, Owner, Peek, Session, SessionError, SessionLayer, Sessions, SignedIn};
use session_store_memory::MemoryStore;

async fn login(session: Session) -> Result<(), SessionError> {
    session.login(Owner::new("user1").unwrap())
}

async fn account(SignedIn { session, owner }: SignedIn) -> Result<String, SessionError> {
    let visits = session.update("visits", |visits: Option<u32>| visits.unwrap_or(0) + 1)?;
    Ok(format!("{} {visits}", owner.as_str()))
}

fn router() -> Router {
    Router::new().route("/login", get(login)).route("/account", get(account).post(account))
}

#[tokio::test]
async fn whoever_has_not_signed_in_is_told_so() {
    let sessions = Sessions::new(policy().build().unwrap(), MemoryStore::new());
    let server = Server::serve(router().layer(SessionLayer::new(sessions))).await;
    let refused = server.get("/account", "").await;
    assert_eq!((refused.status, refused.all("www-authenticate")), (401, vec!["Cookie"]));
    assert_eq!((refused.all("vary"), refused.all("cache-control")), (vec!["Cookie"], vec!["no-store"]));
    assert_eq!(refused.all("set-cookie"), Vec::<&str>::new());
    let cookie = server.get("/login", "").await.cookie("");
    assert_eq!(server.get("/account", &cookie).await.body, "user1 1");
    assert_eq!(server.get("/account", &cookie).await.body, "user1 2");
}

#[tokio::test]
async fn who_opens_a_page_is_sent_to_the_login_page_and_who_sends_a_form_is_not() {
    let sessions = Sessions::builder(policy().build().unwrap(), MemoryStore::new()).login_page("/login");
    let server = Server::serve(router().layer(SessionLayer::new(sessions.build()))).await;
    for method in ["GET", "HEAD"] {
        let sent = server.request(method, "/account", "").await;
        assert_eq!((sent.status, sent.all("location")), (303, vec!["/login"]), "{method}");
        assert_eq!(sent.all("www-authenticate"), Vec::<&str>::new());
    }
    let refused = server.request("POST", "/account", "").await;
    assert_eq!((refused.status, refused.all("location")), (401, vec![]));
}

#[tokio::test]
async fn one_line_guards_a_whole_router() {
    let guarded = Router::new()
        .route("/account", get(async || "yours"))
        .route("/orders", get(async || "none yet"))
        .route_layer(middleware::from_extractor::<SignedIn>());
    let greeting = get(async |user: Option<SignedIn>| match user {
        Some(user) => format!("hello {}", user.owner.as_str()),
        None => "hello stranger".to_owned(),
    });
    let app = Router::new().route("/login", get(login)).route("/", greeting).merge(guarded);
    let sessions = Sessions::new(policy().build().unwrap(), MemoryStore::new());
    let server = Server::serve(app.layer(SessionLayer::new(sessions))).await;
    for path in ["/account", "/orders"] {
        let refused = server.get(path, "").await;
        assert_eq!((refused.status, refused.all("www-authenticate")), (401, vec!["Cookie"]), "{path}");
    }
    assert_eq!(server.get("/nowhere", "").await.status, 404);
    assert_eq!(server.get("/", "").await.body, "hello stranger");
    let cookie = server.get("/login", "").await.cookie("");
    assert_eq!(server.get("/account", &cookie).await.body, "yours");
    assert_eq!(server.get("/orders", &cookie).await.body, "none yet");
    assert_eq!(server.get("/", &cookie).await.body, "hello user1");
}

struct Staff;

impl LayerName for Staff {
    const COOKIE: &'static str = "staff";
}

struct Misspelt;

impl LayerName for Misspelt {
    const COOKIE: &'static str = "stuff";
}

#[tokio::test]
async fn two_layers_keep_two_sessions_apart_and_both_are_within_reach() {
    let customers = Sessions::new(policy().build().unwrap(), MemoryStore::new());
    let staff = Sessions::new(policy().name("staff").build().unwrap(), MemoryStore::new());
    let both = get(async |customer: Session, staff: Named<Staff>| {
        customer.insert("n", 1)?;
        staff.insert("n", 2)?;
        Ok::<_, SessionError>(())
    });
    let read = get(async |Peek(customer): Peek, staff: Named<Staff, Peek>| {
        let numbers = [customer.get::<u32>("n")?, staff.0.get("n")?];
        Ok::<_, SessionError>(format!("{numbers:?}"))
    });
    let guarded = get(async |staff: Named<Staff, SignedIn>| staff.owner.as_str().to_owned());
    let hire = get(async |staff: Named<Staff>| staff.login(Owner::new("anna").unwrap()));
    let app = Router::new()
        .route("/both", both)
        .route("/read", read)
        .route("/guarded", guarded)
        .route("/hire", hire)
        .route("/misspelt", get(async |_: Named<Misspelt>| ()))
        .layer(SessionLayer::new(customers))
        .layer(SessionLayer::new(staff));
    let server = Server::serve(app).await;

    let response = server.get("/both", "").await;
    let cookies =
        ["sid", "staff"].map(|name| response.named_cookie(name).unwrap().split(';').next().unwrap());
    assert_eq!(response.all("set-cookie").len(), 2);
    assert_eq!(server.get("/read", &cookies.join("; ")).await.body, "[Some(1), Some(2)]");
    assert_eq!(server.get("/read", cookies[1]).await.body, "[None, Some(2)]");

    assert_eq!(server.get("/guarded", &cookies.join("; ")).await.status, 401);
    let hired = server.get("/hire", "").await;
    let cookie = hired.named_cookie("staff").unwrap().split(';').next().unwrap();
    assert_eq!(server.request("GET", "/guarded", &cookie_field(cookie)).await.body, "anna");
    assert_eq!(server.get("/misspelt", "").await.status, 500);
}
