//! What a session is good for: what one request puts in, the next one finds.

use serde_json::{Value, json};

use super::promises;
use crate::adapter::options::express;
use crate::adapter::subject::Subject;
use crate::failure::Outcome;
use crate::script::step::Step;
use crate::script::step::steps::{attempt, contains, count, fill, get, insert, remove, take};

promises! {
    both a_value_is_there_on_the_next_request;
    both a_value_is_there_within_the_request;
    both two_browsers_have_two_sessions;
    both a_visitor_without_a_cookie_has_an_empty_session;
    both a_value_of_any_kind_comes_back_as_it_was;
    both text_beyond_ascii_comes_back_as_it_was;
    both a_value_that_is_put_in_again_replaces_the_first;
    both a_value_of_another_kind_replaces_the_first;
    both a_removed_value_is_gone_on_the_next_request;
    both removing_what_is_not_there_does_no_harm;
    both a_value_is_taken_once;
    both clearing_removes_everything_and_keeps_the_session;
    both keys_keep_the_order_in_which_they_were_put_in;
    both keys_that_are_numbers_come_first;
    both keys_of_any_text_are_kept_apart;
    both null_is_a_value;
    both a_hundred_keys_are_kept;
    both a_large_value_is_kept;
    both a_counter_counts_over_ten_requests;
    both a_session_has_one_id_from_request_to_request;
    both names_of_methods_are_no_keys differs NodeNames;
    ours the_records_own_keys_are_refused;
}

async fn a_value_is_there_on_the_next_request(it: Subject) -> Outcome {
    let (_site, browser) = it.begun(express(), [insert("n", 1)]).await?;
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(1)], "the value");
    Ok(())
}

async fn a_value_is_there_within_the_request(it: Subject) -> Outcome {
    let (_site, browser) = it.browser(express()).await?;
    let page = browser.play([insert("n", 1), get("n"), contains("n"), contains("m")]).await?;
    ensure_eq!(page.seen[1..], [json!(1), json!(true), json!(false)], "what the request sees of its own");
    Ok(())
}

async fn two_browsers_have_two_sessions(it: Subject) -> Outcome {
    let (site, ann) = it.browser(express()).await?;
    let bob = site.browser();
    ann.play([count("n")]).await?;
    bob.play([count("n")]).await?;
    ensure_eq!(ann.play([count("n")]).await?.seen, [json!(2)], "the first browser's count");
    ensure_eq!(bob.play([count("n")]).await?.seen, [json!(2)], "the second browser's count");
    ensure_eq!(site.records().await?.len(), 2, "records");
    Ok(())
}

async fn a_visitor_without_a_cookie_has_an_empty_session(it: Subject) -> Outcome {
    let (_site, browser) = it.browser(express()).await?;
    let page = browser.play([get("n"), Step::Keys, Step::HasSession]).await?;
    ensure_eq!(page.seen, [Value::Null, json!([]), json!(true)], "what a stranger's session holds");
    Ok(())
}

/// Puts a value in, and finds it on the next request.
async fn round_trip(it: &Subject, value: Value) -> Outcome {
    let (_site, browser) = it.begun(express(), [insert("value", value.clone())]).await?;
    ensure_eq!(browser.play([get("value")]).await?.seen, [value], "the value");
    Ok(())
}

async fn a_value_of_any_kind_comes_back_as_it_was(it: Subject) -> Outcome {
    let all = json!({
        "true": true, "false": false, "zero": 0, "negative": -7, "large": 9_007_199_254_740_991_i64, "half": 0.5,
        "empty": "", "text": "a \"quoted\" \\ text\n\t", "array": [1, [2, [3]], {}], "object": { "a": { "b": [] } },
    });
    round_trip(&it, all).await
}

async fn text_beyond_ascii_comes_back_as_it_was(it: Subject) -> Outcome {
    round_trip(&it, json!("Grüße, 世界, \u{1f36a}, \u{0}, \u{7f}, \u{2028}, </script>")).await
}

async fn a_value_that_is_put_in_again_replaces_the_first(it: Subject) -> Outcome {
    let (_site, browser) = it.begun(express(), [insert("n", 1), insert("n", 2)]).await?;
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(2)], "after one request");
    browser.play([insert("n", 3)]).await?;
    ensure_eq!(browser.play([get("n"), Step::Keys]).await?.seen, [json!(3), json!(["n"])], "after two");
    Ok(())
}

async fn a_value_of_another_kind_replaces_the_first(it: Subject) -> Outcome {
    let (_site, browser) = it.begun(express(), [insert("n", 1)]).await?;
    browser.play([insert("n", json!({ "deep": [true] }))]).await?;
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!({ "deep": [true] })], "the value");
    Ok(())
}

async fn a_removed_value_is_gone_on_the_next_request(it: Subject) -> Outcome {
    let (_site, browser) = it.begun(express(), [insert("a", 1), insert("b", 2)]).await?;
    ensure_eq!(browser.play([remove("a")]).await?.seen, [json!(true)], "whether there was one");
    ensure_eq!(browser.play([Step::Keys]).await?.seen, [json!(["b"])], "the keys");
    Ok(())
}

async fn removing_what_is_not_there_does_no_harm(it: Subject) -> Outcome {
    let (_site, browser) = it.begun(express(), [insert("a", 1)]).await?;
    ensure_eq!(browser.play([remove("b")]).await?.seen, [json!(false)], "whether there was one");
    ensure_eq!(browser.play([Step::Keys]).await?.seen, [json!(["a"])], "the keys");
    Ok(())
}

async fn a_value_is_taken_once(it: Subject) -> Outcome {
    let (_site, browser) = it.begun(express(), [insert("a", "once")]).await?;
    ensure_eq!(
        browser.play([take("a"), take("a")]).await?.seen,
        [json!("once"), Value::Null],
        "what is taken"
    );
    ensure_eq!(browser.play([get("a")]).await?.seen, [Value::Null], "what is left");
    Ok(())
}

async fn clearing_removes_everything_and_keeps_the_session(it: Subject) -> Outcome {
    let (site, browser) = it.begun(express(), [insert("a", 1), insert("b", 2)]).await?;
    let key = site.record().await?.key;
    browser.play([Step::Clear]).await?;
    ensure_eq!(browser.play([Step::Keys]).await?.seen, [json!([])], "the keys");
    ensure_eq!(site.record().await?.key, key, "the key");
    Ok(())
}

async fn keys_keep_the_order_in_which_they_were_put_in(it: Subject) -> Outcome {
    let (_site, browser) = it.begun(express(), ["d", "a", "c"].map(|key| insert(key, 1))).await?;
    browser.play([insert("b", 1), insert("a", 2)]).await?;
    ensure_eq!(browser.play([Step::Keys]).await?.seen, [json!(["d", "a", "c", "b"])], "the keys");
    Ok(())
}

async fn keys_that_are_numbers_come_first(it: Subject) -> Outcome {
    let (_site, browser) =
        it.begun(express(), ["b", "10", "a", "9", "01", "-1"].map(|key| insert(key, 1))).await?;
    let keys = json!(["9", "10", "b", "a", "01", "-1"]);
    ensure_eq!(browser.play([Step::Keys]).await?.seen, [keys], "the keys");
    Ok(())
}

async fn keys_of_any_text_are_kept_apart(it: Subject) -> Outcome {
    let (_site, browser) = it.browser(express()).await?;
    let keys = ["", " ", "a", "A", "a ", "a.b", "a\"b", "schlüssel", "$set", "_flash", "cookies", "a\nb"];
    browser.play(keys.iter().enumerate().map(|(n, key)| insert(key, n))).await?;
    let page = browser.play(keys.iter().map(|key| get(key))).await?;
    let expected: Vec<Value> = (0..keys.len()).map(Value::from).collect();
    ensure_eq!(page.seen, expected, "the values");
    Ok(())
}

async fn null_is_a_value(it: Subject) -> Outcome {
    let (_site, browser) = it.begun(express(), [insert("a", Value::Null)]).await?;
    let page = browser.play([contains("a"), get("a"), Step::Keys]).await?;
    ensure_eq!(page.seen, [json!(true), Value::Null, json!(["a"])], "what is there");
    Ok(())
}

async fn a_hundred_keys_are_kept(it: Subject) -> Outcome {
    let (_site, browser) = it.browser(express()).await?;
    let keys: Vec<String> = (0..100).map(|n| format!("key{n}")).collect();
    browser.play(keys.iter().map(|key| insert(key, key.as_str()))).await?;
    ensure_eq!(
        browser.play([Step::Keys, get("key99")]).await?.seen,
        [json!(keys), json!("key99")],
        "the keys"
    );
    Ok(())
}

async fn a_large_value_is_kept(it: Subject) -> Outcome {
    let (_site, browser) = it.begun(express(), [fill("large", 500_000)]).await?;
    let seen = browser.play([get("large")]).await?.seen;
    ensure_eq!(seen[0].as_str().map(str::len), Some(500_000), "the length");
    Ok(())
}

async fn a_counter_counts_over_ten_requests(it: Subject) -> Outcome {
    let (_site, browser) = it.browser(express()).await?;
    for expected in 1..=10 {
        ensure_eq!(browser.play([count("n")]).await?.seen, [json!(expected)], "the count");
    }
    Ok(())
}

async fn a_session_has_one_id_from_request_to_request(it: Subject) -> Outcome {
    let (site, browser) = it.browser(express()).await?;
    let first = browser.play([insert("n", 1), Step::Id]).await?.seen;
    let second = browser.play([insert("n", 2), Step::Id]).await?.seen;
    ensure_eq!(first[1], second[1], "the id");
    ensure_eq!(Some(site.record().await?.key.as_str()), first[1].as_str(), "the record's key");
    Ok(())
}

/// express-session's handlers break when `save` is a text; its data under other such names is lost on the next request.
async fn names_of_methods_are_no_keys(it: Subject) -> Outcome {
    use crate::adapter::difference::{Difference, Side};
    let (_site, browser) = it.browser(express()).await?;
    let seen = browser.play([insert("n", 1), attempt(insert("valueOf", "x"))]).await?.seen;
    match it.on_purpose(Difference::NodeNames) {
        Side::Ours => ensure_eq!(seen[1], json!({ "error": "reserved_key" }), "what it is told"),
        Side::Express => ensure_eq!(seen[1], Value::Null, "what it is told"),
    }
    let seen = browser.play([get("n"), contains("valueOf")]).await?.seen;
    ensure_eq!(seen, [json!(1), json!(false)], "what is kept");
    Ok(())
}

async fn the_records_own_keys_are_refused(it: Subject) -> Outcome {
    let (_site, browser) = it.browser(express()).await?;
    let page = browser.play([attempt(insert("cookie", 1)), attempt(insert("_session", 1))]).await?;
    ensure_eq!(page.seen, vec![json!({ "error": "reserved_key" }); 2], "what it is told");
    ensure!(page.set_cookies().is_empty(), "nothing was put in, and there is a cookie");
    Ok(())
}
