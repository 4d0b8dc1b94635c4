//! What a request's headers tell of its sender.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header::{HOST, ORIGIN, USER_AGENT};
use axum::http::request::Parts;
use login_site::device;
use login_site::forgery::Sender;

/// The sender of a request.
pub(crate) struct Caller {
    pub(crate) sender: Sender,
    /// What it is called in the list of devices.
    pub(crate) device: String,
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
        Ok(Self {
            sender: Sender::of(header("sec-fetch-site"), header(ORIGIN.as_str()), header(HOST.as_str())),
            device: device::name(header(USER_AGENT.as_str())),
        })
    }
}
