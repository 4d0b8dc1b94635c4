//! Logging in and out, renewing, and what hangs on it: who a session belongs to, form tokens, messages for the next page.

use serde_json::{Value, json};

use super::{HOUR, MINUTE, promises};
use crate::adapter::client::{Browser, Request};
use crate::adapter::options::safe;
use crate::adapter::subject::{Server, Subject};
use crate::failure::Outcome;
use crate::script::step::Step;
use crate::script::step::steps::{attempt, count, flash, get, insert, login};

promises! {
    ours renewing_gives_a_new_id_and_keeps_the_data;
    ours renewing_ends_the_old_cookie;
    ours renewing_a_session_that_is_not_there_stores_nothing;
    ours a_late_reader_with_the_old_cookie_gets_nothing_and_takes_nothing_away;
    ours a_late_writer_with_the_old_cookie_is_told_so;
    ours a_logout_with_the_old_cookie_ends_the_renewed_session;
    ours a_minute_later_the_old_cookie_is_a_strangers;
    ours logging_in_gives_a_new_id_and_no_data_of_the_time_before;
    ours logging_in_ends_the_cookie_of_the_time_before;
    ours logging_in_works_without_a_session;
    ours logging_in_is_remembered;
    ours logging_in_again_as_another_leaves_nothing_of_the_first;
    ours a_cookie_that_somebody_planted_is_worth_nothing_after_the_login;
    ours a_cookie_that_somebody_planted_beside_the_victims_does_not_win;
    ours logging_out_ends_the_session_and_takes_the_cookie_away;
    ours logging_out_ends_it_for_whoever_has_the_cookie;
    ours logging_out_on_one_device_leaves_the_other;
    ours a_logged_out_browser_gets_another_id;
    ours whoever_has_logged_out_finds_an_ended_session_in_the_request;
    ours a_form_token_is_accepted_on_the_next_request;
    ours a_form_token_of_another_session_is_not_accepted;
    ours a_form_token_dies_with_the_login;
    ours a_form_token_dies_with_a_renewal;
    ours a_form_token_of_a_visitor_costs_nothing;
    ours a_message_is_shown_on_the_next_page_and_then_no_more;
    ours messages_are_kept_until_somebody_looks;
    ours messages_survive_a_redirect;
}

async fn begun(it: &Subject) -> Outcome<(Server, Browser)> {
    it.begun(safe(), [insert("n", 1)]).await
}

fn cookie(site: &Server, browser: &Browser) -> String {
    site.cookie_of(&browser.session_cookie().unwrap_or_default())
}

async fn renewing_gives_a_new_id_and_keeps_the_data(it: Subject) -> Outcome {
    let (_site, browser) = begun(&it).await?;
    let before = browser.session_cookie();
    browser.play([Step::Renew]).await?;
    ensure!(browser.session_cookie() != before, "the cookie is the old one");
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(1)], "the value");
    Ok(())
}

async fn renewing_ends_the_old_cookie(it: Subject) -> Outcome {
    let (site, browser) = begun(&it).await?;
    let old = cookie(&site, &browser);
    browser.play([Step::Renew, insert("m", 1)]).await?;
    let page = site.with_cookie(old, [get("n"), get("m"), Step::Keys]).await?;
    ensure_eq!(page.seen, [Value::Null, Value::Null, json!([])], "what the old cookie leads to");
    Ok(())
}

async fn renewing_a_session_that_is_not_there_stores_nothing(it: Subject) -> Outcome {
    let (site, browser) = it.browser(safe()).await?;
    let page = browser.play([Step::Renew]).await?;
    ensure!(page.set_cookies().is_empty(), "a cookie is set");
    ensure_eq!(site.records().await?.len(), 0, "records");
    Ok(())
}

async fn a_late_reader_with_the_old_cookie_gets_nothing_and_takes_nothing_away(it: Subject) -> Outcome {
    let (site, browser) = begun(&it).await?;
    let old = cookie(&site, &browser);
    browser.play([Step::Renew]).await?;
    let page = browser.send(Request::get("/play").cookie(old).steps([get("n")])).await?.expect(200)?;
    ensure_eq!(page.seen, [Value::Null], "what is seen");
    ensure!(page.set_cookies().is_empty(), "a cookie is set");
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(1)], "the value under the new cookie");
    Ok(())
}

async fn a_late_writer_with_the_old_cookie_is_told_so(it: Subject) -> Outcome {
    let (site, browser) = begun(&it).await?;
    let old = cookie(&site, &browser);
    browser.play([Step::Renew]).await?;
    let page = browser.send(Request::get("/play").cookie(old).steps([insert("n", 2)])).await?;
    ensure_eq!((page.status, page.set_cookies().len()), (409, 0), "the status and the cookies");
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(1)], "the value under the new cookie");
    Ok(())
}

async fn a_logout_with_the_old_cookie_ends_the_renewed_session(it: Subject) -> Outcome {
    let (site, browser) = begun(&it).await?;
    let old = cookie(&site, &browser);
    browser.play([Step::Renew]).await?;
    site.with_cookie(old, [Step::Logout]).await?;
    ensure_eq!(browser.play([get("n")]).await?.seen, [Value::Null], "the value under the new cookie");
    Ok(())
}

async fn a_minute_later_the_old_cookie_is_a_strangers(it: Subject) -> Outcome {
    let (site, browser) = begun(&it).await?;
    let old = cookie(&site, &browser);
    browser.play([Step::Renew]).await?;
    site.wait(MINUTE).await?;
    let page = site.with_cookie(old, [count("n")]).await?;
    ensure_eq!(page.seen, [json!(1)], "the count");
    ensure!(page.cookie(site.cookie_name())?.is_some(), "no cookie is set");
    Ok(())
}

async fn logging_in_gives_a_new_id_and_no_data_of_the_time_before(it: Subject) -> Outcome {
    let (_site, browser) = begun(&it).await?;
    let before = browser.session_cookie();
    browser.play([login("ann"), insert("theme", "dark")]).await?;
    ensure!(browser.session_cookie() != before, "the cookie is the old one");
    let seen = browser.play([Step::Keys, Step::Owner]).await?.seen;
    ensure_eq!(seen, [json!(["theme"]), json!("ann")], "the keys and the owner");
    Ok(())
}

async fn logging_in_ends_the_cookie_of_the_time_before(it: Subject) -> Outcome {
    let (site, browser) = begun(&it).await?;
    let old = cookie(&site, &browser);
    browser.play([login("ann")]).await?;
    let page = site.with_cookie(old, [Step::Owner, get("n")]).await?;
    ensure_eq!(page.seen, [Value::Null, Value::Null], "what the old cookie leads to");
    Ok(())
}

async fn logging_in_works_without_a_session(it: Subject) -> Outcome {
    let (site, browser) = it.begun(safe(), [login("ann")]).await?;
    ensure_eq!(browser.play([Step::Owner]).await?.seen, [json!("ann")], "the owner");
    ensure_eq!(site.records().await?.len(), 1, "records");
    Ok(())
}

async fn logging_in_is_remembered(it: Subject) -> Outcome {
    let (site, browser) = it.begun(safe(), [login("ann")]).await?;
    for _ in 0..5 {
        site.wait(HOUR * 12).await?;
        ensure_eq!(browser.play([Step::Owner, count("n")]).await?.seen[0], json!("ann"), "the owner");
    }
    browser.play([Step::Renew]).await?;
    ensure_eq!(browser.play([Step::Owner]).await?.seen, [json!("ann")], "the owner after a renewal");
    Ok(())
}

async fn logging_in_again_as_another_leaves_nothing_of_the_first(it: Subject) -> Outcome {
    let (site, browser) = it.begun(safe(), [login("ann"), insert("secret", 1)]).await?;
    let old = cookie(&site, &browser);
    browser.play([login("bob")]).await?;
    let seen = browser.play([Step::Owner, get("secret")]).await?.seen;
    ensure_eq!(seen, [json!("bob"), Value::Null], "the second's session");
    ensure_eq!(site.with_cookie(old, [Step::Owner]).await?.seen, [Value::Null], "the first's cookie");
    Ok(())
}

async fn a_cookie_that_somebody_planted_is_worth_nothing_after_the_login(it: Subject) -> Outcome {
    let (site, attacker) = begun(&it).await?;
    let planted = cookie(&site, &attacker);
    let victim = site.browser();
    let request = Request::get("/play").cookie(&planted).steps([login("victim")]);
    victim.send(request).await?.expect(200)?;
    ensure_eq!(victim.play([Step::Owner]).await?.seen, [json!("victim")], "the victim's owner");
    ensure_eq!(attacker.play([Step::Owner, get("n")]).await?.seen[0], Value::Null, "the attacker's owner");
    Ok(())
}

async fn a_cookie_that_somebody_planted_beside_the_victims_does_not_win(it: Subject) -> Outcome {
    let (site, attacker) = begun(&it).await?;
    let planted = cookie(&site, &attacker);
    for first in [true, false] {
        let victim = site.browser();
        victim.play([insert("cart", 1)]).await?;
        let own = cookie(&site, &victim);
        let both = if first { format!("{planted}; {own}") } else { format!("{own}; {planted}") };
        victim.send(Request::get("/play").cookie(both).steps([login("victim")])).await?.expect(200)?;
        ensure_eq!(victim.play([Step::Owner]).await?.seen, [json!("victim")], "the victim's owner");
        let page = site.with_cookie(&planted, [Step::Owner]).await?;
        ensure_eq!(page.seen, [Value::Null], "whose session the planted cookie is");
    }
    Ok(())
}

async fn logging_out_ends_the_session_and_takes_the_cookie_away(it: Subject) -> Outcome {
    let (site, browser) = it.begun(safe(), [login("ann")]).await?;
    let page = browser.play([Step::Logout]).await?;
    ensure!(
        page.cookie(site.cookie_name())?.is_some_and(|cookie| cookie.removes()),
        "the cookie is not taken away"
    );
    ensure_eq!(browser.session_cookie(), None, "what the browser keeps");
    ensure_eq!(site.records().await?.len(), 0, "records");
    Ok(())
}

async fn logging_out_ends_it_for_whoever_has_the_cookie(it: Subject) -> Outcome {
    let (site, browser) = it.begun(safe(), [login("ann")]).await?;
    let stolen = cookie(&site, &browser);
    browser.play([Step::Logout]).await?;
    ensure_eq!(site.with_cookie(stolen, [Step::Owner]).await?.seen, [Value::Null], "the owner");
    Ok(())
}

async fn logging_out_on_one_device_leaves_the_other(it: Subject) -> Outcome {
    let (site, phone) = it.browser(safe()).await?;
    let laptop = site.browser();
    phone.play([login("ann")]).await?;
    laptop.play([login("ann")]).await?;
    phone.play([Step::Logout]).await?;
    ensure_eq!(laptop.play([Step::Owner]).await?.seen, [json!("ann")], "the owner on the other device");
    Ok(())
}

async fn a_logged_out_browser_gets_another_id(it: Subject) -> Outcome {
    let (site, browser) = begun(&it).await?;
    let (old, key) = (cookie(&site, &browser), site.record().await?.key);
    browser.play([Step::Logout]).await?;
    site.with_cookie(old, [insert("n", 2)]).await?;
    ensure!(site.record().await?.key != key, "the key is the old one");
    Ok(())
}

async fn whoever_has_logged_out_finds_an_ended_session_in_the_request(it: Subject) -> Outcome {
    let (_site, browser) = begun(&it).await?;
    let page = browser.play([Step::Logout, attempt(get("n")), attempt(insert("n", 2))]).await?;
    ensure_eq!(page.seen[1..], vec![json!({ "error": "ended" }); 2], "what it is told");
    Ok(())
}

/// A form token of the browser's session.
async fn token(browser: &Browser) -> Outcome<String> {
    let seen = browser.play([Step::CsrfToken]).await?.seen;
    Ok(seen[0].as_str().unwrap_or_default().to_owned())
}

async fn accepts(browser: &Browser, token: &str) -> Outcome<bool> {
    Ok(browser.play([Step::CsrfVerify(token.to_owned())]).await?.seen == [json!(true)])
}

async fn a_form_token_is_accepted_on_the_next_request(it: Subject) -> Outcome {
    let (site, browser) = begun(&it).await?;
    browser.play([login("ann")]).await?;
    let token = token(&browser).await?;
    site.wait(HOUR * 5).await?;
    ensure!(accepts(&browser, &token).await?, "the token is refused");
    ensure!(!accepts(&browser, &format!("{token}A")).await?, "a changed token is accepted");
    ensure!(!accepts(&browser, "").await?, "no token is accepted");
    Ok(())
}

async fn a_form_token_of_another_session_is_not_accepted(it: Subject) -> Outcome {
    let (site, ann) = begun(&it).await?;
    let bob = site.browser();
    ann.play([login("ann")]).await?;
    bob.play([login("bob")]).await?;
    ensure!(!accepts(&ann, &token(&bob).await?).await?, "the token is accepted");
    Ok(())
}

async fn a_form_token_dies_with_the_login(it: Subject) -> Outcome {
    let (_site, browser) = begun(&it).await?;
    let token = token(&browser).await?;
    ensure!(accepts(&browser, &token).await?, "the token is refused before the login");
    browser.play([login("ann")]).await?;
    ensure!(!accepts(&browser, &token).await?, "the token is accepted after the login");
    Ok(())
}

async fn a_form_token_dies_with_a_renewal(it: Subject) -> Outcome {
    let (_site, browser) = begun(&it).await?;
    browser.play([login("ann")]).await?;
    let token = token(&browser).await?;
    browser.play([Step::Renew]).await?;
    ensure!(!accepts(&browser, &token).await?, "the token is accepted after the renewal");
    Ok(())
}

async fn a_form_token_of_a_visitor_costs_nothing(it: Subject) -> Outcome {
    let (site, browser) = it.browser(safe()).await?;
    let token = token(&browser).await?;
    ensure!(accepts(&browser, &token).await?, "the token is refused");
    ensure_eq!(site.calls().await?, Default::default(), "what the store is asked");
    site.wait(HOUR * 2).await?;
    ensure!(!accepts(&browser, &token).await?, "the token is accepted two hours later");
    Ok(())
}

async fn a_message_is_shown_on_the_next_page_and_then_no_more(it: Subject) -> Outcome {
    let (_site, browser) = it.begun(safe(), [flash("info", "Saved."), flash("error", "<b>No</b>")]).await?;
    let shown = json!([["info", "Saved."], ["error", "<b>No</b>"]]);
    ensure_eq!(browser.play([Step::TakeFlash]).await?.seen, [shown], "the messages");
    ensure_eq!(browser.play([Step::TakeFlash]).await?.seen, [json!([])], "the messages after that");
    Ok(())
}

async fn messages_are_kept_until_somebody_looks(it: Subject) -> Outcome {
    let (_site, browser) = it.begun(safe(), [flash("info", "One.")]).await?;
    browser.play([insert("n", 1)]).await?;
    browser.play([flash("info", "Two.")]).await?;
    let shown = json!([["info", "One."], ["info", "Two."]]);
    ensure_eq!(browser.play([Step::TakeFlash]).await?.seen, [shown], "the messages");
    Ok(())
}

async fn messages_survive_a_redirect(it: Subject) -> Outcome {
    use crate::script::step::steps::redirect;
    let (_site, browser) = it.browser(safe()).await?;
    let page = browser.visit("/play", [flash("info", "Welcome."), redirect("/play")]).await?.expect(303)?;
    let to = page.header("location").unwrap_or_default().to_owned();
    let page = browser.visit(&to, [Step::TakeFlash]).await?;
    ensure_eq!(page.seen, [json!([["info", "Welcome."]])], "the messages");
    Ok(())
}
