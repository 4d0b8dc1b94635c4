//! 4.6 Cookie: names, prefixes and what browsers refuse.

use std::fmt::Debug;

use session_core::close::CookieProblem;
use session_core::cookie::SameSite;
use session_core::policy::{PolicyBuilder, PolicyError, SameSitePolicy, Secure};
use session_core::request::Insecure;
use session_core::{Policy, RequestFacts};

use crate::server::*;

/// CK-1, ID-3
#[test]
fn the_default_cookie_is_as_strict_as_its_connection_allows() {
    let line = |builder: PolicyBuilder, tls: bool| {
        let mut server = Server { facts: self::tls().tls(tls), ..Server::new(builder) };
        let mut state = server.open(&[], NOW);
        state.insert("a", 1).unwrap();
        let line = server.close(state, NOW).set_cookie().unwrap().to_owned();
        let (pair, attributes) = line.split_once("; ").unwrap();
        (pair.split_once('=').unwrap().0.to_owned(), attributes.to_owned())
    };
    let life = "Path=/; Expires=Wed, 02 Jan 2030 00:00:00 GMT; Max-Age=86400";
    assert_eq!(line(strong(), true), ("sid".to_owned(), format!("{life}; HttpOnly; Secure; SameSite=Lax")));
    assert_eq!(line(strong(), false), ("sid".to_owned(), format!("{life}; HttpOnly; SameSite=Lax")));
    assert_eq!(
        line(strong().secure(Secure::Always), true),
        ("__Host-sid".to_owned(), format!("{life}; HttpOnly; Secure; SameSite=Lax")),
    );
}

/// What a browser does with a `Set-Cookie` field, as far as it may be refused: RFC 6265bis §5.7, steps 8 to 23, with the
/// `__Http-` prefixes of the layered cookies draft and the `Partitioned` attribute of CHIPS.
#[derive(Debug, Clone, Copy)]
struct Attempt<'a> {
    name: &'a str,
    secure: bool,
    path: Option<&'a str>,
    domain: Option<&'a str>,
    http_only: bool,
    same_site_none: bool,
    partitioned: bool,
    over_tls: bool,
}

impl Attempt<'_> {
    fn is_stored(self) -> bool {
        let begins = |prefix: &str| {
            let name = self.name.to_ascii_lowercase();
            name.starts_with(&prefix.to_ascii_lowercase())
        };
        // A host-only cookie is one without a Domain attribute; the path must be given, and be `/`.
        let host = self.secure && self.domain.is_none() && self.path == Some("/");
        if self.secure && !self.over_tls {
            return false;
        }
        if self.same_site_none && !self.secure {
            return false;
        }
        if self.partitioned && !self.secure {
            return false;
        }
        if begins("__Secure-") && !self.secure {
            return false;
        }
        if begins("__Host-") && !host {
            return false;
        }
        if begins("__Http-") && !(self.secure && self.http_only) {
            return false;
        }
        if begins("__Host-Http-") && !(host && self.http_only) {
            return false;
        }
        true
    }
}

/// CK-2, CK-3
#[test]
fn a_policy_builds_exactly_when_browsers_keep_every_cookie_that_it_sets() {
    let names = [
        "sid",
        "__sid",
        "Host-sid",
        "__Host",
        "__Hostsid",
        "__Secure-sid",
        "__secure-sid",
        "__SECURE-sid",
        "__Host-sid",
        "__host-sid",
        "__hOsT-sid",
        "__Http-sid",
        "__http-sid",
        "__Host-Http-sid",
        "__host-http-sid",
        "__HOST-HTTP-sid",
        "x__Host-sid",
    ];
    let (mut built, mut refused) = (0, 0);
    for name in names {
        for secure in [Secure::Never, Secure::Auto, Secure::Always] {
            for path in ["/", "/x", ""] {
                for domain in [None, Some("example.com")] {
                    for bits in 0..8_u8 {
                        let (http_only, none, partitioned) = (bits & 1 > 0, bits & 2 > 0, bits & 4 > 0);
                        let attempt = |over_tls: bool| Attempt {
                            name,
                            secure: match secure {
                                Secure::Never => false,
                                Secure::Auto => over_tls,
                                Secure::Always => true,
                            },
                            path: Some(path).filter(|path| !path.is_empty()),
                            domain,
                            http_only,
                            same_site_none: none,
                            partitioned,
                            over_tls,
                        };
                        // Over plain http a Secure cookie is not set, so there is nothing to keep.
                        let sound = attempt(true).is_stored()
                            && (secure == Secure::Always || attempt(false).is_stored());
                        let mut builder = strong()
                            .name(name)
                            .secure(secure)
                            .path(path)
                            .http_only(http_only)
                            .partitioned(partitioned)
                            .same_site(SameSitePolicy::Is(if none { SameSite::None } else { SameSite::Lax }));
                        builder = domain.into_iter().fold(builder, PolicyBuilder::domain);
                        let case = attempt(true);
                        let policy = match builder.build() {
                            Ok(policy) => policy,
                            Err(error) => {
                                assert!(!sound, "{case:?} with {secure:?}: {error}");
                                refused += 1;
                                continue;
                            }
                        };
                        assert!(sound, "{case:?} with {secure:?} builds");
                        built += 1;
                        for over_tls in [true, false] {
                            check_line(policy.clone(), attempt(over_tls));
                        }
                    }
                }
            }
        }
    }
    assert_eq!(built + refused, names.len() * 3 * 3 * 2 * 8);
    assert!(built > 100 && refused > 100, "{built} {refused}");
}

/// The line that the policy in fact writes is the attempt, and is stored.
fn check_line(policy: Policy, attempt: Attempt<'_>) {
    let mut server = Server {
        facts: RequestFacts::new(attempt.path.unwrap_or("/")).tls(attempt.over_tls),
        ..Server::with(policy)
    };
    let mut state = server.open(&[], NOW);
    state.insert("a", 1).unwrap();
    let reply = server.close(state, NOW);
    let Some(line) = reply.set_cookie() else {
        assert_eq!(reply.problem(), Some(CookieProblem::Insecure(Insecure::Unsaid)));
        assert!(attempt.secure && !attempt.over_tls);
        return;
    };
    let set = cookie::Cookie::parse(line).unwrap();
    let written = Attempt {
        name: set.name(),
        secure: set.secure().unwrap_or(false),
        path: set.path(),
        domain: set.domain(),
        http_only: set.http_only().unwrap_or(false),
        same_site_none: set.same_site() == Some(cookie::SameSite::None),
        partitioned: set.partitioned().unwrap_or(false),
        over_tls: attempt.over_tls,
    };
    assert_eq!(format!("{written:?}"), format!("{attempt:?}"));
    assert!(written.is_stored(), "{line}");
}

/// CK-2, in the preset: prefixes are enforced there too.
#[test]
fn the_preset_does_not_build_a_prefix_that_browsers_refuse_either() {
    for name in ["__Host-sid", "__Secure-sid", "__http-sid", "__host-HTTP-sid"] {
        assert!(matches!(preset().name(name).build(), Err(PolicyError::Prefix { .. })), "{name}");
        assert!(preset().name(name).secure(Secure::Always).build().is_ok(), "{name}");
    }
}
