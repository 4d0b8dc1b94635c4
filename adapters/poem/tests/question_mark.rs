//! `?` on every call of a session, in whatever a handler returns: the status and the headers are the session's all the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

#[path = "../../driver/tests/http/mod.rs"]
mod http;

use http::{Server, Switched, every_call, policy};
use poem::http::StatusCode;
use poem::listener::{Acceptor as _, Listener as _, TcpListener};
use poem::web::Data;
use poem::{EndpointExt as _, Route, get, handler};
use session_poem::{CoreError, Session, SessionError, SessionMiddleware, Sessions, SignedIn};
use session_store_memory::MemoryStore;

const KINDS: [&str; 3] = ["own", "app", "session"];

/// The same handlers for each type that they may return.
macro_rules! handlers {
    ($kind:ident, $answer:ty) => {
        mod $kind {
            use super::*;

            #[handler]
            pub(super) async fn every_call(session: Session, Data(sessions): Data<&Sessions>) -> $answer {
                every_call!(session, sessions);
                Ok("done".to_owned())
            }

            #[handler]
            pub(super) async fn save(session: Session) -> $answer {
                session.insert("n", 1)?;
                session.save().await?;
                Ok("saved".to_owned())
            }

            #[handler]
            pub(super) async fn gone(session: Session) -> $answer {
                session.reload().await?;
                Ok("still there".to_owned())
            }

            #[handler]
            pub(super) async fn caught(session: Session) -> $answer {
                match session.reload().await {
                    Err(SessionError::Session(CoreError::Gone)) => Ok("gone".to_owned()),
                    answer => Ok(format!("{:?}", answer?)),
                }
            }

            #[handler]
            pub(super) async fn signed_in(user: SignedIn) -> $answer {
                Ok(user.owner.as_str().to_owned())
            }
        }
    };
}

handlers!(own, poem::Result<String>);
handlers!(app, Result<String, AppError>);
handlers!(session, Result<String, SessionError>);

/// What an application does with errors of many kinds: one type that takes them all, and knows which it must let answer.
struct AppError(Box<dyn std::error::Error + Send + Sync>);

impl<E: Into<Box<dyn std::error::Error + Send + Sync>>> From<E> for AppError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl From<AppError> for poem::Error {
    fn from(error: AppError) -> Self {
        match error.0.downcast::<SessionError>() {
            Ok(error) => (*error).into(),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error).into(),
        }
    }
}

async fn start(sessions: Sessions) -> Server {
    macro_rules! routes {
        ($kind:ident) => {
            Route::new()
                .at("/every-call", get($kind::every_call))
                .at("/save", get($kind::save))
                .at("/gone", get($kind::gone))
                .at("/caught", get($kind::caught))
                .at("/signed-in", get($kind::signed_in))
        };
    }
    let app = Route::new()
        .nest("/own", routes!(own))
        .nest("/app", routes!(app))
        .nest("/session", routes!(session))
        .data(sessions.clone())
        .with(SessionMiddleware::new(sessions));
    let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
    let address = *acceptor.local_addr()[0].as_socket_addr().unwrap();
    tokio::spawn(poem::Server::new_with_acceptor(acceptor).run(app));
    Server { address }
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
