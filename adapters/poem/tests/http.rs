//! What is particular to poem, over a real socket.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

#[path = "../../driver/tests/http/mod.rs"]
mod http;

use http::{Server, Switched, message, policy};
use poem::error::{BadRequest, NotFoundError};
use poem::http::StatusCode;
use poem::listener::{Acceptor as _, Listener as _, TcpListener};
use poem::middleware::CatchPanic;
use poem::web::Data;
use poem::web::websocket::{Message, WebSocket};
use poem::{Endpoint, EndpointExt as _, IntoResponse, Response, Route, get, handler};
use poem_openapi::payload::PlainText;
use poem_openapi::{ApiResponse, OpenApi, OpenApiService};
use session_poem::policy::{Secure, TrustProxy};
use session_poem::store::Store;
use session_poem::{
    Exchange, LayerName, Named, Owner, Peek, Session, SessionError, SessionMiddleware, Sessions, SignedIn,
};
use session_store_memory::MemoryStore;

async fn serve(app: impl Endpoint + 'static) -> Server {
    let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
    let address = *acceptor.local_addr()[0].as_socket_addr().unwrap();
    tokio::spawn(poem::Server::new_with_acceptor(acceptor).run(app));
    Server { address }
}

async fn start(sessions: Sessions) -> Server {
    serve(routes().with(SessionMiddleware::new(sessions))).await
}

fn sessions(store: impl Store) -> Sessions {
    Sessions::new(policy().build().unwrap(), store)
}

fn routes() -> Route {
    Route::new()
        .at("/count", get(count))
        .at("/read", get(read))
        .at("/plain", get(without))
        .at("/login", get(login))
        .at("/account", get(account).head(account).post(account))
        .at("/failing", get(failing))
        .at("/panicking", get(panicking))
        .at("/cookies", get(own_cookies))
        .at("/optional", get(optional))
        .at("/socket", get(socket))
}

#[handler]
fn count(session: Session) -> Result<String, SessionError> {
    Ok(session.update("n", |n: Option<u32>| n.unwrap_or(0) + 1)?.to_string())
}

#[handler]
fn read(Peek(session): Peek) -> Result<String, SessionError> {
    Ok(format!("{:?}", session.get::<u32>("n")?))
}

#[handler]
fn without() -> &'static str {
    "no session here"
}

#[handler]
fn login(session: Session) -> Result<(), SessionError> {
    session.login(Owner::new("user1").unwrap())
}

#[handler]
fn account(SignedIn { session, owner }: SignedIn) -> Result<String, SessionError> {
    session.insert("seen", true)?;
    Ok(owner.as_str().to_owned())
}

#[handler]
fn failing(session: Session) -> poem::Result<()> {
    session.insert("n", 10)?;
    Err(BadRequest(std::io::Error::other("the handler failed")))
}

#[handler]
async fn panicking(session: Session) {
    session.insert("n", 99).unwrap();
    assert!(!session.contains("n").unwrap(), "a handler's own trouble");
}

#[handler]
fn own_cookies(session: Session) -> Response {
    session.insert("n", 1).unwrap();
    Response::builder().header("set-cookie", "a=1").header("set-cookie", "b=2").finish()
}

#[handler]
fn optional(option: Option<Session>, result: poem::Result<Session>) -> String {
    format!("{} {:?}", option.is_some(), result.map(drop).map_err(|error| error.status().as_u16()))
}

#[handler]
async fn socket(session: Session, Data(sessions): Data<&Sessions>, socket: WebSocket) -> impl IntoResponse {
    session.insert("n", 5).unwrap();
    // Saved before the upgrade, so that the connection finds it under its id.
    session.save().await.unwrap();
    let (id, sessions) = (session.id().unwrap(), sessions.clone());
    socket.on_upgrade(async move |mut stream| {
        use futures_util::SinkExt as _;
        let session = sessions.open_detached(id).await.unwrap().unwrap();
        session.insert("n", 6).unwrap();
        session.save().await.unwrap();
        stream.send(Message::text("saved")).await.unwrap();
    })
}

#[tokio::test]
async fn a_session_is_kept_from_request_to_request() {
    let server = start(sessions(MemoryStore::new())).await;
    let first = server.get("/count", "").await;
    assert_eq!((first.status, first.body.as_str()), (200, "1"));
    assert_eq!((first.all("cache-control"), first.all("vary")), (vec!["no-store"], vec!["Cookie"]));
    let cookie = first.cookie("");
    assert_eq!(server.get("/count", &cookie).await.body, "2");
    let split = format!("Cookie: a=1\r\nCookie: {cookie}\r\nCookie: b=2\r\n");
    assert_eq!(server.request("GET", "/read", &split).await.body, "Some(2)");
    let plain = server.get("/plain", &cookie).await;
    assert_eq!((plain.all("vary"), plain.all("set-cookie")), (vec![], vec![]));
}

#[tokio::test]
async fn a_handler_that_fails_has_its_session_saved() {
    let server = start(sessions(MemoryStore::new())).await;
    let failed = server.get("/failing", "").await;
    assert_eq!((failed.status, failed.body.as_str()), (400, "the handler failed"));
    assert_eq!(server.get("/read", &failed.cookie("")).await.body, "Some(10)");
}

#[tokio::test]
async fn an_error_without_a_session_stays_an_error_for_those_further_out() {
    let app = routes()
        .with(SessionMiddleware::new(sessions(MemoryStore::new())))
        .catch_error(async |_: NotFoundError| (StatusCode::NOT_FOUND, "our own words"));
    assert_eq!(serve(app).await.get("/nowhere", "").await.body, "our own words");
}

#[tokio::test]
async fn an_outage_is_503_at_the_load_and_at_the_save_and_sets_no_cookie() {
    let store = Switched::default();
    let server = start(sessions(store.clone())).await;
    let cookie = server.get("/count", "").await.cookie("");
    store.set_failing_writes(true);
    for (path, cookie) in [("/count", ""), ("/count", &cookie), ("/failing", "")] {
        let unsaved = server.get(path, cookie).await;
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
    let server = start(sessions(MemoryStore::new())).await;
    let response = server.get("/cookies", "").await;
    let lines = response.all("set-cookie");
    assert_eq!(lines[..2], ["a=1", "b=2"]);
    assert!(lines[2].starts_with("sid=") && lines.len() == 3);
}

#[tokio::test]
async fn a_handler_that_panics_leaves_the_session_as_it_was() {
    let layer = || SessionMiddleware::new(sessions(MemoryStore::new()));
    let outside = routes().with(layer()).with(CatchPanic::new());
    let inside = routes().with(CatchPanic::new()).with(layer());
    for server in [serve(outside).await, serve(inside).await] {
        let cookie = server.get("/count", "").await.cookie("");
        let panicked = server.get("/panicking", &cookie).await;
        assert_eq!((panicked.status, panicked.all("set-cookie")), (500, vec![]));
        assert_eq!(server.get("/read", &cookie).await.body, "Some(1)");
    }
}

#[tokio::test]
async fn a_nested_route_judges_the_path_that_the_client_asked_for() {
    let shop = Sessions::new(policy().path("/shop").build().unwrap(), MemoryStore::new());
    let inner = || routes().with(SessionMiddleware::new(shop.clone()));
    let server =
        serve(Route::new().nest("/shop", inner()).nest("/blog", inner()).nest("/bare", routes())).await;
    let response = server.get("/shop/count", "").await;
    assert!(response.all("set-cookie")[0].contains("; Path=/shop;"));
    assert_eq!(server.get("/shop/count", &response.cookie("")).await.body, "2");
    let outside = server.get("/blog/count", "").await;
    assert_eq!((outside.status, outside.all("set-cookie")), (500, vec![]));
    assert_eq!(server.get("/blog/optional", "").await.body, "false Err(500)");
    assert_eq!(server.get("/bare/count", "").await.status, 500, "no middleware there");
}

#[tokio::test]
async fn whoever_has_not_signed_in_is_told_so_or_sent_to_the_login_page() {
    let server = start(sessions(MemoryStore::new())).await;
    let refused = server.get("/account", "").await;
    assert_eq!((refused.status, refused.all("www-authenticate")), (401, vec!["Cookie"]));
    let cookie = server.get("/login", "").await.cookie("");
    assert_eq!(server.get("/account", &cookie).await.body, "user1");

    let builder = Sessions::builder(policy().build().unwrap(), MemoryStore::new());
    let server = start(builder.login_page("/login").build()).await;
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

#[handler]
fn both(customer: Session, staff: Named<Staff>) -> Result<(), SessionError> {
    customer.insert("n", 1)?;
    staff.insert("n", 2)?;
    Ok(())
}

#[handler]
fn read_both(Peek(customer): Peek, staff: Named<Staff, Peek>) -> Result<String, SessionError> {
    let numbers = [customer.get::<u32>("n")?, staff.0.get("n")?];
    Ok(format!("{numbers:?}"))
}

#[handler]
fn guarded(staff: Named<Staff, SignedIn>) -> String {
    staff.owner.as_str().to_owned()
}

#[tokio::test]
async fn two_middlewares_keep_two_sessions_apart_and_both_are_within_reach() {
    let staff = Sessions::new(policy().name("staff").build().unwrap(), MemoryStore::new());
    let app = Route::new()
        .at("/both", get(both))
        .at("/read", get(read_both))
        .at("/guarded", get(guarded))
        .with(SessionMiddleware::new(sessions(MemoryStore::new())))
        .with(SessionMiddleware::new(staff));
    let server = serve(app).await;
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
        let server = start(Sessions::new(policy, MemoryStore::new())).await;
        let lines = "X-Forwarded-Proto: https\r\nForwarded: for=203.0.113.1;proto=https\r\n";
        let response = server.request("GET", "/count", lines).await;
        assert_eq!(response.named_cookie("__Host-sid").is_some(), secure, "{trust:?}");
    }
}

#[tokio::test]
async fn a_websocket_carries_the_cookie_and_saves_after_the_upgrade() {
    let sessions = sessions(MemoryStore::new());
    let app = routes().with(SessionMiddleware::new(sessions.clone())).data(sessions);
    let server = serve(app).await;
    let (upgraded, mut stream) = server.upgrade("/socket", "").await;
    assert_eq!(upgraded.status, 101);
    assert_eq!(message(&mut stream).await, "saved");
    assert_eq!(server.get("/read", &upgraded.cookie("")).await.body, "Some(6)");
}

struct Api;

#[derive(ApiResponse)]
enum Counted {
    #[oai(status = 200)]
    Visits(PlainText<String>),
}

#[OpenApi]
impl Api {
    #[oai(path = "/count", method = "get")]
    async fn count(&self, session: Session) -> poem::Result<Counted> {
        let visits = session.update("n", |n: Option<u32>| n.unwrap_or(0) + 1)?;
        Ok(Counted::Visits(PlainText(visits.to_string())))
    }

    #[oai(path = "/account", method = "get")]
    async fn account(&self, user: SignedIn) -> PlainText<String> {
        PlainText(user.owner.as_str().to_owned())
    }
}

#[tokio::test]
async fn the_operations_of_an_openapi_service_have_sessions() {
    let api = OpenApiService::new(Api, "api", "1").server("/api");
    let app = Route::new().nest("/api", api).with(SessionMiddleware::new(sessions(MemoryStore::new())));
    let server = serve(app).await;
    let first = server.get("/api/count", "").await;
    assert_eq!((first.status, first.body.as_str()), (200, "1"));
    assert_eq!(server.get("/api/count", &first.cookie("")).await.body, "2");
    let refused = server.get("/api/account", "").await;
    assert_eq!((refused.status, refused.all("www-authenticate")), (401, vec!["Cookie"]));
}

#[tokio::test]
async fn an_endpoint_of_ones_own_finds_the_session_in_the_requests_data() {
    let endpoint = poem::endpoint::make(async |request: poem::Request| {
        let exchange = request.data::<Exchange>().unwrap();
        let session = exchange.session().await?;
        session.insert("n", 3)?;
        Ok::<_, poem::Error>("done")
    });
    let app = Route::new()
        .at("/own", endpoint)
        .at("/read", get(read))
        .with(SessionMiddleware::new(sessions(MemoryStore::new())));
    let server = serve(app).await;
    let cookie = server.get("/own", "").await.cookie("");
    assert_eq!(server.get("/read", &cookie).await.body, "Some(3)");
}
