//! What a handler can do with a session as a whole.

use serde_json::{Value, json};

use super::{MINUTE, SECOND, promises};
use crate::adapter::client::{Browser, Request};
use crate::adapter::difference::{Difference, Side};
use crate::adapter::options::{Options, express};
use crate::adapter::subject::{Server, Subject};
use crate::failure::Outcome;
use crate::script::step::steps::{attempt, count, get, insert, max_age, set_cookie};
use crate::script::step::{CookieChange, Step as S};

promises! {
    both regenerating_gives_a_new_id_and_no_data;
    both regenerating_ends_the_old_session;
    both what_is_put_in_after_regenerating_is_kept;
    both what_was_put_in_before_regenerating_is_not_kept;
    both regenerating_twice_leaves_one_session;
    both regenerating_forgets_the_cookies_own_attributes;
    both regenerating_works_without_a_session;
    both regenerating_works_after_a_save;
    both destroying_ends_the_session;
    both destroying_one_session_leaves_the_others;
    both a_cookie_of_a_destroyed_session_leads_nowhere;
    both whoever_comes_back_with_the_cookie_of_a_destroyed_session_gets_another_id;
    both using_a_session_after_destroying_it_fails_the_handler;
    both destroying_a_session_that_is_not_there_does_no_harm;
    both the_browser_forgets_a_destroyed_session differs CookieRemoved;
    both letting_go_of_a_session_keeps_it_for_the_next_request;
    both letting_go_of_a_session_may_end_it;
    both a_save_is_seen_by_others_before_the_request_ends;
    both a_save_may_be_repeated;
    both a_reload_brings_what_others_have_written;
    both a_reload_of_a_session_that_has_ended_says_so;
    both a_reload_that_fails_leaves_the_session_as_it_was;
    both a_session_that_was_reloaded_and_has_changed_meanwhile differs ReloadIsNoChange;
    both what_is_put_in_after_a_reload_is_kept;
    both touching_keeps_the_data;
    ours regenerating_begins_a_new_session_after_destroying;
    ours a_new_session_is_new_and_a_loaded_one_is_not;
}

/// A session with `n` = 1 and a life of a minute.
async fn begun(it: &Subject) -> Outcome<(Server, Browser)> {
    with(it, express().max_age(MINUTE)).await
}

async fn with(it: &Subject, options: Options) -> Outcome<(Server, Browser)> {
    it.begun(options, [insert("n", 1)]).await
}

/// The `Cookie` header of the browser's session as it is now.
fn cookie(site: &Server, browser: &Browser) -> String {
    site.cookie_of(&browser.session_cookie().unwrap_or_default())
}

async fn regenerating_gives_a_new_id_and_no_data(it: Subject) -> Outcome {
    let (site, browser) = begun(&it).await?;
    let before = site.record().await?.key;
    let page = browser.play([S::Regenerate, S::Keys, get("n")]).await?;
    ensure_eq!(page.seen[1..], [json!([]), Value::Null], "what the new session holds");
    ensure!(site.record().await?.key != before, "the id is the old one");
    ensure_eq!(browser.play([S::Keys]).await?.seen, [json!([])], "what it holds on the next request");
    Ok(())
}

async fn regenerating_ends_the_old_session(it: Subject) -> Outcome {
    let (site, browser) = begun(&it).await?;
    let old = cookie(&site, &browser);
    browser.play([S::Regenerate, insert("m", 1)]).await?;
    let page = site.with_cookie(old, [S::Keys, get("n"), get("m")]).await?;
    ensure_eq!(page.seen, [json!([]), Value::Null, Value::Null], "what the old cookie leads to");
    Ok(())
}

async fn what_is_put_in_after_regenerating_is_kept(it: Subject) -> Outcome {
    let (_site, browser) = begun(&it).await?;
    browser.play([S::Regenerate, insert("user", "ann")]).await?;
    ensure_eq!(browser.play([get("user"), S::Keys]).await?.seen, [json!("ann"), json!(["user"])], "the data");
    Ok(())
}

async fn what_was_put_in_before_regenerating_is_not_kept(it: Subject) -> Outcome {
    let (_site, browser) = begun(&it).await?;
    browser.play([insert("before", 1), S::Regenerate, insert("after", 1)]).await?;
    ensure_eq!(browser.play([S::Keys]).await?.seen, [json!(["after"])], "the keys");
    Ok(())
}

async fn regenerating_twice_leaves_one_session(it: Subject) -> Outcome {
    let (site, browser) = begun(&it).await?;
    browser.play([S::Regenerate, insert("a", 1), S::Regenerate, insert("b", 1)]).await?;
    ensure_eq!(browser.play([S::Keys]).await?.seen, [json!(["b"])], "the keys");
    ensure_eq!(site.records().await?.len(), 1, "records");
    Ok(())
}

async fn regenerating_forgets_the_cookies_own_attributes(it: Subject) -> Outcome {
    let (site, browser) = it.browser(express()).await?;
    let change = CookieChange { http_only: Some(false), ..Default::default() };
    browser.play([set_cookie(change), insert("n", 1)]).await?;
    let page = browser.play([S::Regenerate, insert("n", 2)]).await?;
    let attributes = page.cookie(site.cookie_name())?.map(|cookie| cookie.attributes);
    ensure_eq!(attributes.as_deref(), Some("Path=/; HttpOnly"), "the attributes");
    Ok(())
}

async fn regenerating_works_without_a_session(it: Subject) -> Outcome {
    let (site, browser) = it.begun(express(), [S::Regenerate, insert("user", "ann")]).await?;
    ensure_eq!(browser.play([get("user")]).await?.seen, [json!("ann")], "the data");
    ensure_eq!(site.records().await?.len(), 1, "records");
    Ok(())
}

async fn regenerating_works_after_a_save(it: Subject) -> Outcome {
    let (site, browser) = begun(&it).await?;
    browser.play([insert("n", 2), S::Save, S::Regenerate, insert("n", 3)]).await?;
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(3)], "the data");
    ensure_eq!(site.records().await?.len(), 1, "records");
    Ok(())
}

async fn destroying_ends_the_session(it: Subject) -> Outcome {
    let (site, browser) = begun(&it).await?;
    browser.play([S::Destroy]).await?;
    ensure_eq!(site.records().await?.len(), 0, "records");
    ensure_eq!(browser.play([get("n")]).await?.seen, [Value::Null], "the value");
    Ok(())
}

async fn destroying_one_session_leaves_the_others(it: Subject) -> Outcome {
    let (site, ann) = begun(&it).await?;
    let bob = site.browser();
    bob.play([insert("n", 2)]).await?;
    ann.play([S::Destroy]).await?;
    ensure_eq!(bob.play([get("n")]).await?.seen, [json!(2)], "the other's value");
    Ok(())
}

async fn a_cookie_of_a_destroyed_session_leads_nowhere(it: Subject) -> Outcome {
    let (site, browser) = begun(&it).await?;
    let old = cookie(&site, &browser);
    browser.play([S::Destroy]).await?;
    for _ in 0..2 {
        ensure_eq!(
            site.with_cookie(&old, [get("n"), S::Keys]).await?.seen,
            [Value::Null, json!([])],
            "the data"
        );
    }
    ensure_eq!(site.records().await?.len(), 0, "records");
    Ok(())
}

async fn whoever_comes_back_with_the_cookie_of_a_destroyed_session_gets_another_id(it: Subject) -> Outcome {
    let (site, browser) = begun(&it).await?;
    let (old, key) = (cookie(&site, &browser), site.record().await?.key);
    browser.play([S::Destroy]).await?;
    let page = site.with_cookie(&old, [count("n")]).await?;
    ensure_eq!(page.seen, [json!(1)], "the count");
    ensure!(site.record().await?.key != key, "the id is the old one");
    ensure!(page.cookie(site.cookie_name())?.is_some(), "no cookie is set");
    Ok(())
}

async fn using_a_session_after_destroying_it_fails_the_handler(it: Subject) -> Outcome {
    let (site, browser) = begun(&it).await?;
    browser.visit("/play", [S::Destroy, insert("n", 3)]).await?.expect(500)?;
    ensure_eq!(site.records().await?.len(), 0, "records");
    Ok(())
}

async fn destroying_a_session_that_is_not_there_does_no_harm(it: Subject) -> Outcome {
    let (site, browser) = it.browser(express()).await?;
    let page = browser.play([S::Destroy]).await?;
    ensure!(page.set_cookies().is_empty(), "a cookie is set");
    ensure_eq!(site.records().await?.len(), 0, "records");
    Ok(())
}

async fn the_browser_forgets_a_destroyed_session(it: Subject) -> Outcome {
    let options = express().path("/play").domain("shop.example").max_age(MINUTE);
    let (_site, browser) = with(&it, options).await?;
    browser.play([S::Destroy]).await?;
    let kept = browser.session_cookie().is_some();
    match it.on_purpose(Difference::CookieRemoved) {
        Side::Ours => ensure!(!kept, "the browser still has the cookie"),
        Side::Express => ensure!(kept, "the browser has no cookie"),
    }
    Ok(())
}

async fn letting_go_of_a_session_keeps_it_for_the_next_request(it: Subject) -> Outcome {
    let (_site, browser) = begun(&it).await?;
    browser.play([insert("n", 2), S::Unset]).await?;
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(1)], "the value");
    Ok(())
}

async fn letting_go_of_a_session_may_end_it(it: Subject) -> Outcome {
    let (site, browser) = with(&it, express().unset_destroys()).await?;
    let old = cookie(&site, &browser);
    browser.play([S::Unset]).await?;
    ensure_eq!(site.with_cookie(old, [get("n")]).await?.seen, [Value::Null], "the value");
    Ok(())
}

async fn a_save_is_seen_by_others_before_the_request_ends(it: Subject) -> Outcome {
    let (site, browser) = begun(&it).await?;
    let gate = site.gate("saved");
    let slow = browser.start("/play", [insert("n", 2), S::Save, gate.pause()]);
    gate.arrived(1).await?;
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(2)], "the value meanwhile");
    gate.open(1).await?;
    slow.seen().await?;
    Ok(())
}

async fn a_save_may_be_repeated(it: Subject) -> Outcome {
    let (_site, browser) =
        it.begun(express(), [count("n"), S::Save, count("n"), S::Save, S::Save, count("n")]).await?;
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(3)], "the count");
    Ok(())
}

/// A request that pauses, changes the session from another one, and goes on with these steps.
async fn meanwhile(
    site: &Server,
    browser: &Browser,
    change: S,
    then: impl IntoIterator<Item = S>,
) -> Outcome<Vec<Value>> {
    let gate = site.gate("slow");
    let slow = browser.start("/play", std::iter::once(gate.pause()).chain(then));
    gate.arrived(1).await?;
    browser.clone().play([change]).await?;
    gate.open(1).await?;
    slow.seen().await
}

async fn a_reload_brings_what_others_have_written(it: Subject) -> Outcome {
    let (site, browser) = begun(&it).await?;
    let seen = meanwhile(&site, &browser, insert("n", 2), [get("n"), S::Reload, get("n")]).await?;
    ensure_eq!((&seen[1], &seen[3]), (&json!(1), &json!(2)), "the value before and after");
    Ok(())
}

async fn a_reload_of_a_session_that_has_ended_says_so(it: Subject) -> Outcome {
    let (site, browser) = begun(&it).await?;
    let seen = meanwhile(&site, &browser, S::Destroy, [attempt(S::Reload)]).await?;
    ensure_eq!(seen[1], json!({ "error": "gone" }), "what it is told");
    Ok(())
}

async fn a_reload_that_fails_leaves_the_session_as_it_was(it: Subject) -> Outcome {
    let (site, browser) = begun(&it).await?;
    let seen = meanwhile(&site, &browser, S::Destroy, [attempt(S::Reload), get("n"), S::Keys]).await?;
    ensure_eq!(seen[2..], [json!(1), json!(["n"])], "what the session holds");
    Ok(())
}

async fn a_session_that_was_reloaded_and_has_changed_meanwhile(it: Subject) -> Outcome {
    let (site, browser) = begun(&it).await?;
    site.calls().await?;
    meanwhile(&site, &browser, insert("n", 2), [S::Reload]).await?;
    let writes = match it.on_purpose(Difference::ReloadIsNoChange) {
        Side::Ours => 1,
        Side::Express => 2,
    };
    ensure_eq!(site.calls().await?.write, writes, "writes of both requests");
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(2)], "the value");
    Ok(())
}

async fn what_is_put_in_after_a_reload_is_kept(it: Subject) -> Outcome {
    let (site, browser) = begun(&it).await?;
    meanwhile(&site, &browser, insert("theirs", 1), [S::Reload, insert("mine", 1)]).await?;
    ensure_eq!(browser.play([S::Keys]).await?.seen, [json!(["n", "theirs", "mine"])], "the keys");
    Ok(())
}

async fn touching_keeps_the_data(it: Subject) -> Outcome {
    let (site, browser) = begun(&it).await?;
    site.wait(SECOND * 30).await?;
    browser.play([S::Touch]).await?;
    let record = site.record().await?;
    ensure_eq!(record.payload["n"], json!(1), "what is stored");
    ensure_eq!(record.expires, Some(site.now() + MINUTE), "the record's end");
    Ok(())
}

async fn regenerating_begins_a_new_session_after_destroying(it: Subject) -> Outcome {
    let (site, browser) = begun(&it).await?;
    let old = cookie(&site, &browser);
    browser.play([S::Destroy, S::Regenerate, insert("goodbye", true)]).await?;
    ensure_eq!(browser.play([S::Keys]).await?.seen, [json!(["goodbye"])], "the new session's keys");
    ensure_eq!(site.with_cookie(old, [S::Keys]).await?.seen, [json!([])], "the old session's keys");
    Ok(())
}

async fn a_new_session_is_new_and_a_loaded_one_is_not(it: Subject) -> Outcome {
    let (site, browser) = it.browser(express()).await?;
    ensure_eq!(browser.play([S::IsNew, insert("n", 1), S::IsNew]).await?.seen[0], json!(true), "a new one");
    ensure_eq!(browser.play([S::IsNew]).await?.seen, [json!(false)], "a loaded one");
    let page = browser.play([S::Regenerate, S::IsNew, max_age(MINUTE)]).await?;
    ensure_eq!(page.seen[1], json!(true), "a regenerated one");
    let request = Request::get("/play").cookie(site.cookie_of("s%3Aforged.cookie"));
    ensure_eq!(browser.send(request.steps([S::IsNew])).await?.seen, [json!(true)], "a forged one");
    Ok(())
}
