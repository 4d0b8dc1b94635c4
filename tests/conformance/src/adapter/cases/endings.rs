//! Sessions that outlive the handler's return, or its end: bodies in pieces, handles that are kept, clients that leave,
//! handlers that panic.

use serde_json::json;

use super::promises;
use crate::adapter::client::Request;
use crate::adapter::client::wire::Connection;
use crate::adapter::difference::{Difference, Side};
use crate::adapter::options::express;
use crate::adapter::subject::Subject;
use crate::failure::{Failure, Outcome};
use crate::script::step::Step;
use crate::script::step::steps::{count, fill, get, insert};

promises! {
    both a_body_in_pieces_comes_with_the_cookie needs Stream;
    both a_body_in_pieces_is_whole needs Stream;
    both a_session_is_saved_before_the_first_piece differs SavedFirst needs Stream;
    both a_session_in_a_body_in_pieces differs LateHandle needs Stream;
    both a_session_kept_past_the_response differs LateHandle;
    both a_client_that_leaves_finds_a_whole_session;
    ours a_handler_that_panics_leaves_the_session_as_it_was needs Panic;
    ours a_server_survives_a_handler_that_panics needs Panic;
}

async fn a_body_in_pieces_comes_with_the_cookie(it: Subject) -> Outcome {
    let (_site, browser) = it.browser(express()).await?;
    let pieces = Step::Stream(vec![Step::HasSession, Step::HasSession]);
    browser.visit("/stream", [insert("n", 1), pieces]).await?.expect(200)?;
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(1)], "the value");
    Ok(())
}

async fn a_body_in_pieces_is_whole(it: Subject) -> Outcome {
    let (_site, browser) = it.browser(express()).await?;
    let pieces = Step::Stream(vec![Step::HasSession; 100]);
    let page = browser.visit("/stream", [insert("n", 1), pieces]).await?.expect(200)?;
    ensure_eq!(page.text(), "[true]\n".repeat(100), "the body");
    Ok(())
}

async fn a_session_is_saved_before_the_first_piece(it: Subject) -> Outcome {
    let (site, browser) = it.browser(express()).await?;
    let gate = site.gate("stream");
    let mut connection = site.connect().await?;
    let pieces = Step::Stream(vec![Step::HasSession, gate.pause(), Step::HasSession]);
    let request = Request::get("/stream").steps([insert("n", 1), pieces]);
    connection.send(&browser.message(request.clone()), Connection::LAST).await?;
    let head = connection.head().await?.ok_or_else(|| Failure::new("there is no response"))?.expect(200)?;
    browser.keep(&request, &head);
    gate.arrived(1).await?;
    let meanwhile = browser.play([get("n")]).await?.seen;
    gate.open(1).await?;
    while connection.chunk().await?.is_some() {}
    match it.on_purpose(Difference::SavedFirst) {
        Side::Ours => ensure_eq!(meanwhile, [json!(1)], "the value while the body is sent"),
        Side::Express => ensure_eq!(meanwhile, [json!(null)], "the value while the body is sent"),
    }
    Ok(())
}

async fn a_session_in_a_body_in_pieces(it: Subject) -> Outcome {
    let (site, browser) = it.browser(express()).await?;
    let gate = site.gate("stream");
    let pieces = Step::Stream(vec![gate.pause(), insert("n", 2)]);
    let slow = browser.start("/stream", [insert("n", 1), pieces]);
    gate.arrived(1).await?;
    gate.open(1).await?;
    let text = slow.page().await?.text();
    let (told, value) = match it.on_purpose(Difference::LateHandle) {
        Side::Ours => (r#"[{"error":"finished"}]"#, 1),
        Side::Express => ("[null]", 2),
    };
    ensure_eq!(text.lines().nth(1), Some(told), "what the late change is told");
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(value)], "the value");
    Ok(())
}

async fn a_session_kept_past_the_response(it: Subject) -> Outcome {
    let (site, browser) = it.browser(express()).await?;
    let gate = site.gate("kept");
    browser.play([insert("n", 1), gate.keep([get("n"), insert("n", 2), Step::Save])]).await?;
    gate.arrived(1).await?;
    gate.open(1).await?;
    let told = gate.report().await?;
    let (expected, value) = match it.on_purpose(Difference::LateHandle) {
        Side::Ours => (json!([{ "error": "finished" }, { "error": "finished" }, { "error": "finished" }]), 1),
        Side::Express => (json!([1, null, null]), 2),
    };
    ensure_eq!(told, expected, "what the late handle is told");
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(value)], "the value");
    Ok(())
}

async fn a_client_that_leaves_finds_a_whole_session(it: Subject) -> Outcome {
    let (site, browser) = it.begun(express(), [insert("a", 1), insert("b", 1), fill("pad", 10_000)]).await?;
    for _ in 0..5 {
        let gate = site.gate("left");
        let mut connection = site.connect().await?;
        let request = Request::get("/play").steps([insert("a", 2), insert("b", 2), gate.pause()]);
        connection.send(&browser.message(request), Connection::LAST).await?;
        gate.arrived(1).await?;
        drop(connection);
        gate.open(1).await?;
        let seen = browser.play([get("a"), get("b")]).await?.seen;
        ensure_eq!(seen[0], seen[1], "the two values");
    }
    ensure_eq!(browser.play([insert("a", 3), get("a")]).await?.seen[1], json!(3), "the value");
    ensure_eq!(site.records().await?.len(), 1, "records");
    Ok(())
}

async fn a_handler_that_panics_leaves_the_session_as_it_was(it: Subject) -> Outcome {
    let (site, browser) = it.begun(express(), [insert("n", 1)]).await?;
    site.calls().await?;
    let page = browser.visit("/play", [insert("n", 2), Step::Panic]).await?;
    ensure!(matches!(page.status, 0 | 500), "the status is {}", page.status);
    ensure!(page.set_cookies().is_empty(), "a cookie is set");
    ensure_eq!(site.calls().await?.write, 0, "writes");
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(1)], "the value");
    // A session that began in the request is not begun, one that ended is not ended.
    site.browser().visit("/play", [insert("n", 1), Step::Panic]).await?;
    browser.visit("/play", [Step::Destroy, Step::Panic]).await?;
    ensure_eq!(
        browser.play([get("n")]).await?.seen,
        [json!(1)],
        "the value after a destruction that was not"
    );
    ensure_eq!(site.records().await?.len(), 1, "records");
    Ok(())
}

async fn a_server_survives_a_handler_that_panics(it: Subject) -> Outcome {
    let (_site, browser) = it.browser(express()).await?;
    for n in 1..=5 {
        browser.visit("/play", [count("n"), Step::Panic]).await?;
        ensure_eq!(browser.play([count("n")]).await?.seen, [json!(n)], "the count");
    }
    Ok(())
}
