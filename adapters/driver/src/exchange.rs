//! The session's part of one request: loaded when a handler asks, saved when the handler is done.
//!
//! All that awaits is here, and so is all care about dropped futures. What is held across an await is put back when
//! the future is dropped ([`Held`]), so a session is never lost halfway.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use session_core::close::{Close, Settled};
use session_core::open::{Load, Visit};
use session_core::state::Use;
use session_core::store::{StoreErrorKind, Stored};
use session_core::{Open, Reply, State};
use time::OffsetDateTime;
use tracing::{Instrument as _, debug_span};

use crate::error::Error;
use crate::log;
use crate::save;
use crate::session::Session;
use crate::sessions::Sessions;

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
            Slot::Outside => "Exchange(outside)",
            Slot::Busy => "Exchange(busy)",
            Slot::Finished => "Exchange(finished)",
            Slot::Abandoned => "Exchange(abandoned)",
        })
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

    /// Runs `act` on the session.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut State) -> Result<T, Error>) -> Result<T, Error> {
        match &mut *self.lock() {
            Slot::Open(state) => act(state),
            Slot::Finished | Slot::Abandoned => Err(Error::Finished),
            Slot::Outside => Err(session_core::Error::OutsidePath.into()),
            Slot::Unopened(_) | Slot::Loading(_) | Slot::Busy => Err(Error::Busy),
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
        self.load(Extending::Allowed).await
    }

    /// The session, without extending its life: for requests that a page makes by itself, which should not keep a user
    /// signed in.
    ///
    /// # Errors
    ///
    /// As [`session`](Self::session).
    pub async fn peek(&self) -> Result<Session, Error> {
        let session = self.load(Extending::Declined).await?;
        self.0.with(|state| {
            state.decline_touch();
            Ok(())
        })?;
        Ok(session)
    }

    async fn load(&self, extending: Extending) -> Result<Session, Error> {
        // Most calls find it loaded.
        match &*self.0.lock() {
            Slot::Open(_) => return Ok(Session::new(self.0.clone())),
            Slot::Outside => return Err(session_core::Error::OutsidePath.into()),
            Slot::Finished | Slot::Abandoned => return Err(Error::Finished),
            Slot::Unopened(_) | Slot::Loading(_) | Slot::Busy => {}
        }
        self.load_once(extending).instrument(debug_span!(target: "session", "session.load")).await
    }

    async fn load_once(&self, extending: Extending) -> Result<Session, Error> {
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
            let answer = self.0.sessions.within_deadline(self.0.sessions.store().load(
                load.key(),
                extend.as_ref(),
                now,
            ));
            let answer = match log::failure("load", answer.await) {
                // One user loses one session. The record is left as it is, for somebody to look at.
                Err(Error::Store(error)) if error.kind() == StoreErrorKind::Corrupt => None,
                answer => answer?,
            };
            held.resume(answer, now);
        }
        match held.slot {
            Slot::Open(_) => Ok(Session::new(self.0.clone())),
            Slot::Outside => Err(session_core::Error::OutsidePath.into()),
            Slot::Finished | Slot::Abandoned => Err(Error::Finished),
            Slot::Unopened(_) | Slot::Loading(_) | Slot::Busy => Err(Error::Busy),
        }
    }

    /// Whether [`finish`](Self::finish) will have nothing to do, so that an adapter need not await it.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        match &*self.0.lock() {
            Slot::Unopened(visit) => !(self.0.sessions.policy().rolls_unused() && visit.has_cookie()),
            Slot::Outside | Slot::Abandoned => true,
            Slot::Loading(_) | Slot::Open(_) | Slot::Busy | Slot::Finished => false,
        }
    }

    /// Gives up what this request did with its session: it stays as it was, and [`finish`](Self::finish) has nothing to do.
    ///
    /// For a framework that goes on to the response when a handler has panicked.
    pub fn abandon(&self) {
        *self.0.lock() = Slot::Abandoned;
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
            match self.load(Extending::Allowed).await {
                Ok(_) => {}
                Err(Error::Session(session_core::Error::OutsidePath)) => return Ok(Reply::none()),
                Err(error) => return Err(error),
            }
        }
        let _gate = self.0.gate.lock().await;
        let slot = self.0.take();
        *self.0.lock() = Slot::Finished;
        let state = match slot {
            Slot::Open(state) => state,
            // Asked for and not loaded: the store could not answer, and the handler has said so or gone on without.
            Slot::Unopened(_) | Slot::Loading(_) | Slot::Outside | Slot::Abandoned => {
                return Ok(Reply::none());
            }
            Slot::Busy => return Err(Error::Busy),
            Slot::Finished => return Err(Error::Finished),
        };
        let mut close = Some(save::close(&self.0.sessions, state, usage)?);
        save::run(&self.0.sessions, &mut close)
            .instrument(debug_span!(target: "session", "session.save"))
            .await?;
        match close {
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

impl Shared {
    /// Saves the session now and goes on with it.
    pub(crate) async fn save(&self) -> Result<(), Error> {
        let _gate = self.gate.lock().await;
        let state = self.take_open()?;
        let mut saving = Saving { shared: self, close: Some(save::close(&self.sessions, state, Use::Used)?) };
        save::run(&self.sessions, &mut saving.close)
            .instrument(debug_span!(target: "session", "session.save"))
            .await?;
        match &saving.close {
            Some(Close::Done(_)) => Ok(()),
            Some(close) => Err(save::refusal(close)),
            None => Err(Error::Busy),
        }
    }

    /// Takes the data as it is in the store now.
    pub(crate) async fn reload(&self) -> Result<(), Error> {
        let _gate = self.gate.lock().await;
        let key = self.with(|state| Ok(state.stored_key().cloned().ok_or(session_core::Error::Gone)?))?;
        let now = self.sessions.clock().now();
        let answer = self.sessions.within_deadline(self.sessions.store().load(&key, None, now)).await;
        let answer = log::failure("reload", answer)?;
        self.with(|state| Ok(state.reload(answer, now)?))
    }

    fn take_open(&self) -> Result<Box<State>, Error> {
        let mut slot = self.lock();
        match std::mem::replace(&mut *slot, Slot::Busy) {
            Slot::Open(state) => Ok(state),
            other => {
                let error = match other {
                    Slot::Finished | Slot::Abandoned => Error::Finished,
                    Slot::Outside => session_core::Error::OutsidePath.into(),
                    Slot::Unopened(_) | Slot::Loading(_) | Slot::Open(_) | Slot::Busy => Error::Busy,
                };
                *slot = other;
                Err(error)
            }
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
