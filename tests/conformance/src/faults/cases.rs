//! The cases: what an application must be able to rely on while its store's server is in trouble.

use std::time::Duration;

use session_core::store::StoreErrorKind;
use tokio::time::timeout;

use super::proxy::Weather;
use super::subject::{Answer, Trouble, Verb};
use crate::failure::{Failure, Outcome};
use crate::store::together;

/// More pieces than the longest verb has answers.
const PIECES: usize = 16;

pub(super) async fn while_the_server_refuses_every_verb_is_unavailable(mut it: Trouble) -> Outcome {
    it.warm().await?;
    let attempts = attempts(&it).await?;
    it.turn(Weather::Refused).await?;
    for attempt in &attempts {
        it.is_unavailable(attempt, "while the server refused").await?;
    }
    for attempt in &attempts {
        attempt.left_whole(&it.truth, false).await?;
    }
    it.recovers("an outage").await
}

pub(super) async fn while_the_server_is_silent_every_verb_is_unavailable_in_time(mut it: Trouble) -> Outcome {
    it.warm().await?;
    let attempts = attempts(&it).await?;
    it.turn(Weather::Silent).await?;
    for attempt in &attempts {
        it.is_unavailable(attempt, "while the server was silent").await?;
    }
    for attempt in &attempts {
        attempt.left_whole(&it.truth, false).await?;
    }
    it.recovers("a silence").await
}

pub(super) async fn many_verbs_at_once_all_end_in_an_outage_and_the_store_recovers(
    mut it: Trouble,
) -> Outcome {
    it.warm().await?;
    for weather in [Weather::Refused, Weather::Silent] {
        let mut attempts = Vec::new();
        for number in 0..48 {
            attempts.push(it.attempt(Verb::ALL[number % Verb::ALL.len()]).await?);
        }
        it.turn(weather).await?;
        // Those that wait for a connection wait for those that have one.
        let patience = 2 * it.patience;
        let tasks = attempts.into_iter().map(|attempt| async move {
            match timeout(patience, attempt.run()).await {
                Ok(Err(_)) => Ok(attempt),
                Ok(Ok(answer)) => Err(Failure::new(format!("in an outage a verb answered {answer:?}"))),
                Err(_) => Err(Failure::new(format!("one of many verbs had not ended after {patience:?}"))),
            }
        });
        for attempt in together(tasks).await? {
            attempt.left_whole(&it.truth, false).await?;
        }
        it.recovers("an outage under load").await?;
    }
    Ok(())
}

pub(super) async fn a_server_that_falls_silent_between_two_verbs_costs_no_connection(
    mut it: Trouble,
) -> Outcome {
    let (key, _) = it.truth.created(1).await?;
    for weather in [Weather::Fair, Weather::SilentBehindAnswers] {
        it.turn(weather).await?;
        // More than a store has connections: in fair weather to make them, and then to use them all.
        let loads = (0..48).map(|_| {
            let (it, key, patience) = (it.it.clone(), key.clone(), 2 * it.patience);
            async move {
                match timeout(patience, it.store.load(&key, None, it.now)).await {
                    Ok(Ok(Some(_))) => Ok(()),
                    Ok(Ok(None)) => Err(Failure::new("a live session was answered None")),
                    Ok(Err(error))
                        if weather != Weather::Fair && error.kind() == StoreErrorKind::Unavailable =>
                    {
                        Ok(())
                    }
                    Ok(Err(error)) => {
                        Err(Failure::new(format!("load failed as {:?}: {error}", error.kind())))
                    }
                    Err(_) => {
                        Err(Failure::new(format!("one of many loads had not ended after {patience:?}")))
                    }
                }
            }
        });
        together(loads).await?;
        // What a store does with a connection after its verb has the time to end, or to be lost.
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    it.recovers("a silence between two verbs").await
}

pub(super) async fn an_answer_cut_in_the_middle_is_an_error_and_never_an_empty_session(
    mut it: Trouble,
) -> Outcome {
    let key = it.truth.key();
    let record = it.truth.holding(&format!(
        r#"{{"cookie":{{"originalMaxAge":600000,"expires":null,"path":"/"}},"long":"{}"}}"#,
        "x".repeat(40_000)
    ));
    it.truth.create(&key, &record).await?;
    for bytes in [1, 5, 17, 60, 200, 1_000, 39_000, 40_010] {
        it.warm().await?;
        let cut = it.proxy.cut_after_bytes(bytes).await;
        cut.map_err(|error| Failure::new(error.to_string()))?;
        let loaded = timeout(it.patience, it.it.store.load(&key, None, it.it.now)).await;
        match loaded {
            Err(_) => return Err(Failure::new(format!("an answer cut after {bytes} bytes was waited for"))),
            Ok(Ok(None)) => {
                return Err(Failure::new(format!(
                    "an answer cut after {bytes} bytes was taken for an empty session"
                )));
            }
            // The cut was in what this store has no use for.
            Ok(Ok(Some(stored))) => it.it.same(&stored.record, &record)?,
            Ok(Err(error)) => ensure!(
                error.kind() == session_core::store::StoreErrorKind::Unavailable,
                "an answer cut after {bytes} bytes was taken for {:?}: {error}",
                error.kind()
            ),
        }
        it.recovers("an answer that was cut").await?;
    }
    Ok(())
}

pub(super) async fn a_lost_acknowledgement_leaves_the_old_or_the_new_state_and_no_wrong_answer(
    mut it: Trouble,
) -> Outcome {
    for verb in Verb::WRITING {
        for pieces in 0..PIECES {
            it.warm().await?;
            let attempt = it.attempt(verb).await?;
            let cut = it.proxy.cut_after_pieces(pieces).await;
            cut.map_err(|error| Failure::new(error.to_string()))?;
            let answer = timeout(it.patience, attempt.run()).await;
            let done = match answer {
                Err(_) => return Err(Failure::new(format!("{verb:?} waits for an answer that was lost"))),
                Ok(Ok(Answer::Done)) => true,
                Ok(Ok(other)) => {
                    return Err(Failure::new(format!(
                        "when an answer was lost, {verb:?} answered {other:?}"
                    )));
                }
                Ok(Err(error)) => {
                    ensure!(
                        error.kind() == session_core::store::StoreErrorKind::Unavailable,
                        "when an answer was lost, {verb:?} failed as {:?}: {error}",
                        error.kind()
                    );
                    false
                }
            };
            attempt.left_whole(&it.truth, done).await?;
            it.recovers("a lost acknowledgement").await?;
            if done {
                break;
            }
        }
    }
    Ok(())
}

pub(super) async fn an_answer_that_comes_late_is_not_taken_for_anothers(mut it: Trouble) -> Outcome {
    it.warm().await?;
    let mut keys = Vec::new();
    for n in 1..=12 {
        keys.push((it.truth.created(n).await?.0, it.truth.record(n)));
    }
    it.turn(Weather::Slow(Duration::from_millis(60))).await?;
    for pair in keys.windows(2) {
        let [(dropped, _), (key, record)] = pair else { continue };
        // The caller has gone; the answer is still on its way.
        let load = it.it.store.load(dropped, None, it.it.now);
        let _gone = timeout(Duration::from_millis(20), load).await;
        it.it.holds(key, record).await?;
        let touch = it.it.store.touch(dropped, it.it.ends_in(crate::store::LIFE), None, it.it.now);
        let _gone = timeout(Duration::from_millis(20), touch).await;
        it.it.holds(key, record).await?;
    }
    Ok(())
}

pub(super) async fn a_slow_server_is_not_taken_for_a_dead_one(mut it: Trouble) -> Outcome {
    it.warm().await?;
    let attempts = attempts(&it).await?;
    it.turn(Weather::Slow(Duration::from_millis(40))).await?;
    for (attempt, verb) in attempts.iter().zip(Verb::ALL) {
        let answer = attempt.run().await?;
        let sound = match &answer {
            Answer::Loaded(stored) => stored.is_some(),
            Answer::Done => true,
            Answer::Wrong(_) => false,
        };
        ensure!(sound, "with a slow server, {verb:?} answered {answer:?}");
        attempt.left_whole(&it.truth, true).await?;
    }
    Ok(())
}

pub(super) async fn an_error_shows_no_key_and_no_value(mut it: Trouble) -> Outcome {
    it.warm().await?;
    let attempts = attempts(&it).await?;
    for weather in [Weather::Refused, Weather::Silent] {
        it.turn(weather).await?;
        for attempt in &attempts {
            let error = it.is_unavailable(attempt, "in an outage").await?;
            let mut shown = format!("{error} {error:?}");
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                shown.push_str(&format!(" {cause} {cause:?}"));
                source = cause.source();
            }
            ensure!(!shown.contains(attempt.key().as_str()), "an error shows the session's key");
            ensure!(!shown.contains("originalMaxAge"), "an error shows the session's payload");
        }
    }
    Ok(())
}

async fn attempts(it: &Trouble) -> Outcome<Vec<super::subject::Attempt>> {
    let mut attempts = Vec::new();
    for verb in Verb::ALL {
        attempts.push(it.attempt(verb).await?);
    }
    Ok(attempts)
}
