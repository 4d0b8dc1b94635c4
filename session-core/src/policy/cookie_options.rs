//! The options of the cookie, which may differ from request to request.

use std::fmt;
use std::sync::Arc;

use super::{Lifetime, PolicyError, SameSitePolicy, Secure, check_path};
use crate::cookie::{self, Priority};
use crate::request::ClientRequest;

/// The options of the session cookie, each with the meaning of its namesake in
/// [`PolicyBuilder`](super::PolicyBuilder).
///
/// [`cookie_by_request`](super::PolicyBuilder::cookie_by_request) is given the policy's, and changes what is to be
/// different.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CookieOptions {
    /// The path; empty for no attribute.
    pub path: String,
    /// The domain.
    pub domain: Option<String>,
    /// Whether it is hidden from scripts.
    pub http_only: bool,
    /// The `Secure` attribute.
    pub secure: Secure,
    /// The `SameSite` attribute.
    pub same_site: SameSitePolicy,
    /// Whether it is kept apart per embedding site.
    pub partitioned: bool,
    /// Which cookies Chromium evicts first.
    pub priority: Option<Priority>,
    /// How long a new session lives.
    pub lifetime: Lifetime,
}

type Function = dyn Fn(&ClientRequest<'_>, &mut CookieOptions) + Send + Sync;

/// What an application makes of the options for a request.
#[derive(Clone)]
pub(crate) struct ByRequest(pub(crate) Arc<Function>);

impl fmt::Debug for ByRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ByRequest(a function)")
    }
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

impl CookieOptions {
    /// Whether browsers take a cookie of this name with these options, from the right host and over the right connection.
    pub(crate) fn check(&self, name: &str, express: bool) -> Result<(), PolicyError> {
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
        if !express && !secure {
            if self.same_site == SameSitePolicy::Is(cookie::SameSite::None) {
                return Err(PolicyError::SameSiteNoneInsecure);
            }
            if self.partitioned {
                return Err(PolicyError::PartitionedInsecure);
            }
        }
        Ok(())
    }
}
