//! Which requests may change something: no other site may make a visitor's browser send one (CSRF).
//!
//! A browser says where a request comes from, in `Sec-Fetch-Site` or `Origin`; a script on another site cannot change
//! these. A page of this site also sends the token that was in its form. A program that is no browser sends neither
//! header and needs no token: it has no visitor's cookies that another site could borrow.

use session_core::csrf::is_cross_site;
use session_driver::{Error, Session};

/// What sent a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// A page of this site, or the visitor by hand.
    OwnPage,
    /// A page of another site.
    OtherSite,
    /// No browser: curl, say.
    Program,
}

impl Sender {
    /// Judges by the headers `Sec-Fetch-Site`, `Origin` and `Host`.
    #[must_use]
    pub fn of(sec_fetch_site: Option<&str>, origin: Option<&str>, host: Option<&str>) -> Self {
        if sec_fetch_site.is_none() && origin.is_none() {
            Self::Program
        } else if is_cross_site(sec_fetch_site, origin, host.unwrap_or_default()) {
            Self::OtherSite
        } else {
            Self::OwnPage
        }
    }
}

/// Whether a form may do what it asks for; `token` is what it carried.
///
/// # Errors
///
/// See [`Session`].
pub fn is_allowed(session: &Session, sender: Sender, token: &str) -> Result<bool, Error> {
    match sender {
        Sender::OwnPage => session.csrf_verify(token),
        Sender::OtherSite => Ok(false),
        Sender::Program => Ok(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headers_tell_who_sends() {
        let host = Some("localhost:4000");
        let of = |site, origin| Sender::of(site, origin, host);
        assert_eq!(of(None, None), Sender::Program);
        assert_eq!(of(Some("same-origin"), Some("http://localhost:4000")), Sender::OwnPage);
        assert_eq!(of(Some("none"), None), Sender::OwnPage);
        assert_eq!(of(None, Some("http://localhost:4000")), Sender::OwnPage);
        assert_eq!(of(Some("cross-site"), Some("http://127.0.0.1:4001")), Sender::OtherSite);
        assert_eq!(of(Some("same-site"), Some("http://localhost:4001")), Sender::OtherSite);
        assert_eq!(of(None, Some("null")), Sender::OtherSite);
        assert_eq!(Sender::of(None, Some("http://localhost:4000"), None), Sender::OtherSite);
    }
}
