//! Signing in and out, over a real socket.

use std::io::Write as _;
use std::net::TcpStream;

use crate::support::{Response, Site};

const RIGHT: [(&str, &str); 2] = [("username", "user1"), ("password", "mypassword")];
const WRONG: &str = "Wrong username or password.";

fn welcomes(response: &Response) -> bool {
    response.status == 200 && response.has("<h1>Welcome user1</h1>")
}

fn is_login_form(response: &Response) -> bool {
    response.has("action=\"/user\"") && !response.has("Welcome user1")
}

#[test]
fn a_stranger_gets_the_login_form_and_no_cookie() {
    let site = Site::in_memory();
    let page = site.get("/").send();
    assert_eq!(page.status, 200);
    assert!(is_login_form(&page));
    assert_eq!(page.header("set-cookie"), None);
}

#[test]
fn the_right_password_signs_in() {
    let site = Site::in_memory();
    let response = site.post("/user", &RIGHT).send();
    assert_eq!((response.status, response.header("location")), (303, Some("/")));
    let attributes = response.header("set-cookie").unwrap();
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=86400"] {
        assert!(attributes.contains(attribute), "{attribute} in {attributes}");
    }
    let page = site.get("/").cookie(&response.cookie().unwrap()).send();
    assert!(welcomes(&page), "{}", page.body);
    assert!(page.has("<a href=\"/logout\">"));
    assert!(page.has("<form method=\"post\" action=\"/logout\">"));
    assert!(page.has("Ends after 1 day without a visit."));
}

#[test]
fn whoever_fails_gets_one_same_answer_and_no_cookie() {
    let site = Site::in_memory();
    let long = "x".repeat(100_000);
    let wrong: &[&[(&str, &str)]] = &[
        &[("username", "user2"), ("password", "mypassword")],
        &[("username", "user1"), ("password", "nonsense")],
        &[("username", "USER1"), ("password", "mypassword")],
        &[("username", ""), ("password", "")],
        &[("username", "user1"), ("password", "")],
        &[("username", ""), ("password", "mypassword")],
        &[("username", "user1")],
        &[("password", "mypassword")],
        &[],
        &[("username", &long), ("password", "mypassword")],
        &[("username", "user1"), ("password", &long)],
        &[("username", "user1"), ("username", "user1"), ("password", "mypassword")],
        &[("username", "user1\0"), ("password", "mypassword")],
        &[("username", "\u{fffd}"), ("password", "\u{1f511}")],
    ];
    for form in wrong {
        let response = site.post("/user", form).send();
        let form: Vec<_> = form.iter().map(|(name, value)| (name, value.len())).collect();
        assert_eq!(response.status, 401, "{form:?}");
        assert!(response.has(WRONG) && is_login_form(&response), "{form:?}");
        assert_eq!(response.body.matches("role=\"alert\"").count(), 1, "{form:?}");
        assert_eq!(response.header("set-cookie"), None, "{form:?}");
    }
    // What is no form at all is no password either.
    let response = site.post_text("/user", "username=user1&password=mypassword").send();
    assert_eq!(response.status, 401);
    assert!(response.has(WRONG) && response.header("set-cookie").is_none());
}

#[test]
fn what_was_typed_is_shown_again_as_text() {
    let site = Site::in_memory();
    let typed = "\"><script>alert('hi')</script>&";
    let page = site.post("/user", &[("username", typed), ("password", "x")]).send();
    assert!(
        page.has("value=\"&quot;&gt;&lt;script&gt;alert(&#39;hi&#39;)&lt;/script&gt;&amp;\""),
        "{}",
        page.body
    );
    assert!(!page.has("<script"));
}

#[test]
fn each_visit_counts_and_other_requests_do_not() {
    let site = Site::in_memory();
    let cookie = site.log_in();
    for visit in 1..=3 {
        let page = site.get("/").cookie(&cookie).send();
        assert!(page.has(&format!("<dd id=\"visits\">{visit}</dd>")), "{}", page.body);
        site.get("/style.css").cookie(&cookie).send();
    }
    for _ in 0..2 {
        let me = site.get("/me").cookie(&cookie).send();
        assert_eq!(me.status, 200);
        assert_eq!(me.header("content-type"), Some("application/json"));
        assert_eq!(me.body, "{\"user\":\"user1\",\"visits\":3}");
    }
}

#[test]
fn me_tells_a_stranger_nothing_and_makes_no_session() {
    let site = Site::in_memory();
    let me = site.get("/me").send();
    assert_eq!((me.status, me.body.as_str()), (401, "{\"error\":\"not signed in\"}"));
    assert_eq!(me.header("set-cookie"), None);
    let forged = site.get("/me").cookie("sid=s%3Aforged.signature").send();
    assert_eq!(forged.status, 401);
}

#[test]
fn a_login_replaces_the_session_of_before() {
    let site = Site::in_memory();
    let first = site.log_in();
    site.get("/").cookie(&first).send();
    let response = site.post("/user", &RIGHT).cookie(&first).send();
    let second = response.cookie().unwrap();
    assert_ne!(first, second);
    assert_eq!(site.get("/me").cookie(&first).send().status, 401);
    assert_eq!(site.get("/me").cookie(&second).send().body, "{\"user\":\"user1\",\"visits\":0}");
}

#[test]
fn remember_me_lasts_thirty_days() {
    let site = Site::in_memory();
    let form = [RIGHT[0], RIGHT[1], ("remember", "on")];
    let response = site.post("/user", &form).send();
    assert!(response.header("set-cookie").unwrap().contains("Max-Age=2592000"));
    let page = site.get("/").cookie(&response.cookie().unwrap()).send();
    assert!(page.has("ends after 30 days without a visit"), "{}", page.body);
}

#[test]
fn logging_out_ends_the_session_and_says_so_once() {
    let site = Site::in_memory();
    for by_link in [true, false] {
        let old = site.log_in();
        let request = if by_link { site.get("/logout") } else { site.post("/logout", &[]) };
        let response = request.cookie(&old).send();
        assert_eq!((response.status, response.header("location")), (303, Some("/")));
        let new = response.cookie().unwrap();
        assert_ne!(old, new);

        let page = site.get("/").cookie(&new).send();
        assert!(page.has("You are logged out.") && is_login_form(&page));
        let page = site.get("/").cookie(&new).send();
        assert!(!page.has("You are logged out.") && is_login_form(&page));

        let replayed = site.get("/").cookie(&old).send();
        assert!(is_login_form(&replayed) && !replayed.has("You are logged out."));
        assert_eq!(site.get("/me").cookie(&old).send().status, 401);
    }
}

#[test]
fn a_stranger_who_logs_out_gets_no_session() {
    let site = Site::in_memory();
    for request in [site.get("/logout"), site.post("/logout", &[]), site.post("/devices/revoke-others", &[])]
    {
        let response = request.send();
        assert_eq!((response.status, response.header("location")), (303, Some("/")));
        assert_eq!(response.header("set-cookie"), None);
    }
}

#[test]
fn the_other_devices_can_be_logged_out() {
    let site = Site::in_memory();
    let (here, there) = (site.log_in(), site.log_in());
    let page = site.get("/").cookie(&here).send();
    assert_eq!(page.body.matches("<li>").count(), 2);
    assert_eq!(page.body.matches("class=\"badge\"").count(), 1);
    assert!(page.has("Log out everywhere else"));

    let response = site.post("/devices/revoke-others", &[]).cookie(&here).send();
    assert_eq!((response.status, response.header("location")), (303, Some("/")));
    assert_eq!(site.get("/me").cookie(&there).send().status, 401);
    let page = site.get("/").cookie(&here).send();
    assert!(welcomes(&page) && page.has("Logged out on 1 other device."), "{}", page.body);
    assert_eq!(page.body.matches("<li>").count(), 1);
    assert!(!page.has("Log out everywhere else"));
}

#[test]
fn the_list_names_the_devices_as_text() {
    let site = Site::in_memory();
    let agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36 <script>";
    let response = site.post("/user", &RIGHT).header("User-Agent", agent).send();
    let page = site.get("/").cookie(&response.cookie().unwrap()).send();
    assert!(page.has("<strong>Chrome on Linux</strong>") && !page.has("<script"), "{}", page.body);
}

#[cfg(unix)]
#[test]
fn a_restart_keeps_the_sessions_in_sqlite() {
    let site = Site::in_sqlite();
    let cookie = site.log_in();
    assert!(site.get("/").cookie(&cookie).send().has("<dd id=\"visits\">1</dd>"));
    let site = site.restart();
    assert!(site.get("/").cookie(&cookie).send().has("<dd id=\"visits\">2</dd>"));
    let mut files: Vec<_> =
        std::fs::read_dir(site.folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.sort();
    assert!(files.contains(&"login.sqlite3.secret".into()), "{files:?}");
    // Logged out stays logged out, too.
    site.get("/logout").cookie(&cookie).send();
    let site = site.restart();
    assert_eq!(site.get("/me").cookie(&cookie).send().status, 401);
}

#[cfg(unix)]
#[test]
fn a_connection_that_says_nothing_does_not_keep_the_program_from_stopping() {
    let mut site = Site::in_memory();
    let idle = TcpStream::connect(site.address()).unwrap();
    let mut half = TcpStream::connect(site.address()).unwrap();
    half.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    // The program has accepted both when it has answered a later one.
    assert_eq!(site.get("/").send().status, 200);
    assert!(site.stop().success());
    drop((idle, half));
}
