//! How long a session lives, and its cookie, from a handler's side.

use std::time::Duration;

use session_core::{SessionCookie, State};
use time::OffsetDateTime;

use super::Session;
use crate::error::Error;

impl Session {
    /// When the session began, if its record says so.
    ///
    /// # Errors
    ///
    /// See [`Session`].
    pub fn created_at(&self) -> Result<Option<OffsetDateTime>, Error> {
        self.with(|state| Ok(state.created_at()))
    }

    /// Whether the owner was authenticated at most this long ago: for pages that ask for the password again.
    ///
    /// # Errors
    ///
    /// See [`Session`].
    pub fn authenticated_within(&self, limit: Duration) -> Result<bool, Error> {
        let now = self.now();
        self.with(|state| Ok(state.authenticated_at().is_some_and(|at| now - at <= limit)))
    }

    /// When the session ends if it is not used again.
    ///
    /// # Errors
    ///
    /// See [`Session`].
    pub fn expires_at(&self) -> Result<OffsetDateTime, Error> {
        let now = self.now();
        self.with(|state| Ok(state.expires_at(now)))
    }

    /// This session's cookie.
    ///
    /// # Errors
    ///
    /// See [`Session`].
    pub fn cookie(&self) -> Result<SessionCookie, Error> {
        let now = self.now();
        self.with(|state| Ok(state.cookie(now)))
    }

    /// Gives this session a cookie of its own.
    ///
    /// # Errors
    ///
    /// [`session_core::Error::Cookie`] if an attribute cannot stand in a `Set-Cookie` header.
    pub fn set_cookie(&self, cookie: SessionCookie) -> Result<(), Error> {
        let now = self.now();
        self.change(|state| state.set_cookie(cookie, now))
    }

    /// Gives this session an idle life of its own ("remember me"), or with `None` a cookie that ends with the browser.
    ///
    /// # Errors
    ///
    /// See [`Session`].
    pub fn set_max_age(&self, max_age: Option<Duration>) -> Result<(), Error> {
        let now = self.now();
        self.change(|state| state.set_max_age(max_age, now))
    }

    /// Extends the session's life at the end of this request, whether or not it is due.
    ///
    /// # Errors
    ///
    /// See [`Session`].
    pub fn touch(&self) -> Result<(), Error> {
        self.with(State::touch)
    }
}
