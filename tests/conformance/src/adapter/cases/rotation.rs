//! Rotating the id as a routine: whoever has the old cookie is led on, for a minute.

use serde_json::{Value, json};

use super::{MINUTE, promises};
use crate::adapter::client::{Browser, Request};
use crate::adapter::options::safe;
use crate::adapter::subject::{Server, Subject};
use crate::failure::Outcome;
use crate::script::step::Step;
use crate::script::step::steps::{count, get, insert, login};

promises! {
    ours rotating_gives_a_new_id_and_keeps_the_data;
    ours a_reader_with_the_cookie_of_before_a_rotation_sees_the_session_and_is_told_the_new_one;
    ours a_writer_with_the_cookie_of_before_a_rotation_writes_into_the_session;
    ours a_logout_with_the_cookie_of_before_a_rotation_ends_the_session;
    ours a_minute_after_a_rotation_the_old_cookie_leads_nowhere;
    ours after_a_login_the_cookie_of_before_the_rotation_leads_nowhere;
    ours what_a_rotation_leaves_at_rest_names_no_id;
}

async fn rotated(it: &Subject) -> Outcome<(Server, Browser, String)> {
    let (site, browser) = it.begun(safe(), [login("ann"), insert("n", 1)]).await?;
    let old = site.cookie_of(&browser.session_cookie().unwrap_or_default());
    browser.play([Step::Rotate]).await?;
    Ok((site, browser, old))
}

async fn rotating_gives_a_new_id_and_keeps_the_data(it: Subject) -> Outcome {
    let (site, browser, old) = rotated(&it).await?;
    let new = site.cookie_of(&browser.session_cookie().unwrap_or_default());
    ensure!(new != old, "the cookie is the old one");
    ensure_eq!(browser.play([get("n"), Step::Owner]).await?.seen, [json!(1), json!("ann")], "what is kept");
    Ok(())
}

async fn a_reader_with_the_cookie_of_before_a_rotation_sees_the_session_and_is_told_the_new_one(
    it: Subject,
) -> Outcome {
    let (site, browser, old) = rotated(&it).await?;
    let page = browser.send(Request::get("/play").cookie(old).steps([get("n")])).await?.expect(200)?;
    ensure_eq!(page.seen, [json!(1)], "what is seen");
    let new = site.cookie_of(&browser.session_cookie().unwrap_or_default());
    let set = page.set_cookies();
    ensure!(
        set.len() == 1 && set.iter().all(|line| line.starts_with(&new)),
        "the new cookie is not set again"
    );
    Ok(())
}

async fn a_writer_with_the_cookie_of_before_a_rotation_writes_into_the_session(it: Subject) -> Outcome {
    let (site, browser, old) = rotated(&it).await?;
    site.with_cookie(old.clone(), [count("n")]).await?;
    site.with_cookie(old, [count("n")]).await?;
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(3)], "the value under the new cookie");
    ensure_eq!(site.records().await?.len(), 2, "records: the session, and the way to it");
    Ok(())
}

async fn a_logout_with_the_cookie_of_before_a_rotation_ends_the_session(it: Subject) -> Outcome {
    let (site, browser, old) = rotated(&it).await?;
    site.with_cookie(old, [Step::Logout]).await?;
    ensure_eq!(browser.play([get("n")]).await?.seen, [Value::Null], "the value under the new cookie");
    Ok(())
}

async fn a_minute_after_a_rotation_the_old_cookie_leads_nowhere(it: Subject) -> Outcome {
    let (site, browser, old) = rotated(&it).await?;
    site.wait(MINUTE).await?;
    ensure_eq!(site.with_cookie(old, [get("n")]).await?.seen, [Value::Null], "under the old cookie");
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(1)], "under the new cookie");
    Ok(())
}

async fn after_a_login_the_cookie_of_before_the_rotation_leads_nowhere(it: Subject) -> Outcome {
    let (site, browser, old) = rotated(&it).await?;
    browser.play([login("ben")]).await?;
    let page = site.with_cookie(old, [get("n"), Step::Owner]).await?;
    ensure_eq!(page.seen, [Value::Null, Value::Null], "what the old cookie leads to");
    Ok(())
}

async fn what_a_rotation_leaves_at_rest_names_no_id(it: Subject) -> Outcome {
    let (site, browser, old) = rotated(&it).await?;
    let new = site.cookie_of(&browser.session_cookie().unwrap_or_default());
    let records: Vec<String> =
        site.records().await?.into_iter().map(|kept| format!("{} {}", kept.key, kept.text)).collect();
    for cookie in [old, new] {
        // `name=s%3A<id>.<signature>`
        let id = cookie.split("s%3A").nth(1).and_then(|rest| rest.split('.').next()).unwrap_or_default();
        ensure!(!id.is_empty() && !records.iter().any(|record| record.contains(id)), "a record shows an id");
    }
    Ok(())
}
