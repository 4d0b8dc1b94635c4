//! The extractors, and what handlers get when a session cannot be had.

use std::marker::PhantomData;
use std::ops::Deref;

use poem::error::ResponseError;
use poem::http::StatusCode;
use poem::{FromRequest, Request, RequestBody, Response};
use session_driver::core::Owner;
use session_driver::{Error, Exchange, FromExchange, LayerName};

use crate::middleware::error_response;

/// The session of a request, loaded. Its methods are those of [`session_driver::Session`].
///
/// Where several session layers are around a route, it is that of the innermost one; [`Named`] gives the others.
///
/// `Option<Session>` is poem's own: `None` where there is no session layer, where the route is outside the cookie's path,
/// and also where the store cannot answer. `poem::Result<Session>` tells these apart.
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

/// The session of a request whose visitor has signed in, and who that is. Everybody else is answered 401, or sent to the
/// [login page](session_driver::SessionsBuilder::login_page).
///
/// ```
/// # use session_poem::{SessionError, SignedIn};
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
/// # use session_poem::{LayerName, Named, Session, SessionError, SignedIn};
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

fn exchange(request: &Request) -> Result<&Exchange, SessionError> {
    Ok(request.data().ok_or(Error::NoLayer)?)
}

async fn extract<T: FromExchange>(request: &Request) -> poem::Result<T> {
    Ok(T::from_exchange(exchange(request)?, request.method().as_str()).await.map_err(SessionError)?)
}

impl<'a> FromRequest<'a> for Session {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        extract(request).await
    }
}

impl<'a> FromRequest<'a> for Peek {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        extract(request).await
    }
}

impl<'a> FromRequest<'a> for SignedIn {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        extract(request).await
    }
}

impl<'a, N: LayerName, T: FromExchange + Send> FromRequest<'a> for Named<N, T> {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        let exchange = exchange(request)?.of_layer::<N>().map_err(SessionError)?;
        let inner = T::from_exchange(exchange, request.method().as_str()).await.map_err(SessionError)?;
        Ok(Self(inner, PhantomData))
    }
}

/// A session error as a response: 503 with `Retry-After` if the store is down, 409 if the session ended meanwhile, 401 or
/// 303 if somebody must sign in, else 500.
///
/// The body says nothing about the server; the log does. `?` in a handler turns every session error into one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct SessionError(#[from] pub Error);

impl ResponseError for SessionError {
    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn as_response(&self) -> Response {
        error_response(&self.0)
    }
}
