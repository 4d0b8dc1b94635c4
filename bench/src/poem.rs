//! poem, called as an endpoint.

mod server_session;

use poem::http::header::{COOKIE, HOST, SET_COOKIE};
use poem::{Endpoint, EndpointExt as _, Request, Route, get, handler};
use session_poem::store::Store;
use session_poem::{Keyring, Policy, Session, SessionError, SessionMiddleware, Sessions};
use session_store_memory::MemoryStore;

use crate::count::{Counting, Trips};
use crate::data;
use crate::measure::{self, Found, Plan};
use crate::site::{self, Answer, Reading, Site};

pub(crate) use server_session::measured as server_session;

/// An endpoint, asked without a socket.
struct Poem<E>(E);

impl<E: Endpoint> Site for Poem<E> {
    async fn ask(
        &mut self,
        path: &'static str,
        cookie: Option<&str>,
        reading: Reading,
    ) -> Result<Answer, String> {
        let mut request =
            Request::builder().uri(poem::http::Uri::from_static(path)).header(HOST, "localhost");
        if let Some(cookie) = cookie {
            request = request.header(COOKIE, cookie);
        }
        let mut response = self.0.get_response(request.finish()).await;
        let status = response.status().as_u16();
        let set = response.headers().get_all(SET_COOKIE).into_iter();
        let cookie = site::next_cookie(set.map(|value| value.as_bytes()));
        let text = match reading {
            Reading::Head => String::new(),
            Reading::Text => response.take_body().into_string().await.map_err(|error| error.to_string())?,
        };
        Ok(Answer { status, cookie, text })
    }
}

#[handler]
fn plain() -> &'static str {
    data::HELLO
}

#[handler]
fn alone_read() -> String {
    data::NAME.to_owned()
}

#[handler]
fn alone_write() -> String {
    1_u32.to_string()
}

#[handler]
fn alone_login() -> &'static str {
    data::WELCOME
}

pub(crate) async fn alone(plan: &Plan) -> Result<Vec<Found>, String> {
    let site = || {
        let routes = Route::new().at("/plain", get(plain)).at("/read", get(alone_read));
        Poem(routes.at("/write", get(alone_write)).at("/login", get(alone_login)))
    };
    let uncounted = Some((site(), Trips::default())).filter(|_| false);
    Ok(measure::all(plan, site(), uncounted).await)
}

pub(crate) async fn ours(plan: &Plan) -> Result<Vec<Found>, String> {
    let trips = Trips::default();
    let counted = our_site(Counting::new(MemoryStore::new(), &trips))?;
    Ok(measure::all(plan, our_site(MemoryStore::new())?, Some((counted, trips))).await)
}

fn our_site(store: impl Store) -> Result<Poem<impl Endpoint>, String> {
    let policy = Policy::builder(Keyring::new(data::SECRET)).build().map_err(|error| error.to_string())?;
    let routes = Route::new()
        .at("/plain", get(plain))
        .at("/read", get(read))
        .at("/write", get(write))
        .at("/login", get(login));
    Ok(Poem(routes.with(SessionMiddleware::new(Sessions::new(policy, store)))))
}

#[handler]
fn read(session: Session) -> Result<String, SessionError> {
    Ok(session.get::<String>("name")?.unwrap_or_default())
}

#[handler]
fn write(session: Session) -> Result<String, SessionError> {
    Ok(session.update("count", |count: Option<u32>| count.unwrap_or(0) + 1)?.to_string())
}

#[handler]
fn login(session: Session) -> Result<&'static str, SessionError> {
    session.login(data::USER)?;
    session.insert("name", data::NAME)?;
    session.insert("email", data::EMAIL)?;
    session.insert("cart", data::CART)?;
    session.insert("note", data::NOTE)?;
    session.insert("count", 0)?;
    Ok(data::WELCOME)
}
