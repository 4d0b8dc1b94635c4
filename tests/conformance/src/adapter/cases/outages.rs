//! A store that fails: who notices, and who does not.

use serde_json::{Value, json};

use super::{MINUTE, SECOND, promises};
use crate::adapter::client::{Browser, Page};
use crate::adapter::difference::{Difference, Side};
use crate::adapter::options::{Options, express, safe};
use crate::adapter::probe::Verb;
use crate::adapter::subject::{Server, Subject};
use crate::failure::Outcome;
use crate::script::step::Step;
use crate::script::step::steps::{attempt, get, insert, status};

promises! {
    both a_store_that_cannot_be_read_fails_the_request differs StoreDown;
    both a_store_that_cannot_be_read_does_not_run_the_handler;
    both a_store_that_cannot_be_read_logs_nobody_out;
    both a_store_that_cannot_be_read_stops_no_visitor_without_a_cookie;
    both a_store_that_cannot_be_read_stops_no_visitor_with_a_forged_cookie;
    both a_store_that_cannot_be_written_fails_a_first_visit differs FailedSave;
    both a_store_that_cannot_be_written_fails_a_change differs FailedSave;
    both a_store_that_cannot_be_written_keeps_the_session_as_it_was;
    both a_store_that_cannot_be_written_stops_no_reader;
    both a_store_that_cannot_destroy_tells_the_handler differs FailedSave;
    both a_save_by_hand_that_fails_tells_the_handler;
    both a_save_by_hand_that_failed_may_be_repeated;
    both a_store_that_is_back_serves_as_before;
    ours a_failed_save_has_the_status_503_whatever_the_handler_said;
    ours an_error_of_the_store_says_nothing_of_the_inside;
    ours an_error_of_the_store_is_not_kept_by_caches;
    ours a_store_that_does_not_answer_fails_the_request_in_time;
    ours a_route_that_names_no_session_does_not_notice_an_outage;
    ours an_optional_session_fails_if_the_store_does needs Optional;
    ours a_site_may_be_shown_as_to_a_stranger_in_an_outage;
    ours a_site_that_is_shown_as_to_a_stranger_is_kept_by_no_cache;
    ours a_change_in_an_outage_fails_though_the_site_is_shown;
    ours a_guard_lets_nobody_pass_in_an_outage_and_sends_nobody_to_log_in needs Guard;
    ours a_store_that_takes_no_writes_stops_no_reader;
    ours a_store_that_takes_no_writes_fails_a_change;
    ours a_failed_renewal_leaves_the_old_session;
    ours a_route_may_show_its_page_as_to_a_stranger_during_an_outage needs OnOutage;
    ours a_route_may_fail_during_an_outage_where_the_layer_shows_its_pages needs OnOutage;
}

/// A session with `n` = 1.
async fn begun(it: &Subject, options: Options) -> Outcome<(Server, Browser)> {
    it.begun(options, [insert("n", 1)]).await
}

/// This library's answer to a store that fails.
fn is_unavailable(page: &Page) -> Outcome {
    ensure_eq!(
        (page.status, page.header("retry-after")),
        (503, Some("1")),
        "the status and when to try again"
    );
    ensure!(page.set_cookies().is_empty(), "a cookie is set");
    Ok(())
}

async fn a_store_that_cannot_be_read_fails_the_request(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, express()).await?;
    site.fail(&[Verb::Read]).await?;
    let page = browser.visit("/play", [get("n")]).await?;
    match it.on_purpose(Difference::StoreDown) {
        Side::Ours => is_unavailable(&page),
        Side::Express => page.expect(500).map(drop),
    }
}

async fn a_store_that_cannot_be_read_does_not_run_the_handler(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, express()).await?;
    site.fail(&[Verb::Read]).await?;
    let page = browser.visit("/play", [status(201), insert("n", 2)]).await?;
    ensure!(page.status >= 500, "the handler has answered with {}", page.status);
    site.fail(&[]).await?;
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(1)], "the value");
    Ok(())
}

async fn a_store_that_cannot_be_read_logs_nobody_out(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, express().max_age(MINUTE).rolling()).await?;
    let before = browser.session_cookie();
    site.fail(&[Verb::Read, Verb::Write, Verb::Touch, Verb::Destroy]).await?;
    for _ in 0..3 {
        let page = browser.visit("/play", [insert("n", 2)]).await?;
        ensure!(page.set_cookies().is_empty(), "a cookie is set during the outage");
    }
    site.fail(&[]).await?;
    ensure_eq!(browser.session_cookie(), before, "the cookie");
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(1)], "the value");
    ensure_eq!(site.records().await?.len(), 1, "records");
    Ok(())
}

async fn a_store_that_cannot_be_read_stops_no_visitor_without_a_cookie(it: Subject) -> Outcome {
    let site = it.site(express()).await?;
    site.fail(&[Verb::Read, Verb::Write, Verb::Touch, Verb::Destroy]).await?;
    ensure_eq!(site.browser().play([get("n")]).await?.seen, [Value::Null], "the value");
    Ok(())
}

async fn a_store_that_cannot_be_read_stops_no_visitor_with_a_forged_cookie(it: Subject) -> Outcome {
    let site = it.site(express()).await?;
    site.fail(&[Verb::Read, Verb::Write, Verb::Touch, Verb::Destroy]).await?;
    let page = site.with_cookie(site.cookie_of("s%3Aforged.cookie"), [get("n")]).await?;
    ensure_eq!(page.seen, [Value::Null], "the value");
    Ok(())
}

async fn a_store_that_cannot_be_written_fails_a_first_visit(it: Subject) -> Outcome {
    let (site, browser) = it.browser(express()).await?;
    site.fail(&[Verb::Write]).await?;
    let page = browser.visit("/play", [insert("n", 1)]).await?;
    match it.on_purpose(Difference::FailedSave) {
        Side::Ours => is_unavailable(&page)?,
        Side::Express => {
            ensure_eq!((page.status, page.set_cookies().len()), (200, 1), "the status and the cookies")
        }
    }
    ensure_eq!(site.records().await?.len(), 0, "records");
    Ok(())
}

async fn a_store_that_cannot_be_written_fails_a_change(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, express().max_age(MINUTE)).await?;
    site.fail(&[Verb::Write]).await?;
    let page = browser.visit("/play", [insert("n", 2)]).await?;
    match it.on_purpose(Difference::FailedSave) {
        Side::Ours => is_unavailable(&page),
        Side::Express => {
            ensure_eq!((page.status, page.set_cookies().len()), (200, 1), "the status and the cookies");
            Ok(())
        }
    }
}

async fn a_store_that_cannot_be_written_keeps_the_session_as_it_was(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, express()).await?;
    site.fail(&[Verb::Write]).await?;
    browser.visit("/play", [insert("n", 2)]).await?;
    site.fail(&[]).await?;
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(1)], "the value");
    Ok(())
}

async fn a_store_that_cannot_be_written_stops_no_reader(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, express().max_age(MINUTE)).await?;
    site.fail(&[Verb::Write, Verb::Destroy]).await?;
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(1)], "the value");
    Ok(())
}

async fn a_store_that_cannot_destroy_tells_the_handler(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, express()).await?;
    site.fail(&[Verb::Destroy]).await?;
    let page = browser.visit("/play", [Step::Destroy]).await?;
    match it.on_purpose(Difference::FailedSave) {
        Side::Ours => is_unavailable(&page)?,
        Side::Express => ensure_eq!(page.status, 500, "the status"),
    }
    site.fail(&[]).await?;
    ensure_eq!(
        browser.play([get("n")]).await?.seen,
        [json!(1)],
        "the value, since the session has not ended"
    );
    Ok(())
}

async fn a_save_by_hand_that_fails_tells_the_handler(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, express()).await?;
    site.fail(&[Verb::Write]).await?;
    let page = browser.visit("/play", [insert("n", 2), Step::Save]).await?;
    ensure!(matches!(page.status, 500 | 503), "the status is {}", page.status);
    site.fail(&[]).await?;
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(1)], "the value");
    Ok(())
}

async fn a_save_by_hand_that_failed_may_be_repeated(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, express()).await?;
    site.fail(&[Verb::Write]).await?;
    let gate = site.gate("outage");
    let slow = browser.start("/play", [insert("n", 2), attempt(Step::Save), gate.pause(), Step::Save]);
    gate.arrived(1).await?;
    site.fail(&[]).await?;
    gate.open(1).await?;
    ensure_eq!(slow.seen().await?[1], json!({ "error": "store" }), "what the first save was told");
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(2)], "the value");
    Ok(())
}

async fn a_store_that_is_back_serves_as_before(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, express()).await?;
    for n in 2..=4 {
        site.fail(&[Verb::Read, Verb::Write]).await?;
        browser.visit("/play", [insert("n", 0)]).await?;
        site.fail(&[]).await?;
        browser.play([insert("n", n)]).await?;
        ensure_eq!(browser.play([get("n")]).await?.seen, [json!(n)], "the value");
    }
    Ok(())
}

async fn a_failed_save_has_the_status_503_whatever_the_handler_said(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, safe()).await?;
    site.fail(&[Verb::Write]).await?;
    for code in [201, 204, 304, 404, 500] {
        is_unavailable(&browser.visit("/play", [insert("n", 2), status(code)]).await?)?;
    }
    is_unavailable(&browser.visit("/fail", [insert("n", 2), status(418)]).await?)
}

async fn an_error_of_the_store_says_nothing_of_the_inside(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, safe()).await?;
    for verb in [Verb::Read, Verb::Write] {
        site.fail(&[verb]).await?;
        let page = browser.visit("/play", [insert("secret", "value-of-the-session")]).await?;
        let text = page.text();
        for word in ["switched", "store", "session", "value-of-the-session", "panic", "rs:"] {
            ensure!(!text.to_lowercase().contains(word), "the body says `{word}`: {text}");
        }
    }
    Ok(())
}

async fn an_error_of_the_store_is_not_kept_by_caches(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, safe()).await?;
    for verb in [Verb::Read, Verb::Write] {
        site.fail(&[verb]).await?;
        let page = browser.visit("/play", [insert("n", 2)]).await?;
        ensure!(page.lists("cache-control", "no-store"), "Cache-Control does not say no-store");
    }
    Ok(())
}

async fn a_store_that_does_not_answer_fails_the_request_in_time(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, safe().deadline(SECOND / 2)).await?;
    site.hold(Verb::Read).await?;
    let page = browser.visit("/play", [get("n")]).await?;
    is_unavailable(&page)?;
    site.release().await?;
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(1)], "the value once it answers");
    site.hold(Verb::Write).await?;
    is_unavailable(&browser.visit("/play", [insert("n", 2)]).await?)?;
    site.release().await
}

async fn a_route_that_names_no_session_does_not_notice_an_outage(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, safe()).await?;
    site.fail(&[Verb::Read, Verb::Write, Verb::Touch, Verb::Destroy]).await?;
    let page = browser.visit("/idle", [status(201)]).await?.expect(201)?;
    ensure!(page.set_cookies().is_empty(), "a cookie is set");
    Ok(())
}

async fn an_optional_session_fails_if_the_store_does(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, safe()).await?;
    site.fail(&[Verb::Read]).await?;
    is_unavailable(&browser.visit("/maybe", [Step::HasSession]).await?)
}

async fn a_route_may_show_its_page_as_to_a_stranger_during_an_outage(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, safe().rolling()).await?;
    let before = browser.session_cookie();
    site.fail(&[Verb::Read, Verb::Write, Verb::Touch, Verb::Destroy]).await?;
    let page = browser.visit("/or-anonymous", [get("n"), Step::Owner]).await?.expect(200)?;
    ensure_eq!(page.seen, [Value::Null, Value::Null], "what a stranger sees");
    ensure!(page.set_cookies().is_empty(), "a cookie is set");
    is_unavailable(&browser.visit("/play", [get("n")]).await?)?;
    for step in [insert("n", 2), Step::Login("ann".to_owned()), Step::Destroy, Step::Renew] {
        is_unavailable(&browser.visit("/or-anonymous", [step]).await?)?;
    }
    ensure_eq!(browser.session_cookie(), before, "the cookie");
    site.fail(&[]).await?;
    let page = browser.visit("/or-anonymous", [get("n")]).await?;
    ensure_eq!(page.seen, [json!(1)], "the value once the store is back");
    Ok(())
}

async fn a_route_may_fail_during_an_outage_where_the_layer_shows_its_pages(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, safe().anonymous_in_an_outage()).await?;
    site.fail(&[Verb::Read]).await?;
    is_unavailable(&browser.visit("/or-unavailable", [get("n")]).await?)?;
    site.fail(&[]).await?;
    ensure_eq!(browser.visit("/or-unavailable", [get("n")]).await?.seen, [json!(1)], "the value");
    Ok(())
}

async fn a_failed_renewal_leaves_the_old_session(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, safe()).await?;
    for step in [Step::Renew, Step::Regenerate, Step::Login("ann".to_owned())] {
        site.fail(&[Verb::Write]).await?;
        is_unavailable(&browser.visit("/play", [step]).await?)?;
        site.fail(&[]).await?;
        ensure_eq!(
            browser.play([get("n"), Step::Owner]).await?.seen,
            [json!(1), Value::Null],
            "what is left"
        );
        ensure_eq!(site.records().await?.len(), 1, "records");
    }
    Ok(())
}

async fn a_site_may_be_shown_as_to_a_stranger_in_an_outage(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, safe().rolling().anonymous_in_an_outage()).await?;
    let before = browser.session_cookie();
    site.fail(&[Verb::Read, Verb::Write, Verb::Touch, Verb::Destroy]).await?;
    let page = browser.visit("/play", [get("n"), Step::Owner]).await?.expect(200)?;
    ensure_eq!(page.seen, [Value::Null, Value::Null], "what a stranger sees");
    ensure!(page.set_cookies().is_empty(), "a cookie is set");
    browser.visit("/idle", [status(201)]).await?.expect(201)?;
    site.fail(&[]).await?;
    ensure_eq!(browser.session_cookie(), before, "the cookie");
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(1)], "the value");
    Ok(())
}

async fn a_site_that_is_shown_as_to_a_stranger_is_kept_by_no_cache(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, safe().anonymous_in_an_outage()).await?;
    site.fail(&[Verb::Read]).await?;
    let page = browser.visit("/play", [get("n")]).await?.expect(200)?;
    ensure!(page.lists("cache-control", "no-store"), "Cache-Control does not say no-store");
    ensure!(page.lists("vary", "cookie"), "Vary does not name Cookie");
    Ok(())
}

async fn a_change_in_an_outage_fails_though_the_site_is_shown(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, safe().anonymous_in_an_outage()).await?;
    site.fail(&[Verb::Read]).await?;
    for step in [insert("n", 2), Step::Renew, Step::Regenerate, Step::Destroy, Step::Login("ann".to_owned())]
    {
        is_unavailable(&browser.visit("/play", [step]).await?)?;
    }
    site.fail(&[]).await?;
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(1)], "the value");
    Ok(())
}

async fn a_store_that_takes_no_writes_stops_no_reader(it: Subject) -> Outcome {
    for options in [safe(), safe().rolling(), safe().resave(), express(), express().resave().rolling()] {
        let (site, browser) = begun(&it, options.max_age(MINUTE).save_uninitialized()).await?;
        site.wait(MINUTE / 2).await?;
        site.read_only(true).await?;
        for _ in 0..2 {
            let page = browser.visit("/play", [get("n")]).await?.expect(200)?;
            ensure_eq!(page.seen, [json!(1)], "the value");
        }
        browser.visit("/idle", [status(201)]).await?.expect(201)?;
        let page = site.browser().visit("/play", [get("n")]).await?.expect(200)?;
        ensure!(page.set_cookies().is_empty(), "a cookie for a session that is not stored");
    }
    Ok(())
}

async fn a_store_that_takes_no_writes_fails_a_change(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, safe()).await?;
    site.read_only(true).await?;
    for step in [insert("n", 2), Step::Renew, Step::Destroy, Step::Login("ann".to_owned())] {
        is_unavailable(&browser.visit("/play", [step]).await?)?;
    }
    is_unavailable(&site.browser().visit("/play", [insert("n", 2)]).await?)?;
    site.read_only(false).await?;
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(1)], "what is left");
    browser.visit("/play", [insert("n", 3)]).await?.expect(200)?;
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(3)], "what is written later");
    Ok(())
}

async fn a_guard_lets_nobody_pass_in_an_outage_and_sends_nobody_to_log_in(it: Subject) -> Outcome {
    let options = safe().login_page("/log-in").anonymous_in_an_outage();
    let (site, browser) = it.begun(options, [Step::Login("ann".to_owned())]).await?;
    site.fail(&[Verb::Read]).await?;
    is_unavailable(&browser.visit("/signed-in", [Step::Owner]).await?)?;
    site.fail(&[]).await?;
    browser.visit("/signed-in", [Step::Owner]).await?.expect(200).map(drop)
}
