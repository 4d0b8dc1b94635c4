//! A visitor, and what the site owes them: kept by what was acknowledged, and strict wherever that leaves no doubt.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::browser::{Answer, Browser, Manner};
use crate::course::{Course, Dice};
use crate::ledger::{Broken, Done, Ledger};

/// What a visitor does between two requests.
const PAUSE: Duration = Duration::from_millis(5);
/// A visitor who was told that the site cannot be reached comes again after this.
const COMES_AGAIN: Duration = Duration::from_millis(50);
/// Sessions that were ended, whose cookies a visitor still tries.
const REMEMBERED: usize = 40;
/// How long what a visitor has not waited for, or a revocation without an answer, may still be carried out.
const LATE: Duration = Duration::from_secs(10);
/// How long the site may take to work again once all is over.
const RECOVERY: Duration = Duration::from_secs(60);

/// What a visitor may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Login,
    Read,
    Count,
    Rotate,
    Logout,
    Revoke,
}

impl Act {
    fn path(self) -> &'static str {
        match self {
            Act::Login => "login",
            Act::Read => "read",
            Act::Count => "count",
            Act::Rotate => "rotate",
            Act::Logout => "logout",
            Act::Revoke => "revoke",
        }
    }

    fn done(self) -> Done {
        match self {
            Act::Login => Done::Login,
            Act::Read => Done::Read,
            Act::Count => Done::Count,
            Act::Rotate => Done::Rotation,
            Act::Logout => Done::Logout,
            Act::Revoke => Done::Revocation,
        }
    }
}

/// A session as far as its owner knows it.
#[derive(Debug, Clone)]
struct Mine {
    cookie: String,
    /// The cookies that it had before its id was rotated: good for nothing, once the session is over.
    earlier: Vec<String>,
    /// The count is between these: requests that were not answered may have been carried out.
    at_least: u64,
    at_most: u64,
    /// When counts were asked for that nobody waited for: the site may still be at work on them.
    left: Vec<Instant>,
    /// An end was asked for and not acknowledged: the session may be over now, or soon.
    may_end: bool,
    /// A rotation was left without an answer, and none has been answered since.
    rotation_in_doubt: bool,
    /// When the last change was acknowledged, in failovers.
    stamp: u64,
    /// What was last left without an answer, for the story of what went wrong.
    in_doubt: Option<(Act, String, Duration)>,
}

/// A cookie whose session was acknowledged as ended.
#[derive(Debug)]
struct Ended {
    cookie: String,
    by: Act,
    stamp: u64,
}

pub(crate) struct Visitor {
    name: String,
    course: Arc<Course>,
    browser: Browser,
    dice: Dice,
    mine: Option<Mine>,
    /// When a revocation was left without an answer: it may end what began since.
    revocation_in_doubt: Option<Instant>,
    ended: Vec<Ended>,
    ledger: Ledger,
}

/// What the site says of a session.
enum Says {
    Out,
    In { user: String, count: u64 },
}

impl Visitor {
    pub(crate) fn new(number: u64, seed: u64, course: Arc<Course>) -> Self {
        Self {
            name: format!("user{number}"),
            course,
            browser: Browser::default(),
            dice: Dice(seed.wrapping_mul(1_000_003).wrapping_add(number)),
            mine: None,
            revocation_in_doubt: None,
            ended: Vec::new(),
            ledger: Ledger::default(),
        }
    }

    /// Comes and goes until the course is over, then looks whether everything is as it was acknowledged.
    pub(crate) async fn visit(mut self) -> Ledger {
        while !self.course.over.load(Ordering::SeqCst) {
            let act = self.choice();
            match act {
                None => self.try_an_ended_one().await,
                Some(act) => self.act(act).await,
            };
            tokio::time::sleep(PAUSE).await;
        }
        self.settle().await;
        self.ledger
    }

    /// What to do next; `None` for a look at what an old cookie is good for.
    fn choice(&mut self) -> Option<Act> {
        if self.mine.is_none() {
            return Some(Act::Login);
        }
        match self.dice.throw() % 100 {
            0..35 => Some(Act::Read),
            35..75 => Some(Act::Count),
            75..83 => Some(Act::Rotate),
            83..88 => Some(Act::Logout),
            88..91 => Some(Act::Revoke),
            _ => None,
        }
    }

    /// One in thirty leaves before there is an answer, and one in thirty is slow; at the end all wait.
    fn manner(&mut self) -> Manner {
        let time = Duration::from_millis(self.dice.throw() % 5);
        match self.dice.throw() % 30 {
            _ if self.course.over.load(Ordering::SeqCst) => Manner::Usual,
            0 => Manner::Leaves(time),
            1 => Manner::Slow(10 * time),
            _ => Manner::Usual,
        }
    }

    /// Sends a request; `None` if it did not reach the site.
    async fn ask(&mut self, act: Act, cookie: Option<&str>) -> Option<Answer> {
        let path = format!("/{}/{}", act.path(), self.name);
        let Some(address) = self.course.site.address(self.dice.throw()) else {
            tokio::time::sleep(COMES_AGAIN).await;
            return None;
        };
        let manner = self.manner();
        let (answer, took) = self.browser.ask(address, &path, cookie, manner).await;
        let kind = match (&answer, manner) {
            (Answer::Page { status, .. }, _) => status.to_string(),
            (Answer::NotSent, _) => "refused".to_owned(),
            (Answer::None, Manner::Leaves(_)) => "left".to_owned(),
            (Answer::None, _) => "none".to_owned(),
        };
        self.ledger.answered(kind, took, self.course.limit);
        match answer {
            Answer::NotSent => {
                tokio::time::sleep(COMES_AGAIN).await;
                None
            }
            answer => Some(answer),
        }
    }

    /// Does something with the visitor's own session; whether it was acknowledged.
    async fn act(&mut self, act: Act) -> bool {
        // Whoever revokes does so from elsewhere.
        let cookie = self.mine.as_ref().filter(|_| act != Act::Revoke).map(|mine| mine.cookie.clone());
        let Some(answer) = self.ask(act, cookie.as_deref()).await else { return false };
        match answer {
            Answer::Page { status: 200, body, set_cookie } => {
                self.ledger.did(act.done());
                self.acknowledged(act, &body, set_cookie);
                return true;
            }
            // Nothing was written: the session is not where the cookie says. Whether it is anywhere, the next read tells.
            Answer::Page { status: 409, .. } => {}
            Answer::Page { status, .. } => self.not_acknowledged(act, &status.to_string()),
            Answer::None => self.not_acknowledged(act, "no answer"),
            Answer::NotSent => {}
        }
        false
    }

    /// The request may have been carried out all the same.
    fn not_acknowledged(&mut self, act: Act, how: &str) {
        let at = self.course.begun.elapsed();
        if act == Act::Revoke {
            self.revocation_in_doubt = Some(Instant::now());
        }
        let Some(mine) = &mut self.mine else { return };
        match act {
            Act::Login | Act::Read => return,
            // A process of the site, or the store, may still be at work on it. A count that comes next may meet it: then it is
            // made on what it left, though its page was written before.
            Act::Count => {
                mine.at_most += 1;
                mine.left.push(Instant::now());
            }
            Act::Rotate => mine.rotation_in_doubt = true,
            Act::Logout | Act::Revoke => mine.may_end = true,
        }
        mine.in_doubt = Some((act, how.to_owned(), at));
    }

    fn acknowledged(&mut self, act: Act, body: &str, set_cookie: Option<String>) {
        let stamp = self.course.stamp();
        match act {
            Act::Login => {
                let Some(cookie) = set_cookie.filter(|cookie| !cookie.is_empty()) else {
                    return self.broken(Broken::Lost, 1, stamp, "a login was answered without a cookie");
                };
                self.mine = Some(Mine {
                    cookie,
                    earlier: Vec::new(),
                    at_least: 0,
                    at_most: 0,
                    left: Vec::new(),
                    may_end: self.revocation_in_doubt.is_some_and(|since| since.elapsed() < LATE),
                    rotation_in_doubt: false,
                    stamp,
                    in_doubt: None,
                });
            }
            Act::Revoke => self.over(act, stamp),
            Act::Read | Act::Count | Act::Rotate | Act::Logout => {
                if !self.check(act, body) {
                    return;
                }
                if let (Some(mine), Some(cookie)) = (&mut self.mine, set_cookie.filter(|it| !it.is_empty()))
                    && mine.cookie != cookie
                {
                    mine.rotation_in_doubt = false;
                    mine.earlier.push(std::mem::replace(&mut mine.cookie, cookie));
                }
                match act {
                    Act::Logout => self.over(act, stamp),
                    Act::Count | Act::Rotate => {
                        if let Some(mine) = &mut self.mine {
                            mine.stamp = stamp;
                        }
                    }
                    _ => {}
                }
            }
        }
    }

    /// The session was ended, and that was acknowledged.
    fn over(&mut self, by: Act, stamp: u64) {
        let Some(Mine { cookie, earlier, .. }) = self.mine.take() else { return };
        let last_of_earlier = earlier.into_iter().next_back();
        for cookie in last_of_earlier.into_iter().chain([cookie]) {
            if self.ended.len() == REMEMBERED {
                self.ended.remove(0);
            }
            self.ended.push(Ended { cookie, by, stamp });
        }
    }

    /// Whether a page shows the session as it must be; what it shows is what is known from then on.
    fn check(&mut self, act: Act, body: &str) -> bool {
        let Some(mine) = self.mine.clone() else { return false };
        match says(body) {
            Some(Says::Out) => {
                self.mine = None;
                if !mine.may_end {
                    if mine.rotation_in_doubt && !self.course.may_be_lost(mine.stamp) {
                        self.ledger.out_by_rotation += 1;
                    }
                    self.broken(Broken::LoggedOut, 1, mine.stamp, &story(act, &mine));
                }
                false
            }
            Some(Says::In { user, .. }) if user != self.name => {
                self.broken(
                    Broken::MixedUp,
                    1,
                    self.course.failovers.load(Ordering::SeqCst),
                    "somebody else",
                );
                false
            }
            Some(Says::In { count, .. }) => {
                let added = u64::from(act == Act::Count);
                let (at_least, at_most) = (mine.at_least + added, mine.at_most + added);
                if count < at_least {
                    self.broken(Broken::Lost, at_least - count, mine.stamp, &story(act, &mine));
                } else if count > at_most {
                    self.broken(Broken::Invented, count - at_most, mine.stamp, &story(act, &mine));
                }
                if let Some(mine) = &mut self.mine {
                    mine.at_least = count;
                    mine.left.retain(|since| since.elapsed() < LATE);
                    let at_work = u64::try_from(mine.left.len()).unwrap_or(u64::MAX);
                    // A count that was made names the version it was made from: none that is older can be made any more, but
                    // those that a process of the site is still at work on.
                    mine.at_most = if act == Act::Count { count + at_work } else { at_most.max(count) };
                }
                true
            }
            None => {
                self.broken(Broken::MixedUp, 1, mine.stamp, "a page that this site does not have");
                false
            }
        }
    }

    fn broken(&mut self, what: Broken, times: u64, stamp: u64, story: &str) {
        let at = self.course.begun.elapsed();
        let story = format!("{} at {:.1} s: {story}", self.name, at.as_secs_f64());
        self.ledger.broken(what, times, self.course.may_be_lost(stamp), story);
    }

    /// Tries the cookie of a session that was ended.
    async fn try_an_ended_one(&mut self) -> bool {
        if self.ended.is_empty() {
            return true;
        }
        let chosen = usize::try_from(self.dice.throw()).unwrap_or(0) % self.ended.len();
        self.try_ended(chosen).await
    }

    /// Whether there was an answer.
    async fn try_ended(&mut self, number: usize) -> bool {
        let cookie = self.ended[number].cookie.clone();
        let Some(Answer::Page { status: 200, body, .. }) = self.ask(Act::Read, Some(&cookie)).await else {
            return false;
        };
        if !matches!(says(&body), Some(Says::Out)) {
            let ended = self.ended.remove(number);
            let story = format!("a session is there that was ended by a {:?}", ended.by);
            self.broken(Broken::Undone, 1, ended.stamp, &story);
        }
        true
    }

    /// Once all is over: the session and every ended one is as it was acknowledged.
    async fn settle(&mut self) {
        let begun = Instant::now();
        while self.mine.is_some() && !self.act(Act::Read).await {
            if begun.elapsed() > RECOVERY {
                let stamp = self.course.stamp();
                return self.broken(Broken::Lost, 1, stamp, "the site does not work again");
            }
            tokio::time::sleep(COMES_AGAIN).await;
        }
        for number in (0..self.ended.len()).rev() {
            while !self.try_ended(number).await && begun.elapsed() < RECOVERY {
                tokio::time::sleep(COMES_AGAIN).await;
            }
        }
    }
}

fn says(body: &str) -> Option<Says> {
    let mut words = body.split(' ');
    match (words.next()?, words.next(), words.next()) {
        ("out", None, None) => Some(Says::Out),
        ("in", Some(user), Some(count)) => {
            Some(Says::In { user: user.to_owned(), count: count.parse().ok()? })
        }
        _ => None,
    }
}

fn story(act: Act, mine: &Mine) -> String {
    let known = format!("found by a {act:?}, with a count between {} and {}", mine.at_least, mine.at_most);
    match &mine.in_doubt {
        Some((act, how, at)) => format!("{known}, after a {act:?} at {:.1} s ({how})", at.as_secs_f64()),
        None => known,
    }
}
