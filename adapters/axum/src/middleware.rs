//! The middleware: hands the request's facts to the driver, runs the inner service, and adds the session's headers.

use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::extract::{ConnectInfo, OriginalUri};
use http::header::{COOKIE, HOST};
use http::{HeaderMap, HeaderValue, Request, Response};
use pin_project_lite::pin_project;
use session_driver::core::request::HeaderSource;
use session_driver::core::{Reply, RequestFacts};
use session_driver::http::add_reply;
use session_driver::{Error, Exchange, Sessions};
use tower_layer::Layer;
use tower_service::Service;

/// Gives the requests of a service sessions. Goes around routes with [`axum::Router::layer`], or into any tower stack.
#[derive(Debug, Clone)]
pub struct SessionLayer {
    sessions: Sessions,
    tls: Tls,
}

/// Whether the server itself speaks TLS with its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tls {
    /// As far as the request tells: HTTP/2 names the scheme.
    FromRequest,
    /// The application says so.
    Always,
}

impl SessionLayer {
    /// A layer for these sessions.
    #[must_use]
    pub fn new(sessions: Sessions) -> Self {
        Self { sessions, tls: Tls::FromRequest }
    }

    /// Says that this server itself speaks TLS with its clients, so that cookies may be `Secure`. Behind a proxy that
    /// does, leave this and set the policy's `trust_proxy`.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = Tls::Always;
        self
    }
}

impl<S> Layer<S> for SessionLayer {
    type Service = SessionService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        SessionService { inner, layer: self.clone() }
    }
}

/// The service that [`SessionLayer`] makes.
#[derive(Debug, Clone)]
pub struct SessionService<S> {
    inner: S,
    layer: SessionLayer,
}

impl<S, B, R> Service<Request<B>> for SessionService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: From<&'static str>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let exchange = self.begin(&request);
        request.extensions_mut().insert(exchange.clone());
        ResponseFuture { state: State::Handling { future: self.inner.call(request) }, exchange }
    }
}

impl<S> SessionService<S> {
    fn begin<B>(&self, request: &Request<B>) -> Exchange {
        let (headers, extensions) = (request.headers(), request.extensions());
        // A nested router has cut its prefix off; the cookie's path is about what the client asked for.
        let uri = extensions.get::<OriginalUri>().map_or(request.uri(), |original| &original.0);
        let fields = Fields(headers);
        let facts = RequestFacts::new(uri.path())
            .host(uri.authority().map(http::uri::Authority::as_str).or_else(|| text(headers, &HOST)))
            .tls(self.layer.tls == Tls::Always || uri.scheme() == Some(&http::uri::Scheme::HTTPS))
            .peer(extensions.get::<ConnectInfo<SocketAddr>>().map(|connect| connect.0.ip()))
            .peer_hint(
                "serve the router with `into_make_service_with_connect_info::<SocketAddr>()`, or trust a number of hops",
            )
            .headers(&fields);
        // HTTP/2 clients may split their cookies over several fields.
        let cookies = headers.get_all(COOKIE).into_iter().map(HeaderValue::as_bytes);
        self.layer.sessions.begin_inside(extensions.get().cloned(), &facts, cookies)
    }
}

/// The request's header fields, for the core to read.
struct Fields<'a>(&'a HeaderMap);

impl HeaderSource for Fields<'_> {
    fn values<'h>(&'h self, name: &str, each: &mut dyn FnMut(&'h [u8])) {
        self.0.get_all(name).into_iter().for_each(|value| each(value.as_bytes()));
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

type Finish = Pin<Box<dyn Future<Output = Result<Reply, Error>> + Send>>;

pin_project! {
    /// The response of the inner service, once the session is saved.
    pub struct ResponseFuture<F, R> {
        #[pin]
        state: State<F, R>,
        exchange: Exchange,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, R> {
        Handling { #[pin] future: F },
        Finishing { finish: Finish, response: Option<Response<R>> },
    }
}

impl<F, R> fmt::Debug for ResponseFuture<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<F, R, E> Future for ResponseFuture<F, R>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: From<&'static str>,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProjection::Handling { future } => {
                    let response = ready!(future.poll(cx))?;
                    if this.exchange.is_idle() {
                        return Poll::Ready(Ok(response));
                    }
                    let exchange = this.exchange.clone();
                    let finish: Finish = Box::pin(async move { exchange.finish().await });
                    this.state.set(State::Finishing { finish, response: Some(response) });
                }
                StateProjection::Finishing { finish, response } => {
                    let finished = ready!(finish.as_mut().poll(cx));
                    // A future is not polled again after it was ready.
                    let mut response = response.take().unwrap_or_else(|| Error::Finished.into());
                    match finished {
                        Ok(reply) => add_reply(response.headers_mut(), &reply),
                        Err(error) => response = error.into(),
                    }
                    return Poll::Ready(Ok(response));
                }
            }
        }
    }
}
