//! The builder: one method an option, each with its meaning, default and unit.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use super::{
    Built, ByRequest, CacheHeaders, Concurrency, CookieOptions, Lifetime, Policy, PolicyError, Resave,
    Rolling, SameSitePolicy, SaveUninitialized, Secure, Settings, TrustProxy, Unset,
};
use crate::cookie::{Priority, SameSite};
use crate::id::IdsAtRest;
use crate::keyring::{Keyring, MacKey, Signature};
use crate::request::ClientRequest;
use crate::token::Tokens;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Collects options; [`build`](Self::build) judges them together.
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct PolicyBuilder(Settings);

impl PolicyBuilder {
    pub(super) fn new(keyring: Keyring) -> Self {
        Self(Settings {
            name: None,
            keyring,
            allow_weak_secrets: false,
            signature: Signature::PerName,
            resave: Resave::Off,
            save_uninitialized: SaveUninitialized::Off,
            rolling: Rolling::OnUse,
            touch_after: None,
            browser_session_ttl: DAY,
            absolute_timeout: None,
            cookie: CookieOptions {
                path: "/".to_owned(),
                domain: None,
                http_only: true,
                secure: Secure::Auto,
                same_site: SameSitePolicy::Is(SameSite::Lax),
                partitioned: false,
                priority: None,
                lifetime: Lifetime::MaxAge(DAY),
            },
            by_request: None,
            trust_proxy: TrustProxy::Nobody,
            unset: Unset::Keep,
            concurrency: Concurrency::Merge,
            ids_at_rest: IdsAtRest::Hashed,
            max_payload: Some(1024 * 1024),
            tombstone_life: Duration::from_secs(60),
            cache_headers: CacheHeaders::Sent,
            express: false,
        })
    }

    pub(super) fn express_session(keyring: Keyring) -> Self {
        let safe = Self::new(keyring).0;
        Self(Settings {
            allow_weak_secrets: true,
            signature: Signature::Raw,
            rolling: Rolling::StoreOnly,
            touch_after: Some(Duration::ZERO),
            cookie: CookieOptions {
                secure: Secure::Never,
                same_site: SameSitePolicy::Unset,
                lifetime: Lifetime::BrowserSession,
                ..safe.cookie
            },
            concurrency: Concurrency::LastWriteWins,
            ids_at_rest: IdsAtRest::Plain,
            max_payload: None,
            tombstone_life: Duration::ZERO,
            express: true,
            ..safe
        })
    }

    /// The cookie's name. Default: `__Host-sid` if the cookie is always secure, for `/` and without a domain, else `sid`;
    /// `connect.sid` in the express-session preset.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.0.name = Some(name.into());
        self
    }

    /// Accepts secrets of less than 32 bytes and sample texts. Default: they are refused (but not in the preset).
    pub fn allow_weak_secrets(mut self) -> Self {
        self.0.allow_weak_secrets = true;
        self
    }

    /// What a cookie is signed with. Default: [`Signature::PerName`].
    pub fn signature(mut self, signature: Signature) -> Self {
        self.0.signature = signature;
        self
    }

    /// Whether an unchanged session is written again. Default: [`Resave::Off`].
    pub fn resave(mut self, resave: Resave) -> Self {
        self.0.resave = resave;
        self
    }

    /// Whether a new, untouched session is stored. Default: [`SaveUninitialized::Off`].
    pub fn save_uninitialized(mut self, save_uninitialized: SaveUninitialized) -> Self {
        self.0.save_uninitialized = save_uninitialized;
        self
    }

    /// When reading extends a session's life. Default: [`Rolling::OnUse`].
    pub fn rolling(mut self, rolling: Rolling) -> Self {
        self.0.rolling = rolling;
        self
    }

    /// A session that was extended less than this ago is not extended again. Default: a tenth of its life.
    ///
    /// A session may thus end early by at most this, and never late.
    pub fn touch_after(mut self, touch_after: Duration) -> Self {
        self.0.touch_after = Some(touch_after);
        self
    }

    /// The idle timeout: a session and its cookie end this long after they were last extended. Default: one day.
    pub fn max_age(self, max_age: Duration) -> Self {
        self.lifetime(Lifetime::MaxAge(max_age))
    }

    /// A cookie that ends with the browser, in place of an idle timeout.
    pub fn browser_session(self) -> Self {
        self.lifetime(Lifetime::BrowserSession)
    }

    /// A date at which new sessions and their cookies end, in place of an idle timeout. See [`Lifetime::Until`].
    pub fn expires(self, at: OffsetDateTime) -> Self {
        self.lifetime(Lifetime::Until(at))
    }

    /// The life of a session, in all its forms. Default: an idle timeout of one day.
    pub fn lifetime(mut self, lifetime: Lifetime) -> Self {
        self.0.cookie.lifetime = lifetime;
        self
    }

    /// How long the record of a [browser session](Lifetime::BrowserSession) is kept without use. Default: one day.
    pub fn browser_session_ttl(mut self, ttl: Duration) -> Self {
        self.0.browser_session_ttl = ttl;
        self
    }

    /// The absolute timeout: a session ends this long after it began, however active it is. Default: none.
    ///
    /// A `login` begins it anew; `renew` and `regenerate` do not.
    pub fn absolute_timeout(mut self, timeout: Duration) -> Self {
        self.0.absolute_timeout = Some(timeout);
        self
    }

    /// The cookie's path; requests outside it have no session. Empty: no attribute. Default: `/`.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.0.cookie.path = path.into();
        self
    }

    /// The cookie's domain: its subdomains get the cookie too. Default: none, so that only this host does.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.0.cookie.domain = Some(domain.into());
        self
    }

    /// Whether the cookie is hidden from scripts. Default: it is.
    pub fn http_only(mut self, http_only: bool) -> Self {
        self.0.cookie.http_only = http_only;
        self
    }

    /// The cookie's `Secure` attribute. Default: [`Secure::Auto`]. In production choose [`Secure::Always`].
    pub fn secure(mut self, secure: Secure) -> Self {
        self.0.cookie.secure = secure;
        self
    }

    /// The cookie's `SameSite` attribute. Default: `Lax`.
    pub fn same_site(mut self, same_site: SameSitePolicy) -> Self {
        self.0.cookie.same_site = same_site;
        self
    }

    /// Whether the cookie is kept apart per embedding site (CHIPS). Default: no.
    pub fn partitioned(mut self, partitioned: bool) -> Self {
        self.0.cookie.partitioned = partitioned;
        self
    }

    /// Which cookies Chromium evicts first. Default: not sent.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.0.cookie.priority = Some(priority);
        self
    }

    /// Options of the cookie as a function of the request, express-session's `cookie: (req) => …`: it is called once for each
    /// request, given the options set here, and changes those that are to be different. Default: none.
    ///
    /// Sessions that exist take their attributes from this, too; with the express-session preset from their records, as
    /// there. Options that no browser would take set no cookie for that request, and one warning says why. Outside of requests
    /// ([`open_detached`](Policy::open_detached)) the options set here count.
    ///
    /// ```
    /// use session_core::{Keyring, Policy};
    ///
    /// let policy = Policy::builder(Keyring::new("s3cr3t, random and longer than 32 bytes"))
    ///     .cookie_by_request(|request, cookie| {
    ///         // One process, two sites. A host that is not known gets a cookie for itself alone.
    ///         cookie.domain = match request.host().as_deref() {
    ///             Some("shop.example" | "www.shop.example") => Some("shop.example".to_owned()),
    ///             Some("blog.example" | "www.blog.example") => Some("blog.example".to_owned()),
    ///             _ => None,
    ///         };
    ///     })
    ///     .build()?;
    /// # Ok::<(), session_core::policy::PolicyError>(())
    /// ```
    pub fn cookie_by_request(
        mut self,
        change: impl Fn(&ClientRequest<'_>, &mut CookieOptions) + Send + Sync + 'static,
    ) -> Self {
        self.0.by_request = Some(ByRequest(Arc::new(change)));
        self
    }

    /// Who is believed when a request says that it came over https. Default: [`TrustProxy::Nobody`].
    pub fn trust_proxy(mut self, trust_proxy: TrustProxy) -> Self {
        self.0.trust_proxy = trust_proxy;
        self
    }

    /// What `session.unset()` does. Default: [`Unset::Keep`].
    pub fn unset(mut self, unset: Unset) -> Self {
        self.0.unset = unset;
        self
    }

    /// What happens when two requests change one session at a time. Default: [`Concurrency::Merge`].
    pub fn concurrency(mut self, concurrency: Concurrency) -> Self {
        self.0.concurrency = concurrency;
        self
    }

    /// How ids are kept in the store. Default: [`IdsAtRest::Hashed`].
    pub fn ids_at_rest(mut self, ids_at_rest: IdsAtRest) -> Self {
        self.0.ids_at_rest = ids_at_rest;
        self
    }

    /// The largest record, in bytes; a larger one is refused with an error. Default: 1 MiB (1 048 576).
    pub fn max_payload(mut self, bytes: usize) -> Self {
        self.0.max_payload = Some(bytes);
        self
    }

    /// How long a renewed session's old key is remembered, so that a late request with the old cookie is not taken for a
    /// stranger and handed a new, empty session. Default: 60 seconds. Zero, and [`Concurrency::LastWriteWins`], leave nothing.
    pub fn tombstone_life(mut self, life: Duration) -> Self {
        self.0.tombstone_life = life;
        self
    }

    /// Whether responses tell caches that they depend on a session. Default: [`CacheHeaders::Sent`].
    pub fn cache_headers(mut self, cache_headers: CacheHeaders) -> Self {
        self.0.cache_headers = cache_headers;
        self
    }

    /// Judges the options together.
    ///
    /// # Errors
    ///
    /// [`PolicyError`] names the option and says what to do.
    pub fn build(self) -> Result<Policy, PolicyError> {
        let settings = self.0;
        let name = settings.cookie_name();
        settings.check(&name)?;
        let tokens = Tokens::new(&settings.keyring, settings.signature, &name);
        let form_key = MacKey::for_purpose(
            settings.keyring.secrets().next().unwrap_or_default(),
            "session form token 1",
            &name,
        );
        Ok(Policy(Arc::new(Built { settings, name, tokens, form_key })))
    }
}
