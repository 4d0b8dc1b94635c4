//! Requests on one session at the same time, under the default policy: nothing is lost, and nothing comes back.

use serde_json::{Value, json};

use super::{MINUTE, SECOND, promises};
use crate::adapter::client::{Browser, Page, Pending};
use crate::adapter::options::{Options, safe};
use crate::adapter::subject::{Gate, Server, Subject};
use crate::failure::Outcome;
use crate::script::step::Step;
use crate::script::step::steps::{count, flash, get, insert, login, remove};

promises! {
    ours of_five_parallel_requests_each_keeps_its_key;
    ours a_hundred_parallel_increments_count_a_hundred;
    ours a_removal_and_a_write_at_a_time_both_count;
    ours of_two_writes_of_one_key_the_later_one_counts;
    ours messages_of_parallel_requests_are_all_kept;
    ours a_clearance_at_a_time_with_a_write_leaves_what_came_after;
    ours a_logout_beats_a_slow_reader;
    ours a_logout_beats_a_slow_touch;
    ours a_logout_beats_a_slow_write;
    ours a_logout_beats_a_slow_save;
    ours a_logout_beats_a_slow_renewal;
    ours a_logout_beats_a_slow_regeneration;
    ours a_login_that_crosses_a_logout_is_a_login_of_its_own;
    ours a_logout_that_crosses_a_renewal_ends_the_renewed_session;
    ours of_twenty_parallel_renewals_one_succeeds_and_nobody_becomes_anonymous;
    ours a_slow_write_that_crosses_a_renewal_is_told_so;
    ours a_slow_write_that_crosses_a_rotation_goes_with_the_session;
    ours of_twenty_parallel_rotations_all_end_in_one_session;
    ours a_slow_reader_that_crosses_a_login_does_not_undo_it;
    ours a_slow_writer_that_crosses_a_login_does_not_undo_it;
    ours an_end_by_time_beats_a_slow_write needs ToldTime;
}

/// The value of a key, and three requests that could have it.
struct Slow {
    site: Server,
    browser: Browser,
    old: String,
    gate: Gate,
    request: Pending,
}

/// A session with `n` = 1, and a request on it that waits at its end.
async fn slow(it: &Subject, options: Options, steps: impl IntoIterator<Item = Step>) -> Outcome<Slow> {
    let (site, browser) = it.begun(options, [login("ann"), insert("n", 1)]).await?;
    let old = site.cookie_of(&browser.session_cookie().unwrap_or_default());
    site.wait(SECOND).await?;
    let gate = site.gate("slow");
    let request = browser.start("/play", steps.into_iter().chain([gate.pause()]));
    gate.arrived(1).await?;
    Ok(Slow { site, browser, old, gate, request })
}

/// Everything that extends a life does so each time.
fn eager() -> Options {
    safe().max_age(MINUTE).rolling().resave().touch_after(std::time::Duration::ZERO)
}

async fn of_five_parallel_requests_each_keeps_its_key(it: Subject) -> Outcome {
    let (site, browser) = it.begun(safe(), [insert("n", 1)]).await?;
    let gate = site.gate("five");
    let keys = ["a", "b", "c", "d", "e"];
    let requests = keys.map(|key| browser.start("/play", [insert(key, key), gate.pause()]));
    gate.arrived(5).await?;
    gate.open(5).await?;
    for request in requests {
        request.seen().await?;
    }
    ensure_eq!(browser.play(keys.map(get)).await?.seen, keys.map(Value::from), "the values");
    Ok(())
}

async fn a_hundred_parallel_increments_count_a_hundred(it: Subject) -> Outcome {
    let (_site, browser) = it.begun(safe(), [insert("n", 0)]).await?;
    let requests: Vec<_> = (0..100).map(|_| browser.start("/play", [count("n")])).collect();
    for request in requests {
        request.seen().await?;
    }
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(100)], "the count");
    Ok(())
}

async fn a_removal_and_a_write_at_a_time_both_count(it: Subject) -> Outcome {
    let slow = slow(&it, safe(), [remove("n")]).await?;
    slow.browser.play([insert("m", 1)]).await?;
    slow.gate.open(1).await?;
    slow.request.seen().await?;
    ensure_eq!(slow.browser.play([Step::Keys]).await?.seen, [json!(["m"])], "the keys");
    Ok(())
}

async fn of_two_writes_of_one_key_the_later_one_counts(it: Subject) -> Outcome {
    let slow = slow(&it, safe(), [insert("n", "slow")]).await?;
    slow.browser.play([insert("n", "fast")]).await?;
    slow.gate.open(1).await?;
    slow.request.seen().await?;
    ensure_eq!(slow.browser.play([get("n")]).await?.seen, [json!("slow")], "the value");
    Ok(())
}

async fn messages_of_parallel_requests_are_all_kept(it: Subject) -> Outcome {
    let slow = slow(&it, safe(), [flash("info", "slow")]).await?;
    slow.browser.play([flash("info", "fast")]).await?;
    slow.gate.open(1).await?;
    slow.request.seen().await?;
    let expected = json!([["info", "fast"], ["info", "slow"]]);
    ensure_eq!(slow.browser.play([Step::TakeFlash]).await?.seen, [expected], "the messages");
    Ok(())
}

async fn a_clearance_at_a_time_with_a_write_leaves_what_came_after(it: Subject) -> Outcome {
    let slow = slow(&it, safe(), [Step::Clear, insert("after", 1)]).await?;
    slow.browser.play([insert("m", 1)]).await?;
    slow.gate.open(1).await?;
    slow.request.seen().await?;
    ensure_eq!(slow.browser.play([Step::Keys]).await?.seen, [json!(["after"])], "the keys");
    Ok(())
}

/// A request on its way while the user logs out: nothing is there afterwards, under no cookie.
async fn beaten(it: &Subject, steps: impl IntoIterator<Item = Step>) -> Outcome<Page> {
    let slow = slow(it, eager(), steps).await?;
    slow.browser.play([Step::Logout]).await?;
    slow.gate.open(1).await?;
    let page = slow.request.page().await?;
    ensure!(page.set_cookies().is_empty(), "the slow request sets a cookie");
    let seen = slow.site.with_cookie(slow.old, [get("n"), Step::Owner]).await?.seen;
    ensure_eq!(seen, [Value::Null, Value::Null], "what the old cookie leads to");
    ensure_eq!(slow.browser.play([get("n")]).await?.seen, [Value::Null], "the value in the browser");
    Ok(page)
}

async fn a_logout_beats_a_slow_reader(it: Subject) -> Outcome {
    // With `resave` a reader writes; without a change of its own there is nothing to be told.
    beaten(&it, [get("n")]).await?.expect(200).map(drop)
}

async fn a_logout_beats_a_slow_touch(it: Subject) -> Outcome {
    beaten(&it, [Step::Touch]).await?.expect(200).map(drop)
}

async fn a_logout_beats_a_slow_write(it: Subject) -> Outcome {
    beaten(&it, [insert("n", 2)]).await?.expect(409)?;
    beaten(&it, [count("n")]).await?.expect(409).map(drop)
}

async fn a_logout_beats_a_slow_save(it: Subject) -> Outcome {
    let slow = slow(&it, eager(), [insert("n", 2), Step::Save]).await?;
    slow.browser.play([Step::Logout]).await?;
    slow.gate.open(1).await?;
    slow.request.page().await?;
    ensure_eq!(slow.site.records().await?.len(), 0, "records");
    Ok(())
}

async fn a_logout_beats_a_slow_renewal(it: Subject) -> Outcome {
    beaten(&it, [Step::Renew]).await.map(drop)?;
    beaten(&it, [Step::Renew, insert("n", 2)]).await.map(drop)
}

async fn a_logout_beats_a_slow_regeneration(it: Subject) -> Outcome {
    beaten(&it, [Step::Regenerate, insert("n", 2)]).await.map(drop)
}

/// The password was right, whatever became of the session before.
async fn a_login_that_crosses_a_logout_is_a_login_of_its_own(it: Subject) -> Outcome {
    let slow = slow(&it, safe(), [login("bob")]).await?;
    slow.browser.play([Step::Logout]).await?;
    slow.gate.open(1).await?;
    slow.request.seen().await?;
    ensure_eq!(slow.browser.play([Step::Owner]).await?.seen, [json!("bob")], "the owner");
    ensure_eq!(slow.site.with_cookie(slow.old, [Step::Owner]).await?.seen, [Value::Null], "the old owner");
    Ok(())
}

async fn a_logout_that_crosses_a_renewal_ends_the_renewed_session(it: Subject) -> Outcome {
    let slow = slow(&it, safe(), [Step::Logout]).await?;
    slow.browser.play([Step::Renew]).await?;
    let renewed = slow.site.cookie_of(&slow.browser.session_cookie().unwrap_or_default());
    slow.gate.open(1).await?;
    slow.request.page().await?;
    for cookie in [renewed, slow.old] {
        ensure_eq!(slow.site.with_cookie(cookie, [Step::Owner]).await?.seen, [Value::Null], "the owner");
    }
    Ok(())
}

async fn of_twenty_parallel_renewals_one_succeeds_and_nobody_becomes_anonymous(it: Subject) -> Outcome {
    let (site, browser) = it.begun(safe(), [login("ann"), insert("n", 1)]).await?;
    let gate = site.gate("twenty");
    let requests: Vec<_> = (0..20).map(|_| browser.start("/play", [Step::Renew, gate.pause()])).collect();
    gate.arrived(20).await?;
    gate.open(20).await?;
    let mut cookies = 0;
    for request in requests {
        cookies += request.page().await?.set_cookies().len();
    }
    ensure_eq!(cookies, 1, "cookies that are set");
    ensure_eq!(browser.play([Step::Owner, get("n")]).await?.seen, [json!("ann"), json!(1)], "the session");
    Ok(())
}

async fn a_slow_write_that_crosses_a_renewal_is_told_so(it: Subject) -> Outcome {
    let slow = slow(&it, safe(), [insert("n", 2)]).await?;
    slow.browser.play([Step::Renew]).await?;
    slow.gate.open(1).await?;
    let page = slow.request.page().await?;
    ensure_eq!((page.status, page.set_cookies().len()), (409, 0), "the status and the cookies");
    ensure_eq!(slow.browser.play([get("n")]).await?.seen, [json!(1)], "the value");
    Ok(())
}

async fn a_slow_write_that_crosses_a_rotation_goes_with_the_session(it: Subject) -> Outcome {
    let slow = slow(&it, safe(), [count("n")]).await?;
    slow.browser.play([Step::Rotate]).await?;
    let rotated = slow.site.cookie_of(&slow.browser.session_cookie().unwrap_or_default());
    slow.gate.open(1).await?;
    let page = slow.request.page().await?.expect(200)?;
    let set = page.set_cookies();
    ensure!(set.len() == 1 && set.iter().all(|line| line.starts_with(&rotated)), "the new cookie is not set");
    ensure_eq!(slow.browser.play([get("n")]).await?.seen, [json!(2)], "the value");
    Ok(())
}

async fn of_twenty_parallel_rotations_all_end_in_one_session(it: Subject) -> Outcome {
    let (site, browser) = it.begun(safe(), [login("ann"), insert("n", 0)]).await?;
    let gate = site.gate("twenty");
    let requests: Vec<_> =
        (0..20).map(|_| browser.start("/play", [count("n"), Step::Rotate, gate.pause()])).collect();
    gate.arrived(20).await?;
    gate.open(20).await?;
    for request in requests {
        request.page().await?.expect(200)?;
    }
    ensure_eq!(browser.play([Step::Owner, get("n")]).await?.seen, [json!("ann"), json!(20)], "the session");
    Ok(())
}

async fn a_slow_reader_that_crosses_a_login_does_not_undo_it(it: Subject) -> Outcome {
    let slow = slow(&it, eager(), [get("n")]).await?;
    slow.browser.play([login("bob")]).await?;
    slow.gate.open(1).await?;
    slow.request.page().await?;
    ensure_eq!(slow.browser.play([Step::Owner]).await?.seen, [json!("bob")], "the owner");
    Ok(())
}

async fn a_slow_writer_that_crosses_a_login_does_not_undo_it(it: Subject) -> Outcome {
    let slow = slow(&it, eager(), [insert("n", 2)]).await?;
    slow.browser.play([login("bob")]).await?;
    slow.gate.open(1).await?;
    slow.request.page().await?.expect(409)?;
    ensure_eq!(
        slow.browser.play([Step::Owner, get("n")]).await?.seen,
        [json!("bob"), Value::Null],
        "the session"
    );
    Ok(())
}

async fn an_end_by_time_beats_a_slow_write(it: Subject) -> Outcome {
    let slow = slow(&it, eager(), [insert("n", 2)]).await?;
    slow.site.wait(MINUTE * 2).await?;
    slow.gate.open(1).await?;
    let page = slow.request.page().await?;
    ensure_eq!((page.status, page.set_cookies().len()), (409, 0), "the status and the cookies");
    ensure_eq!(slow.site.with_cookie(slow.old, [get("n")]).await?.seen, [Value::Null], "the value");
    Ok(())
}
