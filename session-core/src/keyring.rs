//! Secrets: the one that signs and the retired ones that still verify.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Secrets shorter than this many bytes are refused, unless a policy says otherwise.
pub const MIN_SECRET_BYTES: usize = 32;

/// The secrets that sign session cookies: the current one signs, all verify.
///
/// To rotate, put the new secret first and keep the old one as retired until its cookies have died out. A cookie
/// signed by a retired secret is signed anew when its session is next used.
///
/// `Debug` shows how many there are and nothing of them; the memory is wiped on drop.
///
/// ```
/// use session_core::Keyring;
///
/// let keyring = Keyring::new("a long random text, 32 bytes or more").and_retired("the long random text of last year");
/// assert_eq!(format!("{keyring:?}"), "Keyring(2 secrets, redacted)");
/// ```
#[derive(Clone)]
pub struct Keyring(Vec<Zeroizing<Vec<u8>>>);

impl Keyring {
    /// A keyring with one secret, which signs and verifies.
    ///
    /// Draw it from a random generator (`openssl rand -base64 33`) and keep it out of the source code. Length and
    /// quality are judged when the policy is built.
    #[must_use]
    pub fn new(current: impl AsRef<[u8]>) -> Self {
        Self(vec![Zeroizing::new(current.as_ref().to_vec())])
    }

    /// The same keyring with one more secret that only verifies.
    #[must_use]
    pub fn and_retired(mut self, secret: impl AsRef<[u8]>) -> Self {
        self.0.push(Zeroizing::new(secret.as_ref().to_vec()));
        self
    }

    pub(crate) fn secrets(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(|secret| secret.as_slice())
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({} secrets, redacted)", self.0.len())
    }
}

/// What stands between a secret and the key that a cookie is signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signature {
    /// The key is derived from the secret and the cookie's name: a value moved to another cookie does not verify.
    PerName,
    /// As [`Self::PerName`], and cookies signed with the raw secret are still accepted (and signed anew): for the time
    /// of moving away from express-session.
    PerNameAcceptingRaw,
    /// The secret itself, bit for bit what express-session does.
    Raw,
}

/// A key that is ready to sign: the secret has been mixed in, which is half of the work of a short HMAC.
#[derive(Clone)]
pub(crate) struct MacKey(Hmac<Sha256>);

impl MacKey {
    pub(crate) fn raw(secret: &[u8]) -> Self {
        // HMAC takes keys of every length, so the fallback is never used.
        Self(
            Hmac::new_from_slice(secret)
                .unwrap_or_else(|_| Hmac::new(&hmac::digest::Key::<Hmac<Sha256>>::default())),
        )
    }

    pub(crate) fn for_purpose(secret: &[u8], purpose: &str, name: &str) -> Self {
        let mut derive = Self::raw(secret).0;
        derive.update(purpose.as_bytes());
        derive.update(b"\0");
        derive.update(name.as_bytes());
        let key = Zeroizing::new(<[u8; 32]>::from(derive.finalize().into_bytes()));
        Self::raw(key.as_slice())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(message);
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(redacted)")
    }
}
