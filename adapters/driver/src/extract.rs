//! What handlers ask for, once for all frameworks. The traits by which a framework makes them are in `framework`.

use std::marker::PhantomData;
use std::ops::Deref;

use session_core::Owner;

use crate::error::Error;
use crate::exchange::Exchange;
use crate::layers::LayerName;
use crate::outage::OnOutage;
use crate::session::Session;

/// What an extractor makes of a request's [`Exchange`].
///
/// An adapter makes every type with this trait from a request. Implement it for a type of your own, the user of your
/// application say, and [`Named`] makes it from each of several session layers as well.
///
/// ```
/// use session_driver::{Error, Exchange, FromExchange, SignedIn};
///
/// struct UserId(i64);
///
/// impl FromExchange for UserId {
///     async fn from_exchange(exchange: &Exchange, method: &str) -> Result<Self, Error> {
///         let user = SignedIn::from_exchange(exchange, method).await?;
///         Ok(Self(user.owner.as_str().parse().unwrap_or_default()))
///     }
/// }
/// ```
pub trait FromExchange: Sized {
    /// Makes it; `method` is the request's.
    ///
    /// # Errors
    ///
    /// What the client is answered in place of the handler's response.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future must leave the exchange as it was, as the methods of [`Exchange`] do.
    fn from_exchange(exchange: &Exchange, method: &str) -> impl Future<Output = Result<Self, Error>> + Send;
}

impl FromExchange for Session {
    async fn from_exchange(exchange: &Exchange, _: &str) -> Result<Self, Error> {
        exchange.session().await
    }
}

/// The session of a request, loaded without extending its life: for routes that a page polls by itself.
#[derive(Debug, Clone)]
pub struct Peek(pub Session);

impl FromExchange for Peek {
    async fn from_exchange(exchange: &Exchange, _: &str) -> Result<Self, Error> {
        Ok(Self(exchange.peek().await?))
    }
}

/// The session of a request whose visitor has signed in, and who that is. Everybody else is answered 401, or sent to the
/// [login page](crate::SessionsBuilder::login_page). In Rocket the guard forwards: to another route for everybody else, or
/// if there is none to that answer.
///
/// ```
/// # use session_driver::{Error as SessionError, SignedIn};
/// async fn account(user: SignedIn) -> Result<String, SessionError> {
///     let theme: Option<String> = user.session.get("theme")?;
///     Ok(format!("{} likes it {}", user.owner.as_str(), theme.unwrap_or("plain".into())))
/// }
/// ```
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The session.
    pub session: Session,
    /// Who has signed in.
    pub owner: Owner,
}

impl FromExchange for SignedIn {
    async fn from_exchange(exchange: &Exchange, method: &str) -> Result<Self, Error> {
        let (session, owner) = exchange.signed_in(method).await?;
        Ok(Self { session, owner })
    }
}

/// The session of a request on a route that strangers see, too: while the store is down, everybody is one.
///
/// The page is then shown as to somebody without a cookie. Nothing is set, cleared or written, and a change is answered 503.
/// See [`OnOutage::Anonymous`], which says the same for all routes of a layer.
#[derive(Debug, Clone)]
pub struct SessionOrAnonymous(pub Session);

impl FromExchange for SessionOrAnonymous {
    async fn from_exchange(exchange: &Exchange, _: &str) -> Result<Self, Error> {
        Ok(Self(exchange.session_on_outage(OnOutage::Anonymous).await?))
    }
}

/// The session of a request on a route that answers 503 while the store is down, also where the layer shows its pages as to
/// a stranger then. See [`OnOutage::FailClosed`].
#[derive(Debug, Clone)]
pub struct SessionOrUnavailable(pub Session);

impl FromExchange for SessionOrUnavailable {
    async fn from_exchange(exchange: &Exchange, _: &str) -> Result<Self, Error> {
        Ok(Self(exchange.session_on_outage(OnOutage::FailClosed).await?))
    }
}

/// What `T` gives, of the session layer that `N` names: where several are around a route.
///
/// ```
/// # use session_driver::{Error as SessionError, LayerName, Named, Session, SignedIn};
/// /// The sessions of the people behind the counter, in a cookie of their own.
/// struct Staff;
///
/// impl LayerName for Staff {
///     const COOKIE: &'static str = "staff";
/// }
///
/// async fn help(customer: Session, staff: Named<Staff, SignedIn>) -> Result<String, SessionError> {
///     customer.insert("helped_by", staff.owner.as_str())?;
///     Ok(format!("{} is there to help you", staff.owner.as_str()))
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Named<N, T = Session>(T, PhantomData<fn() -> N>);

impl<N, T> Named<N, T> {
    /// What there is of this layer.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<N: LayerName, T: FromExchange> FromExchange for Named<N, T> {
    async fn from_exchange(exchange: &Exchange, method: &str) -> Result<Self, Error> {
        Ok(Self(T::from_exchange(exchange.of_layer::<N>()?, method).await?, PhantomData))
    }
}

impl<N, T> Deref for Named<N, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

macro_rules! derefs {
    ($($name:ident),+) => {$(
        impl Deref for $name {
            type Target = Session;

            fn deref(&self) -> &Session {
                &self.0
            }
        }
    )+};
}

derefs!(Peek, SessionOrAnonymous, SessionOrUnavailable);
