//! What the site does: every use of the session is in this file, and no framework.
//!
//! An example takes a request apart, calls one of these, and makes its framework's response of the [`Answer`].

use serde::Deserialize;
use serde_json::json;
use session_driver::{Devices, Error, Session};

use crate::forgery::{self, Sender};
use crate::keys::{DEVICE, USER, VISITS};
use crate::pages::{self, SignIn, Welcome};
use crate::{REMEMBERED, device, users};

/// What the browser gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A page, with its status.
    Page(u16, String),
    /// JSON for programs, with its status.
    Json(u16, String),
    /// 303: the browser is to look there.
    SeeOther(&'static str),
}

/// What a request's headers tell of its sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    sender: Sender,
    /// What it is called in the list of devices.
    device: String,
}

impl Caller {
    /// Reads them; `header` gives the value of the header of a name.
    pub fn of<'a>(header: impl Fn(&'static str) -> Option<&'a str>) -> Self {
        Self {
            sender: Sender::of(header("sec-fetch-site"), header("origin"), header("host")),
            device: device::name(header("user-agent")),
        }
    }
}

/// The login form. A field that is missing is an empty one.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the fields of the form")]
pub struct Credentials {
    pub username: String,
    pub password: String,
    pub remember: Option<String>,
    pub csrf: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(redacted)")
    }
}

/// The forms that hold nothing but their token.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the field of the form")]
pub struct Confirmation {
    pub csrf: String,
}

/// `GET /`: a welcome to who has signed in, the login form to everybody else.
///
/// # Errors
///
/// See [`Session`].
pub async fn home(session: &Session, devices: &Devices) -> Result<Answer, Error> {
    let flashes = session.take_flash()?;
    let token = session.csrf_token()?;
    let (Some(user), Some(owner)) = (session.get(USER)?, session.owner()?) else {
        let form = SignIn { token: &token, flashes: &flashes, problem: None, username: "" };
        return Ok(Answer::Page(200, pages::sign_in(&form)));
    };
    // Never loses a count: if another request is faster, the closure runs again on its number.
    let visits = session.update(VISITS, |visits| visits.unwrap_or(0) + 1)?;
    let html = pages::welcome(&Welcome {
        user: &user,
        visits,
        life: session.cookie()?.max_age,
        devices: &devices.list(&owner).await?,
        here: session.handle()?.as_deref(),
        token: &token,
        flashes: &flashes,
    });
    Ok(Answer::Page(200, html))
}

/// `POST /user`: signs in.
///
/// # Errors
///
/// See [`Session`].
pub async fn log_in(session: &Session, caller: Caller, form: Credentials) -> Result<Answer, Error> {
    if !forgery::is_allowed(session, caller.sender, &form.csrf)? {
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
        return Ok(Answer::Page(401, pages::sign_in(&page)));
    };
    let user = owner.as_str().to_owned();
    session.login(owner)?; // a fresh id, and nothing of what was there before
    session.insert(USER, user)?;
    session.insert(DEVICE, caller.device)?;
    if form.remember.is_some() {
        session.set_max_age(Some(REMEMBERED))?;
    }
    Ok(Answer::SeeOther("/"))
}

/// `GET /me`: who has signed in, for programs.
///
/// # Errors
///
/// See [`Session`].
pub fn me(session: &Session) -> Result<Answer, Error> {
    Ok(match session.get(USER)? {
        Some(user) => {
            let visits = session.get(VISITS)?.unwrap_or(0);
            Answer::Json(200, json!({ "user": user, "visits": visits }).to_string())
        }
        None => Answer::Json(401, json!({ "error": "not signed in" }).to_string()),
    })
}

/// `GET /logout`: the link. Other sites cannot use it to sign a visitor out.
///
/// # Errors
///
/// See [`Session`].
pub fn log_out_by_link(session: &Session, caller: &Caller) -> Result<Answer, Error> {
    match caller.sender {
        Sender::OtherSite => Ok(refused()),
        Sender::OwnPage | Sender::Program => end(session),
    }
}

/// `POST /logout`: the button.
///
/// # Errors
///
/// See [`Session`].
pub fn log_out(session: &Session, caller: &Caller, form: &Confirmation) -> Result<Answer, Error> {
    if forgery::is_allowed(session, caller.sender, &form.csrf)? { end(session) } else { Ok(refused()) }
}

fn end(session: &Session) -> Result<Answer, Error> {
    if session.owner()?.is_some() {
        // `session.logout()` would do. This also ends the session, and begins a new one to carry a message.
        session.regenerate()?;
        session.flash("info", "You are logged out.")?;
    }
    Ok(Answer::SeeOther("/"))
}

/// `POST /devices/revoke-others`: ends the user's other sessions.
///
/// # Errors
///
/// See [`Session`].
pub async fn log_out_elsewhere(
    session: &Session,
    devices: &Devices,
    caller: &Caller,
    form: &Confirmation,
) -> Result<Answer, Error> {
    if !forgery::is_allowed(session, caller.sender, &form.csrf)? {
        return Ok(refused());
    }
    if let Some(owner) = session.owner()? {
        let ended = devices.revoke_others(&owner, session).await?;
        let devices = if ended == 1 { "device" } else { "devices" };
        session.flash("info", &format!("Logged out on {ended} other {devices}."))?;
    }
    Ok(Answer::SeeOther("/"))
}

fn refused() -> Answer {
    Answer::Page(403, pages::refused())
}

/// For an address that there is not.
#[must_use]
pub fn not_found() -> Answer {
    Answer::Page(404, pages::not_found())
}
