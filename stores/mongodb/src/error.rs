//! From the driver's errors to [`StoreError`]: a code and a few fixed words, nothing that came from outside.
//!
//! A server's message may quote a key (`dup key: { _id: "…" }`), a connection error may quote the URL with its password.
//! So no message passes; the code says enough to look the matter up.

use mongodb::error::{Error, ErrorKind, WriteFailure};
use session_core::store::StoreError;

/// What a driver's error means for the caller.
pub(crate) fn store_error(error: &Error) -> StoreError {
    match &*error.kind {
        ErrorKind::Command(error) => from_server(error.code),
        ErrorKind::Write(WriteFailure::WriteError(error)) => from_server(error.code),
        ErrorKind::Write(WriteFailure::WriteConcernError(error)) => unconfirmed(error.code),
        ErrorKind::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            StoreError::unavailable("connection refused")
        }
        ErrorKind::Io(_) | ErrorKind::ConnectionPoolCleared { .. } => {
            StoreError::unavailable("the connection was lost or could not be made")
        }
        ErrorKind::ServerSelection { .. } => no_primary(),
        ErrorKind::DnsResolve { .. } => StoreError::unavailable("the server's name was not found"),
        ErrorKind::InvalidResponse { .. } | ErrorKind::Internal { .. } => {
            StoreError::unavailable("the server's answer was not understood")
        }
        ErrorKind::Shutdown => StoreError::unavailable("the client has been shut down"),
        ErrorKind::Authentication { .. } => {
            StoreError::refused("the server did not accept the user name or the password")
        }
        ErrorKind::InvalidArgument { .. } | ErrorKind::InvalidTlsConfig { .. } => {
            StoreError::refused("the connection options cannot be used")
        }
        ErrorKind::IncompatibleServer { .. } => StoreError::refused("the server is too old"),
        _ => StoreError::refused("the driver refused the operation"),
    }
}

/// Nothing was sent, since there was nobody to send it to.
pub(crate) fn no_primary() -> StoreError {
    StoreError::unavailable("there is no primary within reach")
}

/// The server did nothing, since only a primary does.
pub(crate) fn not_primary() -> StoreError {
    StoreError::unavailable("MongoDB error 10107: the server is not the primary")
}

/// The same for whoever may read from others meanwhile.
pub(crate) fn no_primary_but_others() -> StoreError {
    StoreError::read_only("there is no primary within reach, and the other servers may only be read")
}

/// No answer within the store's patience. Whether a write was carried out is not known.
pub(crate) fn too_late() -> StoreError {
    StoreError::unavailable("the server did not answer in time")
}

/// A document of the collection is none that this store or connect-mongo makes.
pub(crate) fn unreadable() -> StoreError {
    StoreError::corrupt("a field does not hold what a session's document holds")
}

/// Whether the write was refused because the key is taken.
pub(crate) fn is_duplicate(error: &Error) -> bool {
    match &*error.kind {
        ErrorKind::Write(WriteFailure::WriteError(error)) => error.code == 11000,
        _ => false,
    }
}

/// Whether the server says that there is no such collection.
pub(crate) fn is_no_collection(error: &Error) -> bool {
    matches!(&*error.kind, ErrorKind::Command(error) if error.code == 26)
}

/// Written on the primary, but not on as many members as were asked for.
fn unconfirmed(code: i32) -> StoreError {
    match code {
        // There are no such members, so waiting does not help.
        79 | 100 => StoreError::refused(format!("the write concern cannot be met, MongoDB error {code}")),
        _ => StoreError::unavailable(format!("the write was not confirmed, MongoDB error {code}")),
    }
}

/// By [error code](https://www.mongodb.com/docs/manual/reference/error-codes/).
fn from_server(code: i32) -> StoreError {
    match code {
        // Authentication failed.
        18 => StoreError::refused("the server did not accept the user name or the password"),
        10107 => not_primary(),
        14031 => StoreError::read_only("MongoDB error 14031: the server's disk is full"),
        // Hosts out of reach (6, 7, 89, 9001), too late (50, 202, 262), not confirmed (64), locked, in conflict or overloaded
        // (24, 46, 112, 365, 462), no primary, stepped down, starting or shutting down (91, 133, 134, 189, 10058, 11600,
        // 11602, 13435, 13436), broken off (43, 175, 237, 279, 11601).
        6
        | 7
        | 24
        | 43
        | 46
        | 50
        | 64
        | 89
        | 91
        | 112
        | 133
        | 134
        | 175
        | 189
        | 202
        | 237
        | 262
        | 279
        | 365
        | 462
        | 9001
        | 10058
        | 11600..=11602
        | 13435
        | 13436 => StoreError::unavailable(format!("MongoDB error {code}")),
        _ => StoreError::refused(format!("MongoDB error {code}")),
    }
}

#[cfg(test)]
mod tests {
    use session_core::store::StoreErrorKind;

    use super::*;

    #[test]
    fn what_an_election_ends_is_unavailable_and_what_a_person_must_end_is_refused() {
        for code in [91, 189, 10107, 11600, 11602, 13435, 13436] {
            assert_eq!(from_server(code).kind(), StoreErrorKind::Unavailable, "{code}");
        }
        for code in [13, 18, 8000, 17419] {
            assert_eq!(from_server(code).kind(), StoreErrorKind::Refused, "{code}");
        }
        assert_eq!(from_server(14031).kind(), StoreErrorKind::ReadOnly);
        assert_eq!(unconfirmed(64).kind(), StoreErrorKind::Unavailable);
        assert_eq!(unconfirmed(100).kind(), StoreErrorKind::Refused);
    }

    #[test]
    fn no_message_passes() {
        let secret = "mongodb://u:s3cret@host";
        let errors = [
            Error::from(ErrorKind::Io(std::io::Error::other(secret).into())),
            Error::from(std::io::Error::new(std::io::ErrorKind::ConnectionRefused, secret)),
            Error::custom(secret.to_owned()),
        ];
        for error in errors {
            assert!(!format!("{0} {0:?}", store_error(&error)).contains("s3cret"));
        }
    }
}
