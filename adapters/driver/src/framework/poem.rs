//! poem's extractors and responses.

use poem::error::ResponseError;
use poem::http::StatusCode;
use poem::{FromRequest, IntoResponse as _, Request, RequestBody, Response};

use super::http::{add_fields, status};
use crate::error::Error;
use crate::exchange::Exchange;
use crate::extract::{FromExchange, Named, Peek, SessionOrAnonymous, SessionOrUnavailable, SignedIn};
use crate::fields::Field;
use crate::layers::LayerName;
use crate::session::Session;

async fn extract<T: FromExchange>(request: &Request) -> poem::Result<T> {
    let exchange = request.data::<Exchange>().ok_or(Error::NoLayer)?;
    Ok(T::from_exchange(exchange, request.method().as_str()).await?)
}

macro_rules! extractor {
    ($name:ident $(<$n:ident, $t:ident>)?) => {
        impl<'a $(, $n: LayerName, $t: FromExchange + Send)?> FromRequest<'a> for $name $(<$n, $t>)? {
            async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
                extract(request).await
            }
        }
    };
}

each_extractor!(extractor);

impl ResponseError for Error {
    fn status(&self) -> StatusCode {
        status(self)
    }

    fn as_response(&self) -> Response {
        self.report();
        let mut response = self.public_message().into_response();
        response.set_status(status(self));
        add_fields(response.headers_mut(), Field::of_error(self));
        response
    }
}
