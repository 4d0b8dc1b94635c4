//! What a session holds: six values, 256 bytes as JSON. Every subject puts in the same.

pub(crate) const HELLO: &str = "hello";
pub(crate) const WELCOME: &str = "welcome";

/// The name of whoever logs in. Ours is told it as the session's owner; the others keep it as a value.
pub(crate) const USER: &str = "user4711";
pub(crate) const NAME: &str = "Ada Lovelace";
pub(crate) const EMAIL: &str = "ada.lovelace@example.org";
pub(crate) const CART: [&str; 4] = ["6f1c0a-blue-42", "77e2d9-green-7", "0b93aa-black-11", "c4411f-white-3"];
pub(crate) const NOTE: &str =
    "Please leave the parcel with the neighbours on the second floor, they are at home.";

/// A secret long enough for everybody's signatures.
pub(crate) const SECRET: &str =
    "a secret for measuring, of at least sixty-four bytes, which is what some ask for";

/// What the framework alone is sent for a cookie: about as long as those of the others.
pub(crate) const FOREIGN_COOKIE: &str =
    "sid=s%3A9rM2vJwq0b7bYv1cW5sXo0d3k6TzYqLh.0KqJm3Zr8Qv1nXw5bT7cYd2fGh4jKl6pOi9uYtR3eWq";
