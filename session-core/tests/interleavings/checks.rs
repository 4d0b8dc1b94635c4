//! What must hold at the end of every run. Each check has a name, and says in its message what it saw.

use crate::request::{End, Told};
use crate::script::{COUNTER, Change, SHARED, Script};
use crate::trace::{Event, Fate, Touched, Trace, ended, is_live, moved, number};

/// `Ok(None)` if it holds; `Ok(Some(exception))` if not, for a reason that is documented; `Err` says what is wrong.
pub type Verdict = Result<Option<&'static str>, String>;

pub const DESTROYED: &str = "a destroyed session stays destroyed";
pub const KEPT: &str = "nothing is claimed that is not kept";
pub const NO_LOST_UPDATE: &str = "no update is lost";
pub const COUNTED: &str = "a counter loses no count and counts nothing twice";
pub const COOKIE: &str = "a cookie is announced only for a record that exists";
pub const REMOVAL: &str = "a cookie is taken away only when its session has ended";
pub const ONE_SESSION: &str = "at every moment there is the old session or the new one";
pub const OLD_ID: &str = "an old id is dead once the new one is announced";
pub const LATE: &str = "a late request sees nothing and gets no session of its own";
pub const BROWSER: &str = "a browser that was told nothing still has its session";
pub const RIGHTS: &str = "what no browser was told of gives nobody any rights";
pub const LED_ON: &str = "after a rotation the holder of the old id is led on";
pub const READING: &str = "reading changes no value and no version";
pub const TOUCHING: &str = "a touch moves the expiry of a session on, and nothing else";
pub const ISSUED: &str = "a record comes into being only under an id that was issued, and over no other";

/// A check and its name.
type Check = (&'static str, fn(&Trace<'_>) -> Verdict);

pub const CHECKS: [Check; 15] = [
    (DESTROYED, destroyed),
    (KEPT, kept),
    (NO_LOST_UPDATE, no_lost_update),
    (COUNTED, counted),
    (COOKIE, cookie),
    (REMOVAL, removal),
    (ONE_SESSION, one_session),
    (OLD_ID, old_id),
    (LATE, late),
    (BROWSER, browser),
    (RIGHTS, rights),
    (LED_ON, led_on),
    (READING, reading),
    (TOUCHING, touching),
    (ISSUED, issued),
];

/// Without a tombstone, a logout that has loaded the session before another request renews it finds nothing under the
/// key it knows, and one that loads afterwards takes its cookie for a stranger's. The renewed session lives on.
pub const LOGOUT_LOSES_TO_RENEWAL: &str = "without tombstones: a destroy that reaches the store after a renewal or regeneration does not find the new id";

/// Without a tombstone, a request that comes with the old cookie cannot be told from one with a cookie that never led
/// anywhere: if it writes, it gets a session of its own.
pub const LATE_IS_A_STRANGER: &str =
    "without tombstones: a late request that writes gets a new, empty session of its own";

fn destroyed(trace: &Trace<'_>) -> Verdict {
    let mut verdict = Ok(None);
    for (actor, log) in trace.logs.iter().enumerate() {
        if log.destroyed.is_none() {
            continue;
        }
        for (key, stored) in trace.store.entries() {
            if !is_live(Some(stored)) || trace.descent(key) != Some(false) {
                continue;
            }
            // Another request moved it from the id that this one knew before the store gave this one its last word.
            let mine = |event: &Event| event.actor == actor && matches!(event.name, "load" | "delete");
            let escaped = trace.events.iter().rposition(mine).is_some_and(|last| {
                let mut moves = trace.events[..last].iter().filter_map(moved);
                moves.any(|step| *step.from == trace.setup.root && step.actor != actor)
            });
            if trace.setup.tombstones() || !escaped {
                return Err(format!("{actor} destroyed the session, and it lives"));
            }
            verdict = Ok(Some(LOGOUT_LOSES_TO_RENEWAL));
        }
    }
    verdict
}

fn kept(trace: &Trace<'_>) -> Verdict {
    for (actor, _, claim) in trace.claims() {
        let Some((index, key)) = trace.ground(actor, claim) else {
            return Err(format!("{actor} was told that {:?} is kept, and had not written it", claim.change));
        };
        if let Fate::Lives(key) = trace.fate(key, index + 1)
            && !is_live(trace.store.get(&key))
        {
            return Err(format!(
                "{actor} wrote {:?}, and the session is gone though nobody ended it",
                claim.change
            ));
        }
    }
    Ok(None)
}

fn no_lost_update(trace: &Trace<'_>) -> Verdict {
    if !trace.setup.merges() {
        return Ok(None);
    }
    for (actor, _, claim) in trace.claims() {
        let Some((index, key)) = trace.ground(actor, claim) else { continue };
        let Fate::Lives(key) = trace.fate(key, index + 1) else { continue };
        let Some(stored) = trace.store.get(&key) else { continue };
        let (key, expected) = match &claim.change {
            Change::Set { key, value } => (key.as_str(), Some(*value)),
            Change::Removed { key } => (*key, None),
            Change::Counted => continue,
        };
        let value = number(stored, key);
        // One key, two writers: the one whose write came later stands.
        let overwritten = key == SHARED
            && trace.events[index + 1..].iter().any(|event| {
                event.touched.last().is_some_and(Touched::changed)
                    && trace.script(event.actor) == Script::WriteShared
                    && value == Some(100 + event.actor as u64)
            });
        if value != expected && !overwritten {
            return Err(format!("{actor} wrote {key} = {expected:?}, and it is {value:?}"));
        }
    }
    Ok(None)
}

fn counted(trace: &Trace<'_>) -> Verdict {
    if !trace.setup.merges() {
        return Ok(None);
    }
    for (key, stored) in trace.store.entries().filter(|(_, stored)| is_live(Some(stored))) {
        let claims = trace.claims().filter(|(actor, _, claim)| {
            claim.change == Change::Counted
                && trace.ground(*actor, claim).is_some_and(|(index, written)| {
                    matches!(trace.fate(written, index + 1), Fate::Lives(home) if home == *key)
                })
        });
        let least = claims.count() as u64;
        // Of a request that was dropped or refused in doubt, nobody knows what it did. One that made a new session again,
        // since it had not heard of the first, has left one that nobody holds.
        let orphan = trace.descent(key).is_none();
        let unknown: u64 = trace
            .logs
            .iter()
            .map(|log| match &log.end {
                End::Cut | End::Failed | End::Refused(session_core::Error::InDoubt) => {
                    let known = log.claims.iter().filter(|claim| claim.change == Change::Counted).count();
                    log.script.increments() - known as u64
                }
                End::Replied(_) | End::Refused(_) if log.retried && orphan => log.script.increments(),
                End::Running | End::Replied(_) | End::Refused(_) => 0,
            })
            .sum();
        let count = number(stored, COUNTER).unwrap_or(0);
        if count < least || count > least + unknown {
            return Err(format!("{least} were counted, {unknown} perhaps, and the counter says {count}"));
        }
    }
    Ok(None)
}

fn cookie(trace: &Trace<'_>) -> Verdict {
    for (actor, log) in trace.logs.iter().enumerate() {
        let End::Replied(told) = &log.end else { continue };
        if let Told::Given(key) = told {
            // The last word of the store on this key, to this request: whatever happened to it since was another's doing.
            // After a failure the last word may be that the new id stands on the tombstone of the old one; then it is
            // enough that the try that failed has made the record.
            let mut words = trace
                .calls(actor)
                .filter_map(|event| event.touched.iter().find(|touched| touched.key == *key));
            let sound = match log.retried {
                true => words.any(|touched| touched.lives),
                false => words.next().is_some_and(|touched| touched.lives),
            };
            if !sound {
                return Err(format!("{actor} was given a cookie for what the store had not said to live"));
            }
        }
        // Who was given a new id must hear of it, unless another request ended that session before the reply.
        if let Some(newest) = trace.newest(actor)
            && trace.lived(newest, log.ended)
            && *told != Told::Given(newest.clone())
        {
            return Err(format!("{actor} made a new id and was told {told:?}"));
        }
    }
    Ok(None)
}

fn removal(trace: &Trace<'_>) -> Verdict {
    for (actor, log) in trace.logs.iter().enumerate() {
        if log.end != End::Replied(Told::Removed) || log.script == Script::Destroy {
            continue;
        }
        let mut family = vec![&trace.setup.root];
        family.extend(trace.events[..log.ended].iter().filter_map(moved).map(|step| step.to));
        let home = trace.loaded(actor).is_some_and(|(_, touched)| touched.key == trace.setup.root);
        if home && family.iter().any(|key| trace.descent(key).is_some() && trace.lived(key, log.ended)) {
            return Err(format!("{actor} took the cookie away, and the session lives"));
        }
    }
    Ok(None)
}

fn one_session(trace: &Trace<'_>) -> Verdict {
    // The session that all began with, under whichever of its ids, live or not after each call.
    let mut family = vec![(&trace.setup.root, true)];
    let mut over = false;
    for (index, event) in trace.events.iter().enumerate() {
        if let Some(step) = moved(event)
            && family.iter().any(|(key, _)| *key == step.from)
        {
            family.push((step.to, false));
        }
        for touched in &event.touched {
            if let Some((_, live)) = family.iter_mut().find(|(key, _)| **key == touched.key) {
                over |= *live && ended(event, &touched.key).is_some();
                *live = touched.lives;
            }
        }
        let live = family.iter().filter(|(_, live)| *live).count();
        if live != usize::from(!over) {
            return Err(format!("after call {} of the schedule there are {live} of it", index + 1));
        }
    }
    Ok(None)
}

fn old_id(trace: &Trace<'_>) -> Verdict {
    for (actor, log) in trace.logs.iter().enumerate() {
        let script = log.script;
        let leaves = script.renews() || script.regenerates() || script.logs_in() || script.destroys();
        let (true, End::Replied(told)) = (leaves, &log.end) else { continue };
        let Some((_, touched)) = trace.loaded(actor) else { continue };
        if is_live(trace.store.get(&touched.key)) {
            return Err(format!("{actor} has left its old id, and it still opens the session"));
        }
        if *told == Told::Given(touched.key.clone()) {
            return Err(format!("{actor} was given its old id again"));
        }
        if script.logs_in() && trace.newest(actor).is_none() {
            return Err(format!("{actor} logged in, and there is no session of its own"));
        }
    }
    Ok(None)
}

fn late(trace: &Trace<'_>) -> Verdict {
    let mut verdict = Ok(None);
    for (actor, log) in trace.logs.iter().enumerate() {
        let Some((index, touched)) = trace.loaded(actor) else { continue };
        let mut moves = trace.events[..index].iter().filter_map(moved);
        let Some(step) = moves.find(|step| *step.from == touched.key) else { continue };
        // After a rotation, and after a renewal that was taken back, whoever has the old id is led on.
        let mover = &trace.logs[step.actor];
        if trace.script(step.actor).rotates() || trace.was_taken_back(step.actor) || mover.died {
            continue;
        }
        if log.saw_data == Some(true) {
            return Err(format!("{actor} came with an old cookie and saw the session"));
        }
        let acceptable = match &log.end {
            End::Replied(Told::Nothing) => log.claims.is_empty(),
            End::Replied(Told::Removed) => log.script.destroys(),
            End::Replied(Told::Given(_)) => log.script.logs_in() || log.script == Script::DestroyThenWrite,
            End::Running | End::Refused(_) | End::Cut | End::Failed => true,
        };
        if !acceptable {
            if trace.setup.tombstones() {
                return Err(format!("{actor} came with an old cookie and ended as {:?}", log.end));
            }
            verdict = Ok(Some(LATE_IS_A_STRANGER));
        }
    }
    verdict
}

fn browser(trace: &Trace<'_>) -> Verdict {
    let ended = trace.events.iter().any(|event| event.name == "delete" && event.touched[0].changed());
    let told_elsewhere = |actor: usize| {
        let (log, script) = (&trace.logs[actor], trace.script(actor));
        // What a handler saved in its midst is not taken back.
        let moves = script.renews() && !script.rotates() || script.regenerates() || script.logs_in();
        moves && (!matches!(log.end, End::Cut | End::Failed) || script.parts() > 1)
    };
    let died = trace.logs.iter().any(|log| log.died);
    if !trace.setup.tombstones() || ended || died || (0..trace.logs.len()).any(told_elsewhere) {
        return Ok(None);
    }
    match trace.seen_by_the_browser().stored_key() {
        Some(key) if is_live(trace.store.get(key)) => Ok(None),
        Some(_) | None => Err("nobody was told of another id, and the browser's own leads nowhere".into()),
    }
}

fn rights(trace: &Trace<'_>) -> Verdict {
    let state = trace.seen_by_the_browser();
    if state.owner().is_some_and(|owner| *owner != crate::script::owner("the first")) {
        return Err("the id of before a login opens the session of after it".into());
    }
    for (key, stored) in trace.store.entries() {
        let made_by = trace.events.iter().filter_map(moved).find(|step| step.to == key);
        let Some(step) = made_by.filter(|step| trace.was_taken_back(step.actor)) else { continue };
        let owner = stored.record.owner.as_ref();
        if trace.script(step.actor) == Script::Login && owner == Some(&crate::script::owner("another")) {
            return Err(format!("{} logged in, was broken off, and the session has its owner", step.actor));
        }
    }
    Ok(None)
}

fn led_on(trace: &Trace<'_>) -> Verdict {
    for (actor, log) in trace.logs.iter().enumerate() {
        let Some((first, touched)) = trace.loaded(actor) else { continue };
        let mine = |event: &Event| event.actor == actor && event.name == "load";
        let last = trace.events.iter().rposition(mine).unwrap_or(first);
        let mut key = &touched.key;
        let mut rotated = false;
        let mut hard = false;
        for (index, event) in trace.events[..last].iter().enumerate() {
            let Some(step) = moved(event).filter(|step| step.from == key) else { continue };
            rotated |= index < first;
            hard |= !trace.script(step.actor).rotates();
            key = step.to;
        }
        if trace.setup.tombstones()
            && rotated
            && !hard
            && trace.lived(key, last)
            && log.saw_data == Some(false)
        {
            return Err(format!("{actor} came with an old id, and was not led on"));
        }
    }
    Ok(None)
}

fn reading(trace: &Trace<'_>) -> Verdict {
    for event in trace.events.iter().filter(|event| trace.script(event.actor).only_reads()) {
        for Touched { before, after, .. } in &event.touched {
            let same = match (before, after) {
                (None, None) => true,
                (Some(before), Some(after)) => {
                    before.version == after.version && before.record.payload == after.record.payload
                }
                (None, Some(_)) | (Some(_), None) => false,
            };
            if !same {
                return Err(format!("{} only read, and its {} changed the record", event.actor, event.name));
            }
        }
    }
    Ok(None)
}

fn touching(trace: &Trace<'_>) -> Verdict {
    for event in trace.events.iter().filter(|event| matches!(event.name, "touch" | "load")) {
        for Touched { before, after, .. } in &event.touched {
            let (before, after) = match (before, after) {
                (None, None) => continue,
                (Some(before), Some(after)) => (before, after),
                (None, Some(_)) => return Err(format!("the touch of {} revived a record", event.actor)),
                (Some(_), None) => return Err(format!("the touch of {} removed a record", event.actor)),
            };
            if before.version != after.version || before.record.payload != after.record.payload {
                return Err(format!("the touch of {} changed more than the expiry", event.actor));
            }
            // Of two touches that overtake each other the later stands: the expiry may fall back by as much as the call
            // was under way, and by no more.
            let under_way = event.at - event.asked_at;
            if after.record.expires_at < before.record.expires_at - under_way {
                return Err(format!("the touch of {} shortened the session's life", event.actor));
            }
        }
    }
    Ok(None)
}

fn issued(trace: &Trace<'_>) -> Verdict {
    for event in trace.events.iter().filter(|event| matches!(event.name, "create" | "replace")) {
        let Some(new) = event.touched.last().filter(|touched| touched.changed()) else {
            continue;
        };
        if new.before.is_some() {
            return Err(format!("{} wrote over a record", event.actor));
        }
        let known = trace.setup.ids.issued.len();
        if !trace.ids.issued[known..].iter().any(|(_, key)| *key == new.key) {
            return Err(format!("{} stored under an id that was not issued to it", event.actor));
        }
    }
    Ok(None)
}
