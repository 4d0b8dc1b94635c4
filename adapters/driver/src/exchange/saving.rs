//! Saving: in the middle of a request, and at its end.

use session_core::State;
use session_core::close::Close;
use session_core::state::Use;
use tracing::{Instrument as _, debug_span};

use super::{Shared, Slot};
use crate::error::Error;
use crate::health::Shortfall;
use crate::log;
use crate::save;

/// Whether a save may leave out what only the policy asks for, if the store cannot do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unasked {
    /// It may: the request is over, and is not to fail for it.
    Optional,
    /// A handler wants it saved, and may do without an extension at most.
    Demanded,
}

impl Shared {
    /// Saves the session now and goes on with it.
    pub(crate) async fn save(&self) -> Result<(), Error> {
        let _gate = self.gate.lock().await;
        let state = self.take_open()?;
        let mut saving = Saving { shared: self, close: Some(save::close(&self.sessions, state, Use::Used)?) };
        self.save_through(&mut saving.close, Unasked::Demanded).await?;
        match &saving.close {
            Some(Close::Done(_)) => Ok(()),
            Some(close) => Err(save::refusal(close)),
            None => Err(Error::Busy),
        }
    }

    /// Carries out what is left to do of a save, but for what nobody needs of a store that cannot do it.
    pub(super) async fn save_through(
        &self,
        close: &mut Option<Close>,
        unasked: Unasked,
    ) -> Result<(), Error> {
        let health = self.sessions.health();
        // A store that has just said that it takes no writes is not asked again for every request.
        if let (Some(Close::Touch(_)), Unasked::Optional) = (&close, unasked)
            && health.is_unwritable(self.sessions.clock().now())
        {
            *close = close.take().map(Close::unwritten);
            health.count(Shortfall::Unwritten);
        }
        let saved =
            save::run(&self.sessions, close).instrument(debug_span!(target: "session", "session.save")).await;
        let Err(Error::Store(error)) = saved else { return saved };
        let dispensable = match (&close, unasked) {
            (_, Unasked::Optional) | (Some(Close::Touch(_)), Unasked::Demanded) => true,
            (_, Unasked::Demanded) => false,
        };
        if dispensable {
            *close = close.take().map(Close::unwritten);
        }
        match close {
            Some(Close::Done(_)) => {
                health.count(Shortfall::Unwritten);
                Ok(())
            }
            _ => {
                if unasked == Unasked::Optional {
                    health.count(Shortfall::Failed);
                }
                Err(error.into())
            }
        }
    }

    /// Takes the data as it is in the store now.
    pub(crate) async fn reload(&self) -> Result<(), Error> {
        let _gate = self.gate.lock().await;
        let key = self.change(|state| Ok(state.stored_key().cloned().ok_or(session_core::Error::Gone)?))?;
        let now = self.sessions.clock().now();
        let answer = log::failure("reload", self.sessions.load(&key, None, now).await)?;
        self.change(|state| Ok(state.reload(answer, now)?))
    }

    fn take_open(&self) -> Result<Box<State>, Error> {
        let mut slot = self.lock();
        match std::mem::replace(&mut *slot, Slot::Busy) {
            Slot::Open(state) => Ok(state),
            other => {
                let error = other.unusable();
                *slot = other;
                Err(error)
            }
        }
    }
}

/// A session on its way through a save. Put back when dropped, wherever the save was.
struct Saving<'a> {
    shared: &'a Shared,
    close: Option<Close>,
}

impl Drop for Saving<'_> {
    fn drop(&mut self) {
        if let Some(close) = self.close.take() {
            self.shared.put_back(Slot::Open(close.abandon()));
        }
    }
}
