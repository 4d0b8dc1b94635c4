//! A replica set whose primary steps down under load: what was answered stays, and what is not answered ends by itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

mod common;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{Place, cases, create, key, live, now, on_a_database, record};
use libtest_mimic::Arguments;
use session_core::store::{
    Created, Deleted, Record, Replace, Replaced, Store as _, StoreError, StoreErrorKind, Updated,
};
use session_store_mongodb::MongoStore;
use session_store_mongodb::mongodb::bson::doc;
use session_store_mongodb::mongodb::options::{Acknowledgment, WriteConcern};

fn main() {
    let mut arguments = Arguments::from_args();
    // One replica set, and elections at known moments.
    arguments.test_threads = Some(1);
    let cases = cases![
        no_acknowledged_majority_write_is_lost_in_elections,
        a_session_that_moves_in_an_election_is_never_lost,
        a_write_concern_that_the_set_cannot_meet_is_refused,
        any_member_leads_to_the_primary_and_reads_go_nowhere_else,
    ];
    common::run("mongodb-replica", "MONGODB_REPLICA_URL", &arguments, cases);
}

/// How often the primary steps down in one test.
const ELECTIONS: u32 = 4;

/// Answers that the writers of one test must have got before each election, and after the last one.
const BETWEEN: u64 = 200;

/// Tells the primary to step down; if `at_once`, without waiting for the others to have all that it has.
async fn step_down(place: &Place, at_once: bool) {
    let catch_up = if at_once { 0 } else { 3 };
    let command = doc! { "replSetStepDown": 4, "secondaryCatchUpPeriodSecs": catch_up, "force": at_once };
    place.client.database("admin").run_command(command).await.unwrap();
}

/// What the writers of one test heard, all together.
#[derive(Debug, Default)]
struct Heard {
    answers: AtomicU64,
    unavailable: AtomicU64,
    longest_outage: Mutex<Duration>,
    is_over: AtomicBool,
}

impl Heard {
    fn goes_on(&self) -> bool {
        !self.is_over.load(Ordering::Relaxed)
    }

    /// Waits until the writers have got so many answers more.
    async fn more(&self, count: u64) {
        let (begun, enough) = (Instant::now(), self.answers.load(Ordering::Relaxed) + count);
        while self.answers.load(Ordering::Relaxed) < enough {
            assert!(begun.elapsed() < Duration::from_secs(30), "the store does not come back: {self:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// The answers that one writer gets.
struct Witness {
    heard: Arc<Heard>,
    down_since: Option<Instant>,
}

impl Witness {
    /// The answer, or nothing if the store was unavailable; any other error is a failure.
    fn hears<T>(&mut self, answer: Result<T, StoreError>) -> Option<T> {
        match answer {
            Ok(answer) => {
                self.heard.answers.fetch_add(1, Ordering::Relaxed);
                if let Some(since) = self.down_since.take() {
                    let mut longest = self.heard.longest_outage.lock().unwrap();
                    *longest = longest.max(since.elapsed());
                }
                Some(answer)
            }
            Err(error) => {
                assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
                self.heard.unavailable.fetch_add(1, Ordering::Relaxed);
                self.down_since.get_or_insert_with(Instant::now);
                None
            }
        }
    }
}

/// Runs eight writers through some elections; each is given a number of its own.
async fn through_elections<W, F>(place: &Place, writer: W)
where
    W: Fn(MongoStore, Witness, u64) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    // Less patience than an election takes, so that something of it is heard.
    let store = place.builder().patience(Duration::from_millis(500)).connect(&place.url).await.unwrap();
    let heard = Arc::new(Heard::default());
    let writers: Vec<_> = (0..8)
        .map(|number| {
            let witness = Witness { heard: Arc::clone(&heard), down_since: None };
            tokio::spawn(writer(store.clone(), witness, number * 1_000_000))
        })
        .collect();
    for election in 0..ELECTIONS {
        heard.more(BETWEEN).await;
        step_down(place, election % 2 == 0).await;
    }
    heard.more(BETWEEN).await;
    heard.is_over.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    eprintln!("{ELECTIONS} elections: {heard:?}");
}

fn number(record: &Record) -> u64 {
    record.value("n").unwrap()
}

/// What a session may hold: each write that was not answered may have been carried out or not.
#[derive(Debug)]
struct Expected {
    key: String,
    /// The last number that was confirmed; `None` before a creation and after a deletion was.
    confirmed: Option<u64>,
    /// Numbers that were sent since then and not confirmed.
    possible: Vec<u64>,
    /// A creation or deletion was sent since then and not confirmed.
    perhaps_absent: bool,
}

impl Expected {
    fn is_now(&mut self, confirmed: Option<u64>) {
        self.confirmed = confirmed;
        self.possible.clear();
        self.perhaps_absent = false;
    }

    fn allows(&self, found: Option<u64>) -> bool {
        match found {
            None => self.confirmed.is_none() || self.perhaps_absent,
            Some(n) => self.possible.contains(&n) || self.confirmed == Some(n),
        }
    }
}

async fn no_acknowledged_majority_write_is_lost_in_elections() {
    on_a_database("MONGODB_REPLICA_URL", async |place| {
        let (send, mut sessions) = tokio::sync::mpsc::unbounded_channel();
        through_elections(place, |store, mut witness, mut n| {
            let send = send.clone();
            async move {
                while witness.heard.goes_on() {
                    n += 1;
                    send.send(life_of_a_session(&store, &mut witness, &mut n).await).unwrap();
                }
            }
        })
        .await;
        drop(send);
        let store = place.store().await;
        let (mut lost, mut kept, mut ended) = (0, 0, 0);
        while let Some(it) = sessions.recv().await {
            let found = live(&store, &it.key).await.as_ref().map(number);
            lost += u32::from(!it.allows(found));
            kept += u32::from(found.is_some());
            ended += u32::from(found.is_none());
        }
        eprintln!("{kept} sessions are live, {ended} are not; {lost} of them are not as they were confirmed");
        assert_eq!(lost, 0);
        assert!(kept > 20 && ended > 20);
    })
    .await;
}

/// Creates a session, writes to it some times, and ends every second one.
async fn life_of_a_session(store: &MongoStore, witness: &mut Witness, n: &mut u64) -> Expected {
    let text = format!("session-{n}");
    let name = key(&text);
    let mut it = Expected { key: text, confirmed: None, possible: vec![*n], perhaps_absent: true };
    let Some(created) = witness.hears(store.create(&name, &record(*n, None), now()).await) else { return it };
    let Created::Done(mut base) = created else { panic!("the key is new") };
    it.is_now(Some(*n));
    for _ in 0..4 {
        *n += 1;
        it.possible.push(*n);
        match witness.hears(store.update(&name, &record(*n, None), Some(&base), now()).await) {
            Some(Updated::Done(version)) => {
                base = version;
                it.is_now(Some(*n));
            }
            // An earlier try, which was not answered, was carried out.
            Some(Updated::Conflict(newer)) => {
                assert!(it.possible.contains(&number(&newer.record)));
                base = newer.version;
            }
            Some(Updated::Missing) => panic!("a confirmed session is lost"),
            None => {}
        }
        if let Some(found) = witness.hears(store.load(&name, None, now()).await) {
            let found = found.map(|stored| number(&stored.record));
            assert!(it.allows(found), "a read shows {found:?} of {it:?}");
        }
    }
    if n.is_multiple_of(2) {
        it.perhaps_absent = true;
        if let Some(deleted) = witness.hears(store.delete(&name, None).await) {
            assert_eq!(deleted, Deleted::Done, "a confirmed session is lost");
            it.is_now(None);
        }
    }
    it
}

async fn a_session_that_moves_in_an_election_is_never_lost() {
    on_a_database("MONGODB_REPLICA_URL", async |place| {
        let (send, mut moves) = tokio::sync::mpsc::unbounded_channel();
        through_elections(place, |store, mut witness, mut n| {
            let send = send.clone();
            async move {
                while witness.heard.goes_on() {
                    n += 1;
                    let (old, new) = (format!("{n}-old"), format!("{n}-new"));
                    let created = store.create(&key(&old), &record(1, None), now()).await;
                    let Some(Created::Done(base)) = witness.hears(created) else { continue };
                    let (successor, tombstone) = (record(2, None), record(3, None));
                    let replace = Replace {
                        old: &key(&old),
                        new: &key(&new),
                        record: &successor,
                        base: &base,
                        tombstone: (n % 2 == 0).then_some(&tombstone),
                    };
                    let replaced = witness.hears(store.replace(replace, now()).await);
                    send.send((old, new, replaced)).unwrap();
                }
            }
        })
        .await;
        drop(send);
        let store = place.store().await;
        let (mut done, mut unknown, mut orphans) = (0, 0, 0);
        while let Some((old, new, replaced)) = moves.recv().await {
            let stays = live(&store, &old).await.is_some_and(|record| number(&record) == 1);
            let arrived = live(&store, &new).await.is_some_and(|record| number(&record) == 2);
            match replaced {
                Some(Replaced::Done(_)) => {
                    assert!(arrived && !stays, "a confirmed move: arrived {arrived}, stays {stays}");
                    done += 1;
                }
                Some(other) => panic!("nobody else was there, and replace answered {other:?}"),
                None => {
                    assert!(arrived || stays, "the session is lost");
                    unknown += 1;
                    orphans += u32::from(arrived && stays);
                }
            }
        }
        eprintln!("{done} moves are confirmed; of {unknown} that are not, {orphans} left an orphan under the new key");
        assert!(done > 20);
    })
    .await;
}

async fn a_write_concern_that_the_set_cannot_meet_is_refused() {
    on_a_database("MONGODB_REPLICA_URL", async |place| {
        let concern = WriteConcern::builder().w(Acknowledgment::Nodes(49)).build();
        let made = place.store().await;
        let store = place.builder().write_concern(concern).connect(&place.url).await.unwrap();
        let error = store.create(&key("a"), &record(1, None), now()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the session store refused: the write concern cannot be met, MongoDB error 100"
        );
        assert!(live(&made, "a").await.is_some(), "it is written, which the page says");
        let url = format!("{}&w=49", place.url);
        let by_url = place.builder().connect(&url).await.unwrap();
        assert!(by_url.delete(&key("a"), None).await.is_err());
        let nothing = WriteConcern::builder().w(Acknowledgment::Nodes(0)).build();
        let refused = place.builder().write_concern(nothing).connect(&place.url).await.unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::Refused);
    })
    .await;
}

async fn any_member_leads_to_the_primary_and_reads_go_nowhere_else() {
    on_a_database("MONGODB_REPLICA_URL", async |place| {
        let hosts = place.url.strip_prefix("mongodb://").unwrap().split('/').next().unwrap();
        for (n, host) in (1..).zip(hosts.split(',')) {
            let url = format!("mongodb://{host}/{}?readPreference=secondary", place.name);
            let store = MongoStore::connect(&url).await.unwrap();
            for round in 0..50 {
                // With less than all members, a secondary would not always have it yet.
                let name = format!("{n}-{round}");
                create(&store, &name, &record(n, None)).await;
                assert!(live(&store, &name).await.is_some());
            }
        }
    })
    .await;
}
