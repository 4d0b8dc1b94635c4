//! Secrets: which sign, which verify, and how one follows another.

use serde_json::{Value, json};

use super::{HOUR, promises};
use crate::adapter::client::Request;
use crate::adapter::difference::{Difference, Side};
use crate::adapter::options::{SECRET, express};
use crate::adapter::subject::Subject;
use crate::failure::Outcome;
use crate::script::step::Step;
use crate::script::step::steps::{get, insert};

promises! {
    both a_cookie_of_a_retired_secret_is_accepted;
    both a_cookie_of_the_last_of_many_secrets_is_accepted;
    both a_cookie_of_an_unknown_secret_is_not_accepted;
    both a_cookie_of_a_secret_that_is_no_more_is_not_accepted;
    both new_cookies_are_signed_with_the_first_secret;
    both a_regenerated_session_is_signed_with_the_first_secret;
    both a_changed_session_of_a_retired_secret_with_a_life_is_signed_anew;
    both a_session_of_a_retired_secret_that_was_only_read differs SignedAnew;
    both a_secret_may_be_of_any_length_and_alphabet;
}

const OLD: &str = "the secret that was in use before this one, long enough";
const OLDER: &str = "the secret that was in use before that one, long enough";
const ID: &str = "id-of-a-session-that-changes-secrets";

/// The cookie of a session with this id, signed with a secret.
async fn signed(it: &Subject, secret: &str, id: &str) -> Outcome<String> {
    let (_site, browser) = it.begun(express().secrets(&[secret]).ids(&[id]), [insert("n", 0)]).await?;
    Ok(browser.session_cookie().unwrap_or_default())
}

/// What a server with these secrets finds for the session's cookie, signed with another.
async fn seen_by(it: &Subject, secrets: &[&str], with: &str) -> Outcome<Value> {
    let cookie = signed(it, with, ID).await?;
    let (site, _browser) = it.begun(express().secrets(secrets).ids(&[ID]), [insert("n", 1)]).await?;
    Ok(site.with_cookie(site.cookie_of(&cookie), [get("n")]).await?.seen.remove(0))
}

async fn a_cookie_of_a_retired_secret_is_accepted(it: Subject) -> Outcome {
    ensure_eq!(seen_by(&it, &[SECRET, OLD], OLD).await?, json!(1), "the value");
    Ok(())
}

async fn a_cookie_of_the_last_of_many_secrets_is_accepted(it: Subject) -> Outcome {
    let many: Vec<String> = (0..9).map(|n| format!("secret number {n}, which is long enough, too")).collect();
    let mut secrets: Vec<&str> = many.iter().map(String::as_str).collect();
    secrets.push(OLD);
    ensure_eq!(seen_by(&it, &secrets, OLD).await?, json!(1), "the value");
    Ok(())
}

async fn a_cookie_of_an_unknown_secret_is_not_accepted(it: Subject) -> Outcome {
    ensure_eq!(seen_by(&it, &[SECRET, OLD], OLDER).await?, Value::Null, "the value");
    Ok(())
}

async fn a_cookie_of_a_secret_that_is_no_more_is_not_accepted(it: Subject) -> Outcome {
    ensure_eq!(seen_by(&it, &[SECRET], OLD).await?, Value::Null, "the value");
    Ok(())
}

async fn new_cookies_are_signed_with_the_first_secret(it: Subject) -> Outcome {
    let (_site, browser) =
        it.begun(express().secrets(&[SECRET, OLD, OLDER]).ids(&[ID]), [insert("n", 1)]).await?;
    ensure_eq!(browser.session_cookie(), Some(signed(&it, SECRET, ID).await?), "the cookie");
    Ok(())
}

async fn a_regenerated_session_is_signed_with_the_first_secret(it: Subject) -> Outcome {
    const NEXT: &str = "id-that-the-session-is-given-then";
    let old = signed(&it, OLD, ID).await?;
    let (site, browser) =
        it.begun(express().secrets(&[SECRET, OLD]).ids(&[ID, NEXT]), [insert("n", 1)]).await?;
    let request = Request::get("/play").cookie(site.cookie_of(&old));
    browser.send(request.steps([Step::Regenerate, insert("n", 2)])).await?.expect(200)?;
    ensure_eq!(browser.session_cookie(), Some(signed(&it, SECRET, NEXT).await?), "the cookie");
    Ok(())
}

/// What the browser gets for a session whose cookie a retired secret has signed.
async fn used(it: &Subject, change: bool) -> Outcome<Option<String>> {
    let old = signed(it, OLD, ID).await?;
    let options = express().secrets(&[SECRET, OLD]).ids(&[ID]).max_age(HOUR);
    let (site, _browser) = it.begun(options, [insert("n", 1)]).await?;
    let steps = if change { insert("n", 2) } else { get("n") };
    let page = site.with_cookie(site.cookie_of(&old), [steps]).await?;
    Ok(page.cookie(site.cookie_name())?.map(|cookie| cookie.value))
}

async fn a_changed_session_of_a_retired_secret_with_a_life_is_signed_anew(it: Subject) -> Outcome {
    ensure_eq!(used(&it, true).await?, Some(signed(&it, SECRET, ID).await?), "the cookie");
    Ok(())
}

async fn a_session_of_a_retired_secret_that_was_only_read(it: Subject) -> Outcome {
    let cookie = used(&it, false).await?;
    match it.on_purpose(Difference::SignedAnew) {
        Side::Ours => ensure_eq!(cookie, Some(signed(&it, SECRET, ID).await?), "the cookie"),
        Side::Express => ensure_eq!(cookie, None, "the cookie"),
    }
    Ok(())
}

async fn a_secret_may_be_of_any_length_and_alphabet(it: Subject) -> Outcome {
    let long = "x".repeat(500);
    for secret in ["s", "  ", "geheim: äöü 世界 \u{1f36a}", "\"'\\\u{7f}", &long] {
        let (_site, browser) = it.begun(express().secrets(&[secret]), [insert("n", 1)]).await?;
        ensure_eq!(browser.play([get("n")]).await?.seen, [json!(1)], "the value");
    }
    Ok(())
}
