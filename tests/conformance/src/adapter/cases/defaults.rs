//! What holds if nobody chooses anything: the default policy.

use serde_json::{Value, json};
use session_core::policy::{Lifetime, Rolling};

use super::{DAY, HOUR, MINUTE, SECOND, promises};
use crate::adapter::client::page::SetCookie;
use crate::adapter::client::{Browser, Request};
use crate::adapter::options::{Options, Proxy, safe};
use crate::adapter::probe::Calls;
use crate::adapter::subject::{Server, Subject};
use crate::failure::{Failure, Outcome};
use crate::script::step::Step;
use crate::script::step::steps::{fill, get, insert, max_age};

promises! {
    ours the_default_cookie_is_strict_and_tells_nothing;
    ours the_default_cookie_is_bound_to_its_host_once_it_is_secure;
    ours the_default_record_is_kept_under_a_hash_of_the_id;
    ours a_key_from_the_store_is_no_cookie;
    ours a_cookie_is_worth_nothing_under_another_name;
    ours a_session_that_was_used_a_moment_ago_is_not_extended;
    ours a_session_that_is_due_is_extended_with_its_read;
    ours a_session_in_use_outlives_its_first_life;
    ours a_session_that_is_not_used_ends_after_a_day;
    ours a_request_costs_as_few_questions_as_can_be;
    ours a_hundred_strangers_leave_nothing_in_the_store;
    ours an_absolute_end_comes_however_active_a_session_is;
    ours an_absolute_end_is_not_moved_by_a_renewal;
    ours a_session_that_never_rolls_ends_when_it_said;
    ours a_session_may_be_peeked_at_without_extending_it needs Peek;
    ours a_session_that_was_peeked_at_may_be_written needs Peek;
    ours a_session_that_is_too_large_is_refused;
    ours a_cookie_that_browsers_would_drop_is_not_sent;
    ours a_cookies_life_is_cut_to_what_browsers_grant;
    ours a_removed_cookie_is_gone_from_the_browser_whatever_its_attributes;
    ours a_clock_that_goes_back_revives_nothing;
    ours a_clock_that_leaps_ahead_ends_every_session;
    ours a_retired_secret_is_replaced_when_it_is_met;
}

async fn begun(it: &Subject, options: Options) -> Outcome<(Server, Browser)> {
    it.begun(options, [insert("n", 1)]).await
}

fn cookie(site: &Server, browser: &Browser) -> String {
    site.cookie_of(&browser.session_cookie().unwrap_or_default())
}

async fn the_default_cookie_is_strict_and_tells_nothing(it: Subject) -> Outcome {
    let (_site, browser) = it.browser(safe()).await?;
    let page = browser.play([insert("n", 1)]).await?;
    let set = page.set_cookies().first().and_then(|line| SetCookie::parse(line));
    let set = set.ok_or_else(|| Failure::new("no cookie is set"))?;
    ensure_eq!(set.name, "sid", "the name");
    let expected = "Path=/; Expires=Wed, 02 Jan 2030 00:00:00 GMT; Max-Age=86400; HttpOnly; SameSite=Lax";
    ensure_eq!(set.attributes, expected, "the attributes");
    Ok(())
}

async fn the_default_cookie_is_bound_to_its_host_once_it_is_secure(it: Subject) -> Outcome {
    let (site, browser) = it.browser(safe().secure("always").proxy(Proxy::Everybody)).await?;
    let page = browser.send(Request::get("/play").https().steps([insert("n", 1)])).await?.expect(200)?;
    ensure_eq!(site.cookie_name(), "__Host-sid", "the name");
    let cookie = page.cookie("__Host-sid")?.ok_or_else(|| Failure::new("no cookie is set"))?;
    ensure!(cookie.attribute("secure").is_some(), "it is not Secure");
    ensure_eq!((cookie.attribute("path"), cookie.attribute("domain")), (Some("/"), None), "path and domain");
    let page = browser.send(Request::get("/play").https().steps([get("n")])).await?;
    ensure_eq!(page.seen, [json!(1)], "the value on the next request");
    Ok(())
}

async fn the_default_record_is_kept_under_a_hash_of_the_id(it: Subject) -> Outcome {
    let (site, browser) = it.browser(safe()).await?;
    let seen = browser.play([insert("n", 1), Step::Id]).await?.seen;
    let id = seen[1].as_str().unwrap_or_default().to_owned();
    let record = site.record().await?;
    ensure!(id.len() >= 32 && record.key.len() >= 32, "the id or the key is short");
    ensure!(!record.key.contains(&id) && !record.text.contains(&id), "the store holds the id");
    Ok(())
}

async fn a_key_from_the_store_is_no_cookie(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, safe()).await?;
    let key = site.record().await?.key;
    let value = browser.session_cookie().unwrap_or_default();
    let signature = value.rsplit('.').next().unwrap_or_default();
    for forged in [key.clone(), format!("s%3A{key}"), format!("s%3A{key}.{signature}")] {
        let page = site.with_cookie(site.cookie_of(&forged), [get("n")]).await?;
        ensure_eq!(page.seen, [Value::Null], "the value");
    }
    Ok(())
}

async fn a_cookie_is_worth_nothing_under_another_name(it: Subject) -> Outcome {
    const ID: &str = "id-that-two-applications-have-given";
    let (_site, browser) = begun(&it, safe().ids(&[ID]).name("shop")).await?;
    let stolen = browser.session_cookie().unwrap_or_default();
    let (site, browser) = begun(&it, safe().ids(&[ID]).name("bank")).await?;
    ensure_eq!(site.with_cookie(site.cookie_of(&stolen), [get("n")]).await?.seen, [Value::Null], "the value");
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(1)], "the value of the right cookie");
    Ok(())
}

async fn a_session_that_was_used_a_moment_ago_is_not_extended(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, safe()).await?;
    let end = site.record().await?.expires;
    site.wait(HOUR).await?;
    site.calls().await?;
    let page = browser.play([get("n")]).await?;
    ensure_eq!(site.calls().await?, Calls { read: 1, ..Calls::default() }, "what the store is asked");
    ensure_eq!(site.record().await?.expires, end, "the record's end");
    ensure!(page.set_cookies().is_empty(), "a cookie is set");
    Ok(())
}

async fn a_session_that_is_due_is_extended_with_its_read(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, safe()).await?;
    site.wait(HOUR * 3).await?;
    site.calls().await?;
    let page = browser.play([get("n")]).await?;
    ensure_eq!(site.calls().await?, Calls { read: 1, ..Calls::default() }, "what the store is asked");
    ensure_eq!(site.record().await?.expires, Some(site.now() + DAY), "the record's end");
    ensure!(page.cookie(site.cookie_name())?.is_some(), "no cookie is set");
    ensure_eq!(browser.jar().expires(site.cookie_name()), Some(site.now() + DAY), "the cookie's end");
    Ok(())
}

async fn a_session_in_use_outlives_its_first_life(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, safe()).await?;
    for _ in 0..5 {
        site.wait(HOUR * 20).await?;
        ensure_eq!(browser.play([get("n")]).await?.seen, [json!(1)], "the value");
    }
    Ok(())
}

async fn a_session_that_is_not_used_ends_after_a_day(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, safe()).await?;
    let cookie = cookie(&site, &browser);
    site.wait(DAY - SECOND).await?;
    browser.visit("/idle", []).await?.expect(200)?;
    site.wait(SECOND).await?;
    ensure_eq!(site.with_cookie(cookie, [get("n")]).await?.seen, [Value::Null], "the value");
    Ok(())
}

async fn a_request_costs_as_few_questions_as_can_be(it: Subject) -> Outcome {
    let (site, browser) = it.browser(safe()).await?;
    let calls = async |steps: Vec<Step>| {
        browser.play(steps).await?;
        let calls = site.calls().await?;
        Ok::<_, Failure>((calls.read, calls.write, calls.touch, calls.destroy))
    };
    ensure_eq!(calls(vec![get("n")]).await?, (0, 0, 0, 0), "to look without a cookie");
    ensure_eq!(calls(vec![insert("n", 1)]).await?, (0, 1, 0, 0), "to begin");
    ensure_eq!(calls(vec![get("n"), get("m")]).await?, (1, 0, 0, 0), "to read");
    ensure_eq!(calls(vec![insert("n", 2), insert("m", 2)]).await?, (1, 1, 0, 0), "to write");
    ensure_eq!(calls(vec![Step::Login("ann".to_owned())]).await?, (1, 1, 0, 1), "to log in");
    ensure_eq!(calls(vec![Step::Renew]).await?, (1, 1, 0, 1), "to renew");
    ensure_eq!(calls(vec![Step::Logout]).await?, (1, 0, 0, 1), "to log out");
    ensure_eq!(calls(vec![Step::Logout]).await?, (0, 0, 0, 0), "to log out once more");
    Ok(())
}

async fn a_hundred_strangers_leave_nothing_in_the_store(it: Subject) -> Outcome {
    let site = it.site(safe()).await?;
    for _ in 0..50 {
        site.browser().play([get("n"), Step::TakeFlash, Step::CsrfToken]).await?;
        site.browser().play([Step::Logout]).await?;
    }
    ensure_eq!(site.calls().await?, Calls::default(), "what the store is asked");
    ensure_eq!(site.records().await?.len(), 0, "records");
    Ok(())
}

fn absolute() -> Options {
    safe().max_age(HOUR).with(|policy| policy.absolute_timeout(HOUR * 3))
}

async fn an_absolute_end_comes_however_active_a_session_is(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, absolute()).await?;
    let cookie = cookie(&site, &browser);
    for n in 1..6 {
        site.wait(MINUTE * 30).await?;
        ensure_eq!(browser.play([get("n"), insert("m", n)]).await?.seen[0], json!(1), "the value");
    }
    site.wait(MINUTE * 30).await?;
    ensure_eq!(site.with_cookie(cookie, [get("n")]).await?.seen, [Value::Null], "the value at the end");
    Ok(())
}

async fn an_absolute_end_is_not_moved_by_a_renewal(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, absolute()).await?;
    for _ in 0..5 {
        site.wait(MINUTE * 30).await?;
        browser.play([Step::Renew]).await?;
    }
    let cookie = cookie(&site, &browser);
    site.wait(MINUTE * 30).await?;
    ensure_eq!(site.with_cookie(cookie, [get("n")]).await?.seen, [Value::Null], "the value at the end");
    Ok(())
}

async fn a_session_that_never_rolls_ends_when_it_said(it: Subject) -> Outcome {
    let (site, browser) =
        begun(&it, safe().max_age(HOUR).with(|policy| policy.rolling(Rolling::Never))).await?;
    let cookie = cookie(&site, &browser);
    site.wait(MINUTE * 59).await?;
    let page = browser.play([get("n")]).await?;
    ensure!(page.set_cookies().is_empty(), "a cookie is set");
    site.wait(MINUTE).await?;
    ensure_eq!(site.with_cookie(cookie, [get("n")]).await?.seen, [Value::Null], "the value");
    Ok(())
}

async fn a_session_may_be_peeked_at_without_extending_it(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, safe().max_age(HOUR)).await?;
    let cookie = cookie(&site, &browser);
    for _ in 0..5 {
        site.wait(MINUTE * 11).await?;
        let page = browser.visit("/peek", [get("n")]).await?.expect(200)?;
        ensure_eq!(page.seen, [json!(1)], "the value");
        ensure!(page.set_cookies().is_empty(), "a cookie is set");
    }
    site.wait(MINUTE * 5).await?;
    ensure_eq!(site.with_cookie(cookie, [get("n")]).await?.seen, [Value::Null], "the value after an hour");
    Ok(())
}

async fn a_session_that_was_peeked_at_may_be_written(it: Subject) -> Outcome {
    let (_site, browser) = begun(&it, safe()).await?;
    browser.visit("/peek", [insert("n", 2)]).await?.expect(200)?;
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(2)], "the value");
    Ok(())
}

async fn a_session_that_is_too_large_is_refused(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, safe().with(|policy| policy.max_payload(10_000))).await?;
    let page = browser.visit("/play", [fill("large", 20_000)]).await?.expect(500)?;
    ensure!(page.set_cookies().is_empty(), "a cookie is set");
    ensure_eq!(browser.play([Step::Keys]).await?.seen, [json!(["n"])], "the keys");
    browser.play([fill("small", 5_000)]).await?;
    ensure!(site.record().await?.text.len() > 5_000, "what is small enough is not stored");
    Ok(())
}

async fn a_cookie_that_browsers_would_drop_is_not_sent(it: Subject) -> Outcome {
    let name = "x".repeat(4090);
    let (site, browser) = it.browser(safe().name(&name)).await?;
    let page = browser.play([insert("n", 1)]).await?;
    ensure_eq!(page.cookie(site.cookie_name())?, None, "the cookie");
    Ok(())
}

async fn a_cookies_life_is_cut_to_what_browsers_grant(it: Subject) -> Outcome {
    let (site, browser) = it.browser(safe()).await?;
    let page = browser.play([max_age(DAY * 500), insert("n", 1)]).await?;
    let cookie = page.cookie(site.cookie_name())?.ok_or_else(|| Failure::new("no cookie is set"))?;
    ensure_eq!(cookie.attribute("max-age"), Some("34560000"), "the cookie's life in seconds");
    ensure_eq!(cookie.attribute("expires"), Some("Wed, 05 Feb 2031 00:00:00 GMT"), "the cookie's date");
    Ok(())
}

async fn a_removed_cookie_is_gone_from_the_browser_whatever_its_attributes(it: Subject) -> Outcome {
    let all = [
        safe(),
        safe().path("/play"),
        safe().domain("shop.example"),
        safe().secure("always"),
        safe().secure("always").same_site("none").partitioned(),
        safe().secure("always").domain("shop.example").path("/play").http_only(false),
        safe().with(|policy| policy.lifetime(Lifetime::BrowserSession)),
        safe().name("__Secure-a").secure("always").priority("low"),
    ];
    for options in all {
        let shown = format!("{options:?}");
        let (site, browser) = it.browser(options.proxy(Proxy::Everybody)).await?;
        let play = async |step| browser.send(Request::get("/play").https().steps([step])).await?.expect(200);
        play(insert("n", 1)).await?;
        ensure_eq!(browser.jar().count(site.cookie_name()), 1, "cookies with {shown}");
        play(Step::Logout).await?;
        ensure_eq!(browser.jar().count(site.cookie_name()), 0, "cookies after the logout with {shown}");
    }
    Ok(())
}

async fn a_clock_that_goes_back_revives_nothing(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, safe().max_age(HOUR)).await?;
    let cookie = cookie(&site, &browser);
    site.wait(HOUR).await?;
    ensure_eq!(site.with_cookie(&cookie, [insert("n", 2)]).await?.seen, [Value::Null], "what it answers");
    site.set_back(HOUR).await?;
    let seen = site.with_cookie(&cookie, [get("n")]).await?.seen;
    ensure!(seen == [json!(1)] || seen == [Value::Null], "another session is found");
    site.set_back(HOUR).await?;
    ensure_eq!(
        site.browser().play([insert("n", 3), get("n")]).await?.seen[1],
        json!(3),
        "a new session's value"
    );
    Ok(())
}

async fn a_clock_that_leaps_ahead_ends_every_session(it: Subject) -> Outcome {
    let (site, browser) = begun(&it, safe()).await?;
    let cookie = cookie(&site, &browser);
    site.wait(DAY * 365 * 100).await?;
    ensure_eq!(site.with_cookie(cookie, [get("n")]).await?.seen, [Value::Null], "the value");
    ensure_eq!(browser.play([insert("n", 3), get("n")]).await?.seen[1], json!(3), "a new session's value");
    Ok(())
}

async fn a_retired_secret_is_replaced_when_it_is_met(it: Subject) -> Outcome {
    use crate::adapter::options::SECRET;
    const OLD: &str = "the secret that was in use before this one, long enough";
    const ID: &str = "id-of-a-session-that-changes-secrets";
    let (_site, browser) = begun(&it, safe().ids(&[ID]).secrets(&[OLD])).await?;
    let old = browser.session_cookie().unwrap_or_default();
    let (site, browser) = begun(&it, safe().ids(&[ID]).secrets(&[SECRET, OLD])).await?;
    let new = browser.session_cookie().unwrap_or_default();
    ensure!(old != new, "both secrets sign alike");
    let page = site.with_cookie(site.cookie_of(&old), [get("n")]).await?;
    ensure_eq!(page.seen, [json!(1)], "the value");
    ensure_eq!(page.cookie(site.cookie_name())?.map(|cookie| cookie.value), Some(new), "the cookie");
    Ok(())
}
