//! A cookie jar that follows RFC 6265bis §5.6 and §5.7, as far as a test of sessions can tell.

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::page::SetCookie;

/// The longest that a browser keeps a cookie (§5.5).
const LONGEST: time::Duration = time::Duration::days(400);

/// `Wed, 21 Oct 2015 07:28:00 GMT`.
const DATE: &[BorrowedFormatItem<'_>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

/// Where a request goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    pub(crate) host: &'a str,
    pub(crate) path: &'a str,
    pub(crate) secure: bool,
}

#[derive(Debug, Clone)]
struct Cookie {
    name: String,
    value: String,
    domain: String,
    host_only: bool,
    path: String,
    secure: bool,
    expires: Option<OffsetDateTime>,
}

/// The cookies of one browser.
#[derive(Debug, Default)]
pub(crate) struct Jar(Vec<Cookie>);

impl Jar {
    /// Keeps the cookie of a `Set-Cookie` line, or throws it away, as a browser would.
    pub(crate) fn store(&mut self, line: &str, origin: &Origin<'_>, now: OffsetDateTime) {
        let Some(set) = SetCookie::parse(line) else { return };
        let host = host_name(origin.host);
        if set.name.len() + set.value.len() > 4096 {
            return;
        }
        let domain =
            set.attribute("domain").map(|domain| domain.trim_start_matches('.').to_ascii_lowercase());
        let domain = domain.filter(|domain| !domain.is_empty());
        let cookie = Cookie {
            host_only: domain.is_none(),
            domain: domain.unwrap_or_else(|| host.clone()),
            path: match set.attribute("path") {
                Some(path) if path.starts_with('/') => path.to_owned(),
                Some(_) | None => default_path(origin.path).to_owned(),
            },
            secure: set.attribute("secure").is_some(),
            expires: expires(&set, now),
            name: set.name.clone(),
            value: set.value.clone(),
        };
        let none = set.attribute("samesite").is_some_and(|value| value.eq_ignore_ascii_case("none"));
        let refused = !domain_matches(&cookie.domain, cookie.host_only, &host)
            || (cookie.secure && !origin.secure)
            || (!cookie.secure && (none || set.attribute("partitioned").is_some()))
            || !prefix_holds(&cookie, &set)
            || self.would_overlay_a_secure_one(&cookie, origin);
        if refused {
            return;
        }
        self.0.retain(|other| {
            (&other.name, &other.domain, &other.path, other.host_only)
                != (&cookie.name, &cookie.domain, &cookie.path, cookie.host_only)
        });
        if cookie.expires.is_none_or(|expires| expires > now) {
            self.0.push(cookie);
        }
    }

    /// A cookie that came over an insecure connection does not take the place of a secure one (§5.7 step 12).
    fn would_overlay_a_secure_one(&self, cookie: &Cookie, origin: &Origin<'_>) -> bool {
        !origin.secure
            && !cookie.secure
            && self.0.iter().any(|other| {
                other.secure
                    && other.name == cookie.name
                    && (domain_matches(&other.domain, false, &cookie.domain)
                        || domain_matches(&cookie.domain, false, &other.domain))
                    && path_matches(&other.path, &cookie.path)
            })
    }

    /// The `Cookie` header for a request, if there are cookies for it: longer paths first, then older cookies.
    pub(crate) fn header(&self, origin: &Origin<'_>, now: OffsetDateTime) -> Option<String> {
        let host = host_name(origin.host);
        let path = origin.path.split(['?', '#']).next().unwrap_or_default();
        let mut sent: Vec<&Cookie> = self
            .0
            .iter()
            .filter(|cookie| {
                domain_matches(&cookie.domain, cookie.host_only, &host)
                    && path_matches(&cookie.path, path)
                    && (origin.secure || !cookie.secure)
                    && cookie.expires.is_none_or(|expires| expires > now)
            })
            .collect();
        sent.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<_> = sent.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// The value of the newest cookie of this name, whatever it is for.
    pub(crate) fn value(&self, name: &str) -> Option<String> {
        self.0.iter().rev().find(|cookie| cookie.name == name).map(|cookie| cookie.value.clone())
    }

    /// How many cookies of this name there are.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.0.iter().filter(|cookie| cookie.name == name).count()
    }

    /// When the newest cookie of this name ends; `None` if that is with the browser.
    pub(crate) fn expires(&self, name: &str) -> Option<OffsetDateTime> {
        self.0.iter().rev().find(|cookie| cookie.name == name)?.expires
    }

    /// Closes the browser: what has no date is gone.
    pub(crate) fn close(&mut self) {
        self.0.retain(|cookie| cookie.expires.is_some());
    }
}

fn host_name(host: &str) -> String {
    host.split(':').next().unwrap_or_default().to_ascii_lowercase()
}

fn expires(set: &SetCookie, now: OffsetDateTime) -> Option<OffsetDateTime> {
    // Max-Age comes before Expires, whatever their order (§5.6).
    let max_age = set.attribute("max-age").and_then(|seconds| seconds.parse().ok());
    if let Some(seconds) = max_age {
        return Some(now + time::Duration::seconds(seconds).min(LONGEST));
    }
    let date = time::PrimitiveDateTime::parse(set.attribute("expires")?, DATE).ok()?;
    Some(date.assume_utc().min(now + LONGEST))
}

/// §4.1.3: what the name promises of the attributes.
fn prefix_holds(cookie: &Cookie, set: &SetCookie) -> bool {
    let begins = |prefix: &str| {
        cookie.name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    let secure = !begins("__Secure-") || cookie.secure;
    let host =
        !begins("__Host-") || (cookie.secure && cookie.host_only && set.attribute("path") == Some("/"));
    secure && host
}

/// §5.1.4, of the request's path.
fn default_path(path: &str) -> &str {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    match path.rfind('/') {
        Some(0) | None => "/",
        Some(end) => &path[..end],
    }
}

fn path_matches(cookie: &str, request: &str) -> bool {
    match request.strip_prefix(cookie) {
        Some(rest) => rest.is_empty() || cookie.ends_with('/') || rest.starts_with('/'),
        None => false,
    }
}

fn domain_matches(domain: &str, host_only: bool, host: &str) -> bool {
    match host.strip_suffix(domain) {
        Some("") => true,
        Some(rest) => !host_only && rest.ends_with('.'),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2030-01-01 0:00 UTC);

    fn origin<'a>(host: &'a str, path: &'a str) -> Origin<'a> {
        Origin { host, path, secure: false }
    }

    fn after(line: &str) -> Jar {
        let mut jar = Jar::default();
        jar.store(line, &Origin { secure: true, ..origin("www.shop.example", "/a/b") }, NOW);
        jar
    }

    fn sends(jar: &Jar, origin: Origin<'_>) -> bool {
        jar.header(&origin, NOW).is_some()
    }

    #[test]
    fn a_cookie_goes_to_the_host_it_came_from_and_to_no_other() {
        let jar = after("n=v; Path=/");
        assert!(sends(&jar, origin("www.shop.example:8080", "/")));
        assert!(!sends(&jar, origin("shop.example", "/")) && !sends(&jar, origin("a.www.shop.example", "/")));
    }

    #[test]
    fn a_domain_cookie_goes_to_subdomains_and_is_refused_for_a_foreign_domain() {
        let jar = after("n=v; Domain=.Shop.example; Path=/");
        assert!(sends(&jar, origin("shop.example", "/")) && sends(&jar, origin("a.shop.example", "/")));
        assert!(!sends(&jar, origin("badshop.example", "/")));
        assert_eq!(after("n=v; Domain=other.example").count("n"), 0);
    }

    #[test]
    fn paths_are_judged_by_whole_segments_and_default_to_the_folder() {
        let jar = after("n=v");
        assert!(
            sends(&jar, origin("www.shop.example", "/a"))
                && sends(&jar, origin("www.shop.example", "/a/c?x"))
        );
        assert!(!sends(&jar, origin("www.shop.example", "/ab")));
    }

    #[test]
    fn longer_paths_go_first() {
        let mut jar = after("n=short; Path=/");
        jar.store("n=long; Path=/a", &origin("www.shop.example", "/a"), NOW);
        assert_eq!(jar.header(&origin("www.shop.example", "/a/x"), NOW).unwrap(), "n=long; n=short");
    }

    #[test]
    fn a_cookie_ends_at_its_date_or_with_the_browser() {
        let mut jar = after("n=v; Expires=Tue, 01 Jan 2030 00:01:00 GMT; Path=/");
        let at = |seconds| NOW + time::Duration::seconds(seconds);
        let here = origin("www.shop.example", "/");
        assert!(jar.header(&here, at(59)).is_some() && jar.header(&here, at(60)).is_none());
        jar.close();
        assert_eq!(jar.count("n"), 1);
        let mut jar = after("n=v; Path=/");
        jar.close();
        assert_eq!(jar.count("n"), 0);
        assert_eq!(after("n=v; Max-Age=9; Expires=Tue, 01 Jan 2030 00:01:00 GMT").expires("n"), Some(at(9)));
    }

    #[test]
    fn a_date_in_the_past_removes_the_cookie_it_names_and_no_other() {
        let mut jar = after("n=v; Path=/");
        let here = Origin { secure: true, ..origin("www.shop.example", "/a/b") };
        jar.store("n=; Path=/a; Expires=Thu, 01 Jan 1970 00:00:00 GMT", &here, NOW);
        assert_eq!(jar.count("n"), 1);
        jar.store("n=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT", &here, NOW);
        assert_eq!(jar.count("n"), 0);
    }

    #[test]
    fn what_a_name_promises_is_demanded() {
        assert_eq!(after("__Host-n=v; Secure; Path=/").count("__Host-n"), 1);
        for bad in [
            "__Host-n=v; Secure; Path=/a",
            "__Host-n=v; Path=/",
            "__host-n=v; Secure; Path=/; Domain=shop.example",
        ] {
            let mut jar = after(bad);
            jar.close();
            assert_eq!(jar.0.len(), 0, "{bad}");
        }
        assert_eq!(after("__Secure-n=v; Path=/").count("__Secure-n"), 0);
    }

    #[test]
    fn secure_cookies_need_a_secure_connection_both_ways() {
        let jar = after("n=v; Secure; Path=/");
        assert!(!sends(&jar, origin("www.shop.example", "/")));
        let mut jar = Jar::default();
        jar.store("n=v; Secure", &origin("www.shop.example", "/"), NOW);
        jar.store("n=v; SameSite=None", &origin("www.shop.example", "/"), NOW);
        assert_eq!(jar.count("n"), 0);
    }
}
