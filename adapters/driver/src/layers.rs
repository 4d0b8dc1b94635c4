//! Several session layers around one route, told apart by the names of their cookies.

use crate::error::Error;
use crate::exchange::Exchange;

/// Names one of several session layers around a route, by its cookie, in the type of an extractor.
///
/// ```
/// use session_driver::LayerName;
///
/// /// The sessions of the people behind the counter.
/// struct Staff;
///
/// impl LayerName for Staff {
///     const COOKIE: &'static str = "staff";
/// }
/// ```
pub trait LayerName: 'static {
    /// The name of the layer's cookie as browsers see it: [`session_core::Policy::cookie_name`].
    const COOKIE: &'static str;
}

impl Exchange {
    /// The exchange of the layer whose cookie has this name: this one, or that of a layer further out.
    #[must_use]
    pub fn named(&self, cookie: &str) -> Option<&Self> {
        let mut exchange = Some(self);
        while let Some(this) = exchange {
            if this.sessions().policy().cookie_name() == cookie {
                return exchange;
            }
            exchange = this.outer();
        }
        None
    }

    /// The exchange of the layer that `N` names.
    ///
    /// # Errors
    ///
    /// [`Error::NoLayerNamed`] if there is none around this route.
    pub fn of_layer<N: LayerName>(&self) -> Result<&Self, Error> {
        self.named(N::COOKIE).ok_or(Error::NoLayerNamed(N::COOKIE))
    }
}
