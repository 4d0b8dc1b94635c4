//! What every response carries, and which requests are refused.

use crate::support::Site;

const RIGHT: [(&str, &str); 2] = [("username", "user1"), ("password", "mypassword")];

#[test]
fn there_is_a_page_for_what_is_not_there() {
    let site = Site::in_memory();
    let page = site.get("/nowhere").send();
    assert_eq!(page.status, 404);
    assert!(page.has("<h1>Page not found</h1>"));
    assert_eq!(page.header("set-cookie"), None);
}

#[test]
fn every_response_has_the_security_headers() {
    let site = Site::in_memory();
    let cookie = site.log_in();
    let responses = [
        site.get("/").send(),
        site.get("/").cookie(&cookie).send(),
        site.get("/me").send(),
        site.get("/nowhere").send(),
        site.get("/style.css").send(),
        site.get("/icon.svg").send(),
        site.post("/user", &[]).send(),
        site.post("/user", &RIGHT).send(),
        site.post("/logout", &[]).cookie(&cookie).send(),
    ];
    for response in responses {
        let policy = response.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert!(!policy.contains("unsafe") && !policy.contains("script-src"));
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(response.header("referrer-policy"), Some("same-origin"));
        assert_eq!(response.header("cache-control"), Some("no-store"));
        assert!(!response.has("<script") && !response.has("style="));
    }
    assert_eq!(site.get("/style.css").send().header("content-type"), Some("text/css"));
    assert_eq!(site.get("/icon.svg").send().header("content-type"), Some("image/svg+xml"));
}

#[test]
fn a_browser_signs_in_with_the_token_of_its_form() {
    let site = Site::in_memory();
    let token = site.get("/").send().token();
    let form = [RIGHT[0], RIGHT[1], ("csrf", token.as_str())];
    assert_eq!(site.post("/user", &form).on_own_page().send().status, 303);
    for form in [&RIGHT[..], &[RIGHT[0], RIGHT[1], ("csrf", "nonsense")], &[RIGHT[0], RIGHT[1], ("csrf", "")]]
    {
        let response = site.post("/user", form).on_own_page().send();
        assert_eq!(response.status, 403);
        assert!(response.has("reload the form") && response.header("set-cookie").is_none());
    }
}

#[test]
fn another_site_is_refused_whatever_it_sends() {
    let site = Site::in_memory();
    let cookie = site.log_in();
    let token = site.get("/").cookie(&cookie).send().token();
    let stranger = site.get("/").send().token();
    let form = [RIGHT[0], RIGHT[1], ("csrf", stranger.as_str())];
    let with_token = [("csrf", token.as_str())];
    for (name, value) in [
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
    ] {
        let login = site.post("/user", &form).header(name, value).send();
        assert_eq!((login.status, login.header("set-cookie")), (403, None));
        for path in ["/logout", "/devices/revoke-others"] {
            let response = site.post(path, &with_token).cookie(&cookie).header(name, value).send();
            assert_eq!(response.status, 403, "{path} with {name}: {value}");
        }
        let link = site.get("/logout").cookie(&cookie).header(name, value).send();
        assert_eq!(link.status, 403);
    }
    assert_eq!(site.get("/me").cookie(&cookie).send().status, 200);
}

#[test]
fn a_browser_needs_the_token_of_its_own_session() {
    let site = Site::in_memory();
    let (cookie, other) = (site.log_in(), site.log_in());
    let token = site.get("/").cookie(&cookie).send().token();
    let stranger = site.get("/").send().token();
    let others = site.get("/").cookie(&other).send().token();
    for path in ["/devices/revoke-others", "/logout"] {
        for wrong in ["", "nonsense", &stranger, &others] {
            let response = site.post(path, &[("csrf", wrong)]).cookie(&cookie).on_own_page().send();
            assert_eq!(response.status, 403, "{path}");
        }
        assert_eq!(site.post(path, &[]).cookie(&cookie).on_own_page().send().status, 403);
        let response = site.post(path, &[("csrf", &token)]).cookie(&cookie).on_own_page().send();
        assert_eq!(response.status, 303, "{path}");
    }
    assert_eq!(site.get("/me").cookie(&cookie).send().status, 401);
    // `revoke-others` had ended this one.
    assert_eq!(site.get("/me").cookie(&other).send().status, 401);
}

#[test]
fn a_form_of_before_the_login_is_refused_after_it() {
    let site = Site::in_memory();
    let stranger = site.get("/").send().token();
    let cookie = site.log_in();
    let form = [RIGHT[0], RIGHT[1], ("csrf", stranger.as_str())];
    assert_eq!(site.post("/user", &form).cookie(&cookie).on_own_page().send().status, 403);
}
