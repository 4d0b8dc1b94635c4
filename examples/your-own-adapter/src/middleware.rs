//! The middleware: hands the request's facts to the driver, runs the inner service, and adds the session's headers.

use std::net::IpAddr;
use std::pin::Pin;

use hyper::header::{COOKIE, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::service::Service;
use hyper::{Request, Response};
use session_driver::core::RequestFacts;
use session_driver::core::request::HeaderSource;
use session_driver::http::add_reply;
use session_driver::{Exchange, Sessions};

use crate::extract::OriginalPath;

/// Gives the requests of one connection sessions. Goes around the service that answers them.
#[derive(Debug, Clone)]
pub struct SessionService<S> {
    sessions: Sessions,
    peer: IpAddr,
    inner: S,
}

impl<S> SessionService<S> {
    /// Around `inner`, for a connection that comes from `peer`.
    pub fn new(sessions: Sessions, peer: IpAddr, inner: S) -> Self {
        Self { sessions, peer, inner }
    }

    /// Duty one: the facts. Nothing is verified or loaded yet.
    fn begin<B>(&self, request: &Request<B>) -> Exchange {
        let headers = request.headers();
        let fields = Fields(headers);
        // The cookie's path is about what the client asked for, not about what a router has left of it.
        let path = request.extensions().get::<OriginalPath>().map_or(request.uri().path(), |path| &path.0);
        let facts = RequestFacts::new(path)
            .host(text(headers, &HOST))
            // This server speaks plain HTTP. Whether a proxy before it is believed is the policy's to say.
            .tls(false)
            // The connection's other end, and never what a header claims.
            .peer(Some(self.peer))
            .headers(&fields);
        // All fields, since HTTP/2 clients may split their cookies; and as bytes, since a cookie of somebody else's may hold any.
        let cookies = headers.get_all(COOKIE).into_iter().map(HeaderValue::as_bytes);
        // An exchange that is there already belongs to a layer further out, and is found by its name from now on.
        self.sessions.begin_inside(request.extensions().get().cloned(), &facts, cookies)
    }
}

impl<S, B, R> Service<Request<B>> for SessionService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    R: From<&'static str> + Send,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>> + Send>>;

    fn call(&self, mut request: Request<B>) -> Self::Future {
        let exchange = self.begin(&request);
        // Duty two: the exchange, where `session` finds it.
        request.extensions_mut().insert(exchange.clone());
        // Duty three: the handler.
        let response = self.inner.call(request);
        Box::pin(async move {
            // Without a response (hyper closes the connection then) there is nothing that could go wrong with a save, and
            // nobody who would hear of it.
            let mut response = response.await?;
            if exchange.is_idle() {
                return Ok(response);
            }
            // Duty four: save, whatever the status, before anything of the response goes out.
            match exchange.finish().await {
                Ok(reply) => add_reply(response.headers_mut(), &reply),
                // Nothing about the server's inside: the text for the log is not the text for the client.
                Err(error) => response = error.into(),
            }
            Ok(response)
        })
    }
}

/// The request's header fields, for the core to read: it looks at those that the policy asks for, and no others.
struct Fields<'a>(&'a HeaderMap);

impl HeaderSource for Fields<'_> {
    fn values<'h>(&'h self, name: &str, each: &mut dyn FnMut(&'h [u8])) {
        self.0.get_all(name).into_iter().for_each(|value| each(value.as_bytes()));
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
