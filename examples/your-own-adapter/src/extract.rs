//! How handlers come by the session. hyper has no extractors, so these are functions of the request.

use hyper::Request;
use session_driver::{Error, Exchange, Session};

/// The path as the client asked for it. A router that shortens the path for what is mounted below it leaves this behind.
#[derive(Debug, Clone)]
pub struct OriginalPath(pub String);

fn exchange<B>(request: &Request<B>) -> Result<Exchange, Error> {
    request.extensions().get::<Exchange>().cloned().ok_or(Error::NoLayer)
}

/// The session of a request, loaded.
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

/// The session of a request, or `None` where there is no session layer or the path has no session.
///
/// # Errors
///
/// [`Error::Store`] if the store could not answer: an outage must not look like a visitor who has logged out.
pub fn session_if_any<B>(
    request: &Request<B>,
) -> impl Future<Output = Result<Option<Session>, Error>> + Send + use<B> {
    let exchange = exchange(request);
    async move {
        let Ok(exchange) = exchange else { return Ok(None) };
        match exchange.session().await {
            Ok(session) => Ok(Some(session)),
            Err(Error::Session(session_driver::core::Error::OutsidePath)) => Ok(None),
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
