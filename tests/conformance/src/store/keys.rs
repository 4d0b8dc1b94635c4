//! A key is text, and two texts are two keys.

use session_core::StoreKey;
use session_core::store::{Created, Updated};

use super::subject::{Subject, random};
use super::{StoreCase, cases};
use crate::failure::Outcome;

pub(super) const CASES: &[StoreCase] = cases![
    keys_of_any_text_work_or_are_refused,
    keys_that_look_alike_are_told_apart,
    long_keys_work_or_are_refused_and_are_never_cut,
    namespaces_do_not_see_each_other needs TwoNamespaces,
];

/// The session under `key` must live like any other, or be refused with an error and leave nothing.
async fn works_or_is_refused(it: &Subject, key: &StoreKey, n: u64) -> Outcome<bool> {
    match it.store.create(key, &it.record(n), it.now).await {
        Ok(Created::Done(version)) => {
            let stored = it.holds(key, &it.record(n)).await?;
            ensure!(stored.version == version, "load gives another version than create answered");
            Ok(true)
        }
        Ok(Created::Exists) => {
            ensure!(false, "a key that nobody has used was taken for another one");
            Ok(false)
        }
        Err(_) => {
            let nothing = it.store.load(key, None, it.now).await.unwrap_or(None).is_none();
            ensure!(nothing, "create failed and yet stored something");
            Ok(false)
        }
    }
}

async fn keys_of_any_text_work_or_are_refused(it: Subject) -> Outcome {
    let neighbour = StoreKey::from_stored(format!("{:016x}", random()));
    it.create(&neighbour, &it.record(1000)).await?;
    let texts = [
        "'",
        "\"",
        "`",
        "\\",
        "%",
        "_",
        "$",
        "$gt",
        "{\"$gt\":\"\"}",
        ".",
        "a.b",
        "..",
        "../a",
        "/",
        ":",
        "*",
        "?",
        "[a]",
        "{a}",
        "#",
        ";",
        "-- ",
        "' OR '1'='1",
        " a",
        "a b",
        "\u{a0}",
        "é",
        "😀",
        "日本",
        "\u{202e}a",
    ];
    for (n, text) in (1..).zip(texts) {
        // Once with the text as a prefix to what is random, once as its end.
        for key in [format!("{text}{:016x}", random()), format!("{:016x}{text}", random())] {
            let key = StoreKey::from_stored(key);
            if works_or_is_refused(&it, &key, n).await? {
                it.update(&key, &it.record(n + 1)).await?;
                it.holds(&key, &it.record(n + 1)).await?;
                it.delete(&key).await?;
                it.gone(&key, "the session was deleted").await?;
            }
            it.holds(&neighbour, &it.record(1000)).await?;
        }
    }
    Ok(())
}

async fn keys_that_look_alike_are_told_apart(it: Subject) -> Outcome {
    let stem = format!("{:016x}", random());
    let ends =
        ["aB", "AB", "ab", "Ab", "aB ", " aB", "aB  ", "a-b", "a_b", "aé", "ae\u{301}", "ae", "ass", "aß"];
    let mut kept = Vec::new();
    for (n, end) in (1..).zip(ends) {
        let key = StoreKey::from_stored(format!("{stem}{end}"));
        if works_or_is_refused(&it, &key, n).await? {
            kept.push((key, n));
        }
    }
    ensure!(kept.len() >= 4, "keys of letters and digits were refused");
    while let Some((key, n)) = kept.pop() {
        it.holds(&key, &it.record(n)).await?;
        it.delete(&key).await?;
        for (other, n) in &kept {
            it.holds(other, &it.record(*n)).await?;
        }
    }
    Ok(())
}

async fn long_keys_work_or_are_refused_and_are_never_cut(it: Subject) -> Outcome {
    for length in [64, 128, 191, 255, 256, 512, 767, 1024] {
        let stem = format!("{:016x}{}", random(), "x".repeat(length - 17));
        let (one, two) =
            (StoreKey::from_stored(format!("{stem}1")), StoreKey::from_stored(format!("{stem}2")));
        let longer = StoreKey::from_stored(format!("{stem}12"));
        if !works_or_is_refused(&it, &one, 1).await? {
            ensure!(length > 64, "a key of 64 characters was refused");
            continue;
        }
        let missing = it.store.update(&two, &it.record(3), None, it.now).await?;
        ensure!(missing == Updated::Missing, "a long key was taken for another one");
        works_or_is_refused(&it, &two, 2).await?;
        if length < 1024 {
            works_or_is_refused(&it, &longer, 3).await?;
        }
        it.holds(&one, &it.record(1)).await?;
    }
    Ok(())
}

async fn namespaces_do_not_see_each_other(it: Subject) -> Outcome {
    let other = it.another().await?;
    let (key, _) = it.created(1).await?;
    other.gone(&key, "the session is in another namespace (or is it: see `shared_namespace`)").await?;
    other.create(&key, &it.record(2)).await?;
    it.holds(&key, &it.record(1)).await?;
    it.delete(&key).await?;
    other.holds(&key, &it.record(2)).await?;
    Ok(())
}
