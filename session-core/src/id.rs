//! The session id: the secret a browser holds, and the key a store sees in its place.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Bytes of randomness in an id that this library makes: 192 bits, as express-session's `genid` draws.
pub const ENTROPY_BYTES: usize = 24;

/// The longest id that is accepted, in bytes. A signed cookie with a longer one would not fit in a cookie.
pub const MAX_ID_BYTES: usize = 1024;

/// A session's id: whoever holds it (signed) holds the session.
///
/// It has no `Display` and its `Debug` shows nothing; two ids are compared in constant time.
///
/// ```
/// use session_core::SessionId;
///
/// let id = SessionId::from_entropy([7; 24]);
/// assert_eq!(id.expose().len(), 32);
/// assert_eq!(format!("{id:?}"), "SessionId(redacted)");
/// ```
#[derive(Clone)]
pub struct SessionId(Box<str>);

impl SessionId {
    /// The id made of 192 random bits: 32 characters of base64url, as express-session writes it.
    ///
    /// The caller draws the bytes from the system's generator; the core has no randomness of its own.
    #[must_use]
    pub fn from_entropy(bytes: [u8; ENTROPY_BYTES]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(bytes).into_boxed_str())
    }

    /// An id from a generator of the application's own, or from a cookie whose signature holds.
    ///
    /// `None` if it is empty, longer than [`MAX_ID_BYTES`] or holds a control character: such a text was
    /// never issued, and must not reach a store.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let sound = !text.is_empty() && text.len() <= MAX_ID_BYTES && !text.chars().any(char::is_control);
        sound.then(|| Self(text.into()))
    }

    /// The id itself. Hand it to nobody but the holder of the session.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The key under which a store keeps this session.
    #[must_use]
    pub fn key(&self, at_rest: IdsAtRest) -> StoreKey {
        match at_rest {
            IdsAtRest::Plain => StoreKey(self.0.clone()),
            IdsAtRest::Hashed => {
                StoreKey(URL_SAFE_NO_PAD.encode(Sha256::digest(self.0.as_bytes())).into_boxed_str())
            }
        }
    }
}

impl PartialEq for SessionId {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for SessionId {}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(redacted)")
    }
}

/// How ids are kept in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdsAtRest {
    /// SHA-256 of the id, base64url: who reads the store's files or backups cannot take a session over.
    Hashed,
    /// The id itself, as express-session's stores keep it.
    Plain,
}

/// All that a store ever sees of an id: 43 characters of base64url when hashed, the id itself when plain.
///
/// `Debug` shows nothing, since a plain key is an id.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoreKey(Box<str>);

impl StoreKey {
    /// A key read back from a store (a listing, a test).
    #[must_use]
    pub fn from_stored(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The text a store uses as its key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name for this session that may be shown to its owner, in a list of devices for instance.
    ///
    /// It is a hash of the key: it finds the session again, and is of no use as a cookie.
    #[must_use]
    pub fn handle(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(b"session handle\0");
        hash.update(self.0.as_bytes());
        URL_SAFE_NO_PAD.encode(&hash.finalize()[..16])
    }
}

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreKey(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_32_characters_of_base64url_and_every_bit_counts() {
        let zero = SessionId::from_entropy([0; ENTROPY_BYTES]);
        for byte in 0..ENTROPY_BYTES {
            for bit in 0..8 {
                let mut bytes = [0; ENTROPY_BYTES];
                bytes[byte] |= 1 << bit;
                let id = SessionId::from_entropy(bytes);
                assert_eq!(id.expose().len(), 32);
                assert_ne!(id, zero);
            }
        }
    }

    #[test]
    fn ids_that_nobody_issued_are_refused() {
        for text in ["", "a\0b", "a\r\nb", "\u{7f}", &"x".repeat(MAX_ID_BYTES + 1)] {
            assert!(SessionId::new(text).is_none());
        }
        assert!(SessionId::new("a b;c=d/e+f%").is_some(), "a generator of one's own may give this");
    }

    #[test]
    fn a_hashed_key_does_not_contain_the_id_and_a_handle_does_not_contain_the_key() {
        let id = SessionId::from_entropy([9; ENTROPY_BYTES]);
        let key = id.key(IdsAtRest::Hashed);
        assert_eq!(key.as_str().len(), 43);
        assert!(!key.as_str().contains(id.expose()));
        assert!(!key.as_str().contains(&key.handle()));
        assert_eq!(id.key(IdsAtRest::Plain).as_str(), id.expose());
        assert_eq!(format!("{key:?}"), "StoreKey(redacted)");
    }
}
