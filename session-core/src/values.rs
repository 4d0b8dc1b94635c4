//! The data of a session: JSON texts by key, in the order they were put in, and what a request changed in them.

use std::borrow::Cow;
use std::collections::HashSet;

use serde_json::value::RawValue;

/// A session's data. Values stay the text they came as until a handler asks for them.
#[derive(Clone, Default)]
pub(crate) struct Values(Vec<(Box<str>, Box<RawValue>)>);

impl std::fmt::Debug for Values {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Values({} keys, redacted)", self.0.len())
    }
}

impl Values {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// Adds a key that is known not to be there, or that [`Self::has_duplicates`] will judge.
    pub(crate) fn push(&mut self, key: Cow<'_, str>, value: Box<RawValue>) {
        self.0.push((key.into(), value));
    }

    pub(crate) fn has_duplicates(&self) -> bool {
        // Few keys are compared sooner than hashed; many must not cost their square.
        if self.0.len() <= 16 {
            let is_twice =
                |(at, (key, _)): (usize, &(Box<str>, _))| self.0[..at].iter().any(|(k, _)| k == key);
            return self.0.iter().enumerate().any(is_twice);
        }
        let mut seen = HashSet::with_capacity(self.0.len());
        !self.0.iter().all(|(key, _)| seen.insert(key))
    }

    pub(crate) fn get(&self, key: &str) -> Option<&RawValue> {
        self.0.iter().find(|(present, _)| **present == *key).map(|(_, value)| &**value)
    }

    /// Puts a value in, in the place of the one that was there; returns that one.
    pub(crate) fn set(&mut self, key: &str, value: Box<RawValue>) -> Option<Box<RawValue>> {
        match self.0.iter_mut().find(|(present, _)| **present == *key) {
            Some((_, slot)) => Some(std::mem::replace(slot, value)),
            None => {
                self.0.push((key.into(), value));
                None
            }
        }
    }

    pub(crate) fn remove(&mut self, key: &str) -> Option<Box<RawValue>> {
        let at = self.0.iter().position(|(present, _)| **present == *key)?;
        Some(self.0.remove(at).1)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes that keys and values take as JSON, about.
    pub(crate) fn text_len(&self) -> usize {
        self.iter().map(|(key, value)| key.len() + value.get().len() + 4).sum()
    }

    /// The members that a JavaScript object lists before all others: keys that are array indices, ascending.
    pub(crate) fn array_indices(&self) -> Vec<(&str, &RawValue)> {
        let mut indices: Vec<_> =
            self.iter().filter_map(|(key, value)| Some((array_index(key)?, key, value))).collect();
        indices.sort_by_key(|(index, ..)| *index);
        indices.into_iter().map(|(_, key, value)| (key, value)).collect()
    }
}

/// A canonical array index (`0` to `4294967294`), as ECMAScript defines it.
pub(crate) fn array_index(key: &str) -> Option<u32> {
    let canonical = key == "0" || (!key.starts_with('0') && key.bytes().all(|byte| byte.is_ascii_digit()));
    canonical.then(|| key.parse().ok()).flatten().filter(|index| *index != u32::MAX)
}

/// A change of one key that can be made again, on a newer state of the record.
pub(crate) enum Op {
    /// The key was given this value.
    Set,
    /// The key was removed.
    Remove,
    /// The value was computed from the one before, by these functions in turn.
    Update(Vec<Rerun>),
}

/// Computes a value from the one that is there.
pub(crate) type Rerun =
    Box<dyn FnMut(Option<&RawValue>) -> Result<Box<RawValue>, crate::error::Error> + Send>;

impl std::fmt::Debug for Op {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Set => "Set",
            Self::Remove => "Remove",
            Self::Update(_) => "Update",
        })
    }
}

pub(crate) struct Change {
    pub(crate) key: Box<str>,
    /// What the record held when this request first changed the key.
    pub(crate) before: Option<Box<RawValue>>,
    pub(crate) op: Op,
}

impl std::fmt::Debug for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Change({}: {:?})", self.key, self.op)
    }
}

/// What a request changed in the data: enough to tell whether anything differs, and to do it again.
#[derive(Debug, Default)]
pub(crate) struct Delta {
    pub(crate) changes: Vec<Change>,
    /// Everything was removed before the changes above.
    pub(crate) cleared: bool,
}

impl Delta {
    /// Notes that `key` now has a new value (or none); `before` is what it replaced.
    pub(crate) fn note(&mut self, key: &str, before: Option<Box<RawValue>>, op: Op) {
        let Some(change) = self.changes.iter_mut().find(|change| *change.key == *key) else {
            self.changes.push(Change { key: key.into(), before, op });
            return;
        };
        // A function of a value that this request itself had set is as good as setting the result.
        change.op = match (std::mem::replace(&mut change.op, Op::Set), op) {
            (Op::Update(mut earlier), Op::Update(more)) => {
                earlier.extend(more);
                Op::Update(earlier)
            }
            (Op::Set | Op::Remove, Op::Update(_) | Op::Set) | (Op::Update(_), Op::Set) => Op::Set,
            (Op::Set | Op::Remove | Op::Update(_), Op::Remove) => Op::Remove,
        };
    }

    /// Whether `values` differ from what they were before the changes.
    pub(crate) fn differs(&self, values: &Values) -> bool {
        self.changes.iter().any(|change| {
            values.get(&change.key).map(RawValue::get) != change.before.as_deref().map(RawValue::get)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_there_twice_is_found_among_few_and_among_many() {
        for count in [2, 16, 17, 40] {
            let mut values = Values::default();
            let value = || RawValue::from_string("1".to_owned()).unwrap();
            (0..count).for_each(|n| values.push(n.to_string().into(), value()));
            assert!(!values.has_duplicates(), "{count} keys");
            values.push("0".into(), value());
            assert!(values.has_duplicates(), "{count} keys and one again");
        }
    }

    #[test]
    fn array_indices_are_those_of_ecmascript() {
        for (key, index) in [("0", Some(0)), ("10", Some(10)), ("4294967294", Some(4_294_967_294))] {
            assert_eq!(array_index(key), index);
        }
        for key in ["", "01", "-1", "+1", "1.0", "4294967295", "x", "٣"] {
            assert_eq!(array_index(key), None, "{key}");
        }
    }
}
