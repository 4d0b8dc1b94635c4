//! Routes for those who have signed in: who may pass, and what everybody else is told.

use std::sync::Arc;

use session_core::Owner;

use crate::error::Error;
use crate::exchange::Exchange;
use crate::outage::OnOutage;
use crate::session::Session;

/// What a visitor is told who has not signed in, on a route for those who have.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Challenge {
    /// 401, with the header that goes with it.
    Unauthorized,
    /// 303 to the [login page](crate::SessionsBuilder::login_page): the value of the `Location` header.
    LoginPage(Arc<str>),
}

impl Exchange {
    /// The session and whose it is, for routes that only those may use who have signed in. `method` is the request's.
    ///
    /// # Errors
    ///
    /// [`Error::NotSignedIn`] if the session has no owner: with the login page if there is one and the request only wants to
    /// see a page (`GET` or `HEAD`), since a form that is posted would be lost on the way. Else as
    /// [`session`](Self::session), and [`Error::Store`] during an outage whatever its policy is.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the exchange as it was.
    pub async fn signed_in(&self, method: &str) -> Result<(Session, Owner), Error> {
        let session = self.session_on_outage(OnOutage::FailClosed).await?;
        if let Some(owner) = session.owner()? {
            return Ok((session, owner));
        }
        Err(Error::NotSignedIn(match self.sessions().login_page() {
            Some(page) if matches!(method, "GET" | "HEAD") => Challenge::LoginPage(page.clone()),
            Some(_) | None => Challenge::Unauthorized,
        }))
    }
}

/// A URI reference of any text: what may not stand in one is percent-encoded.
pub(crate) fn location(page: &str) -> Arc<str> {
    let mut uri = String::with_capacity(page.len());
    for byte in page.bytes() {
        if byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri.into()
}

#[cfg(test)]
mod tests {
    use super::location;

    #[test]
    fn a_login_page_is_always_fit_for_a_header() {
        assert_eq!(&*location("/login?next=%2Fcart#top"), "/login?next=%2Fcart#top");
        assert_eq!(&*location("/l\u{f6}g in\r\nSet-Cookie: a=b"), "/l%C3%B6g%20in%0D%0ASet-Cookie:%20a=b");
    }
}
