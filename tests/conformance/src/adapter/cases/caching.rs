//! What caches are told of a response that depends on a session.

use serde_json::json;
use session_core::policy::CacheHeaders;

use super::{HOUR, SECOND, promises};
use crate::adapter::client::{Browser, Page, Request};
use crate::adapter::difference::{Difference, Side};
use crate::adapter::options::{express, safe};
use crate::adapter::subject::{Server, Subject};
use crate::failure::Outcome;
use crate::script::step::Step;
use crate::script::step::steps::{get, header, insert, login, redirect, status};

promises! {
    both caches_are_told_of_a_new_session differs CacheHeaders;
    both caches_are_told_of_a_session_that_was_read differs CacheHeaders;
    both caches_are_told_nothing_of_a_route_that_names_no_session;
    both what_a_handler_tells_caches_stands_where_no_cookie_is_set;
    ours a_response_that_sets_a_cookie_is_not_stored_by_caches;
    ours a_response_that_takes_a_cookie_away_is_not_stored_by_caches;
    ours a_response_that_moves_a_cookie_is_not_stored_by_caches;
    ours a_response_that_only_read_may_be_stored_for_its_cookie;
    ours a_public_response_is_made_private_if_it_sets_a_cookie;
    ours a_private_response_stays_as_it_is_if_it_sets_a_cookie;
    ours what_a_handler_says_of_vary_stands_beside_ours;
    ours responses_of_every_kind_follow_the_rules_for_caches;
    ours a_policy_may_leave_caches_to_the_application;
}

async fn begun(it: &Subject) -> Outcome<(Server, Browser)> {
    it.begun(safe(), [login("ann"), insert("n", 1)]).await
}

/// Whether the response is kept from caches, and whether it is said to depend on the cookie.
fn told(page: &Page) -> (bool, bool) {
    (page.lists("cache-control", "no-store"), page.lists("vary", "cookie"))
}

async fn caches_are_told_of_a_new_session(it: Subject) -> Outcome {
    let (_site, browser) = it.browser(express()).await?;
    let page = browser.play([insert("n", 1)]).await?;
    let expected = match it.on_purpose(Difference::CacheHeaders) {
        Side::Ours => (true, true),
        Side::Express => (false, false),
    };
    ensure_eq!(told(&page), expected, "no-store, and Vary: Cookie");
    Ok(())
}

async fn caches_are_told_of_a_session_that_was_read(it: Subject) -> Outcome {
    let (_site, browser) = it.begun(express(), [insert("n", 1)]).await?;
    let page = browser.play([get("n")]).await?;
    let expected = match it.on_purpose(Difference::CacheHeaders) {
        Side::Ours => (false, true),
        Side::Express => (false, false),
    };
    ensure_eq!(told(&page), expected, "no-store, and Vary: Cookie");
    Ok(())
}

async fn caches_are_told_nothing_of_a_route_that_names_no_session(it: Subject) -> Outcome {
    let (_site, browser) = it.begun(express(), [insert("n", 1)]).await?;
    ensure_eq!(
        told(&browser.visit("/idle", []).await?.expect(200)?),
        (false, false),
        "no-store, and Vary: Cookie"
    );
    Ok(())
}

async fn what_a_handler_tells_caches_stands_where_no_cookie_is_set(it: Subject) -> Outcome {
    let (_site, browser) = it.begun(express(), [insert("n", 1)]).await?;
    let page = browser.play([get("n"), header("cache-control", "public, max-age=60")]).await?;
    ensure_eq!(page.headers("cache-control"), ["public, max-age=60"], "Cache-Control");
    Ok(())
}

async fn a_response_that_sets_a_cookie_is_not_stored_by_caches(it: Subject) -> Outcome {
    let (_site, browser) = it.browser(safe()).await?;
    for step in [insert("n", 1), login("ann"), Step::Renew, Step::Regenerate] {
        let page = browser.play([step]).await?;
        ensure_eq!(told(&page), (true, true), "no-store, and Vary: Cookie");
        ensure_eq!(page.headers("cache-control"), ["no-store"], "Cache-Control");
    }
    Ok(())
}

async fn a_response_that_takes_a_cookie_away_is_not_stored_by_caches(it: Subject) -> Outcome {
    let (_site, browser) = begun(&it).await?;
    ensure_eq!(told(&browser.play([Step::Logout]).await?), (true, true), "no-store, and Vary: Cookie");
    Ok(())
}

async fn a_response_that_moves_a_cookie_is_not_stored_by_caches(it: Subject) -> Outcome {
    let (site, browser) = begun(&it).await?;
    site.wait(HOUR * 12).await?;
    ensure_eq!(told(&browser.play([get("n")]).await?), (true, true), "no-store, and Vary: Cookie");
    Ok(())
}

async fn a_response_that_only_read_may_be_stored_for_its_cookie(it: Subject) -> Outcome {
    let (site, browser) = begun(&it).await?;
    site.wait(SECOND).await?;
    ensure_eq!(told(&browser.play([get("n")]).await?), (false, true), "no-store, and Vary: Cookie");
    // A stranger's page depends on there being no cookie.
    ensure_eq!(told(&site.browser().play([get("n")]).await?), (false, true), "the same for a stranger");
    ensure_eq!(told(&browser.visit("/idle", []).await?), (false, false), "the same where nobody looks");
    Ok(())
}

async fn a_public_response_is_made_private_if_it_sets_a_cookie(it: Subject) -> Outcome {
    let (_site, browser) = it.browser(safe()).await?;
    let page = browser.play([header("cache-control", "public, max-age=60"), insert("n", 1)]).await?;
    ensure_eq!(page.headers("cache-control"), ["no-store"], "Cache-Control");
    Ok(())
}

async fn a_private_response_stays_as_it_is_if_it_sets_a_cookie(it: Subject) -> Outcome {
    for value in ["private, max-age=60", "no-store, must-revalidate", "max-age=0, Private"] {
        let (_site, browser) = it.browser(safe()).await?;
        let page = browser.play([header("cache-control", value), insert("n", 1)]).await?;
        ensure_eq!(page.set_cookies().len(), 1, "cookies");
        ensure_eq!(page.headers("cache-control"), [value], "Cache-Control");
    }
    Ok(())
}

async fn what_a_handler_says_of_vary_stands_beside_ours(it: Subject) -> Outcome {
    let (_site, browser) = it.browser(safe()).await?;
    let page = browser.play([header("vary", "Accept-Encoding"), insert("n", 1)]).await?;
    ensure!(
        page.lists("vary", "accept-encoding") && page.lists("vary", "cookie"),
        "Vary is {:?}",
        page.headers("vary")
    );
    Ok(())
}

async fn responses_of_every_kind_follow_the_rules_for_caches(it: Subject) -> Outcome {
    let (site, _) = begun(&it).await?;
    let set = || insert("n", 2);
    let requests = [
        Request::get("/play").steps([status(204), set()]),
        Request::get("/play").steps([status(304), set()]),
        Request::get("/play").steps([status(404), set()]),
        Request::get("/play").steps([redirect("/idle"), set()]),
        Request::new("HEAD", "/play").steps([set()]),
        Request::new("POST", "/play").steps([set()]),
        Request::get("/fail").steps([status(500), set()]),
    ];
    for request in requests {
        let shown = format!("{request:?}");
        let page = site.browser().send(request).await?;
        ensure_eq!(told(&page), (true, true), "no-store, and Vary: Cookie, for {shown}");
    }
    Ok(())
}

async fn a_policy_may_leave_caches_to_the_application(it: Subject) -> Outcome {
    let options = safe().with(|policy| policy.cache_headers(CacheHeaders::Omitted));
    let (_site, browser) = it.browser(options).await?;
    let page = browser.play([header("cache-control", "public"), insert("n", 1)]).await?;
    ensure_eq!(
        (page.headers("cache-control"), page.headers("vary")),
        (vec!["public"], vec![]),
        "the headers"
    );
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(1)], "the value");
    Ok(())
}
