//! The processes of the site: started, killed and started again while visitors come to them.

use std::io::Error;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};

use session_matrix::stores;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// What a process of the site is started with.
#[derive(Debug, Clone)]
pub(crate) struct Kind {
    pub(crate) adapter: String,
    pub(crate) store: String,
    pub(crate) place: String,
    /// Whether an end of a session waits until a replica of the store has it.
    pub(crate) waits: bool,
}

/// The processes, and where each listens; a process that is dead listens nowhere.
pub(crate) struct Site {
    kind: Kind,
    addresses: Mutex<Vec<Option<SocketAddr>>>,
    children: tokio::sync::Mutex<Vec<Child>>,
}

impl Site {
    pub(crate) async fn start(kind: Kind, processes: usize) -> Result<Self, Error> {
        let (mut addresses, mut children) = (Vec::new(), Vec::new());
        for _ in 0..processes {
            let (child, address) = start(&kind).await?;
            addresses.push(Some(address));
            children.push(child);
        }
        Ok(Self { kind, addresses: Mutex::new(addresses), children: tokio::sync::Mutex::new(children) })
    }

    /// Where a visitor goes who throws such a number.
    pub(crate) fn address(&self, thrown: u64) -> Option<SocketAddr> {
        let addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let running: Vec<SocketAddr> = addresses.iter().copied().flatten().collect();
        let turn = usize::try_from(thrown).unwrap_or(0).checked_rem(running.len())?;
        running.get(turn).copied()
    }

    fn listens(&self, process: usize, address: Option<SocketAddr>) {
        if let Some(place) = self.addresses.lock().unwrap_or_else(PoisonError::into_inner).get_mut(process) {
            *place = address;
        }
    }

    /// Kills the last process, whatever it is doing, and starts another in its place.
    pub(crate) async fn kill_one(&self) -> Result<(), Error> {
        let mut children = self.children.lock().await;
        let last = children.len().saturating_sub(1);
        let Some(child) = children.last_mut() else { return Ok(()) };
        child.kill().await?;
        self.listens(last, None);
        let (started, address) = start(&self.kind).await?;
        *child = started;
        self.listens(last, Some(address));
        Ok(())
    }

    /// The memory of the first process, which is never killed, in KiB; 0 where the system does not say.
    pub(crate) async fn memory(&self) -> u64 {
        let children = self.children.lock().await;
        let Some(pid) = children.first().and_then(Child::id) else { return 0 };
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        resident.and_then(|kib| kib.trim().trim_end_matches(" kB").trim().parse().ok()).unwrap_or(0)
    }
}

/// Starts a process; it is killed when it is dropped.
async fn start(kind: &Kind) -> Result<(Child, SocketAddr), Error> {
    // The store may be away while a process starts, so that it ends at once: as a supervisor does, this starts it again.
    loop {
        let program = std::env::current_exe()?.with_file_name("site");
        let mut command = Command::new(program);
        command.args([&kind.adapter, &kind.store, &kind.place]);
        if kind.waits {
            command.env(stores::WAIT, "1");
        }
        command.stdout(Stdio::piped()).stderr(Stdio::null()).stdin(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let mut lines = child.stdout.take().map(|stdout| BufReader::new(stdout).lines());
        let said = match &mut lines {
            Some(lines) => lines.next_line().await?,
            None => None,
        };
        if let Some(address) = said.and_then(|said| said.parse().ok()) {
            return Ok((child, address));
        }
        let _ended = child.wait().await?;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}
