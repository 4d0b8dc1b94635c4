//! `?` on every call of a session, in whatever a handler returns: the status and the headers are the session's all the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

#[path = "../../driver/tests/http/mod.rs"]
mod http;

use std::sync::Mutex;

use http::{Server, Switched, every_call, policy};
use rocket::fairing::AdHoc;
use rocket::http::Status;
use rocket::response::{self, Responder};
use rocket::{Request, State, get, routes};
use session_rocket::{CoreError, Session, SessionError, SessionFairing, Sessions, SignedIn};
use session_store_memory::MemoryStore;

const KINDS: [&str; 3] = ["own", "app", "session"];

/// The same handlers for each type that they may return.
macro_rules! handlers {
    ($kind:ident, $answer:ty) => {
        mod $kind {
            use super::*;

            #[get("/every-call")]
            pub(super) async fn every_call(session: Session, sessions: &State<Sessions>) -> $answer {
                every_call!(session, sessions);
                Ok("done".to_owned())
            }

            #[get("/save")]
            pub(super) async fn save(session: Session) -> $answer {
                session.insert("n", 1)?;
                session.save().await?;
                Ok("saved".to_owned())
            }

            #[get("/gone")]
            pub(super) async fn gone(session: Session) -> $answer {
                session.reload().await?;
                Ok("still there".to_owned())
            }

            #[get("/caught")]
            pub(super) async fn caught(session: Session) -> $answer {
                match session.reload().await {
                    Err(SessionError::Session(CoreError::Gone)) => Ok("gone".to_owned()),
                    answer => Ok(format!("{:?}", answer?)),
                }
            }

            #[get("/signed-in")]
            pub(super) async fn signed_in(user: SignedIn) -> $answer {
                Ok(user.owner.as_str().to_owned())
            }
        }
    };
}

handlers!(own, Result<String, Failure>);
handlers!(app, Result<String, AppError>);
handlers!(session, Result<String, SessionError>);

/// Rocket's own idiom: a responder for each thing that can go wrong.
#[derive(Responder)]
enum Failure {
    Session(SessionError),
    #[response(status = 400)]
    Refused(&'static str),
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Session(CoreError::TooLarge { .. }) => Self::Refused("too much"),
            error => Self::Session(error),
        }
    }
}

/// What an application does with errors of many kinds: one type that takes them all, and knows which it must let answer.
struct AppError(Box<dyn std::error::Error + Send + Sync>);

impl<E: Into<Box<dyn std::error::Error + Send + Sync>>> From<E> for AppError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl<'r> Responder<'r, 'static> for AppError {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        match self.0.downcast::<SessionError>() {
            Ok(error) => error.respond_to(request),
            Err(_) => Err(Status::InternalServerError),
        }
    }
}

/// Launches an application, and waits until it listens.
async fn start(sessions: Sessions) -> Server {
    macro_rules! all {
        ($kind:ident) => {
            routes![$kind::every_call, $kind::save, $kind::gone, $kind::caught, $kind::signed_in]
        };
    }
    let figment = rocket::Config::figment()
        .merge(("port", 0))
        .merge(("log_level", "off"))
        .merge(("shutdown.ctrlc", false))
        .merge(("shutdown.signals", Vec::<String>::new()));
    let (told, port) = tokio::sync::oneshot::channel();
    let told = Mutex::new(Some(told));
    let tell = AdHoc::on_liftoff("port", move |rocket| {
        let told = told.lock().unwrap().take().unwrap();
        told.send(rocket.config().port).unwrap();
        Box::pin(async {})
    });
    let rocket = rocket::custom(figment)
        .manage(sessions.clone())
        .attach(SessionFairing::new(sessions))
        .attach(tell)
        .mount("/own", all!(own))
        .mount("/app", all!(app))
        .mount("/session", all!(session));
    tokio::spawn(rocket.launch());
    Server { address: ([127, 0, 0, 1], port.await.unwrap()).into() }
}

#[tokio::test]
async fn every_call_takes_a_question_mark() {
    let server = start(Sessions::new(policy().build().unwrap(), MemoryStore::new())).await;
    for kind in KINDS {
        let response = server.get(&format!("/{kind}/every-call"), "").await;
        assert_eq!((response.status, response.body.as_str()), (200, "done"), "{kind}");
    }
}

#[tokio::test]
async fn an_outage_is_503_in_whatever_a_handler_returns() {
    let store = Switched::default();
    let server = start(Sessions::new(policy().build().unwrap(), store.clone())).await;
    store.set_failing_writes(true);
    for kind in KINDS {
        let unsaved = server.get(&format!("/{kind}/save"), "").await;
        assert_eq!((unsaved.status, unsaved.all("retry-after")), (503, vec!["1"]), "{kind}");
        assert_eq!(unsaved.all("cache-control"), ["no-store"], "{kind}");
        assert_eq!(unsaved.all("set-cookie"), Vec::<&str>::new(), "{kind}");
    }
}

#[tokio::test]
async fn a_session_that_is_gone_is_409_in_whatever_a_handler_returns() {
    let server = start(Sessions::new(policy().build().unwrap(), MemoryStore::new())).await;
    for kind in KINDS {
        let gone = server.get(&format!("/{kind}/gone"), "").await;
        assert_eq!((gone.status, gone.all("cache-control")), (409, vec!["no-store"]), "{kind}");
        assert_eq!(server.get(&format!("/{kind}/caught"), "").await.body, "gone", "{kind}");
    }
}

#[tokio::test]
async fn whoever_has_not_signed_in_is_told_so_in_whatever_a_handler_returns() {
    let server = start(Sessions::new(policy().build().unwrap(), MemoryStore::new())).await;
    for kind in KINDS {
        let refused = server.get(&format!("/{kind}/signed-in"), "").await;
        assert_eq!((refused.status, refused.all("www-authenticate")), (401, vec!["Cookie"]), "{kind}");
    }
    let sessions = Sessions::builder(policy().build().unwrap(), MemoryStore::new()).login_page("/login");
    let server = start(sessions.build()).await;
    for kind in KINDS {
        let sent = server.get(&format!("/{kind}/signed-in"), "").await;
        assert_eq!((sent.status, sent.all("location")), (303, vec!["/login"]), "{kind}");
    }
}
