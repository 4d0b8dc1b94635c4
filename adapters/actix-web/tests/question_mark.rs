//! `?` on every call of a session, in whatever a handler returns: the status and the headers are the session's all the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

#[path = "../../driver/tests/http/mod.rs"]
mod http;

use std::fmt;

use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer, ResponseError};
use http::{Server, Switched, every_call, policy};
use session_actix::{CoreError, Session, SessionError, SessionMiddleware, Sessions, SignedIn};
use session_store_memory::MemoryStore;

const KINDS: [&str; 3] = ["own", "app", "session"];

/// The same handlers for each type that they may return.
macro_rules! handlers {
    ($kind:ident, $answer:ty) => {
        mod $kind {
            use super::*;

            pub(super) async fn every_call(session: Session, sessions: Data<Sessions>) -> $answer {
                every_call!(session, sessions);
                Ok("done".to_owned())
            }

            pub(super) async fn save(session: Session) -> $answer {
                session.insert("n", 1)?;
                session.save().await?;
                Ok("saved".to_owned())
            }

            pub(super) async fn gone(session: Session) -> $answer {
                session.reload().await?;
                Ok("still there".to_owned())
            }

            pub(super) async fn caught(session: Session) -> $answer {
                match session.reload().await {
                    Err(SessionError::Session(CoreError::Gone)) => Ok("gone".to_owned()),
                    answer => Ok(format!("{:?}", answer?)),
                }
            }

            pub(super) async fn signed_in(user: Result<SignedIn, SessionError>) -> $answer {
                Ok(user?.owner.as_str().to_owned())
            }
        }
    };
}

handlers!(own, actix_web::Result<String>);
handlers!(app, Result<String, AppError>);
handlers!(session, Result<String, SessionError>);

/// What an application does with errors of many kinds: one type that takes them all, and knows which it must let answer.
#[derive(Debug)]
struct AppError(Box<dyn std::error::Error + Send + Sync>);

impl<E: Into<Box<dyn std::error::Error + Send + Sync>>> From<E> for AppError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for AppError {
    fn error_response(&self) -> HttpResponse {
        match self.0.downcast_ref::<SessionError>() {
            Some(error) => error.error_response(),
            None => HttpResponse::InternalServerError().finish(),
        }
    }
}

fn start(sessions: Sessions) -> Server {
    macro_rules! routes {
        ($kind:ident) => {
            web::scope(concat!("/", stringify!($kind)))
                .route("/every-call", web::get().to($kind::every_call))
                .route("/save", web::get().to($kind::save))
                .route("/gone", web::get().to($kind::gone))
                .route("/caught", web::get().to($kind::caught))
                .route("/signed-in", web::get().to($kind::signed_in))
        };
    }
    let app = move || {
        App::new()
            .app_data(Data::new(sessions.clone()))
            .wrap(SessionMiddleware::new(sessions.clone()))
            .service(routes!(own))
            .service(routes!(app))
            .service(routes!(session))
    };
    let server = HttpServer::new(app).workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
    let address = server.addrs()[0];
    tokio::spawn(server.run());
    Server { address }
}

#[tokio::test]
async fn every_call_takes_a_question_mark() {
    let server = start(Sessions::new(policy().build().unwrap(), MemoryStore::new()));
    for kind in KINDS {
        let response = server.get(&format!("/{kind}/every-call"), "").await;
        assert_eq!((response.status, response.body.as_str()), (200, "done"), "{kind}");
    }
}

#[tokio::test]
async fn an_outage_is_503_in_whatever_a_handler_returns() {
    let store = Switched::default();
    let server = start(Sessions::new(policy().build().unwrap(), store.clone()));
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
    let server = start(Sessions::new(policy().build().unwrap(), MemoryStore::new()));
    for kind in KINDS {
        let gone = server.get(&format!("/{kind}/gone"), "").await;
        assert_eq!((gone.status, gone.all("cache-control")), (409, vec!["no-store"]), "{kind}");
        assert_eq!(server.get(&format!("/{kind}/caught"), "").await.body, "gone", "{kind}");
    }
}

#[tokio::test]
async fn whoever_has_not_signed_in_is_told_so_in_whatever_a_handler_returns() {
    let server = start(Sessions::new(policy().build().unwrap(), MemoryStore::new()));
    for kind in KINDS {
        let refused = server.get(&format!("/{kind}/signed-in"), "").await;
        assert_eq!((refused.status, refused.all("www-authenticate")), (401, vec!["Cookie"]), "{kind}");
    }
    let sessions = Sessions::builder(policy().build().unwrap(), MemoryStore::new()).login_page("/login");
    let server = start(sessions.build());
    for kind in KINDS {
        let sent = server.get(&format!("/{kind}/signed-in"), "").await;
        assert_eq!((sent.status, sent.all("location")), (303, vec!["/login"]), "{kind}");
    }
}
