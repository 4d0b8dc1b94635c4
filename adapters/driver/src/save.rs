//! Carrying out the steps that the core demands, conflicts included.

use std::time::Duration;

use session_core::close::Close;
use session_core::state::Use;
use session_core::store::{Created, Deleted, Replaced, Updated};
use session_core::{SessionId, State};

use crate::error::Error;
use crate::log;
use crate::sessions::{Sessions, random_bytes};

/// After this many answers of "another request was faster", a request gives up. With a hundred requests at a time on one
/// session each still gets its turn.
const MAX_ATTEMPTS: u32 = 256;

/// So many attempts follow each other at once; then each waits a little, for a random time.
const EAGER_ATTEMPTS: u32 = 4;

/// The longest wait between two attempts.
const MAX_WAIT: Duration = Duration::from_millis(8);

/// Makes ids for the core, which cannot ask whether that worked: a failure is noted, and keeps the id from the store.
struct Ids<'a> {
    sessions: &'a Sessions,
    failed: bool,
}

impl Ids<'_> {
    fn fresh(&mut self) -> SessionId {
        self.sessions.fresh_id().unwrap_or_else(|| {
            self.failed = true;
            SessionId::from_entropy([0; session_core::id::ENTROPY_BYTES])
        })
    }

    fn checked(&self, close: Close) -> Result<Close, Error> {
        if self.failed { Err(Error::Randomness) } else { Ok(close) }
    }
}

/// The first step of saving `state`.
pub(crate) fn close(sessions: &Sessions, state: Box<State>, usage: Use) -> Result<Close, Error> {
    let mut ids = Ids { sessions, failed: false };
    let close = state.close(usage, sessions.clock().now(), &mut || ids.fresh());
    ids.checked(close)
}

/// Carries out the step in `close` and those that follow, until nothing is left to do.
///
/// `close` holds the step at hand at every await, so that whoever drops the future can give the session back. It is
/// `None` only if ids could not be made.
pub(crate) async fn run(sessions: &Sessions, close: &mut Option<Close>) -> Result<(), Error> {
    let store = sessions.store();
    let mut attempts = 0;
    loop {
        let now = sessions.clock().now();
        let mut ids = Ids { sessions, failed: false };
        let contended;
        match close {
            None | Some(Close::Done(_) | Close::Refused(_)) => return Ok(()),
            Some(Close::Create(step)) => {
                let answer = sessions.within_deadline(store.create(step.key(), step.record(), now)).await;
                let answer = log::failure("create", answer)?;
                contended = answer == Created::Exists;
                log::created(&answer);
                next(close, |close| match close {
                    Close::Create(step) => step.resume(answer, now, &mut || ids.fresh()),
                    other => other,
                });
            }
            Some(Close::Update(step)) => {
                let answer =
                    sessions.within_deadline(store.update(step.key(), step.record(), step.base(), now)).await;
                let answer = log::failure("update", answer)?;
                contended = matches!(answer, Updated::Conflict(_));
                log::updated(&answer);
                next(close, |close| match close {
                    Close::Update(step) => step.resume(answer, now),
                    other => other,
                });
            }
            Some(Close::Touch(step)) => {
                let answer = sessions
                    .within_deadline(store.touch(step.key(), step.expires_at(), step.base(), now))
                    .await;
                let answer = log::failure("touch", answer)?;
                contended = false;
                log::touched(answer);
                next(close, |close| match close {
                    Close::Touch(step) => step.resume(answer),
                    other => other,
                });
            }
            Some(Close::Rename(step)) => {
                let answer = sessions.within_deadline(store.replace(step.replace(), now)).await;
                let answer = log::failure("replace", answer)?;
                contended = matches!(answer, Replaced::Conflict(_) | Replaced::Exists);
                log::replaced(&answer);
                next(close, |close| match close {
                    Close::Rename(step) => step.resume(answer, now, &mut || ids.fresh()),
                    other => other,
                });
            }
            Some(Close::Delete(step)) => {
                let answer = sessions.within_deadline(store.delete(step.key(), step.base())).await;
                let answer = log::failure("delete", answer)?;
                contended = matches!(answer, Deleted::Conflict(_));
                log::deleted(&answer);
                next(close, |close| match close {
                    Close::Delete(step) => step.resume(answer),
                    other => other,
                });
            }
        }
        if ids.failed {
            return Err(Error::Randomness);
        }
        if contended {
            attempts += 1;
            if attempts == MAX_ATTEMPTS {
                return Err(log::contended());
            }
            pause(attempts).await;
        }
    }
}

fn next(close: &mut Option<Close>, resume: impl FnOnce(Close) -> Close) {
    *close = close.take().map(resume);
}

/// Waits a random time, longer as attempts go on, so that contenders spread out.
async fn pause(attempts: u32) {
    if attempts <= EAGER_ATTEMPTS {
        return;
    }
    let ceiling =
        MAX_WAIT.min(Duration::from_micros(100) * 2u32.saturating_pow(attempts.min(20) - EAGER_ATTEMPTS));
    let random = u16::from_le_bytes(random_bytes().unwrap_or_default());
    tokio::time::sleep(ceiling.mul_f64(f64::from(random) / f64::from(u16::MAX))).await;
}

/// Why a save that did not come to [`Close::Done`] did not.
pub(crate) fn refusal(close: &Close) -> Error {
    match close {
        Close::Refused(refused) => {
            log::refused(&refused.error);
            refused.error.clone().into()
        }
        Close::Done(_)
        | Close::Create(_)
        | Close::Update(_)
        | Close::Touch(_)
        | Close::Rename(_)
        | Close::Delete(_) => Error::Busy,
    }
}
