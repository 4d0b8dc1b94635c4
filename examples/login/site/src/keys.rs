//! What a session of this site holds: each value has one name and one type, here.

use session_core::Key;

/// Who has signed in.
pub const USER: Key<String> = Key::new("userId");

/// How many times they have seen the welcome page.
pub const VISITS: Key<u64> = Key::new("visits");

/// What they signed in with, for the list of devices.
pub const DEVICE: Key<String> = Key::new("device");
