//! Responses of every kind: the session is saved whatever they are, and they go out as they were.

use std::time::Duration;

use serde_json::json;

use super::{MINUTE, promises};
use crate::adapter::client::wire::Connection;
use crate::adapter::client::{Page, Request};
use crate::adapter::difference::{Difference, Side};
use crate::adapter::options::express;
use crate::adapter::probe::Verb;
use crate::adapter::subject::Subject;
use crate::failure::{Failure, Outcome};
use crate::script::LARGEST_BODY;
use crate::script::step::Step;
use crate::script::step::steps::{count, get, header, insert, redirect, status};

promises! {
    both a_session_is_saved_with_a_201;
    both a_session_is_saved_with_a_204;
    both a_session_is_saved_with_a_304;
    both a_session_is_saved_with_a_400;
    both a_session_is_saved_with_a_404;
    both a_session_is_saved_with_a_500;
    both a_session_is_saved_with_an_empty_body;
    both a_session_is_saved_with_a_redirect;
    both a_session_is_saved_with_a_large_body;
    both a_session_is_saved_on_a_head_request;
    both a_session_is_saved_on_a_post_request;
    both a_session_is_saved_on_a_large_request;
    both a_session_is_saved_when_the_handler_fails;
    both a_session_is_destroyed_when_the_handler_fails;
    both a_session_is_saved_before_a_redirect_goes_out differs SavedFirst;
    both a_session_is_saved_before_a_body_goes_out differs SavedFirst;
    both a_session_is_saved_before_an_empty_response_goes_out;
    both a_redirect_that_is_followed_after_the_save_sees_it;
    both cookies_of_the_handler_stay;
    both a_cookie_of_the_handler_with_the_sessions_name_stays;
    both cookies_of_the_handler_stay_when_a_session_rolls;
    both cookies_of_the_handler_stay_when_there_is_no_session;
    both headers_of_the_handler_stay;
    both headers_that_stand_twice_stand_twice;
    both one_connection_carries_many_requests;
    both requests_on_one_connection_have_sessions_of_their_own;
}

/// A request that counts, and a look at what it has left.
async fn counted(it: &Subject, request: Request, code: u16) -> Outcome<Page> {
    let (site, browser) = it.begun(express().max_age(MINUTE), [count("n")]).await?;
    let page = browser.send(request.clone().steps([count("n")])).await?.expect(code)?;
    ensure!(page.cookie(site.cookie_name())?.is_some(), "no cookie is set");
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(2)], "the count");
    // A stranger's session is saved just the same.
    let page = site.browser().send(request.steps([count("n")])).await?.expect(code)?;
    ensure!(page.cookie(site.cookie_name())?.is_some(), "a stranger gets no cookie");
    ensure_eq!(site.records().await?.len(), 2, "records");
    Ok(page)
}

async fn a_session_is_saved_with_a_201(it: Subject) -> Outcome {
    counted(&it, Request::get("/play").steps([status(201)]), 201).await.map(drop)
}

async fn a_session_is_saved_with_a_204(it: Subject) -> Outcome {
    counted(&it, Request::get("/play").steps([status(204)]), 204).await.map(drop)
}

async fn a_session_is_saved_with_a_304(it: Subject) -> Outcome {
    counted(&it, Request::get("/play").steps([status(304)]), 304).await.map(drop)
}

async fn a_session_is_saved_with_a_400(it: Subject) -> Outcome {
    counted(&it, Request::get("/play").steps([status(400)]), 400).await.map(drop)
}

async fn a_session_is_saved_with_a_404(it: Subject) -> Outcome {
    counted(&it, Request::get("/play").steps([status(404)]), 404).await.map(drop)
}

async fn a_session_is_saved_with_a_500(it: Subject) -> Outcome {
    counted(&it, Request::get("/play").steps([status(500)]), 500).await.map(drop)
}

async fn a_session_is_saved_with_an_empty_body(it: Subject) -> Outcome {
    let page = counted(&it, Request::get("/play").steps([Step::Pad(0)]), 200).await?;
    ensure!(page.body.is_empty(), "there is a body");
    Ok(())
}

async fn a_session_is_saved_with_a_redirect(it: Subject) -> Outcome {
    let page = counted(&it, Request::get("/play").steps([redirect("/idle")]), 303).await?;
    ensure_eq!(page.header("location"), Some("/idle"), "where it leads");
    Ok(())
}

async fn a_session_is_saved_with_a_large_body(it: Subject) -> Outcome {
    let page = counted(&it, Request::get("/play").steps([Step::Pad(3_000_000)]), 200).await?;
    ensure!(page.body == vec![b'.'; 3_000_000], "the body has {} bytes, or others", page.body.len());
    Ok(())
}

async fn a_session_is_saved_on_a_head_request(it: Subject) -> Outcome {
    let page = counted(&it, Request::new("HEAD", "/play"), 200).await?;
    ensure!(page.body.is_empty(), "there is a body");
    Ok(())
}

async fn a_session_is_saved_on_a_post_request(it: Subject) -> Outcome {
    counted(&it, Request::new("POST", "/play").body(b"a=1&b=2".to_vec()), 200).await.map(drop)
}

async fn a_session_is_saved_on_a_large_request(it: Subject) -> Outcome {
    let length = LARGEST_BODY - 1;
    let request = Request::new("POST", "/play").body(vec![b'x'; length]).steps([Step::BodyLength]);
    let page = counted(&it, request, 200).await?;
    ensure_eq!(page.seen[0], json!(length), "the length that the handler has read");
    Ok(())
}

async fn a_session_is_saved_when_the_handler_fails(it: Subject) -> Outcome {
    counted(&it, Request::get("/fail").steps([status(418)]), 418).await.map(drop)
}

async fn a_session_is_destroyed_when_the_handler_fails(it: Subject) -> Outcome {
    let (site, browser) = it.begun(express(), [insert("n", 1)]).await?;
    browser.visit("/fail", [Step::Destroy, status(500)]).await?.expect(500)?;
    ensure_eq!(site.records().await?.len(), 0, "records");
    Ok(())
}

/// Sends a request whose save waits in the store, for a new session or for one that is there; answers the head of the
/// response if it came nevertheless, and the head that came at last.
async fn overtaking(
    it: &Subject,
    whose: Whose,
    steps: impl IntoIterator<Item = Step>,
    patience: Duration,
) -> Outcome<(Option<Page>, Page)> {
    let (site, browser) = it.browser(express().max_age(MINUTE)).await?;
    if whose == Whose::Loaded {
        browser.play([insert("n", 0)]).await?;
    }
    site.hold(Verb::Write).await?;
    let mut connection = site.connect().await?;
    let request = Request::get("/play").steps(steps).steps([insert("n", 1)]);
    connection.send(&browser.message(request), Connection::LAST).await?;
    site.held(1).await?;
    let early = tokio::time::timeout(patience, connection.head()).await.ok().transpose()?.flatten();
    site.release().await?;
    let page = match &early {
        Some(page) => page.clone(),
        None => {
            let page = connection.head().await?.ok_or_else(|| Failure::new("there is no response"))?;
            ensure_eq!(
                site.record().await?.payload["n"],
                json!(1),
                "what is stored when the response is there"
            );
            page
        }
    };
    ensure!(page.cookie(site.cookie_name())?.is_some(), "no cookie is set");
    Ok((early, page))
}

/// Whose save is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    New,
    Loaded,
}

/// What goes out before its time has come within this, usually.
const A_WHILE: Duration = Duration::from_millis(150);

/// How long to wait for what does or does not go out before the save.
fn patience(it: &Subject) -> Duration {
    match it.on_purpose(Difference::SavedFirst) {
        Side::Ours => A_WHILE,
        Side::Express => A_WHILE * 100,
    }
}

async fn a_session_is_saved_before_a_redirect_goes_out(it: Subject) -> Outcome {
    for whose in [Whose::New, Whose::Loaded] {
        let (early, page) = overtaking(&it, whose, [redirect("/play")], patience(&it)).await?;
        ensure_eq!(page.header("location"), Some("/play"), "where it leads");
        match it.on_purpose(Difference::SavedFirst) {
            Side::Ours => ensure!(early.is_none(), "the redirect goes out before the save: {whose:?}"),
            Side::Express => ensure!(early.is_some(), "the redirect waits for the save: {whose:?}"),
        }
    }
    Ok(())
}

async fn a_session_is_saved_before_a_body_goes_out(it: Subject) -> Outcome {
    for whose in [Whose::New, Whose::Loaded] {
        let (early, _) = overtaking(&it, whose, [Step::Pad(100)], patience(&it)).await?;
        match it.on_purpose(Difference::SavedFirst) {
            Side::Ours => ensure!(early.is_none(), "the response goes out before the save: {whose:?}"),
            Side::Express => ensure!(early.is_some(), "the response waits for the save: {whose:?}"),
        }
    }
    Ok(())
}

async fn a_session_is_saved_before_an_empty_response_goes_out(it: Subject) -> Outcome {
    for whose in [Whose::New, Whose::Loaded] {
        for steps in [status(204), status(304), Step::Pad(0)] {
            let (early, _) = overtaking(&it, whose, [steps], A_WHILE).await?;
            ensure!(early.is_none(), "the response goes out before the save: {whose:?}");
        }
    }
    Ok(())
}

async fn a_redirect_that_is_followed_after_the_save_sees_it(it: Subject) -> Outcome {
    let (_site, browser) = it.browser(express()).await?;
    for n in 1..=5 {
        let page = browser.visit("/play", [insert("n", n), Step::Save, redirect("/maybe")]).await?;
        let to = page.expect(303)?.header("location").unwrap_or_default().to_owned();
        ensure_eq!(browser.visit(&to, [get("n")]).await?.seen, [json!(n)], "the value behind the redirect");
    }
    Ok(())
}

const THREE: [&str; 3] = ["a=1", "b=2; Path=/; HttpOnly", "a=3; Path=/other"];

fn three() -> impl Iterator<Item = Step> {
    THREE.into_iter().map(|cookie| header("Set-Cookie", cookie))
}

async fn cookies_of_the_handler_stay(it: Subject) -> Outcome {
    let (_site, browser) = it.browser(express()).await?;
    let page = browser.play(three().chain([insert("n", 1)])).await?;
    let lines = page.set_cookies();
    ensure_eq!(lines.len(), 4, "cookies");
    ensure_eq!(lines[..3], THREE, "the handler's cookies");
    ensure!(lines[3].starts_with("connect.sid="), "the session's cookie does not come last");
    Ok(())
}

async fn a_cookie_of_the_handler_with_the_sessions_name_stays(it: Subject) -> Outcome {
    let (_site, browser) = it.browser(express()).await?;
    let page = browser.play([header("Set-Cookie", "connect.sid=mine; Path=/other"), insert("n", 1)]).await?;
    ensure_eq!(page.set_cookies().len(), 2, "cookies");
    ensure_eq!(page.set_cookies()[0], "connect.sid=mine; Path=/other", "the handler's cookie");
    Ok(())
}

async fn cookies_of_the_handler_stay_when_a_session_rolls(it: Subject) -> Outcome {
    let (site, browser) = it.begun(express().max_age(MINUTE).rolling(), [insert("n", 1)]).await?;
    site.wait(MINUTE / 2).await?;
    let page = browser.visit("/idle", three()).await?.expect(200)?;
    ensure_eq!(page.set_cookies().len(), 4, "cookies");
    ensure_eq!(page.set_cookies()[..3], THREE, "the handler's cookies");
    Ok(())
}

async fn cookies_of_the_handler_stay_when_there_is_no_session(it: Subject) -> Outcome {
    let (_site, browser) = it.browser(express()).await?;
    ensure_eq!(browser.visit("/idle", three()).await?.set_cookies(), THREE, "the handler's cookies");
    ensure_eq!(
        browser.play(three()).await?.set_cookies(),
        THREE,
        "the handler's cookies beside an empty session"
    );
    Ok(())
}

async fn headers_of_the_handler_stay(it: Subject) -> Outcome {
    let (_site, browser) = it.browser(express()).await?;
    let headers = [
        ("content-type", "text/html; charset=utf-8"),
        ("etag", "\"x\""),
        ("x-frame-options", "DENY"),
        ("content-security-policy", "default-src 'none'"),
        ("link", "</style.css>; rel=preload"),
    ];
    let steps = headers.map(|(name, value)| header(name, value));
    let page = browser.play(steps.into_iter().chain([insert("n", 1)])).await?;
    ensure_eq!(page.set_cookies().len(), 1, "cookies");
    for (name, value) in headers {
        ensure_eq!(page.headers(name), [value], "{name}");
    }
    Ok(())
}

async fn headers_that_stand_twice_stand_twice(it: Subject) -> Outcome {
    let (_site, browser) = it.browser(express()).await?;
    let page = browser.play([header("x-twice", "one"), header("x-twice", "two"), insert("n", 1)]).await?;
    let all: Vec<_> = page.headers("x-twice").iter().flat_map(|value| value.split(", ")).collect();
    ensure_eq!(all, ["one", "two"], "the values");
    Ok(())
}

async fn one_connection_carries_many_requests(it: Subject) -> Outcome {
    let (site, browser) = it.browser(express()).await?;
    let mut connection = site.connect().await?;
    for n in 1..=5 {
        let request = Request::get("/play").steps([count("n")]);
        let page = browser.send_over(&mut connection, request, Connection::MORE).await?.expect(200)?;
        ensure_eq!(page.seen, [json!(n)], "the count");
        let request = Request::get("/idle").steps([status(204)]);
        browser.send_over(&mut connection, request, Connection::MORE).await?.expect(204)?;
    }
    Ok(())
}

async fn requests_on_one_connection_have_sessions_of_their_own(it: Subject) -> Outcome {
    let (site, ann) = it.browser(express()).await?;
    let bob = site.browser();
    let mut connection = site.connect().await?;
    for n in 1..=3 {
        for browser in [&ann, &bob] {
            let request = Request::get("/play").steps([count("n")]);
            let page = browser.send_over(&mut connection, request, Connection::MORE).await?.expect(200)?;
            ensure_eq!(page.seen, [json!(n)], "the count");
        }
    }
    Ok(())
}
