//! The suite's routes in actix-web.

use std::error::Error;

use actix_web::error::InternalError;
use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpResponseBuilder, HttpServer, web};
use actix_ws::Message;
use session_actix::{
    LayerName, Named, Peek, Session, SessionError, SessionMiddleware, SessionOrAnonymous,
    SessionOrUnavailable, SignedIn,
};
use session_conformance::Site;
use session_conformance::script::{self, Answer, HEADER, LARGEST_BODY, Script};

/// The suite's second layer.
struct Second;

impl LayerName for Second {
    const COOKIE: &'static str = Site::SECOND;
}

/// Serves a site until it is stopped.
pub(crate) async fn mount(site: Site) -> Result<(), Box<dyn Error + Send + Sync>> {
    let (listener, stopped) = (site.listener()?, site.stopped());
    let app = move || {
        let first = || SessionMiddleware::new(site.sessions());
        App::new()
            .app_data(web::PayloadConfig::new(LARGEST_BODY))
            .app_data(web::Data::new(site.clone()))
            .service(web::scope("/nested").wrap(first()).route("/play", web::to(play)))
            .service(
                web::scope("/two")
                    .wrap(first())
                    .wrap(SessionMiddleware::new(site.second()))
                    .route("/play", web::to(two)),
            )
            .service(
                web::scope("")
                    .wrap(first())
                    .route("/play", web::to(play))
                    .route("/maybe", web::to(maybe))
                    .route("/idle", web::to(idle))
                    .route("/fail", web::to(fail))
                    .route("/peek", web::to(peek))
                    .route("/stream", web::to(stream))
                    .route("/socket", web::to(socket))
                    .route("/signed-in", web::to(signed_in))
                    .route("/or-anonymous", web::to(or_anonymous))
                    .route("/or-unavailable", web::to(or_unavailable)),
            )
    };
    let server =
        HttpServer::new(app).workers(1).disable_signals().shutdown_timeout(0).listen(listener)?.run();
    let handle = server.handle();
    tokio::spawn(async move {
        stopped.await;
        handle.stop(false).await;
    });
    Ok(server.await?)
}

fn read(request: &HttpRequest, body: &[u8]) -> Script {
    Script::read(request.headers().get(HEADER).map(|script| script.as_bytes()), body)
}

async fn play(
    session: Session,
    request: HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, SessionError> {
    Ok(response(read(&request, &body).play(&session).await?))
}

async fn maybe(
    session: Result<Session, SessionError>,
    request: HttpRequest,
) -> Result<HttpResponse, SessionError> {
    let session = match session {
        Ok(session) => Some(session),
        Err(error) if script::is_no_session(&error) => None,
        Err(error) => return Err(error),
    };
    Ok(response(read(&request, &[]).play_maybe(session.as_ref()).await?))
}

async fn idle(request: HttpRequest) -> Result<HttpResponse, SessionError> {
    Ok(response(read(&request, &[]).play_maybe(None).await?))
}

async fn fail(session: Session, request: HttpRequest) -> actix_web::Result<HttpResponse> {
    let answer = read(&request, &[]).play(&session).await?;
    let status = StatusCode::from_u16(answer.status).unwrap_or_default();
    Err(InternalError::new("the handler failed", status).into())
}

async fn peek(Peek(session): Peek, request: HttpRequest) -> Result<HttpResponse, SessionError> {
    Ok(response(read(&request, &[]).play(&session).await?))
}

async fn or_anonymous(session: SessionOrAnonymous, request: HttpRequest) -> actix_web::Result<HttpResponse> {
    Ok(response(read(&request, &[]).play(&session).await?))
}

async fn or_unavailable(
    session: SessionOrUnavailable,
    request: HttpRequest,
) -> actix_web::Result<HttpResponse> {
    Ok(response(read(&request, &[]).play(&session).await?))
}

async fn stream(session: Session, request: HttpRequest) -> Result<HttpResponse, SessionError> {
    let mut answer = read(&request, &[]).play(&session).await?;
    let chunks = answer.chunks(&session);
    Ok(head(&answer).streaming(chunks))
}

async fn two(
    session: Session,
    second: Named<Second>,
    request: HttpRequest,
) -> Result<HttpResponse, SessionError> {
    Ok(response(read(&request, &[]).play_two(&session, &second).await?))
}

async fn signed_in(user: SignedIn, request: HttpRequest) -> Result<HttpResponse, SessionError> {
    Ok(response(read(&request, &[]).play(&user.session).await?))
}

async fn socket(
    site: web::Data<Site>,
    session: Session,
    request: HttpRequest,
    body: web::Payload,
) -> actix_web::Result<HttpResponse> {
    let _answer = read(&request, &[]).play(&session).await?;
    let id = session.id()?;
    let (response, mut socket, mut messages) = actix_ws::handle(&request, body)?;
    actix_web::rt::spawn(async move {
        while let Some(Ok(Message::Text(script))) = messages.recv().await {
            let answer = script::play_detached(&site.sessions(), &id, &script).await;
            if socket.text(answer).await.is_err() {
                return;
            }
        }
    });
    Ok(response)
}

fn head(answer: &Answer) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(StatusCode::from_u16(answer.status).unwrap_or_default());
    for (name, value) in &answer.headers {
        response.append_header((name.as_str(), value.as_str()));
    }
    response
}

fn response(answer: Answer) -> HttpResponse {
    head(&answer).body(answer.body)
}
