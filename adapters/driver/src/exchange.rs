//! The session's part of one request: loaded when a handler asks, saved when the handler is done.
//!
//! All that awaits is here, and so is all care about dropped futures. What is held across an await is put back when
//! the future is dropped ([`Held`]), so a session is never lost halfway.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use session_core::close::{Close, Settled};
use session_core::open::{Load, Visit};
use session_core::state::Use;
use session_core::store::{StoreError, StoreErrorKind, Stored};
use session_core::{Open, Reply, State};
use time::OffsetDateTime;
use tracing::{Instrument as _, debug_span};

use crate::error::Error;
use crate::health::Shortfall;
use crate::log;
use crate::outage::OnOutage;
use crate::save;
use crate::session::Session;
use crate::sessions::Sessions;
use crate::settle::{self, Finishing};

mod saving;

use saving::Unasked;

/// The session's part of one request.
///
/// An adapter begins one ([`Sessions::begin`]), puts a clone of it where its extractor finds it, runs the handler, and
/// [finishes](Self::finish) it before the response goes out. Clones are the same exchange.
#[derive(Clone)]
pub struct Exchange(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) sessions: Sessions,
    /// The exchange of the next session layer further out.
    outer: Option<Exchange>,
    slot: Mutex<Slot>,
    /// Held by whoever awaits the store, so that a session is loaded once and saved by one at a time.
    gate: tokio::sync::Mutex<()>,
}

/// How far the exchange has come.
pub(crate) enum Slot {
    /// Nobody has asked for the session.
    Unopened(Visit),
    /// The store is to be asked.
    Loading(Box<Load>),
    /// The session is here.
    Open(Box<State>),
    /// The store could not answer, and the page is shown as to a stranger. The session is never saved.
    Stranger(Box<State>, StoreError),
    /// The request's path has no session.
    Outside,
    /// Somebody holds it across an await.
    Busy,
    /// The response is on its way.
    Finished,
    /// The handler panicked: there is nothing to save.
    Abandoned,
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &*self.0.lock() {
            Slot::Unopened(_) => "Exchange(unopened)",
            Slot::Loading(_) => "Exchange(loading)",
            Slot::Open(_) => "Exchange(open)",
            Slot::Stranger(..) => "Exchange(stranger)",
            Slot::Outside => "Exchange(outside)",
            Slot::Busy => "Exchange(busy)",
            Slot::Finished => "Exchange(finished)",
            Slot::Abandoned => "Exchange(abandoned)",
        })
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let slot = std::mem::replace(&mut *self.lock(), Slot::Finished);
        slot.take_back(&self.sessions);
    }
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Slot> {
        // A panic in a handler's closure must not make the session unreadable for the rest of the request.
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Slot {
        std::mem::replace(&mut *self.lock(), Slot::Busy)
    }

    /// Ends what [`take`](Self::take) began, unless the exchange was abandoned meanwhile.
    fn put_back(&self, slot: Slot) {
        let mut place = self.lock();
        if let Slot::Busy = *place {
            *place = slot;
        }
    }

    pub(crate) fn abandon(&self) {
        let slot = std::mem::replace(&mut *self.lock(), Slot::Abandoned);
        slot.take_back(&self.sessions);
    }

    /// Runs `act` on the session.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut State) -> Result<T, Error>) -> Result<T, Error> {
        match &mut *self.lock() {
            Slot::Open(state) | Slot::Stranger(state, _) => act(state),
            slot => Err(slot.unusable()),
        }
    }

    /// Runs `act`, which changes the session.
    pub(crate) fn change<T>(&self, act: impl FnOnce(&mut State) -> Result<T, Error>) -> Result<T, Error> {
        match &mut *self.lock() {
            Slot::Open(state) => act(state),
            slot => Err(slot.unusable()),
        }
    }
}

/// Whether loading a session may extend its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extending {
    Allowed,
    Declined,
}

impl Exchange {
    pub(crate) fn new(sessions: Sessions, outer: Option<Self>, slot: Slot) -> Self {
        Self(Arc::new(Shared { sessions, outer, slot: Mutex::new(slot), gate: tokio::sync::Mutex::new(()) }))
    }

    pub(crate) fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    pub(crate) fn outer(&self) -> Option<&Self> {
        self.0.outer.as_ref()
    }

    /// The session, loaded if this is the first call. An extractor awaits this, and handlers are then synchronous.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the store could not answer; a later call tries again. [`Error::Finished`] after
    /// [`finish`](Self::finish). [`session_core::Error::OutsidePath`] if the cookie's path does not cover this request.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the exchange as it was.
    pub async fn session(&self) -> Result<Session, Error> {
        self.session_on_outage(self.0.sessions.on_outage()).await
    }

    /// The session, for a route that says itself what becomes of it while the store is down.
    ///
    /// A request is served in one way: once it was shown as to a stranger, asking with [`OnOutage::FailClosed`] answers the
    /// error.
    ///
    /// # Errors
    ///
    /// As [`session`](Self::session). With [`OnOutage::Anonymous`] never [`Error::Store`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the exchange as it was.
    pub async fn session_on_outage(&self, on_outage: OnOutage) -> Result<Session, Error> {
        self.load(Extending::Allowed, on_outage).await
    }

    /// The session, without extending its life: for requests that a page makes by itself, which should not keep a user
    /// signed in.
    ///
    /// # Errors
    ///
    /// As [`session`](Self::session).
    pub async fn peek(&self) -> Result<Session, Error> {
        let session = self.load(Extending::Declined, self.0.sessions.on_outage()).await?;
        self.0.with(|state| {
            state.decline_touch();
            Ok(())
        })?;
        Ok(session)
    }

    async fn load(&self, extending: Extending, on_outage: OnOutage) -> Result<Session, Error> {
        // Most calls find it loaded.
        let unloaded = matches!(*self.0.lock(), Slot::Unopened(_) | Slot::Loading(_) | Slot::Busy);
        if unloaded {
            self.load_once(extending, on_outage)
                .instrument(debug_span!(target: "session", "session.load"))
                .await?;
        }
        match (&*self.0.lock(), on_outage) {
            (Slot::Open(_), _) | (Slot::Stranger(..), OnOutage::Anonymous) => {
                Ok(Session::new(self.0.clone()))
            }
            (slot, _) => Err(slot.unusable()),
        }
    }

    /// Leaves the exchange with its session, or with what stands for it.
    async fn load_once(&self, extending: Extending, on_outage: OnOutage) -> Result<(), Error> {
        let _gate = self.0.gate.lock().await;
        let mut held = Held::take(&self.0);
        if let Slot::Unopened(_) = held.slot {
            held.open();
        }
        while let Slot::Loading(load) = &mut held.slot {
            let now = self.0.sessions.clock().now();
            let extend = match extending {
                Extending::Allowed => load.extend(now),
                Extending::Declined => None,
            };
            let answer = self.0.sessions.load(load.key(), extend.as_ref(), now).await;
            let answer = match (log::failure("load", answer), on_outage) {
                (Ok(answer), _) => answer,
                // One user loses one session. The record is left as it is, for somebody to look at.
                (Err(Error::Store(error)), _) if error.kind() == StoreErrorKind::Corrupt => None,
                (Err(Error::Store(cause)), OnOutage::Anonymous) => {
                    self.0.sessions.health().count(Shortfall::Anonymous);
                    let state = Box::new(load.stranger());
                    held.slot = Slot::Stranger(state, cause);
                    return Ok(());
                }
                (Err(error), _) => {
                    self.0.sessions.health().count(Shortfall::Failed);
                    return Err(error);
                }
            };
            held.resume(answer, now);
        }
        Ok(())
    }

    /// Whether [`finish`](Self::finish) will have nothing to do, so that an adapter need not await it.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        match &*self.0.lock() {
            Slot::Unopened(visit) => !(self.0.sessions.policy().rolls_unused() && visit.has_cookie()),
            Slot::Outside | Slot::Abandoned => true,
            Slot::Loading(_) | Slot::Open(_) | Slot::Stranger(..) | Slot::Busy | Slot::Finished => false,
        }
    }

    /// Gives up what this request did with its session: it stays as it was, and [`finish`](Self::finish) has nothing to do.
    ///
    /// For a handler that has panicked. The [`Session`] that it holds then does this by itself.
    pub fn abandon(&self) {
        self.0.abandon();
    }

    /// Saves what is to be saved and says what the response must carry. Handles of the session are of no use afterwards.
    ///
    /// Call it whatever the handler answered, also if that is an error.
    ///
    /// # Errors
    ///
    /// [`Error::Store`], [`Error::Contended`] or [`session_core::Error`]: the session was not saved. The response must be an
    /// error too, and carry no session cookie. [`Error::Finished`] if called twice.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the old session or the new one in the store, never neither, and the exchange finished.
    pub async fn finish(&self) -> Result<Reply, Error> {
        let mut usage = Use::Used;
        if let Slot::Unopened(visit) = &*self.0.lock() {
            if !(self.0.sessions.policy().rolls_unused() && visit.has_cookie()) {
                return Ok(Reply::none());
            }
            usage = Use::Unused;
        }
        if usage == Use::Unused {
            match self.load(Extending::Allowed, self.0.sessions.on_outage()).await {
                Ok(_) => {}
                // Nobody asked for the session: all that is lost is an extension of its life.
                Err(Error::Session(session_core::Error::OutsidePath) | Error::Store(_)) => {
                    return Ok(Reply::none());
                }
                Err(error) => return Err(error),
            }
        }
        let _gate = self.0.gate.lock().await;
        let slot = self.0.take();
        *self.0.lock() = Slot::Finished;
        let state = match slot {
            Slot::Open(state) => state,
            Slot::Stranger(..) => {
                return Ok(match usage {
                    Use::Used => Reply::stopgap(self.0.sessions.policy()),
                    Use::Unused => Reply::none(),
                });
            }
            // Asked for and not loaded: the store could not answer, and the handler has said so or gone on without.
            Slot::Unopened(_) | Slot::Loading(_) | Slot::Outside | Slot::Abandoned => {
                return Ok(Reply::none());
            }
            Slot::Busy => return Err(Error::Busy),
            Slot::Finished => return Err(Error::Finished),
        };
        let close = Some(save::close(&self.0.sessions, state, usage)?);
        let mut finishing = Finishing { sessions: &self.0.sessions, close };
        if let Err(error) = self.0.save_through(&mut finishing.close, Unasked::Optional).await {
            return Err(finishing.failed(error));
        }
        match finishing.close.take() {
            Some(Close::Done(settled)) => Ok(self.reply(settled, usage)),
            Some(close) => Err(save::refusal(&close)),
            None => Err(Error::Busy),
        }
    }

    fn reply(&self, settled: Settled, usage: Use) -> Reply {
        let reply = settled.into_reply(self.0.sessions.clock().now());
        self.0.sessions.warn_once(&reply);
        match usage {
            Use::Used => reply,
            Use::Unused => reply.unused(),
        }
    }
}

/// A slot on its way through a load. Put back when dropped, wherever the load was.
struct Held<'a> {
    shared: &'a Shared,
    slot: Slot,
}

impl<'a> Held<'a> {
    fn take(shared: &'a Shared) -> Self {
        Self { shared, slot: shared.take() }
    }

    fn open(&mut self) {
        if let Slot::Unopened(visit) = std::mem::replace(&mut self.slot, Slot::Busy) {
            self.slot = Slot::after(self.shared.sessions.policy().open(visit));
        }
    }

    fn resume(&mut self, answer: Option<Stored>, now: OffsetDateTime) {
        if let Slot::Loading(load) = std::mem::replace(&mut self.slot, Slot::Busy) {
            self.slot = Slot::after(load.resume(answer, now));
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let slot = std::mem::replace(&mut self.slot, Slot::Busy);
        self.shared.put_back(slot);
    }
}

impl Slot {
    /// What becomes of a session that nobody will finish: a save in its midst may have moved it, and no response tells.
    fn take_back(self, sessions: &Sessions) {
        if let Self::Open(state) = self {
            settle::take_back(sessions, state);
        }
    }

    /// Why it holds no session that can be changed.
    fn unusable(&self) -> Error {
        match self {
            Self::Finished | Self::Abandoned => Error::Finished,
            Self::Outside => session_core::Error::OutsidePath.into(),
            Self::Stranger(_, cause) => cause.clone().into(),
            Self::Unopened(_) | Self::Loading(_) | Self::Open(_) | Self::Busy => Error::Busy,
        }
    }

    fn after(open: Open) -> Self {
        match open {
            Open::Outside => Self::Outside,
            Open::Load(load) => Self::Loading(Box::new(load)),
            Open::Ready(state) => {
                log::opened(&state);
                Self::Open(state)
            }
        }
    }
}
