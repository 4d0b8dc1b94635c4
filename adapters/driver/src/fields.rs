//! The header fields that a response gets: those of a saved session, and those of an error.

use std::borrow::Cow;
use std::fmt;

use session_core::Reply;

use crate::error::Error;
use crate::guard::Challenge;

/// One header field for a response.
#[derive(Clone, PartialEq, Eq)]
pub struct Field<'a> {
    /// The field's name, in lower case.
    pub name: &'static str,
    /// Its value. Always fit for a header: visible ASCII and spaces.
    pub value: Cow<'a, str>,
    /// What becomes of fields of this name that are there already.
    pub others: Others,
}

/// What becomes of the fields of a name when another is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// They stay.
    Stay,
    /// They go.
    Go,
}

impl fmt::Debug for Field<'_> {
    /// Shows no value: it may be a cookie.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Field({}, redacted)", self.name)
    }
}

impl<'a> Field<'a> {
    fn beside(name: &'static str, value: impl Into<Cow<'a, str>>) -> Self {
        Self { name, value: value.into(), others: Others::Stay }
    }

    fn only(name: &'static str, value: impl Into<Cow<'a, str>>) -> Self {
        Self { name, value: value.into(), others: Others::Go }
    }

    /// The fields that a session adds to a response. `cache_control` is the response's so far.
    pub fn of_reply(reply: &'a Reply, cache_control: Option<&str>) -> impl Iterator<Item = Self> + use<'a> {
        let cookie = reply.set_cookie().map(|cookie| Self::beside("set-cookie", cookie));
        let cache_control =
            reply.cache_control(cache_control).map(|directive| Self::only("cache-control", directive));
        let vary = reply.vary().map(|vary| Self::beside("vary", vary));
        [cookie, cache_control, vary].into_iter().flatten()
    }

    /// The fields of the response that an error becomes, beside its status and body: `Retry-After` where that may help, for
    /// a visitor who must sign in the challenge or the way to the login page, and that no cache may keep it.
    pub fn of_error(error: &'a Error) -> impl Iterator<Item = Self> + use<'a> {
        let retry = error.retry_after().map(|seconds| Self::only("retry-after", seconds.to_string()));
        let challenge = match error {
            Error::NotSignedIn(Challenge::Unauthorized) => Some(Self::only("www-authenticate", "Cookie")),
            Error::NotSignedIn(Challenge::LoginPage(page)) => Some(Self::only("location", &**page)),
            _ => None,
        };
        let no_store = Some(Self::only("cache-control", "no-store"));
        [retry, challenge, no_store].into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_shows_no_cookie() {
        let field = Field::beside("set-cookie", "sid=secret");
        assert_eq!(format!("{field:?}"), "Field(set-cookie, redacted)");
    }
}
