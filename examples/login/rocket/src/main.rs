//! The login example with Rocket: `cargo run -p login-rocket`, then open the address it prints.
//!
//! This file holds what is Rocket's. What the site does, and every use of the session, is in `login_site::actions`.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};

use login_site::actions::{self, Answer, Confirmation, Credentials};
use login_site::{Options, StartError, Storage, pages, serving};
use rocket::fairing::AdHoc;
use rocket::form::{Form, FromForm, Strict};
use rocket::http::{ContentType, Header, Status};
use rocket::request::{FromRequest, Outcome, Request};
use rocket::response::content::RawHtml;
use rocket::response::{self, Redirect, Responder, Response};
use rocket::{State, catch, catchers, get, post, routes};
use session_rocket::{Devices, Session, SessionError, SessionFairing};

#[rocket::main]
async fn main() -> Result<(), StartError> {
    let options = Options::from_args();
    login_site::log_to_stderr();

    let storage = Storage::open(&options).await?;
    let (sessions, devices) = storage.sessions(login_site::policy(&options)?)?;

    // What Rocket.toml says is for the application of whoever calls this one.
    let config = rocket::Config {
        address: Ipv4Addr::LOCALHOST.into(),
        port: options.port,
        // Whoever reads standard output reads what is announced there, and then nothing more.
        log_level: rocket::config::LogLevel::Off,
        ..rocket::Config::default()
    };
    let announce = AdHoc::on_liftoff("announce", move |rocket| {
        serving::announce(&options, SocketAddr::new(rocket.config().address, rocket.config().port));
        Box::pin(async {})
    });
    let app = rocket::custom(config)
        .manage(devices)
        .attach(SessionFairing::new(sessions))
        .attach(AdHoc::on_response("headers", |_, response| Box::pin(async { add_headers(response) })))
        .attach(announce)
        .mount("/", routes![home, log_in, me, log_out_by_link, log_out, log_out_elsewhere, style, icon])
        .register("/", catchers![not_found]);

    // It stops at Ctrl-C and SIGTERM by itself; requests that are under way are then finished.
    app.launch().await?;
    storage.close().await;
    Ok(())
}

/// What a handler answers.
type Answered = Result<Page, SessionError>;

#[get("/")]
async fn home(session: Session, devices: &State<Devices>) -> Answered {
    Ok(Page(actions::home(&session, devices).await?))
}

/// The login form, with the fields of [`Credentials`].
#[derive(FromForm)]
struct LoginForm {
    username: Option<String>,
    password: Option<String>,
    remember: Option<String>,
    csrf: Option<String>,
}

#[post("/user", data = "<form>")]
async fn log_in(session: Session, caller: Caller, form: Option<Form<Strict<LoginForm>>>) -> Answered {
    let form = form.map_or_else(Credentials::default, |form| {
        let LoginForm { username, password, remember, csrf } = form.into_inner().into_inner();
        Credentials {
            username: username.unwrap_or_default(),
            password: password.unwrap_or_default(),
            remember,
            csrf: csrf.unwrap_or_default(),
        }
    });
    Ok(Page(actions::log_in(&session, caller.0, form).await?))
}

#[get("/me")]
fn me(session: Session) -> Answered {
    Ok(Page(actions::me(&session)?))
}

#[get("/logout")]
fn log_out_by_link(session: Session, caller: Caller) -> Answered {
    Ok(Page(actions::log_out_by_link(&session, &caller.0)?))
}

/// The form with the field of [`Confirmation`].
#[derive(FromForm)]
struct TokenForm {
    csrf: String,
}

/// The default one if what was sent is none.
fn confirmation(form: Option<Form<TokenForm>>) -> Confirmation {
    form.map_or_else(Confirmation::default, |form| Confirmation { csrf: form.into_inner().csrf })
}

#[post("/logout", data = "<form>")]
fn log_out(session: Session, caller: Caller, form: Option<Form<TokenForm>>) -> Answered {
    Ok(Page(actions::log_out(&session, &caller.0, &confirmation(form))?))
}

#[post("/devices/revoke-others", data = "<form>")]
async fn log_out_elsewhere(
    session: Session,
    devices: &State<Devices>,
    caller: Caller,
    form: Option<Form<TokenForm>>,
) -> Answered {
    Ok(Page(actions::log_out_elsewhere(&session, devices, &caller.0, &confirmation(form)).await?))
}

#[get("/style.css")]
fn style() -> (ContentType, &'static str) {
    (ContentType::new("text", "css"), pages::STYLE)
}

#[get("/icon.svg")]
fn icon() -> (ContentType, &'static str) {
    (ContentType::SVG, pages::ICON)
}

#[catch(404)]
fn not_found() -> Page {
    Page(actions::not_found())
}

/// An answer of the site as Rocket's response.
struct Page(Answer);

impl<'r> Responder<'r, 'static> for Page {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let status = |code| Status::from_code(code).unwrap_or(Status::InternalServerError);
        match self.0 {
            Answer::Page(code, html) => (status(code), RawHtml(html)).respond_to(request),
            Answer::Json(code, json) => (status(code), (ContentType::JSON, json)).respond_to(request),
            Answer::SeeOther(place) => Redirect::to(place).respond_to(request),
        }
    }
}

/// Who sends a request.
struct Caller(actions::Caller);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Caller {
    type Error = Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Infallible> {
        Outcome::Success(Self(actions::Caller::of(|name| request.headers().get_one(name))))
    }
}

/// Security headers for every response; and no page of a user stays in a cache, or behind the Back button.
fn add_headers(response: &mut Response<'_>) {
    for (name, value) in pages::HEADERS {
        response.set_header(Header::new(*name, *value));
    }
    if !response.headers().contains("cache-control") {
        response.set_header(Header::new("cache-control", "no-store"));
    }
}
