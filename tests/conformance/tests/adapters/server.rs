//! A tiny adapter for plain hyper, and the suite's routes, with a fault woven in.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{
    CACHE_CONTROL, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, SET_COOKIE, VARY,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use session_conformance::Site;
use session_conformance::script::{Answer, Chunks, HEADER, Script};
use session_driver::core::request::HeaderSource;
use session_driver::core::{Reply, RequestFacts};
use session_driver::{Error, Exchange, OnOutage, Session};
use tokio::net::TcpListener;

use crate::fault::Fault;

type Body = BoxBody<Bytes, io::Error>;
type BoxError = Box<dyn StdError + Send + Sync>;

/// Serves a site, with this fault.
pub(crate) async fn mount(fault: Option<Fault>, site: Site) -> Result<(), BoxError> {
    let listener = TcpListener::from_std(site.listener()?)?;
    let mut stopped = Box::pin(site.stopped());
    loop {
        let (stream, peer) = tokio::select! {
            connection = listener.accept() => connection?,
            () = &mut stopped => return Ok(()),
        };
        let connection =
            Arc::new(Connection { fault, site: site.clone(), peer: peer.ip(), exchange: Mutex::new(None) });
        let service = service_fn(move |request| Arc::clone(&connection).answer(request));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

struct Connection {
    fault: Option<Fault>,
    site: Site,
    peer: IpAddr,
    exchange: Mutex<Option<Exchange>>,
}

/// The request's header fields, for the core to read.
struct Fields<'a> {
    headers: &'a HeaderMap,
    fault: Option<Fault>,
}

impl HeaderSource for Fields<'_> {
    fn values<'h>(&'h self, name: &str, each: &mut dyn FnMut(&'h [u8])) {
        let values = self.headers.get_all(name).into_iter().map(HeaderValue::as_bytes);
        match self.fault {
            Some(Fault::ForgetsTheProxy) => {}
            Some(Fault::FirstFieldOfAProxyOnly) => values.take(1).for_each(each),
            Some(Fault::LastFieldOfAProxyOnly) => values.rev().take(1).for_each(each),
            Some(Fault::BelievesTheLastProxy) => {
                let last = values.map(|value| value.rsplit(|&byte| byte == b',').next().unwrap_or(value));
                last.for_each(each);
            }
            Some(Fault::KnowsOneHeaderOfProxies) if name != "x-forwarded-proto" => {}
            _ => values.for_each(each),
        }
    }
}

/// What a handler fails with.
enum Failure {
    Session(Error),
    Handler(u16),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Session(error)
    }
}

impl Connection {
    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    async fn answer(self: Arc<Self>, mut request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        let path = request.uri().path().to_owned();
        let routed = path.strip_prefix("/nested").unwrap_or(&path).to_owned();
        let exchange = self.begin(&request, if self.has(Fault::PathOfTheRouter) { &routed } else { &path });
        let is_head = request.method() == Method::HEAD;
        request.extensions_mut().insert(exchange.clone());
        if self.has(Fault::LoadsAlways)
            && let Err(error) = exchange.session().await
        {
            return Ok(self.error_response(&error));
        }
        let handler = Arc::clone(&self).handle(routed, request);
        let answered = if self.has(Fault::SavesWhatAPanicLeft) {
            tokio::spawn(handler).await.unwrap_or(Err(Failure::Handler(500)))
        } else {
            handler.await
        };
        let (response, failed) = match answered {
            Ok(response) => (response, false),
            Err(Failure::Session(error)) => (self.error_response(&error), true),
            Err(Failure::Handler(status)) => (plain(status, "the handler failed"), true),
        };
        Ok(self.finish(exchange, response, failed, is_head).await)
    }

    fn begin(&self, request: &Request<Incoming>, path: &str) -> Exchange {
        if self.has(Fault::OneExchangeForAConnection)
            && let Some(exchange) = &*self.exchange.lock().unwrap_or_else(PoisonError::into_inner)
        {
            return exchange.clone();
        }
        let headers = request.headers();
        let proto = headers.get("x-forwarded-proto").and_then(|proto| proto.to_str().ok());
        let claimed = headers.get("x-forwarded-for").and_then(|peer| peer.to_str().ok()?.parse().ok());
        let fields = Fields { headers, fault: self.fault };
        let facts = RequestFacts::new(path)
            .host(text(headers, &HOST).filter(|_| !self.has(Fault::ForgetsTheHost)))
            .tls(self.has(Fault::BelievesEveryProxy) && proto == Some("https"))
            .headers(&fields)
            .peer(match self.fault {
                Some(Fault::ForgetsThePeer) => None,
                Some(Fault::PeerFromAHeader) => claimed.or(Some(self.peer)),
                _ => Some(self.peer),
            });
        let cookies = self.cookies(headers);
        let exchange = self.site.sessions().begin(&facts, cookies.iter().map(Vec::as_slice));
        *self.exchange.lock().unwrap_or_else(PoisonError::into_inner) = Some(exchange.clone());
        exchange
    }

    fn cookies(&self, headers: &HeaderMap) -> Vec<Vec<u8>> {
        let fields: Vec<Vec<u8>> =
            headers.get_all(COOKIE).into_iter().map(|cookie| cookie.as_bytes().to_vec()).collect();
        match self.fault {
            Some(Fault::FirstCookieFieldOnly) => fields.into_iter().take(1).collect(),
            Some(Fault::LastCookieFieldOnly) => fields.into_iter().next_back().into_iter().collect(),
            Some(Fault::JoinsCookieFieldsWithCommas) => vec![fields.join(b", ".as_slice())],
            Some(Fault::DropsForeignBytes) => {
                fields.into_iter().filter(|field| std::str::from_utf8(field).is_ok()).collect()
            }
            Some(Fault::DecodesTheCookieHeader) => fields.iter().map(|field| decoded(field)).collect(),
            Some(Fault::FoldsTheCookieHeader) => {
                fields.iter().map(|field| field.to_ascii_lowercase()).collect()
            }
            _ => fields,
        }
    }

    async fn session(&self, request: &Request<Incoming>) -> Result<Session, Error> {
        match request.extensions().get::<Exchange>().cloned() {
            Some(exchange) => exchange.session().await,
            None => Err(Error::NoLayer),
        }
    }

    async fn handle(
        self: Arc<Self>,
        path: String,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Failure> {
        let header = request.headers().get(HEADER).cloned();
        let script = |body: &[u8]| Script::read(header.as_ref().map(HeaderValue::as_bytes), body);
        let exchange = request.extensions().get::<Exchange>().cloned().ok_or(Error::NoLayer)?;
        match path.as_str() {
            "/play" => {
                let mut session = exchange.session().await?;
                if self.has(Fault::SavesWhatAPanicLeft) {
                    // Only the handle that was asked for gives up when a panic drops it.
                    session = session.clone();
                }
                let body = request.into_body().collect().await.map_err(|_| Failure::Handler(400))?.to_bytes();
                let read = if self.has(Fault::CutsRequests) { body.len().min(65_536) } else { body.len() };
                Ok(self.response(script(&body[..read]).play(&session).await?))
            }
            "/maybe" => {
                let session = match exchange.session().await {
                    Ok(session) => Some(session),
                    Err(Error::Session(session_driver::core::Error::OutsidePath)) => None,
                    Err(_) if self.has(Fault::OptionalHidesAnOutage) => None,
                    Err(error) => return Err(error.into()),
                };
                Ok(self.response(script(&[]).play_maybe(session.as_ref()).await?))
            }
            "/idle" => Ok(self.response(script(&[]).play_maybe(None).await?)),
            "/peek" if self.has(Fault::PeekExtends) => {
                Ok(self.response(script(&[]).play(&exchange.session().await?).await?))
            }
            "/peek" => Ok(self.response(script(&[]).play(&exchange.peek().await?).await?)),
            "/or-anonymous" | "/or-unavailable" => {
                let on_outage =
                    if path == "/or-anonymous" { OnOutage::Anonymous } else { OnOutage::FailClosed };
                let session = match self.fault {
                    Some(Fault::ForgetsWhatARouteSaysOfOutages) => exchange.session().await?,
                    _ => exchange.session_on_outage(on_outage).await?,
                };
                Ok(self.response(script(&[]).play(&session).await?))
            }
            "/fail" => {
                let answer = script(&[]).play(&exchange.session().await?).await?;
                Err(Failure::Handler(answer.status))
            }
            "/stream" => {
                let session = self.session(&request).await?;
                let mut answer = script(&[]).play(&session).await?;
                let chunks = Frames(answer.chunks(&session));
                Ok(self.response(answer).map(|_| StreamBody::new(chunks).boxed()))
            }
            _ => Err(Failure::Handler(404)),
        }
    }

    fn response(&self, answer: Answer) -> Response<Body> {
        let mut response = Response::builder().status(answer.status);
        for (name, value) in answer.headers {
            response = response.header(name, value);
        }
        let mut body = answer.body;
        if self.has(Fault::CutsBodies) {
            body.truncate(65_536);
        }
        response.body(full(body)).unwrap_or_else(|_| plain(500, "no such answer"))
    }

    /// Whether the session of this response is not saved at all.
    fn skips(&self, exchange: &Exchange, status: u16, failed: bool, is_head: bool) -> bool {
        match self.fault {
            Some(Fault::NeverSaves) => true,
            Some(Fault::SkipsErrors) => status >= 500,
            Some(Fault::SkipsRefusals) => status >= 400,
            Some(Fault::SkipsFailedHandlers) => failed,
            Some(Fault::SkipsRedirects) => (300..304).contains(&status),
            Some(Fault::SkipsBodilessResponses) => matches!(status, 204 | 304),
            Some(Fault::SkipsHead) => is_head,
            Some(Fault::SkipsUnused) => format!("{exchange:?}").contains("unopened"),
            _ => exchange.is_idle(),
        }
    }

    async fn finish(
        &self,
        exchange: Exchange,
        mut response: Response<Body>,
        failed: bool,
        is_head: bool,
    ) -> Response<Body> {
        if self.skips(&exchange, response.status().as_u16(), failed, is_head) {
            return response;
        }
        if self.has(Fault::SavesInTheBackground) {
            tokio::spawn(async move { exchange.finish().await.map(drop) });
            return response;
        }
        if self.has(Fault::SavesAfterTheBody) {
            let (head, body) = response.into_parts();
            let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
            response = Response::from_parts(head, full(body.to_vec()));
        }
        if self.has(Fault::StrangersLoseTheirCookie) && format!("{exchange:?}").contains("stranger") {
            response.headers_mut().append(SET_COOKIE, HeaderValue::from_static("sid=; Max-Age=0; Path=/"));
        }
        match exchange.finish().await {
            Ok(reply) => self.add_headers(&reply, response.headers_mut()),
            Err(_) if self.has(Fault::IgnoresSaveErrors) => {}
            Err(error) => {
                let before = std::mem::replace(&mut response, self.error_response(&error));
                if self.has(Fault::ErrorKeepsTheAnswersCookies) {
                    *response.status_mut() = before.status();
                }
            }
        }
        response
    }

    fn add_headers(&self, reply: &Reply, headers: &mut HeaderMap) {
        if self.has(Fault::LosesTheHandlersHeaders) {
            headers.clear();
        }
        let cookie = reply
            .set_cookie()
            .filter(|cookie| !(self.has(Fault::DropsRemovals) && cookie.contains("01 Jan 1970")));
        if let Some(cookie) = cookie.and_then(|cookie| HeaderValue::from_str(cookie).ok()) {
            self.set(cookie, headers);
        }
        let present = text(headers, &CACHE_CONTROL);
        match (reply.cache_control(present), self.fault) {
            (_, Some(Fault::DropsCacheControl)) => {}
            (Some(_), Some(Fault::CachesPagesWithoutACookie)) if reply.set_cookie().is_none() => {}
            (Some(value), Some(Fault::AppendsCacheControl)) => {
                headers.append(CACHE_CONTROL, HeaderValue::from_static(value));
            }
            (Some(value), _) => drop(headers.insert(CACHE_CONTROL, HeaderValue::from_static(value))),
            (None, Some(Fault::NoStoreAlways)) => {
                headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            }
            (None, _) => {}
        }
        match (reply.vary(), self.fault) {
            (None, _) | (_, Some(Fault::DropsVary)) => {}
            (Some(vary), Some(Fault::ReplacesVary)) => {
                headers.insert(VARY, HeaderValue::from_static(vary));
            }
            (Some(vary), _) => drop(headers.append(VARY, HeaderValue::from_static(vary))),
        }
    }

    fn set(&self, cookie: HeaderValue, headers: &mut HeaderMap) {
        let others: Vec<_> = headers.get_all(SET_COOKIE).into_iter().cloned().collect();
        match self.fault {
            Some(Fault::ReplacesOtherCookies) => drop(headers.insert(SET_COOKIE, cookie)),
            Some(Fault::FoldsCookies) => {
                let all: Vec<_> = others.iter().chain([&cookie]).map(HeaderValue::as_bytes).collect();
                if let Ok(folded) = HeaderValue::from_bytes(&all.join(b", ".as_slice())) {
                    headers.insert(SET_COOKIE, folded);
                }
            }
            Some(Fault::SetsTheCookieFirst) => {
                headers.insert(SET_COOKIE, cookie);
                for other in others {
                    headers.append(SET_COOKIE, other);
                }
            }
            Some(Fault::SetsTheCookieTwice) => {
                headers.append(SET_COOKIE, cookie.clone());
                headers.append(SET_COOKIE, cookie);
            }
            Some(Fault::EncodesTheCookieAgain) => {
                let again = cookie.to_str().unwrap_or_default().replace('%', "%25");
                headers.append(SET_COOKIE, HeaderValue::from_str(&again).unwrap_or(cookie));
            }
            _ => drop(headers.append(SET_COOKIE, cookie)),
        }
    }

    fn error_response(&self, error: &Error) -> Response<Body> {
        let status = if self.has(Fault::EveryErrorIsA500) { 500 } else { error.status() };
        let shown = if self.has(Fault::ShowsTheError) {
            error.to_string()
        } else {
            error.public_message().to_owned()
        };
        let mut response = plain(status, &shown);
        let headers = response.headers_mut();
        if !self.has(Fault::CachesErrors) {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        if let Some(seconds) = error.retry_after().filter(|_| !self.has(Fault::DropsRetryAfter)) {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn plain(status: u16, text: &str) -> Response<Body> {
    let mut response = Response::new(full(text.as_bytes().to_vec()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}

fn full(bytes: Vec<u8>) -> Body {
    Full::new(Bytes::from(bytes)).map_err(|never| match never {}).boxed()
}

/// `%XX` as the byte it stands for.
fn decoded(field: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(field).into_owned();
    let mut parts = text.split('%');
    let mut out = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                out.extend(&part.as_bytes()[2..]);
            }
            None => out.extend(format!("%{part}").as_bytes()),
        }
    }
    out
}

/// Chunks as the frames that hyper sends.
struct Frames(Chunks);

impl futures_core::Stream for Frames {
    type Item = Result<Frame<Bytes>, io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.0).poll_next(cx).map(|chunk| chunk.map(|chunk| chunk.map(Frame::data)))
    }
}
