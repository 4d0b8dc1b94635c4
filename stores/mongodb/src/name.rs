//! Names of databases and collections, parsed before anything is asked of a server.

use session_core::store::StoreError;

/// A name may be this long so that database and collection together stay below the server's 255 bytes.
const LONGEST_COLLECTION: usize = 180;
const LONGEST_DATABASE: usize = 63;

/// A collection of this application's own: `sessions`, or `web.sessions`.
pub(crate) fn collection(name: &str) -> Result<&str, StoreError> {
    let foreign = name.contains(['$', '\0']) || name.starts_with("system.");
    let dots = name.starts_with('.') || name.ends_with('.') || name.contains("..");
    if (1..=LONGEST_COLLECTION).contains(&name.len()) && !foreign && !dots {
        Ok(name)
    } else {
        Err(StoreError::refused(
            "the collection name is not usable; take 1 to 180 bytes without `$` and NUL, without dots in a row or at \
             an end, not beginning with `system.`",
        ))
    }
}

/// A database that is not one of the server's own.
pub(crate) fn database(name: &str) -> Result<&str, StoreError> {
    let foreign = name.contains(['/', '\\', '.', ' ', '"', '$', '*', '<', '>', ':', '|', '?', '\0']);
    let taken = ["admin", "config", "local"].contains(&name.to_ascii_lowercase().as_str());
    if (1..=LONGEST_DATABASE).contains(&name.len()) && !foreign && !taken {
        Ok(name)
    } else {
        Err(StoreError::refused(
            "the database name is not usable; take 1 to 63 bytes without any of /\\. \"$*<>:|? and NUL, \
             not `admin`, `config` or `local`",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_belong_to_the_server_or_mean_something_else_are_refused() {
        for name in ["sessions", "web.sessions", "it's \"ours\"", "systems", &"s".repeat(180)] {
            assert_eq!(collection(name).unwrap(), name);
        }
        for name in ["", "$cmd", "a$b", "a\0b", "system.users", ".a", "a.", "a..b", &"s".repeat(181)] {
            assert!(collection(name).is_err(), "{name}");
        }
        for name in ["app", "App-2", "käse"] {
            assert_eq!(database(name).unwrap(), name);
        }
        for name in ["", "a.b", "a b", "a/b", "a$", "a\0", "a\"b", "admin", "Config", &"d".repeat(64)] {
            assert!(database(name).is_err(), "{name}");
        }
    }
}
