//! What `services` does for people: each verb prints what it did or found.

use std::time::Instant;

use super::state::State;
use super::{Kind, ensure, named_by_environment, probe};
use crate::output::{self, Stop};
use crate::process;

pub(crate) fn up(kinds: &[Kind]) -> Result<(), Stop> {
    let begun = Instant::now();
    let env = ensure(kinds)?;
    let rows: Vec<Vec<String>> = env
        .services
        .iter()
        .map(|service| {
            let (url, how, seconds) = match &service.result {
                Ok(provided) => (&*provided.url, &*provided.how, format!("{:.1}", provided.seconds)),
                Err(_) => ("-", "not provided", "-".to_owned()),
            };
            vec![service.kind.to_string(), url.to_owned(), how.to_owned(), seconds]
        })
        .collect();
    say!("{}", output::table(&["service", "url", "how it was provided", "seconds"], &rows).trim_end());
    say!("{} ready after {:.1} s", env.variables().count(), begun.elapsed().as_secs_f64());
    let mut missing = false;
    for (kind, why) in env.missing() {
        say!("\ncould not provide {kind}: {why}");
        missing = true;
    }
    if missing && process::in_ci() {
        return Err(Stop::Reported);
    }
    Ok(())
}

pub(crate) fn down(kinds: &[Kind]) -> Result<(), Stop> {
    let stopped = super::stop(kinds)?;
    if stopped.is_empty() {
        say!("nothing was running");
    }
    for (kind, count) in stopped {
        say!("stopped {kind} ({count} {})", if count == 1 { "process" } else { "processes" });
    }
    Ok(())
}

pub(crate) fn status(kinds: &[Kind]) -> Result<(), Stop> {
    let state = State::load()?;
    let mut broken = false;
    let mut rows = Vec::new();
    for &kind in kinds {
        let (url, condition) = match (named_by_environment(kind, &state), state.services.get(&kind)) {
            (Some(url), _) if probe::reachable(kind, &url) => {
                (url, format!("answers ({} is set)", kind.variable()))
            }
            (Some(url), _) => (url, format!("does not answer ({} is set)", kind.variable())),
            (None, None) => ("-".to_owned(), "not started".to_owned()),
            (None, Some(service)) => {
                let condition = state.condition(kind);
                broken |= condition.is_err();
                (service.url.clone().unwrap_or_else(|| "-".into()), condition.unwrap_or_else(|why| why))
            }
        };
        rows.push(vec![kind.to_string(), url, condition]);
    }
    say!("{}", output::table(&["service", "url", "condition"], &rows).trim_end());
    if broken {
        say!("\n`cargo xtask services up` starts again what is broken.");
        return Err(Stop::Reported);
    }
    Ok(())
}

pub(crate) fn env(kinds: &[Kind]) -> Result<(), Stop> {
    let state = State::load()?;
    let mut any = false;
    for &kind in kinds {
        let ours = || state.services.get(&kind).and_then(|service| service.url.clone());
        if let Some(url) = named_by_environment(kind, &state).or_else(ours) {
            say!("export {}={}", kind.variable(), quoted(&url));
            any = true;
        }
    }
    if any {
        Ok(())
    } else {
        Err(Stop::Failed("no service is known; run `cargo xtask services up` first".into()))
    }
}

/// `text` as one word of a shell, in quotes only where it needs them.
fn quoted(text: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "/:.,@_-=".contains(character);
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn only_what_a_shell_would_read_differently_is_quoted() {
        assert_eq!(quoted("redis://127.0.0.1:1/"), "redis://127.0.0.1:1/");
        assert_eq!(quoted("mongodb://h/?replicaSet=rs0&x=1"), "'mongodb://h/?replicaSet=rs0&x=1'");
    }
}
