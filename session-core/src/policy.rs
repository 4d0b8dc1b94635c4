//! The policy: every option, with defaults that are safe, and a builder that refuses nonsense.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;
use time::OffsetDateTime;

use crate::cookie::{self, MAX_ATTRIBUTE_BYTES, MAX_LIFE, Priority};
use crate::id::IdsAtRest;
use crate::keyring::{Keyring, MIN_SECRET_BYTES, MacKey, Signature};
use crate::token::Tokens;

mod builder;
mod options;

pub use builder::PolicyBuilder;
pub use options::{Options, Preset, SameSiteOption};

/// How long a session and its cookie live while nobody uses them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// The cookie ends with the browser; the record after [`browser_session_ttl`](PolicyBuilder::browser_session_ttl).
    BrowserSession,
    /// Both end this long after the session was last extended (the idle timeout).
    MaxAge(Duration),
    /// Both end at a date. As in express-session, a session remembers the distance to it, so extending moves it on;
    /// combine it with [`Rolling::Never`] for a fixed end.
    Until(OffsetDateTime),
}

/// Whether an unchanged session is written at the end of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resave {
    /// No.
    Off,
    /// Yes, when the request used it. express-session's deprecated default; it costs a write and invites conflicts.
    On,
}

/// Whether a new session that nothing was put into is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SaveUninitialized {
    /// No.
    Off,
    /// Yes, when the request used it. express-session's deprecated default; it fills the store with visits of robots.
    On,
}

/// When the life of a session that is only read is extended. A write always extends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rolling {
    /// Never: reading does not keep a session alive.
    Never,
    /// When a handler used the session: store and cookie together.
    OnUse,
    /// On every request that carries the cookie, used or not: store and cookie together. express-session's `rolling: true`.
    EveryRequest,
    /// On every request that carries the cookie, in the store only. express-session's `rolling: false`, where the cookie
    /// runs out while the session lives on.
    StoreOnly,
}

/// What `session.unset()` does at the end of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unset {
    /// The record stays as it is; changes of this request are dropped.
    Keep,
    /// The session is destroyed.
    Destroy,
}

/// What happens to a write when another request changed the record meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Concurrency {
    /// This request's changes are made again, on the newer record. Nothing is lost.
    Merge,
    /// This request's record overwrites the other's, as in express-session. A destroyed session still stays destroyed.
    LastWriteWins,
}

/// The cookie's `Secure` attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Secure {
    /// Never: for plain http on a closed network.
    Never,
    /// Always: on an insecure connection no cookie is set.
    Always,
    /// As the connection is.
    Auto,
}

/// The cookie's `SameSite` attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SameSitePolicy {
    /// Not sent; browsers take it for `Lax`, mostly.
    Unset,
    /// Always this one.
    Is(cookie::SameSite),
    /// `None` on secure connections, `Lax` on others.
    Auto,
}

/// Whose `X-Forwarded-Proto` tells whether the browser's connection is secure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrustProxy {
    /// Nobody's: only a TLS connection to this server counts.
    Nobody,
    /// Everybody's: right only where every request comes through a proxy that sets the header.
    Everybody,
    /// That of loopback and private addresses (RFC 1918, RFC 4193, link-local): a proxy on the same machine or network.
    PrivateNetworks,
}

/// What a response says to caches when it depends on a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CacheHeaders {
    /// `Vary: Cookie` when the session was used; `Cache-Control: no-store` when a cookie is set.
    Sent,
    /// Nothing: the application takes care.
    Omitted,
}

/// Where a loaded session takes the attributes of its cookie from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AttributesFrom {
    /// The configuration, so that a change of it reaches sessions that exist.
    Policy,
    /// The record, as in express-session.
    Record,
}

/// All options as they were given.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) name: Option<String>,
    pub(crate) keyring: Keyring,
    pub(crate) allow_weak_secrets: bool,
    pub(crate) signature: Signature,
    pub(crate) resave: Resave,
    pub(crate) save_uninitialized: SaveUninitialized,
    pub(crate) rolling: Rolling,
    pub(crate) touch_after: Option<Duration>,
    pub(crate) lifetime: Lifetime,
    pub(crate) browser_session_ttl: Duration,
    pub(crate) absolute_timeout: Option<Duration>,
    pub(crate) path: String,
    pub(crate) domain: Option<String>,
    pub(crate) http_only: bool,
    pub(crate) secure: Secure,
    pub(crate) same_site: SameSitePolicy,
    pub(crate) partitioned: bool,
    pub(crate) priority: Option<Priority>,
    pub(crate) trust_proxy: TrustProxy,
    pub(crate) unset: Unset,
    pub(crate) concurrency: Concurrency,
    pub(crate) ids_at_rest: IdsAtRest,
    pub(crate) max_payload: Option<usize>,
    pub(crate) tombstone_life: Duration,
    pub(crate) cache_headers: CacheHeaders,
    /// The compat preset: exactly express-session's records and cookies.
    pub(crate) express: bool,
}

/// Every decision this library makes for an application, settled beforehand. Cheap to clone.
///
/// ```
/// use std::time::Duration;
/// use session_core::{Keyring, Policy};
///
/// let policy = Policy::builder(Keyring::new("s3cr3t, random and longer than 32 bytes"))
///     .max_age(Duration::from_secs(30 * 60))
///     .absolute_timeout(Duration::from_secs(12 * 60 * 60))
///     .build()?;
/// assert_eq!(policy.cookie_name(), "sid");
/// # Ok::<(), session_core::policy::PolicyError>(())
/// ```
#[derive(Clone)]
pub struct Policy(pub(crate) Arc<Built>);

pub(crate) struct Built {
    pub(crate) settings: Settings,
    pub(crate) name: String,
    pub(crate) tokens: Tokens,
    pub(crate) form_key: MacKey,
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy").field("name", &self.0.name).field("settings", &self.0.settings).finish()
    }
}

impl Policy {
    /// Starts from safe defaults: an idle timeout of one day, extended on use; `HttpOnly`, `SameSite=Lax`, `Secure` as the
    /// connection is; hashed ids at rest; merging of parallel changes.
    pub fn builder(keyring: Keyring) -> PolicyBuilder {
        PolicyBuilder::new(keyring)
    }

    /// Starts from what express-session does by itself with `resave: false, saveUninitialized: false`, so that both can
    /// serve one site with one store: `connect.sid`, the raw secret, plain ids, last write wins, no limits.
    ///
    /// Short secrets are accepted here, since the Node servers' secret must be taken as it is.
    pub fn express_session(keyring: Keyring) -> PolicyBuilder {
        PolicyBuilder::express_session(keyring)
    }

    /// The name of the session cookie.
    #[must_use]
    pub fn cookie_name(&self) -> &str {
        &self.0.name
    }

    /// How ids are kept in the store.
    #[must_use]
    pub fn ids_at_rest(&self) -> IdsAtRest {
        self.0.settings.ids_at_rest
    }

    /// Whether a request that does not use its session must load it all the same, to extend its life.
    #[must_use]
    pub fn rolls_unused(&self) -> bool {
        match self.0.settings.rolling {
            Rolling::EveryRequest | Rolling::StoreOnly => true,
            Rolling::Never | Rolling::OnUse => false,
        }
    }
}

/// Why a policy does not build, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// A secret is too short to sign with.
    #[error(
        "a secret of {bytes} bytes is too short to sign cookies with: use {MIN_SECRET_BYTES} random bytes or more (`openssl rand -base64 33`), or call allow_weak_secrets for a test"
    )]
    ShortSecret {
        /// Its length in bytes.
        bytes: usize,
    },
    /// A secret is one character over and over, or one that stands in documentation.
    #[error(
        "a secret is a sample or one character repeated: draw one at random (`openssl rand -base64 33`), or call allow_weak_secrets for a test"
    )]
    SampleSecret,
    /// The same secret twice.
    #[error(
        "the same secret stands in the keyring twice: remove one, or put the new secret where it belongs"
    )]
    RepeatedSecret,
    /// The cookie name is no token.
    #[error("the cookie name must be letters, digits or any of !#$%&'*+-.^_`|~ (RFC 9110 token)")]
    Name,
    /// A name with a prefix whose conditions the policy does not meet.
    #[error("a cookie name that begins with {prefix} needs {needs}")]
    Prefix {
        /// The prefix.
        prefix: &'static str,
        /// What browsers demand of such a cookie.
        needs: &'static str,
    },
    /// `SameSite=None` without `Secure`.
    #[error("SameSite=None needs a Secure cookie: set secure to Always, or choose Lax")]
    SameSiteNoneInsecure,
    /// `Partitioned` without `Secure`.
    #[error("a Partitioned cookie needs to be Secure: set secure to Always")]
    PartitionedInsecure,
    /// The path holds what no cookie path can.
    #[error(
        "the cookie path must begin with `/` and hold printable ASCII without `;`, `<`, `?` and `#`, {MAX_ATTRIBUTE_BYTES} bytes at most"
    )]
    Path,
    /// The domain is no domain name.
    #[error("the cookie domain must be a domain name without a port: letters, digits, hyphens and dots")]
    Domain,
    /// A duration that must not be zero is zero.
    #[error("{option} must not be zero{hint}")]
    Zero {
        /// The option.
        option: &'static str,
        /// What to do instead.
        hint: &'static str,
    },
    /// The idle timeout is longer than the absolute one.
    #[error("max_age is longer than absolute_timeout, which would end every session first: shorten max_age")]
    IdleBeyondAbsolute,
    /// `touch_after` is as long as the session's life, which would never be extended.
    #[error("touch_after must be shorter than max_age, or no session would ever be extended in time")]
    TouchAfterBeyondLife,
    /// A cookie life beyond what browsers grant.
    #[error("max_age is beyond the 400 days that browsers keep a cookie (RFC 6265bis): shorten it")]
    BeyondBrowserLimit,
    /// Options that contradict each other.
    #[error("{one} and {other} contradict each other: keep one of them")]
    Contradiction {
        /// One.
        one: &'static str,
        /// The other.
        other: &'static str,
    },
    /// No secret at all.
    #[error(
        "secrets is empty: give one of {MIN_SECRET_BYTES} random bytes or more (`openssl rand -base64 33`)"
    )]
    NoSecret,
}

/// What every browser demands of a cookie whose name begins so (RFC 6265bis §4.1.3 and the layered cookies draft).
struct PrefixRule {
    prefix: &'static str,
    host: bool,
    http_only: bool,
    needs: &'static str,
}

const PREFIXES: [PrefixRule; 4] = [
    PrefixRule {
        prefix: "__Host-Http-",
        host: true,
        http_only: true,
        needs: "secure = Always, path = `/`, no domain and http_only",
    },
    PrefixRule {
        prefix: "__Host-",
        host: true,
        http_only: false,
        needs: "secure = Always, path = `/` and no domain",
    },
    PrefixRule { prefix: "__Http-", host: false, http_only: true, needs: "secure = Always and http_only" },
    PrefixRule { prefix: "__Secure-", host: false, http_only: false, needs: "secure = Always" },
];

impl Settings {
    /// The name that the cookie has: the one given, or a default that says as little as possible.
    fn cookie_name(&self) -> String {
        match &self.name {
            Some(name) => name.clone(),
            None if self.express => "connect.sid".to_owned(),
            None if self.secure == Secure::Always && self.path == "/" && self.domain.is_none() => {
                "__Host-sid".to_owned()
            }
            None => "sid".to_owned(),
        }
    }

    fn check(&self, name: &str) -> Result<(), PolicyError> {
        self.check_secrets()?;
        self.check_cookie(name)?;
        self.check_times()
    }

    fn check_secrets(&self) -> Result<(), PolicyError> {
        let secrets: Vec<_> = self.keyring.secrets().collect();
        if secrets.iter().enumerate().any(|(at, secret)| secrets[..at].contains(secret)) {
            return Err(PolicyError::RepeatedSecret);
        }
        // An empty secret is none, whatever the preset: express-session refuses it too.
        if secrets.iter().any(|secret| secret.is_empty()) {
            return Err(PolicyError::ShortSecret { bytes: 0 });
        }
        if self.allow_weak_secrets {
            return Ok(());
        }
        for secret in secrets {
            if secret.len() < MIN_SECRET_BYTES {
                return Err(PolicyError::ShortSecret { bytes: secret.len() });
            }
            let first = secret.first();
            let sample = secret.to_ascii_lowercase();
            let is_sample =
                ["change me", "changeme", "change-me", "your secret", "your-secret", "keyboard cat"]
                    .iter()
                    .any(|word| sample.windows(word.len()).any(|window| window == word.as_bytes()));
            if is_sample || secret.iter().all(|byte| Some(byte) == first) {
                return Err(PolicyError::SampleSecret);
            }
        }
        Ok(())
    }

    fn check_cookie(&self, name: &str) -> Result<(), PolicyError> {
        if !cookie::is_name(name) {
            return Err(PolicyError::Name);
        }
        check_path(&self.path)?;
        // No request's path holds these, so no request would have a session.
        if self.path.contains(['?', '#']) {
            return Err(PolicyError::Path);
        }
        if self.domain.as_deref().is_some_and(|domain| !cookie::is_domain(domain)) {
            return Err(PolicyError::Domain);
        }
        let secure = self.secure == Secure::Always;
        let rule = PREFIXES.iter().find(|rule| {
            // Browsers compare the prefix without regard to case.
            name.get(..rule.prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(rule.prefix))
        });
        if let Some(rule) = rule {
            let host = self.path == "/" && self.domain.is_none();
            if !secure || (rule.host && !host) || (rule.http_only && !self.http_only) {
                return Err(PolicyError::Prefix { prefix: rule.prefix, needs: rule.needs });
            }
        }
        // The preset follows express-session, which lets these through and leaves it to the browser to refuse.
        if !self.express && !secure {
            if self.same_site == SameSitePolicy::Is(cookie::SameSite::None) {
                return Err(PolicyError::SameSiteNoneInsecure);
            }
            if self.partitioned {
                return Err(PolicyError::PartitionedInsecure);
            }
        }
        Ok(())
    }

    fn check_times(&self) -> Result<(), PolicyError> {
        let zero = |option, hint| Err(PolicyError::Zero { option, hint });
        match self.lifetime {
            Lifetime::MaxAge(Duration::ZERO) if !self.express => {
                return zero("max_age", ": a session that has ended when it begins is none");
            }
            Lifetime::MaxAge(max_age) => {
                if !self.express && max_age > MAX_LIFE {
                    return Err(PolicyError::BeyondBrowserLimit);
                }
                if self.absolute_timeout.is_some_and(|absolute| absolute < max_age) {
                    return Err(PolicyError::IdleBeyondAbsolute);
                }
                if max_age > Duration::ZERO && self.touch_after.is_some_and(|after| after >= max_age) {
                    return Err(PolicyError::TouchAfterBeyondLife);
                }
            }
            Lifetime::BrowserSession | Lifetime::Until(_) => {}
        }
        if self.browser_session_ttl.is_zero() {
            return zero("browser_session_ttl", ": leave it at its default of one day");
        }
        if self.absolute_timeout.is_some_and(|absolute| absolute.is_zero()) {
            return zero("absolute_timeout", ": leave it unset for none");
        }
        if self.max_payload == Some(0) {
            return zero("max_payload", ": leave it at its default of 1 MiB");
        }
        Ok(())
    }
}

/// A `Path` attribute; empty means none is sent.
pub(crate) fn check_path(path: &str) -> Result<(), PolicyError> {
    let sound = path.is_empty() || (path.starts_with('/') && cookie::is_path(path));
    if sound { Ok(()) } else { Err(PolicyError::Path) }
}
