//! The version of a record in a table that others write too: the SHA-256 of its payload.
//!
//! A Node server on the same table knows of no version, so a count would not notice its writes. The payload is all
//! that both write. The same payload is the same version, whoever wrote it: then nothing is lost by overwriting it.

use std::fmt::Write as _;

use session_core::store::Version;
use sha2::{Digest as _, Sha256};

/// The version of a record with this payload: what the server computes as the hexadecimal SHA-256 of the column.
pub(crate) fn version_of(payload: &str) -> Version {
    let hash = Sha256::digest(payload.as_bytes());
    let mut text = String::with_capacity(64);
    for byte in hash {
        let _ = write!(text, "{byte:02x}");
    }
    Version::from(&*text)
}

/// A version as a parameter. [`Version::unknown`] becomes the empty text, which is no hash.
pub(crate) fn text(version: &Version) -> &str {
    version.text().unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_the_hash_as_the_servers_write_it() {
        let version = version_of("abc");
        assert_eq!(text(&version), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(text(&Version::unknown()), "");
        assert_eq!(text(&Version::from(7)), "");
    }
}
