//! From the client library's errors to [`StoreError`]: a code and a few fixed words, nothing that came from outside.
//!
//! A server's message may quote a key or an argument, a connection error may quote the URL with its password. So no
//! message passes; the code says enough to look the matter up.

use redis::{ErrorKind, RedisError};
use session_core::store::StoreError;

/// What a client library's error means for the caller.
pub(crate) fn store_error(error: &RedisError) -> StoreError {
    if error.is_timeout() {
        return too_late();
    }
    match error.kind() {
        ErrorKind::Server(_) | ErrorKind::Extension => from_server(error.code().unwrap_or_default()),
        ErrorKind::Io if error.is_connection_refusal() => StoreError::unavailable("connection refused"),
        ErrorKind::Io => StoreError::unavailable("the connection was lost or could not be made"),
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => unexpected(),
        ErrorKind::AuthenticationFailed => {
            StoreError::refused("the server did not accept the user name or the password")
        }
        ErrorKind::InvalidClientConfig => StoreError::refused("the connection options cannot be used"),
        _ => StoreError::refused("the client library refused the command"),
    }
}

/// No answer within the store's patience. Whether a write was carried out is not known.
pub(crate) fn too_late() -> StoreError {
    StoreError::unavailable("the server did not answer in time")
}

/// What answered is no Redis, or a script of ours was changed.
pub(crate) fn unexpected() -> StoreError {
    StoreError::unavailable("the server's answer was not understood")
}

/// What lies under a session's key is not text.
pub(crate) fn unreadable() -> StoreError {
    StoreError::corrupt("what is kept under the session's key is not UTF-8 text")
}

/// By the first word of the server's message.
fn from_server(code: &str) -> StoreError {
    // Codes are capitals; anything else was made up by a server that is none.
    let sound = (1..=20).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_uppercase());
    let code = if sound { code } else { "ERR" };
    match code {
        "WRONGTYPE" => StoreError::corrupt("what is kept under the session's key is no string"),
        // These pass: the server starts, fails over, or runs a script of somebody's.
        "LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" | "BUSY" | "NOREPLICAS" => {
            StoreError::unavailable(format!("Redis error {code}"))
        }
        _ => StoreError::refused(format!("Redis error {code}")),
    }
}

#[cfg(test)]
mod tests {
    use session_core::store::StoreErrorKind;

    use super::*;

    #[test]
    fn only_a_code_of_capitals_passes() {
        assert_eq!(from_server("OOM").to_string(), "the session store refused: Redis error OOM");
        for code in ["sess:abc", "", "SECRETSECRETSECRETSECRET", "P4SS"] {
            assert_eq!(from_server(code).to_string(), "the session store refused: Redis error ERR");
        }
    }

    #[test]
    fn what_passes_by_itself_is_unavailable_and_a_strange_type_is_corrupt() {
        assert_eq!(from_server("LOADING").kind(), StoreErrorKind::Unavailable);
        assert_eq!(from_server("READONLY").kind(), StoreErrorKind::Refused);
        assert_eq!(from_server("WRONGTYPE").kind(), StoreErrorKind::Corrupt);
    }
}
