//! What is believed of whom, in every form that proxies use.

use super::*;
use crate::Keyring;

fn policy(trust: &str) -> Policy {
    let keyring = Keyring::new("a secret that is long and random enough");
    Policy::builder(keyring).trust_proxy(trust.parse().unwrap()).build().unwrap()
}

/// Header fields, a line each.
struct Lines(Vec<(String, String)>);

impl Lines {
    fn new(lines: &str) -> Self {
        let pair = |line: &str| {
            line.trim().split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()))
        };
        Self(lines.lines().filter_map(pair).collect())
    }
}

impl HeaderSource for Lines {
    fn values<'h>(&'h self, name: &str, each: &mut dyn FnMut(&'h [u8])) {
        assert_eq!(name, name.to_ascii_lowercase());
        let named = self.0.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
        named.for_each(|(_, value)| each(value.as_bytes()));
    }
}

/// What a policy that trusts these makes of a request from this peer: whether it is secure, or why not.
fn judged(trust: &str, peer: &str, lines: &str) -> Result<(), Insecure> {
    let (policy, lines) = (policy(trust), Lines::new(lines));
    let facts = RequestFacts::new("/").peer(peer.parse().ok()).peer_hint("hint").headers(&lines);
    policy.client(&facts).security
}

fn host(trust: &str, peer: &str, lines: &str) -> String {
    let (policy, lines) = (policy(trust), Lines::new(lines));
    let facts = RequestFacts::new("/").host(Some("app:3000")).peer(peer.parse().ok()).headers(&lines);
    policy.client(&facts).host().unwrap().into_owned()
}

const HTTPS: Result<(), Insecure> = Ok(());
const HTTP: Result<(), Insecure> = Err(Insecure::Denied);
const SILENT: Result<(), Insecure> = Err(Insecure::Silent);

#[test]
fn the_entry_of_the_outermost_trusted_proxy_counts() {
    for (trust, lines, expected) in [
        ("everybody", "X-Forwarded-Proto: https, http, http", HTTPS),
        ("everybody", "X-Forwarded-Proto: http, https", HTTP),
        ("1", "X-Forwarded-Proto: https", HTTPS),
        ("1", "X-Forwarded-Proto: https, http", HTTP),
        ("1", "X-Forwarded-Proto: http, https", HTTPS),
        ("2", "X-Forwarded-Proto: https, http", HTTPS),
        ("2", "X-Forwarded-Proto: http, https, http", HTTPS),
        ("3", "X-Forwarded-Proto: https", HTTPS),
        ("255", "X-Forwarded-Proto: https, http", HTTPS),
        ("1", "X-Forwarded-Proto: https\nX-Forwarded-Proto: http", HTTP),
        ("2", "X-Forwarded-Proto: https\nX-Forwarded-Proto: http", HTTPS),
        ("1", "X-Forwarded-Proto: HTTPS", HTTPS),
        ("1", "X-Forwarded-Proto: wss", HTTPS),
        ("1", "X-Forwarded-Proto: ws", HTTP),
        ("1", "X-Forwarded-Proto: https,", HTTP),
        ("1", "X-Forwarded-Proto: , ,https", HTTPS),
        ("1", "X-Forwarded-Proto: \"https\"", HTTP),
        ("1", "X-Other: https", SILENT),
    ] {
        assert_eq!(judged(trust, "", lines), expected, "{trust} {lines}");
    }
}

#[test]
fn with_addresses_the_chain_is_walked_from_this_end() {
    let proto = "X-Forwarded-Proto: https, http";
    for (trust, peer, forwarded_for, expected) in [
        // One trusted proxy; what came before it is the client's word.
        ("loopback", "127.0.0.1", "203.0.113.9", HTTP),
        ("loopback", "127.0.0.1", "", HTTP),
        // Two: the list is theirs.
        ("loopback, 10.0.0.0/8", "127.0.0.1", "203.0.113.9, 10.0.0.1", HTTPS),
        ("loopback, 10.0.0.0/8", "::1", "203.0.113.9, 10.0.0.1:4711", HTTPS),
        ("loopback, fd00::/8", "127.0.0.1", "203.0.113.9, [fd00::1]:80", HTTPS),
        ("loopback, fd00::/8", "127.0.0.1", "203.0.113.9, [fd00::1]", HTTPS),
        // A gap ends it.
        ("loopback, 10.0.0.0/8", "127.0.0.1", "10.0.0.1, 203.0.113.9", HTTP),
        ("loopback, 10.0.0.0/8", "127.0.0.1", "10.0.0.1, unknown", HTTP),
        ("loopback, 10.0.0.0/8", "127.0.0.1", "10.0.0.1,", HTTP),
        ("private-networks", "192.168.1.1", "203.0.113.9, 172.16.0.1", HTTPS),
    ] {
        let lines = format!("{proto}\nX-Forwarded-For: {forwarded_for}");
        assert_eq!(judged(trust, peer, &lines), expected, "{trust} {peer} {lines}");
    }
    let two_fields = format!("{proto}\nX-Forwarded-For: 203.0.113.9\nX-Forwarded-For: 10.0.0.1");
    assert_eq!(judged("loopback, 10.0.0.0/8", "127.0.0.1", &two_fields), HTTPS);
}

#[test]
fn forwarded_is_read_as_rfc_7239_says() {
    for (trust, peer, lines, expected) in [
        ("1", "", "Forwarded: for=192.0.2.60;proto=https;by=203.0.113.43", HTTPS),
        ("1", "", "Forwarded: Proto=HTTPS", HTTPS),
        ("1", "", "Forwarded: proto=\"ht\\tps\"", HTTPS),
        ("1", "", "Forwarded: proto=https, proto=http", HTTP),
        ("2", "", "Forwarded: proto=https, proto=http", HTTPS),
        ("2", "", "Forwarded: proto=https\nForwarded: proto=http", HTTPS),
        ("1", "", "Forwarded: for=\"_a, proto=http\";proto=https", HTTPS),
        ("1", "", "Forwarded: for=192.0.2.60", SILENT),
        (
            "loopback, 10.0.0.0/8",
            "127.0.0.1",
            "Forwarded: for=203.0.113.9;proto=https, for=10.0.0.1;proto=http",
            HTTPS,
        ),
        ("loopback", "127.0.0.1", "Forwarded: for=203.0.113.9;proto=https, for=10.0.0.1;proto=http", HTTP),
        ("loopback, fd00::/8", "::1", "Forwarded: proto=https, for=\"[fd00::1]:80\";proto=http", HTTPS),
        ("loopback, fd00::/8", "::1", "Forwarded: proto=https, for=_hidden;proto=http", HTTP),
        // What proxies overwrite comes first.
        ("1", "", "Forwarded: proto=https\nX-Forwarded-Proto: http", HTTP),
        ("1", "", "Forwarded: proto=http\nX-Forwarded-Proto: https", HTTPS),
    ] {
        assert_eq!(judged(trust, peer, lines), expected, "{trust} {peer} {lines}");
    }
}

/// What a client makes up cannot swallow or shift what the trusted proxy adds behind it.
#[test]
fn a_malformed_forwarded_header_says_nothing() {
    for made_up in [
        "proto=https;x=\"",
        "proto=https;for=\"",
        "\"",
        "proto=https;x=\"\\",
        ";;;=",
        "=",
        "proto",
        "proto=",
        "proto=https;proto=https",
        "proto=https;x=\"a\"b\"",
        "proto=https;x",
        "proto=ht tps",
        "\\",
        "proto=https;=\"",
    ] {
        for added in ["", ", for=203.0.113.9;proto=http", ", for=\"[2001:db8::1]\";proto=http", ";proto=http"]
        {
            let lines = format!("Forwarded: {made_up}{added}");
            let judged = judged("1", "", &lines);
            assert!(judged.is_err(), "{lines}");
        }
    }
    // In a field of its own the proxy's word stands, whatever came before.
    assert_eq!(judged("1", "", "Forwarded: x=\"\nForwarded: proto=https"), HTTPS);
}

#[test]
fn an_untrusted_sender_is_not_believed_and_the_reason_says_what_is_missing() {
    for said in ["X-Forwarded-Proto: https", "X-Forwarded-Proto: http, wss", "Forwarded: proto=https"] {
        assert_eq!(judged("nobody", "127.0.0.1", said), Err(Insecure::NobodyTrusted));
        assert_eq!(judged("loopback", "10.0.0.1", said), Err(Insecure::UntrustedPeer));
        assert_eq!(judged("loopback", "", said), Err(Insecure::UnknownPeer("hint")));
        assert_eq!(
            host("loopback", "10.0.0.1", &format!("{said}\nX-Forwarded-Host: evil.example")),
            "app:3000"
        );
    }
    assert_eq!(judged("nobody", "127.0.0.1", ""), Err(Insecure::Unsaid));
    assert_eq!(judged("loopback", "", "X-Forwarded-Proto: http"), Err(Insecure::Unsaid));
    let lines = "X-Forwarded-Proto: https\nX-Forwarded-For: 127.0.0.1";
    assert_eq!(judged("loopback", "203.0.113.9", lines), Err(Insecure::UntrustedPeer), "a claimed address");
}

#[test]
fn the_host_is_the_one_that_the_browser_asked_for() {
    for (trust, lines, expected) in [
        ("1", "", "app:3000"),
        ("1", "X-Forwarded-Host: shop.example", "shop.example"),
        ("1", "X-Forwarded-Host: evil.example, shop.example", "shop.example"),
        ("everybody", "X-Forwarded-Host: shop.example, inner", "shop.example"),
        ("1", "X-Forwarded-Host: ", "app:3000"),
        ("1", "Forwarded: host=shop.example;proto=https", "shop.example"),
        ("1", "Forwarded: host=\"shop.example:8443\"", "shop.example:8443"),
        ("nobody", "X-Forwarded-Host: shop.example", "app:3000"),
    ] {
        assert_eq!(host(trust, "", lines), expected, "{trust} {lines}");
    }
}
