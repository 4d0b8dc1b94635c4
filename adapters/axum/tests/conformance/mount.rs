//! The suite's routes in axum.

use std::error::Error;
use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use session_axum::{
    LayerName, Named, Peek, Session, SessionError, SessionLayer, SessionOrAnonymous, SessionOrUnavailable,
    SignedIn,
};
use session_conformance::script::{self, Answer, Script};
use session_conformance::{Site, script::HEADER};
use tokio::net::TcpListener;

/// The suite's second layer.
struct Second;

impl LayerName for Second {
    const COOKIE: &'static str = Site::SECOND;
}

/// Serves a site until it is stopped.
pub(crate) async fn mount(site: Site) -> Result<(), Box<dyn Error + Send + Sync>> {
    let layer = SessionLayer::new(site.sessions());
    let two = Router::new()
        .route("/two/play", any(two))
        .layer(layer.clone())
        .layer(SessionLayer::new(site.second()));
    let app = Router::new()
        .route("/play", any(play))
        .route("/maybe", any(maybe))
        .route("/idle", any(idle))
        .route("/fail", any(fail))
        .route("/peek", any(peek))
        .route("/stream", any(stream))
        .route("/socket", any(socket))
        .route("/signed-in", any(signed_in))
        .route("/or-anonymous", any(or_anonymous))
        .route("/or-unavailable", any(or_unavailable))
        .layer(layer.clone())
        .merge(two)
        .nest("/nested", Router::new().route("/play", any(play)).layer(layer))
        .with_state(site.clone())
        .into_make_service_with_connect_info::<SocketAddr>();
    let listener = TcpListener::from_std(site.listener()?)?;
    axum::serve(listener, app).with_graceful_shutdown(site.stopped()).await?;
    Ok(())
}

/// The script of a request whose body is not read.
struct Header(Script);

impl<S: Sync> FromRequestParts<S> for Header {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(read(parts, &[])))
    }
}

fn read(parts: &Parts, body: &[u8]) -> Script {
    Script::read(parts.headers.get(HEADER).map(|script| script.as_bytes()), body)
}

async fn play(session: Session, parts: Parts, body: Bytes) -> Result<Response, SessionError> {
    Ok(response(read(&parts, &body).play(&session).await?))
}

async fn maybe(session: Option<Session>, Header(script): Header) -> Result<Response, SessionError> {
    Ok(response(script.play_maybe(session.as_ref()).await?))
}

async fn idle(Header(script): Header) -> Result<Response, SessionError> {
    Ok(response(script.play_maybe(None).await?))
}

async fn fail(
    session: Session,
    Header(script): Header,
) -> Result<Response, (axum::http::StatusCode, String)> {
    let response = match script.play(&session).await {
        Ok(answer) => response(answer),
        Err(error) => error.into_response(),
    };
    Err((response.status(), "the handler failed".to_owned()))
}

async fn peek(Peek(session): Peek, Header(script): Header) -> Result<Response, SessionError> {
    Ok(response(script.play(&session).await?))
}

async fn or_anonymous(session: SessionOrAnonymous, Header(script): Header) -> Result<Response, SessionError> {
    Ok(response(script.play(&session).await?))
}

async fn or_unavailable(
    session: SessionOrUnavailable,
    Header(script): Header,
) -> Result<Response, SessionError> {
    Ok(response(script.play(&session).await?))
}

async fn stream(session: Session, Header(script): Header) -> Result<Response, SessionError> {
    let mut answer = script.play(&session).await?;
    let body = Body::from_stream(answer.chunks(&session));
    Ok(headed(answer.status, answer.headers, body))
}

async fn two(
    session: Session,
    second: Named<Second>,
    Header(script): Header,
) -> Result<Response, SessionError> {
    Ok(response(script.play_two(&session, &second).await?))
}

async fn signed_in(user: SignedIn, Header(script): Header) -> Result<Response, SessionError> {
    Ok(response(script.play(&user.session).await?))
}

async fn socket(
    State(site): State<Site>,
    session: Session,
    Header(script): Header,
    upgrade: WebSocketUpgrade,
) -> Result<Response, SessionError> {
    let _answer = script.play(&session).await?;
    let id = session.id()?;
    Ok(upgrade.on_upgrade(async move |mut socket| {
        while let Some(Ok(Message::Text(script))) = socket.recv().await {
            let answer = script::play_detached(&site.sessions(), &id, &script).await;
            if socket.send(Message::Text(answer.into())).await.is_err() {
                return;
            }
        }
    }))
}

fn response(answer: Answer) -> Response {
    headed(answer.status, answer.headers, Body::from(answer.body))
}

fn headed(status: u16, headers: Vec<(String, String)>, body: Body) -> Response {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(body).unwrap_or_else(|error| {
        (axum::http::StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response()
    })
}
