//! How handlers come by the session. hyper has no extractors, so these are functions of the request.

use hyper::Request;
use session_driver::core::Owner;
use session_driver::{Error, Exchange, Session};

/// The path as the client asked for it. A router that shortens the path for what is mounted below it leaves this behind.
#[derive(Debug, Clone)]
pub struct OriginalPath(pub String);

fn exchange<B>(request: &Request<B>) -> Result<Exchange, Error> {
    request.extensions().get::<Exchange>().cloned().ok_or(Error::NoLayer)
}

/// The session of a request, loaded. Where several session layers are around the handler, that of the innermost one.
///
/// # Errors
///
/// [`Error::Store`] if the store could not answer, [`Error::NoLayer`] without a [`SessionService`](crate::SessionService),
/// [`OutsidePath`](session_driver::core::Error::OutsidePath) where the cookie's path does not cover the request's.
pub fn session<B>(request: &Request<B>) -> impl Future<Output = Result<Session, Error>> + Send + use<B> {
    // The future holds on to the exchange and not to the request, whose body need not be `Sync`.
    let exchange = exchange(request);
    async move { exchange?.session().await }
}

/// The session of the layer whose cookie has this name.
///
/// # Errors
///
/// As [`session`], and [`Error::NoLayerNamed`] if there is no such layer.
pub fn session_named<B>(
    request: &Request<B>,
    cookie: &'static str,
) -> impl Future<Output = Result<Session, Error>> + Send + use<B> {
    let exchange = exchange(request);
    async move { exchange?.named(cookie).ok_or(Error::NoLayerNamed(cookie))?.session().await }
}

/// The session of a request, or `None` where there is no session layer or the path has no session.
///
/// # Errors
///
/// [`Error::Store`] if the store could not answer: an outage must not look like a visitor who has logged out.
pub fn session_if_any<B>(
    request: &Request<B>,
) -> impl Future<Output = Result<Option<Session>, Error>> + Send + use<B> {
    let session = session(request);
    async move {
        match session.await {
            Ok(session) => Ok(Some(session)),
            Err(Error::NoLayer | Error::Session(session_driver::core::Error::OutsidePath)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The session of a request, loaded without extending its life: for routes that a page polls by itself.
///
/// # Errors
///
/// As [`session`].
pub fn peek<B>(request: &Request<B>) -> impl Future<Output = Result<Session, Error>> + Send + use<B> {
    let exchange = exchange(request);
    async move { exchange?.peek().await }
}

/// The session of a request whose visitor has signed in, and who that is.
///
/// # Errors
///
/// As [`session`], and [`Error::NotSignedIn`], whose response sends the visitor to the login page if there is one.
pub fn signed_in<B>(
    request: &Request<B>,
) -> impl Future<Output = Result<(Session, Owner), Error>> + Send + use<B> {
    let (exchange, method) = (exchange(request), request.method().clone());
    async move { exchange?.signed_in(method.as_str()).await }
}
