//! What is known of a request beside its cookies: what an adapter hands over, and what the policy believes of it.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use crate::cookie::domain_matches;
use crate::policy::{CookieOptions, Policy, TrustProxy};

mod forwarded;

use forwarded::Hops;

/// Where the header fields of a request are, so that adapters need not copy any.
///
/// ```
/// use session_core::request::HeaderSource;
///
/// struct Fields(Vec<(String, Vec<u8>)>);
///
/// impl HeaderSource for Fields {
///     fn values<'h>(&'h self, name: &str, each: &mut dyn FnMut(&'h [u8])) {
///         self.0.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name)).for_each(|(_, value)| each(value));
///     }
/// }
/// ```
pub trait HeaderSource {
    /// Hands the value of each field called `name` (which is in lower case) to `each`, in their order.
    fn values<'h>(&'h self, name: &str, each: &mut dyn FnMut(&'h [u8]));
}

impl<const N: usize> HeaderSource for [(&str, &str); N] {
    fn values<'h>(&'h self, name: &str, each: &mut dyn FnMut(&'h [u8])) {
        let named = self.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
        named.for_each(|(_, value)| each(value.as_bytes()));
    }
}

/// What an adapter knows of a request, beside its `Cookie` headers.
///
/// ```
/// use session_core::RequestFacts;
///
/// let facts = RequestFacts::new("/account")
///     .host(Some("shop.example"))
///     .peer(Some([127, 0, 0, 1].into()))
///     .headers(&[("x-forwarded-proto", "https")]);
/// assert_eq!(facts.path(), "/account");
/// ```
#[derive(Clone, Copy)]
pub struct RequestFacts<'a> {
    path: &'a str,
    host: Option<&'a str>,
    tls: bool,
    peer: Option<IpAddr>,
    peer_hint: &'static str,
    headers: Option<&'a dyn HeaderSource>,
}

impl std::fmt::Debug for RequestFacts<'_> {
    /// Shows no header: it may be a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestFacts")
            .field("path", &self.path)
            .field("host", &self.host)
            .field("tls", &self.tls)
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

impl<'a> RequestFacts<'a> {
    /// A request for this path, as the client asked for it, also under a nested or mounted router. It came without TLS, from
    /// an unknown address, and nothing is known of its headers, unless said otherwise.
    #[must_use]
    pub fn new(path: &'a str) -> Self {
        Self {
            path,
            host: None,
            tls: false,
            peer: None,
            peer_hint: "a Unix socket has none, so trust a number of hops instead",
            headers: None,
        }
    }

    /// The `Host` header, or the `:authority` of HTTP/2. It never decides whether a cookie is set.
    #[must_use]
    pub fn host(self, host: Option<&'a str>) -> Self {
        Self { host, ..self }
    }

    /// Whether this server itself speaks TLS with the client.
    #[must_use]
    pub fn tls(self, tls: bool) -> Self {
        Self { tls, ..self }
    }

    /// The address that the connection comes from; never what a header claims.
    #[must_use]
    pub fn peer(self, peer: Option<IpAddr>) -> Self {
        Self { peer, ..self }
    }

    /// What an application does to make [`peer`](Self::peer) known, for the log: `serve with …`.
    #[must_use]
    pub fn peer_hint(self, hint: &'static str) -> Self {
        Self { peer_hint: hint, ..self }
    }

    /// The request's header fields. Which of them count is the policy's to say.
    #[must_use]
    pub fn headers(self, headers: &'a dyn HeaderSource) -> Self {
        Self { headers: Some(headers), ..self }
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &'a str {
        self.path
    }

    fn values(&self, name: &str, each: &mut dyn FnMut(&'a [u8])) {
        if let Some(headers) = self.headers {
            headers.values(name, each);
        }
    }
}

/// Why a request does not count as secure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Insecure {
    /// Nobody says that it is.
    #[error(
        "nobody says that it is: serve over https, or, behind a proxy that does, let it send `X-Forwarded-Proto: https` and set trust_proxy"
    )]
    Unsaid,
    /// The proxy is trusted and says nothing.
    #[error("the proxy is trusted and does not say: let it send `X-Forwarded-Proto: https`")]
    Silent,
    /// The proxy that counts says that it is not.
    #[error(
        "the proxy that counts says http: let the browser come over https, or correct what the proxy sends or how many trust_proxy trusts"
    )]
    Denied,
    /// The request says https, and the policy trusts no proxy.
    #[error(
        "the request says https, and no proxy is trusted: set trust_proxy, to `1` for one proxy in front of this server say"
    )]
    NobodyTrusted,
    /// The request says https, and does not come from a trusted address.
    #[error(
        "the request says https, and the address it comes from is not one that trust_proxy trusts: add the proxy's"
    )]
    UntrustedPeer,
    /// The request says https, the policy trusts addresses, and the one it comes from is unknown.
    #[error(
        "the request says https, and the address it comes from is unknown, so that trust_proxy has nothing to go by: {0}"
    )]
    UnknownPeer(&'static str),
}

/// A request as the policy sees it: what comes from proxies counts as far as they are trusted.
///
/// What [`cookie_by_request`](crate::policy::PolicyBuilder::cookie_by_request) is given.
#[derive(Debug, Clone, Copy)]
pub struct ClientRequest<'a> {
    facts: &'a RequestFacts<'a>,
    trust: &'a TrustProxy,
    security: Result<(), Insecure>,
}

impl<'a> ClientRequest<'a> {
    fn new(policy: &'a Policy, facts: &'a RequestFacts<'a>) -> Self {
        let trust = &policy.0.settings.trust_proxy;
        Self { facts, trust, security: security(trust, facts) }
    }

    /// The path that the client asked for.
    #[must_use]
    pub fn path(&self) -> &'a str {
        self.facts.path
    }

    /// The host that the browser asked for: what a trusted proxy says (`X-Forwarded-Host`, `Forwarded`), else the `Host`
    /// header. With its port, if one was given.
    ///
    /// Any client can send any host. Compare it with those you know; do not put it into a cookie.
    #[must_use]
    pub fn host(&self) -> Option<Cow<'a, str>> {
        let told = Hops::trusted(self.trust, self.facts)
            .and_then(|hops| forwarded::host(self.facts, self.trust, hops))
            .filter(|host| !host.is_empty());
        told.or(self.facts.host.map(Cow::Borrowed))
    }

    /// Whether the browser's connection is secure, as far as is known.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.security.is_ok()
    }

    /// The address that the connection comes from, which may be a proxy's.
    #[must_use]
    pub fn peer(&self) -> Option<IpAddr> {
        self.facts.peer
    }

    /// The first header field of this name, in lower case. Any client can send any header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        let mut first = None;
        self.facts.values(name, &mut |value| {
            first.get_or_insert(value);
        });
        first
    }
}

/// What the core keeps of a request for its cookie.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) security: Result<(), Insecure>,
    /// The host, as far as it is known, is in the cookie's domain.
    pub(crate) domain_fits: bool,
    /// The cookie's options, if they are not the policy's.
    own: Option<Arc<CookieOptions>>,
    /// What is wrong with the options that the application made for this request.
    pub(crate) unfit: Option<&'static str>,
}

impl Seen {
    /// Where there is no request.
    pub(crate) fn nothing() -> Self {
        Self { security: Ok(()), domain_fits: true, own: None, unfit: None }
    }

    pub(crate) fn options<'a>(&'a self, policy: &'a Policy) -> &'a CookieOptions {
        self.own.as_deref().unwrap_or(&policy.0.settings.cookie)
    }
}

impl Policy {
    /// What this policy makes of a request.
    #[must_use]
    pub fn client<'a>(&'a self, facts: &'a RequestFacts<'a>) -> ClientRequest<'a> {
        ClientRequest::new(self, facts)
    }

    pub(crate) fn see(&self, facts: &RequestFacts<'_>) -> Seen {
        let request = self.client(facts);
        let settings = &self.0.settings;
        let (mut own, mut unfit) = (None, None);
        if let Some(by_request) = &settings.by_request {
            let mut options = settings.cookie.clone();
            (by_request.0)(&request, &mut options);
            match options.check(&self.0.name, settings.express) {
                Ok(()) => own = Some(Arc::new(options)),
                Err(error) => unfit = Some(error.subject()),
            }
        }
        let mut seen = Seen { security: request.security, domain_fits: true, own, unfit };
        // Most cookies have no domain, and then the host is not looked for.
        if let Some(domain) = &seen.options(self).domain {
            seen.domain_fits = request.host().is_none_or(|host| domain_matches(domain, &host));
        }
        seen
    }
}

fn security(trust: &TrustProxy, facts: &RequestFacts<'_>) -> Result<(), Insecure> {
    if facts.tls {
        return Ok(());
    }
    if let Some(hops) = Hops::trusted(trust, facts) {
        return match forwarded::is_https(facts, trust, hops) {
            Some(true) => Ok(()),
            Some(false) => Err(Insecure::Denied),
            None => Err(Insecure::Silent),
        };
    }
    // Nothing is believed from here on: it only tells what to write into the log.
    Err(match (trust, facts.peer) {
        _ if !forwarded::claims_https(facts) => Insecure::Unsaid,
        (TrustProxy::Nobody, _) => Insecure::NobodyTrusted,
        (_, None) => Insecure::UnknownPeer(facts.peer_hint),
        (_, Some(_)) => Insecure::UntrustedPeer,
    })
}

#[cfg(test)]
mod tests;
