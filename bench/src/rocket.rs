//! Rocket, called through its local client. No sessions of others are measured: it has none on the server.

use rocket::http::Header;
use rocket::local::asynchronous::Client;
use rocket::{Build, Rocket, get, routes};
use session_rocket::store::Store;
use session_rocket::{Keyring, Policy, Session, SessionError, SessionFairing, Sessions};
use session_store_memory::MemoryStore;

use crate::count::{Counting, Trips};
use crate::data;
use crate::measure::{self, Found, Plan};
use crate::site::{self, Answer, Reading, Site};

/// An application, asked without a socket.
struct Local(Client);

impl Local {
    async fn new(rocket: Rocket<Build>) -> Result<Self, String> {
        Client::untracked(rocket).await.map(Self).map_err(|error| format!("Rocket does not start: {error}"))
    }
}

impl Site for Local {
    async fn ask(
        &mut self,
        path: &'static str,
        cookie: Option<&str>,
        reading: Reading,
    ) -> Result<Answer, String> {
        let mut request = self.0.get(path).header(Header::new("Host", "localhost"));
        if let Some(cookie) = cookie {
            request.add_header(Header::new("Cookie", cookie.to_owned()));
        }
        let response = request.dispatch().await;
        let status = response.status().code;
        let cookie = site::next_cookie(response.headers().get("Set-Cookie").map(str::as_bytes));
        let text = match reading {
            Reading::Head => String::new(),
            Reading::Text => response.into_string().await.unwrap_or_default(),
        };
        Ok(Answer { status, cookie, text })
    }
}

fn rocket() -> Rocket<Build> {
    rocket::custom(rocket::Config::figment().merge(("log_level", "off")))
}

#[get("/plain")]
fn plain() -> &'static str {
    data::HELLO
}

#[get("/read")]
fn alone_read() -> String {
    data::NAME.to_owned()
}

#[get("/write")]
fn alone_write() -> String {
    1_u32.to_string()
}

#[get("/login")]
fn alone_login() -> &'static str {
    data::WELCOME
}

pub(crate) async fn alone(plan: &Plan) -> Result<Vec<Found>, String> {
    let site = Local::new(rocket().mount("/", routes![plain, alone_read, alone_write, alone_login])).await?;
    Ok(measure::all(plan, site, None::<(Local, Trips)>).await)
}

pub(crate) async fn ours(plan: &Plan) -> Result<Vec<Found>, String> {
    let trips = Trips::default();
    let counted = our_site(Counting::new(MemoryStore::new(), &trips)).await?;
    Ok(measure::all(plan, our_site(MemoryStore::new()).await?, Some((counted, trips))).await)
}

async fn our_site(store: impl Store) -> Result<Local, String> {
    let policy = Policy::builder(Keyring::new(data::SECRET)).build().map_err(|error| error.to_string())?;
    let fairing = SessionFairing::new(Sessions::new(policy, store));
    Local::new(rocket().attach(fairing).mount("/", routes![plain, read, write, login])).await
}

#[get("/read")]
fn read(session: Session) -> Result<String, SessionError> {
    Ok(session.get::<String>("name")?.unwrap_or_default())
}

#[get("/write")]
fn write(session: Session) -> Result<String, SessionError> {
    Ok(session.update("count", |count: Option<u32>| count.unwrap_or(0) + 1)?.to_string())
}

#[get("/login")]
fn login(session: Session) -> Result<&'static str, SessionError> {
    session.login(data::USER)?;
    session.insert("name", data::NAME)?;
    session.insert("email", data::EMAIL)?;
    session.insert("cart", data::CART)?;
    session.insert("note", data::NOTE)?;
    session.insert("count", 0)?;
    Ok(data::WELCOME)
}
