//! The login example with actix-web: `cargo run -p login-actix-web`, then open the address it prints.
//!
//! This file holds what is actix-web's. What the site does, and every use of the session, is in `login_site::actions`.

use std::future::{Ready, ready};
use std::net::Ipv4Addr;

use actix_web::body::BoxBody;
use actix_web::dev::{Payload, Service as _};
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use actix_web::web::{self, Data, Form};
use actix_web::{App, Error, FromRequest, HttpRequest, HttpResponse, HttpServer, Responder};
use login_site::actions::{self, Answer, Confirmation, Credentials};
use login_site::{Options, StartError, Storage, pages, serving};
use session_actix::{Devices, Session, SessionError, SessionMiddleware};

#[tokio::main]
async fn main() -> Result<(), StartError> {
    let options = Options::from_args();
    login_site::log_to_stderr();

    let storage = Storage::open(&options).await?;
    let (sessions, devices) = storage.sessions(login_site::policy(&options)?)?;
    let devices = Data::new(devices);

    let app = move || {
        let pages = web::scope("")
            .wrap(SessionMiddleware::new(sessions.clone()))
            .app_data(devices.clone())
            .route("/", web::get().to(home))
            .route("/user", web::post().to(log_in))
            .route("/me", web::get().to(me))
            .route("/logout", web::get().to(log_out_by_link))
            .route("/logout", web::post().to(log_out))
            .route("/devices/revoke-others", web::post().to(log_out_elsewhere))
            .default_service(web::to(async || Page(actions::not_found())));
        // What comes before the scope has no session.
        App::new()
            .route("/style.css", web::get().to(async || file("text/css", pages::STYLE)))
            .route("/icon.svg", web::get().to(async || file("image/svg+xml", pages::ICON)))
            .service(pages)
            .wrap_fn(|request, service| {
                let answer = service.call(request);
                async move {
                    let mut response = answer.await?;
                    add_headers(response.headers_mut());
                    Ok(response)
                }
            })
    };

    let server = HttpServer::new(app).bind((Ipv4Addr::LOCALHOST, options.port))?;
    serving::announce(&options, server.addrs()[0]);
    // It stops at Ctrl-C and SIGTERM by itself; requests that are under way are then finished.
    server.shutdown_timeout(serving::PATIENCE.as_secs()).run().await?;
    storage.close().await;
    Ok(())
}

/// What a handler answers.
type Answered = Result<Page, SessionError>;

/// A form; the default one if what was sent is none.
type Sent<T> = Result<Form<T>, Error>;

async fn home(session: Session, devices: Data<Devices>) -> Answered {
    Ok(Page(actions::home(&session, &devices).await?))
}

async fn log_in(session: Session, caller: Caller, form: Sent<Credentials>) -> Answered {
    Ok(Page(actions::log_in(&session, caller.0, filled_in(form)).await?))
}

async fn me(session: Session) -> Answered {
    Ok(Page(actions::me(&session)?))
}

async fn log_out_by_link(session: Session, caller: Caller) -> Answered {
    Ok(Page(actions::log_out_by_link(&session, &caller.0)?))
}

async fn log_out(session: Session, caller: Caller, form: Sent<Confirmation>) -> Answered {
    Ok(Page(actions::log_out(&session, &caller.0, &filled_in(form))?))
}

async fn log_out_elsewhere(
    session: Session,
    devices: Data<Devices>,
    caller: Caller,
    form: Sent<Confirmation>,
) -> Answered {
    Ok(Page(actions::log_out_elsewhere(&session, &devices, &caller.0, &filled_in(form)).await?))
}

fn filled_in<T: Default>(form: Sent<T>) -> T {
    form.map(Form::into_inner).unwrap_or_default()
}

fn file(content_type: &str, text: &'static str) -> HttpResponse {
    HttpResponse::Ok().content_type(content_type).body(text)
}

/// An answer of the site as actix-web's response.
struct Page(Answer);

impl Responder for Page {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let status = |status| StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        match self.0 {
            Answer::Page(code, html) => {
                HttpResponse::build(status(code)).content_type("text/html; charset=utf-8").body(html)
            }
            Answer::Json(code, json) => {
                HttpResponse::build(status(code)).content_type("application/json").body(json)
            }
            Answer::SeeOther(place) => HttpResponse::SeeOther().insert_header(("location", place)).finish(),
        }
    }
}

/// Who sends a request.
struct Caller(actions::Caller);

impl FromRequest for Caller {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        ready(Ok(Self(actions::Caller::of(header))))
    }
}

/// Security headers for every response; and no page of a user stays in a cache, or behind the Back button.
fn add_headers(headers: &mut actix_web::http::header::HeaderMap) {
    for (name, value) in pages::HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}
