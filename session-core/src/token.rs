//! The signed cookie value: `s:<id>.<base64 of HMAC-SHA256>`, as `cookie-signature` writes it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use subtle::ConstantTimeEq as _;

use crate::cookie::{decode_component, encode_component};
use crate::id::SessionId;
use crate::keyring::{Keyring, MacKey, Signature};

/// What the key of a session cookie is derived for; the number is the version of the derivation.
const PURPOSE: &str = "session cookie 1";

/// The keys that seal and open one cookie's values.
#[derive(Debug, Clone)]
pub(crate) struct Tokens {
    /// The first one seals.
    keys: Vec<MacKey>,
}

/// An id whose signature holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    pub(crate) id: SessionId,
    pub(crate) seal: Seal,
}

/// Which key a cookie was sealed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seal {
    /// The one that seals today.
    Current,
    /// Another one: the cookie is due to be sealed anew.
    Retired,
}

impl Tokens {
    pub(crate) fn new(keyring: &Keyring, signature: Signature, cookie_name: &str) -> Self {
        let derived = || keyring.secrets().map(|secret| MacKey::for_purpose(secret, PURPOSE, cookie_name));
        let raw = || keyring.secrets().map(MacKey::raw);
        let keys = match signature {
            Signature::PerName => derived().collect(),
            Signature::PerNameAcceptingRaw => derived().chain(raw()).collect(),
            Signature::Raw => raw().collect(),
        };
        Self { keys }
    }

    /// The cookie value for an id, percent-encoded as it goes over the wire.
    pub(crate) fn seal(&self, id: &SessionId) -> String {
        let signature = self.keys.first().and_then(|key| signature(key, id.expose()));
        let signature = signature.as_ref().and_then(|text| str::from_utf8(text).ok()).unwrap_or_default();
        encode_component(&["s:", id.expose(), ".", signature].concat())
    }

    /// The id in a cookie value as it came over the wire, if one of the keys signed it.
    ///
    /// Signatures are compared as text, so that each has one spelling only, and in constant time.
    pub(crate) fn open(&self, value: &str) -> Option<Opened> {
        let value = decode_component(value);
        let (id, given) = value.strip_prefix("s:")?.rsplit_once('.')?;
        if given.len() != SIGNATURE_CHARS {
            return None;
        }
        let signs = |key| signature(key, id).is_some_and(|text| text.ct_eq(given.as_bytes()).into());
        let by = self.keys.iter().position(signs)?;
        let seal = if by == 0 { Seal::Current } else { Seal::Retired };
        Some(Opened { id: SessionId::new(id)?, seal })
    }
}

/// 32 bytes in base64 without padding.
const SIGNATURE_CHARS: usize = 43;

/// `None` never comes: 32 bytes fit. It then neither seals nor opens, which a text of zeros would.
fn signature(key: &MacKey, id: &str) -> Option<[u8; SIGNATURE_CHARS]> {
    let mut text = [0; SIGNATURE_CHARS];
    let length = STANDARD_NO_PAD.encode_slice(key.sign(id.as_bytes()), &mut text).ok()?;
    (length == SIGNATURE_CHARS).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "sid";

    fn tokens(keyring: &Keyring, signature: Signature) -> Tokens {
        Tokens::new(keyring, signature, NAME)
    }

    #[test]
    fn what_is_sealed_opens_and_no_changed_bit_does() {
        let tokens = tokens(&Keyring::new("secret"), Signature::PerName);
        let id = SessionId::from_entropy([3; 24]);
        let value = tokens.seal(&id);
        assert_eq!(tokens.open(&value), Some(Opened { id, seal: Seal::Current }));
        let plain = decode_component(&value).into_owned();
        for at in 0..plain.len() {
            for bit in 0..7 {
                let mut bytes = plain.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let changed = String::from_utf8(bytes).unwrap();
                assert_eq!(tokens.open(&changed), None, "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn a_value_moved_to_another_cookie_does_not_open() {
        let keyring = Keyring::new("secret");
        let value = tokens(&keyring, Signature::PerName).seal(&SessionId::from_entropy([3; 24]));
        assert_eq!(Tokens::new(&keyring, Signature::PerName, "admin").open(&value), None);
    }

    #[test]
    fn retired_and_raw_keys_open_where_the_policy_says_so_and_ask_for_a_new_seal() {
        let id = SessionId::from_entropy([3; 24]);
        let old = Keyring::new("old");
        let new = Keyring::new("new").and_retired("old");
        let raw = tokens(&old, Signature::Raw).seal(&id);
        let derived = tokens(&old, Signature::PerName).seal(&id);
        let seal = |signature, value: &str| tokens(&new, signature).open(value).map(|opened| opened.seal);
        assert_eq!(seal(Signature::PerName, &derived), Some(Seal::Retired));
        assert_eq!(seal(Signature::PerName, &raw), None);
        assert_eq!(seal(Signature::PerNameAcceptingRaw, &raw), Some(Seal::Retired));
        assert_eq!(seal(Signature::Raw, &raw), Some(Seal::Retired));
        assert_eq!(seal(Signature::Raw, &derived), None);
    }
}
