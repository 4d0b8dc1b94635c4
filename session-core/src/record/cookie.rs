//! Reading the record's `cookie`, as forgiving as express-session is.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{RecordCookie, RecordError};
use crate::cookie::{Attributes, Priority, SameSite, is_domain, is_path};

/// Every member may be missing, or of any type: what makes no sense is as if it were missing.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CookieJson<'a> {
    #[serde(borrow)]
    original_max_age: Member<'a>,
    #[serde(borrow)]
    partitioned: Member<'a>,
    #[serde(borrow)]
    priority: Member<'a>,
    #[serde(borrow)]
    secure: Member<'a>,
    #[serde(borrow)]
    http_only: Member<'a>,
    #[serde(borrow)]
    domain: Member<'a>,
    #[serde(borrow)]
    path: Member<'a>,
    #[serde(borrow)]
    same_site: Member<'a>,
}

/// A member of `cookie`, which Node writes as one type or another.
#[derive(Default)]
enum Member<'a> {
    /// Not there, or of a type that says nothing.
    #[default]
    Missing,
    /// Stores that write null for what is unset do so on purpose.
    Null,
    Flag(bool),
    Number(f64),
    Word(Cow<'a, str>),
}

// Derived as an untagged enum, it would try one after the other and put an error together for each string.
impl<'de: 'a, 'a> Deserialize<'de> for Member<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Member<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("any value")
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Member::Null)
            }
            fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
                Ok(Member::Flag(flag))
            }
            #[allow(clippy::cast_precision_loss, reason = "JavaScript's numbers are these")]
            fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Member::Number(number as f64))
            }
            #[allow(clippy::cast_precision_loss, reason = "JavaScript's numbers are these")]
            fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Member::Number(number as f64))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Member::Number(number))
            }
            fn visit_borrowed_str<E>(self, word: &'de str) -> Result<Self::Value, E> {
                Ok(Member::Word(Cow::Borrowed(word)))
            }
            fn visit_str<E>(self, word: &str) -> Result<Self::Value, E> {
                Ok(Member::Word(Cow::Owned(word.to_owned())))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Member::Missing)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                while items.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Member::Missing)
            }
        }
        deserializer.deserialize_any(Visit)
    }
}

impl<'a> Member<'a> {
    /// A switch, with what a missing one stands for. Null is off, as in JavaScript.
    fn flag(&self, missing: bool) -> bool {
        match self {
            Self::Flag(flag) => *flag,
            Self::Word(word) => !word.is_empty(),
            Self::Null => false,
            Self::Missing | Self::Number(_) => missing,
        }
    }

    fn word(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Word(word) => Some(word),
            Self::Missing | Self::Null | Self::Flag(_) | Self::Number(_) => None,
        }
    }
}

/// Reads the member `cookie`.
pub(super) fn decode(value: &RawValue) -> Result<RecordCookie, RecordError> {
    // A derived struct would take an array for its members in their order.
    if !value.get().starts_with('{') {
        return Err(RecordError::NoCookie);
    }
    let json: CookieJson<'_> = serde_json::from_str(value.get()).map_err(|_| RecordError::NoCookie)?;
    // What is missing is what express-session's `new Cookie()` makes of it. A member that no browser could have been sent is
    // dropped, not obeyed: the record is not trusted that far.
    let attributes = Attributes {
        path: match json.path {
            // No attribute, on purpose.
            Member::Null => String::new(),
            Member::Word(path) if is_path(&path) => path.into_owned(),
            Member::Word(_) | Member::Missing | Member::Flag(_) | Member::Number(_) => "/".to_owned(),
        },
        domain: json.domain.word().filter(|domain| is_domain(domain)).map(Cow::into_owned),
        http_only: json.http_only.flag(true),
        secure: json.secure.flag(false),
        same_site: match json.same_site {
            Member::Flag(true) => Some(SameSite::Strict),
            Member::Word(word) => SameSite::parse(&word),
            Member::Flag(false) | Member::Null | Member::Missing | Member::Number(_) => None,
        },
        partitioned: json.partitioned.flag(false),
        priority: json.priority.word().and_then(|priority| Priority::parse(&priority)),
    };
    // The cast saturates: a life of 10^300 ms is as good as forever.
    #[allow(clippy::cast_possible_truncation, reason = "saturating is what is wanted")]
    let original_max_age = match json.original_max_age {
        Member::Number(ms) => Some(ms.floor() as i64),
        // `expires: false` in a policy makes it false in the record.
        Member::Missing | Member::Null | Member::Flag(_) | Member::Word(_) => None,
    };
    Ok(RecordCookie { original_max_age, attributes })
}
