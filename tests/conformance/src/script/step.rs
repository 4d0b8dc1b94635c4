//! The steps of a script, as they go over the wire, and short names to write them with.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One thing that the scripted handler does. What it saw stands in the answer's body, one value for each step.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    // The data.
    Get(String),
    Insert(String, Value),
    /// Counts a key on by one, in a way that loses no count where the library can.
    Count(String),
    Take(String),
    Remove(String),
    Clear,
    Contains(String),
    Keys,
    /// A text of so many characters.
    Fill(String, usize),
    // The session as a whole.
    Id,
    IsNew,
    Regenerate,
    Renew,
    Rotate,
    Destroy,
    Unset,
    Save,
    Reload,
    Login(String),
    Logout,
    Owner,
    // Its life and its cookie.
    Touch,
    /// In milliseconds; none for a cookie that ends with the browser.
    MaxAge(Option<u64>),
    /// A date, in milliseconds since the epoch, and how far it is away.
    Expires(i64, u64),
    /// Attributes of this session's cookie, those that are named.
    SetCookie(CookieChange),
    /// This session's cookie.
    Cookie,
    // Flash messages and form tokens.
    Flash(String, String),
    TakeFlash,
    CsrfToken,
    CsrfVerify(String),
    // The answer.
    Status(u16),
    Header(String, String),
    /// 303.
    Redirect(String),
    /// A body of so many bytes in place of what was seen.
    Pad(usize),
    /// What is played while the body is on its way, on the route for that.
    Stream(Vec<Step>),
    // The course of things.
    /// Whether there is a session at all.
    HasSession,
    /// How many bytes the request's body had.
    BodyLength,
    /// Waits at a gate until the test opens it.
    Pause(String),
    /// Keeps a handle of the session until a gate opens, then plays steps on it; what they saw is left at the gate.
    Keep(String, Vec<Step>),
    /// Goes on if the step fails, and sees how it failed.
    Attempt(Box<Step>),
    /// Plays a step on the session of the second layer.
    Second(Box<Step>),
    Panic,
}

/// What is to be changed of a session's cookie.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct CookieChange {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) domain: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) http_only: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secure: Option<bool>,
    /// `strict`, `lax` or `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) same_site: Option<String>,
}

/// Functions that make a step of each kind, so that cases read as sentences.
pub(crate) mod steps {
    use super::{CookieChange, Step};
    use serde_json::Value;
    use std::time::Duration;

    pub(crate) fn get(key: &str) -> Step {
        Step::Get(key.to_owned())
    }

    pub(crate) fn insert(key: &str, value: impl Into<Value>) -> Step {
        Step::Insert(key.to_owned(), value.into())
    }

    pub(crate) fn count(key: &str) -> Step {
        Step::Count(key.to_owned())
    }

    pub(crate) fn take(key: &str) -> Step {
        Step::Take(key.to_owned())
    }

    pub(crate) fn remove(key: &str) -> Step {
        Step::Remove(key.to_owned())
    }

    pub(crate) fn contains(key: &str) -> Step {
        Step::Contains(key.to_owned())
    }

    pub(crate) fn fill(key: &str, length: usize) -> Step {
        Step::Fill(key.to_owned(), length)
    }

    pub(crate) fn login(owner: &str) -> Step {
        Step::Login(owner.to_owned())
    }

    pub(crate) fn max_age(life: Duration) -> Step {
        Step::MaxAge(Some(u64::try_from(life.as_millis()).unwrap_or(u64::MAX)))
    }

    pub(crate) fn set_cookie(change: CookieChange) -> Step {
        Step::SetCookie(change)
    }

    pub(crate) fn flash(kind: &str, text: &str) -> Step {
        Step::Flash(kind.to_owned(), text.to_owned())
    }

    pub(crate) fn header(name: &str, value: &str) -> Step {
        Step::Header(name.to_owned(), value.to_owned())
    }

    pub(crate) fn redirect(to: &str) -> Step {
        Step::Redirect(to.to_owned())
    }

    pub(crate) fn status(status: u16) -> Step {
        Step::Status(status)
    }

    pub(crate) fn attempt(step: Step) -> Step {
        Step::Attempt(Box::new(step))
    }

    pub(crate) fn second(step: Step) -> Step {
        Step::Second(Box::new(step))
    }
}
