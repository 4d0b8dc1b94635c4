//! What a visitor does, and what must come of it.

use crate::data;

/// One kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// No cookie, and a page that does not use the session.
    NoCookie,
    /// A cookie, and a page that does not use the session.
    Unused,
    /// One value of the session is read.
    Read,
    /// One value of the session is changed.
    Write,
    /// The session gets a new id, an owner and its data.
    Login,
}

impl Scenario {
    pub(crate) const ALL: [Self; 5] = [Self::NoCookie, Self::Unused, Self::Read, Self::Write, Self::Login];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NoCookie => "no cookie",
            Self::Unused => "unused",
            Self::Read => "read",
            Self::Write => "write",
            Self::Login => "login",
        }
    }

    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::NoCookie | Self::Unused => "/plain",
            Self::Read => "/read",
            Self::Write => "/write",
            Self::Login => "/login",
        }
    }

    /// Whether the visitor comes with a cookie.
    pub(crate) fn has_cookie(self) -> bool {
        self != Self::NoCookie
    }

    /// What the page must say when `writes` changes were made before.
    pub(crate) fn text(self, writes: u64) -> String {
        match self {
            Self::NoCookie | Self::Unused => data::HELLO.to_owned(),
            Self::Read => data::NAME.to_owned(),
            Self::Write => (writes + 1).to_string(),
            Self::Login => data::WELCOME.to_owned(),
        }
    }
}
