//! Requests on one session at the same time, under the preset that follows express-session.

use serde_json::{Value, json};

use super::{MINUTE, promises};
use crate::adapter::client::Page;
use crate::adapter::difference::{Difference, Side};
use crate::adapter::options::{Options, express};
use crate::adapter::probe::Verb;
use crate::adapter::subject::Subject;
use crate::failure::Outcome;
use crate::script::step::Step;
use crate::script::step::steps::{attempt, count, get, insert};

promises! {
    both a_slow_reader_sees_the_session_as_it_was;
    both a_slow_reader_does_not_undo_a_write;
    both a_slow_reader_does_not_undo_a_write_with_rolling;
    both a_slow_write_overwrites_a_fast_one;
    both of_five_parallel_writes_the_last_one_counts;
    both two_first_visits_at_a_time_have_two_sessions;
    both a_slow_reader_does_not_bring_back_a_destroyed_session;
    both a_slow_write_does_not_bring_back_a_destroyed_session differs NoResurrection;
    both a_slow_resave_does_not_bring_back_a_destroyed_session differs NoResurrection;
    both a_slow_save_does_not_bring_back_a_destroyed_session differs NoResurrection;
    both a_slow_write_does_not_bring_back_a_regenerated_session differs NoResurrection;
    both a_slow_regeneration_after_a_destruction differs NoResurrection;
    both destroying_a_session_twice_at_a_time_ends_it;
    both a_write_on_its_way_does_not_hold_up_readers;
    both a_slow_request_does_not_hold_up_others;
    both a_late_write_goes_to_the_regenerated_session_of_nobody differs NoResurrection;
    both a_request_on_an_ended_session_does_not_hurt_a_new_one;
}

/// A request that waits at its end while another one comes and goes: the slow request's page, and the values of these keys
/// for the cookie that both of them had, and for the one that the browser has then.
struct Crossed {
    slow: Page,
    old_cookie: Vec<Value>,
    new_cookie: Vec<Value>,
    records: usize,
}

async fn crossed(
    it: &Subject,
    options: Options,
    slow: impl IntoIterator<Item = Step>,
    fast: impl IntoIterator<Item = Step>,
    keys: &[&str],
) -> Outcome<Crossed> {
    let (site, browser) = it.begun(options, [insert("n", 1)]).await?;
    let old = site.cookie_of(&browser.session_cookie().unwrap_or_default());
    let gate = site.gate("slow");
    // The slow request is of another tab, so its cookie counts only if it comes.
    let slow = browser.start("/play", slow.into_iter().chain([gate.pause()]));
    gate.arrived(1).await?;
    browser.play(fast).await?;
    gate.open(1).await?;
    let slow = slow.page().await?;
    let look = || keys.iter().map(|key| get(key));
    let records = site.records().await?.len();
    let old_cookie = site.with_cookie(&old, look()).await?.seen;
    let new_cookie = browser.play(look()).await?.seen;
    Ok(Crossed { slow, old_cookie, new_cookie, records })
}

async fn a_slow_reader_sees_the_session_as_it_was(it: Subject) -> Outcome {
    let (site, browser) = it.begun(express(), [insert("n", 1)]).await?;
    let gate = site.gate("slow");
    let slow = browser.start("/play", [gate.pause(), get("n")]);
    gate.arrived(1).await?;
    browser.play([insert("n", 2)]).await?;
    gate.open(1).await?;
    ensure_eq!(slow.seen().await?[1], json!(1), "what the slow reader sees");
    Ok(())
}

async fn a_slow_reader_does_not_undo_a_write(it: Subject) -> Outcome {
    let crossed = crossed(&it, express().max_age(MINUTE), [get("n")], [insert("n", 2)], &["n"]).await?;
    ensure_eq!(crossed.new_cookie, [json!(2)], "the value");
    Ok(())
}

async fn a_slow_reader_does_not_undo_a_write_with_rolling(it: Subject) -> Outcome {
    let options = express().max_age(MINUTE).rolling();
    let crossed = crossed(&it, options, [get("n"), Step::Touch], [insert("n", 2)], &["n"]).await?;
    ensure_eq!(crossed.new_cookie, [json!(2)], "the value");
    Ok(())
}

async fn a_slow_write_overwrites_a_fast_one(it: Subject) -> Outcome {
    let crossed =
        crossed(&it, express(), [insert("slow", 1)], [insert("fast", 1)], &["slow", "fast"]).await?;
    ensure_eq!(crossed.new_cookie, [json!(1), Value::Null], "the values");
    Ok(())
}

async fn of_five_parallel_writes_the_last_one_counts(it: Subject) -> Outcome {
    let (site, browser) = it.begun(express(), [insert("n", 1)]).await?;
    let gate = site.gate("five");
    let keys = ["a", "b", "c", "d", "e"];
    let requests = keys.map(|key| browser.start("/play", [insert(key, 1), gate.pause()]));
    gate.arrived(5).await?;
    gate.open(5).await?;
    for request in requests {
        request.seen().await?;
    }
    let kept = browser.play(keys.map(get)).await?.seen;
    ensure_eq!(kept.iter().filter(|value| !value.is_null()).count(), 1, "keys that are kept");
    Ok(())
}

async fn two_first_visits_at_a_time_have_two_sessions(it: Subject) -> Outcome {
    let (site, browser) = it.browser(express()).await?;
    let gate = site.gate("first");
    let requests = [1, 2].map(|n| browser.start("/play", [insert("n", n), gate.pause()]));
    gate.arrived(2).await?;
    gate.open(2).await?;
    for request in requests {
        request.seen().await?;
    }
    ensure_eq!(site.records().await?.len(), 2, "records");
    ensure_eq!(browser.jar().count(site.cookie_name()), 1, "cookies that the browser keeps");
    Ok(())
}

async fn a_slow_reader_does_not_bring_back_a_destroyed_session(it: Subject) -> Outcome {
    for options in [express(), express().max_age(MINUTE), express().max_age(MINUTE).rolling()] {
        let crossed = crossed(&it, options, [get("n"), Step::Touch], [Step::Destroy], &["n"]).await?;
        ensure_eq!(crossed.slow.status, 200, "the slow reader's status");
        ensure_eq!((crossed.old_cookie, crossed.records), (vec![Value::Null], 0), "what is left");
    }
    Ok(())
}

/// A slow request that writes, and a fast one that ends the session.
async fn revived(it: &Subject, options: Options, slow: impl IntoIterator<Item = Step>) -> Outcome {
    let crossed = crossed(it, options, slow, [Step::Destroy], &["n"]).await?;
    match it.on_purpose(Difference::NoResurrection) {
        Side::Ours => {
            ensure!(crossed.slow.set_cookies().is_empty(), "the slow request sets a cookie");
            ensure_eq!(crossed.records, 0, "records");
            ensure_eq!(crossed.old_cookie, [Value::Null], "the value under the old cookie");
        }
        Side::Express => ensure_eq!(crossed.records, 1, "records"),
    }
    Ok(())
}

async fn a_slow_write_does_not_bring_back_a_destroyed_session(it: Subject) -> Outcome {
    revived(&it, express(), [insert("n", 2)]).await?;
    revived(&it, express().max_age(MINUTE).rolling(), [insert("n", 2)]).await
}

async fn a_slow_resave_does_not_bring_back_a_destroyed_session(it: Subject) -> Outcome {
    revived(&it, express().resave(), [get("n")]).await
}

async fn a_slow_save_does_not_bring_back_a_destroyed_session(it: Subject) -> Outcome {
    let (site, browser) = it.begun(express(), [insert("n", 1)]).await?;
    let gate = site.gate("slow");
    let slow = browser.start("/play", [gate.pause(), insert("n", 2), attempt(Step::Save)]);
    gate.arrived(1).await?;
    browser.play([Step::Destroy]).await?;
    gate.open(1).await?;
    let page = slow.page().await?;
    match it.on_purpose(Difference::NoResurrection) {
        Side::Ours => {
            // The handler is told, and so is the client at the end.
            ensure_eq!((page.status, site.records().await?.len()), (409, 0), "the status and the records");
        }
        Side::Express => {
            ensure_eq!((page.status, site.records().await?.len()), (200, 1), "the status and the records")
        }
    }
    Ok(())
}

async fn a_slow_write_does_not_bring_back_a_regenerated_session(it: Subject) -> Outcome {
    let fast = [Step::Regenerate, insert("user", "ann")];
    let crossed = crossed(&it, express(), [insert("n", 2)], fast, &["n", "user"]).await?;
    ensure_eq!(crossed.new_cookie, [Value::Null, json!("ann")], "the regenerated session");
    let old = match it.on_purpose(Difference::NoResurrection) {
        Side::Ours => [Value::Null, Value::Null],
        Side::Express => [json!(2), Value::Null],
    };
    ensure_eq!(crossed.old_cookie, old, "the old session");
    Ok(())
}

async fn a_slow_regeneration_after_a_destruction(it: Subject) -> Outcome {
    let (site, browser) = it.begun(express(), [insert("n", 1)]).await?;
    let gate = site.gate("slow");
    let slow = browser.start("/play", [gate.pause(), Step::Regenerate, insert("m", 1)]);
    gate.arrived(1).await?;
    browser.play([Step::Destroy]).await?;
    gate.open(1).await?;
    slow.page().await?;
    let records = match it.on_purpose(Difference::NoResurrection) {
        Side::Ours => 0,
        Side::Express => 1,
    };
    ensure_eq!(site.records().await?.len(), records, "records");
    Ok(())
}

async fn destroying_a_session_twice_at_a_time_ends_it(it: Subject) -> Outcome {
    let crossed = crossed(&it, express(), [get("n"), Step::Destroy], [Step::Destroy], &["n"]).await?;
    ensure_eq!(crossed.slow.status, 200, "the slow request's status");
    ensure_eq!((crossed.old_cookie, crossed.records), (vec![Value::Null], 0), "what is left");
    Ok(())
}

async fn a_write_on_its_way_does_not_hold_up_readers(it: Subject) -> Outcome {
    let (site, browser) = it.begun(express(), [insert("n", 1)]).await?;
    site.hold(Verb::Write).await?;
    let slow = browser.start("/play", [insert("n", 2)]);
    site.held(1).await?;
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(1)], "the value while the store writes");
    site.release().await?;
    slow.seen().await?;
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(2)], "the value then");
    Ok(())
}

async fn a_slow_request_does_not_hold_up_others(it: Subject) -> Outcome {
    let (site, browser) = it.begun(express(), [insert("n", 1)]).await?;
    let gate = site.gate("slow");
    let slow = browser.start("/play", [insert("slow", 1), gate.pause()]);
    gate.arrived(1).await?;
    for n in 2..=4 {
        ensure_eq!(browser.play([count("n")]).await?.seen, [json!(n)], "the count of the fast requests");
    }
    gate.open(1).await?;
    slow.seen().await?;
    Ok(())
}

/// A slow request with the old cookie must not set a cookie that takes the place of the regenerated session's.
async fn a_late_write_goes_to_the_regenerated_session_of_nobody(it: Subject) -> Outcome {
    let fast = [Step::Regenerate, insert("user", "ann")];
    let crossed = crossed(&it, express().max_age(MINUTE), [insert("n", 2)], fast, &["user"]).await?;
    match it.on_purpose(Difference::NoResurrection) {
        Side::Ours => {
            ensure_eq!(
                (crossed.slow.status, crossed.slow.set_cookies().len()),
                (409, 0),
                "the slow request's answer"
            );
            ensure_eq!(crossed.new_cookie, [json!("ann")], "the browser's session");
        }
        // The browser is back in the session that it had before, and anonymous.
        Side::Express => ensure_eq!(crossed.new_cookie, [Value::Null], "the browser's session"),
    }
    Ok(())
}

async fn a_request_on_an_ended_session_does_not_hurt_a_new_one(it: Subject) -> Outcome {
    let (site, browser) = it.begun(express(), [insert("n", 1)]).await?;
    let gate = site.gate("slow");
    let slow = browser.start("/play", [get("n"), gate.pause()]);
    gate.arrived(1).await?;
    browser.play([Step::Destroy]).await?;
    browser.play([insert("n", 2)]).await?;
    gate.open(1).await?;
    slow.page().await?;
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(2)], "the new session's value");
    Ok(())
}
