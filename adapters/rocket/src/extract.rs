//! The request guards, and what handlers get when a session cannot be had.

use std::marker::PhantomData;
use std::ops::Deref;

use rocket::http::Status;
use rocket::request::{FromRequest, Outcome, Request};
use rocket::response::{self, Responder};
use rocket::{Ignite, Rocket, Sentinel};
use session_driver::core::Owner;
use session_driver::{Error, Exchange, FromExchange, LayerName};

use crate::middleware::{Attached, Kept, status};

/// The session of a request, loaded. Its methods are those of [`session_driver::Session`].
///
/// Where several session fairings are attached, it is that of the last one; [`Named`] gives the others. An application
/// with a route that wants a session, and no fairing that gives one, does not launch.
///
/// `Option<Session>` is Rocket's own: `None` where the route is outside the cookie's path, and also where the store cannot
/// answer. `Result<Session, SessionError>` tells these apart.
#[derive(Debug)]
pub struct Session {
    inner: session_driver::Session,
    /// What to give up if the handler panics with this in hand. Only the guard's own handle has it: a clone may be
    /// dropped by the panic of another task.
    exchange: Option<Exchange>,
}

impl Session {
    fn new(inner: session_driver::Session, exchange: &Exchange) -> Self {
        Self { inner, exchange: Some(exchange.clone()) }
    }
}

impl Clone for Session {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), exchange: None }
    }
}

/// Rocket goes on to the response when a handler has panicked; what it had done by then is not to be saved.
impl Drop for Session {
    fn drop(&mut self) {
        if let Some(exchange) = self.exchange.take().filter(|_| std::thread::panicking()) {
            exchange.abandon();
        }
    }
}

impl Deref for Session {
    type Target = session_driver::Session;

    fn deref(&self) -> &Self::Target {
        &self.inner
    }
}

/// The session of a request, loaded without extending its life: for routes that a page polls by itself.
#[derive(Debug, Clone)]
pub struct Peek(pub Session);

/// The session of a request whose visitor has signed in, and who that is. For everybody else the guard
/// forwards: to another route for them, or if there is none to the catcher of 401, or they are sent to the
/// [login page](session_driver::SessionsBuilder::login_page).
///
/// ```
/// # use rocket::get;
/// # use session_rocket::{SessionError, SignedIn};
/// #[get("/account")]
/// async fn account(user: SignedIn) -> Result<String, SessionError> {
///     let theme: Option<String> = user.session.get("theme")?;
///     Ok(format!("{} likes it {}", user.owner.as_str(), theme.unwrap_or("plain".into())))
/// }
/// ```
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The session.
    pub session: Session,
    /// Who has signed in.
    pub owner: Owner,
}

/// What `T` gives, of the session fairing that `N` names: where several are attached.
///
/// ```
/// # use rocket::get;
/// # use session_rocket::{LayerName, Named, Session, SessionError, SignedIn};
/// /// The sessions of the people behind the counter, in a cookie of their own.
/// struct Staff;
///
/// impl LayerName for Staff {
///     const COOKIE: &'static str = "staff";
/// }
///
/// #[get("/help")]
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
        Ok(Self::new(exchange.session().await?, exchange))
    }
}

impl FromExchange for Peek {
    async fn from_exchange(exchange: &Exchange, _: &str) -> Result<Self, Error> {
        Ok(Self(Session::new(exchange.peek().await?, exchange)))
    }
}

impl FromExchange for SignedIn {
    async fn from_exchange(exchange: &Exchange, method: &str) -> Result<Self, Error> {
        let (session, owner) = exchange.signed_in(method).await?;
        Ok(Self { session: Session::new(session, exchange), owner })
    }
}

fn exchange(request: &Request<'_>) -> Result<Exchange, Error> {
    Kept::of(request).innermost.clone().ok_or(Error::NoLayer)
}

async fn extract<T: FromExchange>(
    request: &Request<'_>,
    exchange: Result<Exchange, Error>,
) -> Outcome<T, SessionError> {
    let extracted = match exchange {
        Ok(exchange) => T::from_exchange(&exchange, request.method().as_str()).await,
        Err(error) => Err(error),
    };
    match extracted {
        Ok(extracted) => Outcome::Success(extracted),
        Err(error) => {
            let status = refuse(request, &error);
            match error {
                Error::NotSignedIn(_) => Outcome::Forward(status),
                error => Outcome::Error((status, SessionError(error))),
            }
        }
    }
}

/// Leaves word for the fairing, which adds the headers that no catcher knows of.
fn refuse(request: &Request<'_>, error: &Error) -> Status {
    Kept::of(request).refused = Some(error.clone());
    status(error)
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Session {
    type Error = SessionError;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, SessionError> {
        extract(request, exchange(request)).await
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Peek {
    type Error = SessionError;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, SessionError> {
        extract(request, exchange(request)).await
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for SignedIn {
    type Error = SessionError;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, SessionError> {
        extract(request, exchange(request)).await
    }
}

#[rocket::async_trait]
impl<'r, N: LayerName, T: FromExchange> FromRequest<'r> for Named<N, T> {
    type Error = SessionError;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, SessionError> {
        let exchange = exchange(request).and_then(|innermost| innermost.of_layer::<N>().cloned());
        extract(request, exchange).await.map(|inner| Self(inner, PhantomData))
    }
}

impl Sentinel for Session {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        rocket.state::<Attached>().is_none()
    }
}

impl Sentinel for Peek {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        rocket.state::<Attached>().is_none()
    }
}

impl Sentinel for SignedIn {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        rocket.state::<Attached>().is_none()
    }
}

impl<N: LayerName, T> Sentinel for Named<N, T> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        !rocket.state().is_some_and(|attached: &Attached| attached.has(N::COOKIE))
    }
}

/// A session error as the status of a catcher: 503 with `Retry-After` if the store is down, 409 if the session ended meanwhile, 401 or
/// 303 if somebody must sign in, else 500.
///
/// The catcher makes the body, the fairing adds the headers. `?` in a handler turns every session error into one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct SessionError(#[from] pub Error);

impl<'r> Responder<'r, 'static> for SessionError {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        Err(refuse(request, &self.0))
    }
}
