//! A visit from the first page to the last, as people make it: what every adapter must do with every store.

use std::time::Duration;

use serde_json::{Value, json};

use super::{MINUTE, SECOND, promises};
use crate::adapter::options::safe;
use crate::adapter::subject::Subject;
use crate::failure::Outcome;
use crate::script::step::Step;
use crate::script::step::steps::{count, fill, flash, get, insert, login, max_age, redirect};

promises! {
    ours a_visitor_logs_in_works_and_logs_out;
    ours two_browsers_of_one_user_are_two_sessions;
    ours values_of_every_kind_come_back_as_they_were;
    ours a_session_that_is_used_lives_on_and_one_that_is_not_ends needs ToldTime;
    ours a_remembered_user_stays_longer_than_others;
}

async fn a_visitor_logs_in_works_and_logs_out(it: Subject) -> Outcome {
    let (site, browser) = it.browser(safe()).await?;
    let page = browser.play([get("cart"), Step::Owner]).await?;
    ensure_eq!(page.seen, [Value::Null, Value::Null], "what a stranger has");
    ensure!(page.set_cookies().is_empty(), "a stranger who only looks is given a cookie");
    browser.play([insert("cart", json!(["tea"])), count("visits")]).await?;
    ensure_eq!(
        browser.play([get("cart"), count("visits")]).await?.seen,
        [json!(["tea"]), json!(2)],
        "the cart"
    );

    let before = browser.session_cookie();
    let page = browser.visit("/play", [login("ann"), insert("theme", "dark"), redirect("/play")]).await?;
    page.expect(303)?;
    ensure!(browser.session_cookie() != before, "a login keeps the id");
    let seen = browser.play([Step::Owner, get("theme"), get("cart")]).await?.seen;
    ensure_eq!(seen, [json!("ann"), json!("dark"), Value::Null], "the session after the login");
    let old = site.cookie_of(&before.unwrap_or_default());
    ensure_eq!(site.with_cookie(old, [Step::Owner]).await?.seen, [Value::Null], "who the old cookie is");

    browser.play([Step::Renew, flash("info", "saved")]).await?;
    ensure_eq!(browser.play([Step::TakeFlash]).await?.seen, [json!([["info", "saved"]])], "the message");
    ensure_eq!(browser.play([Step::TakeFlash]).await?.seen, [json!([])], "the message a second time");

    let last = site.cookie_of(&browser.session_cookie().unwrap_or_default());
    browser.play([Step::Logout]).await?;
    ensure_eq!(browser.session_cookie(), None, "the cookie after the logout");
    ensure_eq!(
        site.with_cookie(last, [Step::Owner, get("theme")]).await?.seen,
        [Value::Null, Value::Null],
        "what is left"
    );
    Ok(())
}

async fn two_browsers_of_one_user_are_two_sessions(it: Subject) -> Outcome {
    let (site, first) = it.browser(safe()).await?;
    let second = site.browser();
    for browser in [&first, &second] {
        browser.play([login("ann")]).await?;
    }
    first.play([insert("n", 1)]).await?;
    ensure_eq!(second.play([get("n")]).await?.seen, [Value::Null], "the other browser's value");
    first.play([Step::Logout]).await?;
    ensure_eq!(second.play([Step::Owner]).await?.seen, [json!("ann")], "the other browser's owner");
    Ok(())
}

async fn values_of_every_kind_come_back_as_they_were(it: Subject) -> Outcome {
    let (_site, browser) = it.browser(safe()).await?;
    let values = [
        json!("Grüße, \"世界\" 🦀 \\ \u{1} '; DROP TABLE sessions; --"),
        json!({ "$set": { "a.b": 1 }, "": [] }),
        json!([null, true, -1.5, 9_007_199_254_740_991_i64]),
    ];
    for (number, value) in values.iter().enumerate() {
        browser.play([insert(&format!("value {number}"), value.clone())]).await?;
    }
    browser.play([fill("long", 60_000)]).await?;
    for (number, value) in values.into_iter().enumerate() {
        ensure_eq!(browser.play([get(&format!("value {number}"))]).await?.seen, [value], "a value");
    }
    let long = browser.play([get("long")]).await?.seen;
    ensure_eq!(long[0].as_str().map(str::len), Some(60_000), "the length of the long value");
    Ok(())
}

async fn a_session_that_is_used_lives_on_and_one_that_is_not_ends(it: Subject) -> Outcome {
    let (site, used) = it.browser(safe().max_age(MINUTE)).await?;
    let unused = site.browser();
    for browser in [&used, &unused] {
        browser.play([insert("n", 1)]).await?;
    }
    for _ in 0..5 {
        site.wait(40 * SECOND).await?;
        ensure_eq!(used.play([get("n")]).await?.seen, [json!(1)], "the value of a session in use");
    }
    ensure_eq!(unused.play([get("n")]).await?.seen, [Value::Null], "the value of one that is not");
    site.wait(MINUTE + SECOND).await?;
    ensure_eq!(used.play([get("n")]).await?.seen, [Value::Null], "the value after its time");
    Ok(())
}

async fn a_remembered_user_stays_longer_than_others(it: Subject) -> Outcome {
    let (site, remembered) = it.browser(safe().max_age(MINUTE)).await?;
    let other = site.browser();
    remembered.play([login("ann"), max_age(Duration::from_secs(7 * 24 * 3600))]).await?;
    other.play([login("bob")]).await?;
    site.wait(Duration::from_secs(24 * 3600)).await?;
    ensure_eq!(remembered.play([Step::Owner]).await?.seen, [json!("ann")], "who is remembered");
    ensure_eq!(other.play([Step::Owner]).await?.seen, [Value::Null], "who is not");
    Ok(())
}
