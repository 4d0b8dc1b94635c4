//! Responses of the `http` crate: what axum, poem, hyper and every tower stack have in common.

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use session_core::Reply;

use crate::error::Error;
use crate::exchange::Exchange;
use crate::fields::{Field, Others};
use crate::session::Session;

/// Adds header fields, each beside those that are there or in their place, as it says.
pub fn add_fields<'a>(headers: &mut HeaderMap, fields: impl IntoIterator<Item = Field<'a>>) {
    for Field { name, value, others } in fields {
        let name = HeaderName::from_static(name);
        let Ok(value) = HeaderValue::from_str(&value) else { continue };
        match others {
            Others::Stay => headers.append(name, value),
            Others::Go => headers.insert(name, value).is_some(),
        };
    }
}

/// Adds the fields of a saved session.
pub fn add_reply(headers: &mut HeaderMap, reply: &Reply) {
    let cache_control = headers.get(CACHE_CONTROL).and_then(|value| value.to_str().ok());
    let fields = Field::of_reply(reply, cache_control);
    add_fields(headers, fields);
}

/// The status of the response that an error becomes.
#[must_use]
pub fn status(error: &Error) -> StatusCode {
    StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The response that an error becomes: nothing in it about the server's inside. The error is [reported](Error::report).
impl<B: From<&'static str>> From<Error> for Response<B> {
    fn from(error: Error) -> Self {
        error.report();
        let mut response = Self::new(B::from(error.public_message()));
        *response.status_mut() = status(&error);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        add_fields(headers, Field::of_error(&error));
        response
    }
}

impl Exchange {
    /// The exchange that a session layer has put into a request's extensions.
    ///
    /// # Errors
    ///
    /// [`Error::NoLayer`] if none has.
    pub fn of<B>(request: &Request<B>) -> Result<Self, Error> {
        request.extensions().get().cloned().ok_or(Error::NoLayer)
    }
}

impl Session {
    /// The session of a request in a service that knows no extractors, in any tower stack say.
    ///
    /// # Errors
    ///
    /// As [`Exchange::session`], and [`Error::NoLayer`] if there is no session layer around the service. An [`Error`] becomes a
    /// response with `http::Response::from`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the session as it was.
    pub fn of<B>(request: &Request<B>) -> impl Future<Output = Result<Self, Error>> + Send + use<B> {
        let exchange = Exchange::of(request);
        async move { exchange?.session().await }
    }
}
