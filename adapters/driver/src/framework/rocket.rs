//! Rocket's request guards and responders, and what they share with the fairing.

use std::io::Cursor;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rocket::http::{ContentType, Header, Status};
use rocket::request::{FromRequest, Outcome, Request};
use rocket::response::{self, Responder, Response};
use rocket::{Ignite, Rocket, Sentinel};
use session_core::Reply;

use crate::error::Error;
use crate::exchange::Exchange;
use crate::extract::{FromExchange, Named, Peek, SessionOrAnonymous, SessionOrUnavailable, SignedIn};
use crate::fields::{Field, Others};
use crate::layers::LayerName;
use crate::session::Session;

/// The names of the cookies of all fairings, in Rocket's managed state: guards look there whether they can be served.
#[derive(Debug, Default)]
pub struct Attached(Mutex<Vec<String>>);

impl Attached {
    fn names(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has(&self, name: &str) -> bool {
        self.names().iter().any(|other| other == name)
    }

    /// Adds a name; answers whether it is a new one.
    pub fn add(&self, name: &str) -> bool {
        let is_new = !self.has(name);
        self.names().push(name.to_owned());
        is_new
    }
}

/// What is kept with a request for its guards.
#[derive(Default)]
struct Kept {
    innermost: Option<Exchange>,
    /// What a guard or a handler failed with, for the headers that no catcher knows of.
    refused: Option<Error>,
}

fn kept<'r>(request: &'r Request<'_>) -> MutexGuard<'r, Kept> {
    request.local_cache(Mutex::<Kept>::default).lock().unwrap_or_else(PoisonError::into_inner)
}

/// The exchange of the innermost fairing so far.
#[must_use]
pub fn innermost(request: &Request<'_>) -> Option<Exchange> {
    kept(request).innermost.clone()
}

/// Keeps the exchange of a fairing further in.
pub fn keep(request: &Request<'_>, innermost: Exchange) {
    kept(request).innermost = Some(innermost);
}

/// What a guard or a handler failed with, once.
#[must_use]
pub fn take_refusal(request: &Request<'_>) -> Option<Error> {
    kept(request).refused.take()
}

/// Leaves word for the fairing, which adds the headers that no catcher knows of.
fn refuse(request: &Request<'_>, error: &Error) -> Status {
    kept(request).refused = Some(error.clone());
    status(error)
}

/// The status of an error, and so which catcher makes the body.
#[must_use]
pub fn status(error: &Error) -> Status {
    Status::from_code(error.status()).unwrap_or(Status::InternalServerError)
}

/// Adds the fields of a saved session.
pub fn add_reply(response: &mut Response<'_>, reply: &Reply) {
    let fields = Field::of_reply(reply, response.headers().get_one("cache-control"));
    add_fields(response, fields);
}

/// Adds header fields, each beside those that are there or in their place, as it says.
pub fn add_fields<'a>(response: &mut Response<'_>, fields: impl IntoIterator<Item = Field<'a>>) {
    for Field { name, value, others } in fields {
        let header = Header::new(name, value.into_owned());
        match others {
            Others::Stay => response.adjoin_header(header),
            Others::Go => drop(response.set_header(header)),
        }
    }
}

/// A whole response, for where no catcher can be asked. The error is [reported](Error::report).
#[must_use]
pub fn error_response(error: &Error) -> Response<'static> {
    error.report();
    let body = error.public_message();
    let mut response = Response::build()
        .status(status(error))
        .header(ContentType::Plain)
        .sized_body(body.len(), Cursor::new(body))
        .finalize();
    add_fields(&mut response, Field::of_error(error));
    response
}

async fn extract<T: FromExchange>(request: &Request<'_>) -> Outcome<T, Error> {
    let extracted = match innermost(request) {
        Some(exchange) => T::from_exchange(&exchange, request.method().as_str()).await,
        None => Err(Error::NoLayer),
    };
    match extracted {
        Ok(extracted) => Outcome::Success(extracted),
        Err(error) => {
            let status = refuse(request, &error);
            match error {
                Error::NotSignedIn(_) => Outcome::Forward(status),
                error => Outcome::Error((status, error)),
            }
        }
    }
}

macro_rules! guard {
    ($name:ident $(<$n:ident, $t:ident>)?) => {
        #[rocket::async_trait]
        impl<'r $(, $n: LayerName, $t: FromExchange)?> FromRequest<'r> for $name $(<$n, $t>)? {
            type Error = Error;

            async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Error> {
                extract(request).await
            }
        }

        impl $(<$n: LayerName, $t>)? Sentinel for $name $(<$n, $t>)? {
            fn abort(rocket: &Rocket<Ignite>) -> bool {
                let attached = rocket.state::<Attached>();
                let serves = |_attached: &Attached| true $(&& _attached.has(<$n as LayerName>::COOKIE))?;
                !attached.is_some_and(serves)
            }
        }
    };
}

each_extractor!(guard);

/// The catcher of the error's status makes the body, and the fairing adds the headers.
impl<'r> Responder<'r, 'static> for Error {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        Err(refuse(request, &self))
    }
}
