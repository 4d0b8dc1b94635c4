//! A service that crashes and comes back: for the tests of what sessions are like meanwhile.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::Kind;
use super::state::{Process, Recorded, State};
use crate::process;

/// Servers that were ended, and how they can be started again as they were.
#[derive(Debug)]
pub(crate) struct Crashed {
    kind: Kind,
    processes: Vec<Process>,
    /// The user and the group that each ran as.
    users: Vec<(u32, u32)>,
}

/// Ends the servers of a kind that listen at these ports, by this signal.
pub(crate) fn crash(kind: Kind, ports: &[u16], signal: &str) -> Result<Crashed, String> {
    let state = State::load()?;
    let processes = those(&state, kind, ports)?;
    let users = processes.iter().map(|process| user(process.pid)).collect::<Result<_, _>>()?;
    for process in &processes {
        process::signal(process.pid, signal);
    }
    let begun = Instant::now();
    while processes.iter().any(|process| state.runs(process.pid)) {
        if begun.elapsed() > Duration::from_secs(60) {
            return Err(format!("{kind} cannot be ended"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(Crashed { kind, processes, users })
}

/// Stops the servers of a kind that listen at these ports for a while, connections and all, and lets them go on.
pub(crate) fn pause(kind: Kind, ports: &[u16], time: Duration) -> Result<(), String> {
    let mut pids = Vec::new();
    for process in those(&State::load()?, kind, ports)? {
        process::signal(process.pid, "STOP");
        pids.push(process.pid);
        // PostgreSQL has a process for each connection. None is added while the one that makes them stands still.
        for child in process::children(process.pid) {
            process::signal(child, "STOP");
            pids.push(child);
        }
    }
    std::thread::sleep(time);
    for pid in pids.iter().rev() {
        process::signal(*pid, "CONT");
    }
    Ok(())
}

fn processes(state: &State, kind: Kind) -> Result<Vec<Process>, String> {
    let service = state.services.get(&kind).ok_or_else(|| format!("{kind} was not started here"))?;
    Ok(service.processes.clone())
}

fn those(state: &State, kind: Kind, ports: &[u16]) -> Result<Vec<Process>, String> {
    let mut processes = processes(state, kind)?;
    processes.retain(|process| ports.contains(&process.port));
    Ok(processes)
}

impl Crashed {
    /// Starts the processes again: the same programs with the same options, ports and data.
    pub(crate) fn start_again(self) -> Result<(), String> {
        let recorded = Recorded::lock()?;
        let begun = Instant::now();
        let mut pids: Vec<u32> = self.processes.iter().map(|process| process.pid).collect();
        while let Err(why) = recorded.read().condition(self.kind) {
            if begun.elapsed() > Duration::from_secs(60) {
                return Err(format!("{} did not come back: {why}", self.kind));
            }
            for ((process, user), pid) in self.processes.iter().zip(&self.users).zip(&mut pids) {
                // PostgreSQL ends at once while a child of the killed one still holds its memory; then it is tried again.
                if !recorded.read().runs(*pid) {
                    let started = start(process, *user)?;
                    recorded.change(|state| {
                        let service = state.services.entry(self.kind).or_default();
                        service.processes.iter_mut().filter(|known| known.pid == *pid).for_each(|known| {
                            known.pid = started;
                        });
                    })?;
                    *pid = started;
                }
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

fn user(pid: u32) -> Result<(u32, u32), String> {
    let facts = fs::metadata(format!("/proc/{pid}"));
    let facts = facts.map_err(|error| format!("cannot see whose process {pid} is: {error}"))?;
    Ok((facts.uid(), facts.gid()))
}

fn start(process: &Process, (user, group): (u32, u32)) -> Result<u32, String> {
    let failed = |error: std::io::Error| format!("cannot start {} again: {error}", process.command[0]);
    let mut command = Command::new(&process.command[0]);
    command.args(&process.command[1..]).current_dir(&process.folder);
    if process::is_root() && user != 0 {
        process::run_as(&mut command, user, group);
    }
    process::detach(&mut command);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut child = child.map_err(failed)?;
    let pid = child.id();
    // Reaped when it ends, so that it can be seen to have ended.
    std::thread::spawn(move || child.wait());
    Ok(pid)
}
