//! The suite's routes in poem.

use std::error::Error;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use poem::http::StatusCode;
use poem::listener::TcpAcceptor;
use poem::web::Data;
use poem::web::websocket::{Message, WebSocket};
use poem::{
    Body, EndpointExt as _, FromRequest, IntoResponse as _, Request, RequestBody, Response, Route, Server,
    handler,
};
use session_conformance::Site;
use session_conformance::script::{self, Answer, HEADER, Script};
use session_poem::{
    LayerName, Named, Peek, Session, SessionError, SessionMiddleware, SessionOrAnonymous,
    SessionOrUnavailable, SignedIn,
};

/// The suite's second layer.
struct Second;

impl LayerName for Second {
    const COOKIE: &'static str = Site::SECOND;
}

/// Serves a site until it is stopped.
pub(crate) async fn mount(site: Site) -> Result<(), Box<dyn Error + Send + Sync>> {
    let first = || SessionMiddleware::new(site.sessions());
    let app = Route::new()
        .at("/play", play.with(first()))
        .at("/maybe", maybe.with(first()))
        .at("/idle", idle.with(first()))
        .at("/fail", fail.with(first()))
        .at("/peek", peek.with(first()))
        .at("/or-anonymous", or_anonymous.with(first()))
        .at("/or-unavailable", or_unavailable.with(first()))
        .at("/stream", stream.with(first()))
        .at("/socket", socket.with(first()))
        .at("/signed-in", signed_in.with(first()))
        .at("/two/play", two.with(first()).with(SessionMiddleware::new(site.second())))
        .nest("/nested", Route::new().at("/play", play).with(first()))
        .data(site.clone());
    let acceptor = TcpAcceptor::from_std(site.listener()?)?;
    Server::new_with_acceptor(acceptor)
        .run_with_graceful_shutdown(app, site.stopped(), Some(Duration::ZERO))
        .await?;
    Ok(())
}

/// The script of a request whose body is not read.
struct Header(Script);

impl<'a> FromRequest<'a> for Header {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        Ok(Self(read(request, &[])))
    }
}

fn read(request: &Request, body: &[u8]) -> Script {
    Script::read(request.headers().get(HEADER).map(|script| script.as_bytes()), body)
}

#[handler]
async fn play(session: Session, request: &Request, body: Body) -> poem::Result<Response> {
    let body = body.into_bytes().await?;
    Ok(response(read(request, &body).play(&session).await?))
}

#[handler]
async fn maybe(session: poem::Result<Session>, Header(script): Header) -> poem::Result<Response> {
    let is_none =
        |error: &poem::Error| error.downcast_ref::<SessionError>().is_some_and(script::is_no_session);
    let session = match session {
        Ok(session) => Some(session),
        Err(error) if is_none(&error) => None,
        Err(error) => return Err(error),
    };
    Ok(response(script.play_maybe(session.as_ref()).await?))
}

#[handler]
async fn idle(Header(script): Header) -> Result<Response, SessionError> {
    Ok(response(script.play_maybe(None).await?))
}

#[handler]
async fn fail(session: Session, Header(script): Header) -> poem::Result<Response> {
    let answer = script.play(&session).await?;
    let status = StatusCode::from_u16(answer.status).unwrap_or_default();
    Err(poem::Error::from_string("the handler failed", status))
}

#[handler]
async fn peek(Peek(session): Peek, Header(script): Header) -> Result<Response, SessionError> {
    Ok(response(script.play(&session).await?))
}

#[handler]
async fn or_anonymous(session: SessionOrAnonymous, Header(script): Header) -> Result<Response, SessionError> {
    Ok(response(script.play(&session).await?))
}

#[handler]
async fn or_unavailable(
    session: SessionOrUnavailable,
    Header(script): Header,
) -> Result<Response, SessionError> {
    Ok(response(script.play(&session).await?))
}

#[handler]
async fn stream(session: Session, Header(script): Header) -> Result<Response, SessionError> {
    let mut answer = script.play(&session).await?;
    let body = Body::from_bytes_stream(answer.chunks(&session));
    Ok(headed(answer, body))
}

#[handler]
async fn two(
    session: Session,
    second: Named<Second>,
    Header(script): Header,
) -> Result<Response, SessionError> {
    Ok(response(script.play_two(&session, &second).await?))
}

#[handler]
async fn signed_in(user: SignedIn, Header(script): Header) -> Result<Response, SessionError> {
    Ok(response(script.play(&user.session).await?))
}

#[handler]
async fn socket(
    site: Data<&Site>,
    session: Session,
    Header(script): Header,
    upgrade: WebSocket,
) -> Result<Response, SessionError> {
    let _answer = script.play(&session).await?;
    let id = session.id()?;
    let sessions = site.sessions();
    let talk = async move |mut socket: poem::web::websocket::WebSocketStream| {
        while let Some(Ok(Message::Text(script))) = socket.next().await {
            let answer = script::play_detached(&sessions, &id, &script).await;
            if socket.send(Message::Text(answer)).await.is_err() {
                return;
            }
        }
    };
    Ok(upgrade.on_upgrade(talk).into_response())
}

fn response(mut answer: Answer) -> Response {
    let body = Body::from(std::mem::take(&mut answer.body));
    headed(answer, body)
}

fn headed(answer: Answer, body: Body) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or_default();
    let mut response = Response::builder().status(status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response.body(body)
}
