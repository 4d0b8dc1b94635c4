//! The middleware: hands the request's facts to the driver, runs the inner endpoint, and adds the session's headers.

use poem::error::ResponseError as _;
use poem::http::header::{COOKIE, HOST};
use poem::http::uri::{Authority, Scheme};
use poem::http::{HeaderMap, HeaderName, HeaderValue};
use poem::{Endpoint, Middleware, Request, Response};
use session_driver::core::RequestFacts;
use session_driver::core::request::HeaderSource;
use session_driver::http::add_reply;
use session_driver::{Exchange, Sessions};

/// Gives the requests of an endpoint sessions: [`EndpointExt::with`](poem::EndpointExt::with).
#[derive(Debug, Clone)]
pub struct SessionMiddleware {
    sessions: Sessions,
}

impl SessionMiddleware {
    /// A middleware for these sessions.
    #[must_use]
    pub fn new(sessions: Sessions) -> Self {
        Self { sessions }
    }
}

impl<E: Endpoint> Middleware<E> for SessionMiddleware {
    type Output = SessionEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        SessionEndpoint { inner, sessions: self.sessions.clone() }
    }
}

/// The endpoint that [`SessionMiddleware`] makes.
#[derive(Debug)]
pub struct SessionEndpoint<E> {
    inner: E,
    sessions: Sessions,
}

impl<E: Endpoint> Endpoint for SessionEndpoint<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let exchange = self.begin(&request);
        request.set_data(exchange.clone());
        let answer = self.inner.call(request).await;
        if exchange.is_idle() {
            return answer.map(poem::IntoResponse::into_response);
        }
        let finished = exchange.finish().await;
        // An error takes no headers, so that it must become the response here.
        let mut response = answer.map_or_else(poem::Error::into_response, poem::IntoResponse::into_response);
        match finished {
            Ok(reply) => add_reply(response.headers_mut(), &reply),
            Err(error) => response = error.as_response(),
        }
        Ok(response)
    }
}

impl<E> SessionEndpoint<E> {
    fn begin(&self, request: &Request) -> Exchange {
        let headers = request.headers();
        // A nested route has cut its prefix off; the cookie's path is about what the client asked for.
        let uri = request.original_uri();
        let fields = Fields(headers);
        let facts = RequestFacts::new(uri.path())
            .host(uri.authority().map(Authority::as_str).or_else(|| text(headers, &HOST)))
            .tls(*request.scheme() == Scheme::HTTPS)
            .peer(request.remote_addr().as_socket_addr().map(std::net::SocketAddr::ip))
            .headers(&fields);
        // HTTP/2 clients may split their cookies over several fields.
        let cookies = headers.get_all(COOKIE).into_iter().map(HeaderValue::as_bytes);
        self.sessions.begin_inside(request.data().cloned(), &facts, cookies)
    }
}

/// The request's header fields, for the core to read.
struct Fields<'a>(&'a HeaderMap);

impl HeaderSource for Fields<'_> {
    fn values<'h>(&'h self, name: &str, each: &mut dyn FnMut(&'h [u8])) {
        self.0.get_all(name).into_iter().for_each(|value| each(value.as_bytes()));
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
