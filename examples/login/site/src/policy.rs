//! The session policy of the site.

use std::time::Duration;

use session_core::{Keyring, Policy};

use crate::options::Options;
use crate::{StartError, secret};

/// How long "remember me" lasts without a visit.
pub const REMEMBERED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The defaults are safe; the site only says which secret signs and, if the command line does, how long a session lives.
///
/// A site that is served over HTTPS only adds `.secure(Secure::Always)`, which also gives the cookie the name `__Host-sid`.
///
/// # Errors
///
/// The secret cannot be read or made, or is too weak.
pub fn policy(options: &Options) -> Result<Policy, StartError> {
    let secret = secret::load(options)?;
    let mut policy = Policy::builder(Keyring::new(secret.as_bytes()));
    if let Some(max_age) = options.max_age {
        policy = policy.max_age(max_age);
    }
    Ok(policy.build()?)
}
