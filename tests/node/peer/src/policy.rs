//! A policy, as the Node side describes it.

use std::time::Duration;

use session_core::cookie::{Priority, SameSite};
use session_core::policy::{PolicyBuilder, PolicyError, Rolling, SameSitePolicy, Secure};
use session_core::{IdsAtRest, Keyring, Policy, Signature};

/// What differs from the express-session preset or, with a `signature`, from the default policy.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PolicySpec {
    /// Secrets as bytes, the current one first.
    secrets: Vec<Vec<u8>>,
    /// The default policy with this signature, in place of the preset.
    signature: Option<SignatureSpec>,
    name: Option<String>,
    #[serde(default)]
    rolling: bool,
    #[serde(default)]
    cookie: CookieSpec,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
enum SignatureSpec {
    PerName,
    PerNameAcceptingRaw,
    Raw,
}

/// express-session's `cookie` options, in their types.
#[derive(Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CookieSpec {
    max_age: Option<u64>,
    path: Option<String>,
    domain: Option<String>,
    http_only: Option<bool>,
    secure: Option<bool>,
    same_site: Option<SameSiteSpec>,
    partitioned: Option<bool>,
    priority: Option<PrioritySpec>,
}

#[derive(Clone, Copy, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum SameSiteSpec {
    Strict,
    Lax,
    None,
}

#[derive(Clone, Copy, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum PrioritySpec {
    Low,
    Medium,
    High,
}

impl PolicySpec {
    pub(crate) fn build(self) -> Result<Policy, PolicyError> {
        let mut secrets = self.secrets.into_iter();
        let first = Keyring::new(secrets.next().unwrap_or_default());
        let keyring = secrets.fold(first, Keyring::and_retired);
        let mut builder = match self.signature {
            None => Policy::express_session(keyring),
            Some(signature) => Policy::builder(keyring)
                .allow_weak_secrets()
                .ids_at_rest(IdsAtRest::Plain)
                .name("connect.sid")
                .signature(match signature {
                    SignatureSpec::PerName => Signature::PerName,
                    SignatureSpec::PerNameAcceptingRaw => Signature::PerNameAcceptingRaw,
                    SignatureSpec::Raw => Signature::Raw,
                }),
        };
        if let Some(name) = self.name {
            builder = builder.name(name);
        }
        if self.rolling {
            builder = builder.rolling(Rolling::EveryRequest);
        }
        self.cookie.apply(builder).build()
    }
}

impl CookieSpec {
    fn apply(self, mut builder: PolicyBuilder) -> PolicyBuilder {
        if let Some(ms) = self.max_age {
            builder = builder.max_age(Duration::from_millis(ms));
        }
        if let Some(path) = self.path {
            builder = builder.path(path);
        }
        if let Some(domain) = self.domain {
            builder = builder.domain(domain);
        }
        if let Some(http_only) = self.http_only {
            builder = builder.http_only(http_only);
        }
        if let Some(secure) = self.secure {
            builder = builder.secure(if secure { Secure::Always } else { Secure::Never });
        }
        if let Some(same_site) = self.same_site {
            builder = builder.same_site(SameSitePolicy::Is(match same_site {
                SameSiteSpec::Strict => SameSite::Strict,
                SameSiteSpec::Lax => SameSite::Lax,
                SameSiteSpec::None => SameSite::None,
            }));
        }
        if let Some(partitioned) = self.partitioned {
            builder = builder.partitioned(partitioned);
        }
        if let Some(priority) = self.priority {
            builder = builder.priority(match priority {
                PrioritySpec::Low => Priority::Low,
                PrioritySpec::Medium => Priority::Medium,
                PrioritySpec::High => Priority::High,
            });
        }
        builder
    }
}
