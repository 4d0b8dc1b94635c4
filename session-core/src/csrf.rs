//! Tokens against cross-site request forgery, and the header check that goes with them.
//!
//! A token is derived from the session's id, so it costs no write, and a new id (login, renewal) makes the old token
//! worthless. It is masked with fresh random bytes each time, so that a compressed page does not give it away
//! piece by piece (BREACH).
//!
//! A visitor without a session gets a token that is bound to nothing but the server and the hour. By itself it only
//! proves that somebody fetched the form; [`is_cross_site`] is what keeps another site from posting it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;
use time::OffsetDateTime;

use crate::clock::millis;
use crate::id::SessionId;
use crate::state::{Source, State};
use crate::table::Intent;

/// For how long the form of a visitor without a session may be sent back, in seconds.
pub const VISITOR_TOKEN_SECONDS: i64 = 60 * 60;

/// Bytes of randomness that mask a token.
pub const MASK_BYTES: usize = 32;

impl State {
    /// A token for a form of this session.
    ///
    /// `mask` is random; `fresh` is asked for an id if the session is about to get a new one.
    pub fn csrf_token(
        &mut self,
        now: OffsetDateTime,
        mask: [u8; MASK_BYTES],
        fresh: impl FnOnce() -> SessionId,
    ) -> String {
        let seconds = millis(now) / 1000;
        let mac = if self.binds_tokens() {
            let id = self.id(fresh).clone();
            self.session_mac(&id)
        } else {
            self.visitor_mac(seconds)
        };
        let mut bytes = Vec::with_capacity(8 + 2 * MASK_BYTES);
        bytes.extend_from_slice(&seconds.to_be_bytes());
        bytes.extend_from_slice(&mask);
        bytes.extend(mac.iter().zip(mask).map(|(byte, mask)| byte ^ mask));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Whether `token` was made for this session, or, if nobody has logged in to it, for a visitor within the hour.
    #[must_use]
    pub fn csrf_verify(&self, token: &str, now: OffsetDateTime) -> bool {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(token) else {
            return false;
        };
        let Some((seconds, rest)) = bytes.split_first_chunk::<8>() else {
            return false;
        };
        let Some((mask, masked)) = rest.split_first_chunk::<MASK_BYTES>() else {
            return false;
        };
        let given: Vec<u8> = masked.iter().zip(mask).map(|(byte, mask)| byte ^ mask).collect();
        let seconds = i64::from_be_bytes(*seconds);
        let of_session = match &self.id {
            Some(id) if self.binds_tokens() => self.session_mac(id).ct_eq(&given).into(),
            Some(_) | None => false,
        };
        let age = (millis(now) / 1000).saturating_sub(seconds);
        let of_visitor = self.owner().is_none()
            && (0..=VISITOR_TOKEN_SECONDS).contains(&age)
            && bool::from(self.visitor_mac(seconds).ct_eq(&given));
        of_session || of_visitor
    }

    /// Whether this session has, or is sure to get, a record and with it an id that the browser holds.
    fn binds_tokens(&self) -> bool {
        match (&self.source, self.intent) {
            (
                Source::Loaded(_),
                Intent::Keep | Intent::Renew | Intent::Rotate | Intent::Regenerate | Intent::Login,
            ) => true,
            (Source::Fresh | Source::Superseded { .. }, Intent::Login) => true,
            (Source::Loaded(_), Intent::Destroy | Intent::Unset) => false,
            (
                Source::Fresh | Source::Superseded { .. },
                Intent::Keep
                | Intent::Renew
                | Intent::Rotate
                | Intent::Regenerate
                | Intent::Destroy
                | Intent::Unset,
            ) => false,
        }
    }

    fn session_mac(&self, id: &SessionId) -> [u8; 32] {
        self.policy.0.form_key.sign(&[b"session ", id.expose().as_bytes()].concat())
    }

    fn visitor_mac(&self, seconds: i64) -> [u8; 32] {
        self.policy.0.form_key.sign(&[b"visitor ", seconds.to_be_bytes().as_slice()].concat())
    }
}

/// Whether a browser says that a request comes from another site, by `Sec-Fetch-Site` (Fetch Metadata) or, in older
/// browsers, by an `Origin` whose host is not the request's own.
///
/// A request with neither header comes from no browser's page, and is not judged cross-site.
///
/// ```
/// use session_core::csrf::is_cross_site;
///
/// assert!(is_cross_site(Some("cross-site"), None, "shop.example"));
/// assert!(is_cross_site(None, Some("https://evil.example"), "shop.example"));
/// assert!(!is_cross_site(None, Some("http://localhost:4000"), "localhost:4000"));
/// assert!(!is_cross_site(None, Some("https://shop.example"), "shop.example:443"));
/// assert!(!is_cross_site(None, None, "shop.example"));
/// ```
#[must_use]
pub fn is_cross_site(sec_fetch_site: Option<&str>, origin: Option<&str>, host: &str) -> bool {
    match (sec_fetch_site, origin) {
        (Some(site), _) => !matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => {
            let (scheme, authority) = origin.split_once("://").unwrap_or(("", origin));
            !without_default_port(scheme, authority).eq_ignore_ascii_case(without_default_port(scheme, host))
        }
        (None, None) => false,
    }
}

/// An authority as browsers write it in `Origin`: some proxies and clients write the port of the scheme out in `Host`.
fn without_default_port<'a>(scheme: &str, authority: &'a str) -> &'a str {
    let port = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => return authority,
    };
    authority.strip_suffix(port).unwrap_or(authority)
}

#[cfg(test)]
mod tests {
    use super::is_cross_site;

    #[test]
    fn the_port_of_the_scheme_says_nothing_and_another_does() {
        for (origin, host, cross) in [
            ("https://shop.example", "shop.example:443", false),
            ("https://shop.example:443", "shop.example", false),
            ("http://shop.example", "shop.example:80", false),
            ("https://shop.example", "SHOP.example", false),
            ("https://shop.example", "shop.example:80", true),
            ("https://shop.example:8443", "shop.example", true),
            ("http://[::1]", "[::1]:80", false),
            ("https://evil.example", "shop.example:443", true),
            ("https://shop.example.evil.example", "shop.example:443", true),
            ("null", "shop.example", true),
            ("", "shop.example", true),
        ] {
            assert_eq!(is_cross_site(None, Some(origin), host), cross, "{origin} {host}");
        }
    }
}
