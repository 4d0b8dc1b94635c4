//! 4.6 Cookie: what is read, and whom one believes.

use std::net::IpAddr;
use std::time::Duration;

use session_core::close::{CookieProblem, CookieWarning};
use session_core::cookie::MAX_CANDIDATES;
use session_core::cookie::SameSite;
use session_core::open::Notice;
use session_core::policy::{Lifetime, SameSitePolicy, Secure, TrustProxy};
use session_core::request::Insecure;
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
    let subnets: TrustProxy = "192.0.2.0/24, loopback".parse().unwrap();
    let listed: IpAddr = "192.0.2.7".parse().unwrap();
    let hint = "say how";
    for (trust, tls, proto, peer, problem) in [
        (TrustProxy::Nobody, true, None, None, None),
        (TrustProxy::Nobody, false, None, None, Some(Insecure::Unsaid)),
        (TrustProxy::Nobody, false, Some("https"), Some(loopback), Some(Insecure::NobodyTrusted)),
        (TrustProxy::Everybody, false, Some("https"), Some(outside), None),
        (TrustProxy::Everybody, false, Some(" HTTPS "), None, None),
        (TrustProxy::Everybody, false, Some("https,http"), None, None),
        (TrustProxy::Everybody, false, Some("http,https"), None, Some(Insecure::Denied)),
        (TrustProxy::Everybody, false, Some("http"), None, Some(Insecure::Denied)),
        (TrustProxy::Everybody, false, None, None, Some(Insecure::Silent)),
        (TrustProxy::Hops(1), false, Some("https"), None, None),
        (TrustProxy::Hops(1), false, Some("https,http"), None, Some(Insecure::Denied)),
        (TrustProxy::PrivateNetworks, false, Some("https"), Some(loopback), None),
        (TrustProxy::PrivateNetworks, false, Some("https"), Some(inside), None),
        (TrustProxy::PrivateNetworks, false, Some("https"), Some(mapped), None),
        (TrustProxy::PrivateNetworks, false, Some("https"), Some(outside), Some(Insecure::UntrustedPeer)),
        (TrustProxy::PrivateNetworks, false, Some("https"), Some(outside6), Some(Insecure::UntrustedPeer)),
        (TrustProxy::PrivateNetworks, false, Some("https"), None, Some(Insecure::UnknownPeer(hint))),
        (subnets.clone(), false, Some("https"), Some(listed), None),
        (subnets, false, Some("https"), Some(inside), Some(Insecure::UntrustedPeer)),
    ] {
        let proto = proto.map_or(("accept", ""), |proto| ("x-forwarded-proto", proto));
        let headers = [proto];
        let facts = RequestFacts::new("/").tls(tls).peer(peer).peer_hint(hint).headers(&headers);
        let case = format!("{trust:?} {facts:?} {proto:?}");
        let reply = |secure: Secure| {
            let builder = strong().secure(secure).trust_proxy(trust.clone());
            let mut server = Server { facts, ..Server::new(builder) };
            let mut state = server.open(&[], NOW);
            state.insert("a", 1).unwrap();
            server.close(state, NOW)
        };
        let always = reply(Secure::Always);
        assert_eq!(always.set_cookie().is_some(), problem.is_none(), "{case}");
        assert_eq!(always.problem(), problem.map(CookieProblem::Insecure), "{case}: it says why");
        // An automatic one is always set, and says so if somebody claims that it could have been Secure.
        let automatic = reply(Secure::Auto);
        let line = automatic.set_cookie().unwrap();
        assert_eq!(line.contains("; Secure"), problem.is_none(), "{case}");
        let disbelieved = problem.filter(|why| {
            matches!(why, Insecure::NobodyTrusted | Insecure::UntrustedPeer | Insecure::UnknownPeer(_))
        });
        assert_eq!(automatic.warning(), disbelieved.map(CookieWarning::Disbelieved), "{case}");
        if let Some(Insecure::UnknownPeer(_)) = problem {
            assert!(always.problem().unwrap().to_string().contains(hint), "{case}");
        }
    }
}

/// CK-11: which domain is right is the browser's to say. This server sees what a proxy passes on.
#[test]
fn a_cookie_is_set_whatever_the_host_seems_to_be() {
    for (domain, host, trust, forwarded, odd) in [
        ("example.com", Some("example.com"), TrustProxy::Nobody, None, false),
        ("example.com", Some("example.com."), TrustProxy::Nobody, None, false),
        ("example.com", Some("www.EXAMPLE.com.:8443"), TrustProxy::Nobody, None, false),
        (".example.com", Some("example.com"), TrustProxy::Nobody, None, false),
        ("example.com", None, TrustProxy::Nobody, None, false),
        ("example.com", Some("app:3000"), TrustProxy::Nobody, None, true),
        ("example.com", Some("[::1]:3000"), TrustProxy::Nobody, None, true),
        ("example.com", Some("notexample.com"), TrustProxy::Nobody, None, true),
        ("example.com", Some(""), TrustProxy::Nobody, None, true),
        // A trusted proxy says what the browser asked for.
        ("example.com", Some("app:3000"), TrustProxy::Hops(1), Some("www.example.com"), false),
        ("example.com", Some("www.example.com"), TrustProxy::Hops(1), Some("other.example"), true),
        ("example.com", Some("app:3000"), TrustProxy::Nobody, Some("www.example.com"), true),
    ] {
        let headers = [forwarded.map_or(("accept", ""), |host| ("x-forwarded-host", host))];
        let facts = RequestFacts::new("/").tls(true).host(host).headers(&headers);
        let case = format!("{domain} {facts:?} {trust:?} {headers:?}");
        let mut server = Server { facts, ..Server::new(strong().domain(domain).trust_proxy(trust)) };
        let mut state = server.open(&[], NOW);
        state.insert("a", 1).unwrap();
        let reply = server.close(state, NOW);
        assert!(reply.set_cookie().unwrap().contains("; Domain="), "{case}");
        assert_eq!(reply.problem(), None, "{case}");
        assert_eq!(reply.warning(), odd.then_some(CookieWarning::ForeignDomain), "{case}");
    }
}

/// The options of the cookie may depend on the request, within what browsers take.
#[test]
fn the_cookies_options_may_depend_on_the_request() {
    let builder = strong().cookie_by_request(|request, cookie| {
        cookie.domain = request.host().map(|host| host.trim_start_matches("www.").to_owned());
        if request.header("x-embedded").is_some() {
            cookie.secure = Secure::Always;
            cookie.same_site = SameSitePolicy::Is(SameSite::None);
            cookie.lifetime = Lifetime::MaxAge(Duration::from_secs(60));
        }
        if request.path().starts_with("/admin") {
            cookie.path = "/admin".to_owned();
        }
    });
    let mut server = Server::new(builder);
    let mut line = |facts: RequestFacts<'static>| {
        server.facts = facts;
        let mut state = server.open(&[], NOW);
        state.insert("a", 1).unwrap();
        let reply = server.close(state, NOW);
        let line = reply.set_cookie().map(|line| line.split_once("; ").unwrap().1.to_owned());
        line.ok_or(reply.problem())
    };
    let day = "Expires=Wed, 02 Jan 2030 00:00:00 GMT; Max-Age=86400; HttpOnly";
    let minute = "Expires=Tue, 01 Jan 2030 00:01:00 GMT; Max-Age=60; HttpOnly";
    let facts = RequestFacts::new("/").tls(true);
    assert_eq!(line(facts).unwrap(), format!("Path=/; {day}; Secure; SameSite=Lax"));
    assert_eq!(
        line(facts.host(Some("www.shop.example"))).unwrap(),
        format!("Domain=shop.example; Path=/; {day}; Secure; SameSite=Lax"),
    );
    assert_eq!(
        line(facts.host(Some("blog.example")).headers(&[("x-embedded", "1")])).unwrap(),
        format!("Domain=blog.example; Path=/; {minute}; Secure; SameSite=None"),
    );
    assert_eq!(
        line(RequestFacts::new("/admin/x").tls(true)).unwrap(),
        format!("Path=/admin; {day}; Secure; SameSite=Lax")
    );
    // What a client makes up cannot get into the line.
    for host in ["a; Path=/x", "a b", "shop.example:80", "a\r\nb", "_"] {
        assert_eq!(line(facts.host(Some(host))), Err(Some(CookieProblem::Unfit("domain"))), "{host}");
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
