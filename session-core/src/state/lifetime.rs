//! How long a session lives, and the cookie that says so.

use super::*;
use crate::cookie::{Priority, SameSite, is_domain};
use crate::policy::Rolling;
use crate::policy::{PolicyError, check_path};
use crate::table::Due;

/// One session's cookie, where it may differ from the policy's.
///
/// With the default policy only the life is remembered from request to request; the other attributes follow the
/// configuration. With the express-session preset the record remembers them all, as in express-session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionCookie {
    /// The idle life, or `None` for a cookie that ends with the browser.
    pub max_age: Option<Duration>,
    /// The path; empty for no attribute.
    pub path: String,
    /// The domain.
    pub domain: Option<String>,
    /// Whether it is hidden from scripts.
    pub http_only: bool,
    /// Whether it is sent over secure connections only.
    pub secure: bool,
    /// With which requests from other sites it is sent.
    pub same_site: Option<SameSite>,
    /// Whether it is kept apart per embedding site.
    pub partitioned: bool,
    /// Which cookies Chromium evicts first.
    pub priority: Option<Priority>,
}

impl State {
    /// This session's cookie. `now` matters only where the policy names a date.
    #[must_use]
    pub fn cookie(&self, now: OffsetDateTime) -> SessionCookie {
        let Attributes { path, domain, http_only, secure, same_site, partitioned, priority } =
            self.attributes();
        SessionCookie {
            max_age: self.life(now).map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0))),
            path,
            domain,
            http_only,
            secure,
            same_site,
            partitioned,
            priority,
        }
    }

    /// Gives this session a cookie of its own.
    ///
    /// # Errors
    ///
    /// [`Error::Cookie`] if an attribute cannot stand in a `Set-Cookie` header; [`Error::Ended`] after `destroy` or `unset`.
    pub fn set_cookie(&mut self, cookie: SessionCookie, now: OffsetDateTime) -> Result<(), Error> {
        self.alive()?;
        check_path(&cookie.path)?;
        if cookie.domain.as_deref().is_some_and(|domain| !is_domain(domain)) {
            return Err(PolicyError::Domain.into());
        }
        if self.cookie(now) == cookie {
            return Ok(());
        }
        let SessionCookie { max_age, path, domain, http_only, secure, same_site, partitioned, priority } =
            cookie;
        self.facts.own_life |= max_age.map(duration_ms) != self.life(now);
        self.cookie = RecordCookie {
            original_max_age: max_age.map(duration_ms),
            attributes: Attributes { path, domain, http_only, secure, same_site, partitioned, priority },
        };
        self.cookie_changed = true;
        Ok(())
    }

    /// Gives this session an idle life of its own ("remember me"), or with `None` a cookie that ends with the browser.
    ///
    /// # Errors
    ///
    /// [`Error::Ended`] after `destroy` or `unset`.
    pub fn set_max_age(&mut self, max_age: Option<Duration>, now: OffsetDateTime) -> Result<(), Error> {
        let cookie = SessionCookie { max_age, ..self.cookie(now) };
        self.set_cookie(cookie, now)
    }

    /// Extends the session's life at the end of this request, whether or not it is due.
    ///
    /// # Errors
    ///
    /// [`Error::Ended`] after `destroy` or `unset`.
    pub fn touch(&mut self) -> Result<(), Error> {
        self.alive()?;
        self.touch = Touching::Asked;
        Ok(())
    }

    /// Leaves the session's life as it is: for requests that a page makes by itself, which should not keep a user
    /// signed in. A write still extends it.
    pub fn decline_touch(&mut self) {
        self.touch = Touching::Declined;
    }

    /// When the session ends if it is not used again, this request's own extension included.
    #[must_use]
    pub fn expires_at(&self, now: OffsetDateTime) -> OffsetDateTime {
        let kept = self.intent == Intent::Keep
            && self.change() == Change::None
            && (self.extended || matches!(self.due(now, Use::Used), Due::No | Due::Cookie));
        match &self.source {
            Source::Loaded(loaded) if kept => loaded.expires_at,
            Source::Loaded(_) | Source::Fresh | Source::Superseded { .. } => self.extended_to(now),
        }
    }

    /// The idle life in milliseconds, `None` for a browser session.
    pub(crate) fn life(&self, now: OffsetDateTime) -> Option<i64> {
        let settings = &self.policy.0.settings;
        let has_record = matches!(self.source, Source::Loaded(_)) && !self.is_new();
        if self.facts.own_life || (has_record && settings.express) {
            return self.cookie.original_max_age;
        }
        match self.seen.options(&self.policy).lifetime {
            Lifetime::BrowserSession => None,
            Lifetime::MaxAge(max_age) => Some(duration_ms(max_age)),
            Lifetime::Until(_) if has_record => self.cookie.original_max_age,
            Lifetime::Until(at) => Some(crate::clock::millis(at) - crate::clock::millis(now)),
        }
    }

    /// Where the session ends if it is extended now.
    pub(crate) fn extended_to(&self, now: OffsetDateTime) -> OffsetDateTime {
        let idle = match self.life(now) {
            Some(ms) => later_ms(now, ms),
            None => later(now, self.policy.0.settings.browser_session_ttl),
        };
        match self.policy.absolute_end(self.facts.created) {
            Some(end) => idle.min(end),
            None => idle,
        }
    }

    /// Whether the life of this session, if unchanged, is to be extended now.
    pub(crate) fn due(&self, now: OffsetDateTime, used: Use) -> Due {
        let Source::Loaded(loaded) = &self.source else {
            return Due::No;
        };
        let by_policy = match (self.policy.0.settings.rolling, used) {
            (Rolling::Never, Use::Used | Use::Unused) | (Rolling::OnUse, Use::Unused) => Due::No,
            (Rolling::OnUse, Use::Used) | (Rolling::EveryRequest, Use::Used | Use::Unused) => Due::Both,
            (Rolling::StoreOnly, Use::Used | Use::Unused) => Due::Store,
        };
        match self.touch {
            Touching::Asked => return Due::Both,
            Touching::Declined => return Due::No,
            Touching::ByPolicy => {}
        }
        let full = self.extended_to(now);
        let idle = self.policy.idle(self.life(now));
        // A fold that happened in the load has been announced to nobody yet.
        let gained = full - loaded.expires_at;
        let is_due =
            self.extended || (gained > time::Duration::ZERO && gained >= self.policy.touch_after(idle));
        match (is_due, self.policy.0.settings.rolling) {
            (true, _) => by_policy,
            // Whatever the store's end: the browser is told on each response.
            (false, Rolling::EveryRequest) => Due::Cookie,
            (false, Rolling::Never | Rolling::OnUse | Rolling::StoreOnly) => Due::No,
        }
    }

    /// The attributes of the cookie, with every "auto" decided for this connection.
    pub(crate) fn attributes(&self) -> Attributes {
        let settings = &self.policy.0.settings;
        let from = if settings.express { AttributesFrom::Record } else { AttributesFrom::Policy };
        let has_record = matches!(self.source, Source::Loaded(_)) && !self.is_new();
        if self.cookie_changed || (has_record && from == AttributesFrom::Record) {
            return self.cookie.attributes.clone();
        }
        let options = self.seen.options(&self.policy);
        let is_secure = self.seen.security.is_ok();
        Attributes {
            path: options.path.clone(),
            domain: options.domain.clone(),
            http_only: options.http_only,
            secure: match options.secure {
                Secure::Never => false,
                Secure::Always => true,
                Secure::Auto => is_secure,
            },
            same_site: match options.same_site {
                SameSitePolicy::Unset => None,
                SameSitePolicy::Is(same_site) => Some(same_site),
                SameSitePolicy::Auto if is_secure => Some(SameSite::None),
                SameSitePolicy::Auto => Some(SameSite::Lax),
            },
            partitioned: options.partitioned,
            priority: options.priority,
        }
    }
}

/// Whether the handler of a request asked for the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// It did.
    Used,
    /// It did not; the session was loaded only to extend its life.
    Unused,
}

impl Policy {
    /// How long a session with this life is kept without use.
    pub(crate) fn idle(&self, life: Option<i64>) -> Duration {
        match life {
            Some(ms) => Duration::from_millis(u64::try_from(ms).unwrap_or(0)),
            None => self.0.settings.browser_session_ttl,
        }
    }

    /// How long after an extension the next one is due, for a session with this idle life.
    pub(crate) fn touch_after(&self, idle: Duration) -> Duration {
        self.0.settings.touch_after.unwrap_or(idle / 10)
    }

    /// The end that no activity moves.
    pub(crate) fn absolute_end(&self, created: Option<OffsetDateTime>) -> Option<OffsetDateTime> {
        Some(later(created?, self.0.settings.absolute_timeout?))
    }
}
