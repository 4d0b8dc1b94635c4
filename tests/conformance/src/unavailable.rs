//! What happens to the cases when a store's server is not there.

use std::error::Error;
use std::fmt;

use session_core::store::{StoreError, StoreErrorKind};

/// What a factory fails with if the service it needs is not there: nothing can be said of the store.
///
/// ```no_run
/// use session_conformance::Unavailable;
/// # use session_conformance::doc::MyStore;
///
/// session_conformance::store(|| async {
///     let url = std::env::var("MY_URL").map_err(|_| Unavailable::new("set MY_URL to run this"))?;
///     let store = MyStore::connect(&url).await?;
///     Ok::<_, Box<dyn std::error::Error + Send + Sync>>(store)
/// })
/// .run();
/// ```
#[derive(Debug, Clone)]
pub struct Unavailable {
    reason: String,
    service: Option<String>,
}

impl Unavailable {
    /// With the reason, best in the form of what to do about it.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), service: None }
    }

    /// The name by which `SESSION_REQUIRE` demands the service, if it is not that of the suite.
    #[must_use]
    pub fn service(mut self, name: impl Into<String>) -> Self {
        self.service = Some(name.into());
        self
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl Error for Unavailable {}

/// Why a case could not be judged or was not passed.
#[derive(Debug)]
pub(crate) enum Stop {
    Failed(String),
    Unavailable(String),
}

impl Stop {
    /// Of the error that a factory gave, for the service `name`.
    pub(crate) fn from_factory(error: &(dyn Error + Send + Sync + 'static), name: &str) -> Self {
        let unavailable = error.downcast_ref::<Unavailable>();
        let name = unavailable.and_then(|missing| missing.service.as_deref()).unwrap_or(name);
        let missing = unavailable.is_some()
            || error
                .downcast_ref::<StoreError>()
                .is_some_and(|error| error.kind() == StoreErrorKind::Unavailable);
        if !missing {
            return Self::Failed(format!("the factory failed: {error}"));
        }
        if is_required(name, std::env::var("SESSION_REQUIRE").ok().as_deref()) {
            return Self::Failed(format!("SESSION_REQUIRE names `{name}`, and it is not available: {error}"));
        }
        Self::Unavailable(error.to_string())
    }
}

/// A pair of an adapter and a store, `axum+redis`, is required if one of the two is.
fn is_required(name: &str, list: Option<&str>) -> bool {
    list.is_some_and(|list| {
        list.split(',').any(|required| name.split('+').any(|name| required.trim() == name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_list_names_is_required() {
        assert!(is_required("redis", Some("mysql, redis")));
        assert!(is_required("axum+redis", Some("mysql, redis")));
        assert!(!is_required("redis", Some("redis-cluster")));
        assert!(!is_required("redis", Some("")));
        assert!(!is_required("redis", None));
    }

    #[test]
    fn a_missing_service_is_told_from_a_broken_factory() {
        let missing: [Box<dyn Error + Send + Sync>; 2] =
            [Box::new(Unavailable::new("no")), Box::new(StoreError::unavailable("refused"))];
        for error in missing {
            assert!(matches!(Stop::from_factory(error.as_ref(), "none"), Stop::Unavailable(_)));
        }
        let broken = StoreError::refused("wrong password");
        assert!(matches!(Stop::from_factory(&broken, "none"), Stop::Failed(_)));
    }
}
