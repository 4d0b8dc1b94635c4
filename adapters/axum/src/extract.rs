//! The extractors, and what handlers get when a session cannot be had.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::ops::Deref;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{Extensions, Request};
use session_driver::core::Owner;
use session_driver::{Error, Exchange, FromExchange, LayerName};

use crate::middleware::error_response;

/// The session of a request, loaded. Its methods are those of [`session_driver::Session`].
///
/// Where several session layers are around a route, it is that of the innermost one; [`Named`] gives the others.
///
/// `Option<Session>` is `None` where there is no session layer, or where the route is outside the cookie's path. A store
/// that cannot answer is an error for both.
#[derive(Debug, Clone)]
pub struct Session(session_driver::Session);

impl Session {
    /// The session of a request in a service that knows no extractors: behind a [`SessionLayer`](crate::SessionLayer) in
    /// any tower stack.
    ///
    /// # Errors
    ///
    /// As the extractor. [`SessionError`] becomes a response with `http::Response::from`.
    pub fn of<B>(request: &Request<B>) -> impl Future<Output = Result<Self, SessionError>> + Send + use<B> {
        let exchange = request.extensions().get::<Exchange>().cloned();
        async move { Ok(Self(exchange.ok_or(Error::NoLayer)?.session().await?)) }
    }
}

impl Deref for Session {
    type Target = session_driver::Session;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// The session of a request, loaded without extending its life: for routes that a page polls by itself.
#[derive(Debug, Clone)]
pub struct Peek(pub Session);

/// The session of a request whose visitor has signed in, and who that is. Everybody else is answered 401, or sent to the
/// [login page](session_driver::SessionsBuilder::login_page).
///
/// ```
/// # use session_axum::{SessionError, SignedIn};
/// async fn account(SignedIn { session, owner }: SignedIn) -> Result<String, SessionError> {
///     let theme: Option<String> = session.get("theme")?;
///     Ok(format!("{} likes it {}", owner.as_str(), theme.unwrap_or("plain".into())))
/// }
/// ```
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The session.
    pub session: Session,
    /// Who has signed in.
    pub owner: Owner,
}

/// What `T` gives, of the session layer that `N` names: where several are around a route.
///
/// ```
/// # use session_axum::{LayerName, Named, Session, SessionError, SignedIn};
/// /// The sessions of the people behind the counter, in a cookie of their own.
/// struct Staff;
///
/// impl LayerName for Staff {
///     const COOKIE: &'static str = "staff";
/// }
///
/// async fn help(customer: Session, staff: Named<Staff, SignedIn>) -> Result<String, SessionError> {
///     customer.insert("helped_by", staff.owner.as_str())?;
///     Ok(format!("{} is there to help you", staff.owner.as_str()))
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Named<N, T = Session>(T, PhantomData<fn() -> N>);

impl<N, T> Named<N, T> {
    /// What there is of this layer.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<N, T> Deref for Named<N, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl FromExchange for Session {
    async fn from_exchange(exchange: &Exchange, _: &str) -> Result<Self, Error> {
        Ok(Self(exchange.session().await?))
    }
}

impl FromExchange for Peek {
    async fn from_exchange(exchange: &Exchange, _: &str) -> Result<Self, Error> {
        Ok(Self(Session(exchange.peek().await?)))
    }
}

impl FromExchange for SignedIn {
    async fn from_exchange(exchange: &Exchange, method: &str) -> Result<Self, Error> {
        let (session, owner) = exchange.signed_in(method).await?;
        Ok(Self { session: Session(session), owner })
    }
}

fn exchange(extensions: &Extensions) -> Result<&Exchange, Error> {
    extensions.get().ok_or(Error::NoLayer)
}

async fn extract<T: FromExchange>(parts: &Parts) -> Result<T, SessionError> {
    Ok(T::from_exchange(exchange(&parts.extensions)?, parts.method.as_str()).await?)
}

impl<S: Send + Sync> FromRequestParts<S> for Session {
    type Rejection = SessionError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, SessionError> {
        extract(parts).await
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Session {
    type Rejection = SessionError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, SessionError> {
        match extract(parts).await {
            Ok(session) => Ok(Some(session)),
            Err(SessionError(Error::NoLayer | Error::Session(session_driver::core::Error::OutsidePath))) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Peek {
    type Rejection = SessionError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, SessionError> {
        extract(parts).await
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SignedIn {
    type Rejection = SessionError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, SessionError> {
        extract(parts).await
    }
}

impl<S: Send + Sync, N: LayerName, T: FromExchange> FromRequestParts<S> for Named<N, T> {
    type Rejection = SessionError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, SessionError> {
        let exchange = exchange(&parts.extensions)?.of_layer::<N>()?;
        Ok(Self(T::from_exchange(exchange, parts.method.as_str()).await?, PhantomData))
    }
}

/// A session error as a response: 503 with `Retry-After` if the store is down, 409 if the session ended meanwhile, 401 or
/// 303 if somebody must sign in, else 500.
///
/// The body says nothing about the server; the log does. `?` in a handler turns every session error into one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct SessionError(#[from] pub Error);

impl From<Infallible> for SessionError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl IntoResponse for SessionError {
    fn into_response(self) -> Response {
        error_response(&self.0)
    }
}

/// For services that know no axum.
impl<B: From<&'static str>> From<SessionError> for http::Response<B> {
    fn from(error: SessionError) -> Self {
        error_response(&error.0)
    }
}
