//! What a client sees of a session over a real socket.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use axum::routing::get;
use common::{Server, Switched, cookie_field, policy};
use session_axum::policy::{Rolling, Secure, TrustProxy};
use session_axum::{Peek, Session, SessionError, SessionLayer, Sessions};
use session_store_memory::MemoryStore;

async fn count(session: Session) -> Result<String, SessionError> {
    Ok(session.update("n", |n: Option<u32>| n.unwrap_or(0) + 1)?.to_string())
}

async fn read(session: Session) -> Result<String, SessionError> {
    Ok(format!("{:?}", session.get::<u32>("n")?))
}

fn router() -> Router {
    Router::new()
        .route("/count", get(count))
        .route("/read", get(read))
        .route("/plain", get(|| async { "no session here" }))
        .route("/logout", get(async |session: Session| session.logout()))
}

async fn server() -> Server {
    Server::start(policy(), Arc::new(MemoryStore::new()), router()).await
}

#[tokio::test]
async fn a_session_is_kept_from_request_to_request() {
    let server = server().await;
    let first = server.get("/count", "").await;
    assert_eq!((first.status, first.body.as_str()), (200, "1"));
    let cookie = first.cookie("");
    assert_eq!(server.get("/count", &cookie).await.body, "2");
    let gone = server.get("/logout", &cookie).await;
    assert_eq!(gone.cookie(&cookie), "");
    assert_eq!(server.get("/read", &cookie).await.body, "None");
}

#[tokio::test]
async fn the_default_cookie_is_host_only_lax_and_hidden_from_scripts() {
    let line = server().await.get("/count", "").await.all("set-cookie")[0].to_owned();
    assert!(line.starts_with("sid=s%3A"), "{line}");
    for part in ["; Path=/;", "; Max-Age=86400", "; HttpOnly", "; SameSite=Lax"] {
        assert!(line.contains(part), "{part} in {line}");
    }
    assert!(!line.contains("Domain") && !line.contains("Secure"), "{line}");
}

#[tokio::test]
async fn caches_are_told_exactly_as_much_as_the_response_depends_on_the_session() {
    let server = server().await;
    let made = server.get("/count", "").await;
    assert_eq!((made.all("cache-control"), made.all("vary")), (vec!["no-store"], vec!["Cookie"]));
    let cookie = made.cookie("");
    let read = server.get("/read", &cookie).await;
    assert_eq!((read.all("cache-control"), read.all("vary")), (vec![], vec!["Cookie"]));
    let removed = server.get("/logout", &cookie).await;
    assert_eq!((removed.all("cache-control"), removed.all("vary")), (vec!["no-store"], vec!["Cookie"]));
    let plain = server.get("/plain", &cookie).await;
    assert_eq!((plain.all("cache-control"), plain.all("vary")), (vec![], vec![]));
}

#[tokio::test]
async fn a_handlers_caching_gives_way_where_it_would_share_a_cookie_and_stays_where_it_is_stricter() {
    async fn with(session: Session, cache_control: &'static str) -> Response {
        session.insert("n", 1).unwrap();
        ([(header::CACHE_CONTROL, cache_control)], "").into_response()
    }
    let router = Router::new()
        .route("/public", get(async |session: Session| with(session, "public, max-age=60").await))
        .route("/private", get(async |session: Session| with(session, "private, max-age=60").await));
    let server = Server::start(policy(), Arc::new(MemoryStore::new()), router).await;
    assert_eq!(server.get("/public", "").await.all("cache-control"), ["no-store"]);
    assert_eq!(server.get("/private", "").await.all("cache-control"), ["private, max-age=60"]);
}

#[tokio::test]
async fn the_sessions_cookie_stands_beside_the_handlers_own() {
    async fn three(session: Session) -> impl IntoResponse {
        session.insert("n", 1).unwrap();
        AppendHeaders([(header::SET_COOKIE, "a=1"), (header::SET_COOKIE, "b=2"), (header::SET_COOKIE, "c=3")])
    }
    let server =
        Server::start(policy(), Arc::new(MemoryStore::new()), Router::new().route("/", get(three))).await;
    let response = server.get("/", "").await;
    let lines = response.all("set-cookie");
    assert_eq!(lines[..3], ["a=1", "b=2", "c=3"]);
    assert!(lines[3].starts_with("sid=") && lines.len() == 4);
}

#[tokio::test]
async fn a_session_is_saved_whatever_the_response_is() {
    async fn respond(session: Session, response: impl IntoResponse) -> Response {
        session.update("n", |n: Option<u32>| n.unwrap_or(0) + 1).unwrap();
        response.into_response()
    }
    let stream = || Body::new(Body::from("streamed"));
    let router = router()
        .route("/204", get(async |session: Session| respond(session, StatusCode::NO_CONTENT).await))
        .route("/304", get(async |session: Session| respond(session, StatusCode::NOT_MODIFIED).await))
        .route("/400", get(async |session: Session| respond(session, StatusCode::BAD_REQUEST).await))
        .route(
            "/500",
            get(async |session: Session| respond(session, StatusCode::INTERNAL_SERVER_ERROR).await),
        )
        .route("/stream", get(async move |session: Session| respond(session, stream()).await))
        .route("/redirect", get(async |session: Session| respond(session, Redirect::to("/read")).await));
    let server = Server::start(policy(), Arc::new(MemoryStore::new()), router).await;
    let mut cookie = String::new();
    for (at, path) in ["/204", "/304", "/400", "/500", "/stream", "/redirect"].iter().enumerate() {
        let response = server.get(path, &cookie).await;
        assert_eq!(response.all("cache-control"), ["no-store"], "{path}");
        cookie = response.cookie(&cookie);
        assert_eq!(server.get("/read", &cookie).await.body, format!("Some({})", at + 1), "{path}");
    }
    let head = server.request("HEAD", "/count", &cookie_field(&cookie)).await;
    assert!(!head.all("set-cookie").is_empty());
    assert_eq!(server.get("/read", &cookie).await.body, "Some(7)");
}

#[tokio::test]
async fn a_handler_that_panics_leaves_the_session_as_it_was() {
    let router = router().route(
        "/panic",
        get(async |session: Session| {
            session.insert("n", 99).unwrap();
            if session.contains("n").unwrap() {
                panic!("a handler's own trouble");
            }
        }),
    );
    let server = Server::start(policy(), Arc::new(MemoryStore::new()), router).await;
    let cookie = server.get("/count", "").await.cookie("");
    assert_eq!(server.get("/panic", &cookie).await.status, 0);
    assert_eq!(server.get("/read", &cookie).await.body, "Some(1)");
}

#[tokio::test]
async fn cookies_split_over_several_fields_are_all_seen() {
    let server = server().await;
    let cookie = server.get("/count", "").await.cookie("");
    let lines = format!("Cookie: a=1\r\nCookie: {cookie}\r\nCookie: b=2\r\n");
    assert_eq!(server.request("GET", "/read", &lines).await.body, "Some(1)");
}

#[tokio::test]
async fn no_cookie_header_does_harm() {
    let server = server().await;
    for cookie in ["=", ";;;", "sid", "sid=", "sid=s%3A", "sid=%", "sid=\"", &"x".repeat(8_000), "sid=\u{fc}"]
    {
        assert_eq!(server.get("/read", cookie).await.body, "None");
    }
}

#[tokio::test]
async fn a_nested_router_judges_the_path_that_the_client_asked_for() {
    let sessions = Sessions::new(policy().path("/shop").build().unwrap(), MemoryStore::new());
    let inner = router().layer(SessionLayer::new(sessions.clone()));
    let app = Router::new().nest("/shop", inner.clone()).nest("/blog", inner);
    let server = Server::serve(app).await;
    let response = server.get("/shop/count", "").await;
    assert!(response.all("set-cookie")[0].contains("; Path=/shop;"));
    assert_eq!(server.get("/shop/count", &response.cookie("")).await.body, "2");
    let outside = server.get("/blog/count", "").await;
    assert_eq!((outside.status, outside.all("set-cookie")), (500, vec![]));
}

#[tokio::test]
async fn an_optional_session_is_none_outside_the_path_and_without_a_layer() {
    let optional = get(async |session: Option<Session>| session.is_some().to_string());
    let sessions = Sessions::new(policy().path("/shop").build().unwrap(), MemoryStore::new());
    let app = Router::new()
        .route("/shop", optional.clone())
        .route("/blog", optional.clone())
        .layer(SessionLayer::new(sessions))
        .route("/bare", optional)
        .route("/missing", get(count));
    let server = Server::serve(app).await;
    for (path, expected) in [("/shop", "true"), ("/blog", "false"), ("/bare", "false")] {
        assert_eq!(server.get(path, "").await.body, expected, "{path}");
    }
    assert_eq!(server.get("/missing", "").await.status, 500);
}

#[tokio::test]
async fn a_secure_cookie_needs_a_proxy_that_is_trusted() {
    for (trust, header, secure) in [
        (TrustProxy::Nobody, "https", false),
        (TrustProxy::Everybody, "https", true),
        (TrustProxy::Everybody, "http", false),
        (TrustProxy::Everybody, "http, https", false),
        // The test's client comes from loopback.
        (TrustProxy::PrivateNetworks, "https", true),
    ] {
        let policy = policy().secure(Secure::Always).trust_proxy(trust.clone());
        let server = Server::start(policy, Arc::new(MemoryStore::new()), router()).await;
        let response = server.request("GET", "/count", &format!("X-Forwarded-Proto: {header}\r\n")).await;
        assert_eq!(response.status, 200);
        let cookies = response.all("set-cookie");
        assert_eq!(cookies.iter().any(|line| line.starts_with("__Host-sid=")), secure, "{trust:?} {header}");
    }
}

/// What is logged, for a look at it.
#[derive(Clone, Default)]
struct Log(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The server runs on the test's own thread, whose log is listened to.
#[tokio::test(flavor = "current_thread")]
async fn a_server_that_does_not_know_the_peer_is_told_the_line_that_makes_it_known() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _guard = tracing_subscriber::util::SubscriberInitExt::set_default(subscriber);
    let policy = policy().secure(Secure::Always).trust_proxy(TrustProxy::PrivateNetworks);
    let sessions = Sessions::new(policy.build().unwrap(), MemoryStore::new());
    let app = router().layer(SessionLayer::new(sessions));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server::at(listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    for _ in 0..2 {
        let response = server.request("GET", "/count", "X-Forwarded-Proto: https\r\n").await;
        assert_eq!(response.status, 200);
        assert!(response.all("set-cookie").is_empty());
    }
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert_eq!(text.matches("into_make_service_with_connect_info::<SocketAddr>()").count(), 1, "{text}");
}

#[tokio::test]
async fn every_request_rolls_the_cookie_if_the_policy_says_so_even_where_nobody_looks() {
    let policy = policy().rolling(Rolling::EveryRequest).touch_after(Duration::ZERO);
    let server = Server::start(policy, Arc::new(MemoryStore::new()), router()).await;
    let cookie = server.get("/count", "").await.cookie("");
    let plain = server.get("/plain", &cookie).await;
    assert_eq!(plain.all("set-cookie").len(), 1);
    assert_eq!(plain.body, "no session here");
    assert!(server.get("/plain", "").await.all("set-cookie").is_empty());
}

#[tokio::test]
async fn a_peeking_route_reads_without_a_cookie() {
    let peek = get(async |Peek(session): Peek| format!("{:?}", session.get::<u32>("n").unwrap()));
    let policy = policy().touch_after(Duration::ZERO);
    let server = Server::start(policy, Arc::new(MemoryStore::new()), router().route("/peek", peek)).await;
    let cookie = server.get("/count", "").await.cookie("");
    let response = server.get("/peek", &cookie).await;
    assert_eq!((response.body.as_str(), response.all("set-cookie")), ("Some(1)", vec![]));
}

#[tokio::test]
async fn while_the_store_is_down_only_requests_that_need_it_fail_and_nobody_is_logged_out() {
    let store = Switched::default();
    let server = Server::start(policy(), Arc::new(store.clone()), router()).await;
    let cookie = server.get("/count", "").await.cookie("");

    store.set_down(true);
    let response = server.get("/read", &cookie).await;
    assert_eq!((response.status, response.all("retry-after")), (503, vec!["1"]));
    assert_eq!(response.all("set-cookie"), Vec::<&str>::new());
    assert!(!response.body.contains("refused"), "the body tells nothing of the inside");
    assert_eq!(server.get("/plain", &cookie).await.status, 200);
    assert_eq!(server.get("/read", "").await.status, 200);

    store.set_down(false);
    assert_eq!(server.get("/read", &cookie).await.body, "Some(1)");
}

#[tokio::test]
async fn a_save_that_fails_is_an_error_without_a_cookie() {
    let store = Switched::default();
    let server = Server::start(policy(), Arc::new(store.clone()), router()).await;
    store.set_failing_writes(true);
    let response = server.get("/count", "").await;
    assert_eq!((response.status, response.all("set-cookie")), (503, vec![]));
}
