//! A key as it is held: in place, so that a search for one does not leave the nodes of the tree it walks through.

use std::borrow::Borrow;
use std::cmp::Ordering;

use session_core::StoreKey;

/// The text of a [`StoreKey`]. A hashed id (43 bytes) and express-session's ids (32) need no memory of their own.
#[derive(Clone)]
pub(crate) enum Key {
    Short(u8, [u8; Self::SHORT]),
    Long(Box<str>),
}

impl Key {
    /// Makes a key as large as six words.
    const SHORT: usize = 46;

    pub(crate) fn new(text: &str) -> Self {
        let mut short = [0; Self::SHORT];
        match (u8::try_from(text.len()), short.get_mut(..text.len())) {
            (Ok(length), Some(part)) => {
                part.copy_from_slice(text.as_bytes());
                Self::Short(length, short)
            }
            (Ok(_) | Err(_), _) => Self::Long(text.into()),
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Short(length, text) => &text[..usize::from(*length)],
            Self::Long(text) => text.as_bytes(),
        }
    }

    pub(crate) fn to_store_key(&self) -> StoreKey {
        // It was made of text.
        StoreKey::from_stored(std::str::from_utf8(self.bytes()).unwrap_or_default())
    }
}

impl From<&StoreKey> for Key {
    fn from(key: &StoreKey) -> Self {
        Self::new(key.as_str())
    }
}

/// Text in UTF-8 is in the same order as its bytes.
impl Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        self.bytes()
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bytes().cmp(other.bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_six_words_and_gives_its_text_back_whatever_its_length() {
        assert_eq!(size_of::<Key>(), 48);
        let texts: Vec<String> = (0..300).map(|length| "é".repeat(length)).collect();
        for (one, next) in texts.iter().zip(&texts[1..]) {
            assert_eq!(Key::new(one).to_store_key().as_str(), one);
            assert!(Key::new(one) < Key::new(next), "the order of the texts");
        }
    }
}
