//! Ending sessions from outside: what is ended, what is not, and what the caller is told, whatever else happens meanwhile.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

mod common;

use std::pin::Pin;
use std::sync::{Arc, Mutex};

use common::{after, policy};
use session_core::store::{
    Created, Deleted, Directory, Extend, Record, Replace, Replaced, Store, StoreError, Stored, Touched,
    Updated, Version, async_trait,
};
use session_core::{Owner, RequestFacts, StoreKey};
use session_driver::{Clock as _, Error, Exchange, Session, Sessions, SystemClock};
use session_store_memory::MemoryStore;
use time::OffsetDateTime;

fn owner(name: &str) -> Owner {
    Owner::new(name).unwrap()
}

fn begin(sessions: &Sessions, cookie: &str) -> Exchange {
    let cookies: Vec<&[u8]> = if cookie.is_empty() { vec![] } else { vec![cookie.as_bytes()] };
    sessions.begin(&RequestFacts::new("/"), cookies)
}

async fn request(
    sessions: &Sessions,
    cookie: &str,
    act: impl FnOnce(&Session) -> Result<(), Error>,
) -> Result<String, Error> {
    let exchange = begin(sessions, cookie);
    act(&exchange.session().await?)?;
    Ok(after(cookie, &exchange.finish().await?))
}

async fn log_in(sessions: &Sessions, name: &str) -> String {
    request(sessions, "", |session| session.login(owner(name))).await.unwrap()
}

async fn who(sessions: &Sessions, cookie: &str) -> Option<Owner> {
    begin(sessions, cookie).session().await.unwrap().owner().unwrap()
}

async fn handle(sessions: &Sessions, cookie: &str) -> String {
    begin(sessions, cookie).session().await.unwrap().handle().unwrap().unwrap()
}

#[tokio::test]
async fn one_session_is_ended_and_no_other() {
    let sessions = Sessions::with_directory(policy().build().unwrap(), MemoryStore::new());
    let devices = sessions.devices().unwrap();
    let (phone, laptop) = (log_in(&sessions, "user1").await, log_in(&sessions, "user1").await);
    let stranger = log_in(&sessions, "user2").await;
    let listed = devices.list(&owner("user1")).await.unwrap();
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().all(|device| device.created_at.is_some()));

    let phones = handle(&sessions, &phone).await;
    assert!(!devices.revoke(&owner("user2"), &phones).await.unwrap(), "another owner's");
    assert!(who(&sessions, &phone).await.is_some());
    assert!(devices.revoke(&owner("user1"), &phones).await.unwrap());
    assert!(!devices.revoke(&owner("user1"), &phones).await.unwrap(), "there is none any more");
    assert!(!devices.revoke(&owner("user1"), "no handle").await.unwrap());
    assert_eq!(who(&sessions, &phone).await, None);
    assert!(who(&sessions, &laptop).await.is_some() && who(&sessions, &stranger).await.is_some());
}

#[tokio::test]
async fn all_sessions_of_an_owner_are_ended_or_all_others() {
    let sessions = Sessions::with_directory(policy().build().unwrap(), MemoryStore::new());
    let devices = sessions.devices().unwrap();
    let stranger = log_in(&sessions, "user2").await;
    let mut cookies = Vec::new();
    for _ in 0..3 {
        cookies.push(log_in(&sessions, "user1").await);
    }
    let late = begin(&sessions, &cookies[1]);
    late.session().await.unwrap().insert("n", 1).unwrap();
    let here = begin(&sessions, &cookies[0]);
    let current = here.session().await.unwrap();
    assert_eq!(devices.revoke_others(&owner("user1"), &current).await.unwrap(), 2);
    assert_eq!(late.finish().await.unwrap_err().status(), 409, "a request on its way cannot bring it back");
    for (cookie, live) in cookies.iter().zip([true, false, false]) {
        assert_eq!(who(&sessions, cookie).await.is_some(), live);
    }
    assert_eq!(devices.revoke_all(&owner("user1")).await.unwrap(), 1);
    assert_eq!(who(&sessions, &cookies[0]).await, None);
    assert_eq!(devices.revoke_all(&owner("user1")).await.unwrap(), 0);
    assert!(who(&sessions, &stranger).await.is_some());
}

#[tokio::test]
async fn sessions_without_a_directory_say_how_to_get_one() {
    let sessions = Sessions::new(policy().build().unwrap(), MemoryStore::new());
    let error = sessions.devices().unwrap_err();
    assert!(error.to_string().contains("with_directory"), "{error}");
    assert_eq!(error.status(), 500);
}

type Action = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What else a browser does: its name, what its handler asks for.
type Script = (&'static str, fn(&Session) -> Result<(), Error>);

const SCRIPTS: [Script; 7] = [
    ("write", |session| session.update("n", |n: Option<i64>| n.unwrap_or(0) + 1).map(drop)),
    ("renew", Session::renew),
    ("regenerate", Session::regenerate),
    ("log in again", |session| session.login(owner("user1"))),
    ("log in as another", |session| session.login(owner("user2"))),
    ("belong to nobody", |session| session.set_owner(None)),
    ("log out", Session::logout),
];

/// How many sessions user1 has besides the one that must stay, and how many user2 has.
type Seen = (usize, usize);

/// A directory in which something happens before each call, and which sees what each call has done.
#[derive(Default)]
struct Hooked {
    store: Arc<MemoryStore>,
    /// What happens before the call of that number.
    due: Mutex<Vec<(usize, Action)>>,
    calls: Mutex<Vec<(Seen, Seen)>>,
    /// What was seen after each action.
    between: Mutex<Vec<bool>>,
}

impl Hooked {
    async fn see(&self) -> Seen {
        let now = SystemClock.now();
        let first = self.store.sessions_of(&owner("user1"), now).await.unwrap().len();
        let second = self.store.sessions_of(&owner("user2"), now).await.unwrap().len();
        (first - 1, second)
    }

    async fn before(&self) -> Seen {
        let number = self.calls.lock().unwrap().len();
        self.act(number).await;
        self.see().await
    }

    /// Lets everything happen that is due before this call.
    async fn act(&self, number: usize) {
        loop {
            let next = {
                let mut due = self.due.lock().unwrap();
                due.iter().position(|(at, _)| *at <= number).map(|next| due.remove(next).1)
            };
            let Some(action) = next else { return };
            action.await;
            let (live, _) = self.see().await;
            self.between.lock().unwrap().push(live > 0);
        }
    }

    async fn done(&self, before: Seen) {
        let after = self.see().await;
        self.calls.lock().unwrap().push((before, after));
    }
}

#[async_trait]
impl Store for Hooked {
    async fn load(
        &self,
        key: &StoreKey,
        extend: Option<&Extend>,
        now: OffsetDateTime,
    ) -> Result<Option<Stored>, StoreError> {
        self.store.load(key, extend, now).await
    }
    async fn create(
        &self,
        key: &StoreKey,
        record: &Record,
        now: OffsetDateTime,
    ) -> Result<Created, StoreError> {
        self.store.create(key, record, now).await
    }
    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        base: Option<&Version>,
        now: OffsetDateTime,
    ) -> Result<Updated, StoreError> {
        self.store.update(key, record, base, now).await
    }
    async fn touch(
        &self,
        key: &StoreKey,
        expires_at: OffsetDateTime,
        base: Option<&Version>,
        now: OffsetDateTime,
    ) -> Result<Touched, StoreError> {
        self.store.touch(key, expires_at, base, now).await
    }
    async fn replace(&self, replace: Replace<'_>, now: OffsetDateTime) -> Result<Replaced, StoreError> {
        self.store.replace(replace, now).await
    }
    async fn delete(&self, key: &StoreKey, base: Option<&Version>) -> Result<Deleted, StoreError> {
        let before = self.before().await;
        let answer = self.store.delete(key, base).await;
        self.done(before).await;
        answer
    }
}

#[async_trait]
impl Directory for Hooked {
    async fn sessions_of(
        &self,
        owner: &Owner,
        now: OffsetDateTime,
    ) -> Result<Vec<(StoreKey, Stored)>, StoreError> {
        let before = self.before().await;
        let answer = self.store.sessions_of(owner, now).await;
        self.done(before).await;
        answer
    }
    async fn revoke(&self, owner: &Owner, keep: Option<&StoreKey>) -> Result<u64, StoreError> {
        self.store.revoke(owner, keep).await
    }
    async fn count(&self, now: OffsetDateTime) -> Result<u64, StoreError> {
        self.store.count(now).await
    }
    async fn page(
        &self,
        after: Option<&StoreKey>,
        limit: usize,
        now: OffsetDateTime,
    ) -> Result<Vec<(StoreKey, Stored)>, StoreError> {
        self.store.page(after, limit, now).await
    }
    async fn clear(&self) -> Result<u64, StoreError> {
        self.store.clear().await
    }
    async fn purge_expired(&self, now: OffsetDateTime, batch: usize) -> Result<u64, StoreError> {
        self.store.purge_expired(now, batch).await
    }
}

/// When a request of the browser is made, counted in calls of the revocation.
#[derive(Debug, Clone, Copy)]
enum When {
    /// All of it.
    At(usize),
    /// It has loaded its session before everything else, and saves it now.
    SavesAt(usize),
}

/// The ways to revoke: ours, and one that must be caught.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Ours,
    WithoutBase,
}

async fn revoke(way: Way, sessions: &Sessions, directory: &Arc<Hooked>, handle: &str) -> bool {
    match way {
        Way::Ours => sessions.devices().unwrap().revoke(&owner("user1"), handle).await.unwrap(),
        Way::WithoutBase => {
            let found = directory.sessions_of(&owner("user1"), SystemClock.now()).await.unwrap();
            let Some((key, _)) = found.into_iter().find(|(key, _)| key.handle() == handle) else {
                return false;
            };
            directory.delete(&key, None).await.unwrap();
            true
        }
    }
}

/// Revokes a session while its browser does this; what is wrong with the outcome.
async fn play(way: Way, scripts: &[(Script, When)]) -> Result<(), String> {
    let directory = Arc::new(Hooked::default());
    let sessions = Sessions::with_directory(policy().build().unwrap(), directory.clone());
    let browser = Sessions::new(policy().build().unwrap(), directory.store.clone());
    let target = log_in(&browser, "user1").await;
    let kept = log_in(&browser, "user1").await;
    let stranger = log_in(&browser, "user2").await;
    let handle = handle(&browser, &target).await;
    let cookie = Arc::new(Mutex::new(target));
    for &((_, act), when) in scripts {
        let (browser, cookie) = (browser.clone(), cookie.clone());
        let (number, loaded) = match when {
            When::At(number) => (number, None),
            When::SavesAt(number) => {
                let exchange = begin(&browser, &cookie.lock().unwrap().clone());
                act(&exchange.session().await.unwrap()).unwrap();
                (number, Some(exchange))
            }
        };
        let action = Box::pin(async move {
            let before = cookie.lock().unwrap().clone();
            let exchange = match loaded {
                Some(exchange) => exchange,
                None => {
                    let exchange = begin(&browser, &before);
                    let _ = act(&exchange.session().await.unwrap());
                    exchange
                }
            };
            // A late change of a session that has ended is refused.
            if let Ok(reply) = exchange.finish().await {
                let line = after(&before, &reply);
                *cookie.lock().unwrap() = line;
            }
        });
        directory.due.lock().unwrap().push((number, action));
    }

    let ended = revoke(way, &sessions, &directory, &handle).await;

    let calls = std::mem::take(&mut *directory.calls.lock().unwrap());
    let between = directory.between.lock().unwrap().clone();
    if calls.iter().any(|((_, before), (_, after))| before != after) {
        return Err("another owner's session was ended".into());
    }
    let (before, after) = calls.last().map(|((before, _), (after, _))| (*before, *after)).unwrap();
    // A login that comes too late for the session makes one of its own, which nobody has revoked.
    if usize::from(ended) != before - after {
        return Err(format!("it said {ended}, and there were {before} sessions before and {after} after"));
    }
    let listed = calls.len() > 1;
    let always_alive = between.iter().all(|alive| *alive);
    if listed && always_alive && !ended {
        return Err("the session was there all the time, and is not ended".into());
    }
    directory.act(usize::MAX).await;
    for (cookie, name) in [(kept, "user1"), (stranger, "user2")] {
        if who(&browser, &cookie).await != Some(owner(name)) {
            return Err(format!("a session of {name} is gone that nobody spoke of"));
        }
    }
    Ok(())
}

/// Every way in which up to `most` requests of the browser, two at most, fall into a revocation: what goes wrong.
async fn enumerate(way: Way, most: usize) -> (usize, Vec<String>) {
    let whens: Vec<When> = (0..5).flat_map(|number| [When::At(number), When::SavesAt(number)]).collect();
    let one = || SCRIPTS.into_iter().flat_map(|script| whens.iter().map(move |when| (script, *when)));
    let mut runs: Vec<Vec<(Script, When)>> = vec![vec![]];
    runs.extend(one().map(|one| vec![one]));
    runs.extend(one().flat_map(|first| one().map(move |second| vec![first, second])));
    runs.retain(|scripts| scripts.len() <= most);
    let mut wrong = Vec::new();
    for scripts in &runs {
        if let Err(error) = play(way, scripts).await {
            let scripts: Vec<_> =
                scripts.iter().map(|((name, _), when)| format!("{name} {when:?}")).collect();
            wrong.push(format!("{scripts:?}: {error}"));
        }
    }
    (runs.len(), wrong)
}

#[tokio::test]
async fn a_revocation_ends_its_session_whatever_its_browser_does_meanwhile() {
    let (runs, wrong) = enumerate(Way::Ours, 2).await;
    assert_eq!(runs, 1 + 70 + 70 * 70);
    assert!(wrong.is_empty(), "{} of {runs}, the first: {}", wrong.len(), wrong[0]);
}

#[tokio::test]
async fn a_revocation_that_names_no_version_is_caught() {
    let (_, wrong) = enumerate(Way::WithoutBase, 1).await;
    assert!(wrong.iter().any(|wrong| wrong.contains("renew At(1)")), "{wrong:?}");
}
