//! From the client library's errors to [`StoreError`]: a code and a few fixed words, nothing that came from outside.
//!
//! A server's message may quote a key or an argument, a connection error may quote the URL with its password. So no
//! message passes; the code says enough to look the matter up.

use redis::{ErrorKind, RedisError, ServerErrorKind};
use session_core::store::StoreError;

/// What a client library's error means for the caller.
pub(crate) fn store_error(error: &RedisError) -> StoreError {
    if error.is_timeout() {
        return too_late();
    }
    if let Some(error) = of_tls(error) {
        return error;
    }
    match error.kind() {
        ErrorKind::Server(_) | ErrorKind::Extension => match code(error) {
            Some(code) => from_server(code),
            None => from_detail(error.detail().unwrap_or_default()),
        },
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

/// The code of a server's answer, or `None` if it has none of its own.
///
/// Redis 6.2 wraps the error of a command in a script into a message of its own, with the code somewhere in it.
pub(crate) fn code(error: &RedisError) -> Option<&str> {
    /// What a command of ours may be refused with in a script.
    const IN_SCRIPTS: [&str; 7] =
        ["READONLY", "MISCONF", "OOM", "NOREPLICAS", "WRONGTYPE", "MASTERDOWN", "CLUSTERDOWN"];
    let code = match error.kind() {
        ErrorKind::Server(ServerErrorKind::ResponseError) => None,
        _ => error.code(),
    };
    code.or_else(|| {
        let detail = error.detail()?;
        let mut words = detail.split([' ', ':', '-']);
        let is_of_a_script = detail.starts_with("Error running script");
        words.find_map(|word| IN_SCRIPTS.into_iter().find(|code| is_of_a_script && *code == word))
    })
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

/// Errors that have no code of their own, of which a few tell what was set up wrongly.
fn from_detail(detail: &str) -> StoreError {
    let detail = detail.to_ascii_lowercase();
    if detail.starts_with("syntax error") || detail.starts_with("unknown command") {
        StoreError::refused("the server is too old; Redis 6.2 or newer, or Valkey, is needed")
    } else if detail.contains("cluster support disabled") {
        StoreError::refused("the server is not part of a cluster; use `connect` or `connect_sentinel`")
    } else {
        StoreError::refused("Redis error ERR")
    }
}

/// What certificates are to blame for.
#[cfg(feature = "tls")]
fn of_tls(error: &RedisError) -> Option<StoreError> {
    use std::error::Error;
    use std::sync::Arc;

    // The client library shows a shared error as its source, which shows an I/O error, which wraps the one of TLS.
    let source = error.source()?;
    let shared = source.downcast_ref::<Arc<dyn Error + Send + Sync>>().map(|shared| &**shared as &dyn Error);
    let cause = shared.unwrap_or(source);
    let wrapped = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    let wrapped = wrapped.map(|inner| inner as &(dyn Error + 'static));
    match wrapped.unwrap_or(cause).downcast_ref()? {
        rustls::Error::InvalidCertificate(_) => Some(StoreError::refused(
            "the server's certificate is not accepted; check the root certificate, and that the URL has the name in \
             the certificate",
        )),
        rustls::Error::AlertReceived(_) => Some(StoreError::refused(
            "the server ended the TLS handshake; it may want a client certificate that it trusts",
        )),
        _ => Some(StoreError::unavailable("TLS with the server failed")),
    }
}

#[cfg(not(feature = "tls"))]
fn of_tls(_: &RedisError) -> Option<StoreError> {
    None
}

/// By the first word of the server's message.
fn from_server(code: &str) -> StoreError {
    // Codes are capitals; anything else was made up by a server that is none.
    let sound = (1..=20).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_uppercase());
    let code = if sound { code } else { "ERR" };
    match code {
        "WRONGTYPE" => StoreError::corrupt("what is kept under the session's key is no string"),
        // These pass: the server starts, fails over, hands slots on, or runs a script of somebody's.
        "LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "MOVED" | "ASK" | "TRYAGAIN" | "BUSY" | "NOSCRIPT" => {
            StoreError::unavailable(format!("Redis error {code}"))
        }
        "READONLY" => StoreError::read_only("the server is a replica; connect to its primary (READONLY)"),
        "OOM" => StoreError::read_only("the server's memory is full; raise `maxmemory` (OOM)"),
        "MISCONF" => StoreError::read_only("the server cannot save to its disk; see its log (MISCONF)"),
        "NOREPLICAS" => {
            StoreError::read_only("the server has fewer replicas than `min-replicas-to-write` (NOREPLICAS)")
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
        assert_eq!(from_server("NOPERM").to_string(), "the session store refused: Redis error NOPERM");
        for code in ["sess:abc", "", "SECRETSECRETSECRETSECRET", "P4SS"] {
            assert_eq!(from_server(code).to_string(), "the session store refused: Redis error ERR");
        }
    }

    #[test]
    fn what_passes_by_itself_is_unavailable_and_a_strange_type_is_corrupt() {
        for code in ["LOADING", "MOVED", "ASK", "CLUSTERDOWN", "MASTERDOWN", "TRYAGAIN"] {
            assert_eq!(from_server(code).kind(), StoreErrorKind::Unavailable, "{code}");
        }
        for code in ["READONLY", "OOM", "MISCONF", "NOREPLICAS"] {
            assert_eq!(from_server(code).kind(), StoreErrorKind::ReadOnly, "{code}");
        }
        for code in ["NOPERM", "CROSSSLOT"] {
            assert_eq!(from_server(code).kind(), StoreErrorKind::Refused, "{code}");
        }
        assert_eq!(from_server("WRONGTYPE").kind(), StoreErrorKind::Corrupt);
    }

    #[test]
    fn a_code_is_found_in_what_redis_6_says_of_a_script() {
        let of = |detail: &str| {
            let kind = ErrorKind::Server(ServerErrorKind::ResponseError);
            RedisError::from((kind, "An error was signalled by the server", detail.to_owned()))
        };
        let wrapped = "Error running script (call to f_6b1b): @user_script:9: @user_script: 9: -READONLY You can't write";
        assert_eq!(code(&of(wrapped)), Some("READONLY"));
        assert_eq!(store_error(&of(wrapped)).kind(), StoreErrorKind::ReadOnly);
        for detail in ["value OOM", "Error running script (call to f_6b1b): something"] {
            assert_eq!(code(&of(detail)), None, "{detail}");
        }
    }
}
