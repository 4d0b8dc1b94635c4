//! The extractors, and what handlers get when a session cannot be had.

use std::convert::Infallible;
use std::ops::Deref;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use session_driver::{Error, Exchange};

use crate::middleware::error_response;

/// The session of a request, loaded. Its methods are those of [`session_driver::Session`].
///
/// `Option<Session>` is `None` where there is no session layer, or where the route is outside the cookie's path. A store
/// that cannot answer is an error for both.
#[derive(Debug, Clone)]
pub struct Session(session_driver::Session);

impl Deref for Session {
    type Target = session_driver::Session;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// The session of a request, loaded without extending its life: for routes that a page polls by itself.
#[derive(Debug, Clone)]
pub struct Peek(pub Session);

/// A session error as a response: 503 with `Retry-After` if the store is down, 409 if the session ended meanwhile, else 500.
///
/// The body says nothing about the server; the log does. `?` in a handler turns every session error into one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionError(pub Error);

impl std::fmt::Display for SessionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for SessionError {}

impl From<Error> for SessionError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for SessionError {
    fn into_response(self) -> Response {
        error_response(&self.0)
    }
}

impl From<Infallible> for SessionError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

fn exchange(parts: &Parts) -> Result<&Exchange, Error> {
    parts.extensions.get::<Exchange>().ok_or(Error::NoLayer)
}

impl<S: Send + Sync> FromRequestParts<S> for Session {
    type Rejection = SessionError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(exchange(parts)?.session().await?))
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Session {
    type Rejection = SessionError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
        let Ok(exchange) = exchange(parts) else { return Ok(None) };
        match exchange.session().await {
            Ok(session) => Ok(Some(Self(session))),
            Err(Error::Session(session_driver::core::Error::OutsidePath)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Peek {
    type Rejection = SessionError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(Session(exchange(parts)?.peek().await?)))
    }
}
