//! Browsers that are closed while their request is on its way, and those who come after them.

use std::time::Duration;

use serde_json::{Value, json};

use super::promises;
use crate::adapter::client::Browser;
use crate::adapter::options::safe;
use crate::adapter::subject::{Server, Subject};
use crate::failure::Outcome;
use crate::script::step::Step;
use crate::script::step::steps::{get, insert, login};
use crate::store::together;

promises! {
    ours browsers_that_leave_in_mid_request_are_noticed_by_nobody;
}

/// How many leave, and how many of them are there at a time.
const LEAVING: u64 = 200;
const AT_A_TIME: usize = 20;

/// How many look at once: more than a store has connections.
const READERS: u64 = 12;

async fn browsers_that_leave_in_mid_request_are_noticed_by_nobody(it: Subject) -> Outcome {
    let (site, _) = it.browser(safe()).await?;
    let all: Vec<u64> = (0..LEAVING).collect();
    for some in all.chunks(AT_A_TIME) {
        together(some.iter().map(|&n| leaves(site.browser(), n))).await?;
    }
    together((0..10).map(|n| comes_after(site.clone(), n))).await?;
    Ok(())
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
