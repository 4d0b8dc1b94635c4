//! The record of what was started, `target/services.json`: the only thing `down` goes by.
//!
//! A process is recorded the moment it is started, so that even an interrupted `up` can be cleaned up after.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::{Kind, probe};
use crate::{process, workspace};

/// How the temporary folder's name begins; a folder called otherwise is never removed.
const PREFIX: &str = "session-services-";

/// What was started, where and how.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(crate) struct State {
    /// The one temporary folder that holds everything.
    pub(crate) folder: Option<PathBuf>,
    pub(crate) services: BTreeMap<Kind, Service>,
}

/// One service of the record.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(crate) struct Service {
    /// Where it is; not there until it has answered for the first time.
    pub(crate) url: Option<String>,
    pub(crate) how: String,
    pub(crate) processes: Vec<Process>,
}

/// One process of a service.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) port: u16,
    /// What it is in its group: `primary`, `sentinel 2`.
    pub(crate) role: String,
    /// How it was started: the program and its options, and the folder it runs in.
    pub(crate) command: Vec<String>,
    pub(crate) folder: PathBuf,
}

impl State {
    /// Reads the record; an empty one if there is none.
    pub(crate) fn load() -> Result<Self, String> {
        let path = path();
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| {
                format!("{} is not readable ({error}); stop what it lists and delete it", path.display())
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(format!("cannot read {}: {error}", path.display())),
        }
    }

    /// What is to be said of a recorded service; an error if it does not work.
    pub(crate) fn condition(&self, kind: Kind) -> Result<String, String> {
        let service = self.services.get(&kind).ok_or("not started")?;
        let gone: Vec<String> = service
            .processes
            .iter()
            .filter(|process| !self.runs(process.pid))
            .map(|process| format!("{} (process {})", process.role, process.pid))
            .collect();
        if !gone.is_empty() {
            return Err(format!("not running any more: {}", gone.join(", ")));
        }
        if service.url.is_none() {
            return Err("was still starting when it was interrupted".into());
        }
        probe::answers(kind, &service.ports()).map_err(|why| format!("runs, but does not answer: {why}"))?;
        let pids: Vec<String> = service.processes.iter().map(|process| process.pid.to_string()).collect();
        Ok(format!("answers (process {})", pids.join(", ")))
    }

    pub(crate) fn runs(&self, pid: u32) -> bool {
        self.folder.as_deref().is_some_and(|folder| process::runs_for(pid, folder))
    }
}

impl Service {
    pub(crate) fn ports(&self) -> Vec<u16> {
        self.processes.iter().map(|process| process.port).collect()
    }
}

/// The record while this process may change it: a file lock keeps other runs of this tool out.
#[derive(Debug)]
pub(crate) struct Recorded {
    state: Mutex<State>,
    _lock: File,
}

impl Recorded {
    pub(crate) fn lock() -> Result<Self, String> {
        let path = path().with_extension("lock");
        let failed = |error: std::io::Error| format!("cannot lock {}: {error}", path.display());
        fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(failed)?;
        let lock = File::create(&path).map_err(failed)?;
        if lock.try_lock().is_err() {
            eprintln!("waiting for another `cargo xtask services` to finish");
            lock.lock().map_err(failed)?;
        }
        Ok(Self { state: Mutex::new(State::load()?), _lock: lock })
    }

    /// A copy of the record as it is now.
    pub(crate) fn read(&self) -> State {
        self.state().clone()
    }

    /// Changes the record, on disk before anything else happens.
    pub(crate) fn change(&self, change: impl FnOnce(&mut State)) -> Result<(), String> {
        let mut state = self.state();
        change(&mut state);
        save(&state)
    }

    /// The temporary folder, made if there is none yet.
    pub(crate) fn folder(&self) -> Result<PathBuf, String> {
        let mut state = self.state();
        if let Some(folder) = state.folder.as_ref().filter(|folder| folder.is_dir()) {
            return Ok(folder.clone());
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let folder = std::env::temp_dir().join(format!("{PREFIX}{}-{now:x}", std::process::id()));
        fs::create_dir(&folder).and_then(|()| process::open_to_all(&folder)).map_err(|error| {
            format!("cannot make {}: {error}; set TMPDIR to another folder", folder.display())
        })?;
        state.folder = Some(folder.clone());
        save(&state)?;
        Ok(folder)
    }

    /// Stops the recorded processes of `kinds` and forgets them; tells of which kinds how many ran.
    pub(crate) fn discard(&self, kinds: &[Kind]) -> Result<Vec<(Kind, usize)>, String> {
        let before = self.read();
        let services: Vec<(Kind, Service)> = before
            .services
            .iter()
            .filter(|(kind, _)| kinds.contains(kind))
            .map(|(k, s)| (*k, s.clone()))
            .collect();
        let mut stopped = Vec::new();
        let mut running = Vec::new();
        for (kind, service) in &services {
            let pids: Vec<u32> =
                service.processes.iter().map(|process| process.pid).filter(|&pid| before.runs(pid)).collect();
            stopped.push((*kind, pids.len()));
            for pid in pids {
                process::signal(pid, kind.stop_signal());
                running.push(pid);
            }
        }
        let all_gone_within = |seconds| {
            let begun = Instant::now();
            while running.iter().any(|&pid| before.runs(pid)) {
                if begun.elapsed() > Duration::from_secs(seconds) {
                    return false;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            true
        };
        if !all_gone_within(15) {
            running.iter().filter(|&&pid| before.runs(pid)).for_each(|&pid| process::signal(pid, "KILL"));
            if !all_gone_within(5) {
                return Err("some processes cannot be stopped; they stay in the record of services".into());
            }
        }
        for (kind, _) in &services {
            if let Some(folder) = &before.folder {
                remove(&folder.join(kind.name()))?;
            }
        }
        if !services.is_empty() {
            self.change(|state| state.services.retain(|kind, _| !kinds.contains(kind)))?;
        }
        Ok(stopped)
    }

    /// Removes the temporary folder and the record once nothing is left to record.
    pub(crate) fn discard_folder_if_empty(&self) -> Result<(), String> {
        let mut state = self.state();
        if !state.services.is_empty() {
            return Ok(());
        }
        let ours = |folder: &PathBuf| {
            folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX))
        };
        if let Some(folder) = state.folder.take().filter(ours) {
            remove(&folder)?;
        }
        match fs::remove_file(path()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(format!("cannot remove {}: {error}", path().display()))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remove(folder: &Path) -> Result<(), String> {
    // A server that was just killed may still be closing files; what it leaves is removed on the second try.
    for pause in [100, 1000] {
        if !folder.exists() || fs::remove_dir_all(folder).is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(pause));
    }
    fs::remove_dir_all(folder).map_err(|error| format!("cannot remove {}: {error}", folder.display()))
}

/// The record of servers that are nobody else's: see [`super::apart`].
static APART: OnceLock<()> = OnceLock::new();

/// From now on, this process keeps a record of its own.
pub(crate) fn keep_apart() {
    APART.get_or_init(|| ());
}

pub(crate) fn is_apart() -> bool {
    APART.get().is_some()
}

fn path() -> PathBuf {
    let name = if is_apart() { "target/services-soak.json" } else { "target/services.json" };
    workspace::root().join(name)
}

fn save(state: &State) -> Result<(), String> {
    let path = path();
    let text = serde_json::to_vec_pretty(state).map_err(|error| error.to_string())?;
    // Written beside and renamed: an interrupted write must not cost the list of what runs.
    let beside = path.with_extension("json.new");
    fs::write(&beside, text)
        .and_then(|()| fs::rename(&beside, &path))
        .map_err(|error| format!("cannot write {}: {error}", path.display()))
}
