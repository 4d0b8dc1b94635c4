//! What the response says of a session: its cookie, and a word to caches.

use super::*;
use crate::cookie::{CookieLife, MAX_COOKIE_BYTES, MaxAge, latest_expiry};
use crate::policy::{Policy, SameSitePolicy, Secure};
use crate::request::Insecure;

/// The header fields that a session adds to a response.
#[derive(PartialEq, Eq)]
#[must_use = "a cookie that is not sent is lost"]
pub struct Reply {
    set_cookie: Option<String>,
    cache: CacheHeaders,
    used: bool,
    /// The response shows a stranger's page to somebody who may be none.
    stopgap: bool,
    problem: Option<CookieProblem>,
    warning: Option<CookieWarning>,
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reply")
            .field("set_cookie", &self.set_cookie.as_ref().map(|_| "redacted"))
            .field("vary", &self.vary())
            .field("problem", &self.problem)
            .field("warning", &self.warning)
            .finish()
    }
}

/// Why a cookie could not be set, though the session was saved. The client will not come back to this session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum CookieProblem {
    /// The cookie is `Secure` and the browser's connection is not, as far as is known.
    #[error("the cookie is Secure and the request does not count as secure; {0}")]
    Insecure(Insecure),
    /// [`cookie_by_request`](crate::policy::PolicyBuilder::cookie_by_request) made options that browsers refuse.
    #[error("cookie_by_request made a cookie that browsers refuse, for its {0}: correct the function")]
    Unfit(&'static str),
    /// Name and value are too long together.
    #[error("the cookie is larger than {MAX_COOKIE_BYTES} bytes, so browsers drop it: generate shorter ids")]
    TooLarge,
}

/// What looks odd about a cookie that is set all the same: a proxy may have changed what this server sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum CookieWarning {
    /// The cookie is for a domain that the request's host is not in.
    #[error(
        "the cookie's domain does not cover the host that this server sees: if the browser asked for another host, let the proxy pass it on (`Host`, or `X-Forwarded-Host` and trust_proxy), else correct the domain, since browsers refuse the cookie"
    )]
    ForeignDomain,
    /// The request says that it came over https, and is not believed, so that the cookie is set without `Secure`.
    #[error("the cookie is set without Secure, since the request does not count as secure; {0}")]
    Disbelieved(Insecure),
}

impl Reply {
    /// The reply to a request that has no session.
    pub fn none() -> Self {
        Self {
            set_cookie: None,
            cache: CacheHeaders::Omitted,
            used: false,
            stopgap: false,
            problem: None,
            warning: None,
        }
    }

    /// The reply to a request that was served as a stranger's, since the store could not answer: no cookie is set or
    /// taken away, and no cache may keep the page.
    pub fn stopgap(policy: &Policy) -> Self {
        Self { cache: policy.0.settings.cache_headers, used: true, stopgap: true, ..Self::none() }
    }

    /// The value of the `Set-Cookie` field to append, if any. Fields that are there already stay.
    #[must_use]
    pub fn set_cookie(&self) -> Option<&str> {
        self.set_cookie.as_deref()
    }

    /// The value of the `Vary` field to append, if any: the response depends on the session.
    #[must_use]
    pub fn vary(&self) -> Option<&'static str> {
        match self.cache {
            CacheHeaders::Sent if self.used || self.set_cookie.is_some() => Some("Cookie"),
            CacheHeaders::Sent | CacheHeaders::Omitted => None,
        }
    }

    /// The value to replace the response's `Cache-Control` with, if any, so that no cache hands one visitor's cookie to
    /// another. `present` is what the handler set; it stays if it forbids shared caching already.
    #[must_use]
    pub fn cache_control(&self, present: Option<&str>) -> Option<&'static str> {
        let says = |wanted: &str| {
            present.is_some_and(|present| {
                present.split(',').any(|directive| directive.trim().eq_ignore_ascii_case(wanted))
            })
        };
        let kept = says("no-store") || (says("private") && !self.stopgap);
        match self.cache {
            CacheHeaders::Sent if (self.set_cookie.is_some() || self.stopgap) && !kept => Some("no-store"),
            CacheHeaders::Sent | CacheHeaders::Omitted => None,
        }
    }

    /// Why a cookie that should have been set was not.
    #[must_use]
    pub fn problem(&self) -> Option<CookieProblem> {
        self.problem
    }

    /// What looks odd about the cookie that is set.
    #[must_use]
    pub fn warning(&self) -> Option<CookieWarning> {
        self.warning
    }

    /// The same reply, for a request whose handler never asked for the session.
    pub fn unused(mut self) -> Self {
        self.used = false;
        self
    }
}

impl State {
    pub(super) fn reply(&self, now: OffsetDateTime) -> Reply {
        let (set_cookie, problem) = match self.cookie_line(now) {
            Ok(line) => (line, None),
            Err(problem) => (None, Some(problem)),
        };
        let warning = set_cookie.as_ref().and_then(|_| self.cookie_warning());
        Reply {
            set_cookie,
            cache: self.policy.0.settings.cache_headers,
            used: true,
            stopgap: false,
            problem,
            warning,
        }
    }

    fn cookie_warning(&self) -> Option<CookieWarning> {
        let options = self.seen.options(&self.policy);
        // A domain of the session's own was not looked at.
        if !self.seen.domain_fits && self.attributes().domain == options.domain {
            return Some(CookieWarning::ForeignDomain);
        }
        let automatic = options.secure == Secure::Auto || options.same_site == SameSitePolicy::Auto;
        match self.seen.security {
            Err(why @ (Insecure::NobodyTrusted | Insecure::UntrustedPeer | Insecure::UnknownPeer(_)))
                if automatic =>
            {
                Some(CookieWarning::Disbelieved(why))
            }
            Ok(())
            | Err(
                Insecure::Unsaid
                | Insecure::Silent
                | Insecure::Denied
                | Insecure::NobodyTrusted
                | Insecure::UntrustedPeer
                | Insecure::UnknownPeer(_),
            ) => None,
        }
    }

    fn cookie_line(&self, now: OffsetDateTime) -> Result<Option<String>, CookieProblem> {
        let settings = &self.policy.0.settings;
        let name = &self.policy.0.name;
        let max_age = if settings.express { MaxAge::Omitted } else { MaxAge::Sent };
        let set = match self.announce {
            CookieVerb::Leave => return Ok(None),
            CookieVerb::Set => true,
            CookieVerb::Refresh if !self.refreshes(now) => return Ok(None),
            CookieVerb::Refresh => true,
            CookieVerb::Remove if !self.presented => return Ok(None),
            CookieVerb::Remove => false,
        };
        let attributes = match &self.removal {
            Some(removal) if !set => removal.clone(),
            Some(_) | None => self.attributes(),
        };
        if let Some(option) = self.seen.unfit {
            return Err(CookieProblem::Unfit(option));
        }
        match self.seen.security {
            Err(why) if attributes.secure => return Err(CookieProblem::Insecure(why)),
            Ok(()) | Err(_) => {}
        }
        let (value, life) = match &self.id {
            Some(id) if set => {
                let value = self.policy.0.tokens.seal(id);
                (value, self.cookie_life(now, max_age))
            }
            Some(_) | None => (String::new(), CookieLife::Removed { max_age }),
        };
        if name.len() + value.len() > MAX_COOKIE_BYTES {
            return Err(CookieProblem::TooLarge);
        }
        Ok(Some(attributes.set_cookie(name, &value, life)))
    }

    fn cookie_life(&self, now: OffsetDateTime, max_age: MaxAge) -> CookieLife {
        // A record that ends later than the policy would have it does not make its cookie do so.
        let end = match &self.source {
            Source::Loaded(loaded) => loaded.expires_at.min(self.extended_to(now)),
            Source::Fresh | Source::Superseded { .. } => self.extended_to(now),
        };
        match (self.life(now), max_age) {
            (None, MaxAge::Sent | MaxAge::Omitted) => CookieLife::Browser,
            (Some(_), MaxAge::Omitted) => CookieLife::Until { expires: end, now, max_age },
            (Some(_), MaxAge::Sent) => {
                CookieLife::Until { expires: end.min(latest_expiry(now)), now, max_age }
            }
        }
    }
}
