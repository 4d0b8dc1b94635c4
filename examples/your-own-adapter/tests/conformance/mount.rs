//! The suite's routes in plain hyper.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use session_conformance::Site;
use session_conformance::script::{Answer, Chunks, HEADER, Script};
use tokio::net::TcpListener;
use your_own_adapter::{
    LayerName, Named, OriginalPath, Peek, Session, SessionError, SessionOrAnonymous, SessionOrUnavailable,
    SessionService, SignedIn, extract, extract_if_any,
};

/// The suite's second layer.
struct Second;

impl LayerName for Second {
    const COOKIE: &'static str = Site::SECOND;
}

type BoxError = Box<dyn StdError + Send + Sync>;

/// Serves a site until it is stopped.
pub(crate) async fn mount(site: Site) -> Result<(), BoxError> {
    let listener = TcpListener::from_std(site.listener()?)?;
    let mut stopped = Box::pin(site.stopped());
    loop {
        let (stream, peer) = tokio::select! {
            connection = listener.accept() => connection?,
            () = &mut stopped => return Ok(()),
        };
        let site = site.clone();
        let service = service_fn(move |request| route(site.clone(), peer.ip(), request));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

/// The router: everything has sessions, what is nested sees a shortened path, and one route has another layer around it.
async fn route(
    site: Site,
    peer: IpAddr,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let path = request.uri().path().to_owned();
    if let Some(rest) = path.strip_prefix("/nested") {
        if let Ok(shortened) = rest.parse() {
            *request.uri_mut() = shortened;
        }
        request.extensions_mut().insert(OriginalPath(path.clone()));
    }
    let handlers =
        service_fn(async |request| Ok(handle(request).await.unwrap_or_else(Failure::into_response)));
    let layered = SessionService::new(site.sessions(), peer, handlers);
    if path == "/two/play" {
        return SessionService::new(site.second(), peer, layered).call(request).await;
    }
    layered.call(request).await
}

async fn handle(request: Request<Incoming>) -> Result<Response<Body>, Failure> {
    let header = request.headers().get(HEADER).cloned();
    let script = |body: &[u8]| Script::read(header.as_ref().map(|header| header.as_bytes()), body);
    match request.uri().path() {
        "/play" => {
            let session: Session = extract(&request).await?;
            let body = request.into_body().collect().await.map_err(|_| Failure::Handler(400))?;
            Ok(response(script(&body.to_bytes()).play(&session).await?))
        }
        "/maybe" => {
            let session: Option<Session> = extract_if_any(&request).await?;
            Ok(response(script(&[]).play_maybe(session.as_ref()).await?))
        }
        "/signed-in" => {
            let user: SignedIn = extract(&request).await?;
            Ok(response(script(&[]).play(&user.session).await?))
        }
        "/two/play" => {
            let second: Named<Second> = extract(&request).await?;
            let session: Session = extract(&request).await?;
            Ok(response(script(&[]).play_two(&session, &second).await?))
        }
        "/idle" => Ok(response(script(&[]).play_maybe(None).await?)),
        "/peek" => {
            let session: Peek = extract(&request).await?;
            Ok(response(script(&[]).play(&session).await?))
        }
        "/or-anonymous" => {
            let session: SessionOrAnonymous = extract(&request).await?;
            Ok(response(script(&[]).play(&session).await?))
        }
        "/or-unavailable" => {
            let session: SessionOrUnavailable = extract(&request).await?;
            Ok(response(script(&[]).play(&session).await?))
        }
        "/fail" => {
            let session: Session = extract(&request).await?;
            let answer = script(&[]).play(&session).await?;
            Err(Failure::Handler(answer.status))
        }
        "/stream" => {
            let session: Session = extract(&request).await?;
            let mut answer = script(&[]).play(&session).await?;
            let chunks = answer.chunks(&session);
            let mut response = response(answer);
            *response.body_mut() = Body::from(chunks);
            Ok(response)
        }
        _ => Err(Failure::Handler(404)),
    }
}

fn response(answer: Answer) -> Response<Body> {
    let mut response = Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(answer.body)).unwrap_or_else(|_| Failure::Handler(500).into_response())
}

/// What a handler fails with.
enum Failure {
    Session(SessionError),
    Handler(u16),
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        Self::Session(error)
    }
}

impl Failure {
    fn into_response(self) -> Response<Body> {
        match self {
            Self::Session(error) => Response::from(error),
            Self::Handler(status) => {
                let mut response = Response::new(Body::from("the handler failed"));
                *response.status_mut() =
                    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                response
            }
        }
    }
}

/// A body of any kind.
struct Body(BoxBody<Bytes, io::Error>);

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Full::new(Bytes::from(bytes)).map_err(|never| match never {}).boxed())
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Self::from(text.as_bytes().to_vec())
    }
}

impl From<Chunks> for Body {
    fn from(chunks: Chunks) -> Self {
        Self(StreamBody::new(Frames(chunks)).boxed())
    }
}

/// Chunks as the frames that hyper sends.
struct Frames(Chunks);

impl futures_core::Stream for Frames {
    type Item = Result<Frame<Bytes>, io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.0).poll_next(cx).map(|chunk| chunk.map(|chunk| chunk.map(Frame::data)))
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}
