//! What is taken for a session's cookie, and what is not.

use serde_json::{Value, json};

use super::promises;
use crate::adapter::client::Request;
use crate::adapter::difference::{Difference, Side};
use crate::adapter::options::{SECRET, express};
use crate::adapter::subject::{Server, Subject};
use crate::failure::{Failure, Outcome};
use crate::script::step::Step;
use crate::script::step::steps::{get, insert};

promises! {
    both a_cookie_is_found_among_others;
    both a_cookie_is_found_in_a_second_header;
    both a_cookie_is_found_between_headers_of_others;
    both a_cookie_may_be_quoted;
    both blanks_around_a_cookie_do_not_matter;
    both a_cookie_need_not_be_escaped;
    both a_cookie_is_found_beside_foreign_bytes needs ForeignBytes;
    both a_cookie_is_found_among_a_hundred;
    both a_name_is_compared_letter_by_letter;
    both a_name_is_not_unescaped;
    both a_name_that_ends_alike_is_another;
    both an_unsigned_id_is_no_cookie;
    both a_changed_id_is_no_cookie;
    both a_changed_signature_is_no_cookie;
    both a_shortened_signature_is_no_cookie;
    both a_lengthened_signature_is_no_cookie;
    both a_padded_signature_is_no_cookie;
    both a_signature_in_another_alphabet_is_no_cookie;
    both a_signature_of_another_id_is_no_cookie;
    both a_signature_with_another_secret_is_no_cookie;
    both a_missing_signature_is_no_cookie;
    both a_missing_id_is_no_cookie;
    both an_empty_cookie_is_no_cookie;
    both a_cookie_without_its_mark_is_no_cookie;
    both a_cookie_that_cannot_be_unescaped_is_no_cookie;
    both nonsense_in_the_header_does_no_harm;
    both a_long_header_does_no_harm;
    both an_id_that_was_never_issued_is_not_adopted;
    both an_id_in_the_query_is_not_looked_at;
    both an_id_in_another_header_is_not_looked_at;
    both a_bad_cookie_is_replaced_once_there_is_something_to_keep;
    both the_first_of_two_good_cookies_counts;
    both a_bad_cookie_before_a_good_one differs EveryCookie;
    both a_dead_cookie_before_a_good_one differs EveryCookie;
    both a_cookie_that_does_not_verify_never_reaches_the_store;
    ours a_flood_of_cookies_costs_at_most_eight_questions;
}

/// The id of the session that is looked for.
const ID: &str = "id-of-the-session-that-is-there-0";

/// A server that holds a session with `n` = 1, and the value of its cookie.
async fn there(it: &Subject) -> Outcome<(Server, String)> {
    let (site, browser) = it.begun(express().ids(&[ID]), [insert("n", 1)]).await?;
    let value = browser.session_cookie().ok_or_else(|| Failure::new("no cookie is set"))?;
    site.calls().await?;
    Ok((site, value))
}

/// The value of a cookie for any id, with any secret.
async fn sealed(it: &Subject, secret: &str, id: &str) -> Outcome<String> {
    let (_site, browser) = it.begun(express().secrets(&[secret]).ids(&[id]), [insert("n", 0)]).await?;
    browser.session_cookie().ok_or_else(|| Failure::new("no cookie is set"))
}

/// Whether these `Cookie` headers lead to the session.
async fn leads(site: &Server, headers: &[&[u8]]) -> Outcome<bool> {
    let request = headers.iter().fold(Request::get("/play"), |request, header| request.cookie(header));
    let page = site.browser().send(request.steps([get("n")])).await?.expect(200)?;
    match &page.seen[0] {
        Value::Null => Ok(false),
        value if *value == json!(1) => Ok(true),
        other => Err(Failure::new(format!("another session was found, with {other}"))),
    }
}

async fn found(it: &Subject, header: impl FnOnce(&str) -> String) -> Outcome {
    let (site, value) = there(it).await?;
    let header = header(&value);
    ensure!(leads(&site, &[header.as_bytes()]).await?, "the session is not found by {header}");
    Ok(())
}

/// Neither found nor looked for.
async fn ignored(it: &Subject, header: impl FnOnce(&str) -> String) -> Outcome {
    let (site, value) = there(it).await?;
    let header = header(&value);
    ensure!(!leads(&site, &[header.as_bytes()]).await?, "the session is found by {header}");
    ensure_eq!(site.calls().await?, Default::default(), "what the store is asked for {header}");
    Ok(())
}

async fn a_cookie_is_found_among_others(it: Subject) -> Outcome {
    found(&it, |value| format!("a=1; theme=dark; connect.sid={value}; b=2")).await
}

async fn a_cookie_is_found_in_a_second_header(it: Subject) -> Outcome {
    let (site, value) = there(&it).await?;
    let cookie = site.cookie_of(&value);
    ensure!(leads(&site, &[b"a=1", cookie.as_bytes()]).await?, "the session is not found");
    Ok(())
}

async fn a_cookie_is_found_between_headers_of_others(it: Subject) -> Outcome {
    let (site, value) = there(&it).await?;
    let cookie = site.cookie_of(&value);
    let headers: [&[u8]; 4] = [b"a=1; b=2", b"c=3", cookie.as_bytes(), b"d=4"];
    ensure!(leads(&site, &headers).await?, "the session is not found");
    Ok(())
}

async fn a_cookie_may_be_quoted(it: Subject) -> Outcome {
    found(&it, |value| format!("connect.sid=\"{value}\"")).await
}

async fn blanks_around_a_cookie_do_not_matter(it: Subject) -> Outcome {
    found(&it, |value| format!("a=1 ;   connect.sid = {value}  ; b=2")).await
}

async fn a_cookie_need_not_be_escaped(it: Subject) -> Outcome {
    found(&it, |value| {
        let plain = value.replace("%3A", ":").replace("%2B", "+").replace("%2F", "/");
        format!("connect.sid={plain}")
    })
    .await
}

async fn a_cookie_is_found_beside_foreign_bytes(it: Subject) -> Outcome {
    let (site, value) = there(&it).await?;
    let header = [b"a=\xff\xfe\x80; ".as_slice(), site.cookie_of(&value).as_bytes(), b"; b=\xc3"].concat();
    ensure!(leads(&site, &[&header]).await?, "the session is not found");
    Ok(())
}

async fn a_cookie_is_found_among_a_hundred(it: Subject) -> Outcome {
    found(&it, |value| {
        let others: String = (0..100).map(|n| format!("cookie{n}={n}; ")).collect();
        format!("{others}connect.sid={value}")
    })
    .await
}

async fn a_name_is_compared_letter_by_letter(it: Subject) -> Outcome {
    ignored(&it, |value| format!("Connect.sid={value}; CONNECT.SID={value}")).await
}

async fn a_name_is_not_unescaped(it: Subject) -> Outcome {
    ignored(&it, |value| format!("connect%2Esid={value}; %63onnect.sid={value}")).await
}

async fn a_name_that_ends_alike_is_another(it: Subject) -> Outcome {
    ignored(&it, |value| format!("xconnect.sid={value}; connect.sidx={value}; a=connect.sid={value}")).await
}

async fn an_unsigned_id_is_no_cookie(it: Subject) -> Outcome {
    ignored(&it, |_| format!("connect.sid={ID}")).await
}

async fn a_changed_id_is_no_cookie(it: Subject) -> Outcome {
    ignored(&it, |value| format!("connect.sid={}", value.replacen("id-of", "id-0f", 1))).await
}

async fn a_changed_signature_is_no_cookie(it: Subject) -> Outcome {
    ignored(&it, |value| {
        // The middle of the signature, so that all its bits count.
        let at = value.len() - 10;
        let other = if value.as_bytes()[at] == b'A' { "B" } else { "A" };
        format!("connect.sid={}{other}{}", &value[..at], &value[at + 1..])
    })
    .await
}

async fn a_shortened_signature_is_no_cookie(it: Subject) -> Outcome {
    ignored(&it, |value| format!("connect.sid={}", &value[..value.len() - 1])).await
}

async fn a_lengthened_signature_is_no_cookie(it: Subject) -> Outcome {
    ignored(&it, |value| format!("connect.sid={value}A")).await
}

async fn a_padded_signature_is_no_cookie(it: Subject) -> Outcome {
    ignored(&it, |value| format!("connect.sid={value}%3D")).await
}

/// base64url in place of base64: an id is looked for whose signature shows the difference.
async fn a_signature_in_another_alphabet_is_no_cookie(it: Subject) -> Outcome {
    for n in 0..40 {
        let id = format!("id{n}");
        let (site, browser) = it.begun(express().ids(&[&id]), [insert("n", 1)]).await?;
        let value = browser.session_cookie().unwrap_or_default();
        if !value.contains("%2B") && !value.contains("%2F") {
            continue;
        }
        let header = site.cookie_of(&value.replace("%2B", "-").replace("%2F", "_"));
        ensure!(!leads(&site, &[header.as_bytes()]).await?, "the session is found");
        return Ok(());
    }
    Err(Failure::new("no signature among forty has a sign that the alphabets write differently"))
}

async fn a_signature_of_another_id_is_no_cookie(it: Subject) -> Outcome {
    let other = sealed(&it, SECRET, "id-of-a-session-that-is-not-there").await?;
    ignored(&it, |_| {
        let signature = other.rsplit('.').next().unwrap_or_default();
        format!("connect.sid=s%3A{ID}.{signature}")
    })
    .await
}

async fn a_signature_with_another_secret_is_no_cookie(it: Subject) -> Outcome {
    let other = sealed(&it, "another secret, which this server does not know", ID).await?;
    ignored(&it, |_| format!("connect.sid={other}")).await
}

async fn a_missing_signature_is_no_cookie(it: Subject) -> Outcome {
    ignored(&it, |_| format!("connect.sid=s%3A{ID}.; connect.sid=s%3A{ID}")).await
}

async fn a_missing_id_is_no_cookie(it: Subject) -> Outcome {
    ignored(&it, |value| format!("connect.sid=s%3A.{}", value.rsplit('.').next().unwrap_or_default())).await
}

async fn an_empty_cookie_is_no_cookie(it: Subject) -> Outcome {
    for header in ["connect.sid=", "connect.sid", "connect.sid=\"\"", "connect.sid=s%3A", "connect.sid=."] {
        ignored(&it, |_| header.to_owned()).await?;
    }
    Ok(())
}

async fn a_cookie_without_its_mark_is_no_cookie(it: Subject) -> Outcome {
    for mark in ["", "S%3A", "j%3A", "s%3B", "%20s%3A"] {
        ignored(&it, |value| format!("connect.sid={}", value.replacen("s%3A", mark, 1))).await?;
    }
    Ok(())
}

async fn a_cookie_that_cannot_be_unescaped_is_no_cookie(it: Subject) -> Outcome {
    ignored(&it, |value| format!("connect.sid={value}%; connect.sid=%E0%A4%A")).await
}

async fn nonsense_in_the_header_does_no_harm(it: Subject) -> Outcome {
    let (site, _) = there(&it).await?;
    let nonsense: [&[u8]; 8] =
        [b"=", b";;;", b"=; =;", b"connect.sid", b"{}", b"\"", b"connect.sid=\xff\xff", b"a b c; \t;"];
    for header in nonsense {
        ensure!(!leads(&site, &[header]).await?, "a session is found");
    }
    Ok(())
}

async fn a_long_header_does_no_harm(it: Subject) -> Outcome {
    ignored(&it, |_| format!("connect.sid=s%3A{}.{}", "x".repeat(3000), "y".repeat(3000))).await
}

async fn an_id_that_was_never_issued_is_not_adopted(it: Subject) -> Outcome {
    const CHOSEN: &str = "an-id-that-somebody-else-has-chosen";
    let cookie = sealed(&it, SECRET, CHOSEN).await?;
    let site = it.site(express()).await?;
    let page = site.with_cookie(site.cookie_of(&cookie), [insert("n", 1), Step::Id]).await?;
    ensure!(page.seen[1] != json!(CHOSEN), "the id was adopted");
    ensure!(page.cookie(site.cookie_name())?.is_some_and(|set| set.value != cookie), "the cookie stays");
    ensure!(site.record().await?.key != CHOSEN, "the record has the id that was sent");
    Ok(())
}

async fn an_id_in_the_query_is_not_looked_at(it: Subject) -> Outcome {
    let (site, value) = there(&it).await?;
    let path = format!("/play?connect.sid={value}&sid={ID}&sessionID={ID}");
    let page = site.browser().visit(&path, [get("n")]).await?.expect(200)?;
    ensure_eq!(page.seen, [Value::Null], "the value");
    Ok(())
}

async fn an_id_in_another_header_is_not_looked_at(it: Subject) -> Outcome {
    let (site, value) = there(&it).await?;
    let request = Request::get("/play")
        .line("Authorization", format!("Bearer {value}"))
        .line("X-Session", &value)
        .line("Set-Cookie", format!("connect.sid={value}"))
        .line("Cookie2", format!("connect.sid={value}"));
    let page = site.browser().send(request.steps([get("n")])).await?.expect(200)?;
    ensure_eq!(page.seen, [Value::Null], "the value");
    Ok(())
}

async fn a_bad_cookie_is_replaced_once_there_is_something_to_keep(it: Subject) -> Outcome {
    let (site, browser) = it.browser(express()).await?;
    let bad = || Request::get("/play").cookie("connect.sid=s%3Abad.signature");
    let page = browser.send(bad().steps([get("n")])).await?.expect(200)?;
    ensure_eq!(page.cookie(site.cookie_name())?, None, "the cookie after reading");
    browser.send(bad().steps([insert("n", 1)])).await?.expect(200)?;
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(1)], "the value under the new cookie");
    Ok(())
}

async fn the_first_of_two_good_cookies_counts(it: Subject) -> Outcome {
    let (site, ann) = it.browser(express()).await?;
    let bob = site.browser();
    ann.play([insert("who", "ann")]).await?;
    bob.play([insert("who", "bob")]).await?;
    let cookie = |browser: &crate::adapter::client::Browser| {
        site.cookie_of(&browser.session_cookie().unwrap_or_default())
    };
    let (ann, bob) = (cookie(&ann), cookie(&bob));
    for (header, who) in [(format!("{ann}; {bob}"), "ann"), (format!("{bob}; {ann}"), "bob")] {
        ensure_eq!(site.with_cookie(header, [get("who")]).await?.seen, [json!(who)], "whose session it is");
    }
    Ok(())
}

async fn behind(it: &Subject, first: &str) -> Outcome {
    let (site, value) = there(it).await?;
    let header = format!("connect.sid={first}; connect.sid={value}");
    let is_found = leads(&site, &[header.as_bytes()]).await?;
    match it.on_purpose(Difference::EveryCookie) {
        Side::Ours => ensure!(is_found, "the good cookie is not looked at"),
        Side::Express => ensure!(!is_found, "the good cookie is looked at"),
    }
    Ok(())
}

async fn a_bad_cookie_before_a_good_one(it: Subject) -> Outcome {
    for first in ["s%3Abad.signature", "unsigned", "s%3A", "%"] {
        behind(&it, first).await?;
    }
    Ok(())
}

async fn a_dead_cookie_before_a_good_one(it: Subject) -> Outcome {
    let dead = sealed(&it, SECRET, "id-of-a-session-that-has-ended-00").await?;
    behind(&it, &dead).await
}

async fn a_cookie_that_does_not_verify_never_reaches_the_store(it: Subject) -> Outcome {
    let site = it.site(express()).await?;
    for value in
        ["", "..%2f..%2fetc", "s%3A%00.x", "' OR 1=1 --", "s%3A{\"$ne\":1}.x", "s%3A..%2F.x", "\u{1f36a}"]
    {
        site.with_cookie(site.cookie_of(value), [insert("n", 1)]).await?;
        let calls = site.calls().await?;
        ensure_eq!((calls.read, calls.write), (0, 1), "reads and writes after {value}");
    }
    Ok(())
}

async fn a_flood_of_cookies_costs_at_most_eight_questions(it: Subject) -> Outcome {
    let site = it.site(express()).await?;
    let mut cookies = Vec::new();
    for n in 0..12 {
        cookies.push(site.cookie_of(&sealed(&it, SECRET, &format!("id-that-nobody-has-{n}")).await?));
    }
    site.with_cookie(cookies.join("; "), [get("n")]).await?;
    let reads = site.calls().await?.read;
    ensure!((1..=8).contains(&reads), "the store is asked {reads} times");
    Ok(())
}
