//! What is particular to actix-web, over a real socket.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

#[path = "../../driver/tests/http/mod.rs"]
mod http;

use actix_web::dev::Service as _;
use actix_web::error::ErrorBadRequest;
use actix_web::web::{self, ServiceConfig};
use actix_web::{App, HttpMessage as _, HttpResponse, HttpServer};
use http::{Server, Switched, cookie_field, policy};
use session_actix::policy::{Secure, TrustProxy};
use session_actix::{
    Exchange, LayerName, Named, Owner, Peek, Session, SessionError, SessionMiddleware, Sessions, SignedIn,
};
use session_store_memory::MemoryStore;

/// Serves what an application factory makes.
macro_rules! serve {
    ($factory:expr) => {{
        let server = HttpServer::new($factory).workers(1).disable_signals();
        let server = server.bind(("127.0.0.1", 0)).unwrap();
        let address = server.addrs()[0];
        tokio::spawn(server.run());
        Server { address }
    }};
}

fn start(sessions: Sessions) -> Server {
    serve!(move || App::new().wrap(SessionMiddleware::new(sessions.clone())).configure(routes))
}

fn sessions(store: impl session_actix::store::Store) -> Sessions {
    Sessions::new(policy().build().unwrap(), store)
}

async fn count(session: Session) -> Result<String, SessionError> {
    Ok(session.update("n", |n: Option<u32>| n.unwrap_or(0) + 1)?.to_string())
}

async fn read(Peek(session): Peek) -> Result<String, SessionError> {
    Ok(format!("{:?}", session.get::<u32>("n")?))
}

async fn login(session: Session) -> Result<String, SessionError> {
    session.login(Owner::new("user1").unwrap())?;
    Ok(String::new())
}

async fn account(SignedIn { session, owner }: SignedIn) -> Result<String, SessionError> {
    session.insert("seen", true)?;
    Ok(owner.as_str().to_owned())
}

async fn failing(session: Session) -> Result<HttpResponse, actix_web::Error> {
    session.insert("n", 10)?;
    Err(ErrorBadRequest("the handler failed"))
}

async fn panicking(session: Session) -> HttpResponse {
    session.insert("n", 99).unwrap();
    assert!(!session.contains("n").unwrap(), "a handler's own trouble");
    HttpResponse::Ok().finish()
}

async fn cookies(session: Session) -> HttpResponse {
    session.insert("n", 1).unwrap();
    let mut response = HttpResponse::Ok();
    response.append_header(("set-cookie", "a=1")).append_header(("set-cookie", "b=2")).finish()
}

async fn upgrading(session: Session) -> HttpResponse {
    session.insert("n", 5).unwrap();
    HttpResponse::SwitchingProtocols().upgrade("websocket").finish()
}

async fn optional(option: Option<Session>, result: Result<Session, SessionError>) -> String {
    format!("{} {:?}", option.is_some(), result.map(drop).map_err(|error| error.status()))
}

fn routes(config: &mut ServiceConfig) {
    config
        .route("/count", web::get().to(count))
        .route("/read", web::get().to(read))
        .route("/plain", web::get().to(async || "no session here"))
        .route("/login", web::get().to(login))
        .route("/account", web::route().to(account))
        .route("/failing", web::get().to(failing))
        .route("/panicking", web::get().to(panicking))
        .route("/cookies", web::get().to(cookies))
        .route("/upgrading", web::get().to(upgrading))
        .route("/optional", web::get().to(optional));
}

#[tokio::test]
async fn a_session_is_kept_from_request_to_request() {
    let server = start(sessions(MemoryStore::new()));
    let first = server.get("/count", "").await;
    assert_eq!((first.status, first.body.as_str()), (200, "1"));
    assert_eq!((first.all("cache-control"), first.all("vary")), (vec!["no-store"], vec!["Cookie"]));
    let cookie = first.cookie("");
    assert_eq!(server.get("/count", &cookie).await.body, "2");
    let split = format!("Cookie: a=1\r\nCookie: {cookie}\r\nCookie: b=2\r\n");
    assert_eq!(server.request("GET", "/read", &split).await.body, "Some(2)");
    let plain = server.get("/plain", &cookie).await;
    assert_eq!((plain.all("vary"), plain.all("set-cookie")), (vec![], vec![]));
    assert_eq!(server.get("/nowhere", &cookie).await.status, 404);
}

#[tokio::test]
async fn a_handler_that_fails_has_its_session_saved() {
    let server = start(sessions(MemoryStore::new()));
    let failed = server.get("/failing", "").await;
    assert_eq!((failed.status, failed.body.as_str()), (400, "the handler failed"));
    assert_eq!(server.get("/read", &failed.cookie("")).await.body, "Some(10)");
}

#[tokio::test]
async fn a_session_is_saved_when_an_inner_middleware_fails_after_the_handler() {
    let store = Switched::default();
    let shared = sessions(store.clone());
    let server = serve!(move || {
        App::new()
            .wrap_fn(|request, service| {
                let used = request.path() != "/plain";
                let answer = service.call(request);
                async move {
                    answer.await?;
                    Err::<actix_web::dev::ServiceResponse, _>(if used {
                        ErrorBadRequest("refused on the way out")
                    } else {
                        actix_web::error::ErrorNotFound("refused without a session")
                    })
                }
            })
            .wrap(SessionMiddleware::new(shared.clone()))
            .configure(routes)
    });
    let failed = server.get("/count", "").await;
    assert_eq!((failed.status, failed.body.as_str()), (400, "refused on the way out"));
    assert_eq!(failed.all("cache-control"), ["no-store"]);
    assert!(failed.cookie("").starts_with("sid="));
    assert_eq!(server.get("/plain", "").await.body, "refused without a session");
    store.set_failing_writes(true);
    let unsaved = server.get("/count", "").await;
    assert_eq!((unsaved.status, unsaved.all("set-cookie")), (503, vec![]));
}

#[tokio::test]
async fn an_outage_is_503_at_the_load_and_at_the_save_and_sets_no_cookie() {
    let store = Switched::default();
    let server = start(sessions(store.clone()));
    let cookie = server.get("/count", "").await.cookie("");
    store.set_failing_writes(true);
    for cookie in ["", &cookie] {
        let unsaved = server.get("/count", cookie).await;
        assert_eq!((unsaved.status, unsaved.all("retry-after")), (503, vec!["1"]));
        assert_eq!((unsaved.all("set-cookie"), unsaved.all("cache-control")), (vec![], vec!["no-store"]));
    }
    store.set_down(true);
    let unread = server.get("/read", &cookie).await;
    assert_eq!((unread.status, unread.all("retry-after")), (503, vec!["1"]));
    assert!(unread.all("set-cookie").is_empty() && !unread.body.contains("refused"));
    assert_eq!(server.get("/plain", &cookie).await.status, 200);
    assert_eq!(server.get("/optional", &cookie).await.body, "false Err(503)");
    store.set_down(false);
    assert_eq!(server.get("/read", &cookie).await.body, "Some(1)");
}

#[tokio::test]
async fn the_sessions_cookie_stands_beside_the_handlers_own() {
    let server = start(sessions(MemoryStore::new()));
    let response = server.get("/cookies", "").await;
    let mut lines = response.all("set-cookie");
    assert!(response.named_cookie("sid").is_some());
    lines.retain(|line| !line.starts_with("sid="));
    assert_eq!(lines, ["a=1", "b=2"]);
}

#[tokio::test]
async fn a_handler_that_panics_leaves_the_session_as_it_was() {
    let server = start(sessions(MemoryStore::new()));
    let cookie = server.get("/count", "").await.cookie("");
    assert_eq!(server.get("/panicking", &cookie).await.status, 0);
    assert_eq!(server.get("/read", &cookie).await.body, "Some(1)");
}

#[tokio::test]
async fn a_scope_judges_the_path_that_the_client_asked_for() {
    let shop = Sessions::new(policy().path("/shop").build().unwrap(), MemoryStore::new());
    let server = serve!(move || {
        let scope =
            |path: &str| web::scope(path).wrap(SessionMiddleware::new(shop.clone())).configure(routes);
        App::new().service(scope("/shop")).service(scope("/blog")).configure(routes)
    });
    let response = server.get("/shop/count", "").await;
    assert!(response.all("set-cookie")[0].contains("; Path=/shop;"));
    assert_eq!(server.get("/shop/count", &response.cookie("")).await.body, "2");
    let outside = server.get("/blog/count", "").await;
    assert_eq!((outside.status, outside.all("set-cookie")), (500, vec![]));
    assert_eq!(server.get("/blog/optional", "").await.body, "false Err(500)");
    assert_eq!(server.get("/count", "").await.status, 500, "no middleware there");
}

#[tokio::test]
async fn whoever_has_not_signed_in_is_told_so_or_sent_to_the_login_page() {
    let server = start(sessions(MemoryStore::new()));
    let refused = server.get("/account", "").await;
    assert_eq!((refused.status, refused.all("www-authenticate")), (401, vec!["Cookie"]));
    let cookie = server.get("/login", "").await.cookie("");
    assert_eq!(server.get("/account", &cookie).await.body, "user1");

    let builder = Sessions::builder(policy().build().unwrap(), MemoryStore::new());
    let server = start(builder.login_page("/login").build());
    for method in ["GET", "HEAD"] {
        let sent = server.request(method, "/account", "").await;
        assert_eq!((sent.status, sent.all("location")), (303, vec!["/login"]), "{method}");
    }
    let refused = server.request("POST", "/account", "Content-Length: 0\r\n").await;
    assert_eq!((refused.status, refused.all("location")), (401, vec![]));
}

struct Staff;

impl LayerName for Staff {
    const COOKIE: &'static str = "staff";
}

#[tokio::test]
async fn two_middlewares_keep_two_sessions_apart_and_both_are_within_reach() {
    let customers = sessions(MemoryStore::new());
    let staff = Sessions::new(policy().name("staff").build().unwrap(), MemoryStore::new());
    let server = serve!(move || {
        let both = async |customer: Session, staff: Named<Staff>| {
            customer.insert("n", 1)?;
            staff.insert("n", 2)?;
            Ok::<_, SessionError>("")
        };
        let read = async |Peek(customer): Peek, staff: Named<Staff, Peek>| {
            let numbers = [customer.get::<u32>("n")?, staff.0.get("n")?];
            Ok::<_, SessionError>(format!("{numbers:?}"))
        };
        let guarded = async |staff: Named<Staff, SignedIn>| staff.owner.as_str().to_owned();
        App::new()
            .wrap(SessionMiddleware::new(customers.clone()))
            .wrap(SessionMiddleware::new(staff.clone()))
            .route("/both", web::get().to(both))
            .route("/read", web::get().to(read))
            .route("/guarded", web::get().to(guarded))
    });
    let response = server.get("/both", "").await;
    let cookies =
        ["sid", "staff"].map(|name| response.named_cookie(name).unwrap().split(';').next().unwrap());
    assert_eq!(server.get("/read", &cookies.join("; ")).await.body, "[Some(1), Some(2)]");
    assert_eq!(server.get("/read", cookies[0]).await.body, "[Some(1), None]");
    assert_eq!(server.get("/guarded", &cookies.join("; ")).await.status, 401);
}

#[tokio::test]
async fn a_header_that_anybody_can_send_makes_no_connection_secure() {
    for (trust, secure) in [(TrustProxy::Nobody, false), (TrustProxy::PrivateNetworks, true)] {
        let policy = policy().secure(Secure::Always).trust_proxy(trust.clone()).build().unwrap();
        let server = start(Sessions::new(policy, MemoryStore::new()));
        let lines = "X-Forwarded-Proto: https\r\nForwarded: for=203.0.113.1;proto=https\r\nX-Forwarded-For: 203.0.113.1\r\n";
        let response = server.request("GET", "/count", lines).await;
        assert_eq!(response.named_cookie("__Host-sid").is_some(), secure, "{trust:?}");
    }
}

#[tokio::test]
async fn an_upgrade_carries_the_cookie() {
    let server = start(sessions(MemoryStore::new()));
    let (upgraded, _) = server.upgrade("/upgrading", "").await;
    assert_eq!(upgraded.status, 101);
    assert_eq!(server.get("/read", &upgraded.cookie("")).await.body, "Some(5)");
}

#[tokio::test]
async fn a_middleware_further_in_finds_the_session_in_the_requests_extensions() {
    let shared = sessions(MemoryStore::new());
    let server = serve!(move || {
        App::new()
            .wrap_fn(|request, service| {
                let exchange = request.extensions().get::<Exchange>().cloned().unwrap();
                let answer = service.call(request);
                async move {
                    let session = exchange.session().await?;
                    session.insert("n", 3)?;
                    answer.await
                }
            })
            .wrap(SessionMiddleware::new(shared.clone()))
            .configure(routes)
    });
    let cookie = server.get("/plain", "").await.cookie("");
    assert_eq!(server.request("GET", "/read", &cookie_field(&cookie)).await.body, "Some(3)");
}
