//! The handle that handlers hold. All but `save` and `reload` return at once.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use session_core::flash::Flash;
use session_core::{AsKey, Owner, SessionId, State};
use time::OffsetDateTime;

use crate::error::Error;
use crate::exchange::Shared;
use crate::sessions::random_bytes;

mod lifetime;

/// The session of a request. Clones are the same session.
///
/// Values are stored as JSON. What a handler changes is saved when it has returned, before the response goes out.
///
/// # Errors
///
/// Besides what each method names, all answer [`Error::Finished`] once the response is on its way, [`Error::Busy`] while
/// another task of the request saves the session, and, if they change data, [`session_core::Error::Ended`] after
/// [`destroy`](Self::destroy) or [`unset`](Self::unset).
///
/// # While the store is down
///
/// With [`OnOutage::Anonymous`](crate::OnOutage) a session that cannot be loaded is an empty one. Reading it finds nothing,
/// and so do `take` and `take_flash`; a form gets a token that will not be accepted. Whatever would have to be saved
/// (`insert`, `login`, `destroy`, …), `save` and `reload` answer [`Error::Store`], and so do `id` and `csrf_verify`, which
/// nobody can answer then.
///
/// # Panics of handlers
///
/// A handler that panics leaves its session as it was, also where a response is made of the panic. This is noticed by the
/// handle that the extractor gave, when the panic drops it: one that was given away before has the session saved. A clone
/// does not count, since it may be dropped by the panic of another task.
pub struct Session(Arc<Shared>, Holder);

/// Who holds a handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    /// Whoever asked for the session.
    Handler,
    /// Somebody who was given a clone.
    Other,
}

impl Clone for Session {
    fn clone(&self) -> Self {
        Self(self.0.clone(), Holder::Other)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.1 == Holder::Handler && std::thread::panicking() {
            self.0.abandon();
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session(redacted)")
    }
}

impl Session {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self(shared, Holder::Handler)
    }

    fn now(&self) -> OffsetDateTime {
        self.0.sessions.clock().now()
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> Result<T, session_core::Error>) -> Result<T, Error> {
        self.0.with(|state| Ok(act(state)?))
    }

    /// The same for what is to be saved.
    fn change<T>(&self, act: impl FnOnce(&mut State) -> Result<T, session_core::Error>) -> Result<T, Error> {
        self.0.change(|state| Ok(act(state)?))
    }

    /// The value of `key`, or `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`session_core::Error::Deserialize`] if it is not a `T`.
    pub fn get<T: DeserializeOwned>(&self, key: impl AsKey<T>) -> Result<Option<T>, Error> {
        self.with(|state| state.get(key))
    }

    /// Gives `key` a value. Putting in what is there already changes nothing.
    ///
    /// # Errors
    ///
    /// [`session_core::Error::Serialize`] if the value does not become JSON, [`session_core::Error::ReservedKey`] for a key
    /// of the record layout.
    pub fn insert<T: Serialize>(&self, key: impl AsKey<T>, value: T) -> Result<(), Error> {
        self.change(|state| state.insert(key, value))
    }

    /// Computes a value from the one that is there (or from `None`), and returns it.
    ///
    /// If another request changed the session meanwhile, `change` runs again on the newer value when the session is saved:
    /// a counter loses no count. It must therefore have no other effect.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get) and [`insert`](Self::insert).
    pub fn update<T, F>(&self, key: impl AsKey<T>, change: F) -> Result<T, Error>
    where
        T: Serialize + DeserializeOwned,
        F: FnMut(Option<T>) -> T + Send + 'static,
    {
        self.change(|state| state.update(key, change))
    }

    /// Takes a value out and returns it.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get). A value that is not a `T` stays where it is.
    pub fn take<T: DeserializeOwned>(&self, key: impl AsKey<T>) -> Result<Option<T>, Error> {
        self.with(|state| state.take(key))
    }

    /// Removes a value, of whatever type; answers whether there was one.
    ///
    /// # Errors
    ///
    /// See [`Session`].
    pub fn remove(&self, key: &str) -> Result<bool, Error> {
        self.change(|state| state.remove(key))
    }

    /// Removes all data, also what other requests put in meanwhile. The id stays.
    ///
    /// # Errors
    ///
    /// See [`Session`].
    pub fn clear(&self) -> Result<(), Error> {
        self.change(State::clear)
    }

    /// Whether `key` has a value.
    ///
    /// # Errors
    ///
    /// See [`Session`].
    pub fn contains(&self, key: &str) -> Result<bool, Error> {
        self.with(|state| Ok(state.contains(key)))
    }

    /// The keys, in the order they were put in.
    ///
    /// # Errors
    ///
    /// See [`Session`].
    pub fn keys(&self) -> Result<Vec<String>, Error> {
        self.with(|state| Ok(state.keys().map(str::to_owned).collect()))
    }

    /// All data as one struct, whose fields are the keys. Keys that it has no field for are passed over.
    ///
    /// # Errors
    ///
    /// [`session_core::Error::Deserialize`] if the data is not a `T`.
    pub fn read_all<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.with(|state| state.read_all())
    }

    /// Writes a struct's fields as keys; only those that differ count as changed. Keys it has no field for stay.
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert).
    pub fn write_all<T: Serialize>(&self, all: &T) -> Result<(), Error> {
        self.change(|state| state.write_all(all))
    }

    /// The id this session has, or will have once it is saved.
    ///
    /// # Errors
    ///
    /// [`Error::Randomness`] if it has none yet and none can be made.
    pub fn id(&self) -> Result<SessionId, Error> {
        let fresh = || self.0.sessions.fresh_id();
        self.0.change(|state| {
            if let Some(id) = state.known_id() {
                return Ok(id.clone());
            }
            let id = fresh().ok_or(Error::Randomness)?;
            Ok(state.id(|| id).clone())
        })
    }

    /// Whether there was no session before this request, or there is a new one since `regenerate` or `login`.
    ///
    /// # Errors
    ///
    /// See [`Session`].
    pub fn is_new(&self) -> Result<bool, Error> {
        self.with(|state| Ok(state.is_new()))
    }

    pub(crate) fn stored_key(&self) -> Result<Option<session_core::StoreKey>, Error> {
        self.with(|state| Ok(state.stored_key().cloned()))
    }

    pub(crate) fn exists(&self) -> Result<bool, Error> {
        self.with(|state| Ok(state.stored_key().is_some()))
    }

    /// A name for this session that may be shown to its owner, in a list of devices say; `None` if it is not stored yet.
    ///
    /// # Errors
    ///
    /// See [`Session`].
    pub fn handle(&self) -> Result<Option<String>, Error> {
        self.with(|state| Ok(state.stored_key().map(session_core::StoreKey::handle)))
    }

    /// Gives the session a new id and keeps its data: after a change of privilege.
    ///
    /// # Errors
    ///
    /// [`session_core::Error::Detached`] outside a request.
    pub fn renew(&self) -> Result<(), Error> {
        self.change(State::renew)
    }

    /// Gives the session a new id and keeps its data: as a routine, now and then, while nobody's privileges change.
    ///
    /// The response with the new id may get lost, and other requests may be under way. So for the policy's `tombstone_life` (a
    /// minute) the old id still leads its holder on to the same session, and the new cookie is set again. That holds for
    /// whoever else has the old id, too: after a login, a change of role or a suspicion use [`renew`](Self::renew), whose edge
    /// is hard.
    ///
    /// # Errors
    ///
    /// [`session_core::Error::Ended`] after `destroy` or `unset`; [`session_core::Error::Detached`] outside a request.
    pub fn rotate(&self) -> Result<(), Error> {
        self.with(State::rotate)
    }

    /// Gives the session a new id and no data: what is put in from now on is all it holds. Also begins a new session after
    /// [`destroy`](Self::destroy), for a farewell message say.
    ///
    /// # Errors
    ///
    /// [`session_core::Error::Detached`] outside a request.
    pub fn regenerate(&self) -> Result<(), Error> {
        self.change(State::regenerate)
    }

    /// Logs an owner in, whose credentials were verified just now: a new id, no data of the time before, and the owner on
    /// record. The absolute timeout begins anew.
    ///
    /// The owner is the user's id, a number or a text: `session.login(user.id)?`.
    ///
    /// # Errors
    ///
    /// [`session_core::Error::Detached`] outside a request, [`session_core::Error::InvalidOwner`] if there cannot be such an
    /// owner.
    pub fn login(&self, owner: impl TryInto<Owner, Error: Into<Error>>) -> Result<(), Error> {
        let owner = owner.try_into().map_err(Into::into)?;
        let now = self.now();
        self.change(|state| state.login(owner, now))
    }

    /// Logs out: [`destroy`](Self::destroy) under its everyday name.
    ///
    /// # Errors
    ///
    /// See [`Session`].
    pub fn logout(&self) -> Result<(), Error> {
        self.destroy()
    }

    /// Ends the session: its record is removed and the browser told to forget the cookie.
    ///
    /// # Errors
    ///
    /// See [`Session`].
    pub fn destroy(&self) -> Result<(), Error> {
        self.change(|state| {
            state.destroy();
            Ok(())
        })
    }

    /// Lets go of the session, as `req.session = null` does. What this means is the policy's `unset` option.
    ///
    /// # Errors
    ///
    /// See [`Session`].
    pub fn unset(&self) -> Result<(), Error> {
        self.change(|state| {
            state.unset();
            Ok(())
        })
    }

    /// Whose session it is.
    ///
    /// # Errors
    ///
    /// See [`Session`].
    pub fn owner(&self) -> Result<Option<Owner>, Error> {
        self.with(|state| Ok(state.owner().cloned()))
    }

    /// Says whose session it is without a new id. At a login use [`login`](Self::login).
    ///
    /// # Errors
    ///
    /// See [`Session`].
    pub fn set_owner(&self, owner: Option<Owner>) -> Result<(), Error> {
        self.change(|state| state.set_owner(owner))
    }

    /// Keeps a message for the next page. Messages of parallel requests are all kept.
    ///
    /// # Errors
    ///
    /// See [`Session`].
    pub fn flash(&self, kind: &str, text: &str) -> Result<(), Error> {
        self.change(|state| state.flash(kind, text))
    }

    /// The messages kept so far, which are then gone.
    ///
    /// # Errors
    ///
    /// See [`Session`].
    pub fn take_flash(&self) -> Result<Vec<Flash>, Error> {
        self.with(State::take_flash)
    }

    /// A token for a form of this session; see [`session_core::csrf`].
    ///
    /// # Errors
    ///
    /// [`Error::Randomness`] if it cannot be masked.
    pub fn csrf_token(&self) -> Result<String, Error> {
        let mask = random_bytes().ok_or(Error::Randomness)?;
        // Drawn before it is known whether it is needed, since drawing may fail and the core cannot ask again.
        let spare = self.0.sessions.fresh_id().ok_or(Error::Randomness)?;
        let now = self.now();
        self.with(|state| Ok(state.csrf_token(now, mask, || spare)))
    }

    /// Whether `token` came from a form of this session.
    ///
    /// # Errors
    ///
    /// See [`Session`].
    pub fn csrf_verify(&self, token: &str) -> Result<bool, Error> {
        let now = self.now();
        self.change(|state| Ok(state.csrf_verify(token, now)))
    }

    /// Saves the session now, in the middle of a request: before a stream begins, for a websocket. The cookie still goes
    /// out with the response.
    ///
    /// # Errors
    ///
    /// [`Error::Store`], [`Error::Contended`], [`session_core::Error::Gone`], [`session_core::Error::TooLarge`]: it was not
    /// saved, and is as it was.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped the session is as it was. Whether it was saved is then unknown, and a later save that
    /// cannot find out is refused with [`session_core::Error::InDoubt`].
    pub async fn save(&self) -> Result<(), Error> {
        self.0.save().await
    }

    /// Takes the data as it is in the store now, and drops what this request changed.
    ///
    /// # Errors
    ///
    /// [`session_core::Error::Gone`] if there is no such session (any more); this one then stays as it was.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped the session is as it was.
    pub async fn reload(&self) -> Result<(), Error> {
        self.0.reload().await
    }
}
