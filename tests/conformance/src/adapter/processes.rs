//! A site that several processes serve, on one store: the side of the test, which starts them and asks each.
//!
//! The processes are told what a host in this process is told, one line of JSON at a time. The gates stay here, so that a test
//! holds all requests in one hand, whichever process they came to.

use std::collections::HashMap;
use std::fmt;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::host::{Ask, BoxError, Place, next_number};
use crate::script::gate;
use crate::suite::BoxFuture;
use crate::unavailable::Unavailable;

/// A line to a process that serves.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Told {
    Asked {
        id: u64,
        /// The adapter and the store, by the name they have there.
        subject: String,
        /// Where in the store's server the sessions are.
        place: String,
        site: u64,
        ask: Ask,
    },
    Passed {
        ticket: u64,
    },
}

/// A line from a process that serves.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Said {
    Answered { id: u64, answer: Answered },
    Waits { ticket: u64, gate: String },
    Left { gate: String, report: Value },
}

/// What became of a question.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answered {
    Done(Value),
    Failed(String),
    /// A service is not there.
    Unavailable(String),
}

/// Processes that serve each site together, on one store: for [`pair_of_processes`](crate::pair_of_processes).
///
/// They are started when the first case runs, run a [`Worker`](crate::Worker), and end with this value.
pub struct Processes {
    count: usize,
    command: Box<dyn Fn() -> Command + Send + Sync>,
    started: OnceLock<Result<Vec<Arc<Process>>, String>>,
}

struct Process {
    child: Mutex<Child>,
    stdin: Mutex<ChildStdin>,
    asked: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Answered>>>,
}

impl fmt::Debug for Processes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Processes").field("count", &self.count).finish_non_exhaustive()
    }
}

impl Processes {
    /// So many processes, each started by this command.
    pub fn new(count: usize, command: impl Fn() -> Command + Send + Sync + 'static) -> Self {
        Self { count, command: Box::new(command), started: OnceLock::new() }
    }

    fn all(&self) -> Result<&[Arc<Process>], String> {
        let start = || (0..self.count).map(|_| Process::start((self.command)())).collect();
        self.started.get_or_init(start).as_deref().map_err(Clone::clone)
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for process in self.started.get().into_iter().flatten().flatten() {
            let mut child = lock(&process.child);
            let _ended_already = child.kill();
            let _reaped = child.wait();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Process {
    fn start(mut command: Command) -> Result<Arc<Self>, String> {
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child =
            started.map_err(|error| format!("a process that serves cannot be started: {error}"))?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("a process that serves has no pipes".to_owned());
        };
        let process = Arc::new(Self {
            child: Mutex::new(child),
            stdin: Mutex::new(stdin),
            asked: AtomicU64::new(0),
            waiting: Mutex::default(),
        });
        let (listener, runtime) = (Arc::clone(&process), Handle::current());
        std::thread::spawn(move || listener.listen(stdout, &runtime));
        Ok(process)
    }

    fn listen(self: Arc<Self>, stdout: ChildStdout, runtime: &Handle) {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // What is not of ours is what a library prints.
            let Ok(said) = serde_json::from_str(&line) else { continue };
            match said {
                Said::Answered { id, answer } => {
                    if let Some(asker) = lock(&self.waiting).remove(&id) {
                        // Who asked may have gone.
                        let _heard = asker.send(answer);
                    }
                }
                Said::Waits { ticket, gate } => {
                    let process = Arc::clone(&self);
                    runtime.spawn(async move {
                        gate::named(&gate).pass().await;
                        // A process that has ended has no use for it.
                        let _told = process.tell(&Told::Passed { ticket });
                    });
                }
                Said::Left { gate, report } => gate::named(&gate).leave(report),
            }
        }
        lock(&self.waiting).clear();
    }

    fn tell(&self, line: &Told) -> Result<(), BoxError> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        let mut stdin = lock(&self.stdin);
        stdin.write_all(&text).and_then(|()| stdin.flush()).map_err(Into::into)
    }

    async fn ask(&self, subject: &str, site: u64, ask: Ask) -> Result<Value, BoxError> {
        let id = self.asked.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        lock(&self.waiting).insert(id, sender);
        let place = format!("shared_{}_{site}", std::process::id());
        self.tell(&Told::Asked { id, subject: subject.to_owned(), place, site, ask })?;
        match answer.await.map_err(|_| "a process that serves has ended")? {
            Answered::Done(value) => Ok(value),
            Answered::Failed(why) => Err(why.into()),
            Answered::Unavailable(why) => Err(Unavailable::new(why).into()),
        }
    }
}

/// The place of one subject.
pub(super) struct Shared {
    pub(super) processes: Arc<Processes>,
    pub(super) subject: String,
}

impl Place for Shared {
    fn ask(&self, ask: Ask) -> BoxFuture<Result<Value, BoxError>> {
        let (processes, subject) = (Arc::clone(&self.processes), self.subject.clone());
        Box::pin(async move {
            let all = processes.all()?;
            match ask {
                Ask::Hello => each(&all[..1], &subject, next_number(), &ask).await.map(|_| Value::Null),
                Ask::Open { ref options, .. } => {
                    if !options.is_data() {
                        return Err("another process cannot be told such options".into());
                    }
                    let site = next_number();
                    let opened = each(all, &subject, site, &ask).await?;
                    let ports: Vec<&Value> = opened.iter().map(|opened| &opened["port"]).collect();
                    Ok(json!({ "site": site, "ports": ports }))
                }
                Ask::Close { site } => {
                    gate::forget(&format!("{site}/"));
                    each(all, &subject, site, &ask).await.map(|_| Value::Null)
                }
                Ask::Clock { site, .. }
                | Ask::Fail { site, .. }
                | Ask::ReadOnly { site, .. }
                | Ask::Hold { site, .. }
                | Ask::Release { site } => each(all, &subject, site, &ask).await.map(|_| Value::Null),
                // There is one store, and each of them sees all of it.
                Ask::Records { site } | Ask::Plant { site, .. } | Ask::Forget { site } => {
                    each(&all[..1], &subject, site, &ask).await.map(|mut answers| answers.remove(0))
                }
                Ask::Calls { .. } | Ask::Held { .. } => {
                    Err("how often a store is asked is counted for one process only".into())
                }
                Ask::Arrived { gate, count } => {
                    gate::named(&gate).arrived(count).await;
                    Ok(Value::Null)
                }
                Ask::Leave { gate, count } => {
                    gate::named(&gate).open(count);
                    Ok(Value::Null)
                }
                Ask::Report { gate } => Ok(gate::named(&gate).report().await),
            }
        })
    }
}

/// Asks these processes at the same time; an error if one of them answers with one.
async fn each(
    processes: &[Arc<Process>],
    subject: &str,
    site: u64,
    ask: &Ask,
) -> Result<Vec<Value>, BoxError> {
    let asked = processes.iter().map(|process| {
        let (process, subject, ask) = (Arc::clone(process), subject.to_owned(), ask.clone());
        tokio::spawn(async move { process.ask(&subject, site, ask).await })
    });
    let mut answers = Vec::new();
    for asked in asked.collect::<Vec<_>>() {
        answers.push(asked.await??);
    }
    Ok(answers)
}
