//! The login example with poem: `cargo run -p login-poem`, then open the address it prints.
//!
//! This file holds what is poem's. What the site does, and every use of the session, is in `login_site::actions`.

use std::net::Ipv4Addr;

use login_site::actions::{self, Answer, Confirmation, Credentials};
use login_site::{Options, StartError, Storage, pages, serving};
use poem::error::NotFoundError;
use poem::http::StatusCode;
use poem::http::header::{CACHE_CONTROL, LOCATION};
use poem::http::{HeaderName, HeaderValue};
use poem::listener::{Acceptor as _, Listener as _, TcpListener};
use poem::web::{Data, Form, Html};
use poem::{
    Endpoint, EndpointExt as _, FromRequest, IntoResponse, Request, RequestBody, Response, Route, Server,
    get, handler, post,
};
use session_poem::{Devices, Session, SessionError, SessionMiddleware};

#[tokio::main]
async fn main() -> Result<(), StartError> {
    let options = Options::from_args();
    login_site::log_to_stderr();

    let storage = Storage::open(&options).await?;
    let (sessions, devices) = storage.sessions(login_site::policy(&options)?)?;

    let pages = Route::new()
        .at("/", get(home))
        .at("/user", post(log_in))
        .at("/me", get(me))
        .at("/logout", get(log_out_by_link).post(log_out))
        .at("/devices/revoke-others", post(log_out_elsewhere))
        .data(devices)
        .with(SessionMiddleware::new(sessions));
    // What is beside these has no session.
    let app = Route::new()
        .at("/style.css", get(style))
        .at("/icon.svg", get(icon))
        .nest("/", pages)
        .catch_error(async |_: NotFoundError| Page(actions::not_found()))
        .around(async |inner, request| Ok(with_headers(inner.get_response(request).await)));

    let acceptor = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).into_acceptor().await?;
    if let Some(address) = acceptor.local_addr().first().and_then(|address| address.as_socket_addr()) {
        serving::announce(&options, *address);
    }
    // Requests that are under way when it is told to stop are finished.
    let server = Server::new_with_acceptor(acceptor);
    server.run_with_graceful_shutdown(app, serving::stop(), Some(serving::PATIENCE)).await?;
    storage.close().await;
    Ok(())
}

/// What a handler answers.
type Answered = Result<Page, SessionError>;

/// A form; the default one if what was sent is none.
type Sent<T> = poem::Result<Form<T>>;

#[handler]
async fn home(session: Session, devices: Data<&Devices>) -> Answered {
    Ok(Page(actions::home(&session, &devices).await?))
}

#[handler]
async fn log_in(session: Session, caller: Caller, form: Sent<Credentials>) -> Answered {
    Ok(Page(actions::log_in(&session, caller.0, filled_in(form)).await?))
}

#[handler]
async fn me(session: Session) -> Answered {
    Ok(Page(actions::me(&session)?))
}

#[handler]
async fn log_out_by_link(session: Session, caller: Caller) -> Answered {
    Ok(Page(actions::log_out_by_link(&session, &caller.0)?))
}

#[handler]
async fn log_out(session: Session, caller: Caller, form: Sent<Confirmation>) -> Answered {
    Ok(Page(actions::log_out(&session, &caller.0, &filled_in(form))?))
}

#[handler]
async fn log_out_elsewhere(
    session: Session,
    devices: Data<&Devices>,
    caller: Caller,
    form: Sent<Confirmation>,
) -> Answered {
    Ok(Page(actions::log_out_elsewhere(&session, &devices, &caller.0, &filled_in(form)).await?))
}

fn filled_in<T: Default>(form: Sent<T>) -> T {
    form.map(|form| form.0).unwrap_or_default()
}

#[handler]
fn style() -> Response {
    pages::STYLE.with_content_type("text/css").into_response()
}

#[handler]
fn icon() -> Response {
    pages::ICON.with_content_type("image/svg+xml").into_response()
}

/// An answer of the site as poem's response.
struct Page(Answer);

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let status = |status| StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        match self.0 {
            Answer::Page(code, html) => Html(html).with_status(status(code)).into_response(),
            Answer::Json(code, json) => {
                json.with_content_type("application/json").with_status(status(code)).into_response()
            }
            Answer::SeeOther(place) => {
                Response::builder().status(StatusCode::SEE_OTHER).header(LOCATION, place).finish()
            }
        }
    }
}

/// Who sends a request.
struct Caller(actions::Caller);

impl<'a> FromRequest<'a> for Caller {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        Ok(Self(actions::Caller::of(|name| request.header(name))))
    }
}

/// Security headers for every response; and no page of a user stays in a cache, or behind the Back button.
fn with_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in pages::HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
