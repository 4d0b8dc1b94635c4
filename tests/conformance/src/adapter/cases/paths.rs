//! The cookie's path: which requests have a session at all.

use serde_json::{Value, json};

use super::{MINUTE, promises};
use crate::adapter::client::Request;
use crate::adapter::difference::{Difference, Side};
use crate::adapter::options::express;
use crate::adapter::subject::Subject;
use crate::failure::Outcome;
use crate::script::step::Step;
use crate::script::step::steps::{get, insert};

promises! {
    both a_route_below_the_cookies_path_has_a_session;
    both the_cookies_path_itself_has_a_session;
    both the_query_is_no_part_of_the_path;
    both a_cookie_for_a_folder_stays_in_it;
    both a_route_outside_the_cookies_path_has_no_session differs OutsidePath;
    both a_route_outside_the_cookies_path_asks_the_store_nothing;
    both a_route_outside_the_cookies_path_sets_no_cookie;
    both an_optional_session_is_none_outside_the_cookies_path needs Optional;
    both an_optional_session_is_there_below_the_cookies_path needs Optional;
    both the_path_is_compared_letter_by_letter needs Optional;
    both the_path_is_compared_by_whole_segments differs WholeSegments needs Optional;
    both a_path_that_ends_in_a_slash_covers_what_is_below_it needs Nested;
    both a_nested_router_has_a_session needs Nested;
    both a_nested_router_shares_the_session_of_the_others needs Nested;
    both a_nested_router_judges_the_path_that_was_asked_for needs Nested;
    both a_nested_router_outside_the_cookies_path_has_no_session differs OutsidePath needs Nested;
}

async fn a_route_below_the_cookies_path_has_a_session(it: Subject) -> Outcome {
    let (_site, browser) = it.begun(express(), [insert("n", 1)]).await?;
    ensure_eq!(browser.visit("/maybe", [get("n")]).await?.seen, [json!(1)], "the value on another route");
    Ok(())
}

async fn the_cookies_path_itself_has_a_session(it: Subject) -> Outcome {
    let (_site, browser) = it.begun(express().path("/play"), [insert("n", 1)]).await?;
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(1)], "the value");
    Ok(())
}

async fn the_query_is_no_part_of_the_path(it: Subject) -> Outcome {
    let (_site, browser) = it.browser(express().path("/play")).await?;
    browser.visit("/play?x=/other&y", [insert("n", 1)]).await?.expect(200)?;
    ensure_eq!(browser.visit("/play?z", [get("n")]).await?.seen, [json!(1)], "the value");
    Ok(())
}

async fn a_cookie_for_a_folder_stays_in_it(it: Subject) -> Outcome {
    let (site, browser) = it.begun(express().path("/play"), [insert("n", 1)]).await?;
    let outside = crate::adapter::client::jar::Origin { host: "shop.example", path: "/idle", secure: false };
    ensure_eq!(browser.jar().header(&outside, site.now()), None, "what the browser sends elsewhere");
    Ok(())
}

async fn a_route_outside_the_cookies_path_has_no_session(it: Subject) -> Outcome {
    let (_site, browser) = it.browser(express().path("/elsewhere")).await?;
    let page = browser.visit("/play", [Step::HasSession]).await?;
    match it.on_purpose(Difference::OutsidePath) {
        Side::Ours => ensure_eq!(page.status, 500, "the status"),
        Side::Express => ensure_eq!((page.status, page.seen), (200, vec![json!(false)]), "what is seen"),
    }
    Ok(())
}

async fn a_route_outside_the_cookies_path_asks_the_store_nothing(it: Subject) -> Outcome {
    let options = || express().path("/elsewhere").rolling().resave().max_age(MINUTE).save_uninitialized();
    let site = it.site(options()).await?;
    let request = Request::get("/idle").cookie("connect.sid=s%3Aid.signature");
    let page = site.browser().send(request).await?.expect(200)?;
    ensure_eq!(site.calls().await?, Default::default(), "what the store is asked");
    ensure!(page.set_cookies().is_empty(), "a cookie is set");
    Ok(())
}

async fn a_route_outside_the_cookies_path_sets_no_cookie(it: Subject) -> Outcome {
    let (_site, browser) = it.browser(express().path("/play/deeper").rolling()).await?;
    let page = browser.visit("/idle", []).await?.expect(200)?;
    ensure!(page.set_cookies().is_empty(), "a cookie is set");
    Ok(())
}

async fn an_optional_session_is_none_outside_the_cookies_path(it: Subject) -> Outcome {
    let (site, browser) = it.begun(express().path("/play"), [insert("n", 1)]).await?;
    site.calls().await?;
    let cookie = site.cookie_of(&browser.session_cookie().unwrap_or_default());
    let page = browser.send(Request::get("/maybe").cookie(cookie).steps([Step::HasSession])).await?;
    ensure_eq!(page.expect(200)?.seen, [json!(false)], "whether there is a session");
    ensure_eq!(site.calls().await?, Default::default(), "what the store is asked");
    Ok(())
}

async fn an_optional_session_is_there_below_the_cookies_path(it: Subject) -> Outcome {
    let (_site, browser) = it.browser(express().path("/maybe")).await?;
    let steps = [Step::HasSession, insert("n", 1)];
    ensure_eq!(
        browser.visit("/maybe", steps).await?.expect(200)?.seen[0],
        json!(true),
        "whether there is one"
    );
    ensure_eq!(browser.visit("/maybe", [get("n")]).await?.seen, [json!(1)], "the value");
    Ok(())
}

/// Whether a request for `/maybe` has a session if the cookie is for this path.
async fn covers(it: &Subject, path: &str) -> Outcome<Value> {
    let (_site, browser) = it.browser(express().path(path)).await?;
    Ok(browser.visit("/maybe", [Step::HasSession]).await?.expect(200)?.seen.remove(0))
}

async fn the_path_is_compared_letter_by_letter(it: Subject) -> Outcome {
    ensure_eq!(covers(&it, "/Maybe").await?, json!(false), "whether /Maybe covers /maybe");
    ensure_eq!(covers(&it, "/%6daybe").await?, json!(false), "whether /%6daybe covers /maybe");
    Ok(())
}

async fn the_path_is_compared_by_whole_segments(it: Subject) -> Outcome {
    let covers = covers(&it, "/may").await?;
    match it.on_purpose(Difference::WholeSegments) {
        Side::Ours => ensure_eq!(covers, json!(false), "whether /may covers /maybe"),
        Side::Express => ensure_eq!(covers, json!(true), "whether /may covers /maybe"),
    }
    Ok(())
}

async fn a_path_that_ends_in_a_slash_covers_what_is_below_it(it: Subject) -> Outcome {
    let (_site, browser) = it.browser(express().path("/nested/")).await?;
    browser.visit("/nested/play", [insert("n", 1)]).await?.expect(200)?;
    ensure_eq!(browser.visit("/nested/play", [get("n")]).await?.seen, [json!(1)], "the value");
    Ok(())
}

async fn a_nested_router_has_a_session(it: Subject) -> Outcome {
    let (_site, browser) = it.browser(express()).await?;
    browser.visit("/nested/play", [insert("n", 1)]).await?.expect(200)?;
    ensure_eq!(browser.visit("/nested/play", [get("n")]).await?.seen, [json!(1)], "the value");
    Ok(())
}

async fn a_nested_router_shares_the_session_of_the_others(it: Subject) -> Outcome {
    let (site, browser) = it.browser(express()).await?;
    browser.visit("/nested/play", [insert("n", 1)]).await?.expect(200)?;
    ensure_eq!(
        browser.play([get("n"), insert("n", 2)]).await?.seen[0],
        json!(1),
        "the value on the outer route"
    );
    ensure_eq!(
        browser.visit("/nested/play", [get("n")]).await?.seen,
        [json!(2)],
        "the value on the inner route"
    );
    ensure_eq!(site.records().await?.len(), 1, "records");
    Ok(())
}

async fn a_nested_router_judges_the_path_that_was_asked_for(it: Subject) -> Outcome {
    let (site, browser) = it.browser(express().path("/nested")).await?;
    let page = browser.visit("/nested/play", [insert("n", 1)]).await?.expect(200)?;
    let attributes = page.cookie(site.cookie_name())?.map(|cookie| cookie.attributes);
    ensure_eq!(attributes.as_deref(), Some("Path=/nested; HttpOnly"), "the attributes");
    ensure_eq!(browser.visit("/nested/play", [get("n")]).await?.seen, [json!(1)], "the value");
    Ok(())
}

async fn a_nested_router_outside_the_cookies_path_has_no_session(it: Subject) -> Outcome {
    let (_site, browser) = it.browser(express().path("/play")).await?;
    let page = browser.visit("/nested/play", [Step::HasSession]).await?;
    match it.on_purpose(Difference::OutsidePath) {
        Side::Ours => ensure_eq!(page.status, 500, "the status"),
        Side::Express => ensure_eq!((page.status, page.seen), (200, vec![json!(false)]), "what is seen"),
    }
    Ok(())
}
