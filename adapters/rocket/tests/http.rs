//! What is particular to Rocket, over a real socket.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

#[path = "../../driver/tests/http/mod.rs"]
mod http;

use std::sync::Mutex;

use http::{Server, Switched, policy};
use rocket::error::ErrorKind;
use rocket::fairing::AdHoc;
use rocket::figment::Figment;
use rocket::figment::providers::{Format as _, Toml};
use rocket::http::{CookieJar, Header, Status};
use rocket::{Build, Request, Responder, Rocket, State, catch, catchers, get, post, routes};
use session_rocket::policy::{Secure, TrustProxy};
use session_rocket::store::Store;
use session_rocket::{
    LayerName, Named, Owner, Peek, Session, SessionError, SessionFairing, Sessions, SignedIn,
};
use session_store_memory::MemoryStore;

fn figment() -> Figment {
    rocket::Config::figment()
        .merge(("port", 0))
        .merge(("log_level", "off"))
        .merge(("shutdown.ctrlc", false))
        .merge(("shutdown.signals", Vec::<String>::new()))
}

/// Launches an application, and waits until it listens.
async fn launch(rocket: Rocket<Build>) -> Server {
    let (told, port) = tokio::sync::oneshot::channel();
    let told = Mutex::new(Some(told));
    let tell = AdHoc::on_liftoff("port", move |rocket| {
        let told = told.lock().unwrap().take().unwrap();
        told.send(rocket.config().port).unwrap();
        Box::pin(async {})
    });
    tokio::spawn(rocket.attach(tell).launch());
    Server { address: ([127, 0, 0, 1], port.await.unwrap()).into() }
}

fn rocket(sessions: Sessions) -> Rocket<Build> {
    rocket::custom(figment())
        .attach(SessionFairing::new(sessions))
        .mount("/", routes![count, read, plain, login, account, change_account, unknown, failing, panicking])
        .mount("/", routes![cookies, optional])
        .register("/", catchers![oops])
}

fn sessions(store: impl Store) -> Sessions {
    Sessions::new(policy().build().unwrap(), store)
}

#[get("/count")]
fn count(session: Session) -> Result<String, SessionError> {
    Ok(session.update("n", |n: Option<u32>| n.unwrap_or(0) + 1)?.to_string())
}

#[get("/read")]
fn read(peek: Peek) -> Result<String, SessionError> {
    Ok(format!("{:?}", peek.0.get::<u32>("n")?))
}

#[get("/plain")]
fn plain() -> &'static str {
    "no session here"
}

#[get("/login")]
fn login(session: Session) -> Result<(), SessionError> {
    session.login(Owner::new("user1").unwrap())
}

#[get("/account")]
fn account(user: SignedIn) -> String {
    user.owner.as_str().to_owned()
}

#[post("/account")]
fn change_account(user: SignedIn) -> String {
    user.owner.as_str().to_owned()
}

#[get("/account?unknown", rank = 2)]
fn unknown() -> &'static str {
    "for those who have not signed in"
}

#[get("/failing")]
fn failing(session: Session) -> Result<(), Status> {
    session.insert("n", 10).unwrap();
    Err(Status::BadRequest)
}

#[get("/panicking")]
async fn panicking(session: Session) {
    session.insert("n", 99).unwrap();
    tokio::task::yield_now().await;
    assert!(!session.contains("n").unwrap(), "a handler's own trouble");
}

#[derive(Responder)]
struct OwnCookie(&'static str, Header<'static>);

#[get("/cookies")]
fn cookies(session: Session, jar: &CookieJar<'_>) -> OwnCookie {
    session.insert("n", 1).unwrap();
    jar.add(("a", "1"));
    jar.add(("b", "2"));
    OwnCookie("", Header::new("Cache-Control", "public"))
}

#[get("/optional")]
fn optional(option: Option<Session>, result: Result<Session, SessionError>) -> String {
    format!("{} {:?}", option.is_some(), result.map(drop).map_err(|error| error.status()))
}

#[catch(500)]
fn oops() -> &'static str {
    "our own words"
}

#[tokio::test]
async fn a_session_is_kept_from_request_to_request() {
    let server = launch(rocket(sessions(MemoryStore::new()))).await;
    let first = server.get("/count", "").await;
    assert_eq!((first.status, first.body.as_str()), (200, "1"));
    assert_eq!((first.all("cache-control"), first.all("vary")), (vec!["no-store"], vec!["Cookie"]));
    let cookie = first.cookie("");
    assert_eq!(server.get("/count", &cookie).await.body, "2");
    let split = format!("Cookie: a=1\r\nCookie: {cookie}\r\nCookie: b=2\r\n");
    assert_eq!(server.request("GET", "/read", &split).await.body, "Some(2)");
    let plain = server.get("/plain", &cookie).await;
    assert_eq!((plain.all("vary"), plain.all("set-cookie")), (vec![], vec![]));
    let head = server.request("HEAD", "/count", "").await;
    assert!(head.status == 200 && head.cookie("").starts_with("sid="));
}

#[tokio::test]
async fn a_session_is_saved_and_its_cookie_set_when_a_catcher_answers() {
    let server = launch(rocket(sessions(MemoryStore::new()))).await;
    let failed = server.get("/failing", "").await;
    assert_eq!(failed.status, 400);
    assert_eq!(server.get("/read", &failed.cookie("")).await.body, "Some(10)");
}

#[catch(404)]
async fn missing(request: &Request<'_>) -> Result<String, SessionError> {
    let session = request.guard::<Session>().await.succeeded().unwrap();
    let misses = session.update("misses", |misses: Option<u32>| misses.unwrap_or(0) + 1)?;
    Ok(format!("{misses} times lost"))
}

#[tokio::test]
async fn a_catcher_can_use_the_session() {
    let server = launch(rocket(sessions(MemoryStore::new())).register("/", catchers![missing])).await;
    let lost = server.get("/nowhere", "").await;
    assert_eq!((lost.status, lost.body.as_str()), (404, "1 times lost"));
    assert_eq!(server.get("/nowhere", &lost.cookie("")).await.body, "2 times lost");
}

#[catch(503)]
fn busy() -> &'static str {
    "our own words for it"
}

#[tokio::test]
async fn an_outage_is_503_at_the_load_and_at_the_save_and_sets_no_cookie() {
    let store = Switched::default();
    let server = launch(rocket(sessions(store.clone())).register("/", catchers![busy])).await;
    let cookie = server.get("/count", "").await.cookie("");
    store.set_failing_writes(true);
    for cookie in ["", &cookie] {
        let unsaved = server.get("/count", cookie).await;
        assert_eq!((unsaved.status, unsaved.all("retry-after")), (503, vec!["1"]));
        assert_eq!((unsaved.all("set-cookie"), unsaved.all("cache-control")), (vec![], vec!["no-store"]));
        assert!(!unsaved.body.contains("disk full") && unsaved.body.len() > 1);
    }
    store.set_down(true);
    let unread = server.get("/read", &cookie).await;
    assert_eq!((unread.status, unread.all("retry-after")), (503, vec!["1"]));
    assert_eq!((unread.all("set-cookie"), unread.body.as_str()), (vec![], "our own words for it"));
    assert_eq!(server.get("/plain", &cookie).await.status, 200);
    let optional = server.get("/optional", &cookie).await;
    assert_eq!((optional.body.as_str(), optional.all("retry-after")), ("false Err(503)", vec![]));
    store.set_down(false);
    assert_eq!(server.get("/read", &cookie).await.body, "Some(1)");
}

#[tokio::test]
async fn the_sessions_cookie_stands_beside_those_of_the_jar() {
    let server = launch(rocket(sessions(MemoryStore::new()))).await;
    let response = server.get("/cookies", "").await;
    for name in ["a", "b", "sid"] {
        assert!(response.named_cookie(name).is_some(), "{name} in {:?}", response.all("set-cookie"));
    }
    assert_eq!(response.all("set-cookie").len(), 3);
    assert_eq!(response.all("cache-control"), ["no-store"]);
}

#[tokio::test]
async fn a_handler_that_panics_leaves_the_session_as_it_was_and_the_catcher_answers() {
    let server = launch(rocket(sessions(MemoryStore::new()))).await;
    let cookie = server.get("/count", "").await.cookie("");
    let panicked = server.get("/panicking", &cookie).await;
    assert_eq!((panicked.status, panicked.body.as_str()), (500, "our own words"));
    assert_eq!(panicked.all("set-cookie"), Vec::<&str>::new());
    assert_eq!(server.get("/read", &cookie).await.body, "Some(1)");
}

#[tokio::test]
async fn a_mounted_route_judges_the_path_that_the_client_asked_for() {
    let shop = Sessions::new(policy().path("/shop").build().unwrap(), MemoryStore::new());
    let rocket = rocket(shop).mount("/shop", routes![count]).mount("/shopping", routes![optional]);
    let server = launch(rocket).await;
    let response = server.get("/shop/count", "").await;
    assert!(response.all("set-cookie")[0].contains("; Path=/shop;"));
    assert_eq!(server.get("/shop/count", &response.cookie("")).await.body, "2");
    let outside = server.get("/count", "").await;
    assert_eq!((outside.status, outside.all("set-cookie")), (500, vec![]));
    assert_eq!(server.get("/shopping/optional", "").await.body, "false Err(500)");
}

#[tokio::test]
async fn whoever_has_not_signed_in_goes_to_another_route_or_is_told_so() {
    let server = launch(rocket(sessions(MemoryStore::new()))).await;
    let refused = server.get("/account", "").await;
    assert_eq!((refused.status, refused.all("www-authenticate")), (401, vec!["Cookie"]));
    assert_eq!((refused.all("vary"), refused.all("cache-control")), (vec!["Cookie"], vec!["no-store"]));
    let other = server.get("/account?unknown", "").await;
    assert_eq!((other.status, other.body.as_str()), (200, "for those who have not signed in"));
    assert_eq!(other.all("www-authenticate"), Vec::<&str>::new());
    let cookie = server.get("/login", "").await.cookie("");
    assert_eq!(server.get("/account", &cookie).await.body, "user1");
    assert_eq!(server.get("/account?unknown", &cookie).await.body, "user1");
}

#[tokio::test]
async fn who_opens_a_page_is_sent_to_the_login_page_and_who_sends_a_form_is_not() {
    let builder = Sessions::builder(policy().build().unwrap(), MemoryStore::new());
    let server = launch(rocket(builder.login_page("/login").build())).await;
    for method in ["GET", "HEAD"] {
        let sent = server.request(method, "/account", "").await;
        assert_eq!((sent.status, sent.all("location")), (303, vec!["/login"]), "{method}");
        assert!(!sent.body.contains("303"), "{}", sent.body);
    }
    assert_eq!(server.get("/account?unknown", "").await.status, 200);
    let refused = server.request("POST", "/account", "Content-Length: 0\r\n").await;
    assert_eq!((refused.status, refused.all("location")), (401, vec![]));
}

struct Staff;

impl LayerName for Staff {
    const COOKIE: &'static str = "staff";
}

#[get("/both")]
fn both(customer: Named<Customers>, staff: Session) -> Result<(), SessionError> {
    customer.insert("n", 1)?;
    staff.insert("n", 2)?;
    Ok(())
}

#[get("/both/read")]
fn read_both(customer: Named<Customers, Peek>, staff: Named<Staff>) -> Result<String, SessionError> {
    let numbers = [customer.0.get::<u32>("n")?, staff.get("n")?];
    Ok(format!("{numbers:?}"))
}

#[get("/guarded")]
fn guarded(customer: Named<Customers, SignedIn>) -> String {
    customer.owner.as_str().to_owned()
}

struct Customers;

impl LayerName for Customers {
    const COOKIE: &'static str = "sid";
}

#[tokio::test]
async fn two_fairings_keep_two_sessions_apart_and_both_are_within_reach() {
    let staff = Sessions::new(policy().name("staff").build().unwrap(), MemoryStore::new());
    let rocket = rocket(sessions(MemoryStore::new()))
        .attach(SessionFairing::new(staff))
        .mount("/", routes![both, read_both, guarded]);
    let server = launch(rocket).await;
    let response = server.get("/both", "").await;
    let cookies =
        ["sid", "staff"].map(|name| response.named_cookie(name).unwrap().split(';').next().unwrap());
    assert_eq!(server.get("/both/read", &cookies.join("; ")).await.body, "[Some(1), Some(2)]");
    assert_eq!(server.get("/both/read", cookies[1]).await.body, "[None, Some(2)]");
    assert_eq!(server.get("/guarded", &cookies.join("; ")).await.status, 401);
}

/// Why an application does not launch.
async fn refusal(rocket: Rocket<Build>) -> &'static str {
    match rocket.ignite().await.unwrap_err().kind() {
        ErrorKind::FailedFairings(_) => "fairing",
        ErrorKind::SentinelAborts(_) => "sentinel",
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn an_application_that_cannot_work_does_not_launch() {
    let without_fairing = rocket::custom(figment()).mount("/", routes![count]);
    assert_eq!(refusal(without_fairing).await, "sentinel");
    let misnamed = rocket(sessions(MemoryStore::new())).mount("/", routes![both, read_both]);
    assert_eq!(refusal(misnamed).await, "sentinel", "no fairing is called staff");
    let twice =
        rocket(sessions(MemoryStore::new())).attach(SessionFairing::new(sessions(MemoryStore::new())));
    assert_eq!(refusal(twice).await, "fairing", "two of one name");
    let unconfigured = rocket::custom(figment()).attach(SessionFairing::from_figment(MemoryStore::new()));
    assert_eq!(refusal(unconfigured).await, "fairing", "no secret");
}

const CONFIGURATION: &str = r#"
    [session]
    secrets = ["this year's secret, long and random", "last year's secret, long and random"]
    name = "visit"
    max_age_seconds = 1800
    same_site = "strict"
    login_page = "/login"
"#;

#[get("/policy")]
fn show_policy(sessions: &State<Sessions>) -> String {
    sessions.policy().cookie_name().to_owned()
}

#[tokio::test]
async fn the_configuration_may_come_from_rocket_toml() {
    let rocket = rocket::custom(figment().merge(Toml::string(CONFIGURATION)))
        .attach(SessionFairing::from_figment(MemoryStore::new()))
        .mount("/", routes![count, account, show_policy]);
    let server = launch(rocket).await;
    let response = server.get("/count", "").await;
    let cookie = response.named_cookie("visit").unwrap();
    assert!(cookie.contains("Max-Age=1800") && cookie.contains("SameSite=Strict"), "{cookie}");
    assert_eq!(server.get("/account", "").await.all("location"), ["/login"]);
    assert_eq!(server.get("/policy", "").await.body, "visit");
}

#[tokio::test]
async fn a_header_that_anybody_can_send_makes_no_connection_secure() {
    for (trust, secure) in [(TrustProxy::Nobody, false), (TrustProxy::PrivateNetworks, true)] {
        let policy = policy().secure(Secure::Always).trust_proxy(trust.clone()).build().unwrap();
        let server = launch(rocket(Sessions::new(policy, MemoryStore::new()))).await;
        let lines = "X-Forwarded-Proto: https\r\nX-Real-IP: 203.0.113.1\r\n";
        let response = server.request("GET", "/count", lines).await;
        assert_eq!(response.named_cookie("__Host-sid").is_some(), secure, "{trust:?}");
    }
}
