//! Playing steps on a session, and remembering what they saw.

use std::pin::Pin;
use std::time::Duration;

use serde_json::{Value, json};
use session_driver::core::cookie::SameSite;
use session_driver::core::{Error as CoreError, Owner, SessionCookie};
use session_driver::{Error, Session};

use super::step::{CookieChange, Step};
use super::{Answer, gate};

/// A script while it is played.
pub(super) struct Play {
    session: Option<Session>,
    second: Option<Session>,
    body_length: usize,
    seen: Vec<Value>,
    status: u16,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
    streamed: Vec<Step>,
}

impl Play {
    pub(super) fn new(session: Option<Session>, second: Option<Session>, body_length: usize) -> Self {
        Self {
            session,
            second,
            body_length,
            seen: Vec::new(),
            status: 200,
            headers: Vec::new(),
            body: None,
            streamed: Vec::new(),
        }
    }

    pub(super) fn take_seen(&mut self) -> Value {
        Value::Array(std::mem::take(&mut self.seen))
    }

    pub(super) fn into_answer(mut self) -> Answer {
        let body = match self.body.take() {
            Some(body) => body,
            None if matches!(self.status, 204 | 303 | 304) => Vec::new(),
            None => self.take_seen().to_string().into_bytes(),
        };
        if !body.is_empty() && !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
        {
            self.headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        Answer { status: self.status, headers: self.headers, body, streamed: self.streamed }
    }

    /// Plays one step. Boxed, since a step may hold steps.
    pub(super) fn step<'a>(
        &'a mut self,
        step: &'a Step,
    ) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>> {
        Box::pin(async move {
            let seen = match step {
                Step::Attempt(step) => {
                    if let Err(error) = self.step(step).await {
                        self.seen.push(json!({ "error": kind(&error) }));
                    }
                    return Ok(());
                }
                Step::Second(step) => {
                    let second = self.second.as_ref().ok_or(Error::NoLayer)?;
                    on_session(second, step).await?
                }
                step => match self.on_answer(step).await {
                    Some(seen) => seen,
                    None => on_session(self.session.as_ref().ok_or(Error::NoLayer)?, step).await?,
                },
            };
            self.seen.push(seen);
            Ok(())
        })
    }

    /// Steps that are not about the session, or about more than its methods.
    #[allow(clippy::panic, reason = "the script says so")]
    async fn on_answer(&mut self, step: &Step) -> Option<Value> {
        match step {
            Step::Status(status) => self.status = *status,
            Step::Header(name, value) => self.headers.push((name.clone(), value.clone())),
            Step::Redirect(to) => {
                self.status = 303;
                self.headers.push(("location".to_owned(), to.clone()));
            }
            Step::Pad(length) => self.body = Some(vec![b'.'; *length]),
            Step::Stream(steps) => self.streamed.clone_from(steps),
            Step::HasSession => return Some(json!(self.session.is_some())),
            Step::BodyLength => return Some(json!(self.body_length)),
            Step::Pause(name) => gate::pass(name).await,
            Step::Keep(name, steps) => self.keep(name, steps.clone()),
            Step::Panic => panic!("the script says so"),
            _ => return None,
        }
        Some(Value::Null)
    }

    /// A task that outlives the request, with a handle of its session.
    fn keep(&self, name: &str, steps: Vec<Step>) {
        let gate = name.to_owned();
        let mut play = Self::new(self.session.clone(), None, 0);
        tokio::spawn(async move {
            gate::pass(&gate).await;
            for step in steps {
                if let Err(error) = play.step(&step).await {
                    play.seen.push(json!({ "error": kind(&error) }));
                }
            }
            gate::leave(&gate, play.take_seen());
        });
    }
}

async fn on_session(session: &Session, step: &Step) -> Result<Value, Error> {
    let mut seen = Value::Null;
    match step {
        Step::Get(key) => seen = session.get::<Value>(key.as_str())?.unwrap_or_default(),
        Step::Insert(key, value) => session.insert(key.as_str(), value)?,
        Step::Count(key) => {
            let count = session.update(key.as_str(), |count: Option<i64>| count.unwrap_or(0) + 1)?;
            seen = json!(count);
        }
        Step::Take(key) => seen = session.take::<Value>(key.as_str())?.unwrap_or_default(),
        Step::Remove(key) => seen = json!(session.remove(key)?),
        Step::Clear => session.clear()?,
        Step::Contains(key) => seen = json!(session.contains(key)?),
        Step::Keys => seen = json!(session.keys()?),
        Step::Fill(key, length) => session.insert(key.as_str(), "x".repeat(*length))?,
        Step::Id => seen = json!(session.id()?.expose()),
        Step::IsNew => seen = json!(session.is_new()?),
        Step::Regenerate => session.regenerate()?,
        Step::Renew => session.renew()?,
        Step::Rotate => session.rotate()?,
        Step::Destroy => session.destroy()?,
        Step::Unset => session.unset()?,
        Step::Save => session.save().await?,
        Step::Reload => session.reload().await?,
        Step::Login(owner) => {
            if let Some(owner) = Owner::new(owner) {
                session.login(owner)?;
            }
        }
        Step::Logout => session.logout()?,
        Step::Owner => seen = json!(session.owner()?.map(|owner| owner.as_str().to_owned())),
        Step::Touch => session.touch()?,
        Step::MaxAge(ms) => session.set_max_age(ms.map(Duration::from_millis))?,
        Step::Expires(_, after) => session.set_max_age(Some(Duration::from_millis(*after)))?,
        Step::SetCookie(change) => session.set_cookie(change.apply(session.cookie()?))?,
        Step::Cookie => seen = shown(&session.cookie()?),
        Step::Flash(kind, text) => session.flash(kind, text)?,
        Step::TakeFlash => {
            let messages = session.take_flash()?;
            seen = messages.into_iter().map(|flash| json!([flash.kind, flash.text])).collect();
        }
        Step::CsrfToken => seen = json!(session.csrf_token()?),
        Step::CsrfVerify(token) => seen = json!(session.csrf_verify(token)?),
        // Played elsewhere.
        Step::Status(_)
        | Step::Header(..)
        | Step::Redirect(_)
        | Step::Pad(_)
        | Step::Stream(_)
        | Step::HasSession
        | Step::BodyLength
        | Step::Pause(_)
        | Step::Keep(..)
        | Step::Attempt(_)
        | Step::Second(_)
        | Step::Panic => {}
    }
    Ok(seen)
}

impl CookieChange {
    fn apply(&self, cookie: SessionCookie) -> SessionCookie {
        let same_site = |word: &String| match word.as_str() {
            "strict" => SameSite::Strict,
            "lax" => SameSite::Lax,
            _ => SameSite::None,
        };
        SessionCookie {
            path: self.path.clone().unwrap_or(cookie.path),
            domain: self.domain.clone().or(cookie.domain),
            http_only: self.http_only.unwrap_or(cookie.http_only),
            secure: self.secure.unwrap_or(cookie.secure),
            same_site: self.same_site.as_ref().map(same_site).or(cookie.same_site),
            ..cookie
        }
    }
}

fn shown(cookie: &SessionCookie) -> Value {
    let same_site = cookie.same_site.map(|same_site| match same_site {
        SameSite::Strict => "strict",
        SameSite::Lax => "lax",
        SameSite::None => "none",
    });
    json!({
        "max_age": cookie.max_age.map(|life| u64::try_from(life.as_millis()).unwrap_or(u64::MAX)),
        "path": cookie.path,
        "domain": cookie.domain,
        "http_only": cookie.http_only,
        "secure": cookie.secure,
        "same_site": same_site,
    })
}

/// A word for what went wrong.
pub(super) fn kind(error: &Error) -> &'static str {
    match error {
        Error::Store(_) => "store",
        Error::Session(error) => match error {
            CoreError::Serialize { .. } => "serialize",
            CoreError::Deserialize { .. } => "deserialize",
            CoreError::ReservedKey { .. } => "reserved_key",
            CoreError::TooLarge { .. } => "too_large",
            CoreError::Gone => "gone",
            CoreError::Ended => "ended",
            CoreError::Detached => "detached",
            CoreError::InDoubt => "in_doubt",
            CoreError::OutsidePath => "outside_path",
            CoreError::Cookie(_) => "cookie",
            _ => "session",
        },
        Error::Finished => "finished",
        Error::Busy => "busy",
        Error::Contended => "contended",
        Error::Randomness => "randomness",
        Error::NoLayer => "no_layer",
        _ => "other",
    }
}
