//! Flash messages: texts that are kept until the next page shows them, once.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::key::Key;
use crate::state::State;

const FLASH: Key<Vec<Flash>> = Key::new("_flash");

/// One message.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flash {
    /// What kind of message it is, for a style sheet say: `info`, `error`.
    pub kind: String,
    /// The text. It is data, not markup: escape it when you show it.
    pub text: String,
}

impl std::fmt::Debug for Flash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Flash({}, redacted)", self.kind)
    }
}

impl State {
    /// Keeps a message for the next page. Messages of parallel requests are all kept.
    ///
    /// # Errors
    ///
    /// As [`update`](State::update).
    pub fn flash(&mut self, kind: &str, text: &str) -> Result<(), Error> {
        let message = Flash { kind: kind.to_owned(), text: text.to_owned() };
        self.update(FLASH, move |messages| {
            let mut messages = messages.unwrap_or_default();
            messages.push(message.clone());
            messages
        })?;
        Ok(())
    }

    /// The messages kept so far, which are then gone.
    ///
    /// # Errors
    ///
    /// As [`take`](State::take).
    pub fn take_flash(&mut self) -> Result<Vec<Flash>, Error> {
        Ok(self.take(FLASH)?.unwrap_or_default())
    }
}
