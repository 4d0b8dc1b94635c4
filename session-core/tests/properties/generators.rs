//! Inputs: what browsers, databases, configurations and clocks might come up with.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use session_core::cookie::{Priority, SameSite};
use session_core::policy::{Lifetime, PolicyBuilder, SameSitePolicy, Secure};
use session_core::{SessionId, State};
use time::OffsetDateTime;
use time::macros::datetime;

use crate::requests::*;

pub fn headers() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let fragment = prop_oneof![
        3 => select(&["sid", "connect.sid", "=", ";", "; ", "\"", "s%3A", "s:", ".", "%", "%3", "%ff", " ", "\t", ",", "a=b"][..])
            .prop_map(|text| text.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..40),
        1 => "[A-Za-z0-9+/]{43}".prop_map(String::into_bytes),
    ];
    vec(vec(fragment, 0..12).prop_map(|fragments| fragments.concat()), 0..6)
}

pub fn id() -> impl Strategy<Value = SessionId> {
    let text = prop_oneof![
        2 => "[A-Za-z0-9_-]{32}",
        1 => "[ -~]{1,64}",
        1 => any::<String>(),
    ];
    text.prop_filter_map("an id", |text| SessionId::new(&text).filter(|id| id.expose().len() < 300))
}

/// A pair that is none of ours, and anything that is no pair.
pub fn foreign_pair() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ \t]{0,2}[A-Za-z0-9_.%-]{1,12}=[^;]{0,20}",
        "[ \t]{0,2}(sidx|xsid|SID|%73id|s id|connect_sid|Connect.Sid)[ ]?=[^;]{0,20}",
        "[^;=]{0,20}",
    ]
    .prop_filter("of our name", |pair| !is_ours(pair))
}

pub fn foreign_header() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..60)
        .prop_filter("of our name", |header| !String::from_utf8_lossy(header).split(';').any(is_ours))
}

pub fn is_ours(pair: &str) -> bool {
    let name = pair.split_once('=').map(|(name, _)| name.trim());
    matches!(name, Some("sid" | "connect.sid"))
}

/// A value that nobody signed.
pub fn decoy() -> impl Strategy<Value = String> {
    prop_oneof!["[!-:<-~]{0,20}", "s%3A[a-z]{1,8}\\.[A-Za-z0-9]{43}", "\"[a-z]{0,5}"]
}

/// One change in a text.
#[derive(Debug, Clone)]
pub struct Edit {
    at: prop::sample::Index,
    what: EditKind,
}

#[derive(Debug, Clone)]
pub enum EditKind {
    Put(char),
    Replace(char),
    Flip(u32),
    Delete,
    CutAfter,
    CutBefore,
    Double,
}

pub fn edit() -> impl Strategy<Value = Edit> {
    let what = prop_oneof![
        any::<char>().prop_map(EditKind::Put),
        "[A-Za-z0-9+/=._%-]".prop_map(|text| EditKind::Put(text.chars().next().unwrap())),
        any::<char>().prop_map(EditKind::Replace),
        "[A-Za-z0-9+/=._-]".prop_map(|text| EditKind::Replace(text.chars().next().unwrap())),
        (0_u32..7).prop_map(EditKind::Flip),
        Just(EditKind::Delete),
        Just(EditKind::CutAfter),
        Just(EditKind::CutBefore),
        Just(EditKind::Double),
    ];
    (any::<prop::sample::Index>(), what).prop_map(|(at, what)| Edit { at, what })
}

impl Edit {
    pub fn apply(&self, text: &str) -> String {
        let mut chars: Vec<char> = text.chars().collect();
        if chars.is_empty() {
            return String::new();
        }
        let at = self.at.index(chars.len());
        match self.what {
            EditKind::Put(char) => chars.insert(at, char),
            EditKind::Replace(char) => chars[at] = char,
            EditKind::Flip(bit) => {
                chars[at] = char::from_u32(u32::from(chars[at]) ^ (1 << bit)).unwrap_or('\0')
            }
            EditKind::Delete => drop(chars.remove(at)),
            EditKind::CutAfter => chars.truncate(at),
            EditKind::CutBefore => drop(chars.drain(..at)),
            EditKind::Double => chars.insert(at, chars[at]),
        }
        chars.into_iter().collect()
    }
}

#[derive(Debug, Clone)]
pub struct Options {
    pub express: bool,
    pub name: String,
    pub path: String,
    pub domain: Option<String>,
    pub http_only: bool,
    pub secure: Secure,
    pub same_site: SameSitePolicy,
    pub partitioned: bool,
    pub priority: Option<Priority>,
    pub lifetime: Lifetime,
}

pub fn options() -> impl Strategy<Value = Options> {
    let same_site = select(
        &[
            SameSitePolicy::Unset,
            SameSitePolicy::Auto,
            SameSitePolicy::Is(SameSite::Lax),
            SameSitePolicy::Is(SameSite::Strict),
            SameSitePolicy::Is(SameSite::None),
        ][..],
    );
    let lifetime = prop_oneof![
        Just(Lifetime::BrowserSession),
        (1_u64..86_400_000 * 400).prop_map(|ms| Lifetime::MaxAge(Duration::from_millis(ms))),
        (1_i64..86_400_000 * 4000).prop_map(|ms| Lifetime::Until(NOW + time::Duration::milliseconds(ms))),
    ];
    (
        (any::<bool>(), "[A-Za-z0-9!#$%&'*+.^_`|~-]{1,20}"),
        // `?` and `#` end a request's path, so a cookie's path with one would cover nothing.
        "(/([!\"$-:=>@-~][ !\"$-:=>@-~]{0,20}[!\"$-:=>@-~])?)?",
        prop::option::of("[.]?[a-z0-9]{1,8}(-[a-z0-9]{1,3})?([.][a-zA-Z0-9]{1,8}){0,3}"),
        any::<(bool, bool)>(),
        select(&[Secure::Never, Secure::Always, Secure::Auto][..]),
        same_site,
        prop::option::of(select(&[Priority::Low, Priority::Medium, Priority::High][..])),
        lifetime,
    )
        .prop_map(
            |(
                (express, name),
                path,
                domain,
                (http_only, partitioned),
                secure,
                same_site,
                priority,
                lifetime,
            )| {
                Options {
                    express,
                    name,
                    path,
                    domain,
                    http_only,
                    secure,
                    same_site,
                    partitioned,
                    priority,
                    lifetime,
                }
            },
        )
}

impl Options {
    pub fn build(&self) -> PolicyBuilder {
        let mut builder = if self.express { preset() } else { strong() };
        builder = self.domain.iter().fold(builder, PolicyBuilder::domain);
        builder = self.priority.into_iter().fold(builder, PolicyBuilder::priority);
        builder
            .name(&self.name)
            .path(&self.path)
            .http_only(self.http_only)
            .secure(self.secure)
            .same_site(self.same_site)
            .partitioned(self.partitioned)
            .lifetime(self.lifetime)
    }
}

/// JSON text, spelled in all the ways in which JSON can be spelled.
pub fn json_value() -> impl Strategy<Value = String> {
    let blank = "[ \n\t\r]{0,2}";
    let leaf = prop_oneof![
        select(
            &[
                "null",
                "true",
                "false",
                "-0",
                "1E+2",
                "1.50",
                "\"\\u00e9\\/\"",
                "{}",
                "[ ]",
                "\"\\ud83d\\ude00\""
            ][..]
        )
        .prop_map(str::to_owned),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,10})?([eE][+-]?[0-9]{1,3})?",
        any::<String>().prop_map(|text| json(&text)),
        "[a-z]{0,8}".prop_map(|text| json(&text)),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            (vec(inner.clone(), 0..4), blank)
                .prop_map(|(items, blank)| format!("[{blank}{}{blank}]", items.join(&format!("{blank},")))),
            (vec((any::<String>(), inner), 0..4), blank).prop_map(|(members, blank)| {
                let members: Vec<String> =
                    members.iter().map(|(key, value)| format!("{}{blank}:{value}", json(key))).collect();
                format!("{{{blank}{}}}", members.join(","))
            }),
        ]
    })
}

/// Data of a session: distinct keys, in any order.
pub fn members() -> impl Strategy<Value = Vec<(String, String)>> {
    let key = prop_oneof![
        2 => "[a-z]{1,6}",
        1 => "[0-9]{1,11}",
        1 => any::<String>(),
    ];
    btree_map(key, json_value(), 0..8).prop_map(BTreeMap::into_iter).prop_flat_map(|members| {
        let members: Vec<_> =
            members.filter(|(key, _)| !matches!(key.as_str(), "cookie" | "_session" | "last")).collect();
        Just(members).prop_shuffle()
    })
}

pub fn moment() -> impl Strategy<Value = OffsetDateTime> {
    let (first, last) = (datetime!(-9999-01-01 0:00 UTC), datetime!(9999-12-31 23:59:59 UTC));
    prop_oneof![
        2 => (first.unix_timestamp()..=last.unix_timestamp())
            .prop_map(|seconds| OffsetDateTime::from_unix_timestamp(seconds).unwrap()),
        2 => (-4_000_000_000_i64..4_000_000_000).prop_map(|ms| NOW + time::Duration::milliseconds(ms)),
        1 => select(vec![first, last, OffsetDateTime::UNIX_EPOCH, NOW]),
    ]
}

pub fn lifetime() -> impl Strategy<Value = Lifetime> {
    prop_oneof![
        Just(Lifetime::BrowserSession),
        any::<Duration>().prop_map(Lifetime::MaxAge),
        Just(Lifetime::MaxAge(Duration::MAX)),
        (0_u64..10_000_000).prop_map(|ms| Lifetime::MaxAge(Duration::from_millis(ms))),
        moment().prop_map(Lifetime::Until),
    ]
}

#[derive(Debug, Clone)]
pub enum Change {
    Insert(u32),
    Remove,
    Add(u32),
    RemoveThenInsert(u32),
}

pub fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (0_u32..100).prop_map(Change::Insert),
        Just(Change::Remove),
        (0_u32..100).prop_map(Change::Add),
        (0_u32..100).prop_map(Change::RemoveThenInsert),
    ]
}

pub fn apply(state: &mut State, changes: &BTreeMap<String, Change>) {
    for (key, change) in changes {
        match *change {
            Change::Insert(value) => state.insert(key, value).unwrap(),
            Change::Remove => drop(state.remove(key).unwrap()),
            Change::Add(more) => {
                let _ = state.update(key, move |value: Option<u32>| value.unwrap_or(0) + more).unwrap();
            }
            Change::RemoveThenInsert(value) => {
                state.remove(key).unwrap();
                state.insert(key, value).unwrap();
            }
        }
    }
}
