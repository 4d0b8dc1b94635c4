//! The processes of one service while they are being started: recorded at once, watched until they answer, stopped
//! again if they do not.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::state::{Process, Recorded};
use super::{Kind, Provided};
use crate::process;

/// How long a service may take until it answers. Generous: a small machine starts all of them at once.
const PATIENCE: Duration = Duration::from_secs(120);

/// Why a service did not come up.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Somebody else took the port first; another one will do.
    PortTaken(String),
    /// Anything that trying again would not change.
    Other(String),
}

impl Fault {
    pub(crate) fn into_message(self) -> String {
        match self {
            Fault::PortTaken(message) | Fault::Other(message) => message,
        }
    }
}

impl From<String> for Fault {
    fn from(message: String) -> Self {
        if message.contains("ddress already in use") {
            Fault::PortTaken(message)
        } else {
            Fault::Other(message)
        }
    }
}

/// The processes of one service.
#[derive(Debug)]
pub(crate) struct Group<'a> {
    kind: Kind,
    recorded: &'a Recorded,
    folder: PathBuf,
    children: Vec<Started>,
    ready: bool,
}

#[derive(Debug)]
struct Started {
    role: String,
    child: Child,
    log: PathBuf,
}

impl<'a> Group<'a> {
    pub(crate) fn new(kind: Kind, recorded: &'a Recorded) -> Result<Self, String> {
        let folder = recorded.folder()?.join(kind.name());
        fs::create_dir_all(&folder)
            .and_then(|()| process::open_to_all(&folder))
            .map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        Ok(Self { kind, recorded, folder, children: Vec::new(), ready: false })
    }

    /// The folder that everything of this service is in.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A new folder inside it.
    pub(crate) fn subfolder(&self, name: &str) -> Result<PathBuf, String> {
        let folder = self.folder.join(name);
        fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        Ok(folder)
    }

    /// Starts one server process and records it. `role` names it among its group and names its log.
    pub(crate) fn spawn(&mut self, role: &str, port: u16, command: &mut Command) -> Result<(), String> {
        let program = command.get_program().to_string_lossy().into_owned();
        let log = self.folder.join(format!("{}.log", role.replace(' ', "-")));
        let failed = |error: std::io::Error| format!("cannot start {program}: {error}");
        let out = File::create(&log).map_err(failed)?;
        let err = out.try_clone().map_err(failed)?;
        process::detach(command);
        let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn().map_err(failed)?;
        let pid = child.id();
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words: Vec<String> = words.map(|word| word.to_string_lossy().into_owned()).collect();
        let folder = command.get_current_dir().unwrap_or(&self.folder).to_owned();
        self.children.push(Started { role: role.to_owned(), child, log });
        self.recorded.change(|state| {
            let service = state.services.entry(self.kind).or_default();
            service.processes.push(Process { pid, port, role: role.to_owned(), command: words, folder });
        })
    }

    /// Asks until `question` is answered with yes; gives up when a process ends or patience does.
    pub(crate) fn wait_until(
        &mut self,
        what: &str,
        mut question: impl FnMut() -> Result<(), String>,
    ) -> Result<(), String> {
        let begun = Instant::now();
        loop {
            let Err(answer) = question() else { return Ok(()) };
            for started in &mut self.children {
                if let Ok(Some(status)) = started.child.try_wait() {
                    let said = process::tail(&fs::read_to_string(&started.log).unwrap_or_default(), 8);
                    return Err(format!("{} ended while starting ({status}):\n{said}", started.role));
                }
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("{what} took more than {} s: {answer}", PATIENCE.as_secs()));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Records that the service answers, and leaves it running.
    pub(crate) fn ready(mut self, provided: &Provided) -> Result<(), String> {
        self.ready = true;
        for mut started in self.children.drain(..) {
            // Reaped when it ends: PostgreSQL does not start anew beside the remains of the server it was.
            std::thread::spawn(move || started.child.wait());
        }
        self.recorded.change(|state| {
            let service = state.services.entry(self.kind).or_default();
            service.url = Some(provided.url.clone());
            service.how.clone_from(&provided.how);
        })
    }
}

impl Drop for Group<'_> {
    fn drop(&mut self) {
        if self.ready {
            return;
        }
        for started in &mut self.children {
            let _gone_already = started.child.kill();
            let _reaped = started.child.wait();
        }
        if let Err(error) = self.recorded.discard(&[self.kind]) {
            eprintln!("{error}");
        }
    }
}
