//! The extractors, and what handlers get when a session cannot be had.

use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, HttpResponse, ResponseError};
use session_driver::core::Owner;
use session_driver::{Error, Exchange, FromExchange, LayerName};

use crate::middleware::error_response;

/// The session of a request, loaded. Its methods are those of [`session_driver::Session`].
///
/// Where several session layers are around a route, it is that of the innermost one; [`Named`] gives the others.
///
/// `Option<Session>` is actix-web's own: `None` where there is no session layer, where the route is outside the cookie's
/// path, and also where the store cannot answer. `Result<Session, SessionError>` tells these apart.
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
/// # use session_actix::{SessionError, SignedIn};
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
/// # use session_actix::{LayerName, Named, Session, SessionError, SignedIn};
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

type Extracting<T> = Pin<Box<dyn Future<Output = Result<T, SessionError>>>>;

fn exchange(request: &HttpRequest) -> Result<Exchange, Error> {
    request.extensions().get().cloned().ok_or(Error::NoLayer)
}

fn extract<T: FromExchange>(request: &HttpRequest, exchange: Result<Exchange, Error>) -> Extracting<T> {
    let method = request.method().clone();
    Box::pin(async move { Ok(T::from_exchange(&exchange?, method.as_str()).await?) })
}

impl FromRequest for Session {
    type Error = SessionError;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        extract(request, exchange(request))
    }
}

impl FromRequest for Peek {
    type Error = SessionError;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        extract(request, exchange(request))
    }
}

impl FromRequest for SignedIn {
    type Error = SessionError;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        extract(request, exchange(request))
    }
}

impl<N: LayerName, T: FromExchange + 'static> FromRequest for Named<N, T> {
    type Error = SessionError;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let exchange = exchange(request).and_then(|innermost| innermost.of_layer::<N>().cloned());
        let inner = extract(request, exchange);
        Box::pin(async move { Ok(Self(inner.await?, PhantomData)) })
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
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        error_response(&self.0)
    }
}
