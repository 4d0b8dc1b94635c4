//! actix-web's extractors and responses.

use std::pin::Pin;

use actix_web::body::BoxBody;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, HttpResponse, ResponseError};
use session_core::Reply;

use crate::error::Error;
use crate::exchange::Exchange;
use crate::extract::{FromExchange, Named, Peek, SessionOrAnonymous, SessionOrUnavailable, SignedIn};
use crate::fields::{Field, Others};
use crate::layers::LayerName;
use crate::session::Session;

/// Adds the fields of a saved session.
pub fn add_reply(headers: &mut HeaderMap, reply: &Reply) {
    let cache_control = headers.get(CACHE_CONTROL).and_then(|value| value.to_str().ok());
    let fields = Field::of_reply(reply, cache_control);
    add_fields(headers, fields);
}

fn add_fields<'a>(headers: &mut HeaderMap, fields: impl IntoIterator<Item = Field<'a>>) {
    for Field { name, value, others } in fields {
        let name = HeaderName::from_static(name);
        let Ok(value) = HeaderValue::from_str(&value) else { continue };
        match others {
            Others::Stay => headers.append(name, value),
            Others::Go => drop(headers.insert(name, value)),
        }
    }
}

type Extracting<T> = Pin<Box<dyn Future<Output = Result<T, Error>>>>;

fn extract<T: FromExchange>(request: &HttpRequest) -> Extracting<T> {
    let exchange = request.extensions().get::<Exchange>().cloned();
    let method = request.method().clone();
    Box::pin(async move { T::from_exchange(&exchange.ok_or(Error::NoLayer)?, method.as_str()).await })
}

macro_rules! extractor {
    ($name:ident $(<$n:ident, $t:ident>)?) => {
        impl $(<$n: LayerName, $t: FromExchange + 'static>)? FromRequest for $name $(<$n, $t>)? {
            type Error = Error;
            type Future = Extracting<Self>;

            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                extract(request)
            }
        }
    };
}

each_extractor!(extractor);

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        self.report();
        let mut response = HttpResponse::with_body(self.status_code(), BoxBody::new(self.public_message()));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        add_fields(headers, Field::of_error(self));
        response
    }
}
