//! What proxies say: `X-Forwarded-Proto`, `X-Forwarded-Host`, `X-Forwarded-For` and `Forwarded` (RFC 7239).
//!
//! Each is a list, in one field or in several, to which the proxies on the way add in turn, the nearest last. The entry that
//! counts is the one of the outermost trusted proxy. If there are both, the `X-` fields come before `Forwarded`, since
//! they are what proxies overwrite; a proxy that does not know `Forwarded` passes on what a client made up.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use super::RequestFacts;
use crate::policy::TrustProxy;

const FORWARDED: &str = "forwarded";

/// How many proxies in a row are trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hops {
    /// All there are.
    All,
    /// So many.
    Count(usize),
    /// As many as have trusted addresses: the peer has one.
    ByAddress,
}

impl Hops {
    /// `None` if not even the connection's other end is trusted.
    pub(super) fn trusted(trust: &TrustProxy, facts: &RequestFacts<'_>) -> Option<Self> {
        match trust {
            TrustProxy::Nobody => None,
            TrustProxy::Everybody => Some(Self::All),
            TrustProxy::Hops(hops) => Some(Self::Count(usize::from(*hops))),
            TrustProxy::PrivateNetworks | TrustProxy::Addresses(_) => {
                trust.by_address(facts.peer?).filter(|&trusted| trusted).map(|_| Self::ByAddress)
            }
        }
    }

    /// The place of the entry that counts in a list of `entries`.
    fn place(self, entries: usize, by_address: impl FnOnce() -> usize) -> usize {
        match self {
            Self::All => 0,
            Self::Count(hops) => entries.saturating_sub(hops),
            Self::ByAddress => entries.saturating_sub(by_address()),
        }
    }
}

/// Whether the browser's connection is secure, by the word of the outermost trusted proxy; `None` if it has none.
pub(super) fn is_https(facts: &RequestFacts<'_>, trust: &TrustProxy, hops: Hops) -> Option<bool> {
    match counting(facts, "x-forwarded-proto", trust, hops) {
        Some(proto) => Some(says_https(proto)),
        None => element(facts, trust, hops)?.get(b"proto").map(|proto| says_https(&proto)),
    }
}

/// The host that the browser asked for, by the word of the outermost trusted proxy.
pub(super) fn host<'a>(facts: &RequestFacts<'a>, trust: &TrustProxy, hops: Hops) -> Option<Cow<'a, str>> {
    match counting(facts, "x-forwarded-host", trust, hops) {
        Some(host) => std::str::from_utf8(host).ok().map(Cow::Borrowed),
        None => match element(facts, trust, hops)?.get(b"host")? {
            Cow::Borrowed(host) => std::str::from_utf8(host).ok().map(Cow::Borrowed),
            Cow::Owned(host) => String::from_utf8(host).ok().map(Cow::Owned),
        },
    }
}

/// Whether anybody on the way says https, trusted or not.
pub(super) fn claims_https(facts: &RequestFacts<'_>) -> bool {
    let mut claims = false;
    facts.values("x-forwarded-proto", &mut |field| claims |= entries(field).any(says_https));
    if !claims {
        facts.values(FORWARDED, &mut |field| {
            claims |= elements(field).any(|it| it.get(b"proto").is_some_and(|proto| says_https(&proto)));
        });
    }
    claims
}

/// A proxy that hands on a websocket may say `wss`.
fn says_https(proto: &[u8]) -> bool {
    proto.eq_ignore_ascii_case(b"https") || proto.eq_ignore_ascii_case(b"wss")
}

/// The entries of one field of a plain list.
fn entries(field: &[u8]) -> impl Iterator<Item = &[u8]> {
    field.split(|&byte| byte == b',').map(<[u8]>::trim_ascii)
}

/// The entry that counts of a plain list.
fn counting<'a>(facts: &RequestFacts<'a>, name: &str, trust: &TrustProxy, hops: Hops) -> Option<&'a [u8]> {
    let mut count = 0;
    facts.values(name, &mut |field| count += entries(field).count());
    if count == 0 {
        return None;
    }
    let place = hops.place(count, || trusted_addresses(facts, trust));
    let (mut at, mut found) = (0, None);
    facts.values(name, &mut |field| {
        for entry in entries(field) {
            if at == place {
                found = Some(entry);
            }
            at += 1;
        }
    });
    found
}

/// How many proxies have trusted addresses, without a gap: the peer, and those before it in `X-Forwarded-For`.
fn trusted_addresses(facts: &RequestFacts<'_>, trust: &TrustProxy) -> usize {
    let mut run = 0;
    facts.values("x-forwarded-for", &mut |field| {
        for entry in entries(field) {
            run = if is_trusted(trust, entry) { run + 1 } else { 0 };
        }
    });
    1 + run
}

fn is_trusted(trust: &TrustProxy, entry: &[u8]) -> bool {
    address(entry).and_then(|address| trust.by_address(address)).unwrap_or(false)
}

/// An address, with a port or without.
fn address(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?;
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    if let Ok(socket) = text.parse::<SocketAddr>() {
        return Some(socket.ip());
    }
    text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6)
}

/// One proxy's part of `Forwarded`: pairs with semicolons between them.
#[derive(Debug, Clone, Copy)]
struct Element<'a>(&'a [u8]);

impl<'a> Element<'a> {
    /// The value of a parameter. `None` if it is not there, there twice, or the element is malformed.
    fn get(self, name: &[u8]) -> Option<Cow<'a, [u8]>> {
        let mut found = None;
        for pair in split(self.0, b';') {
            let pair = pair.trim_ascii();
            if pair.is_empty() {
                continue;
            }
            let equals = pair.iter().position(|&byte| byte == b'=')?;
            let (key, value) = (&pair[..equals], token(&pair[equals + 1..])?);
            if key.eq_ignore_ascii_case(name) && found.replace(value).is_some() {
                return None;
            }
        }
        found
    }
}

/// A token, or what stands between quotes.
fn token(value: &[u8]) -> Option<Cow<'_, [u8]>> {
    let Some(quoted) = value.strip_prefix(b"\"") else {
        let is_token = |byte: &u8| byte.is_ascii_graphic() && !b"\"(),;<=>?@\\{}".contains(byte);
        return (!value.is_empty() && value.iter().all(is_token)).then_some(Cow::Borrowed(value));
    };
    let inner = quoted.strip_suffix(b"\"")?;
    let mut plain = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'\\' => plain.push(*bytes.next()?),
            // A quote that ends the text before its end.
            b'"' => return None,
            byte => plain.push(byte),
        }
    }
    Some(Cow::Owned(plain))
}

/// Splits where the separator stands outside of quotes. An open quote holds all that follows.
fn split(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |&byte| {
        if escaped {
            escaped = false;
        } else if quoted && byte == b'\\' {
            escaped = true;
        } else if byte == b'"' {
            quoted = !quoted;
        } else {
            return !quoted && byte == separator;
        }
        false
    })
}

fn elements(field: &[u8]) -> impl Iterator<Item = Element<'_>> {
    split(field, b',').map(|element| Element(element.trim_ascii()))
}

/// The element that counts of `Forwarded`.
fn element<'a>(facts: &RequestFacts<'a>, trust: &TrustProxy, hops: Hops) -> Option<Element<'a>> {
    let (mut count, mut run) = (0, 0);
    facts.values(FORWARDED, &mut |field| {
        for element in elements(field) {
            count += 1;
            let trusted = hops == Hops::ByAddress
                && element.get(b"for").is_some_and(|address| is_trusted(trust, &address));
            run = if trusted { run + 1 } else { 0 };
        }
    });
    if count == 0 {
        return None;
    }
    let place = hops.place(count, || 1 + run);
    let (mut at, mut found) = (0, None);
    facts.values(FORWARDED, &mut |field| {
        for element in elements(field) {
            if at == place {
                found = Some(element);
            }
            at += 1;
        }
    });
    found
}
