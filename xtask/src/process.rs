//! Other programs: finding, installing, running and signalling them. What only Unix has is kept in here.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Whether this is a continuous integration run, where a missing tool is a failure and not a skip.
pub(crate) fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}

/// The program `name` on the `PATH` or in the folders where systems keep their daemons.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
}

/// Runs a command to its end and returns what it printed on standard output.
pub(crate) fn capture(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output =
        command.stdin(Stdio::null()).output().map_err(|error| format!("cannot run {name}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let mut said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if said.is_empty() {
        said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    }
    Err(format!("{name} failed ({}): {}", output.status, tail(&said, 12)))
}

/// Runs a command and shows what it prints while `seen` reads along, line by line, without colours.
pub(crate) fn stream(command: &mut Command, mut seen: impl FnMut(&str)) -> Result<ExitStatus, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let failed = |error: std::io::Error| format!("cannot run {name}: {error}");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(failed)?;
    if let Some(stdout) = child.stdout.take() {
        let mut reader = BufReader::new(stdout);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).map_err(failed)? > 0 {
            let mut out = std::io::stdout().lock();
            let _reader_gone = out.write_all(&line).and_then(|()| out.flush());
            seen(without_colours(&String::from_utf8_lossy(&line)).trim_end());
            line.clear();
        }
    }
    child.wait().map_err(failed)
}

/// `text` without terminal escape sequences, so that summaries can be read whatever the colours are.
pub(crate) fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            let _sequence = characters.by_ref().find(char::is_ascii_alphabetic);
        } else {
            plain.push(character);
        }
    }
    plain
}

/// The last `count` lines of `text`.
pub(crate) fn tail(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// Whether this process may do everything, which is what a package manager asks for.
pub(crate) fn is_root() -> bool {
    static ROOT: OnceLock<bool> = OnceLock::new();
    *ROOT.get_or_init(|| user_id(None) == Some(0))
}

/// The number of a user, or of the one who runs this.
pub(crate) fn user_id(name: Option<&str>) -> Option<u32> {
    let mut command = Command::new("id");
    command.arg("-u").args(name);
    capture(&mut command).ok()?.trim().parse().ok()
}

/// The number of a user's first group.
pub(crate) fn group_id(name: &str) -> Option<u32> {
    capture(Command::new("id").args(["-g", name])).ok()?.trim().parse().ok()
}

/// Installs a Debian package, or says how the reader can.
pub(crate) fn install(package: &str) -> Result<(), String> {
    // The package manager holds one lock for the machine, so installs queue here; the list is read once a run.
    static UPDATED: Mutex<bool> = Mutex::new(false);
    let Some(apt) = find("apt-get") else {
        return Err(format!("install {package} with your system's package manager"));
    };
    if !is_root() {
        return Err(format!("run `sudo apt-get install {package}`"));
    }
    let mut updated = UPDATED.lock().unwrap_or_else(PoisonError::into_inner);
    if !*updated {
        eprintln!("reading the list of packages");
        if let Err(error) = capture(Command::new(&apt).args(["-q", "update"])) {
            // The list at hand may still name the package; the install below tells.
            eprintln!("{error}");
        }
        *updated = true;
    }
    eprintln!("installing {package}");
    // RUNLEVEL=1 asks the package's scripts not to start their own daemon; only our processes are wanted.
    let mut command = Command::new(&apt);
    command.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1");
    command.args([
        "-q",
        "-y",
        "--no-install-recommends",
        "-o",
        "DPkg::Lock::Timeout=300",
        "install",
        package,
    ]);
    capture(&mut command).map(drop)
}

/// Sends a signal by its name (`TERM`, `INT`, `KILL`); a process that is gone is not an error.
pub(crate) fn signal(pid: u32, name: &str) {
    // The shell's own `kill` exists everywhere; a system call would need an unsafe block or one more crate.
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("kill -{name} {pid}")).stdout(Stdio::null()).stderr(Stdio::null());
    let _gone_already = command.status();
}

/// The processes that this one has started; none where the system does not say.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_child = |child: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        // The name, in brackets, may hold anything; behind it come the state and the parent.
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1));
        parent.is_some_and(|parent| parent == pid.to_string())
    };
    pids.filter(is_child).collect()
}

/// Whether the process still runs and was started for `folder`: its command line or its working folder says so.
pub(crate) fn runs_for(pid: u32, folder: &Path) -> bool {
    let name = folder.to_string_lossy();
    if Path::new("/proc/self").exists() {
        let command_line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let here = std::fs::read_link(format!("/proc/{pid}/cwd"));
        return String::from_utf8_lossy(&command_line).contains(&*name)
            || here.is_ok_and(|here| here.starts_with(folder));
    }
    capture(Command::new("ps").args(["-o", "command=", "-p", &pid.to_string()]))
        .is_ok_and(|line| line.contains(&*name))
}

#[cfg(unix)]
mod system {
    use std::os::unix::process::CommandExt;
    use std::path::Path;
    use std::process::Command;

    /// Keeps a server out of this process's group, so that Ctrl-C in the terminal does not reach it.
    pub(crate) fn detach(command: &mut Command) {
        command.process_group(0);
    }

    /// Runs a command as another user; only root may.
    pub(crate) fn run_as(command: &mut Command, user: u32, group: u32) {
        command.uid(user).gid(group);
    }

    /// Gives a folder to another user; only root may.
    pub(crate) fn give(folder: &Path, user: u32, group: u32) -> std::io::Result<()> {
        std::os::unix::fs::chown(folder, Some(user), Some(group))
    }

    /// Lets everyone pass through a folder without listing it: servers under another user need the way in.
    pub(crate) fn open_to_all(folder: &Path) -> std::io::Result<()> {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o711))
    }

    /// Marks a file as a program.
    pub(crate) fn make_executable(file: &Path) -> std::io::Result<()> {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755))
    }

    /// Becomes the other program, so that every signal sent to this process reaches it. Returns only on failure.
    pub(crate) fn become_program(command: &mut Command) -> String {
        command.exec().to_string()
    }
}

#[cfg(not(unix))]
mod system {
    use std::path::Path;
    use std::process::Command;

    pub(crate) fn detach(_command: &mut Command) {}

    pub(crate) fn run_as(_command: &mut Command, _user: u32, _group: u32) {}

    pub(crate) fn give(_folder: &Path, _user: u32, _group: u32) -> std::io::Result<()> {
        Ok(())
    }

    pub(crate) fn open_to_all(_folder: &Path) -> std::io::Result<()> {
        Ok(())
    }

    pub(crate) fn make_executable(_file: &Path) -> std::io::Result<()> {
        Ok(())
    }

    /// There is no exec here: waits for the program and ends as it did.
    pub(crate) fn become_program(command: &mut Command) -> String {
        match command.status() {
            Ok(status) => std::process::exit(status.code().unwrap_or(1)),
            Err(error) => error.to_string(),
        }
    }
}

pub(crate) use system::{become_program, detach, give, make_executable, open_to_all, run_as};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_taken_out() {
        assert_eq!(without_colours("\u{1b}[32mok\u{1b}[0m. 3 passed"), "ok. 3 passed");
    }

    #[test]
    fn a_process_is_ours_only_when_it_names_the_folder() {
        let me = std::process::id();
        let here = std::env::current_dir().unwrap();
        assert!(runs_for(me, &here));
        assert!(!runs_for(me, Path::new("/nowhere/at/all")));
    }
}
