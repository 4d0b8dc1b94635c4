//! The options of a site, stated once: they become a policy here, and express-session's options in the judge.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use session_core::cookie::{Priority, SameSite};
use session_core::policy::{
    PolicyBuilder, PolicyError, Resave, Rolling, SameSitePolicy, SaveUninitialized, Secure, TrustProxy, Unset,
};
use session_core::{Keyring, Policy};
use session_driver::OnOutage;
use time::OffsetDateTime;

use super::site::Site;

/// What the sites of these cases sign with.
pub(crate) const SECRET: &str = "the secret of the suite, long enough for any policy";

/// The options of one site.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Options {
    secrets: Vec<String>,
    name: Option<String>,
    resave: bool,
    save_uninitialized: bool,
    rolling: bool,
    unset: String,
    proxy: Proxy,
    by_request: bool,
    /// The ids that are handed out first.
    ids: Vec<String>,
    cookie: CookieOptions,
    // What the judge has no word for.
    preset: Preset,
    pub(crate) deadline: Duration,
    touch_after: Option<Duration>,
    #[serde(skip)]
    adjust: Vec<Adjust>,
    #[serde(skip)]
    pub(crate) on_outage: OnOutage,
    #[serde(skip)]
    pub(crate) login_page: Option<&'static str>,
}

/// A further change of the policy.
pub(crate) type Adjust = fn(PolicyBuilder) -> PolicyBuilder;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Preset {
    Express,
    Safe,
}

/// Whose `X-Forwarded-Proto` counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Proxy {
    Nobody,
    Everybody,
    /// express-session asks Express then, which is told to trust such addresses.
    PrivateNetworks,
    /// The same for so many in a row.
    Hops(u8),
    /// The same for addresses, as Express writes them.
    Addresses(String),
}

/// express-session's `cookie` options.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct CookieOptions {
    path: Option<String>,
    domain: Option<String>,
    http_only: Option<bool>,
    /// `never`, `always` or `auto`.
    secure: Option<String>,
    same_site: Option<String>,
    partitioned: bool,
    priority: Option<String>,
    /// Milliseconds.
    max_age: Option<u64>,
    /// Milliseconds since the epoch.
    expires: Option<i64>,
}

/// The options that express-session's users are advised to set, under the preset that follows it.
pub(crate) fn express() -> Options {
    Options {
        secrets: vec![SECRET.to_owned()],
        name: None,
        resave: false,
        save_uninitialized: false,
        rolling: false,
        unset: "keep".to_owned(),
        proxy: Proxy::Nobody,
        by_request: false,
        ids: Vec::new(),
        cookie: CookieOptions::default(),
        preset: Preset::Express,
        // A case that is about something else must not fail because the machine is busy.
        deadline: Duration::from_secs(20),
        on_outage: OnOutage::FailClosed,
        touch_after: None,
        adjust: Vec::new(),
        login_page: None,
    }
}

/// The defaults of this library.
pub(crate) fn safe() -> Options {
    Options { preset: Preset::Safe, ..express() }
}

impl Options {
    pub(crate) fn secrets(mut self, secrets: &[&str]) -> Self {
        self.secrets = secrets.iter().map(|&secret| secret.to_owned()).collect();
        self
    }

    pub(crate) fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    pub(crate) fn resave(mut self) -> Self {
        self.resave = true;
        self
    }

    pub(crate) fn save_uninitialized(mut self) -> Self {
        self.save_uninitialized = true;
        self
    }

    /// In an outage, pages are shown as to a stranger.
    pub(crate) fn anonymous_in_an_outage(mut self) -> Self {
        self.on_outage = OnOutage::Anonymous;
        self
    }

    /// express-session's `rolling: true`.
    pub(crate) fn rolling(mut self) -> Self {
        self.rolling = true;
        self
    }

    pub(crate) fn unset_destroys(mut self) -> Self {
        "destroy".clone_into(&mut self.unset);
        self
    }

    pub(crate) fn proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = proxy;
        self
    }

    /// Ids and the cookie's domain are functions of the request: an id begins with the first label of the host, and the
    /// cookie is for the host, unless it is `localhost`.
    pub(crate) fn by_request(mut self) -> Self {
        self.by_request = true;
        self
    }

    pub(crate) fn is_by_request(&self) -> bool {
        self.by_request
    }

    /// The ids that new sessions get, in turn; random ones follow.
    pub(crate) fn ids(mut self, ids: &[&str]) -> Self {
        self.ids = ids.iter().map(|&id| id.to_owned()).collect();
        self
    }

    pub(crate) fn path(mut self, path: &str) -> Self {
        self.cookie.path = Some(path.to_owned());
        self
    }

    pub(crate) fn domain(mut self, domain: &str) -> Self {
        self.cookie.domain = Some(domain.to_owned());
        self
    }

    pub(crate) fn http_only(mut self, http_only: bool) -> Self {
        self.cookie.http_only = Some(http_only);
        self
    }

    /// `never`, `always` or `auto`.
    pub(crate) fn secure(mut self, secure: &'static str) -> Self {
        self.cookie.secure = Some(secure.to_owned());
        self
    }

    /// `strict`, `lax`, `none`, `auto` or `unset`.
    pub(crate) fn same_site(mut self, same_site: &'static str) -> Self {
        self.cookie.same_site = Some(same_site.to_owned());
        self
    }

    pub(crate) fn partitioned(mut self) -> Self {
        self.cookie.partitioned = true;
        self
    }

    /// `low`, `medium` or `high`.
    pub(crate) fn priority(mut self, priority: &'static str) -> Self {
        self.cookie.priority = Some(priority.to_owned());
        self
    }

    pub(crate) fn max_age(mut self, life: Duration) -> Self {
        self.cookie.max_age = Some(u64::try_from(life.as_millis()).unwrap_or(u64::MAX));
        self
    }

    pub(crate) fn expires(mut self, at: OffsetDateTime) -> Self {
        self.cookie.expires = Some(millis(at));
        self
    }

    pub(crate) fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Where visitors are sent who have not signed in.
    pub(crate) fn login_page(mut self, path: &'static str) -> Self {
        self.login_page = Some(path);
        self
    }

    /// How much of a session's life must be over before it is extended.
    pub(crate) fn touch_after(mut self, after: Duration) -> Self {
        self.touch_after = Some(after);
        self
    }

    /// Whether another process can be told all of it.
    pub(crate) fn is_data(&self) -> bool {
        self.adjust.is_empty() && self.login_page.is_none()
    }

    /// A change of the policy that express-session has no word for.
    pub(crate) fn with(mut self, adjust: Adjust) -> Self {
        self.adjust.push(adjust);
        self
    }

    /// The policy of a site with these options.
    pub(crate) fn policy(&self) -> Result<Policy, PolicyError> {
        self.builder().build()
    }

    /// The policy of the site's second layer: the same, under another name.
    pub(crate) fn second_policy(&self) -> Result<Policy, PolicyError> {
        self.builder().name(Site::SECOND).build()
    }

    /// The ids that are handed out first.
    pub(crate) fn first_ids(&self) -> &[String] {
        &self.ids
    }

    fn builder(&self) -> PolicyBuilder {
        let mut secrets = self.secrets.iter();
        let first = Keyring::new(secrets.next().map_or("", String::as_str));
        let keyring = secrets.fold(first, Keyring::and_retired);
        let mut builder = match self.preset {
            Preset::Express => Policy::express_session(keyring),
            Preset::Safe => Policy::builder(keyring),
        };
        if let Some(name) = &self.name {
            builder = builder.name(name.clone());
        }
        if self.resave {
            builder = builder.resave(Resave::On);
        }
        if self.save_uninitialized {
            builder = builder.save_uninitialized(SaveUninitialized::On);
        }
        if self.rolling {
            builder = builder.rolling(Rolling::EveryRequest);
        }
        if self.unset == "destroy" {
            builder = builder.unset(Unset::Destroy);
        }
        builder = builder.trust_proxy(match &self.proxy {
            Proxy::Nobody => TrustProxy::Nobody,
            Proxy::Everybody => TrustProxy::Everybody,
            Proxy::PrivateNetworks => TrustProxy::PrivateNetworks,
            Proxy::Hops(hops) => TrustProxy::Hops(*hops),
            // One that cannot be read fails the case, as trusting nobody would.
            Proxy::Addresses(addresses) => addresses.parse().unwrap_or(TrustProxy::Nobody),
        });
        if let Some(after) = self.touch_after {
            builder = builder.touch_after(after);
        }
        if self.by_request {
            builder = builder.cookie_by_request(|request, cookie| {
                let host = request.host().unwrap_or_default();
                cookie.domain = (host != "localhost").then(|| host.into_owned());
            });
        }
        self.adjust.iter().fold(self.cookie.apply(builder), |builder, adjust| adjust(builder))
    }
}

impl CookieOptions {
    fn apply(&self, mut builder: PolicyBuilder) -> PolicyBuilder {
        if let Some(path) = &self.path {
            builder = builder.path(path.clone());
        }
        if let Some(domain) = &self.domain {
            builder = builder.domain(domain.clone());
        }
        if let Some(http_only) = self.http_only {
            builder = builder.http_only(http_only);
        }
        if let Some(secure) = self.secure.as_deref() {
            builder = builder.secure(match secure {
                "always" => Secure::Always,
                "auto" => Secure::Auto,
                _ => Secure::Never,
            });
        }
        if let Some(same_site) = self.same_site.as_deref() {
            builder = builder.same_site(match same_site {
                "strict" => SameSitePolicy::Is(SameSite::Strict),
                "lax" => SameSitePolicy::Is(SameSite::Lax),
                "none" => SameSitePolicy::Is(SameSite::None),
                "auto" => SameSitePolicy::Auto,
                _ => SameSitePolicy::Unset,
            });
        }
        if self.partitioned {
            builder = builder.partitioned(true);
        }
        if let Some(priority) = self.priority.as_deref() {
            builder = builder.priority(match priority {
                "low" => Priority::Low,
                "high" => Priority::High,
                _ => Priority::Medium,
            });
        }
        if let Some(ms) = self.max_age {
            builder = builder.max_age(Duration::from_millis(ms));
        }
        if let Some(ms) = self.expires {
            builder = builder.expires(at_millis(ms));
        }
        builder
    }
}

/// Milliseconds since the epoch.
pub(crate) fn millis(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

fn at_millis(ms: i64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + time::Duration::milliseconds(ms)
}
