//! Browsers that are closed while their request is on its way, and those who come after them.

use std::time::Duration;

use serde_json::{Value, json};

use super::promises;
use crate::adapter::client::wire::Connection;
use crate::adapter::client::{Browser, Request};
use crate::adapter::options::safe;
use crate::adapter::subject::{Server, Subject};
use crate::failure::Outcome;
use crate::script::step::Step;
use crate::script::step::steps::{count, fill, get, insert, login};
use crate::store::together;

promises! {
    ours browsers_that_leave_in_mid_request_are_noticed_by_nobody;
    ours a_browser_that_left_finds_its_session_or_the_one_it_asked_for;
    ours browsers_that_are_slower_than_the_server_hold_up_nobody;
}

/// How many leave, and how many of them are there at a time.
const LEAVING: u64 = 200;
const AT_A_TIME: usize = 20;

/// How many look at once: more than a store has connections.
const READERS: u64 = 12;

/// How many are slow, and how often those who only look on do so.
const SLOW: usize = 40;
const LOOKS: usize = 10;

async fn browsers_that_leave_in_mid_request_are_noticed_by_nobody(it: Subject) -> Outcome {
    let (site, _) = it.browser(safe()).await?;
    let before = bystanders(&site, "before", 8).await?;
    let all: Vec<u64> = (0..LEAVING).collect();
    for some in all.chunks(AT_A_TIME) {
        together(some.iter().map(|&n| leaves(site.browser(), n))).await?;
    }
    all_see_theirs(&before, "before").await?;
    together((0..10).map(|n| comes_after(site.clone(), n))).await.map(drop)
}

/// Signs in, asks for one more change, and is closed before the answer comes.
async fn leaves(browser: Browser, n: u64) -> Outcome {
    browser.play([login("ann"), insert("n", n)]).await?;
    let step = match n % 4 {
        0 => Step::Renew,
        1 => login("bob"),
        2 => insert("n", 0),
        _ => Step::Logout,
    };
    browser.start("/play", [step]).leave_after(Duration::from_micros(n * 20)).await;
    Ok(())
}

/// What this one does is seen by every request that comes with its cookie.
async fn comes_after(site: Server, n: u64) -> Outcome {
    let browser = site.browser();
    browser.play([login("cleo"), insert("n", n)]).await?;
    let cookie = site.cookie_of(&browser.session_cookie().unwrap_or_default());
    for seen in all_see(&site, &cookie).await? {
        ensure_eq!(seen, [json!("cleo"), json!(n)], "what a request finds after a login");
    }
    browser.play([Step::Logout]).await?;
    for seen in all_see(&site, &cookie).await? {
        ensure_eq!(seen, [Value::Null, Value::Null], "what a request finds after a logout");
    }
    Ok(())
}

async fn all_see(site: &Server, cookie: &str) -> Outcome<Vec<Vec<Value>>> {
    let readers = (0..READERS).map(|_| {
        let (site, cookie) = (site.clone(), cookie.to_owned());
        async move { Ok(site.with_cookie(cookie, [Step::Owner, get("n")]).await?.seen) }
    });
    together(readers).await
}

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

/// Whoever left while a change was on its way finds it made, or not made, and either way for good.
async fn a_browser_that_left_finds_its_session_or_the_one_it_asked_for(it: Subject) -> Outcome {
    let (site, _) = it.browser(safe()).await?;
    let leavers = bystanders(&site, "leaver", SLOW).await?;
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
    let slow = bystanders(&site, "slow", SLOW).await?;
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
