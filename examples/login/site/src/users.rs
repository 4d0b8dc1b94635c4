//! Who may sign in: one user, whose password is kept as an Argon2 hash.

use argon2::Argon2;
use argon2::password_hash::PasswordVerifier as _;
use argon2::password_hash::phc::PasswordHash;
use session_core::Owner;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// The user, and the hash of `mypassword`.
const USER: (&str, &str) = (
    "user1",
    "$argon2id$v=19$m=19456,t=2,p=1$OQgOSp1UOmg6epeYVtDkSg$mhE4XbAO9sH4VQr7RenFHa3hmWFc5fzzmABv0TB7NyM",
);

/// The hash of a password that nobody knows: checking it takes as long as checking the user's.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$iVU9W1pRuG9kxfCpvZo1xw$PnUeiL5uzrwd67x0Csg2YpFCT4P9w07kmhQs8k991Ao";

/// Longer names and passwords are nobody's, and are not looked at.
const LONGEST_NAME: usize = 64;
const LONGEST_PASSWORD: usize = 1024;

/// Each check takes a core and 19 MiB for a moment. The rest waits in line, so that a flood of guesses takes no more.
static CHECKS: Semaphore = Semaphore::const_new(2);

/// Who it is that has this name and password; `None` if they are wrong, in whatever way.
///
/// An unknown name takes as long as a wrong password, so the time does not tell which names exist. Runs on a thread of
/// its own, since it takes some hundredths of a second on purpose.
pub async fn check(name: &str, password: String) -> Option<Owner> {
    let is_known = name == USER.0;
    let hash = if is_known { USER.1 } else { NOBODY };
    let mut password = Zeroizing::new(password);
    let is_sound = !password.is_empty() && password.len() <= LONGEST_PASSWORD && name.len() <= LONGEST_NAME;
    if !is_sound {
        password.truncate(0);
    }
    let _turn = CHECKS.acquire().await.ok()?;
    let fits = tokio::task::spawn_blocking(move || fits(&password, hash)).await.unwrap_or(false);
    if fits && is_known && is_sound { Owner::new(name) } else { None }
}

fn fits(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_name_with_the_right_password_is_somebody() {
        let owner = check("user1", "mypassword".into()).await.unwrap();
        assert_eq!(owner.as_str(), "user1");
        let long = "x".repeat(LONGEST_PASSWORD + 1);
        for (name, password) in [
            ("user1", "Mypassword"),
            ("user1", ""),
            ("user1", "mypassword "),
            ("user1", long.as_str()),
            ("User1", "mypassword"),
            ("user2", "mypassword"),
            ("", "mypassword"),
            ("", ""),
            (long.as_str(), "mypassword"),
        ] {
            assert_eq!(check(name, password.into()).await, None);
        }
    }

    #[test]
    fn a_stranger_costs_as_much_as_the_user() {
        let cost = |hash: &'static str| {
            let hash = PasswordHash::new(hash).unwrap();
            let output = hash.hash.unwrap().as_bytes().len();
            (hash.algorithm.to_string(), hash.version, hash.params.to_string(), output)
        };
        assert_eq!(cost(USER.1), cost(NOBODY));
    }
}
