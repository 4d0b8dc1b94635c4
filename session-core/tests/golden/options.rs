//! express-session's `cookie` options, as they stand in the vectors, made into typed ones.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use session_core::cookie::{Priority, SameSite};
use session_core::policy::{Lifetime, PolicyBuilder, PolicyError, SameSitePolicy, Secure};
use session_core::state::SessionCookie;
use session_core::{Error, Keyring, State};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::request::clock;

/// Why options or changes of a cookie are not accepted.
#[derive(Debug, PartialEq)]
pub enum Refusal {
    Refused(PolicyError),
    /// There is no value of our types that says this.
    NotTyped(&'static str),
    /// Found only when the cookie is written, as in Node.
    WhenWritten,
}

impl Refusal {
    /// Ours for what express-session reports when it writes the cookie.
    pub fn of_node(error: &str) -> Self {
        match error {
            "argument name is invalid" => Self::Refused(PolicyError::Name),
            "option domain is invalid" => Self::Refused(PolicyError::Domain),
            "option path is invalid" => Self::Refused(PolicyError::Path),
            "option priority is invalid" | "option sameSite is invalid" => Self::WhenWritten,
            other => panic!("{other}: which of ours is it?"),
        }
    }
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

pub trait With: Sized {
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

pub fn change_cookie(state: &mut State, changes: &Members) -> Result<(), Refusal> {
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

pub fn lifetime(key: &str, value: &serde_json::Value) -> Result<Lifetime, Refusal> {
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
pub enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub fn keyring(&self) -> Keyring {
        match self {
            Self::One(secret) => Keyring::new(secret),
            Self::Many(secrets) => keyring(secrets),
        }
    }
}

pub fn keyring(secrets: &[String]) -> Keyring {
    let (first, rest) = secrets.split_first().unwrap();
    rest.iter().fold(Keyring::new(first), |keyring, secret| keyring.and_retired(secret))
}

pub fn from_hex(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// A JSON object with its order, which counts in Node.
pub struct Members(pub Vec<(String, Box<RawValue>)>);

impl Members {
    pub fn get(&self, key: &str) -> Option<&RawValue> {
        self.0.iter().find(|(present, _)| present == key).map(|(_, value)| &**value)
    }

    pub fn text(&self, key: &str) -> Option<String> {
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
