//! The policy: every option, with defaults that are safe, and a builder that refuses nonsense.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use time::OffsetDateTime;

use crate::cookie;
use crate::id::IdsAtRest;
use crate::keyring::{Keyring, MacKey, Signature};
use crate::token::Tokens;

mod builder;
mod check;
mod cookie_options;
mod options;
mod trust;

pub use builder::PolicyBuilder;
pub use check::PolicyError;
pub(crate) use check::check_path;
pub(crate) use cookie_options::ByRequest;
pub use cookie_options::CookieOptions;
pub use options::{Options, Preset, SameSiteOption};
pub use trust::{Subnet, TrustProxy};

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
    /// The cookie is set on each response, also if [`touch_after`](PolicyBuilder::touch_after) leaves the store alone.
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
    pub(crate) browser_session_ttl: Duration,
    pub(crate) absolute_timeout: Option<Duration>,
    pub(crate) cookie: CookieOptions,
    pub(crate) by_request: Option<ByRequest>,
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
