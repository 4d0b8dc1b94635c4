//! When a connection counts as secure, and what that means for the cookie.

use serde_json::json;

use super::promises;
use crate::adapter::client::Request;
use crate::adapter::client::page::SetCookie;
use crate::adapter::difference::{Difference, Side};
use crate::adapter::options::{Options, Proxy, express};
use crate::adapter::subject::Subject;
use crate::failure::Outcome;
use crate::script::step::steps::{get, insert};

promises! {
    both a_secure_cookie_is_not_set_over_http;
    both a_session_is_stored_though_its_secure_cookie_is_not_set;
    both a_secure_cookie_is_set_behind_a_proxy_that_is_trusted;
    both a_secure_cookie_is_not_set_if_the_proxy_speaks_http;
    both a_proxy_that_is_not_trusted_is_not_believed;
    both a_proxy_on_a_private_network_is_believed_if_such_are_trusted;
    both without_its_header_a_proxy_is_not_believed;
    both the_first_of_the_proxies_counts;
    both the_proxies_word_may_be_in_capitals_and_between_blanks;
    both the_proxies_word_must_be_the_whole_word;
    both the_word_of_a_proxy_may_stand_in_a_second_field;
    both the_first_of_several_fields_counts;
    both a_proxy_may_say_wss differs WebsocketOverTls;
    both a_proxy_may_say_it_as_rfc_7239_does differs Forwarded;
    both a_proxy_is_believed_if_its_address_is_trusted;
    both a_proxy_is_believed_if_so_many_are_trusted;
    both a_list_of_one_entry_for_each_trusted_proxy_counts_from_its_first;
    both a_list_with_more_entries_than_trusted_proxies differs ProxyList;
    both a_chain_of_proxies_counts_as_far_as_it_is_trusted differs ProxyList;
    both what_cannot_be_read_is_not_believed;
    both other_headers_of_proxies_are_not_looked_at;
    both what_a_proxy_says_of_its_client_does_not_matter;
    both an_automatic_cookie_is_secure_over_https;
    both an_automatic_cookie_is_not_secure_over_http;
    both an_automatic_cookie_is_not_secure_if_the_proxy_is_not_trusted;
    both a_session_made_over_http_does_not_become_secure;
    both a_session_made_over_https_stays_secure;
    both an_automatic_same_site_is_none_over_https;
    both an_automatic_same_site_is_lax_over_http;
}

/// The cookie of a new session, for a request with this word of a proxy.
async fn cookie(it: &Subject, options: Options, proto: Option<&str>) -> Outcome<Option<SetCookie>> {
    let (site, browser) = it.browser(options).await?;
    let request = Request::get("/play").steps([insert("n", 1)]);
    let request = match proto {
        Some(proto) => request.line("X-Forwarded-Proto", proto),
        None => request,
    };
    let page = browser.send(request).await?.expect(200)?;
    ensure_eq!(site.records().await?.len(), 1, "records");
    page.cookie(site.cookie_name())
}

async fn is_set(it: &Subject, options: Options, proto: Option<&str>, set: bool) -> Outcome {
    let is_set = cookie(it, options, proto).await?.is_some();
    ensure_eq!(is_set, set, "whether the cookie is set with {proto:?}");
    Ok(())
}

async fn attributes(it: &Subject, options: Options, proto: Option<&str>, attributes: &str) -> Outcome {
    let cookie = cookie(it, options, proto).await?.map(|cookie| cookie.attributes);
    ensure_eq!(cookie.as_deref(), Some(attributes), "the attributes with {proto:?}");
    Ok(())
}

async fn a_secure_cookie_is_not_set_over_http(it: Subject) -> Outcome {
    is_set(&it, express().secure("always"), None, false).await
}

async fn a_session_is_stored_though_its_secure_cookie_is_not_set(it: Subject) -> Outcome {
    let (site, browser) = it.browser(express().secure("always")).await?;
    browser.play([insert("n", 1)]).await?;
    ensure_eq!(site.record().await?.payload["n"], json!(1), "what is stored");
    ensure_eq!(browser.play([get("n")]).await?.seen, [json!(null)], "what the browser comes back to");
    Ok(())
}

async fn a_secure_cookie_is_set_behind_a_proxy_that_is_trusted(it: Subject) -> Outcome {
    is_set(&it, express().secure("always").proxy(Proxy::Everybody), Some("https"), true).await
}

async fn a_secure_cookie_is_not_set_if_the_proxy_speaks_http(it: Subject) -> Outcome {
    is_set(&it, express().secure("always").proxy(Proxy::Everybody), Some("http"), false).await
}

async fn a_proxy_that_is_not_trusted_is_not_believed(it: Subject) -> Outcome {
    is_set(&it, express().secure("always"), Some("https"), false).await
}

async fn a_proxy_on_a_private_network_is_believed_if_such_are_trusted(it: Subject) -> Outcome {
    let options = || express().secure("always").proxy(Proxy::PrivateNetworks);
    is_set(&it, options(), Some("https"), true).await?;
    is_set(&it, options(), Some("http"), false).await?;
    is_set(&it, options(), None, false).await
}

async fn without_its_header_a_proxy_is_not_believed(it: Subject) -> Outcome {
    let options = || express().secure("always").proxy(Proxy::Everybody);
    is_set(&it, options(), None, false).await?;
    is_set(&it, options(), Some(""), false).await
}

async fn the_first_of_the_proxies_counts(it: Subject) -> Outcome {
    let options = || express().secure("always").proxy(Proxy::Everybody);
    is_set(&it, options(), Some("https,http"), true).await?;
    is_set(&it, options(), Some("https, http, http"), true).await?;
    is_set(&it, options(), Some("http,https"), false).await?;
    is_set(&it, options(), Some(",https"), false).await
}

async fn the_proxies_word_may_be_in_capitals_and_between_blanks(it: Subject) -> Outcome {
    let options = || express().secure("always").proxy(Proxy::Everybody);
    is_set(&it, options(), Some("HTTPS"), true).await?;
    is_set(&it, options(), Some("  https  "), true).await?;
    is_set(&it, options(), Some("https ,http"), true).await
}

async fn the_proxies_word_must_be_the_whole_word(it: Subject) -> Outcome {
    let options = || express().secure("always").proxy(Proxy::Everybody);
    for word in ["httpsx", "https://", "on", "ws", "https;http", "\"https\""] {
        is_set(&it, options(), Some(word), false).await?;
    }
    Ok(())
}

/// Whether the cookie of a new session is set for a request with these lines.
async fn is_set_with(it: &Subject, options: Options, lines: &[(&str, &str)]) -> Outcome<bool> {
    let (site, browser) = it.browser(options.secure("always")).await?;
    let request = Request::get("/play").steps([insert("n", 1)]);
    let request = lines.iter().fold(request, |request, (name, value)| request.line(name, value));
    let page = browser.send(request).await?.expect(200)?;
    ensure_eq!(site.records().await?.len(), 1, "records");
    Ok(page.cookie(site.cookie_name())?.is_some())
}

const PROTO: &str = "X-Forwarded-Proto";
const FOR: &str = "X-Forwarded-For";

async fn the_word_of_a_proxy_may_stand_in_a_second_field(it: Subject) -> Outcome {
    // Two of the three proxies are trusted, and each has added a field of its own.
    let chain = [(FOR, "203.0.113.9"), (FOR, "127.0.0.2")];
    for proxy in [Proxy::Hops(2), Proxy::Addresses("loopback".into())] {
        let options = || express().proxy(proxy.clone());
        let lines = [chain[0], chain[1], (PROTO, "https, http")];
        ensure!(is_set_with(&it, options(), &lines).await?, "no cookie is set");
        let lines = [chain[0], chain[1], (PROTO, "http"), (PROTO, "https")];
        ensure!(!is_set_with(&it, options(), &lines).await?, "the last field is believed");
    }
    Ok(())
}

async fn the_first_of_several_fields_counts(it: Subject) -> Outcome {
    let options = || express().proxy(Proxy::Everybody);
    let lines = [(PROTO, "https"), (PROTO, "http")];
    ensure!(is_set_with(&it, options(), &lines).await?, "no cookie is set");
    let lines = [(PROTO, "http"), (PROTO, "https")];
    ensure!(!is_set_with(&it, options(), &lines).await?, "the second field is believed");
    Ok(())
}

async fn a_proxy_may_say_wss(it: Subject) -> Outcome {
    let is_set = is_set_with(&it, express().proxy(Proxy::Everybody), &[(PROTO, "wss")]).await?;
    ensure_eq!(is_set, it.on_purpose(Difference::WebsocketOverTls) == Side::Ours, "whether a cookie is set");
    Ok(())
}

async fn a_proxy_may_say_it_as_rfc_7239_does(it: Subject) -> Outcome {
    let ours = it.on_purpose(Difference::Forwarded) == Side::Ours;
    for proxy in [Proxy::Everybody, Proxy::PrivateNetworks, Proxy::Hops(1)] {
        for (line, https) in [
            ("for=203.0.113.9;proto=https;host=shop.example", true),
            ("for=\"[2001:db8::1]:4711\";Proto=\"https\"", true),
            ("proto=http", false),
        ] {
            let is_set = is_set_with(&it, express().proxy(proxy.clone()), &[("Forwarded", line)]).await?;
            ensure_eq!(is_set, https && ours, "whether a cookie is set for {line} with {proxy:?}");
        }
        // What most proxies overwrite comes before what most pass on.
        let lines = [("Forwarded", "proto=https"), (PROTO, "http")];
        let is_set = is_set_with(&it, express().proxy(proxy.clone()), &lines).await?;
        ensure!(!is_set, "Forwarded is believed against X-Forwarded-Proto");
    }
    Ok(())
}

async fn a_proxy_is_believed_if_its_address_is_trusted(it: Subject) -> Outcome {
    for (addresses, trusted) in [
        ("127.0.0.1", true),
        ("loopback", true),
        ("10.0.0.0/8, 127.0.0.0/8", true),
        ("127.0.0.0/255.0.0.0", true),
        ("linklocal, uniquelocal", false),
        ("127.0.0.2", false),
        ("10.0.0.0/8, ::1", false),
    ] {
        let options = express().proxy(Proxy::Addresses(addresses.into()));
        let is_set = is_set_with(&it, options, &[(PROTO, "https")]).await?;
        ensure_eq!(is_set, trusted, "whether a cookie is set with {addresses}");
    }
    Ok(())
}

async fn a_proxy_is_believed_if_so_many_are_trusted(it: Subject) -> Outcome {
    for hops in [1, 2, 255] {
        let options = || express().proxy(Proxy::Hops(hops));
        ensure!(is_set_with(&it, options(), &[(PROTO, "https")]).await?, "no cookie is set with {hops}");
        ensure!(!is_set_with(&it, options(), &[(PROTO, "http")]).await?, "http is believed to be https");
        ensure!(!is_set_with(&it, options(), &[]).await?, "silence is believed to be https");
    }
    Ok(())
}

async fn a_list_of_one_entry_for_each_trusted_proxy_counts_from_its_first(it: Subject) -> Outcome {
    let chain = (FOR, "203.0.113.9, 127.0.0.2");
    for proxy in [Proxy::Hops(2), Proxy::Addresses("loopback".into())] {
        let options = || express().proxy(proxy.clone());
        ensure!(is_set_with(&it, options(), &[chain, (PROTO, "https, http")]).await?, "no cookie is set");
        let is_set = is_set_with(&it, options(), &[chain, (PROTO, "http, https")]).await?;
        ensure!(!is_set, "the last entry is believed");
    }
    Ok(())
}

/// What stands before the entries of the trusted proxies was sent by the client.
async fn a_list_with_more_entries_than_trusted_proxies(it: Subject) -> Outcome {
    let ours = it.on_purpose(Difference::ProxyList) == Side::Ours;
    for proxy in [Proxy::Hops(1), Proxy::Addresses("loopback".into()), Proxy::PrivateNetworks] {
        let options = || express().proxy(proxy.clone());
        let made_up = is_set_with(&it, options(), &[(PROTO, "https, http")]).await?;
        ensure_eq!(made_up, !ours, "whether the client's word is believed");
        let behind = is_set_with(&it, options(), &[(PROTO, "http, https")]).await?;
        ensure_eq!(behind, ours, "whether the proxy's word is believed");
    }
    Ok(())
}

async fn a_chain_of_proxies_counts_as_far_as_it_is_trusted(it: Subject) -> Outcome {
    let ours = it.on_purpose(Difference::ProxyList) == Side::Ours;
    let options = || express().proxy(Proxy::Addresses("loopback, 10.0.0.0/8".into()));
    for (chain, whole) in [
        ("203.0.113.9, 10.0.0.1", true),
        ("203.0.113.9, 10.0.0.1:4711", true),
        ("10.0.0.1, 203.0.113.9", false),
        ("203.0.113.9, unknown", false),
        ("203.0.113.9", false),
    ] {
        let lines = [(FOR, chain), (PROTO, "https, http")];
        let is_set = is_set_with(&it, options(), &lines).await?;
        ensure_eq!(is_set, whole || !ours, "whether a cookie is set for {chain}");
    }
    Ok(())
}

async fn what_cannot_be_read_is_not_believed(it: Subject) -> Outcome {
    for line in ["proto=https;x=\"", "proto=\"https", "proto=https;proto", ";=,;\\", "https"] {
        for proxy in [Proxy::Nobody, Proxy::Everybody, Proxy::Hops(1)] {
            let is_set = is_set_with(&it, express().proxy(proxy.clone()), &[("Forwarded", line)]).await?;
            ensure!(!is_set, "{line} is believed");
        }
    }
    Ok(())
}

async fn other_headers_of_proxies_are_not_looked_at(it: Subject) -> Outcome {
    let (site, browser) = it.browser(express().secure("always").proxy(Proxy::Everybody)).await?;
    let request = Request::get("/play")
        .line("X-Forwarded-Ssl", "on")
        .line("Front-End-Https", "on")
        .line("X-Forwarded-Port", "443")
        .line("X-Forwarded-Scheme", "https");
    let page = browser.send(request.steps([insert("n", 1)])).await?.expect(200)?;
    ensure_eq!(page.cookie(site.cookie_name())?, None, "the cookie");
    ensure_eq!(site.records().await?.len(), 1, "records");
    Ok(())
}

/// The address that the connection comes from counts, which anybody could claim to be another's.
async fn what_a_proxy_says_of_its_client_does_not_matter(it: Subject) -> Outcome {
    let (site, browser) = it.browser(express().secure("always").proxy(Proxy::PrivateNetworks)).await?;
    let request = Request::get("/play")
        .https()
        .line("X-Forwarded-For", "203.0.113.9")
        .line("X-Real-Ip", "203.0.113.9")
        .line("Forwarded", "for=203.0.113.9");
    let page = browser.send(request.steps([insert("n", 1)])).await?.expect(200)?;
    ensure!(page.cookie(site.cookie_name())?.is_some(), "no cookie is set");
    Ok(())
}

async fn an_automatic_cookie_is_secure_over_https(it: Subject) -> Outcome {
    let options = express().secure("auto").proxy(Proxy::Everybody);
    attributes(&it, options, Some("https"), "Path=/; HttpOnly; Secure").await
}

async fn an_automatic_cookie_is_not_secure_over_http(it: Subject) -> Outcome {
    let options = || express().secure("auto").proxy(Proxy::Everybody);
    attributes(&it, options(), Some("http"), "Path=/; HttpOnly").await?;
    attributes(&it, options(), None, "Path=/; HttpOnly").await
}

async fn an_automatic_cookie_is_not_secure_if_the_proxy_is_not_trusted(it: Subject) -> Outcome {
    attributes(&it, express().secure("auto"), Some("https"), "Path=/; HttpOnly").await
}

/// The attributes of a session's cookie on its second request, for the words of a proxy on the first and on the second.
async fn second(it: &Subject, first: &str, second: &str) -> Outcome<Option<String>> {
    let (site, browser) = it.browser(express().secure("auto").proxy(Proxy::Everybody).rolling()).await?;
    let request = Request::get("/play").line("X-Forwarded-Proto", first).steps([insert("n", 1)]);
    let page = browser.send(request).await?.expect(200)?;
    let value = page.cookie(site.cookie_name())?.map(|cookie| cookie.value).unwrap_or_default();
    let request = Request::get("/play").line("X-Forwarded-Proto", second).cookie(site.cookie_of(&value));
    let page = browser.send(request.steps([insert("n", 2)])).await?.expect(200)?;
    Ok(page.cookie(site.cookie_name())?.map(|cookie| cookie.attributes))
}

async fn a_session_made_over_http_does_not_become_secure(it: Subject) -> Outcome {
    ensure_eq!(second(&it, "http", "https").await?.as_deref(), Some("Path=/; HttpOnly"), "the attributes");
    Ok(())
}

async fn a_session_made_over_https_stays_secure(it: Subject) -> Outcome {
    ensure_eq!(second(&it, "https", "http").await?, None, "the attributes over http");
    let over_https = second(&it, "https", "https").await?;
    ensure_eq!(over_https.as_deref(), Some("Path=/; HttpOnly; Secure"), "the attributes over https");
    Ok(())
}

async fn an_automatic_same_site_is_none_over_https(it: Subject) -> Outcome {
    let options = express().secure("auto").same_site("auto").proxy(Proxy::Everybody);
    attributes(&it, options, Some("https"), "Path=/; HttpOnly; Secure; SameSite=None").await
}

async fn an_automatic_same_site_is_lax_over_http(it: Subject) -> Outcome {
    let options = express().secure("auto").same_site("auto").proxy(Proxy::Everybody);
    attributes(&it, options, Some("http"), "Path=/; HttpOnly; SameSite=Lax").await
}
