//! How handlers come by the session. hyper has no extractors, so a function of the request takes their place.

use hyper::Request;
use session_driver::core;
use session_driver::{Error, Exchange, FromExchange};

/// The path as the client asked for it. A router that shortens the path for what is mounted below it leaves this behind.
#[derive(Debug, Clone)]
pub struct OriginalPath(pub String);

/// What a handler asks for: the [`Session`](session_driver::Session) of a request, a [`Peek`](session_driver::Peek) at it, who
/// has [`SignedIn`](session_driver::SignedIn), one of several [`Named`](session_driver::Named) layers, or a type of your own.
///
/// # Errors
///
/// [`Error::Store`] if the store could not answer, [`Error::NoLayer`] without a [`SessionService`](crate::SessionService),
/// [`OutsidePath`](core::Error::OutsidePath) where the cookie's path does not cover the request's. Any of them becomes a
/// response with `Response::from`.
pub fn extract<T: FromExchange, B>(
    request: &Request<B>,
) -> impl Future<Output = Result<T, Error>> + Send + use<T, B> {
    // The future holds on to the exchange and not to the request, whose body need not be `Sync`.
    let (exchange, method) = (Exchange::of(request), request.method().clone());
    async move { T::from_exchange(&exchange?, method.as_str()).await }
}

/// The same, or `None` where there is no session layer or the path has no session.
///
/// # Errors
///
/// [`Error::Store`] if the store could not answer: an outage must not look like a visitor who has logged out.
pub fn extract_if_any<T: FromExchange, B>(
    request: &Request<B>,
) -> impl Future<Output = Result<Option<T>, Error>> + Send + use<T, B> {
    let extracted = extract(request);
    async move {
        match extracted.await {
            Ok(extracted) => Ok(Some(extracted)),
            Err(Error::NoLayer | Error::Session(core::Error::OutsidePath)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
