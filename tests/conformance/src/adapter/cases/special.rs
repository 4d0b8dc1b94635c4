//! What not every framework has: websockets, two layers around one handler, a guard for the signed-in.

use serde_json::{Value, json};

use super::{DAY, MINUTE, promises};
use crate::adapter::client::{Browser, Request};
use crate::adapter::options::{express, safe};
use crate::adapter::probe::{Calls, Verb};
use crate::adapter::site::Site;
use crate::adapter::subject::{Server, Subject};
use crate::failure::Outcome;
use crate::script::step::Step;
use crate::script::step::steps::{attempt, count, get, insert, login, second, status};

promises! {
    ours a_websocket_sees_the_session_of_its_request needs Socket;
    ours a_save_on_a_websocket_is_seen_by_later_requests needs Socket;
    ours what_a_websocket_does_not_save_is_not_kept needs Socket;
    ours a_websocket_sees_what_other_requests_write needs Socket;
    ours a_websocket_and_a_request_lose_nothing_of_each_other needs Socket;
    ours a_websocket_of_a_session_that_has_ended_is_told_so needs Socket;
    ours a_save_on_a_websocket_does_not_bring_back_an_ended_session needs Socket;
    ours a_websocket_cannot_change_the_id needs Socket;
    ours the_request_that_opens_a_websocket_sets_the_cookie needs Socket;
    ours two_layers_have_two_sessions_and_two_cookies needs TwoLayers;
    ours what_is_put_into_one_layers_session_is_not_in_the_others needs TwoLayers;
    ours a_logout_from_one_layer_leaves_the_other needs TwoLayers;
    ours one_layers_cookie_is_worth_nothing_in_the_other needs TwoLayers;
    ours a_layer_whose_session_nobody_names_costs_nothing needs TwoLayers;
    ours a_failed_save_of_either_layer_fails_the_response needs TwoLayers;
    ours a_guard_lets_nobody_pass_who_has_not_signed_in needs Guard;
    ours a_guard_lets_the_signed_in_pass needs Guard;
    ours a_guard_lets_nobody_pass_after_the_logout needs Guard;
    ours a_guard_lets_nobody_pass_when_the_session_has_ended needs Guard;
    ours a_guard_asks_the_store_nothing_for_a_stranger needs Guard;
    ours a_guard_answers_an_outage_as_one needs Guard;
    ours a_handler_behind_a_guard_has_its_session_saved needs Guard;
    ours a_guard_sends_whoever_opens_a_page_to_the_login_page needs Guard;
    ours a_guard_sends_no_form_to_the_login_page needs Guard;
    ours a_guard_lets_the_signed_in_pass_the_login_page needs Guard;
}

async fn begun(it: &Subject) -> Outcome<(Server, Browser)> {
    it.begun(safe(), [login("ann"), insert("n", 1)]).await
}

async fn a_websocket_sees_the_session_of_its_request(it: Subject) -> Outcome {
    let (_site, browser) = begun(&it).await?;
    let mut socket = browser.socket("/socket", []).await?;
    ensure_eq!(socket.play([get("n"), Step::Owner]).await?, json!([1, "ann"]), "what it sees");
    Ok(())
}

async fn a_save_on_a_websocket_is_seen_by_later_requests(it: Subject) -> Outcome {
    let (_site, browser) = begun(&it).await?;
    let mut socket = browser.socket("/socket", []).await?;
    for n in 2..=4 {
        socket.play([insert("n", n), Step::Save]).await?;
        ensure_eq!(browser.play([get("n")]).await?.seen, [json!(n)], "the value");
    }
    Ok(())
}

async fn what_a_websocket_does_not_save_is_not_kept(it: Subject) -> Outcome {
    let (_site, browser) = begun(&it).await?;
    let mut socket = browser.socket("/socket", []).await?;
    socket.play([insert("n", 2)]).await?;
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(1)], "the value");
    Ok(())
}

async fn a_websocket_sees_what_other_requests_write(it: Subject) -> Outcome {
    let (site, browser) = begun(&it).await?;
    let mut socket = browser.socket("/socket", []).await?;
    browser.play([insert("n", 2)]).await?;
    ensure_eq!(socket.play([get("n")]).await?, json!([2]), "the value of a new message");
    let gate = site.gate("socket");
    socket.send([gate.pause(), get("n"), Step::Reload, get("n")]).await?;
    gate.arrived(1).await?;
    browser.play([insert("n", 3)]).await?;
    gate.open(1).await?;
    ensure_eq!(socket.answer().await?, json!([null, 2, null, 3]), "the value before and after a reload");
    Ok(())
}

async fn a_websocket_and_a_request_lose_nothing_of_each_other(it: Subject) -> Outcome {
    let (site, browser) = begun(&it).await?;
    let mut socket = browser.socket("/socket", []).await?;
    let gate = site.gate("socket");
    socket.send([count("n"), insert("socket", 1), gate.pause(), Step::Save]).await?;
    gate.arrived(1).await?;
    browser.play([count("n"), insert("request", 1)]).await?;
    gate.open(1).await?;
    socket.answer().await?;
    let seen = browser.play([get("n"), get("socket"), get("request")]).await?.seen;
    ensure_eq!(seen, [json!(3), json!(1), json!(1)], "the values");
    Ok(())
}

async fn a_websocket_of_a_session_that_has_ended_is_told_so(it: Subject) -> Outcome {
    let (site, browser) = begun(&it).await?;
    let mut socket = browser.socket("/socket", []).await?;
    browser.play([Step::Logout]).await?;
    ensure_eq!(socket.play([get("n")]).await?, json!({ "error": "gone" }), "after a logout");
    let (other, browser) = begun(&it).await?;
    let mut socket = browser.socket("/socket", []).await?;
    other.wait(DAY).await?;
    ensure_eq!(socket.play([get("n")]).await?, json!({ "error": "gone" }), "after a day");
    ensure_eq!(site.records().await?.len(), 0, "records");
    Ok(())
}

async fn a_save_on_a_websocket_does_not_bring_back_an_ended_session(it: Subject) -> Outcome {
    let (site, browser) = begun(&it).await?;
    let mut socket = browser.socket("/socket", []).await?;
    let gate = site.gate("socket");
    socket.send([insert("n", 2), gate.pause(), attempt(Step::Save)]).await?;
    gate.arrived(1).await?;
    browser.play([Step::Logout]).await?;
    gate.open(1).await?;
    ensure_eq!(socket.answer().await?[2], json!({ "error": "gone" }), "what the save is told");
    ensure_eq!(site.records().await?.len(), 0, "records");
    Ok(())
}

async fn a_websocket_cannot_change_the_id(it: Subject) -> Outcome {
    let (_site, browser) = begun(&it).await?;
    let mut socket = browser.socket("/socket", []).await?;
    for step in [Step::Renew, Step::Regenerate, login("bob")] {
        ensure_eq!(socket.play([step]).await?, json!({ "error": "detached" }), "what it is told");
    }
    Ok(())
}

async fn the_request_that_opens_a_websocket_sets_the_cookie(it: Subject) -> Outcome {
    let (_site, browser) = it.browser(safe()).await?;
    let mut socket = browser.socket("/socket", [insert("n", 7)]).await?;
    ensure!(browser.session_cookie().is_some(), "no cookie is set");
    ensure_eq!(socket.play([get("n")]).await?, json!([7]), "what the websocket sees");
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(7)], "what a request sees");
    Ok(())
}

const TWO: &str = "/two/play";

async fn two_layers_have_two_sessions_and_two_cookies(it: Subject) -> Outcome {
    let (site, browser) = it.browser(safe()).await?;
    let page = browser.visit(TWO, [insert("n", 1), second(insert("n", 2))]).await?.expect(200)?;
    ensure!(page.cookie(site.cookie_name())?.is_some(), "the first layer sets no cookie");
    ensure!(page.cookie(Site::SECOND)?.is_some(), "the second layer sets no cookie");
    let page = browser.visit(TWO, [get("n"), second(get("n"))]).await?.expect(200)?;
    ensure_eq!(page.seen, [json!(1), json!(2)], "the values");
    ensure_eq!(
        browser.play([get("n")]).await?.seen,
        [json!(1)],
        "the value on a route of the first layer only"
    );
    Ok(())
}

async fn what_is_put_into_one_layers_session_is_not_in_the_others(it: Subject) -> Outcome {
    let (site, browser) = it.browser(safe()).await?;
    let page = browser.visit(TWO, [second(insert("n", 1))]).await?.expect(200)?;
    ensure_eq!(page.cookie(site.cookie_name())?, None, "the first layer's cookie");
    let page = browser.visit(TWO, [get("n"), second(get("n"))]).await?;
    ensure_eq!(page.seen, [Value::Null, json!(1)], "the values");
    Ok(())
}

async fn a_logout_from_one_layer_leaves_the_other(it: Subject) -> Outcome {
    let (_site, browser) = it.browser(safe()).await?;
    browser.visit(TWO, [login("ann"), second(login("root"))]).await?.expect(200)?;
    browser.visit(TWO, [second(Step::Logout)]).await?.expect(200)?;
    let page = browser.visit(TWO, [Step::Owner, second(Step::Owner)]).await?;
    ensure_eq!(page.seen, [json!("ann"), Value::Null], "the owners");
    Ok(())
}

async fn one_layers_cookie_is_worth_nothing_in_the_other(it: Subject) -> Outcome {
    let (site, browser) = it.browser(safe()).await?;
    browser.visit(TWO, [login("ann")]).await?.expect(200)?;
    let value = browser.session_cookie().unwrap_or_default();
    let request = Request::get(TWO).cookie(format!("{}={value}", Site::SECOND));
    let page = site.browser().send(request.steps([Step::Owner, second(Step::Owner)])).await?;
    ensure_eq!(page.seen, [Value::Null, Value::Null], "the owners");
    Ok(())
}

async fn a_layer_whose_session_nobody_names_costs_nothing(it: Subject) -> Outcome {
    let (site, browser) = it.browser(safe()).await?;
    browser.visit(TWO, [insert("n", 1), second(insert("n", 2))]).await?.expect(200)?;
    site.calls().await?;
    browser.play([get("n")]).await?;
    ensure_eq!(site.calls().await?, Calls { read: 1, ..Calls::default() }, "what the store is asked");
    Ok(())
}

async fn a_failed_save_of_either_layer_fails_the_response(it: Subject) -> Outcome {
    let (site, browser) = it.browser(safe()).await?;
    site.fail(&[Verb::Write]).await?;
    for step in [insert("n", 1), second(insert("n", 1))] {
        let page = browser.visit(TWO, [step]).await?;
        ensure_eq!((page.status, page.set_cookies().len()), (503, 0), "the status and the cookies");
    }
    Ok(())
}

const GUARDED: &str = "/signed-in";

async fn a_guard_lets_nobody_pass_who_has_not_signed_in(it: Subject) -> Outcome {
    let (site, browser) = it.browser(safe()).await?;
    let page = browser.visit(GUARDED, [status(201)]).await?.expect(401)?;
    ensure!(page.set_cookies().is_empty(), "a cookie is set");
    browser.play([insert("user", "ann")]).await?;
    browser.visit(GUARDED, []).await?.expect(401)?;
    let forged = Request::get(GUARDED).cookie(site.cookie_of("s%3Aforged.cookie"));
    site.browser().send(forged).await?.expect(401)?;
    browser.send(Request::new("POST", GUARDED)).await?.expect(401).map(drop)
}

async fn a_guard_lets_the_signed_in_pass(it: Subject) -> Outcome {
    let (_site, browser) = begun(&it).await?;
    let page = browser.visit(GUARDED, [Step::Owner, get("n")]).await?.expect(200)?;
    ensure_eq!(page.seen, [json!("ann"), json!(1)], "what the handler sees");
    Ok(())
}

async fn a_guard_lets_nobody_pass_after_the_logout(it: Subject) -> Outcome {
    let (site, browser) = begun(&it).await?;
    let stolen = site.cookie_of(&browser.session_cookie().unwrap_or_default());
    browser.play([Step::Logout]).await?;
    browser.visit(GUARDED, []).await?.expect(401)?;
    browser.send(Request::get(GUARDED).cookie(stolen)).await?.expect(401).map(drop)
}

async fn a_guard_lets_nobody_pass_when_the_session_has_ended(it: Subject) -> Outcome {
    let (site, browser) = it.begun(safe().max_age(MINUTE), [login("ann")]).await?;
    let cookie = site.cookie_of(&browser.session_cookie().unwrap_or_default());
    site.wait(MINUTE).await?;
    browser.send(Request::get(GUARDED).cookie(cookie)).await?.expect(401).map(drop)
}

async fn a_guard_asks_the_store_nothing_for_a_stranger(it: Subject) -> Outcome {
    let (site, browser) = it.browser(express()).await?;
    browser.visit(GUARDED, []).await?.expect(401)?;
    ensure_eq!(site.calls().await?, Calls::default(), "what the store is asked");
    Ok(())
}

async fn a_guard_answers_an_outage_as_one(it: Subject) -> Outcome {
    let (site, browser) = begun(&it).await?;
    site.fail(&[Verb::Read]).await?;
    let page = browser.visit(GUARDED, []).await?.expect(503)?;
    ensure!(page.set_cookies().is_empty(), "a cookie is set");
    Ok(())
}

async fn a_handler_behind_a_guard_has_its_session_saved(it: Subject) -> Outcome {
    let (_site, browser) = begun(&it).await?;
    browser.visit(GUARDED, [count("n")]).await?.expect(200)?;
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(2)], "the value");
    Ok(())
}

async fn a_guard_sends_whoever_opens_a_page_to_the_login_page(it: Subject) -> Outcome {
    let (_site, browser) = it.browser(safe().login_page("/login?next=%2F")).await?;
    for method in ["GET", "HEAD"] {
        let page = browser.send(Request::new(method, GUARDED)).await?.expect(303)?;
        ensure_eq!(page.header("location"), Some("/login?next=%2F"), "where it leads");
        ensure!(page.lists("cache-control", "no-store"), "Cache-Control does not say no-store");
        ensure!(page.set_cookies().is_empty(), "a cookie is set");
    }
    Ok(())
}

async fn a_guard_sends_no_form_to_the_login_page(it: Subject) -> Outcome {
    let (_site, browser) = it.browser(safe().login_page("/login")).await?;
    let page = browser.send(Request::new("POST", GUARDED)).await?.expect(401)?;
    ensure_eq!(page.header("location"), None, "where it leads");
    Ok(())
}

async fn a_guard_lets_the_signed_in_pass_the_login_page(it: Subject) -> Outcome {
    let (_site, browser) = it.begun(safe().login_page("/login"), [login("ann")]).await?;
    browser.visit(GUARDED, []).await?.expect(200).map(drop)
}
