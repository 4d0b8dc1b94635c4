//! How long sessions live, and what their cookies say of it.

use std::time::Duration;

use serde_json::{Value, json};
use time::macros::datetime;

use super::{DAY, HOUR, MINUTE, SECOND, promises};
use crate::adapter::client::{Browser, Page, Request};
use crate::adapter::difference::{Difference, Side};
use crate::adapter::options::{Options, express, millis, safe};
use crate::adapter::subject::{BEGIN, Server, Subject};
use crate::failure::{Failure, Outcome};
use crate::script::step::Step;
use crate::script::step::steps::{count, get, insert, max_age};

promises! {
    both a_cookie_without_a_life_ends_with_the_browser;
    both a_cookie_with_a_life_names_its_end;
    both a_cookie_of_a_life_in_part_seconds_names_the_second_before;
    both a_life_beyond_a_year_is_kept;
    both a_policy_that_names_a_date_gives_it_to_the_cookie;
    both a_browser_that_is_closed_forgets_its_session;
    both a_browser_that_is_closed_keeps_a_session_with_a_life;
    both a_session_ends_when_its_life_does_though_the_cookie_is_sent;
    both a_session_is_there_until_its_life_ends;
    both an_ended_session_is_followed_by_one_with_another_id;
    both reading_extends_the_record;
    both reading_does_not_move_the_cookie_without_rolling;
    both reading_moves_the_cookie_with_rolling;
    both rolling_sets_the_cookie_on_each_response;
    both rolling_sets_the_cookie_though_the_record_ends_later;
    ours rolling_sets_the_cookie_though_the_store_is_not_touched;
    both a_route_that_names_no_session_extends_the_record;
    both writing_moves_the_record_and_the_cookie;
    both a_session_without_a_life_is_there_after_half_a_day;
    both a_session_without_a_life_after_two_days differs BrowserSessionEnds;
    both a_new_session_may_have_a_longer_life_than_the_policy_gives;
    both a_new_session_may_have_a_shorter_life_than_the_policy_gives;
    both a_new_session_may_end_with_the_browser_though_the_policy_gives_a_life;
    both a_new_session_may_have_a_life_though_the_policy_gives_none;
    both a_new_session_may_end_at_a_date_of_its_own;
    both a_life_of_its_own_is_remembered;
    both a_life_of_its_own_is_remembered_with_rolling;
    both a_life_of_its_own_may_be_taken_back;
    both a_life_of_nothing_ends_a_session_at_once;
    both the_cookie_shows_the_life_that_is_left;
    both a_shortened_life_ends_the_session_sooner;
    both regenerating_forgets_a_life_of_its_own;
    both a_save_in_the_middle_extends_the_life_first differs SaveExtends;
    both the_date_of_a_policy_moves_on_with_each_write;
}

/// The `Expires` of the session's cookie.
fn expires(site: &Server, page: &Page) -> Outcome<Option<String>> {
    let cookie = page.cookie(site.cookie_name())?.ok_or_else(|| Failure::new("no cookie is set"))?;
    Ok(cookie.attribute("expires").map(str::to_owned))
}

/// A session with `n` = 1, made at the beginning.
async fn begun(it: &Subject, options: Options) -> Outcome<(Server, Browser)> {
    it.begun(options, [insert("n", 1)]).await
}

/// What `n` is for whoever sends this cookie, whatever its browser would do.
async fn n_of(site: &Server, value: &str) -> Outcome<Value> {
    Ok(site.with_cookie(site.cookie_of(value), [get("n")]).await?.seen.remove(0))
}

fn value(browser: &Browser) -> Outcome<String> {
    browser.session_cookie().ok_or_else(|| Failure::new("the browser has no session cookie"))
}

async fn a_cookie_without_a_life_ends_with_the_browser(it: Subject) -> Outcome {
    let (site, browser) = it.browser(express()).await?;
    let page = browser.play([insert("n", 1)]).await?;
    ensure_eq!(expires(&site, &page)?, None, "the cookie's date");
    Ok(())
}

async fn a_cookie_with_a_life_names_its_end(it: Subject) -> Outcome {
    let (site, browser) = it.browser(express().max_age(MINUTE)).await?;
    site.wait(SECOND).await?;
    let page = browser.play([insert("n", 1)]).await?;
    ensure_eq!(expires(&site, &page)?.as_deref(), Some("Tue, 01 Jan 2030 00:01:01 GMT"), "the cookie's date");
    ensure_eq!(site.record().await?.expires, Some(BEGIN + SECOND + MINUTE), "the record's end");
    Ok(())
}

async fn a_cookie_of_a_life_in_part_seconds_names_the_second_before(it: Subject) -> Outcome {
    let (site, browser) = it.browser(express().max_age(Duration::from_millis(1999))).await?;
    let page = browser.play([insert("n", 1)]).await?;
    ensure_eq!(expires(&site, &page)?.as_deref(), Some("Tue, 01 Jan 2030 00:00:01 GMT"), "the cookie's date");
    Ok(())
}

async fn a_life_beyond_a_year_is_kept(it: Subject) -> Outcome {
    let (site, browser) = it.browser(express().max_age(DAY * 365)).await?;
    let page = browser.play([insert("n", 1)]).await?;
    ensure_eq!(expires(&site, &page)?.as_deref(), Some("Wed, 01 Jan 2031 00:00:00 GMT"), "the cookie's date");
    site.wait(DAY * 364).await?;
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(1)], "the value after 364 days");
    Ok(())
}

async fn a_policy_that_names_a_date_gives_it_to_the_cookie(it: Subject) -> Outcome {
    let (site, browser) = it.browser(express().expires(datetime!(2030-06-15 12:30:45 UTC))).await?;
    let page = browser.play([insert("n", 1)]).await?;
    ensure_eq!(expires(&site, &page)?.as_deref(), Some("Sat, 15 Jun 2030 12:30:45 GMT"), "the cookie's date");
    ensure_eq!(site.record().await?.expires, Some(datetime!(2030-06-15 12:30:45 UTC)), "the record's end");
    Ok(())
}

async fn a_browser_that_is_closed_forgets_its_session(it: Subject) -> Outcome {
    let (_site, browser) = begun(&it, express()).await?;
    browser.jar().close();
    ensure_eq!(browser.play([get("n")]).await?.seen, [Value::Null], "the value");
    Ok(())
}

async fn a_browser_that_is_closed_keeps_a_session_with_a_life(it: Subject) -> Outcome {
    let (_site, browser) = begun(&it, express().max_age(DAY)).await?;
    browser.jar().close();
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(1)], "the value");
    Ok(())
}

async fn a_session_ends_when_its_life_does_though_the_cookie_is_sent(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, express().max_age(MINUTE)).await?;
    let cookie = value(&browser)?;
    site.wait(MINUTE).await?;
    ensure_eq!(n_of(&site, &cookie).await?, Value::Null, "the value");
    ensure_eq!(browser.jar().header(&origin(), site.now()), None, "what the browser sends");
    Ok(())
}

fn origin() -> crate::adapter::client::jar::Origin<'static> {
    crate::adapter::client::jar::Origin { host: crate::adapter::client::HOST, path: "/", secure: false }
}

async fn a_session_is_there_until_its_life_ends(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, express().max_age(MINUTE)).await?;
    site.wait(MINUTE - Duration::from_millis(1)).await?;
    ensure_eq!(n_of(&site, &value(&browser)?).await?, json!(1), "the value");
    Ok(())
}

async fn an_ended_session_is_followed_by_one_with_another_id(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, express().max_age(MINUTE)).await?;
    let cookie = value(&browser)?;
    let old = site.record().await?.key;
    site.wait(MINUTE * 2).await?;
    let request = Request::get("/play").cookie(site.cookie_of(&cookie)).steps([insert("n", 2)]);
    let page = browser.send(request).await?.expect(200)?;
    ensure!(page.cookie(site.cookie_name())?.is_some(), "the new session has no cookie");
    ensure!(site.record().await?.key != old, "the new session has the id of the one that ended");
    Ok(())
}

async fn reading_extends_the_record(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, express().max_age(MINUTE)).await?;
    let cookie = value(&browser)?;
    for _ in 0..4 {
        site.wait(SECOND * 40).await?;
        ensure_eq!(n_of(&site, &cookie).await?, json!(1), "the value");
    }
    ensure_eq!(site.record().await?.expires, Some(site.now() + MINUTE), "the record's end");
    Ok(())
}

async fn reading_does_not_move_the_cookie_without_rolling(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, express().max_age(MINUTE)).await?;
    site.wait(SECOND * 40).await?;
    browser.play([get("n")]).await?;
    ensure_eq!(browser.jar().expires(site.cookie_name()), Some(BEGIN + MINUTE), "the cookie's end");
    site.wait(SECOND * 40).await?;
    ensure_eq!(browser.play([get("n")]).await?.seen, [Value::Null], "the value once the cookie is gone");
    Ok(())
}

async fn reading_moves_the_cookie_with_rolling(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, express().max_age(MINUTE).rolling()).await?;
    for _ in 0..4 {
        site.wait(SECOND * 40).await?;
        let page = browser.play([get("n")]).await?;
        ensure_eq!(page.seen, [json!(1)], "the value");
        ensure_eq!(browser.jar().expires(site.cookie_name()), Some(site.now() + MINUTE), "the cookie's end");
    }
    ensure_eq!(site.record().await?.expires, Some(site.now() + MINUTE), "the record's end");
    Ok(())
}

async fn rolling_sets_the_cookie_on_each_response(it: Subject) -> Outcome {
    for options in [express().rolling(), express().rolling().max_age(MINUTE), express().rolling().resave()] {
        let (site, browser) = begun(&it, options).await?;
        for path in ["/play", "/idle", "/play", "/idle"] {
            // No time passes in between: nothing is due in the store.
            let page = browser.visit(path, []).await?.expect(200)?;
            ensure!(page.cookie(site.cookie_name())?.is_some(), "no cookie is set on {path}");
        }
        let read = browser.play([get("n")]).await?;
        ensure!(read.cookie(site.cookie_name())?.is_some(), "no cookie is set for a session that is read");
    }
    Ok(())
}

/// The cookie's end is the one that the policy gives from now on.
async fn rolling_sets_the_cookie_though_the_record_ends_later(it: Subject) -> Outcome {
    let options = express().rolling().max_age(MINUTE).ids(&["id-of-a-session-that-ends-later"]);
    let (site, browser) = begun(&it, options).await?;
    // It lives for ten minutes in the store.
    let payload = r#"{"cookie":{"originalMaxAge":60000,"expires":"2030-01-01T00:10:00.000Z","httpOnly":true,"path":"/"},"n":1}"#;
    site.plant("id-of-a-session-that-ends-later", payload).await?;
    for path in ["/play", "/idle"] {
        let page = browser.visit(path, []).await?.expect(200)?;
        ensure_eq!(
            expires(&site, &page)?.as_deref(),
            Some("Tue, 01 Jan 2030 00:01:00 GMT"),
            "the cookie's date on {path}"
        );
    }
    // The same with a clock that was set back.
    site.set_back(SECOND * 30).await?;
    let page = browser.play([get("n")]).await?;
    ensure_eq!(page.seen, [json!(1)], "the value");
    ensure_eq!(
        expires(&site, &page)?.as_deref(),
        Some("Tue, 01 Jan 2030 00:00:30 GMT"),
        "the cookie's date after the clock was set back"
    );
    Ok(())
}

async fn rolling_sets_the_cookie_though_the_store_is_not_touched(it: Subject) -> Outcome {
    let options = safe().rolling().with(|policy| policy.max_age(HOUR).touch_after(MINUTE * 10));
    let (site, browser) = begun(&it, options).await?;
    site.wait(MINUTE).await?;
    site.calls().await?;
    let page = browser.play([get("n")]).await?;
    ensure!(page.cookie(site.cookie_name())?.is_some(), "no cookie is set");
    ensure_eq!(
        browser.jar().expires(site.cookie_name()),
        Some(BEGIN + HOUR),
        "the cookie's end, the record's"
    );
    ensure_eq!(site.record().await?.expires, Some(BEGIN + HOUR), "the record's end");
    ensure_eq!(site.calls().await?.touch, 0, "touches");
    Ok(())
}

async fn a_route_that_names_no_session_extends_the_record(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, express().max_age(MINUTE)).await?;
    site.wait(SECOND * 40).await?;
    browser.visit("/idle", []).await?.expect(200)?;
    ensure_eq!(site.record().await?.expires, Some(site.now() + MINUTE), "the record's end");
    Ok(())
}

async fn writing_moves_the_record_and_the_cookie(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, express().max_age(MINUTE)).await?;
    site.wait(SECOND * 40).await?;
    browser.play([count("n")]).await?;
    ensure_eq!(browser.jar().expires(site.cookie_name()), Some(site.now() + MINUTE), "the cookie's end");
    ensure_eq!(site.record().await?.expires, Some(site.now() + MINUTE), "the record's end");
    Ok(())
}

async fn a_session_without_a_life_is_there_after_half_a_day(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, express()).await?;
    site.wait(HOUR * 12).await?;
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(1)], "the value");
    Ok(())
}

async fn a_session_without_a_life_after_two_days(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, express()).await?;
    site.wait(DAY * 2).await?;
    let left = match it.on_purpose(Difference::BrowserSessionEnds) {
        Side::Ours => Value::Null,
        Side::Express => json!(1),
    };
    ensure_eq!(browser.play([get("n")]).await?.seen, [left], "the value");
    Ok(())
}

async fn a_new_session_may_have_a_longer_life_than_the_policy_gives(it: Subject) -> Outcome {
    let (site, browser) = it.begun(express().max_age(MINUTE), [max_age(HOUR), insert("n", 1)]).await?;
    ensure_eq!(browser.jar().expires(site.cookie_name()), Some(BEGIN + HOUR), "the cookie's end");
    site.wait(MINUTE * 59).await?;
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(1)], "the value after 59 minutes");
    Ok(())
}

async fn a_new_session_may_have_a_shorter_life_than_the_policy_gives(it: Subject) -> Outcome {
    let (site, browser) = it.begun(express().max_age(HOUR), [max_age(MINUTE), insert("n", 1)]).await?;
    ensure_eq!(browser.jar().expires(site.cookie_name()), Some(BEGIN + MINUTE), "the cookie's end");
    let cookie = value(&browser)?;
    site.wait(MINUTE).await?;
    ensure_eq!(n_of(&site, &cookie).await?, Value::Null, "the value after a minute");
    Ok(())
}

async fn a_new_session_may_end_with_the_browser_though_the_policy_gives_a_life(it: Subject) -> Outcome {
    let (site, browser) = it.browser(express().max_age(MINUTE)).await?;
    let page = browser.play([Step::MaxAge(None), insert("n", 1)]).await?;
    ensure_eq!(expires(&site, &page)?, None, "the cookie's date");
    site.wait(HOUR).await?;
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(1)], "the value after an hour");
    Ok(())
}

async fn a_new_session_may_have_a_life_though_the_policy_gives_none(it: Subject) -> Outcome {
    let (site, browser) = it.begun(express(), [max_age(DAY * 30), insert("n", 1)]).await?;
    ensure_eq!(browser.jar().expires(site.cookie_name()), Some(BEGIN + DAY * 30), "the cookie's end");
    browser.jar().close();
    site.wait(DAY * 29).await?;
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(1)], "the value after 29 days");
    Ok(())
}

async fn a_new_session_may_end_at_a_date_of_its_own(it: Subject) -> Outcome {
    let (site, browser) = it.browser(express()).await?;
    let date = Step::Expires(millis(BEGIN + HOUR), 3_600_000);
    browser.play([date, insert("n", 1)]).await?;
    ensure_eq!(browser.jar().expires(site.cookie_name()), Some(BEGIN + HOUR), "the cookie's end");
    ensure_eq!(site.record().await?.expires, Some(BEGIN + HOUR), "the record's end");
    Ok(())
}

async fn a_life_of_its_own_is_remembered(it: Subject) -> Outcome {
    let (site, browser) = it.begun(express().max_age(MINUTE), [max_age(HOUR), insert("n", 1)]).await?;
    site.wait(MINUTE * 30).await?;
    browser.play([count("n")]).await?;
    ensure_eq!(browser.jar().expires(site.cookie_name()), Some(site.now() + HOUR), "the cookie's end");
    ensure_eq!(site.record().await?.expires, Some(site.now() + HOUR), "the record's end");
    Ok(())
}

async fn a_life_of_its_own_is_remembered_with_rolling(it: Subject) -> Outcome {
    let (site, browser) =
        it.begun(express().max_age(MINUTE).rolling(), [max_age(HOUR), insert("n", 1)]).await?;
    for _ in 0..3 {
        site.wait(MINUTE * 50).await?;
        ensure_eq!(browser.play([get("n")]).await?.seen, [json!(1)], "the value");
    }
    ensure_eq!(browser.jar().expires(site.cookie_name()), Some(site.now() + HOUR), "the cookie's end");
    Ok(())
}

async fn a_life_of_its_own_may_be_taken_back(it: Subject) -> Outcome {
    let (site, browser) = it.begun(express().max_age(HOUR), [max_age(DAY), insert("n", 1)]).await?;
    browser.play([max_age(HOUR), insert("n", 2)]).await?;
    ensure_eq!(browser.jar().expires(site.cookie_name()), Some(BEGIN + HOUR), "the cookie's end");
    ensure_eq!(site.record().await?.expires, Some(BEGIN + HOUR), "the record's end");
    Ok(())
}

async fn a_life_of_nothing_ends_a_session_at_once(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, express().max_age(HOUR)).await?;
    let cookie = value(&browser)?;
    browser.play([max_age(Duration::ZERO), insert("n", 2)]).await?;
    ensure_eq!(browser.session_cookie(), None, "the browser's cookie");
    ensure_eq!(n_of(&site, &cookie).await?, Value::Null, "the value");
    Ok(())
}

async fn the_cookie_shows_the_life_that_is_left(it: Subject) -> Outcome {
    let (_site, browser) = it.browser(express().max_age(MINUTE)).await?;
    let page =
        browser.play([Step::Cookie, max_age(HOUR), Step::Cookie, Step::MaxAge(None), Step::Cookie]).await?;
    let lives: Vec<_> = page.seen.iter().step_by(2).map(|cookie| cookie["max_age"].clone()).collect();
    ensure_eq!(lives, [json!(60_000), json!(3_600_000), Value::Null], "the lives");
    Ok(())
}

async fn a_shortened_life_ends_the_session_sooner(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, express().max_age(DAY)).await?;
    browser.play([max_age(MINUTE), insert("n", 2)]).await?;
    let cookie = value(&browser)?;
    site.wait(SECOND * 59).await?;
    ensure_eq!(n_of(&site, &cookie).await?, json!(2), "the value within the minute");
    site.wait(MINUTE).await?;
    ensure_eq!(n_of(&site, &cookie).await?, Value::Null, "the value a minute later");
    Ok(())
}

async fn regenerating_forgets_a_life_of_its_own(it: Subject) -> Outcome {
    let (site, browser) = it.begun(express().max_age(MINUTE), [max_age(DAY), insert("n", 1)]).await?;
    browser.play([Step::Regenerate, insert("n", 2)]).await?;
    ensure_eq!(browser.jar().expires(site.cookie_name()), Some(BEGIN + MINUTE), "the cookie's end");
    ensure_eq!(site.record().await?.expires, Some(BEGIN + MINUTE), "the record's end");
    Ok(())
}

/// express-session's `save` stores the end as it was loaded; its own touch at the end of the request comes to the rescue
/// where the record is still there by then.
async fn a_save_in_the_middle_extends_the_life_first(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, express().max_age(MINUTE)).await?;
    site.wait(SECOND * 40).await?;
    let gate = site.gate("saved");
    let slow = browser.start("/play", [insert("n", 2), Step::Save, gate.pause()]);
    gate.arrived(1).await?;
    let end = site.record().await?.expires;
    gate.open(1).await?;
    slow.seen().await?;
    match it.on_purpose(Difference::SaveExtends) {
        Side::Ours => ensure_eq!(end, Some(site.now() + MINUTE), "the record's end after the save"),
        Side::Express => ensure_eq!(end, Some(BEGIN + MINUTE), "the record's end after the save"),
    }
    ensure_eq!(site.record().await?.expires, Some(site.now() + MINUTE), "the record's end after the request");
    Ok(())
}

async fn the_date_of_a_policy_moves_on_with_each_write(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, express().expires(BEGIN + HOUR)).await?;
    site.wait(MINUTE * 10).await?;
    browser.play([count("n")]).await?;
    ensure_eq!(browser.jar().expires(site.cookie_name()), Some(site.now() + HOUR), "the cookie's end");
    Ok(())
}
