//! Browsers that leave in the middle of a request, and browsers that are slow: nobody else notices.
//!
//! A server that notices the end of a connection drops what it was doing, wherever that was: also inside the store.

use std::time::Duration;

use serde_json::{Value, json};

use super::promises;
use crate::adapter::client::wire::Connection;
use crate::adapter::client::{Browser, Request};
use crate::adapter::options::safe;
use crate::adapter::subject::Server;
use crate::adapter::subject::Subject;
use crate::failure::{Failure, Outcome};
use crate::script::step::Step;
use crate::script::step::steps::{count, fill, get, insert, login};

promises! {
    ours browsers_that_leave_in_the_middle_of_a_request_are_noticed_by_nobody;
    ours a_browser_that_left_finds_its_session_or_the_one_it_asked_for;
    ours browsers_that_are_slower_than_the_server_hold_up_nobody;
}

/// Browsers that leave. They come in groups, as many as wait for the store's connections at a time.
const LEAVERS: usize = 400;
const AT_ONCE: usize = 40;
/// How often a session is looked at. A store has several connections, and each must show the same.
const LOOKS: usize = 10;

/// Sessions whose owners only look on.
async fn bystanders(site: &Server, name: &str, number: usize) -> Outcome<Vec<Browser>> {
    let all: Vec<_> = (0..number).map(|_| site.browser()).collect();
    let begin = |(n, browser): (usize, &Browser)| {
        browser.start("/play", [login(&format!("{name}{n}")), insert("n", json!(n))])
    };
    for begun in all.iter().enumerate().map(begin).collect::<Vec<_>>() {
        begun.seen().await?;
    }
    Ok(all)
}

/// Each of them sees its own session, at the same time as the others, whichever of the store's connections is asked.
async fn all_see_theirs(all: &[Browser], name: &str) -> Outcome {
    for _ in 0..LOOKS {
        let looks: Vec<_> =
            all.iter().map(|browser| browser.start("/play", [Step::Owner, get("n")])).collect();
        for (n, look) in looks.into_iter().enumerate() {
            ensure_eq!(look.seen().await?, [json!(format!("{name}{n}")), json!(n)], "a session of {name}");
        }
    }
    Ok(())
}

/// Sends a request, and closes the connection so many milliseconds later.
async fn leave(site: &Server, browser: &Browser, step: Step, after: u64) -> Outcome {
    let mut connection = site.connect().await?;
    let message = browser.message(Request::get("/play").steps([step]));
    connection.send(&message, Connection::LAST).await?;
    tokio::time::sleep(Duration::from_millis(after)).await;
    Ok(())
}

/// What a browser asks for before it leaves.
fn asked(number: usize) -> Step {
    match number % 4 {
        0 => Step::Renew,
        1 => login("somebody"),
        2 => insert("n", "changed"),
        _ => Step::Logout,
    }
}

async fn browsers_that_leave_in_the_middle_of_a_request_are_noticed_by_nobody(it: Subject) -> Outcome {
    let (site, _) = it.browser(safe()).await?;
    let before = bystanders(&site, "before", 8).await?;
    for group in 0..LEAVERS / AT_ONCE {
        let leavers = bystanders(&site, "leaver", AT_ONCE).await?;
        let leaving: Vec<_> = (0..AT_ONCE)
            .map(|n| {
                let (site, browser) = (site.clone(), leavers[n].clone());
                let after = u64::try_from((n + group) % 5).unwrap_or(0);
                tokio::spawn(async move { leave(&site, &browser, asked(n + group), after).await })
            })
            .collect();
        for left in leaving {
            left.await.map_err(|error| Failure::new(format!("a browser broke: {error}")))??;
        }
    }
    all_see_theirs(&before, "before").await?;
    let after = bystanders(&site, "after", 8).await?;
    all_see_theirs(&after, "after").await?;
    for browser in before.iter().chain(&after) {
        let cookie = site.cookie_of(&browser.session_cookie().unwrap_or_default());
        browser.play([Step::Logout]).await?;
        for _ in 0..LOOKS {
            let seen = site.with_cookie(&cookie, [Step::Owner]).await?.seen;
            ensure_eq!(seen, [Value::Null], "who is signed in by a cookie whose session has ended");
        }
    }
    Ok(())
}

/// Whoever left while a change was on its way finds it made, or not made, and either way for good.
async fn a_browser_that_left_finds_its_session_or_the_one_it_asked_for(it: Subject) -> Outcome {
    let (site, _) = it.browser(safe()).await?;
    let leavers = bystanders(&site, "leaver", AT_ONCE).await?;
    for (n, browser) in leavers.iter().enumerate() {
        let step = if n % 2 == 0 { count("left") } else { Step::Logout };
        leave(&site, browser, step, u64::try_from(n % 5).unwrap_or(0)).await?;
    }
    for (n, browser) in leavers.iter().enumerate() {
        if n % 2 == 1 {
            // The logout may be on its way still, so the user asks for it again: then it is over for certain.
            let cookie = site.cookie_of(&browser.session_cookie().unwrap_or_default());
            browser.play([Step::Logout]).await?;
            let seen = site.with_cookie(&cookie, [Step::Owner]).await?.seen;
            ensure_eq!(seen, [Value::Null], "who is signed in after the second logout");
            continue;
        }
        // Two more counts of its own: the one that was left is in it once, or not at all.
        browser.play([count("left")]).await?;
        let seen = browser.play([count("left"), Step::Owner]).await?.seen;
        ensure!(
            seen[0] == json!(2) || seen[0] == json!(3),
            "two counts and one that was left are {}",
            seen[0]
        );
        ensure_eq!(seen[1], json!(format!("leaver{n}")), "the owner");
    }
    Ok(())
}

/// Browsers that send the half of a request, or do not read what they asked for.
async fn browsers_that_are_slower_than_the_server_hold_up_nobody(it: Subject) -> Outcome {
    let (site, _) = it.browser(safe()).await?;
    let slow = bystanders(&site, "slow", AT_ONCE).await?;
    for browser in &slow {
        // More than the system's buffers for a connection hold is not read until everybody else is done.
        browser.play([fill("long", 60_000)]).await?;
    }
    let mut waiting = Vec::new();
    for browser in &slow {
        let mut connection = site.connect().await?;
        let steps = [Step::Owner, get("long"), Step::Pad(2_000_000)];
        connection.send(&browser.message(Request::get("/play").steps(steps)), Connection::LAST).await?;
        waiting.push(connection);
    }
    let others = bystanders(&site, "other", 8).await?;
    all_see_theirs(&others, "other").await?;
    for browser in &others {
        let cookie = site.cookie_of(&browser.session_cookie().unwrap_or_default());
        browser.play([Step::Logout]).await?;
        ensure_eq!(site.with_cookie(&cookie, [Step::Owner]).await?.seen, [Value::Null], "who is signed in");
    }
    for mut connection in waiting {
        let page = connection.page("GET").await?;
        ensure_eq!((page.status, page.body.len()), (200, 2_000_000), "what a slow browser got in the end");
    }
    all_see_theirs(&slow, "slow").await
}
