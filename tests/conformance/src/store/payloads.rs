//! A payload is text that the store does not understand: it comes back byte for byte.

use session_core::store::{Replace, Replaced};

use super::subject::Subject;
use super::{StoreCase, cases};
use crate::failure::Outcome;

pub(super) const CASES: &[StoreCase] = cases![
    a_minimal_payload_is_kept,
    a_payload_of_64_kib_is_kept,
    a_payload_of_one_mib_is_kept,
    non_ascii_text_is_kept,
    quotes_and_escapes_are_kept,
    an_escaped_nul_is_kept,
    the_spelling_of_numbers_is_kept,
    order_and_white_space_are_kept,
];

/// The payload must survive each way into the store.
async fn keeps(it: &Subject, payload: &str) -> Outcome {
    let record = it.holding(payload);
    let (created, moved) = (it.key(), it.key());
    it.create(&created, &record).await?;
    it.holds(&created, &record).await?;

    it.update(&created, &it.record(1)).await?;
    let base = it.update(&created, &record).await?;
    it.holds(&created, &record).await?;

    let replace =
        Replace { old: &created, new: &moved, record: &record, base: &base, tombstone: Some(&record) };
    let replaced = it.replace(replace).await?;
    ensure!(matches!(replaced, Replaced::Done(_)), "replace of a live session answered {replaced:?}");
    it.holds(&created, &record).await?;
    it.holds(&moved, &record).await?;
    it.store.touch(&moved, record.expires_at, None, it.now).await?;
    it.holds(&moved, &record).await?;
    Ok(())
}

async fn a_minimal_payload_is_kept(it: Subject) -> Outcome {
    keeps(&it, r#"{"cookie":{}}"#).await
}

async fn a_payload_of_64_kib_is_kept(it: Subject) -> Outcome {
    // A byte on either side of what 16 bits can count.
    for length in 65_535..=65_537 {
        keeps(&it, &filled(length)).await?;
    }
    Ok(())
}

async fn a_payload_of_one_mib_is_kept(it: Subject) -> Outcome {
    keeps(&it, &filled(1 << 20)).await
}

fn filled(length: usize) -> String {
    let (start, end) = (r#"{"cookie":{},"a":""#, r#""}"#);
    format!("{start}{}{end}", "x".repeat(length - start.len() - end.len()))
}

async fn non_ascii_text_is_kept(it: Subject) -> Outcome {
    // Four-byte characters, combining marks that could be composed, right-to-left, a byte order mark, U+FFFF.
    for text in
        ["😀👩‍👩‍👧‍👦", "e\u{301}é", "Å\u{212b}A\u{30a}", "שלום مرحبا", "\u{feff}", "ß\u{ffff}\u{10ffff}", "日本語"]
    {
        keeps(&it, &format!(r#"{{"cookie":{{}},"{text}":"{text}"}}"#)).await?;
    }
    Ok(())
}

async fn quotes_and_escapes_are_kept(it: Subject) -> Outcome {
    let texts = [
        r#"\" ' `` '' ; -- /* */ $1 $$ ? ?1 :a @a %s %% _ {} ${a} #{a}"#,
        r"\\ \\\\ \/ \b \f \n \r \t",
        r"\u00e9 \u2028 \ud83d\ude00 \ud800",
        "\u{7f} \u{2028}",
        r"$set $where .a. a.b $",
    ];
    for text in texts {
        keeps(&it, &format!(r#"{{"cookie":{{}},"{text}":"{text}"}}"#)).await?;
    }
    Ok(())
}

async fn an_escaped_nul_is_kept(it: Subject) -> Outcome {
    keeps(&it, r#"{"cookie":{},"a":"x\u0000y","b\u0000":1}"#).await
}

async fn the_spelling_of_numbers_is_kept(it: Subject) -> Outcome {
    keeps(
        &it,
        r#"{"cookie":{},"a":[1.50,1e3,1E+3,-0,0.10,9007199254740993,123456789012345678901234567890]}"#,
    )
    .await?;
    keeps(&it, r#"{"cookie":{},"a":1e400}"#).await
}

async fn order_and_white_space_are_kept(it: Subject) -> Outcome {
    keeps(&it, "{ \"z\" : 1 ,\n\t\"cookie\":{ } , \"a\":[ ] ,\"10\":null, \"b\":{\"y\":1,\"x\":2} }").await
}
