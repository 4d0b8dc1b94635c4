//! The judge: real express-session in a Node process, which answers the questions of session-conformance.
//!
//! `server.js` is the process, `lib/` what it is made of. One JSON object goes in a line, `{"id": 1, "ask": {…}}`, and one
//! comes out, `{"id": 1, "answer": …}` or `{"id": 1, "error": "…"}`, in any order. It ends when its input does.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::pin::Pin;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use session_conformance::Unavailable;
use session_conformance::judge::Host;
use tokio::sync::oneshot;

/// The name by which `SESSION_REQUIRE` demands it.
pub const SERVICE: &str = "node";

type BoxError = Box<dyn Error + Send + Sync>;
type Answer = Result<Value, String>;

/// Questions that have no answer yet.
#[derive(Default)]
struct Open {
    questions: HashMap<u64, oneshot::Sender<Answer>>,
    /// Whether there will be no further answers.
    ended: bool,
}

/// A Node process; ends with this value.
pub struct Node {
    child: Child,
    input: Arc<Mutex<ChildStdin>>,
    open: Arc<Mutex<Open>>,
    next: AtomicU64,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({})", self.child.id())
    }
}

/// The judge, or why there is none.
#[derive(Debug)]
pub enum Judge {
    /// It answers.
    Present(Node),
    /// It cannot; every case is ignored for this reason, or fails where it is required.
    Absent(Unavailable),
}

impl Judge {
    /// Starts the process, if Node and its packages are there.
    #[must_use]
    pub fn start() -> Self {
        Node::start().map_or_else(|why| Self::Absent(Unavailable::new(why).service(SERVICE)), Self::Present)
    }
}

impl Host for Judge {
    fn ask(&self, question: Value) -> Pin<Box<dyn Future<Output = Result<Value, BoxError>> + Send>> {
        match self {
            Self::Present(node) => node.ask(question),
            Self::Absent(why) => Box::pin(std::future::ready(Err(why.clone().into()))),
        }
    }
}

impl Node {
    fn start() -> Result<Self, String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        if !folder.join("node_modules/express-session").is_dir() {
            return Err(format!("express-session is not installed: run `npm ci` in {}", folder.display()));
        }
        let mut child = Command::new("node")
            .arg("server.js")
            .current_dir(folder)
            .env("NODE_ENV", "test")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("node cannot be started ({error}): install Node 20 or newer"))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("node has no standard input or output".to_owned());
        };
        let open = Arc::new(Mutex::new(Open::default()));
        std::thread::spawn({
            let open = Arc::clone(&open);
            move || answers(output, &open)
        });
        Ok(Self { child, input: Arc::new(Mutex::new(input)), open, next: AtomicU64::new(1) })
    }

    fn ask(&self, question: Value) -> Pin<Box<dyn Future<Output = Result<Value, BoxError>> + Send>> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        let (open, input) = (Arc::clone(&self.open), Arc::clone(&self.input));
        Box::pin(async move {
            {
                let mut open = lock(&open);
                if open.ended {
                    return Err(ENDED.into());
                }
                open.questions.insert(id, sender);
            }
            writeln!(lock(&input), "{}", json!({ "id": id, "ask": question }))?;
            Ok(answer.await.map_err(|_| ENDED)??)
        })
    }
}

const ENDED: &str = "the Node process has ended; its messages stand above";

/// Hands answers to whoever waits for them, until the process ends.
fn answers(output: ChildStdout, open: &Mutex<Open>) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        let Ok(line) = serde_json::from_str::<Value>(&line) else { continue };
        let question = line["id"].as_u64().and_then(|id| lock(open).questions.remove(&id));
        let answer = match line["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(line["answer"].clone()),
        };
        if let Some(question) = question {
            // Nobody waits any more if the case has failed.
            let _unwanted = question.send(answer);
        }
    }
    let mut open = lock(open);
    open.ended = true;
    open.questions.clear();
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}
