//! The login example with axum: `cargo run -p login-axum`, then open the address it prints.
//!
//! This file holds what is axum's. What the site does, and every use of the session, is in `login_site::actions`.

use std::convert::Infallible;
use std::future::pending;
use std::net::Ipv4Addr;

use axum::extract::rejection::FormRejection;
use axum::extract::{FromRequestParts, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use login_site::actions::{self, Answer, Confirmation, Credentials};
use login_site::{Options, StartError, Storage, pages, serving};
use session_axum::{Devices, Session, SessionError, SessionLayer};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

#[tokio::main]
async fn main() -> Result<(), StartError> {
    let options = Options::from_args();
    login_site::log_to_stderr();

    let storage = Storage::open(&options).await?;
    let (sessions, devices) = storage.sessions(login_site::policy(&options)?)?;

    let app = Router::new()
        .route("/", get(home))
        .route("/user", post(log_in))
        .route("/me", get(me))
        .route("/logout", get(log_out_by_link).post(log_out))
        .route("/devices/revoke-others", post(log_out_elsewhere))
        .with_state(devices)
        .layer(SessionLayer::new(sessions))
        // What follows is outside the session layer, and has no session.
        .route("/style.css", get(([(CONTENT_TYPE, "text/css")], pages::STYLE)))
        .route("/icon.svg", get(([(CONTENT_TYPE, "image/svg+xml")], pages::ICON)))
        .fallback(async || Page(actions::not_found()))
        .layer(axum::middleware::map_response(add_headers));

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
    serving::announce(&options, listener.local_addr()?);
    serve(listener, app).await?;
    storage.close().await;
    Ok(())
}

/// What a handler answers.
type Answered = Result<Page, SessionError>;

/// A form; the default one if what was sent is none.
type Sent<T> = Result<Form<T>, FormRejection>;

async fn home(session: Session, State(devices): State<Devices>) -> Answered {
    Ok(Page(actions::home(&session, &devices).await?))
}

async fn log_in(session: Session, caller: Caller, form: Sent<Credentials>) -> Answered {
    Ok(Page(actions::log_in(&session, caller.0, form.unwrap_or_default().0).await?))
}

async fn me(session: Session) -> Answered {
    Ok(Page(actions::me(&session)?))
}

async fn log_out_by_link(session: Session, caller: Caller) -> Answered {
    Ok(Page(actions::log_out_by_link(&session, &caller.0)?))
}

async fn log_out(session: Session, caller: Caller, form: Sent<Confirmation>) -> Answered {
    Ok(Page(actions::log_out(&session, &caller.0, &form.unwrap_or_default())?))
}

async fn log_out_elsewhere(
    session: Session,
    State(devices): State<Devices>,
    caller: Caller,
    form: Sent<Confirmation>,
) -> Answered {
    Ok(Page(actions::log_out_elsewhere(&session, &devices, &caller.0, &form.unwrap_or_default()).await?))
}

/// An answer of the site as axum's response.
struct Page(Answer);

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let status = |status| StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        match self.0 {
            Answer::Page(code, html) => (status(code), Html(html)).into_response(),
            Answer::Json(code, json) => {
                (status(code), [(CONTENT_TYPE, "application/json")], json).into_response()
            }
            Answer::SeeOther(place) => Redirect::to(place).into_response(),
        }
    }
}

/// Who sends a request.
struct Caller(actions::Caller);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
        Ok(Self(actions::Caller::of(header)))
    }
}

/// Security headers for every response; and no page of a user stays in a cache, or behind the Back button.
async fn add_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in pages::HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Serves until the program is told to stop; requests that are under way are then finished.
async fn serve(listener: TcpListener, app: Router) -> std::io::Result<()> {
    let (told, wait) = oneshot::channel();
    let serving = axum::serve(listener, app).with_graceful_shutdown(async {
        serving::stop().await;
        let _ = told.send(());
    });
    let too_late = async {
        match wait.await {
            Ok(()) => tokio::time::sleep(serving::PATIENCE).await,
            Err(_) => pending().await,
        }
    };
    tokio::select! {
        result = serving => result,
        () = too_late => Ok(()),
    }
}
