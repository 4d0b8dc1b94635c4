//! Load on a site whose store's server crashes and comes back: what its users see, and what is left of their sessions.
//!
//! `cargo xtask outage` runs this, crashes the server, and says so on the standard input.
#![allow(clippy::print_stdout, reason = "its result is what it prints")]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::{get, post};
use session_axum::{Keyring, Owner, Policy, Session, SessionError, SessionLayer, Sessions};
use session_matrix::stores;
use tokio::io::{AsyncBufReadExt as _, BufReader};

#[path = "outage/visitor.rs"]
mod visitor;

use visitor::{Seen, Visitor};

/// As many people as use the site at once.
const VISITORS: usize = 24;
/// What each does between two requests.
const PAUSE: Duration = Duration::from_millis(5);

/// Where the story is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Phase {
    Before,
    Crashed,
    Back,
    Over,
}

#[derive(Debug, Default)]
struct Story(AtomicU8);

impl Story {
    fn phase(&self) -> Phase {
        match self.0.load(Ordering::SeqCst) {
            0 => Phase::Before,
            1 => Phase::Crashed,
            2 => Phase::Back,
            _ => Phase::Over,
        }
    }

    fn turn(&self, phase: Phase) {
        self.0.store(phase as u8, Ordering::SeqCst);
    }
}

/// What one visitor went through.
#[derive(Debug, Default)]
struct Diary {
    counted: u64,
    unknown: u64,
    before: u64,
    unavailable: u64,
    other: Vec<u16>,
    slowest_refusal: Duration,
    /// From the server's return to the first request that worked.
    recovered_after: Option<Duration>,
    after: u64,
    left: u64,
    logged_out: bool,
}

async fn login(session: Session) -> Result<&'static str, SessionError> {
    if let Some(owner) = Owner::new("somebody") {
        session.login(owner)?;
    }
    Ok("welcome")
}

async fn count(session: Session) -> Result<String, SessionError> {
    Ok(session.update("count", |count: Option<u64>| count.unwrap_or(0) + 1)?.to_string())
}

async fn show(session: Session) -> Result<String, SessionError> {
    let count: Option<u64> = session.get("count")?;
    Ok(format!("{} {}", if session.owner()?.is_some() { "in" } else { "out" }, count.unwrap_or(0)))
}

async fn visit(address: std::net::SocketAddr, story: Arc<Story>) -> Result<Diary, String> {
    let mut visitor = Visitor::new(address);
    let mut diary = Diary::default();
    visitor.ask("POST", "/login").await?;
    let mut back_since = None;
    loop {
        let phase = story.phase();
        if phase == Phase::Over {
            break;
        }
        if phase == Phase::Back {
            back_since.get_or_insert_with(Instant::now);
        }
        let begun = Instant::now();
        let Seen { status, .. } = visitor.ask("POST", "/count").await?;
        match status {
            200 => {
                diary.counted += 1;
                match story.phase() {
                    Phase::Before => diary.before += 1,
                    Phase::Crashed => {}
                    Phase::Back | Phase::Over => {
                        diary.after += 1;
                        if let (None, Some(since)) = (diary.recovered_after, back_since) {
                            diary.recovered_after = Some(since.elapsed());
                        }
                    }
                }
            }
            503 => {
                diary.unavailable += 1;
                // The change may have been made and only its acknowledgement lost.
                diary.unknown += 1;
                diary.slowest_refusal = diary.slowest_refusal.max(begun.elapsed());
            }
            other => {
                diary.unknown += 1;
                diary.other.push(other);
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    let Seen { body, .. } = visitor.ask("GET", "/").await?;
    let (who, left) = body.split_once(' ').unwrap_or_default();
    diary.logged_out = who != "in";
    diary.left = left.parse().unwrap_or(0);
    Ok(diary)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let name = std::env::args().nth(1).ok_or("say which store")?;
    let directory = stores::open(&name).await?;
    let policy = Policy::builder(Keyring::new("a secret of this program, of some length")).build()?;
    let sessions = Sessions::new(policy, Arc::clone(&directory));
    let app = Router::new()
        .route("/", get(show))
        .route("/login", post(login))
        .route("/count", post(count))
        .layer(SessionLayer::new(sessions));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });

    let story = Arc::new(Story::default());
    let visits: Vec<_> = (0..VISITORS).map(|_| tokio::spawn(visit(address, Arc::clone(&story)))).collect();
    println!("running");
    let mut told = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = told.next_line().await? {
        match line.trim() {
            "crashed" => story.turn(Phase::Crashed),
            "back" => story.turn(Phase::Back),
            _ => break,
        }
    }
    story.turn(Phase::Over);
    let mut diaries = Vec::new();
    for visit in visits {
        diaries.push(visit.await??);
    }
    println!("{}", summary(&diaries));
    directory.clear().await?;
    Ok(())
}

fn summary(diaries: &[Diary]) -> serde_json::Value {
    let sum = |of: fn(&Diary) -> u64| diaries.iter().map(of).sum::<u64>();
    let slowest = diaries.iter().map(|diary| diary.slowest_refusal).max().unwrap_or_default();
    let recovered = diaries.iter().map(|diary| diary.recovered_after).collect::<Option<Vec<_>>>();
    let recovered = recovered.and_then(|all| all.into_iter().max());
    let others: Vec<u16> = diaries.iter().flat_map(|diary| diary.other.clone()).collect();
    serde_json::json!({
        "visitors": diaries.len(),
        "counted": sum(|diary| diary.counted),
        "countedBefore": sum(|diary| diary.before),
        "countedAfter": sum(|diary| diary.after),
        "unavailable": sum(|diary| diary.unavailable),
        "otherStatuses": others,
        "slowestRefusalMs": u64::try_from(slowest.as_millis()).unwrap_or(u64::MAX),
        "recoveredAfterMs": recovered.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX)),
        "loggedOut": diaries.iter().filter(|diary| diary.logged_out).count(),
        "lostCounts": sum(|diary| diary.counted.saturating_sub(diary.left)),
        "inventedCounts": sum(|diary| diary.left.saturating_sub(diary.counted + diary.unknown)),
    })
}
