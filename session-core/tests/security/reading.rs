//! 4.6 Cookie: what is read, and whom one believes.

use std::net::IpAddr;

use session_core::close::CookieProblem;
use session_core::cookie::MAX_CANDIDATES;
use session_core::open::Notice;
use session_core::policy::{Secure, TrustProxy};
use session_core::{Open, RequestFacts};

use crate::server::*;

/// CK-8
#[test]
fn cookie_names_are_matched_byte_for_byte() {
    let mut server = Server::new(strong().secure(Secure::Always));
    let cookie = server.begin();
    let (name, value) = cookie.split_once('=').unwrap();
    assert_eq!(name, "__Host-sid");
    for other in [
        "%5f%5fHost-sid",
        "%5F%5FHost-sid",
        "__hOsT-sid",
        "__host-sid",
        "__Host-sid%20",
        "__Host%2Dsid",
        "_Host-sid",
        "sid",
    ] {
        let state = server.open(&[&format!("{other}={value}")], NOW);
        assert!(state.is_new(), "{other}");
        assert_eq!(state.notices(), [], "{other} is another cookie, not a bad one");
    }
    assert!(!server.open(&[&cookie], NOW).is_new());
}

/// CK-9, FX-8
#[test]
fn every_cookie_of_the_name_is_tried_in_any_order_up_to_a_bound() {
    for builder in [strong(), preset()] {
        let mut server = Server::new(builder);
        let good = server.begin();
        let name = server.policy.cookie_name().to_owned();
        let unknown = server.cookie_for("never-stored");
        for bad in [format!("{name}=x"), format!("{name}="), format!("{name}=s%3Ax.y"), unknown] {
            for headers in [
                vec![format!("{good}; {bad}")],
                vec![format!("{bad}; {good}")],
                vec![good.clone(), bad.clone()],
                vec![bad.clone(), good.clone()],
                vec![format!("{bad}; {bad}; {good}; {bad}")],
            ] {
                let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
                let state = server.open(&headers, NOW);
                assert!(!state.is_new(), "{headers:?}");
            }
            let state = server.open(&[&format!("{bad}; {good}")], NOW);
            assert_eq!(state.notices().len(), 1, "the bad one is an event");
        }
        let flood = format!("{name}=x; ").repeat(10_000) + &good;
        let state = server.open(&[&flood], NOW);
        assert!(state.is_new());
        assert_eq!(state.notices(), [Notice::Rejected; MAX_CANDIDATES]);
    }
}

/// CK-11
#[test]
fn a_secure_cookie_is_not_set_over_http_and_only_a_trusted_proxy_says_what_https_is() {
    let loopback: IpAddr = "127.0.0.1".parse().unwrap();
    let inside: IpAddr = "10.1.2.3".parse().unwrap();
    let mapped: IpAddr = "::ffff:192.168.0.1".parse().unwrap();
    let outside: IpAddr = "203.0.113.9".parse().unwrap();
    let outside6: IpAddr = "2001:db8::1".parse().unwrap();
    for (trust, tls, proto, peer, sent) in [
        (TrustProxy::Nobody, true, None, None, true),
        (TrustProxy::Nobody, false, None, None, false),
        (TrustProxy::Nobody, false, Some("https"), Some(loopback), false),
        (TrustProxy::Everybody, false, Some("https"), Some(outside), true),
        (TrustProxy::Everybody, false, Some(" HTTPS "), None, true),
        (TrustProxy::Everybody, false, Some("https,http"), None, true),
        (TrustProxy::Everybody, false, Some("http,https"), None, false),
        (TrustProxy::Everybody, false, Some("http"), None, false),
        (TrustProxy::Everybody, false, None, None, false),
        (TrustProxy::PrivateNetworks, false, Some("https"), Some(loopback), true),
        (TrustProxy::PrivateNetworks, false, Some("https"), Some(inside), true),
        (TrustProxy::PrivateNetworks, false, Some("https"), Some(mapped), true),
        (TrustProxy::PrivateNetworks, false, Some("https"), Some(outside), false),
        (TrustProxy::PrivateNetworks, false, Some("https"), Some(outside6), false),
        (TrustProxy::PrivateNetworks, false, Some("https"), None, false),
    ] {
        let facts = RequestFacts { path: "/", tls, forwarded_proto: proto, peer, host: None };
        let case = format!("{trust:?} {facts:?}");
        let mut server = Server { facts, ..Server::new(strong().secure(Secure::Always).trust_proxy(trust)) };
        let mut state = server.open(&[], NOW);
        state.insert("a", 1).unwrap();
        let reply = server.close(state, NOW);
        assert_eq!(reply.set_cookie().is_some(), sent, "{case}");
        assert_eq!(reply.problem(), (!sent).then_some(CookieProblem::Insecure), "{case}: it says why");
    }
}

/// CK-13: the fuzz target and the property tests go further.
#[test]
fn a_cookie_header_of_any_size_and_any_bytes_is_read() {
    let mut server = Server::new(strong());
    let good = server.begin();
    let many: String = (0..1000).map(|n| format!("c{n}=v; ")).collect();
    let big = format!("x={}; ", "y".repeat(64 * 1024));
    for front in [many.into_bytes(), big.into_bytes(), b"\xff=\xfe; \xc3\x28; ".to_vec()] {
        let header = [front, good.clone().into_bytes()].concat();
        let open = server.policy.open(server.policy.visit(&tls(), [header.as_slice()]));
        assert!(matches!(open, Open::Load(_)));
    }
}
