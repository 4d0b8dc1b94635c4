//! Names of keys: the sessions' prefix, and the owners' beside it.

use session_core::StoreKey;
use session_core::store::{Owner, StoreError};

use crate::link::slots::tag;

/// The two prefixes of one store. Neither begins with the other, so that no scan takes one's keys for the other's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prefixes {
    sessions: Box<str>,
    owners: Box<str>,
}

impl Prefixes {
    /// `sess:` gives `sess-owner:`, and `sess` gives `owner-of-sess:`.
    pub(crate) fn parse(sessions: &str) -> Result<Self, StoreError> {
        let owners = match sessions.strip_suffix(':') {
            Some(stem) => format!("{stem}-owner:"),
            None => format!("owner-of-{sessions}:"),
        };
        let apart = !owners.starts_with(sessions) && !sessions.starts_with(&owners);
        if apart && !sessions.contains('\0') && sessions.len() <= 256 {
            Ok(Self { sessions: sessions.into(), owners: owners.into() })
        } else {
            Err(StoreError::refused(
                "the prefix is not usable; take one of 1 to 256 bytes that ends in a colon, `sess:` say",
            ))
        }
    }

    pub(crate) fn sessions(&self) -> &str {
        &self.sessions
    }

    pub(crate) fn owners(&self) -> &str {
        &self.owners
    }

    /// Whether all keys lie in one slot of a cluster: the prefix has a hash tag.
    pub(crate) fn is_in_one_slot(&self) -> bool {
        tag(&self.sessions).is_some()
    }

    pub(crate) fn session(&self, key: &StoreKey) -> String {
        [&self.sessions, key.as_str()].concat()
    }

    pub(crate) fn owner(&self, owner: &Owner) -> String {
        [&self.owners, owner.as_str()].concat()
    }
}

/// The glob pattern of all that begins with `prefix`.
pub(crate) fn pattern(prefix: &str) -> String {
    let mut pattern = String::with_capacity(prefix.len() + 4);
    for letter in prefix.chars() {
        if matches!(letter, '*' | '?' | '[' | ']' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('*');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::slots::slot;

    #[test]
    fn the_owners_keys_are_no_sessions_keys() {
        for (prefix, owners) in
            [("sess:", "sess-owner:"), ("a:b:", "a:b-owner:"), ("sess", "owner-of-sess:"), (":", "-owner:")]
        {
            assert_eq!(Prefixes::parse(prefix).unwrap().owners(), owners);
        }
        for prefix in ["", "o", "owner-of-", "a\0:", &"x".repeat(257)] {
            assert!(Prefixes::parse(prefix).is_err(), "{prefix}");
        }
    }

    #[test]
    fn a_hash_tag_in_the_prefix_puts_all_in_one_slot() {
        for (prefix, is_in_one_slot) in [("{sess}:", true), ("a{b}c", true), ("sess:", false), ("{}:", false)]
        {
            let names = Prefixes::parse(prefix).unwrap();
            assert_eq!(names.is_in_one_slot(), is_in_one_slot, "{prefix}");
            let slots =
                [names.session(&StoreKey::from_stored("{x}")), names.owner(&Owner::new("o").unwrap())];
            assert_eq!(slot(&slots[0]) == slot(&slots[1]), is_in_one_slot, "{prefix}");
        }
    }

    #[test]
    fn a_pattern_stands_for_its_prefix_and_nothing_else() {
        assert_eq!(pattern("sess:"), "sess:*");
        assert_eq!(pattern("a*b?[c]\\:"), "a\\*b\\?\\[c\\]\\\\:*");
    }
}
