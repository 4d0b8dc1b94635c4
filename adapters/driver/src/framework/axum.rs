//! axum's extractors and responses.

use axum_core::body::Body;
use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;

use crate::error::Error;
use crate::exchange::Exchange;
use crate::extract::{FromExchange, Named, Peek, SessionOrAnonymous, SessionOrUnavailable, SignedIn};
use crate::layers::LayerName;
use crate::session::Session;

async fn extract<T: FromExchange>(parts: &Parts) -> Result<T, Error> {
    let exchange = parts.extensions.get::<Exchange>().ok_or(Error::NoLayer)?;
    T::from_exchange(exchange, parts.method.as_str()).await
}

macro_rules! extractor {
    ($name:ident $(<$n:ident, $t:ident>)?) => {
        impl<S: Send + Sync $(, $n: LayerName, $t: FromExchange)?> FromRequestParts<S> for $name $(<$n, $t>)? {
            type Rejection = Error;

            async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
                extract(parts).await
            }
        }

        /// `None` where there is no session layer, where the route is outside the cookie's path, and where nobody has
        /// signed in. A store that cannot answer is an error all the same.
        impl<S: Send + Sync $(, $n: LayerName, $t: FromExchange)?> OptionalFromRequestParts<S> for $name $(<$n, $t>)? {
            type Rejection = Error;

            async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Error> {
                match extract(parts).await {
                    Ok(extracted) => Ok(Some(extracted)),
                    Err(
                        Error::NoLayer
                        | Error::NotSignedIn(_)
                        | Error::Session(session_core::Error::OutsidePath),
                    ) => Ok(None),
                    Err(error) => Err(error),
                }
            }
        }
    };
}

each_extractor!(extractor);

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        Response::<Body>::from(self)
    }
}
