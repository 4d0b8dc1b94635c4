//! The few words a command line is made of. Small enough to read, so no parser is pulled in to build first.

use std::collections::VecDeque;
use std::str::FromStr;

use crate::output::Stop;

/// What is left of the command line after the command's name.
#[derive(Debug)]
pub(crate) struct Args {
    words: VecDeque<String>,
}

/// One word of the command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Arg {
    /// `--name`, with both dashes.
    Option(String),
    /// Anything else.
    Word(String),
}

impl Args {
    pub(crate) fn new(words: Vec<String>) -> Self {
        Self { words: words.into() }
    }

    /// The next option or word. `--name=value` is the same as `--name value`.
    pub(crate) fn next(&mut self) -> Option<Arg> {
        let word = self.words.pop_front()?;
        if !word.starts_with('-') {
            return Some(Arg::Word(word));
        }
        match word.split_once('=') {
            Some((name, value)) => {
                self.words.push_front(value.to_owned());
                Some(Arg::Option(name.to_owned()))
            }
            None => Some(Arg::Option(word)),
        }
    }

    /// The value that must follow `option`.
    pub(crate) fn value(&mut self, option: &str) -> Result<String, Stop> {
        match self.words.pop_front() {
            Some(value) if !value.starts_with("--") => Ok(value),
            Some(_) | None => Err(Stop::Usage(format!("{option} needs a value"))),
        }
    }

    /// The value that must follow `option`, as a number or whatever else can be read from text.
    pub(crate) fn parsed<T: FromStr>(&mut self, option: &str, what: &str) -> Result<T, Stop> {
        let value = self.value(option)?;
        value.parse().map_err(|_| Stop::Usage(format!("{option} needs {what}, not `{value}`")))
    }
}

impl Arg {
    /// The refusal of a word that the command does not know.
    pub(crate) fn unknown(self) -> Stop {
        match self {
            Arg::Option(name) => Stop::Usage(format!("there is no option `{name}`")),
            Arg::Word(word) => Stop::Usage(format!("`{word}` means nothing here")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(words: &[&str]) -> Args {
        Args::new(words.iter().map(|word| (*word).to_owned()).collect())
    }

    #[test]
    fn an_equals_sign_separates_an_option_from_its_value() {
        let mut args = args(&["--port=4000", "up"]);
        assert_eq!(args.next(), Some(Arg::Option("--port".into())));
        assert_eq!(args.parsed::<u16>("--port", "a port").unwrap(), 4000);
        assert_eq!(args.next(), Some(Arg::Word("up".into())));
        assert_eq!(args.next(), None);
    }

    #[test]
    fn a_missing_value_is_refused() {
        let mut args = args(&["--only", "--quick"]);
        args.next();
        assert!(matches!(args.value("--only"), Err(Stop::Usage(_))));
    }
}
