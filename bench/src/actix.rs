//! actix-web, called as its own tests call it.

mod actix_session;

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::header::{COOKIE, HOST, SET_COOKIE};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, web};
use session_actix::store::Store;
use session_actix::{Keyring, Policy, Session, SessionError, SessionMiddleware, Sessions};
use session_store_memory::MemoryStore;

use crate::count::{Counting, Trips};
use crate::data;
use crate::measure::{self, Found, Plan};
use crate::site::{self, Answer, Reading, Site};

pub(crate) use actix_session::measured as actix_session;

/// An application, asked without a socket.
struct Actix<S>(S);

impl<S, B> Site for Actix<S>
where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = actix_web::Error>,
    B: MessageBody,
{
    async fn ask(
        &mut self,
        path: &'static str,
        cookie: Option<&str>,
        reading: Reading,
    ) -> Result<Answer, String> {
        let mut request = TestRequest::with_uri(path).insert_header((HOST, "localhost"));
        if let Some(cookie) = cookie {
            request = request.insert_header((COOKIE, cookie));
        }
        let response = self.0.call(request.to_request()).await.map_err(|error| error.to_string())?;
        let status = response.status().as_u16();
        let set = response.headers().get_all(SET_COOKIE);
        let cookie = site::next_cookie(set.map(|value| value.as_bytes()));
        let text = match reading {
            Reading::Head => String::new(),
            Reading::Text => {
                let body = actix_web::body::to_bytes(response.into_body()).await;
                site::text(&body.map_err(|_| "the answer cannot be read")?)?
            }
        };
        Ok(Answer { status, cookie, text })
    }
}

async fn plain() -> &'static str {
    data::HELLO
}

/// Three applications differ in what is wrapped around the routes, and their types differ in that, too.
macro_rules! routes {
    ($app:expr, $read:path, $write:path, $login:path) => {
        $app.route("/plain", web::get().to(plain))
            .route("/read", web::get().to($read))
            .route("/write", web::get().to($write))
            .route("/login", web::get().to($login))
    };
}
use routes;

async fn alone_read() -> String {
    data::NAME.to_owned()
}

async fn alone_write() -> String {
    1_u32.to_string()
}

async fn alone_login() -> &'static str {
    data::WELCOME
}

pub(crate) async fn alone(plan: &Plan) -> Result<Vec<Found>, String> {
    let site = async || {
        let app = routes!(App::new(), alone_read, alone_write, alone_login);
        Actix(init_service(app).await)
    };
    let uncounted = Some((site().await, Trips::default())).filter(|_| false);
    Ok(measure::all(plan, site().await, uncounted).await)
}

pub(crate) async fn ours(plan: &Plan) -> Result<Vec<Found>, String> {
    let trips = Trips::default();
    let counted = our_site(Counting::new(MemoryStore::new(), &trips)).await?;
    Ok(measure::all(plan, our_site(MemoryStore::new()).await?, Some((counted, trips))).await)
}

async fn our_site(store: impl Store) -> Result<impl Site, String> {
    let policy = Policy::builder(Keyring::new(data::SECRET)).build().map_err(|error| error.to_string())?;
    let app = App::new().wrap(SessionMiddleware::new(Sessions::new(policy, store)));
    Ok(Actix(init_service(routes!(app, read, write, login)).await))
}

async fn read(session: Session) -> Result<String, SessionError> {
    Ok(session.get::<String>("name")?.unwrap_or_default())
}

async fn write(session: Session) -> Result<String, SessionError> {
    Ok(session.update("count", |count: Option<u32>| count.unwrap_or(0) + 1)?.to_string())
}

async fn login(session: Session) -> Result<&'static str, SessionError> {
    session.login(data::USER)?;
    session.insert("name", data::NAME)?;
    session.insert("email", data::EMAIL)?;
    session.insert("cart", data::CART)?;
    session.insert("note", data::NOTE)?;
    session.insert("count", 0)?;
    Ok(data::WELCOME)
}
