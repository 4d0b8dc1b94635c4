//! Visitors of a site whose store's servers, and processes, are killed: what they see, and what is left of their sessions.
//!
//! `soak ADAPTER STORE SEED` starts the site and its visitors. Whoever runs it does to the servers what they like, and says on
//! the standard input what matters here: `failover` and `recovered` around one, `kill` for a process of the site, `stop`.
#![allow(clippy::print_stdout, reason = "its result is what it prints")]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt as _, BufReader};

mod browser;
mod course;
mod ledger;
mod site;
mod visitor;

use course::Course;
use ledger::Ledger;
use site::{Kind, Site};
use visitor::Visitor;

/// As many people as use the site at once.
const VISITORS: u64 = 24;
/// The processes that serve the site. One of them is never killed, so that there is always somebody to answer.
const PROCESSES: usize = 2;
/// What an answer may take: the driver's deadline for each of the two things that it asks of the store, and the rest for a
/// machine with other things to do.
const LIMIT: Duration = Duration::from_millis(2 * 500 + 500);
/// When connections are open and caches are filled, and the memory is looked at for the first time.
const WARM: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut args = std::env::args().skip(1);
    let (Some(adapter), Some(store), Some(seed)) = (args.next(), args.next(), args.next()) else {
        return Err("say which adapter, which store and which seed".into());
    };
    let seed: u64 = seed.parse()?;
    let replicates_late = matches!(store.as_str(), "redis-cluster" | "redis-sentinel");
    let place = format!("soak_{}", std::process::id());
    let site = Site::start(Kind { adapter, store, place, waits: replicates_late }, PROCESSES).await?;
    let course = Arc::new(Course {
        site,
        begun: Instant::now(),
        over: AtomicBool::new(false),
        limit: LIMIT,
        replicates_late,
        failovers: AtomicU64::new(0),
        failed_over: AtomicU64::new(0),
    });
    let visit = |number| tokio::spawn(Visitor::new(number, seed, Arc::clone(&course)).visit());
    let visits: Vec<_> = (0..VISITORS).map(visit).collect();
    tokio::time::sleep(WARM).await;
    let memory_before = course.site.memory().await;
    println!("ok");
    let mut told = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = told.next_line().await? {
        match line.trim() {
            "failover" => drop(course.failovers.fetch_add(1, Ordering::SeqCst)),
            "recovered" => {
                course.failed_over.store(course.failovers.load(Ordering::SeqCst), Ordering::SeqCst);
            }
            "kill" => course.site.kill_one().await?,
            _ => break,
        }
        println!("ok");
    }
    course.over.store(true, Ordering::SeqCst);
    let mut sum = Ledger::default();
    for visit in visits {
        sum.add(visit.await?);
    }
    println!("{}", sum.json(memory_before, course.site.memory().await));
    Ok(())
}
