//! Cookies as text: reading `Cookie` headers and writing `Set-Cookie`, RFC 6265bis rules included.
//!
//! Reading uses the `cookie` crate. Writing does not: express-session's attribute order, its `Priority` attribute
//! and its absence of `Max-Age` are part of what this library must reproduce to the letter.

use std::borrow::Cow;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use time::OffsetDateTime;

use crate::clock::{later, to_http};

/// At most this many bytes of name and value together (RFC 6265bis §5.6): a browser drops a larger cookie.
pub const MAX_COOKIE_BYTES: usize = 4096;

/// At most this many bytes of one attribute's value (RFC 6265bis §5.6).
pub const MAX_ATTRIBUTE_BYTES: usize = 1024;

/// The longest life a browser grants a cookie: 400 days (RFC 6265bis §5.5).
pub const MAX_LIFE: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// At most this many cookies of one name are looked at, so that a flood of them costs a bounded amount of work.
pub const MAX_CANDIDATES: usize = 8;

/// What JavaScript's `encodeURIComponent` escapes.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// `SameSite`: with which requests from other sites a browser sends the cookie (RFC 6265bis §4.1.2.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SameSite {
    /// With none.
    Strict,
    /// When the user follows a link.
    Lax,
    /// With all; needs `Secure`.
    None,
}

impl SameSite {
    pub(crate) fn parse(word: &str) -> Option<Self> {
        [Self::Strict, Self::Lax, Self::None]
            .into_iter()
            .find(|same_site| word.eq_ignore_ascii_case(same_site.lower_case()))
    }

    pub(crate) fn lower_case(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Lax => "lax",
            Self::None => "none",
        }
    }

    fn attribute(self) -> &'static str {
        match self {
            Self::Strict => "; SameSite=Strict",
            Self::Lax => "; SameSite=Lax",
            Self::None => "; SameSite=None",
        }
    }
}

/// `Priority`: which cookies Chromium evicts first when a site has too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Priority {
    /// First.
    Low,
    /// The default.
    Medium,
    /// Last.
    High,
}

impl Priority {
    pub(crate) fn parse(word: &str) -> Option<Self> {
        [Self::Low, Self::Medium, Self::High]
            .into_iter()
            .find(|priority| word.eq_ignore_ascii_case(priority.lower_case()))
    }

    pub(crate) fn lower_case(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    fn attribute(self) -> &'static str {
        match self {
            Self::Low => "; Priority=Low",
            Self::Medium => "; Priority=Medium",
            Self::High => "; Priority=High",
        }
    }
}

/// The attributes of one session's cookie, with every "auto" decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Attributes {
    /// Empty: no `Path` attribute.
    pub(crate) path: String,
    pub(crate) domain: Option<String>,
    pub(crate) http_only: bool,
    pub(crate) secure: bool,
    pub(crate) same_site: Option<SameSite>,
    pub(crate) partitioned: bool,
    pub(crate) priority: Option<Priority>,
}

/// How long a `Set-Cookie` lets the cookie live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CookieLife {
    /// Until the browser is closed.
    Browser,
    /// Until a date, already cut to what the policy allows.
    Until { expires: OffsetDateTime, now: OffsetDateTime, max_age: MaxAge },
    /// It is taken away.
    Removed { max_age: MaxAge },
}

/// Whether `Max-Age` is sent beside `Expires`. express-session never sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MaxAge {
    Sent,
    Omitted,
}

impl Attributes {
    /// The value of a `Set-Cookie` header field. `value` is the cookie value as it goes over the wire.
    pub(crate) fn set_cookie(&self, name: &str, value: &str, life: CookieLife) -> String {
        let mut line = String::with_capacity(name.len() + value.len() + 128);
        line.push_str(name);
        line.push('=');
        line.push_str(value);
        if let Some(domain) = &self.domain {
            line.push_str("; Domain=");
            line.push_str(domain);
        }
        if !self.path.is_empty() {
            line.push_str("; Path=");
            line.push_str(&self.path);
        }
        match life {
            CookieLife::Browser => {}
            CookieLife::Until { expires, now, max_age } => {
                // Rounded up: a cookie may outlive its record by part of a second, and a life of a minute says 60.
                let left = (expires - now).whole_milliseconds();
                let seconds = left.div_euclid(1000) + i128::from(left.rem_euclid(1000) > 0);
                push_expires(&mut line, expires, max_age, seconds.max(0));
            }
            CookieLife::Removed { max_age } => {
                push_expires(&mut line, OffsetDateTime::UNIX_EPOCH, max_age, 0);
            }
        }
        if self.http_only {
            line.push_str("; HttpOnly");
        }
        if self.secure {
            line.push_str("; Secure");
        }
        if self.partitioned {
            line.push_str("; Partitioned");
        }
        line.push_str(self.priority.map_or("", Priority::attribute));
        line.push_str(self.same_site.map_or("", SameSite::attribute));
        line
    }
}

fn push_expires(line: &mut String, expires: OffsetDateTime, max_age: MaxAge, seconds: i128) {
    line.push_str("; Expires=");
    line.push_str(&to_http(expires));
    match max_age {
        MaxAge::Sent => line.push_str(&format!("; Max-Age={seconds}")),
        MaxAge::Omitted => {}
    }
}

/// The latest moment a browser would keep a cookie that is set at `now`.
pub(crate) fn latest_expiry(now: OffsetDateTime) -> OffsetDateTime {
    later(now, MAX_LIFE)
}

/// The values of the cookies called `name` in the `Cookie` header fields of a request, as they are on the wire,
/// at most [`MAX_CANDIDATES`] of them.
///
/// Names are compared byte for byte and never decoded, so `%5F%5FHost-sid` is another cookie than `__Host-sid`.
pub(crate) fn candidates<'a>(
    headers: impl IntoIterator<Item = &'a [u8]>,
    name: &str,
) -> impl Iterator<Item = String> {
    headers
        .into_iter()
        .filter(|header| contains(header, name.as_bytes()))
        .flat_map(move |header| {
            // A cookie of somebody else's may hold any bytes; ours is ASCII, and survives. Most headers are ASCII as a
            // whole, which is seen a word at a time; the lossy way goes byte by byte.
            let text = str::from_utf8(header).map_or_else(|_| String::from_utf8_lossy(header), Cow::Borrowed);
            let mut found = Vec::new();
            for pair in cookie::Cookie::split_parse(&*text).flatten() {
                if pair.name() == name {
                    found.push(pair.value_trimmed().to_owned());
                }
                if found.len() == MAX_CANDIDATES {
                    break;
                }
            }
            found
        })
        .take(MAX_CANDIDATES)
}

/// Whether the bytes of `name` occur at all: the quick way out for most requests.
fn contains(header: &[u8], name: &[u8]) -> bool {
    header.windows(name.len()).any(|window| window == name)
}

/// What JavaScript's `decodeURIComponent` makes of a cookie value; the value itself if it cannot be decoded.
pub(crate) fn decode_component(value: &str) -> Cow<'_, str> {
    let Some(escape) = value.find('%') else { return Cow::Borrowed(value) };
    let (plain, mut rest) = value.split_at(escape);
    let mut decoded = Vec::with_capacity(value.len());
    decoded.extend_from_slice(plain.as_bytes());
    // Each turn takes an escape and what stands between it and the next one.
    while let Some(escaped) = rest.strip_prefix('%') {
        let byte = match *escaped.as_bytes() {
            [high, low, ..] => hex(high).zip(hex(low)),
            [] | [_] => None,
        };
        let Some((high, low)) = byte else { return Cow::Borrowed(value) };
        decoded.push(high << 4 | low);
        // Two hexadecimal digits are two characters.
        let after = &escaped[2..];
        let (plain, next) = after.split_at(after.find('%').unwrap_or(after.len()));
        decoded.extend_from_slice(plain.as_bytes());
        rest = next;
    }
    String::from_utf8(decoded).map_or(Cow::Borrowed(value), Cow::Owned)
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// What JavaScript's `encodeURIComponent` makes of a text.
pub(crate) fn encode_component(text: &str) -> String {
    // A signed value has few escapes; `to_string` would go through the formatting machinery for each piece.
    let mut encoded = String::with_capacity(text.len() + 16);
    encoded.extend(utf8_percent_encode(text, COMPONENT));
    encoded
}

/// A cookie name: an RFC 9110 token.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// A `Path` value: printable ASCII without `;` (RFC 6265bis §4.1.1) and, as in Node's `cookie`, without `<`.
pub(crate) fn is_path(path: &str) -> bool {
    path.len() <= MAX_ATTRIBUTE_BYTES && path.bytes().all(|byte| matches!(byte, b' '..=b':' | b'='..=b'~'))
}

/// A `Domain` value: labels of letters, digits and hyphens, a leading dot allowed (RFC 1034 §3.5, RFC 1123 §2.1).
pub(crate) fn is_domain(domain: &str) -> bool {
    let labels = domain.strip_prefix('.').unwrap_or(domain);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    labels.len() <= 253 && labels.split('.').all(label)
}

/// Whether a request for `request` sees a cookie with this `Path` (RFC 6265bis §5.1.4).
pub(crate) fn path_matches(path: &str, request: &str) -> bool {
    let request = request.split(['?', '#']).next().unwrap_or(request);
    match request.strip_prefix(path) {
        Some(rest) => path.is_empty() || path.ends_with('/') || rest.is_empty() || rest.starts_with('/'),
        None => false,
    }
}

/// Whether a browser that talks to `host` accepts a cookie with this `Domain` (RFC 6265bis §5.1.3).
pub(crate) fn domain_matches(domain: &str, host: &str) -> bool {
    let domain = domain.strip_prefix('.').unwrap_or(domain);
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    };
    // The root's dot belongs to no label.
    let host = host.strip_suffix('.').unwrap_or(host);
    let at = host.len().wrapping_sub(domain.len());
    match host.get(at..) {
        Some(tail) if tail.eq_ignore_ascii_case(domain) => at == 0 || host[..at].ends_with('.'),
        Some(_) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(headers: &[&str]) -> Vec<String> {
        candidates(headers.iter().map(|header| header.as_bytes()), "sid").collect()
    }

    #[test]
    fn every_cookie_of_the_name_is_found_in_every_header() {
        assert_eq!(found(&["a=1; sid=x; sid=y", "sid=\"z\"; sidx=1; xsid=2; SID=3"]), ["x", "y", "z"]);
        assert_eq!(found(&["", ";", "sid", "=sid", "a=sid"]), Vec::<String>::new());
    }

    #[test]
    fn a_flood_of_cookies_is_bounded() {
        let flood = "sid=x; ".repeat(10_000);
        assert_eq!(found(&[&flood, &flood]).len(), MAX_CANDIDATES);
    }

    #[test]
    fn foreign_bytes_beside_ours_do_no_harm() {
        let header: &[u8] = b"\xff\xfe=\x80; sid=x; b=\xf0";
        assert_eq!(candidates([header], "sid").collect::<Vec<_>>(), ["x"]);
    }

    #[test]
    fn components_decode_as_in_javascript_or_stay_as_they_are() {
        assert_eq!(decode_component("s%3Aa%2Bb+c"), "s:a+b+c");
        for raw in ["", "%", "%4", "%zz", "%é", "%a€", "%+4", "s%3A%", "%ff", "%E0%A4%A"] {
            assert_eq!(decode_component(raw), raw);
        }
        for text in ["%", "é%%€", "s:a+b", "a b\u{0}"] {
            assert_eq!(decode_component(&encode_component(text)), text);
        }
        assert_eq!(encode_component("s:é /+-_.!~*'()"), "s%3A%C3%A9%20%2F%2B-_.!~*'()");
    }

    #[test]
    fn paths_match_by_whole_segments() {
        for (path, request, matches) in [
            ("/", "/x", true),
            ("/admin", "/admin", true),
            ("/admin", "/admin/x?y", true),
            ("/admin", "/admin?x", true),
            ("/admin", "/administrator", false),
            ("/admin/", "/admin", false),
            ("", "/x", true),
        ] {
            assert_eq!(path_matches(path, request), matches, "{path} {request}");
        }
    }

    #[test]
    fn domains_match_themselves_and_their_subdomains() {
        for (domain, host, matches) in [
            ("example.com", "example.com", true),
            (".example.com", "a.EXAMPLE.com:8080", true),
            ("example.com", "badexample.com", false),
            ("a.example.com", "example.com", false),
            ("example.com", "[::1]:80", false),
            ("é.com", "x", false),
        ] {
            assert_eq!(domain_matches(domain, host), matches, "{domain} {host}");
        }
    }
}
