//! The orders of the steps of requests that meet while a session moves: nobody comes back, and nobody is lost.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use session_core::StoreKey;
use session_core::store::{
    Created, Deleted, Directory, Extend, Owner, Record, Replace, Replaced, Store, StoreError, Stored,
    Touched, Updated, Version, async_trait,
};
use session_store_memory::MemoryStore;
use session_store_migrating::Migrating;
use time::{Duration, OffsetDateTime};

/// A store that is asked for nothing before somebody says so: each verb waits once.
#[derive(Clone, Default)]
struct Stepped(Arc<MemoryStore>);

async fn step() {
    let mut waited = false;
    poll_fn(|_| if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

#[async_trait]
impl Store for Stepped {
    async fn load(
        &self,
        key: &StoreKey,
        extend: Option<&Extend>,
        now: OffsetDateTime,
    ) -> Result<Option<Stored>, StoreError> {
        step().await;
        self.0.load(key, extend, now).await
    }
    async fn create(
        &self,
        key: &StoreKey,
        record: &Record,
        now: OffsetDateTime,
    ) -> Result<Created, StoreError> {
        step().await;
        self.0.create(key, record, now).await
    }
    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        base: Option<&Version>,
        now: OffsetDateTime,
    ) -> Result<Updated, StoreError> {
        step().await;
        self.0.update(key, record, base, now).await
    }
    async fn touch(
        &self,
        key: &StoreKey,
        expires_at: OffsetDateTime,
        base: Option<&Version>,
        now: OffsetDateTime,
    ) -> Result<Touched, StoreError> {
        step().await;
        self.0.touch(key, expires_at, base, now).await
    }
    async fn replace(&self, replace: Replace<'_>, now: OffsetDateTime) -> Result<Replaced, StoreError> {
        step().await;
        self.0.replace(replace, now).await
    }
    async fn delete(&self, key: &StoreKey, base: Option<&Version>) -> Result<Deleted, StoreError> {
        step().await;
        self.0.delete(key, base).await
    }
}

#[async_trait]
impl Directory for Stepped {
    async fn sessions_of(
        &self,
        owner: &Owner,
        now: OffsetDateTime,
    ) -> Result<Vec<(StoreKey, Stored)>, StoreError> {
        step().await;
        self.0.sessions_of(owner, now).await
    }
    async fn revoke(&self, owner: &Owner, keep: Option<&StoreKey>) -> Result<u64, StoreError> {
        step().await;
        self.0.revoke(owner, keep).await
    }
    async fn count(&self, now: OffsetDateTime) -> Result<u64, StoreError> {
        step().await;
        self.0.count(now).await
    }
    async fn page(
        &self,
        after: Option<&StoreKey>,
        limit: usize,
        now: OffsetDateTime,
    ) -> Result<Vec<(StoreKey, Stored)>, StoreError> {
        step().await;
        self.0.page(after, limit, now).await
    }
    async fn clear(&self) -> Result<u64, StoreError> {
        step().await;
        self.0.clear().await
    }
    async fn purge_expired(&self, now: OffsetDateTime, batch: usize) -> Result<u64, StoreError> {
        step().await;
        self.0.purge_expired(now, batch).await
    }
}

type Pair = Migrating<Stepped, Stepped>;
type Actor = fn(Pair, OffsetDateTime) -> Pin<Box<dyn Future<Output = Outcome>>>;

/// What a request can say afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// It saw the session under its first key.
    Saw,
    /// It was told that there is none.
    SawNothing,
    /// It ended the session, under whatever key it had.
    Ended,
    /// It gave the session another key.
    Renewed,
    /// It changed the session.
    Wrote,
}

fn key(name: &str) -> StoreKey {
    StoreKey::from_stored(name)
}

fn owner() -> Owner {
    Owner::new("ada").unwrap()
}

fn record(value: u32, now: OffsetDateTime) -> Record {
    Record {
        payload: format!(r#"{{"value":{value},"_session":{{"owner":"ada"}}}}"#).into(),
        expires_at: now + Duration::minutes(30),
        owner: Some(owner()),
    }
}

fn reads(pair: Pair, now: OffsetDateTime) -> Pin<Box<dyn Future<Output = Outcome>>> {
    Box::pin(async move {
        match pair.load(&key("first"), None, now).await.unwrap() {
            Some(_) => Outcome::Saw,
            None => Outcome::SawNothing,
        }
    })
}

fn moves(pair: Pair, now: OffsetDateTime) -> Pin<Box<dyn Future<Output = Outcome>>> {
    Box::pin(async move {
        pair.move_some(10, now).await.unwrap();
        Outcome::SawNothing
    })
}

fn writes(pair: Pair, now: OffsetDateTime) -> Pin<Box<dyn Future<Output = Outcome>>> {
    Box::pin(async move {
        let Some(mut base) = pair.load(&key("first"), None, now).await.unwrap() else {
            return Outcome::SawNothing;
        };
        loop {
            match pair.update(&key("first"), &record(2, now), Some(&base.version), now).await.unwrap() {
                Updated::Done(_) => return Outcome::Wrote,
                Updated::Missing => return Outcome::SawNothing,
                Updated::Conflict(newer) if newer.record.owner.is_none() => return Outcome::SawNothing,
                Updated::Conflict(newer) => base = newer,
            }
        }
    })
}

fn logs_out(pair: Pair, _: OffsetDateTime) -> Pin<Box<dyn Future<Output = Outcome>>> {
    Box::pin(async move {
        match pair.delete(&key("first"), None).await.unwrap() {
            Deleted::Done => Outcome::Ended,
            Deleted::Missing => Outcome::SawNothing,
            Deleted::Conflict(_) => panic!("a delete without a base met a conflict"),
        }
    })
}

fn renews(pair: Pair, now: OffsetDateTime) -> Pin<Box<dyn Future<Output = Outcome>>> {
    Box::pin(async move {
        let Some(mut base) = pair.load(&key("first"), None, now).await.unwrap() else {
            return Outcome::SawNothing;
        };
        loop {
            let replace = Replace {
                old: &key("first"),
                new: &key("second"),
                record: &record(3, now),
                base: &base.version,
                tombstone: None,
            };
            match pair.replace(replace, now).await.unwrap() {
                Replaced::Done(_) => return Outcome::Renewed,
                Replaced::Missing | Replaced::Exists => return Outcome::SawNothing,
                Replaced::Conflict(newer) => base = newer,
            }
        }
    })
}

fn revokes(pair: Pair, _: OffsetDateTime) -> Pin<Box<dyn Future<Output = Outcome>>> {
    Box::pin(async move {
        pair.revoke(&owner(), None).await.unwrap();
        Outcome::Ended
    })
}

/// One place of an order: which of the actors that could go on does.
struct Place {
    chosen: usize,
    among: usize,
}

/// How often an order takes the turn from an actor that could go on, with two actors and with three. There are too many
/// orders otherwise, and a mistake that takes more of them has yet to be seen.
const INTERRUPTIONS: [usize; 2] = [5, 3];

/// Runs `actors` in every such order of their steps, over a session that is in the old store; hands each run's outcomes to
/// `judge`, with the pair as it is then. Answers how many orders there were.
fn every_order(actors: &[Actor], judge: impl Fn(&Pair, &[Outcome], OffsetDateTime)) -> usize {
    let now = OffsetDateTime::now_utc();
    let most = INTERRUPTIONS[actors.len() - 2];
    let mut order: Vec<Place> = Vec::new();
    let mut runs = 0;
    loop {
        let (new, old) = (Stepped::default(), Stepped::default());
        ready(old.0.create(&key("first"), &record(1, now), now)).unwrap();
        let pair = Migrating::new(new, old);
        let outcomes = run(&pair, actors, now, most, &mut order);
        judge(&pair, &outcomes, now);
        runs += 1;
        // The next order differs at the last place where another could have gone.
        while order.last().is_some_and(|place| place.chosen + 1 == place.among) {
            order.pop();
        }
        match order.last_mut() {
            Some(place) => place.chosen += 1,
            None => return runs,
        }
    }
}

/// One run: follows `order` as far as it goes, and then lets the first that can go on.
fn run(
    pair: &Pair,
    actors: &[Actor],
    now: OffsetDateTime,
    most: usize,
    order: &mut Vec<Place>,
) -> Vec<Outcome> {
    let mut running: Vec<_> = actors.iter().map(|actor| Some(actor(pair.clone(), now))).collect();
    let mut outcomes = vec![None; actors.len()];
    let (mut at, mut last, mut interruptions) = (0, None, 0);
    loop {
        let mut able: Vec<usize> = (0..running.len()).filter(|index| running[*index].is_some()).collect();
        let Some(first) = able.first().copied() else { break };
        let goes_on = last.filter(|last| able.contains(last));
        if let Some(last) = goes_on.filter(|_| interruptions == most) {
            able = vec![last];
        }
        // The usual one stands first, so that the first order has no interruption.
        let usual = goes_on.unwrap_or(first);
        able.sort_by_key(|index| *index != usual);
        if at == order.len() {
            order.push(Place { chosen: 0, among: able.len() });
        }
        let chosen = able[order[at].chosen];
        at += 1;
        interruptions += usize::from(goes_on.is_some_and(|last| last != chosen));
        last = Some(chosen);
        let future = running[chosen].as_mut().unwrap();
        if let Poll::Ready(outcome) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            outcomes[chosen] = Some(outcome);
            running[chosen] = None;
        }
    }
    outcomes.into_iter().map(Option::unwrap).collect()
}

/// Polls to the end what waits for nothing but its turn.
fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut future = Box::pin(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return value;
        }
    }
}

fn alive(pair: &Pair, now: OffsetDateTime) -> Vec<&'static str> {
    let names = ["first", "second"];
    names.into_iter().filter(|name| ready(pair.load(&key(name), None, now)).unwrap().is_some()).collect()
}

#[test]
fn requests_that_only_read_while_a_session_moves_all_see_it() {
    for actors in [&[reads as Actor, reads][..], &[reads, moves], &[reads, reads, moves]] {
        let runs = every_order(actors, |pair, outcomes, now| {
            for (actor, outcome) in actors.iter().zip(outcomes) {
                if *actor as usize == reads as Actor as usize {
                    assert_eq!(*outcome, Outcome::Saw);
                }
            }
            assert_eq!(alive(pair, now), ["first"]);
        });
        assert!(runs > 10, "only {runs} orders");
    }
}

#[test]
fn a_logout_while_a_session_moves_is_final() {
    for actors in [
        &[logs_out as Actor, reads][..],
        &[logs_out, moves],
        &[logs_out, writes],
        &[logs_out, reads, reads],
        &[logs_out, reads, moves],
        &[logs_out, writes, moves],
    ] {
        let runs = every_order(actors, |pair, outcomes, now| {
            assert_eq!(outcomes[0], Outcome::Ended);
            assert_eq!(alive(pair, now), [""; 0]);
        });
        assert!(runs > 10, "only {runs} orders");
    }
}

#[test]
fn a_change_while_a_session_moves_is_kept() {
    for actors in
        [&[writes as Actor, reads][..], &[writes, moves], &[writes, writes], &[writes, reads, moves]]
    {
        every_order(actors, |pair, outcomes, now| {
            assert_eq!(outcomes[0], Outcome::Wrote);
            let stored = ready(pair.load(&key("first"), None, now)).unwrap().unwrap();
            assert!(stored.record.payload.contains(r#""value":2"#));
        });
    }
}

#[test]
fn a_renewal_while_a_session_moves_leaves_one_session_under_the_new_key() {
    for actors in [&[renews as Actor, reads][..], &[renews, moves], &[renews, reads, moves]] {
        every_order(actors, |pair, outcomes, now| {
            assert_eq!(outcomes[0], Outcome::Renewed);
            assert_eq!(alive(pair, now), ["second"]);
        });
    }
}

#[test]
fn a_logout_and_a_renewal_that_meet_while_a_session_moves_never_leave_two_sessions() {
    every_order(&[logs_out, renews, moves], |pair, outcomes, now| match outcomes[0] {
        Outcome::Ended => assert_eq!(alive(pair, now), [""; 0]),
        _ => assert_eq!(alive(pair, now), ["second"]),
    });
}

#[test]
fn nobody_escapes_a_revocation_by_moving_or_renewing() {
    for actors in [
        &[revokes as Actor, reads][..],
        &[revokes, moves],
        &[revokes, renews],
        &[revokes, writes],
        &[revokes, reads, moves],
        &[revokes, renews, moves],
    ] {
        let runs =
            every_order(actors, |pair, outcomes, now| assert_eq!(alive(pair, now), [""; 0], "{outcomes:?}"));
        assert!(runs > 10, "only {runs} orders");
    }
}
