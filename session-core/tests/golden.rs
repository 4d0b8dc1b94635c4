//! Every golden vector of express-session, through the public interface, under the express-session preset.
//!
//! The vectors in `golden/` were made with the real Node packages (their versions stand in each file's `meta`). Where
//! this library decides otherwise, the vector stands in [`DEVIATIONS`] with the reason: one that is listed and does
//! not differ fails the test, as does one that differs and is not listed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    reason = "a test says what it expects"
)]

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use session_core::close::{Close, Settled};
use session_core::cookie::{Priority, SameSite};
use session_core::policy::{Lifetime, PolicyBuilder, PolicyError, SameSitePolicy, SaveUninitialized, Secure};
use session_core::state::{SessionCookie, Use};
use session_core::store::{Created, Record, Stored, Version};
use session_core::{Error, Keyring, Open, Policy, RequestFacts, SessionId, State};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A vector from which this library departs on purpose.
struct Deviation {
    file: &'static str,
    /// Text that stands in this vector and in no other of the file.
    vector: &'static str,
    reason: &'static str,
}

const DEVIATIONS: &[Deviation] = &[
    Deviation {
        file: "verify",
        vector: r#""why":"first of two: bad first""#,
        reason: "a bad first cookie does not hide a good second one (expressjs/session issue 881)",
    },
    Deviation {
        file: "verify",
        vector: r#""why":"first of two: unsigned first""#,
        reason: "an unsigned first cookie does not hide a good second one (expressjs/session issue 881)",
    },
    Deviation {
        file: "verify",
        vector: r#""why":"first of two: empty first""#,
        reason: "an empty first cookie does not hide a good second one (expressjs/session issue 881)",
    },
    Deviation {
        file: "set_cookie",
        vector: r#""url":"/administrator""#,
        reason: "a path matches by whole segments, as browsers match it, so /admin does not cover /administrator",
    },
    Deviation {
        file: "set_cookie",
        vector: r#""cookie":{"domain":""}"#,
        reason: "an empty domain does not build: it is left unset instead",
    },
    Deviation {
        file: "set_cookie",
        vector: r#""cookie":{"priority":"urgent"}"#,
        reason: "the priority is an enum, so an unknown one cannot be written down at all",
    },
    Deviation {
        file: "set_cookie",
        vector: r#""cookie":{"sameSite":"bogus"}"#,
        reason: "SameSite is an enum, so an unknown one cannot be written down at all",
    },
    Deviation {
        file: "set_cookie",
        vector: r#""cookie":{"maxAge":-5000}"#,
        reason: "a life is a Duration, which is not negative: a session is ended with destroy",
    },
    Deviation {
        file: "set_cookie",
        vector: r#""cookie":{"maxAge":253402300800000}"#,
        reason: "a date beyond the year 9999, which no HTTP date can name, is cut to the last moment of that year",
    },
    Deviation {
        file: "modification",
        vector: r#""after":"{\"b\":2,\"a\":1}""#,
        reason: "the order of the keys is no datum: the same values in another order are no change",
    },
    Deviation {
        file: "records",
        vector: r#""cookie":{"secure":false}"#,
        reason: "secure is false unless set, so an explicit false is written as absent, which Node reads alike",
    },
    Deviation {
        file: "records",
        vector: r#""cookie":{"sameSite":true}"#,
        reason: "SameSite is an enum: `true` is written as the `strict` that it stands for",
    },
    Deviation {
        file: "records",
        vector: r#""cookie":{"sameSite":false}"#,
        reason: "SameSite is unset unless set, so an explicit false is written as absent, which Node reads alike",
    },
];

#[test]
fn every_id_is_signed_as_node_signs_it_and_the_cookie_opens_again() {
    #[derive(Deserialize)]
    struct Signing {
        sid: String,
        secret: Option<String>,
        secret_hex: Option<String>,
        signed: String,
        cookie_value: String,
    }
    check("signing", include_str!("golden/signing.json"), 149, |vector: Signing, _| {
        let secret = match (vector.secret, vector.secret_hex) {
            (Some(text), None) => text.into_bytes(),
            (None, Some(hex)) => from_hex(&hex),
            other => panic!("one secret, not {other:?}"),
        };
        let policy = Policy::express_session(Keyring::new(secret)).build().unwrap();
        let mut state = fresh(&policy, "/", &[]);
        state.id(|| id(&vector.sid));
        state.insert("a", 1).unwrap();
        let line = create(state).1.into_reply(clock()).set_cookie().unwrap().to_owned();
        let (cookie, _attributes) = line.split_once("; ").unwrap();
        same(cookie, &format!("connect.sid={}", vector.cookie_value))?;
        let decoded = percent_encoding::percent_decode_str(&vector.cookie_value).decode_utf8().unwrap();
        same(&*decoded, &*format!("s:{}", vector.signed))?;
        same(&looked_up(&policy, cookie), &Some(vector.sid))
    });
}

#[test]
fn every_cookie_header_leads_to_the_id_that_node_looks_up() {
    #[derive(Deserialize)]
    struct Verify {
        cookie_header: String,
        name: String,
        secrets: Vec<String>,
        sid: Option<String>,
    }
    check("verify", include_str!("golden/verify.json"), 74, |vector: Verify, _| {
        let policy = Policy::express_session(keyring(&vector.secrets)).name(vector.name).build().unwrap();
        same(&looked_up(&policy, &vector.cookie_header), &vector.sid)
    });
}

#[test]
fn every_set_cookie_line_is_node_s_to_the_letter() {
    #[derive(Deserialize)]
    struct SetCookie {
        cookie: Members,
        name: String,
        sid: String,
        secret: OneOrMany,
        cookie_changed_to: Option<Members>,
        url: Option<String>,
        #[serde(default)]
        before: Vec<String>,
        error: Option<String>,
        set_cookie: Vec<String>,
    }
    check("set_cookie", include_str!("golden/set_cookie.json"), 377, |vector: SetCookie, _| {
        let url = vector.url.or_else(|| vector.cookie.text("path").filter(|path| !path.is_empty()));
        let got = Policy::express_session(vector.secret.keyring())
            .name(vector.name)
            .save_uninitialized(SaveUninitialized::On)
            .with(&vector.cookie)
            .and_then(|builder| builder.build().map_err(Refusal::from))
            .and_then(|policy| {
                let visit = policy.visit(&over_tls(url.as_deref().unwrap_or("/")), []);
                let mut state = match policy.open(visit) {
                    Open::Ready(state) => state,
                    Open::Outside => return Ok(None),
                    Open::Load(_) => panic!("nothing to load"),
                };
                state.id(|| id(&vector.sid));
                if let Some(changes) = &vector.cookie_changed_to {
                    change_cookie(&mut state, changes)?;
                }
                let reply = create(state).1.into_reply(clock());
                assert_eq!(reply.problem(), None);
                Ok(reply.set_cookie().map(str::to_owned))
            });
        // Cookies that were set before are the adapters' to keep; ours comes after them.
        let expected =
            match (&vector.error, vector.set_cookie.strip_prefix(vector.before.as_slice()).unwrap()) {
                (Some(error), []) => Err(Refusal::Refused(match error.as_str() {
                    "argument name is invalid" => PolicyError::Name,
                    "option domain is invalid" => PolicyError::Domain,
                    "option path is invalid" => PolicyError::Path,
                    "option priority is invalid" => PolicyError::Choice { option: "priority", choices: "" },
                    "option sameSite is invalid" => PolicyError::Choice { option: "sameSite", choices: "" },
                    other => panic!("{other}: which of ours is it?"),
                })),
                (None, []) => Ok(None),
                (None, [line]) => Ok(Some(line.clone())),
                other => panic!("a line or an error, not {other:?}"),
            };
        same(&got, &expected)
    });
}

#[test]
fn a_session_is_written_when_node_would_write_it() {
    #[derive(Deserialize)]
    struct Modification {
        before: String,
        after: String,
        modified: bool,
    }
    check("modification", include_str!("golden/modification.json"), 16, |vector: Modification, _| {
        let policy = Policy::express_session(Keyring::new("keyboard cat")).build().unwrap();
        let data = vector.before.strip_prefix('{').unwrap();
        let comma = if data == "}" { "" } else { "," };
        let cookie = r#"{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"}"#;
        let mut state = loaded(&policy, &format!(r#"{{"cookie":{cookie}{comma}{data}"#));
        let after: Members = serde_json::from_str(&vector.after).unwrap();
        let gone: Vec<String> =
            state.keys().filter(|key| after.get(key).is_none()).map(str::to_owned).collect();
        for key in gone {
            state.remove(&key).unwrap();
        }
        for (key, value) in &after.0 {
            state.insert(key, value).unwrap();
        }
        let written = match state.close(Use::Used, clock(), &mut no_id) {
            Close::Update(update) => {
                // What is written is the data as the handler left it, order apart.
                let record: serde_json::Value = serde_json::from_str(&update.record().payload).unwrap();
                let mut expected: serde_json::Value = serde_json::from_str(&vector.after).unwrap();
                expected["cookie"] = record["cookie"].clone();
                assert_eq!(record, expected);
                true
            }
            Close::Touch(_) | Close::Done(_) => false,
            other => panic!("neither write nor touch: {other:?}"),
        };
        same(&written, &vector.modified)
    });
}

#[test]
fn every_record_is_node_s_to_the_letter() {
    #[derive(Deserialize)]
    struct Records {
        cookie: Members,
        data: Members,
        cookie_changed_to: Option<Members>,
        record: String,
    }
    check("records", include_str!("golden/records.json"), 19, |vector: Records, _| {
        let policy = Policy::express_session(Keyring::new("keyboard cat"))
            .save_uninitialized(SaveUninitialized::On)
            .with(&vector.cookie)
            .unwrap()
            .build()
            .unwrap();
        let mut state = fresh(&policy, "/", &[]);
        state.id(|| id("apple"));
        for (key, value) in &vector.data.0 {
            let mut value: serde_json::Value = serde_json::from_str(value.get()).unwrap();
            if let Some(date) = value.get("$date") {
                value = date.clone();
            }
            state.insert(key, value).unwrap();
        }
        if let Some(changes) = &vector.cookie_changed_to {
            change_cookie(&mut state, changes).unwrap();
        }
        same(&*create(state).0.payload, &*vector.record)
    });
}

#[test]
fn a_record_of_node_s_is_read_and_written_back_to_the_letter() {
    #[derive(Deserialize)]
    struct Records {
        record: String,
    }
    let file: File = serde_json::from_str(include_str!("golden/records.json")).unwrap();
    let mut alike = 0;
    for vector in file.vectors {
        let Records { record } = serde_json::from_str(vector.get()).unwrap();
        if listed("records", vector.get()).is_some() {
            continue;
        }
        let policy = Policy::express_session(Keyring::new("keyboard cat")).build().unwrap();
        let mut state = loaded(&policy, &record);
        state.insert("last", true).unwrap();
        let Close::Update(update) = state.close(Use::Used, clock(), &mut no_id) else {
            panic!("a change is written")
        };
        let comma_last = r#","last":true}"#;
        assert_eq!(*update.record().payload, format!("{}{comma_last}", record.strip_suffix('}').unwrap()));
        alike += 1;
    }
    assert_eq!(alike, 16);
}

// How vectors are compared

#[derive(Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    vectors: Vec<&'a RawValue>,
    meta: Meta,
}

#[derive(Deserialize)]
struct Meta {
    clock_ms: i64,
}

/// Runs `compare` on each vector of `file`, and judges the outcome by [`DEVIATIONS`].
fn check<'a, T: Deserialize<'a>>(
    file: &str,
    json: &'a str,
    count: usize,
    compare: impl Fn(T, &str) -> Result<(), String>,
) {
    let File { vectors, meta } = serde_json::from_str(json).unwrap();
    assert_eq!(meta.clock_ms, millis(clock()));
    let mut wrong = Vec::new();
    let mut deviations = 0;
    for vector in &vectors {
        let text = vector.get();
        match (compare(serde_json::from_str(text).unwrap(), text), listed(file, text)) {
            (Ok(()), None) => {}
            (Err(_), Some(_)) => deviations += 1,
            (Ok(()), Some(deviation)) => {
                wrong.push(format!("{text}\n  does not differ, but is listed: {}", deviation.reason));
            }
            (Err(difference), None) => wrong.push(format!("{text}\n  {difference}")),
        }
    }
    println!("{file}: {} vectors, {deviations} deviations", vectors.len());
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), vectors.len(), wrong.join("\n"));
    assert_eq!(vectors.len(), count, "vectors in {file}.json");
    let of_file: Vec<_> = DEVIATIONS.iter().filter(|deviation| deviation.file == file).collect();
    assert_eq!(deviations, of_file.len(), "each listed deviation stands for one vector");
    for deviation in of_file {
        let hits = vectors.iter().filter(|vector| vector.get().contains(deviation.vector)).count();
        assert_eq!(hits, 1, "{} selects one vector", deviation.vector);
        assert!(!deviation.reason.is_empty());
    }
}

fn listed(file: &str, vector: &str) -> Option<&'static Deviation> {
    DEVIATIONS.iter().find(|deviation| deviation.file == file && vector.contains(deviation.vector))
}

fn same<T: PartialEq + fmt::Debug + ?Sized>(got: &T, expected: &T) -> Result<(), String> {
    if got == expected { Ok(()) } else { Err(format!("got {got:?}\n  not {expected:?}")) }
}

// One request

fn clock() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(1_893_456_000_250 * 1_000_000).unwrap()
}

fn millis(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap()
}

fn id(text: &str) -> SessionId {
    SessionId::new(text).unwrap()
}

fn no_id() -> SessionId {
    panic!("no id is to be made")
}

fn over_tls(path: &str) -> RequestFacts<'_> {
    RequestFacts { path, tls: true, ..RequestFacts::default() }
}

fn fresh(policy: &Policy, path: &str, cookies: &[&str]) -> Box<State> {
    let visit = policy.visit(&over_tls(path), cookies.iter().map(|cookie| cookie.as_bytes()));
    match policy.open(visit) {
        Open::Ready(state) => state,
        other => panic!("a new session, not {other:?}"),
    }
}

/// A session whose record is `payload`.
fn loaded(policy: &Policy, payload: &str) -> Box<State> {
    let mut state = fresh(policy, "/", &[]);
    state.id(|| id("apple"));
    state.insert("any", 1).unwrap();
    let line = create(state).1.into_reply(clock()).set_cookie().unwrap().to_owned();
    let cookie = line.split("; ").next().unwrap();
    let Open::Load(load) = policy.open(policy.visit(&over_tls("/"), [cookie.as_bytes()])) else {
        panic!("a good cookie is looked up")
    };
    let record =
        Record { payload: payload.into(), expires_at: clock() + Duration::from_secs(600), owner: None };
    match load.resume(Some(Stored { record, version: Version::from(1) }), clock()) {
        Open::Ready(state) if !state.is_new() => state,
        other => panic!("a session that was loaded, not {other:?}"),
    }
}

/// Closes a new session over a store that accepts it.
fn create(state: Box<State>) -> (Record, Settled) {
    let Close::Create(create) = state.close(Use::Used, clock(), &mut no_id) else {
        panic!("a new session is created")
    };
    let record = create.record().clone();
    match create.resume(Created::Done(Version::from(1)), clock(), &mut no_id) {
        Close::Done(settled) => (record, settled),
        other => panic!("created, then done, not {other:?}"),
    }
}

/// The id that is looked up for a `Cookie` header. Ids at rest are plain, so the key is the id.
fn looked_up(policy: &Policy, header: &str) -> Option<String> {
    match policy.open(policy.visit(&over_tls("/"), [header.as_bytes()])) {
        Open::Load(load) => Some(load.key().as_str().to_owned()),
        Open::Ready(_) => None,
        Open::Outside => panic!("`/` covers everything"),
    }
}

// JSON to typed options

/// Why options or changes of a cookie are not accepted.
#[derive(Debug, PartialEq)]
enum Refusal {
    Refused(PolicyError),
    /// There is no value of our types that says this.
    NotTyped(&'static str),
}

impl From<PolicyError> for Refusal {
    fn from(error: PolicyError) -> Self {
        Self::Refused(error)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::Cookie(error) => Self::Refused(error),
            other => panic!("{other}"),
        }
    }
}

trait With: Sized {
    /// The same builder with express-session's `cookie` options.
    fn with(self, options: &Members) -> Result<Self, Refusal>;
}

impl With for PolicyBuilder {
    fn with(mut self, options: &Members) -> Result<Self, Refusal> {
        use serde_json::Value as V;
        for (key, value) in &options.0 {
            let value: V = serde_json::from_str(value.get()).unwrap();
            self = match (key.as_str(), &value) {
                ("path", V::String(path)) => self.path(path),
                ("domain", V::String(domain)) => self.domain(domain),
                ("httpOnly", V::Bool(http_only)) => self.http_only(*http_only),
                ("partitioned", V::Bool(partitioned)) => self.partitioned(*partitioned),
                ("secure", V::Bool(true)) => self.secure(Secure::Always),
                ("secure", V::Bool(false)) => self.secure(Secure::Never),
                ("secure", V::String(auto)) if auto == "auto" => self.secure(Secure::Auto),
                ("priority", V::String(word)) => self.priority(match word.to_lowercase().as_str() {
                    "low" => Priority::Low,
                    "medium" => Priority::Medium,
                    "high" => Priority::High,
                    _ => return Err(Refusal::NotTyped("priority")),
                }),
                ("sameSite", V::Bool(false)) => self.same_site(SameSitePolicy::Unset),
                ("sameSite", V::Bool(true)) => self.same_site(SameSitePolicy::Is(SameSite::Strict)),
                ("sameSite", V::String(word)) => self.same_site(match word.to_lowercase().as_str() {
                    "" => SameSitePolicy::Unset,
                    "auto" => SameSitePolicy::Auto,
                    "lax" => SameSitePolicy::Is(SameSite::Lax),
                    "strict" => SameSitePolicy::Is(SameSite::Strict),
                    "none" => SameSitePolicy::Is(SameSite::None),
                    _ => return Err(Refusal::NotTyped("sameSite")),
                }),
                // The one that comes later wins.
                ("maxAge" | "expires", _) => self.lifetime(lifetime(key, &value)?),
                // Not options, though Node takes them in: it ignores one and overwrites the other.
                ("extra" | "originalMaxAge", _) => self,
                other => panic!("which option is {other:?}?"),
            };
        }
        Ok(self)
    }
}

fn change_cookie(state: &mut State, changes: &Members) -> Result<(), Refusal> {
    for (key, value) in &changes.0 {
        let value: serde_json::Value = serde_json::from_str(value.get()).unwrap();
        match key.as_str() {
            "path" => {
                let path = value.as_str().unwrap().to_owned();
                let cookie = SessionCookie { path, ..state.cookie(clock()) };
                state.set_cookie(cookie, clock())?;
            }
            "maxAge" | "expires" => match lifetime(key, &value)? {
                Lifetime::MaxAge(max_age) => state.set_max_age(Some(max_age), clock())?,
                Lifetime::BrowserSession => state.set_max_age(None, clock())?,
                Lifetime::Until(_) => panic!("no vector has one"),
            },
            other => panic!("which member is {other}?"),
        }
    }
    Ok(())
}

fn lifetime(key: &str, value: &serde_json::Value) -> Result<Lifetime, Refusal> {
    if value.is_null() {
        return Ok(Lifetime::BrowserSession);
    }
    if key == "expires" {
        return Ok(Lifetime::Until(OffsetDateTime::parse(value.as_str().unwrap(), &Rfc3339).unwrap()));
    }
    Duration::try_from_secs_f64(value.as_f64().unwrap() / 1000.0)
        .map(Lifetime::MaxAge)
        .map_err(|_| Refusal::NotTyped("maxAge"))
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn keyring(&self) -> Keyring {
        match self {
            Self::One(secret) => Keyring::new(secret),
            Self::Many(secrets) => keyring(secrets),
        }
    }
}

fn keyring(secrets: &[String]) -> Keyring {
    let (first, rest) = secrets.split_first().unwrap();
    rest.iter().fold(Keyring::new(first), |keyring, secret| keyring.and_retired(secret))
}

fn from_hex(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// A JSON object with its order, which counts in Node.
struct Members(Vec<(String, Box<RawValue>)>);

impl Members {
    fn get(&self, key: &str) -> Option<&RawValue> {
        self.0.iter().find(|(present, _)| present == key).map(|(_, value)| &**value)
    }

    fn text(&self, key: &str) -> Option<String> {
        self.get(key).map(|value| serde_json::from_str(value.get()).unwrap())
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Members;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Visit)
    }
}
