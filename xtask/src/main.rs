//! `cargo xtask`: the commands people and CI rely on, written in Rust so that they need nothing but cargo.
//!
//! This file only dispatches and prints help. Each command lives in the file of its name.

#[macro_use]
mod output;

mod args;
mod bench;
mod conformance;
mod demo;
mod fuzz;
mod process;
mod races;
mod servers;
mod services;
mod soak;
mod table;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use args::Args;
use output::Stop;

/// One command: what it is called, what it says about itself, and what it does.
struct Command {
    name: &'static str,
    about: &'static str,
    help: &'static str,
    run: fn(Args) -> Result<(), Stop>,
}

const COMMANDS: &[Command] = &[
    Command { name: "test", about: "run everything CI runs, and count it", help: test::HELP, run: test::run },
    Command {
        name: "conformance",
        about: "what each store and adapter keeps of its promises, as a table",
        help: conformance::HELP,
        run: conformance::run,
    },
    Command {
        name: "services",
        about: "real servers for the tests: up, down, status, env",
        help: services::HELP,
        run: services::run,
    },
    Command {
        name: "races",
        about: "requests that meet, on every adapter with every store, as a table",
        help: races::HELP,
        run: races::run,
    },
    Command {
        name: "soak",
        about: "kill, pause and restart what a site runs on, and count what became of the sessions",
        help: soak::HELP,
        run: soak::run,
    },
    Command {
        name: "bench",
        about: "what a request costs, beside other session libraries, as tables",
        help: bench::HELP,
        run: bench::run,
    },
    Command { name: "demo", about: "run the login example", help: demo::HELP, run: demo::run },
    Command { name: "tidy", about: "check the rules of the house", help: tidy::HELP, run: tidy::run },
    Command {
        name: "table",
        about: "print the decision table, or write it into ARCHITECTURE.md",
        help: table::HELP,
        run: table::run,
    },
    Command { name: "fuzz", about: "run the fuzz targets on stable Rust", help: fuzz::HELP, run: fuzz::run },
];

fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    if words.is_empty() || matches!(words[0].as_str(), "--help" | "-h" | "help") {
        say!("{}", overview().trim_end());
        return ExitCode::SUCCESS;
    }
    let name = words.remove(0);
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        eprintln!("error: there is no command `{name}`\n\n{}", overview());
        return ExitCode::from(2);
    };
    if words.iter().any(|word| word == "--help" || word == "-h") {
        say!("{}", command.help.trim_end());
        return ExitCode::SUCCESS;
    }
    match (command.run)(Args::new(words)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Usage(message)) => {
            eprintln!("error: {message}\nSee `cargo xtask {name} --help`.");
            ExitCode::from(2)
        }
        Err(Stop::Failed(message)) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
        Err(Stop::Reported) => ExitCode::FAILURE,
    }
}

fn overview() -> String {
    let mut text = String::from("Usage: cargo xtask <command> [options]\n\nCommands:\n");
    for command in COMMANDS {
        text.push_str(&format!("  {:<13}{}\n", command.name, command.about));
    }
    text.push_str("\n`cargo xtask <command> --help` explains one command.\n");
    text
}
