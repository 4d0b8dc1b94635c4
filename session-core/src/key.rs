//! Keys of session data: plain text, or a constant that knows the type of its value.

use std::fmt;
use std::marker::PhantomData;

/// A key that knows the type of its value, so that it cannot be written as one type and read as another.
///
/// ```
/// use session_core::Key;
///
/// const VISITS: Key<u32> = Key::new("visits");
/// assert_eq!(VISITS.name(), "visits");
/// ```
pub struct Key<T> {
    name: &'static str,
    of: PhantomData<fn() -> T>,
}

impl<T> Key<T> {
    /// A key called `name`.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, of: PhantomData }
    }

    /// Its name in the record.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

// Derived, these would ask the same of `T`.
impl<T> Clone for Key<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Key<T> {}

impl<T> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.name)
    }
}

/// What may stand where a key of a `T` is asked for: a [`Key<T>`], or a text, which fits every type.
pub trait AsKey<T> {
    /// The name in the record.
    fn as_key(&self) -> &str;
}

impl<T> AsKey<T> for Key<T> {
    fn as_key(&self) -> &str {
        self.name
    }
}

impl<T> AsKey<T> for &str {
    fn as_key(&self) -> &str {
        self
    }
}

impl<T> AsKey<T> for &String {
    fn as_key(&self) -> &str {
        self
    }
}
