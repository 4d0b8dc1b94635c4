//! What is stored: the record of express-session, to the letter, so that both can serve one site.

use serde_json::{Value, json};

use super::{HOUR, MINUTE, promises};
use crate::adapter::client::Request;
use crate::adapter::difference::{Difference, Side};
use crate::adapter::options::{Options, Proxy, express};
use crate::adapter::subject::{Server, Subject};
use crate::failure::{Failure, Outcome};
use crate::script::step::Step;
use crate::script::step::steps::{count, get, insert, max_age, remove};

promises! {
    both a_record_holds_the_cookie_and_the_data;
    both a_record_with_a_life_holds_its_length_and_its_end;
    both a_record_holds_the_cookies_attributes;
    both a_record_holds_the_automatic_attributes_as_they_were_decided;
    both a_record_holds_a_life_of_its_own;
    both a_record_holds_keys_in_their_order;
    both a_record_holds_text_as_it_is;
    both a_record_is_kept_under_the_id;
    both a_record_that_was_written_again_has_moved_its_end;
    both a_record_of_an_older_version_is_read;
    both a_record_whose_cookie_lacks_members_has_the_defaults_for_them;
    both a_record_whose_cookie_says_false_for_its_life_is_read;
    both a_record_with_nulls_for_attributes_is_read;
    both a_record_with_unknown_attributes_is_read;
    both a_record_with_a_stale_end_is_read;
    both a_record_keeps_what_it_holds_when_it_is_changed;
    both a_records_attributes_come_before_those_of_the_policy;
    both a_record_without_a_cookie differs UnreadableRecord;
    both a_record_that_is_no_object differs UnreadableRecord;
    both a_record_that_is_gone_is_no_session;
}

const ID: &str = "id-of-a-session-whose-record-counts";

/// The record's text after a first request with these steps.
async fn written(it: &Subject, options: Options, steps: impl IntoIterator<Item = Step>) -> Outcome<String> {
    let (site, browser) = it.browser(options).await?;
    browser.play(steps).await?;
    Ok(site.record().await?.text)
}

async fn a_record_holds_the_cookie_and_the_data(it: Subject) -> Outcome {
    let text = written(&it, express(), [insert("views", 1)]).await?;
    let expected =
        r#"{"cookie":{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"},"views":1}"#;
    ensure_eq!(text, expected, "the record");
    Ok(())
}

async fn a_record_with_a_life_holds_its_length_and_its_end(it: Subject) -> Outcome {
    let text = written(&it, express().max_age(MINUTE), [insert("views", 1)]).await?;
    let expected = r#"{"cookie":{"originalMaxAge":60000,"expires":"2030-01-01T00:01:00.000Z","httpOnly":true,"path":"/"},"views":1}"#;
    ensure_eq!(text, expected, "the record");
    Ok(())
}

async fn a_record_holds_the_cookies_attributes(it: Subject) -> Outcome {
    let options = express()
        .max_age(HOUR)
        .domain("shop.example")
        .path("/play")
        .secure("always")
        .partitioned()
        .priority("high")
        .same_site("strict");
    let text = written(&it, options, [insert("n", 1)]).await?;
    let expected = r#"{"cookie":{"originalMaxAge":3600000,"partitioned":true,"priority":"high","expires":"2030-01-01T01:00:00.000Z","secure":true,"httpOnly":true,"domain":"shop.example","path":"/play","sameSite":"strict"},"n":1}"#;
    ensure_eq!(text, expected, "the record");
    Ok(())
}

async fn a_record_holds_the_automatic_attributes_as_they_were_decided(it: Subject) -> Outcome {
    let options = express().secure("auto").same_site("auto").proxy(Proxy::Everybody);
    let (site, browser) = it.browser(options).await?;
    browser.send(Request::get("/play").https().steps([insert("n", 1)])).await?.expect(200)?;
    let cookie = site.record().await?.payload["cookie"].clone();
    ensure_eq!((&cookie["secure"], &cookie["sameSite"]), (&json!(true), &json!("none")), "what is decided");
    Ok(())
}

async fn a_record_holds_a_life_of_its_own(it: Subject) -> Outcome {
    let text = written(&it, express().max_age(MINUTE), [max_age(HOUR), insert("n", 1)]).await?;
    let begin = r#"{"cookie":{"originalMaxAge":3600000,"expires":"2030-01-01T01:00:00.000Z","#;
    ensure!(text.starts_with(begin), "the record is {text}");
    Ok(())
}

async fn a_record_holds_keys_in_their_order(it: Subject) -> Outcome {
    let (site, browser) = it.browser(express()).await?;
    browser
        .play([insert("b", 1), insert("2", 1), insert("a", json!({ "y": 1, "z": [] })), insert("1", 1)])
        .await?;
    browser.play([remove("b"), insert("b", 2), insert("2", 2)]).await?;
    let text = site.record().await?.text;
    let expected = r#"{"1":1,"2":2,"cookie":{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"},"a":{"y":1,"z":[]},"b":2}"#;
    ensure_eq!(text, expected, "the record");
    Ok(())
}

async fn a_record_holds_text_as_it_is(it: Subject) -> Outcome {
    let text = written(&it, express(), [insert("ä", "世界 \u{1f36a} \"\\ \n\t\u{1}/</script>")]).await?;
    let end = "\"ä\":\"世界 \u{1f36a} \\\"\\\\ \\n\\t\\u0001/</script>\"}";
    ensure!(text.ends_with(end), "the record is {text}");
    Ok(())
}

async fn a_record_is_kept_under_the_id(it: Subject) -> Outcome {
    let (site, _browser) = it.begun(express().ids(&[ID]), [insert("n", 1)]).await?;
    ensure_eq!(site.record().await?.key, ID, "the key");
    Ok(())
}

async fn a_record_that_was_written_again_has_moved_its_end(it: Subject) -> Outcome {
    let (site, browser) = it.begun(express().max_age(MINUTE), [count("n")]).await?;
    site.wait(MINUTE / 2).await?;
    browser.play([count("n")]).await?;
    let cookie = site.record().await?.payload["cookie"].clone();
    ensure_eq!(cookie["expires"], json!("2030-01-01T00:01:30.000Z"), "the end");
    ensure_eq!(cookie["originalMaxAge"], json!(60000), "the life");
    Ok(())
}

/// A server whose record for a cookie is this text, and the cookie.
async fn planted(it: &Subject, options: Options, payload: &str) -> Outcome<(Server, String)> {
    let (site, browser) = it.begun(options.ids(&[ID]), [insert("n", 0)]).await?;
    site.plant(ID, payload).await?;
    let cookie = browser.session_cookie().ok_or_else(|| Failure::new("no cookie is set"))?;
    Ok((site.clone(), site.cookie_of(&cookie)))
}

async fn is_read(it: &Subject, payload: &str) -> Outcome {
    let (site, cookie) = planted(it, express(), payload).await?;
    ensure_eq!(site.with_cookie(cookie, [get("n")]).await?.seen, [json!(7)], "the value of {payload}");
    Ok(())
}

async fn a_record_of_an_older_version_is_read(it: Subject) -> Outcome {
    is_read(&it, r#"{"cookie":{},"n":7}"#).await?;
    is_read(&it, r#"{"n":7,"cookie":{"path":"/"}}"#).await
}

/// Every subset of the members.
async fn a_record_whose_cookie_lacks_members_has_the_defaults_for_them(it: Subject) -> Outcome {
    let members = [
        r#""originalMaxAge":60000,"expires":"2030-01-01T00:01:00.000Z""#,
        r#""httpOnly":false"#,
        r#""path":"/play""#,
        r#""domain":"shop.example""#,
        r#""sameSite":"lax""#,
        r#""priority":"high""#,
    ];
    // The policy's own are others, and count for new sessions only.
    let options = || express().rolling().http_only(false).same_site("strict").path("/play").max_age(HOUR);
    let (site, cookie) = planted(&it, options(), "{}").await?;
    for subset in 0..1_u32 << members.len() {
        let has = |at: usize| subset & (1 << at) != 0;
        let present: Vec<_> = (0..members.len()).filter(|&at| has(at)).map(|at| members[at]).collect();
        site.plant(ID, &format!(r#"{{"cookie":{{{}}},"n":7}}"#, present.join(","))).await?;
        let page = site.with_cookie(&cookie, [get("n")]).await?;
        ensure_eq!(page.seen, [json!(7)], "the value with {present:?}");
        let attributes = page.cookie(site.cookie_name())?.map(|cookie| cookie.attributes).unwrap_or_default();
        let expected: Vec<_> = [
            has(3).then_some("Domain=shop.example"),
            Some(if has(2) { "Path=/play" } else { "Path=/" }),
            has(0).then_some("Expires=Tue, 01 Jan 2030 00:01:00 GMT"),
            (!has(1)).then_some("HttpOnly"),
            has(5).then_some("Priority=High"),
            has(4).then_some("SameSite=Lax"),
        ]
        .into_iter()
        .flatten()
        .collect();
        ensure_eq!(attributes, expected.join("; "), "the attributes with {present:?}");
    }
    Ok(())
}

/// What `expires: false` in a policy makes of it.
async fn a_record_whose_cookie_says_false_for_its_life_is_read(it: Subject) -> Outcome {
    is_read(&it, r#"{"cookie":{"originalMaxAge":false,"expires":false,"httpOnly":true,"path":"/"},"n":7}"#)
        .await
}

async fn a_record_with_nulls_for_attributes_is_read(it: Subject) -> Outcome {
    is_read(
        &it,
        r#"{"cookie":{"originalMaxAge":null,"partitioned":null,"priority":null,"expires":null,"secure":null,"httpOnly":true,"domain":null,"path":"/","sameSite":null},"n":7}"#,
    )
    .await
}

async fn a_record_with_unknown_attributes_is_read(it: Subject) -> Outcome {
    is_read(&it, r#"{"cookie":{"path":"/","invented":{"deep":[1]},"sameSite":true},"n":7}"#).await
}

/// The end in the text is what a touch leaves behind; the store's own counts. (express-session's MemoryStore has no other,
/// so the text names one in the future here.)
async fn a_record_with_a_stale_end_is_read(it: Subject) -> Outcome {
    is_read(
        &it,
        r#"{"cookie":{"originalMaxAge":60000,"expires":"2030-01-01T00:00:30.000Z","path":"/"},"n":7}"#,
    )
    .await
}

async fn a_record_keeps_what_it_holds_when_it_is_changed(it: Subject) -> Outcome {
    let payload = r#"{"cookie":{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"},"big":12345678901234567,"half":1.5,"nested":{"cookie":{"a":1}},"n":7}"#;
    let (site, cookie) = planted(&it, express(), payload).await?;
    site.with_cookie(cookie, [count("n")]).await?;
    let after = site.record().await?.payload;
    ensure_eq!(
        (&after["half"], &after["nested"]),
        (&json!(1.5), &json!({ "cookie": { "a": 1 } })),
        "the others"
    );
    ensure_eq!(after["n"], json!(8), "the count");
    Ok(())
}

async fn a_records_attributes_come_before_those_of_the_policy(it: Subject) -> Outcome {
    let payload = r#"{"cookie":{"originalMaxAge":60000,"expires":"2030-01-01T00:01:00.000Z","httpOnly":false,"path":"/","sameSite":"lax"},"n":7}"#;
    let (site, cookie) = planted(&it, express().max_age(HOUR).same_site("strict"), payload).await?;
    let page = site.with_cookie(cookie, [count("n")]).await?;
    let attributes = page.cookie(site.cookie_name())?.map(|cookie| cookie.attributes);
    let expected = "Path=/; Expires=Tue, 01 Jan 2030 00:01:00 GMT; SameSite=Lax";
    ensure_eq!(attributes.as_deref(), Some(expected), "the attributes");
    Ok(())
}

/// A record that cannot be read: what a request for it gets, twice.
async fn unreadable(it: &Subject, payload: &str) -> Outcome {
    let (site, cookie) = planted(it, express(), payload).await?;
    for _ in 0..2 {
        let request = Request::get("/play").cookie(&cookie).steps([get("n")]);
        let page = site.browser().send(request).await?;
        match it.on_purpose(Difference::UnreadableRecord) {
            Side::Ours => {
                ensure_eq!((page.status, page.seen), (200, vec![Value::Null]), "what is seen of {payload}");
                ensure_eq!(site.record().await?.text, payload, "the record, which is left as it is");
            }
            Side::Express => ensure_eq!(page.status, 500, "the status for {payload}"),
        }
    }
    Ok(())
}

async fn a_record_without_a_cookie(it: Subject) -> Outcome {
    unreadable(&it, r#"{"n":7}"#).await
}

async fn a_record_that_is_no_object(it: Subject) -> Outcome {
    unreadable(&it, r#"["n",7]"#).await
}

async fn a_record_that_is_gone_is_no_session(it: Subject) -> Outcome {
    let (site, browser) = it.begun(express(), [insert("n", 1)]).await?;
    let key = site.record().await?.key;
    site.forget().await?;
    ensure_eq!(browser.play([get("n")]).await?.seen, [Value::Null], "the value");
    ensure_eq!(browser.play([count("n")]).await?.seen, [json!(1)], "the count");
    ensure!(site.record().await?.key != key, "the id is the old one");
    Ok(())
}
