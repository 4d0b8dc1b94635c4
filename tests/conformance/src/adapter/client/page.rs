//! A response, and what a test reads in it.

use serde_json::Value;

use crate::failure::{Failure, Outcome};

/// A response.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    /// Zero if the server closed the connection instead of answering.
    pub(crate) status: u16,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// What the script's steps saw, one value each.
    pub(crate) seen: Vec<Value>,
}

/// One `Set-Cookie` line, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SetCookie {
    pub(crate) name: String,
    pub(crate) value: String,
    /// Everything behind the value, as it is.
    pub(crate) attributes: String,
}

impl Page {
    pub(super) fn none() -> Self {
        Self { status: 0, headers: Vec::new(), body: Vec::new(), seen: Vec::new() }
    }

    pub(super) fn parse(head: &str) -> Option<Self> {
        let mut lines = head.split("\r\n");
        let mut first = lines.next()?.split(' ');
        first.next()?.strip_prefix("HTTP/1.")?;
        let status = first.next()?.parse().ok()?;
        let field = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        Some(Self { status, headers: lines.filter_map(field).collect(), ..Self::none() })
    }

    pub(super) fn read_seen(&mut self) {
        if let Ok(Value::Array(seen)) = serde_json::from_slice(&self.body) {
            self.seen = seen;
        }
    }

    /// This page, if it has the status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Outcome<Self> {
        if self.status == status {
            return Ok(self);
        }
        let (got, body) = (self.status, self.text());
        Err(Failure::new(format!("the status is {got} and should be {status}; the body is {body:.200}")))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The values of a header, in their order. Its name is given in lower case.
    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(present, _)| present == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The first value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).into_iter().next()
    }

    /// All `Set-Cookie` lines, in their order.
    pub(crate) fn set_cookies(&self) -> Vec<&str> {
        self.headers("set-cookie")
    }

    /// The one line that sets the cookie of this name, if there is one.
    pub(crate) fn cookie(&self, name: &str) -> Outcome<Option<SetCookie>> {
        let mut lines =
            self.set_cookies().into_iter().filter_map(SetCookie::parse).filter(|it| it.name == name);
        let line = lines.next();
        match lines.next() {
            None => Ok(line),
            Some(_) => Err(Failure::new(format!("the cookie `{name}` is set twice in one response"))),
        }
    }

    /// Whether a list-valued header names a word.
    pub(crate) fn lists(&self, header: &str, word: &str) -> bool {
        self.headers(header)
            .iter()
            .any(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(word)))
    }
}

impl SetCookie {
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
        let (name, value) = pair.split_once('=')?;
        Some(Self {
            name: name.trim().to_owned(),
            value: value.trim().to_owned(),
            attributes: attributes.trim().to_owned(),
        })
    }

    /// The value of an attribute, empty if it has none; `None` if it is not there.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.split(';').find_map(|part| {
            let (present, value) = part.split_once('=').unwrap_or((part, ""));
            present.trim().eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    /// Whether it takes the cookie away.
    pub(crate) fn removes(&self) -> bool {
        self.value.is_empty() && self.attribute("expires") == Some("Thu, 01 Jan 1970 00:00:00 GMT")
    }
}
