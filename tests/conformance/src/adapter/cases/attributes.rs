//! The attributes of the session's cookie, to the letter.

use serde_json::json;

use super::{HOUR, MINUTE, promises};
use crate::adapter::client::page::SetCookie;
use crate::adapter::client::{Browser, Request};
use crate::adapter::options::{Options, Proxy, express};
use crate::adapter::subject::Subject;
use crate::failure::{Failure, Outcome};
use crate::script::step::steps::{get, insert, set_cookie};
use crate::script::step::{CookieChange, Step};

promises! {
    both the_cookie_is_for_the_whole_site_and_hidden_from_scripts;
    both the_cookie_may_be_shown_to_scripts;
    both the_cookie_may_be_for_a_folder;
    both the_cookie_may_have_no_path;
    both the_cookie_may_be_for_a_domain;
    both the_cookie_may_be_for_a_domain_with_a_dot_before_it;
    both a_subdomain_shares_the_session_of_its_domain;
    both a_host_does_not_share_its_session_with_a_subdomain;
    both a_cookie_for_a_foreign_domain_is_set;
    both a_cookie_for_a_domain_is_set_whatever_a_proxy_makes_of_the_host;
    both options_of_the_cookie_may_depend_on_the_request;
    both ids_may_depend_on_the_request;
    both the_cookie_may_be_strict;
    both the_cookie_may_be_lax;
    both the_cookie_may_be_for_requests_from_other_sites;
    both the_cookie_may_be_secure;
    both the_cookie_may_be_partitioned;
    both the_cookie_may_have_a_low_priority;
    both the_cookie_may_have_a_medium_priority;
    both the_cookie_may_have_a_high_priority;
    both all_attributes_stand_in_their_order;
    both the_cookie_may_have_any_name;
    both a_name_with_a_host_prefix_is_accepted_by_the_browser;
    both a_name_with_a_secure_prefix_is_accepted_by_the_browser;
    both the_value_is_the_signed_id;
    both signs_beyond_letters_are_escaped_in_the_value;
    both a_session_may_have_a_path_of_its_own;
    both a_session_may_have_a_domain_of_its_own;
    both a_session_may_be_shown_to_scripts;
    both a_session_may_have_a_same_site_of_its_own;
    both a_session_may_be_secure_on_its_own;
    both attributes_of_its_own_are_remembered;
    both the_handler_sees_the_cookies_attributes;
    both a_browser_holds_one_cookie_however_often_it_is_set;
}

/// The cookie of a new session, from a page of this host.
async fn made(it: &Subject, options: Options, request: Request) -> Outcome<(Browser, SetCookie)> {
    let (site, browser) = it.browser(options).await?;
    let page = browser.send(request.steps([insert("n", 1)])).await?.expect(200)?;
    let cookie = page.cookie(site.cookie_name())?.ok_or_else(|| Failure::new("no cookie is set"))?;
    Ok((browser, cookie))
}

async fn has(it: &Subject, options: Options, attributes: &str) -> Outcome {
    let (_browser, cookie) = made(it, options, Request::get("/play")).await?;
    ensure_eq!(cookie.attributes, attributes, "the attributes");
    Ok(())
}

/// The same over https, and a browser that has kept the cookie.
async fn has_over_https(it: &Subject, options: Options, attributes: &str) -> Outcome {
    let options = options.proxy(Proxy::Everybody);
    let (browser, cookie) = made(it, options, Request::get("/play").https()).await?;
    ensure_eq!(cookie.attributes, attributes, "the attributes");
    let page = browser.send(Request::get("/play").https().steps([get("n")])).await?;
    ensure_eq!(page.seen, [json!(1)], "the value on the next request");
    Ok(())
}

async fn the_cookie_is_for_the_whole_site_and_hidden_from_scripts(it: Subject) -> Outcome {
    has(&it, express(), "Path=/; HttpOnly").await
}

async fn the_cookie_may_be_shown_to_scripts(it: Subject) -> Outcome {
    has(&it, express().http_only(false), "Path=/").await
}

async fn the_cookie_may_be_for_a_folder(it: Subject) -> Outcome {
    has(&it, express().path("/play"), "Path=/play; HttpOnly").await
}

async fn the_cookie_may_have_no_path(it: Subject) -> Outcome {
    has(&it, express().path(""), "HttpOnly").await
}

async fn the_cookie_may_be_for_a_domain(it: Subject) -> Outcome {
    has(&it, express().domain("shop.example"), "Domain=shop.example; Path=/; HttpOnly").await
}

async fn the_cookie_may_be_for_a_domain_with_a_dot_before_it(it: Subject) -> Outcome {
    has(&it, express().domain(".shop.example"), "Domain=.shop.example; Path=/; HttpOnly").await
}

async fn a_subdomain_shares_the_session_of_its_domain(it: Subject) -> Outcome {
    let (browser, _) = made(&it, express().domain("shop.example"), Request::get("/play")).await?;
    let page = browser.send(Request::get("/play").host("www.shop.example").steps([get("n")])).await?;
    ensure_eq!(page.seen, [json!(1)], "the value on the subdomain");
    Ok(())
}

async fn a_host_does_not_share_its_session_with_a_subdomain(it: Subject) -> Outcome {
    let (browser, _) = made(&it, express(), Request::get("/play")).await?;
    let page = browser.send(Request::get("/play").host("www.shop.example").steps([get("n")])).await?;
    ensure_eq!(page.seen, [json!(null)], "the value on the subdomain");
    Ok(())
}

/// The browser has the last word on it, not this server.
async fn a_cookie_for_a_foreign_domain_is_set(it: Subject) -> Outcome {
    let (site, browser) = it.browser(express().domain("other.example")).await?;
    let page = browser.play([insert("n", 1)]).await?;
    let attributes = page.cookie(site.cookie_name())?.map(|cookie| cookie.attributes);
    ensure_eq!(attributes.as_deref(), Some("Domain=other.example; Path=/; HttpOnly"), "the attributes");
    ensure_eq!(browser.session_cookie(), None, "what the browser keeps");
    Ok(())
}

async fn a_cookie_for_a_domain_is_set_whatever_a_proxy_makes_of_the_host(it: Subject) -> Outcome {
    let site = it.site(express().domain("shop.example")).await?;
    for host in ["app:3000", "127.0.0.1", "[::1]:3000", "shop.example.", "shop.example.:80", "SHOP.EXAMPLE"] {
        let page = site.browser().send(Request::get("/play").host(host).steps([insert("n", 1)])).await?;
        let cookie = page.expect(200)?.cookie(site.cookie_name())?;
        let domain = cookie.as_ref().and_then(|cookie| cookie.attribute("domain"));
        ensure_eq!(domain, Some("shop.example"), "the cookie's domain for {host}");
    }
    Ok(())
}

async fn options_of_the_cookie_may_depend_on_the_request(it: Subject) -> Outcome {
    let (site, browser) = it.browser(express().by_request()).await?;
    for (host, domain) in [
        ("shop.example", Some("shop.example")),
        ("localhost", None),
        ("a.blog.example", Some("a.blog.example")),
    ] {
        let request = || Request::get("/play").host(host);
        let page = browser.send(request().steps([insert("host", host)])).await?.expect(200)?;
        let cookie = page.cookie(site.cookie_name())?.ok_or_else(|| Failure::new("no cookie is set"))?;
        ensure_eq!(cookie.attribute("domain"), domain, "the cookie's domain for {host}");
        let page = browser.send(request().steps([get("host")])).await?.expect(200)?;
        ensure_eq!(page.seen, [json!(host)], "the value on the next request to {host}");
    }
    // A session that exists has the cookie that it was made with.
    let page = browser.send(Request::get("/play").host("shop.example").steps([Step::Cookie])).await?;
    ensure_eq!(page.seen[0]["domain"], json!("shop.example"), "the cookie's domain");
    Ok(())
}

async fn ids_may_depend_on_the_request(it: Subject) -> Outcome {
    let (site, browser) = it.browser(express().by_request()).await?;
    browser.send(Request::get("/play").host("shop.example").steps([insert("n", 1)])).await?.expect(200)?;
    let first = site.record().await?.key;
    ensure!(first.starts_with("shop-"), "the id is {first}");
    let again = Request::get("/play").host("shop.example").steps([Step::Regenerate, insert("n", 2)]);
    browser.send(again).await?.expect(200)?;
    let second = site.record().await?.key;
    ensure!(second.starts_with("shop-") && second != first, "the id is {second}");
    browser.send(Request::get("/play").host("blog.example").steps([insert("n", 1)])).await?.expect(200)?;
    let keys: Vec<_> = site.records().await?.into_iter().map(|record| record.key).collect();
    ensure!(keys.iter().any(|key| key.starts_with("blog-")), "the ids are {keys:?}");
    Ok(())
}

async fn the_cookie_may_be_strict(it: Subject) -> Outcome {
    has(&it, express().same_site("strict"), "Path=/; HttpOnly; SameSite=Strict").await
}

async fn the_cookie_may_be_lax(it: Subject) -> Outcome {
    has(&it, express().same_site("lax"), "Path=/; HttpOnly; SameSite=Lax").await
}

async fn the_cookie_may_be_for_requests_from_other_sites(it: Subject) -> Outcome {
    let options = express().same_site("none").secure("always");
    has_over_https(&it, options, "Path=/; HttpOnly; Secure; SameSite=None").await
}

async fn the_cookie_may_be_secure(it: Subject) -> Outcome {
    has_over_https(&it, express().secure("always"), "Path=/; HttpOnly; Secure").await
}

async fn the_cookie_may_be_partitioned(it: Subject) -> Outcome {
    let options = express().partitioned().secure("always");
    has_over_https(&it, options, "Path=/; HttpOnly; Secure; Partitioned").await
}

async fn the_cookie_may_have_a_low_priority(it: Subject) -> Outcome {
    has(&it, express().priority("low"), "Path=/; HttpOnly; Priority=Low").await
}

async fn the_cookie_may_have_a_medium_priority(it: Subject) -> Outcome {
    has(&it, express().priority("medium"), "Path=/; HttpOnly; Priority=Medium").await
}

async fn the_cookie_may_have_a_high_priority(it: Subject) -> Outcome {
    has(&it, express().priority("high"), "Path=/; HttpOnly; Priority=High").await
}

async fn all_attributes_stand_in_their_order(it: Subject) -> Outcome {
    let options = express()
        .max_age(HOUR)
        .domain("shop.example")
        .path("/play")
        .secure("always")
        .partitioned()
        .priority("high")
        .same_site("none");
    let attributes = "Domain=shop.example; Path=/play; Expires=Tue, 01 Jan 2030 01:00:00 GMT; HttpOnly; Secure; \
                      Partitioned; Priority=High; SameSite=None";
    has_over_https(&it, options, attributes).await
}

async fn the_cookie_may_have_any_name(it: Subject) -> Outcome {
    for name in ["sid", "a", "S.I-D_0", "!#$%&'*+-.^_`|~"] {
        let (browser, cookie) = made(&it, express().name(name), Request::get("/play")).await?;
        ensure_eq!(cookie.name, name, "the name");
        ensure_eq!(browser.play([get("n")]).await?.seen, [json!(1)], "the value on the next request");
    }
    Ok(())
}

async fn a_name_with_a_host_prefix_is_accepted_by_the_browser(it: Subject) -> Outcome {
    let options = express().name("__Host-sid").secure("always");
    has_over_https(&it, options, "Path=/; HttpOnly; Secure").await
}

async fn a_name_with_a_secure_prefix_is_accepted_by_the_browser(it: Subject) -> Outcome {
    let options = express().name("__Secure-sid").secure("always").domain("shop.example");
    has_over_https(&it, options, "Domain=shop.example; Path=/; HttpOnly; Secure").await
}

async fn the_value_is_the_signed_id(it: Subject) -> Outcome {
    let (site, browser) = it.browser(express()).await?;
    let page = browser.play([insert("n", 1)]).await?;
    let value = page.cookie(site.cookie_name())?.map(|cookie| cookie.value).unwrap_or_default();
    let (id, signature) = value.split_once('.').unwrap_or_default();
    ensure_eq!(id, format!("s%3A{}", site.record().await?.key), "what stands before the dot");
    // 32 bytes in base64 without padding, where each `+` and `/` is three characters.
    let escaped = signature.matches('%').count();
    ensure_eq!(signature.len() - 2 * escaped, 43, "the length of the signature");
    Ok(())
}

async fn signs_beyond_letters_are_escaped_in_the_value(it: Subject) -> Outcome {
    let (site, browser) = it.browser(express().ids(&["a b+c/d=e%f;g,h\"i.j~k"])).await?;
    let page = browser.play([insert("n", 1)]).await?;
    let value = page.cookie(site.cookie_name())?.map(|cookie| cookie.value).unwrap_or_default();
    let escaped = "s%3Aa%20b%2Bc%2Fd%3De%25f%3Bg%2Ch%22i.j~k.";
    ensure!(value.starts_with(escaped), "the value is {value} and should begin with {escaped}");
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(1)], "the value on the next request");
    Ok(())
}

/// The attributes of a new session's cookie after a change of it.
async fn changed(it: &Subject, change: CookieChange, request: Request, attributes: &str) -> Outcome {
    let request = request.steps([set_cookie(change)]);
    let (_browser, cookie) = made(it, express().proxy(Proxy::Everybody), request).await?;
    ensure_eq!(cookie.attributes, attributes, "the attributes");
    Ok(())
}

async fn a_session_may_have_a_path_of_its_own(it: Subject) -> Outcome {
    let change = CookieChange { path: Some("/play".to_owned()), ..Default::default() };
    changed(&it, change, Request::get("/play"), "Path=/play; HttpOnly").await
}

async fn a_session_may_have_a_domain_of_its_own(it: Subject) -> Outcome {
    let change = CookieChange { domain: Some("shop.example".to_owned()), ..Default::default() };
    changed(&it, change, Request::get("/play"), "Domain=shop.example; Path=/; HttpOnly").await
}

async fn a_session_may_be_shown_to_scripts(it: Subject) -> Outcome {
    let change = CookieChange { http_only: Some(false), ..Default::default() };
    changed(&it, change, Request::get("/play"), "Path=/").await
}

async fn a_session_may_have_a_same_site_of_its_own(it: Subject) -> Outcome {
    let change = CookieChange { same_site: Some("strict".to_owned()), ..Default::default() };
    changed(&it, change, Request::get("/play"), "Path=/; HttpOnly; SameSite=Strict").await
}

async fn a_session_may_be_secure_on_its_own(it: Subject) -> Outcome {
    let change = CookieChange { secure: Some(true), ..Default::default() };
    changed(&it, change, Request::get("/play").https(), "Path=/; HttpOnly; Secure").await
}

async fn attributes_of_its_own_are_remembered(it: Subject) -> Outcome {
    let (site, browser) = it.browser(express().max_age(MINUTE)).await?;
    let change =
        CookieChange { http_only: Some(false), same_site: Some("lax".to_owned()), ..Default::default() };
    browser.play([set_cookie(change), insert("n", 1)]).await?;
    let page = browser.play([insert("n", 2)]).await?;
    let attributes = page.cookie(site.cookie_name())?.map(|cookie| cookie.attributes);
    let expected = "Path=/; Expires=Tue, 01 Jan 2030 00:01:00 GMT; SameSite=Lax";
    ensure_eq!(attributes.as_deref(), Some(expected), "the attributes on the next request");
    Ok(())
}

async fn the_handler_sees_the_cookies_attributes(it: Subject) -> Outcome {
    let options = express().max_age(MINUTE).domain("shop.example").same_site("lax").path("/play");
    let (_site, browser) = it.browser(options).await?;
    let expected = json!({
        "max_age": 60_000, "path": "/play", "domain": "shop.example", "http_only": true, "secure": false,
        "same_site": "lax",
    });
    for which in ["a new", "a loaded"] {
        let seen = browser.play([Step::Cookie, insert("n", 1)]).await?.seen;
        ensure_eq!(seen[0], expected, "{which} session's cookie");
    }
    Ok(())
}

async fn a_browser_holds_one_cookie_however_often_it_is_set(it: Subject) -> Outcome {
    let (site, browser) = it.browser(express().max_age(MINUTE).rolling()).await?;
    for n in 0..5 {
        browser.play([insert("n", n)]).await?;
    }
    browser.play([Step::Regenerate, insert("n", 9)]).await?;
    ensure_eq!(browser.jar().count(site.cookie_name()), 1, "cookies");
    Ok(())
}
