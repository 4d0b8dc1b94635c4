//! 4.6 Cookie: what is written.

use std::time::Duration;

use session_core::close::CookieProblem;
use session_core::cookie::SameSite;
use session_core::policy::{PolicyBuilder, PolicyError, SameSitePolicy, Secure};
use session_core::state::SessionCookie;
use session_core::{Error, RequestFacts, SessionId, State};
use time::OffsetDateTime;

use crate::server::*;

/// CK-4
#[test]
fn a_cookie_of_more_than_4096_bytes_is_a_problem_and_is_not_sent() {
    let send = |name: &str| {
        let mut server = Server::new(preset().name(name));
        let mut state = server.open(&[], NOW);
        state.id(|| SessionId::new(&"x".repeat(1000)).unwrap());
        state.insert("a", 1).unwrap();
        server.close(state, NOW)
    };
    let reply = send("n");
    let value = reply.cookie().split_once('=').unwrap().1.len();
    for (size, fits) in [(4095, true), (4096, true), (4097, false)] {
        let name = "n".repeat(size - value);
        let reply = send(&name);
        assert_eq!(reply.set_cookie().is_some(), fits, "{size}");
        assert_eq!(reply.problem(), (!fits).then_some(CookieProblem::TooLarge), "{size}");
        if fits {
            assert_eq!(reply.cookie().len(), size + "=".len());
        }
    }
    let path = |bytes: usize| format!("/{}", "p".repeat(bytes - 1));
    assert!(strong().path(path(1024)).build().is_ok());
    assert_eq!(strong().path(path(1025)).build().unwrap_err(), PolicyError::Path);
    let domain = |labels: usize| vec!["d".repeat(63); labels].join(".");
    assert!(strong().domain(domain(3)).build().is_ok());
    assert_eq!(strong().domain(domain(17)).build().unwrap_err(), PolicyError::Domain);
}

/// CK-5
#[test]
fn no_cookie_is_set_for_more_than_400_days_and_both_dates_agree() {
    assert!(strong().max_age(400 * DAY).build().is_ok());
    assert_eq!(strong().max_age(400 * DAY + SECOND).build().unwrap_err(), PolicyError::BeyondBrowserLimit);
    for (builder, own) in [
        (strong(), Some(500 * DAY)),
        (strong().expires(NOW + 500 * DAY), None),
        (strong().max_age(400 * DAY), None),
    ] {
        let mut server = Server::new(builder);
        let mut state = server.open(&[], NOW);
        state.insert("a", 1).unwrap();
        if own.is_some() {
            state.set_max_age(own, NOW).unwrap();
        }
        let reply = server.close(state, NOW);
        let set = cookie::Cookie::parse(reply.set_cookie().unwrap().to_owned()).unwrap();
        assert_eq!(set.max_age().unwrap().whole_seconds(), 34_560_000);
        assert_eq!(set.expires_datetime(), Some(NOW + 400 * DAY));
    }
}

/// CK-6
#[test]
fn a_removal_takes_the_cookie_out_of_the_browser_for_every_policy() {
    let mut cases = 0;
    for base in [strong(), preset()] {
        for secure in [Secure::Never, Secure::Auto, Secure::Always] {
            for path in ["/", "/x", ""] {
                for domain in [None, Some("example.com"), Some(".example.com")] {
                    for same_site in [SameSite::Lax, SameSite::Strict, SameSite::None] {
                        for partitioned in [false, true] {
                            let builder = base
                                .clone()
                                .secure(secure)
                                .path(path)
                                .partitioned(partitioned)
                                .same_site(SameSitePolicy::Is(same_site));
                            let builder = domain.into_iter().fold(builder, PolicyBuilder::domain);
                            if let Ok(policy) = builder.build() {
                                removal(
                                    Server {
                                        facts: RequestFacts::new("/x").tls(true),
                                        ..Server::with(policy)
                                    },
                                    |_| (),
                                );
                                cases += 1;
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(cases > 100, "{cases}");
    // A cookie of the session's own, which the preset remembers.
    removal(Server::new(preset()), |state| {
        let cookie = SessionCookie {
            path: "/own".to_owned(),
            domain: Some("example.com".to_owned()),
            http_only: false,
            ..state.cookie(NOW)
        };
        state.set_cookie(cookie, NOW).unwrap();
    });
}

fn removal(mut server: Server, change: impl Fn(&mut State)) {
    let mut state = server.open(&[], NOW);
    state.insert("a", 1).unwrap();
    change(&mut state);
    let set = server.close(state, NOW);
    let mut state = server.open(&[&set.cookie()], NOW);
    assert!(!state.is_new());
    state.destroy();
    let removed = server.close(state, NOW);
    let [set, removed] = [set, removed]
        .map(|reply| cookie::Cookie::parse(reply.set_cookie().unwrap().to_owned()).unwrap().into_owned());
    // A browser's jar is keyed by name, domain, path and partition; it keeps Secure cookies from insecure ones, and takes
    // a SameSite=None or Partitioned one only with Secure.
    assert_eq!(
        (
            set.name(),
            set.domain(),
            set.path(),
            set.partitioned(),
            set.secure(),
            set.same_site(),
            set.http_only()
        ),
        (
            removed.name(),
            removed.domain(),
            removed.path(),
            removed.partitioned(),
            removed.secure(),
            removed.same_site(),
            removed.http_only()
        ),
    );
    assert_eq!(removed.value(), "");
    assert!(removed.expires_datetime().unwrap() <= OffsetDateTime::UNIX_EPOCH);
    assert!(server.records.is_empty());
}

/// CK-7
#[test]
fn what_could_break_a_header_does_not_build_and_is_not_taken_from_a_record() {
    let injections =
        ["a\r\nSet-Cookie: b=1", "a;b", "a\0b", "a\nb", "a\tb", "a\u{7f}b", "é", "a; Domain=evil.example"];
    for text in injections {
        assert_eq!(strong().name(text).build().unwrap_err(), PolicyError::Name, "{text:?}");
        assert_eq!(strong().path(format!("/{text}")).build().unwrap_err(), PolicyError::Path, "{text:?}");
        assert_eq!(strong().domain(text).build().unwrap_err(), PolicyError::Domain, "{text:?}");
    }
    for text in
        ["", " ", "a b", "a,b", "a=b", "a\"b", "(a)", "a/b", "[a]", "{a}", "a@b", "a?b", "<a>", "a\\b", "a:b"]
    {
        assert_eq!(strong().name(text).build().unwrap_err(), PolicyError::Name, "{text:?}");
    }
    for text in ["", ".", "a..b", "a_b", "a,b", "-a", "a-", "a.b.", "a:80", "[::1]", "a b", "https://a"] {
        assert_eq!(strong().domain(text).build().unwrap_err(), PolicyError::Domain, "{text:?}");
    }
    // A path that begins elsewhere, or that no request's path can have, covers nothing.
    for text in ["x", " /", "*", "/a?b", "/a#b", "/a<b"] {
        assert_eq!(strong().path(text).build().unwrap_err(), PolicyError::Path, "{text:?}");
    }
    for text in injections {
        let mut server = Server::new(preset().max_age(HOUR));
        let mut state = server.open(&[], NOW);
        for cookie in [
            SessionCookie { path: format!("/{text}"), ..state.cookie(NOW) },
            SessionCookie { domain: Some(text.to_owned()), ..state.cookie(NOW) },
        ] {
            assert!(matches!(state.set_cookie(cookie, NOW), Err(Error::Cookie(_))), "{text:?}");
        }
        let evil = serde_json::json!({
            "cookie": { "originalMaxAge": 3_600_000, "path": format!("/{text}"), "domain": text, "sameSite": text, "priority": text }
        });
        server.plant("id", &evil.to_string());
        let mut state = server.open(&[&server.cookie_for("id")], NOW);
        assert!(!state.is_new());
        state.insert("a", 1).unwrap();
        let reply = server.close(state, NOW);
        let line = reply.set_cookie().unwrap();
        assert!(line.contains("; Path=/;"), "what cannot be sent falls back to the default: {line}");
        assert!(!line.contains("Domain=") && !line.contains("evil"), "{line}");
        assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{line}");
    }
}

/// CK-10: appending beside the handler's own cookies is the adapters' work; this is what they are given.
#[test]
fn a_reply_adds_one_cookie_in_one_line() {
    let mut server = Server::new(strong());
    for id in ["plain", "a b;c=d/e+f%", "ключ-é", "\"quoted\"", "x, y=z"] {
        let mut state = server.open(&[], NOW);
        state.id(|| SessionId::new(id).unwrap());
        state.insert("a", 1).unwrap();
        let reply = server.close(state, NOW);
        let line = reply.set_cookie().unwrap();
        assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{line}");
        let (pair, _) = line.split_once("; ").unwrap();
        assert!(!pair.contains([' ', ',', ';', '"', '\\']), "{pair}");
        assert_eq!(line.matches("sid=").count(), 1);
    }
}

/// CK-12
#[test]
fn a_max_age_is_never_negative_and_never_empty() {
    assert!(matches!(strong().max_age(Duration::ZERO).build(), Err(PolicyError::Zero { .. })));
    let lives =
        [Some(Duration::ZERO), Some(Duration::from_nanos(1)), Some(Duration::from_millis(999)), Some(SECOND)];
    for (own, expected) in lives.into_iter().zip(["Max-Age=0", "Max-Age=0", "Max-Age=1", "Max-Age=1"]) {
        let mut server = Server::new(strong());
        let mut state = server.open(&[], NOW);
        state.insert("a", 1).unwrap();
        state.set_max_age(own, NOW).unwrap();
        let reply = server.close(state, NOW);
        assert!(reply.set_cookie().unwrap().split("; ").any(|part| part == expected), "{reply:?}");
        assert!(server.open(&[&reply.cookie()], NOW + SECOND).is_new());
    }
    // A date that has passed when the reply is written.
    let mut server = Server::new(strong().expires(NOW - DAY));
    let mut state = server.open(&[], NOW);
    state.insert("a", 1).unwrap();
    let line = server.close(state, NOW).set_cookie().unwrap().to_owned();
    assert!(line.contains("; Max-Age=0;"), "{line}");
    // Until the browser closes: neither attribute.
    let mut server = Server::new(strong().browser_session());
    let mut state = server.open(&[], NOW);
    state.insert("a", 1).unwrap();
    let reply = server.close(state, NOW);
    let line = reply.set_cookie().unwrap();
    assert!(!line.contains("Max-Age") && !line.contains("Expires"), "{line}");
    // A removal.
    let mut state = server.open(&[&reply.cookie()], NOW);
    state.destroy();
    let line = server.close(state, NOW).set_cookie().unwrap().to_owned();
    assert!(line.contains("; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0;"), "{line}");
}
