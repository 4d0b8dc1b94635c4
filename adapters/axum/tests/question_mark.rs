//! `?` on every call of a session, in whatever a handler returns: the status and the headers are the session's all the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

mod common;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use common::{Server, Switched, every_call, policy};
use session_axum::{CoreError, Session, SessionError, SessionLayer, Sessions, SignedIn};
use session_store_memory::MemoryStore;

const KINDS: [&str; 3] = ["own", "app", "session"];

/// The same handlers for each type that they may return.
macro_rules! handlers {
    ($kind:ident, $answer:ty) => {
        mod $kind {
            use super::*;

            pub(super) async fn every_call(session: Session, State(sessions): State<Sessions>) -> $answer {
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

handlers!(own, axum::response::Result<String>);
handlers!(app, Result<String, AppError>);
handlers!(session, Result<String, SessionError>);

/// What an application does with errors of many kinds: one type that takes them all, and knows which it must let answer.
struct AppError(Box<dyn std::error::Error + Send + Sync>);

impl<E: Into<Box<dyn std::error::Error + Send + Sync>>> From<E> for AppError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        match self.0.downcast::<SessionError>() {
            Ok(error) => error.into_response(),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}

async fn start(sessions: Sessions) -> Server {
    macro_rules! routes {
        ($kind:ident) => {
            Router::new()
                .route("/every-call", get($kind::every_call))
                .route("/save", get($kind::save))
                .route("/gone", get($kind::gone))
                .route("/caught", get($kind::caught))
                .route("/signed-in", get($kind::signed_in))
        };
    }
    let app = Router::new()
        .nest("/own", routes!(own))
        .nest("/app", routes!(app))
        .nest("/session", routes!(session))
        .with_state(sessions.clone())
        .layer(SessionLayer::new(sessions));
    Server::serve(app).await
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
