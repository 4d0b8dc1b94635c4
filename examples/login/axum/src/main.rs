//! The login example with axum: `cargo run -p login-axum`, then open the address it prints.
//!
//! This file holds what is axum's, and every use of the session. Pages, users and options are in `login-site`.

mod caller;
mod stop;

use std::net::Ipv4Addr;

use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use login_site::forgery::{self, Sender};
use login_site::keys::{DEVICE, USER, VISITS};
use login_site::pages::{self, SignIn, Welcome};
use login_site::{Options, REMEMBERED, StartError, Storage, StoreChoice, users};
use serde::Deserialize;
use serde_json::json;
use session_axum::{Devices, Session, SessionError, SessionLayer};
use tokio::net::TcpListener;

use crate::caller::Caller;

#[tokio::main]
#[allow(clippy::print_stdout, reason = "a person or a test reads the address from it")]
async fn main() -> Result<(), StartError> {
    let options = Options::from_args();
    login_site::log_to_stderr();

    let storage = Storage::open(&options).await?;
    let (sessions, devices) = storage.sessions(login_site::policy(&options)?);

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
        .fallback(not_found)
        .layer(axum::middleware::map_response(add_headers));

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
    match options.store {
        StoreChoice::Sqlite => println!("Sessions are kept in {}", options.database.display()),
        StoreChoice::Memory => println!("Sessions are kept in memory"),
    }
    println!("Listening on http://{}", listener.local_addr()?);
    stop::serve(listener, app).await?;
    storage.close().await;
    Ok(())
}

/// `GET /`: a welcome to who has signed in, the login form to everybody else.
async fn home(session: Session, State(devices): State<Devices>) -> Result<Html<String>, SessionError> {
    let flashes = session.take_flash()?;
    let token = session.csrf_token()?;
    let (Some(user), Some(owner)) = (session.get(USER)?, session.owner()?) else {
        return Ok(Html(pages::sign_in(&SignIn {
            token: &token,
            flashes: &flashes,
            problem: None,
            username: "",
        })));
    };
    // Never loses a count: if another request is faster, the closure runs again on its number.
    let visits = session.update(VISITS, |visits| visits.unwrap_or(0) + 1)?;
    Ok(Html(pages::welcome(&Welcome {
        user: &user,
        visits,
        life: session.cookie()?.max_age,
        devices: &devices.list(&owner).await?,
        here: session.handle()?.as_deref(),
        token: &token,
        flashes: &flashes,
    })))
}

/// The login form. A field that is missing is an empty one.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Credentials {
    username: String,
    password: String,
    remember: Option<String>,
    csrf: String,
}

/// `POST /user`: signs in.
async fn log_in(
    session: Session,
    caller: Caller,
    form: Result<Form<Credentials>, FormRejection>,
) -> Result<Response, SessionError> {
    let Form(form) = form.unwrap_or_default();
    if !forgery::is_allowed(&session, caller.sender, &form.csrf)? {
        return Ok(refused());
    }
    let Some(owner) = users::check(&form.username, form.password).await else {
        // The session is only read here, so a stranger stays one, without a cookie.
        let page = SignIn {
            token: &session.csrf_token()?,
            flashes: &[],
            problem: Some(pages::WRONG),
            username: &form.username,
        };
        return Ok((StatusCode::UNAUTHORIZED, Html(pages::sign_in(&page))).into_response());
    };
    let user = owner.as_str().to_owned();
    session.login(owner)?; // a fresh id, and nothing of what was there before
    session.insert(USER, user)?;
    session.insert(DEVICE, caller.device)?;
    if form.remember.is_some() {
        session.set_max_age(Some(REMEMBERED))?;
    }
    Ok(Redirect::to("/").into_response())
}

/// `GET /me`: who has signed in, for programs.
async fn me(session: Session) -> Result<Response, SessionError> {
    Ok(match session.get(USER)? {
        Some(user) => {
            let visits = session.get(VISITS)?.unwrap_or(0);
            Json(json!({ "user": user, "visits": visits })).into_response()
        }
        None => (StatusCode::UNAUTHORIZED, Json(json!({ "error": "not signed in" }))).into_response(),
    })
}

/// The forms that hold nothing but their token.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Confirmation {
    csrf: String,
}

/// `GET /logout`: the link. Other sites cannot use it to sign a visitor out.
async fn log_out_by_link(session: Session, caller: Caller) -> Result<Response, SessionError> {
    match caller.sender {
        Sender::OtherSite => Ok(refused()),
        Sender::OwnPage | Sender::Program => end(&session),
    }
}

/// `POST /logout`: the button.
async fn log_out(
    session: Session,
    caller: Caller,
    form: Result<Form<Confirmation>, FormRejection>,
) -> Result<Response, SessionError> {
    if forgery::is_allowed(&session, caller.sender, &form.unwrap_or_default().csrf)? {
        end(&session)
    } else {
        Ok(refused())
    }
}

fn end(session: &Session) -> Result<Response, SessionError> {
    if session.owner()?.is_some() {
        // `session.logout()` would do. This also ends the session, and begins a new one to carry a message.
        session.regenerate()?;
        session.flash("info", "You are logged out.")?;
    }
    Ok(Redirect::to("/").into_response())
}

/// `POST /devices/revoke-others`: ends the user's other sessions.
async fn log_out_elsewhere(
    session: Session,
    State(devices): State<Devices>,
    caller: Caller,
    form: Result<Form<Confirmation>, FormRejection>,
) -> Result<Response, SessionError> {
    if !forgery::is_allowed(&session, caller.sender, &form.unwrap_or_default().csrf)? {
        return Ok(refused());
    }
    if let Some(owner) = session.owner()? {
        let ended = devices.revoke_others(&owner, &session).await?;
        let devices = if ended == 1 { "device" } else { "devices" };
        session.flash("info", &format!("Logged out on {ended} other {devices}."))?;
    }
    Ok(Redirect::to("/").into_response())
}

fn refused() -> Response {
    (StatusCode::FORBIDDEN, Html(pages::refused())).into_response()
}

async fn not_found() -> impl IntoResponse {
    (StatusCode::NOT_FOUND, Html(pages::not_found()))
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
