//! What does not build, and why: options that make no sense alone or together.

use std::fmt;
use std::time::Duration;

use thiserror::Error;

use super::{Lifetime, Secure, Settings};
use crate::cookie::{self, MAX_ATTRIBUTE_BYTES, MAX_LIFE};
use crate::keyring::MIN_SECRET_BYTES;

/// Why a policy does not build, and what to do about it.
///
/// `Debug` says the same as `Display`: it is what a program shows whose `main` returns this.
#[derive(Clone, PartialEq, Eq, Error)]
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
    /// An entry of `trust_proxy` that is no address, no subnet and no name for some.
    #[error(
        "trust_proxy holds `{entry}`, which is none of: an address, a subnet such as 10.0.0.0/8, loopback, linklocal, uniquelocal; for a number of hops or everybody give that alone"
    )]
    Proxy {
        /// The entry.
        entry: String,
    },
    /// `trust_proxy` trusts zero hops.
    #[error(
        "trust_proxy of zero hops trusts nobody: say so (`false`, `Nobody`), or give the number of proxies"
    )]
    NoHops,
    /// `trust_proxy` is an empty list.
    #[error("trust_proxy holds no address: name the proxies' addresses, or trust nobody (`false`, `Nobody`)")]
    NoProxy,
    /// No secret at all.
    #[error(
        "secrets is empty: give one of {MIN_SECRET_BYTES} random bytes or more (`openssl rand -base64 33`)"
    )]
    NoSecret,
}

impl PolicyError {
    /// The option of a cookie that is at fault, for a message that must be short.
    pub(crate) fn subject(&self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Domain => "domain",
            Self::Prefix { .. } => "name's prefix",
            Self::SameSiteNoneInsecure => "SameSite=None without Secure",
            Self::PartitionedInsecure => "Partitioned without Secure",
            Self::ShortSecret { .. }
            | Self::SampleSecret
            | Self::RepeatedSecret
            | Self::Name
            | Self::Zero { .. }
            | Self::IdleBeyondAbsolute
            | Self::TouchAfterBeyondLife
            | Self::BeyondBrowserLimit
            | Self::Contradiction { .. }
            | Self::Proxy { .. }
            | Self::NoHops
            | Self::NoProxy
            | Self::NoSecret => "options",
        }
    }
}

impl fmt::Debug for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Settings {
    /// The name that the cookie has: the one given, or a default that says as little as possible.
    pub(super) fn cookie_name(&self) -> String {
        match &self.name {
            Some(name) => name.clone(),
            None if self.express => "connect.sid".to_owned(),
            // What a function makes of the options for a request may not go with the prefix.
            None if self.by_request.is_some() => "sid".to_owned(),
            None if self.cookie.secure == Secure::Always
                && self.cookie.path == "/"
                && self.cookie.domain.is_none() =>
            {
                "__Host-sid".to_owned()
            }
            None => "sid".to_owned(),
        }
    }

    pub(super) fn check(&self, name: &str) -> Result<(), PolicyError> {
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
        self.cookie.check(name, self.express)?;
        self.trust_proxy.check()
    }

    fn check_times(&self) -> Result<(), PolicyError> {
        let zero = |option, hint| Err(PolicyError::Zero { option, hint });
        match self.cookie.lifetime {
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
