//! The options as data, for configuration files and the environment.

use std::time::Duration;

use serde::Deserialize;

use super::{
    CacheHeaders, Concurrency, Policy, PolicyBuilder, PolicyError, Resave, Rolling, SameSitePolicy,
    SaveUninitialized, Secure, TrustProxy, Unset,
};
use crate::cookie::{Priority, SameSite};
use crate::id::IdsAtRest;
use crate::keyring::{Keyring, Signature};

/// All options of a [`Policy`], each with the meaning and default of its namesake in [`PolicyBuilder`].
///
/// Numbers carry their unit in their name. Words are written in kebab case (`on-use`, `last-write-wins`). An option that
/// does not exist is refused, so that a typing error does not silently leave a default in force.
///
/// ```
/// use session_core::policy::Options;
///
/// let options: Options = serde_json::from_str(r#"{
///     "secrets": ["this year's secret, long and random", "last year's secret, long and random"],
///     "max_age_seconds": 1800,
///     "absolute_timeout_seconds": 43200,
///     "secure": "always",
///     "same_site": "strict"
/// }"#)?;
/// let policy = options.into_policy()?;
/// assert_eq!(policy.cookie_name(), "__Host-sid");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// The preset to start from.
    pub preset: Preset,
    /// The secrets: the first signs, all verify.
    pub secrets: Vec<String>,
    /// See [`PolicyBuilder::allow_weak_secrets`].
    pub allow_weak_secrets: bool,
    /// See [`PolicyBuilder::name`].
    pub name: Option<String>,
    /// See [`PolicyBuilder::signature`].
    pub signature: Option<Signature>,
    /// See [`PolicyBuilder::resave`].
    pub resave: Option<Resave>,
    /// See [`PolicyBuilder::save_uninitialized`].
    pub save_uninitialized: Option<SaveUninitialized>,
    /// See [`PolicyBuilder::rolling`].
    pub rolling: Option<Rolling>,
    /// See [`PolicyBuilder::touch_after`].
    pub touch_after_seconds: Option<u64>,
    /// See [`PolicyBuilder::max_age`].
    pub max_age_seconds: Option<u64>,
    /// See [`PolicyBuilder::browser_session`].
    pub browser_session: bool,
    /// See [`PolicyBuilder::browser_session_ttl`].
    pub browser_session_ttl_seconds: Option<u64>,
    /// See [`PolicyBuilder::absolute_timeout`].
    pub absolute_timeout_seconds: Option<u64>,
    /// See [`PolicyBuilder::path`].
    pub path: Option<String>,
    /// See [`PolicyBuilder::domain`].
    pub domain: Option<String>,
    /// See [`PolicyBuilder::http_only`].
    pub http_only: Option<bool>,
    /// See [`PolicyBuilder::secure`].
    pub secure: Option<Secure>,
    /// See [`PolicyBuilder::same_site`].
    pub same_site: Option<SameSiteOption>,
    /// See [`PolicyBuilder::partitioned`].
    pub partitioned: Option<bool>,
    /// See [`PolicyBuilder::priority`].
    pub priority: Option<Priority>,
    /// See [`PolicyBuilder::trust_proxy`].
    pub trust_proxy: Option<TrustProxy>,
    /// See [`PolicyBuilder::unset`].
    pub unset: Option<Unset>,
    /// See [`PolicyBuilder::concurrency`].
    pub concurrency: Option<Concurrency>,
    /// See [`PolicyBuilder::ids_at_rest`].
    pub ids_at_rest: Option<IdsAtRest>,
    /// See [`PolicyBuilder::max_payload`].
    pub max_payload_bytes: Option<usize>,
    /// See [`PolicyBuilder::tombstone_life`].
    pub tombstone_life_seconds: Option<u64>,
    /// See [`PolicyBuilder::cache_headers`].
    pub cache_headers: Option<CacheHeaders>,
}

/// Where the options start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// [`Policy::builder`].
    #[default]
    Safe,
    /// [`Policy::express_session`].
    ExpressSession,
}

/// [`SameSitePolicy`] in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the words are those of the header")]
pub enum SameSiteOption {
    Strict,
    Lax,
    None,
    Auto,
    Unset,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Options({} secrets, redacted)", self.secrets.len())
    }
}

impl Options {
    /// The policy that these options describe.
    ///
    /// # Errors
    ///
    /// [`PolicyError`] names the option and says what to do.
    pub fn into_policy(self) -> Result<Policy, PolicyError> {
        self.into_builder()?.build()
    }

    /// A builder that these options have been given to, for what no file can say.
    ///
    /// # Errors
    ///
    /// [`PolicyError::NoSecret`], or [`PolicyError::Contradiction`] for two lives at once.
    pub fn into_builder(self) -> Result<PolicyBuilder, PolicyError> {
        let mut secrets = self.secrets.iter();
        let first = Keyring::new(secrets.next().ok_or(PolicyError::NoSecret)?);
        let keyring = secrets.fold(first, Keyring::and_retired);
        let mut builder = match self.preset {
            Preset::Safe => Policy::builder(keyring),
            Preset::ExpressSession => Policy::express_session(keyring),
        };
        if self.browser_session && self.max_age_seconds.is_some() {
            return Err(PolicyError::Contradiction { one: "browser_session", other: "max_age_seconds" });
        }
        if self.browser_session {
            builder = builder.browser_session();
        }
        if self.allow_weak_secrets {
            builder = builder.allow_weak_secrets();
        }
        let same_site = self.same_site.map(|word| match word {
            SameSiteOption::Strict => SameSitePolicy::Is(SameSite::Strict),
            SameSiteOption::Lax => SameSitePolicy::Is(SameSite::Lax),
            SameSiteOption::None => SameSitePolicy::Is(SameSite::None),
            SameSiteOption::Auto => SameSitePolicy::Auto,
            SameSiteOption::Unset => SameSitePolicy::Unset,
        });
        let seconds = |seconds: Option<u64>| seconds.map(Duration::from_secs);
        Ok(Given(builder)
            .set(self.name, PolicyBuilder::name)
            .set(self.signature, PolicyBuilder::signature)
            .set(self.resave, PolicyBuilder::resave)
            .set(self.save_uninitialized, PolicyBuilder::save_uninitialized)
            .set(self.rolling, PolicyBuilder::rolling)
            .set(seconds(self.touch_after_seconds), PolicyBuilder::touch_after)
            .set(seconds(self.max_age_seconds), PolicyBuilder::max_age)
            .set(seconds(self.browser_session_ttl_seconds), PolicyBuilder::browser_session_ttl)
            .set(seconds(self.absolute_timeout_seconds), PolicyBuilder::absolute_timeout)
            .set(self.path, PolicyBuilder::path)
            .set(self.domain, PolicyBuilder::domain)
            .set(self.http_only, PolicyBuilder::http_only)
            .set(self.secure, PolicyBuilder::secure)
            .set(same_site, PolicyBuilder::same_site)
            .set(self.partitioned, PolicyBuilder::partitioned)
            .set(self.priority, PolicyBuilder::priority)
            .set(self.trust_proxy, PolicyBuilder::trust_proxy)
            .set(self.unset, PolicyBuilder::unset)
            .set(self.concurrency, PolicyBuilder::concurrency)
            .set(self.ids_at_rest, PolicyBuilder::ids_at_rest)
            .set(self.max_payload_bytes, PolicyBuilder::max_payload)
            .set(seconds(self.tombstone_life_seconds), PolicyBuilder::tombstone_life)
            .set(self.cache_headers, PolicyBuilder::cache_headers)
            .0)
    }
}

/// A builder that is given only the options that are there.
struct Given(PolicyBuilder);

impl Given {
    fn set<T>(self, value: Option<T>, option: impl FnOnce(PolicyBuilder, T) -> PolicyBuilder) -> Self {
        match value {
            Some(value) => Self(option(self.0, value)),
            None => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(json: &str) -> Result<Policy, String> {
        let options: Options = serde_json::from_str(json).map_err(|error| error.to_string())?;
        options.into_policy().map_err(|error| error.to_string())
    }

    const SECRET: &str = r#""secrets": ["a secret that is long and random enough"]"#;

    #[test]
    fn an_unknown_option_is_named() {
        let error = policy(&format!(r#"{{{SECRET}, "max_agee": 1}}"#)).unwrap_err();
        assert!(error.contains("max_agee") && error.contains("max_age_seconds"), "{error}");
    }

    #[test]
    fn a_word_that_an_option_does_not_take_is_answered_with_those_it_takes() {
        let error = policy(&format!(r#"{{{SECRET}, "rolling": "always"}}"#)).unwrap_err();
        assert!(error.contains("on-use") && error.contains("every-request"), "{error}");
    }

    #[test]
    fn options_without_a_secret_or_with_two_lives_say_what_to_do() {
        assert!(policy("{}").unwrap_err().contains("openssl rand"));
        let error =
            policy(&format!(r#"{{{SECRET}, "browser_session": true, "max_age_seconds": 9}}"#)).unwrap_err();
        assert!(error.contains("contradict"), "{error}");
    }

    #[test]
    fn who_is_trusted_is_said_as_in_express() {
        for trust in ["true", "2", "\"loopback\"", "\"10.0.0.0/8, uniquelocal\"", "[\"::1\"]", "\"nobody\""] {
            policy(&format!(r#"{{{SECRET}, "trust_proxy": {trust}}}"#)).unwrap();
        }
        let error = policy(&format!(r#"{{{SECRET}, "trust_proxy": "10.0.0.0/99"}}"#)).unwrap_err();
        assert!(error.contains("`10.0.0.0/99`") && error.contains("10.0.0.0/8"), "{error}");
        let error = policy(&format!(r#"{{{SECRET}, "trust_proxy": 0}}"#)).unwrap_err();
        assert!(error.contains("false"), "{error}");
    }

    #[test]
    fn options_show_no_secret() {
        let options: Options = serde_json::from_str(&format!("{{{SECRET}}}")).unwrap();
        assert!(!format!("{options:?}").contains("random"));
    }
}
