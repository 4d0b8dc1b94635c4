//! The middleware: hands the request's facts to the driver, runs the inner service, and adds the session's headers.

use std::future::{Ready, ready};
use std::pin::Pin;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::error::InternalError;
use actix_web::http::header::{COOKIE, HOST, HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpMessage as _, ResponseError as _};
use session_driver::actix_web::add_reply;
use session_driver::core::RequestFacts;
use session_driver::core::request::HeaderSource;
use session_driver::{Exchange, Sessions};

/// Gives the requests of an application, a scope or a resource sessions: [`App::wrap`](actix_web::App::wrap).
#[derive(Debug, Clone)]
pub struct SessionMiddleware {
    sessions: Sessions,
}

impl SessionMiddleware {
    /// A middleware for these sessions. Make them before the application's factory, and give it clones: all workers then
    /// share one store.
    #[must_use]
    pub fn new(sessions: Sessions) -> Self {
        Self { sessions }
    }
}

impl<S, B> Transform<S, ServiceRequest> for SessionMiddleware
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = actix_web::Error;
    type Transform = SessionService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(SessionService { inner, sessions: self.sessions.clone() }))
    }
}

/// The service that [`SessionMiddleware`] makes.
#[derive(Debug)]
pub struct SessionService<S> {
    inner: S,
    sessions: Sessions,
}

impl<S, B> Service<ServiceRequest> for SessionService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>>>>;

    forward_ready!(inner);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let exchange = self.begin(&request);
        request.extensions_mut().insert(exchange.clone());
        let answer = self.inner.call(request);
        Box::pin(async move {
            // Handlers' errors are responses by now; those of inner middlewares are not.
            let answer = answer.await;
            if exchange.is_idle() {
                return answer.map(ServiceResponse::map_into_left_body);
            }
            match (exchange.finish().await, answer) {
                (Ok(reply), Ok(mut response)) => {
                    add_reply(response.headers_mut(), &reply);
                    Ok(response.map_into_left_body())
                }
                (Err(error), Ok(response)) => {
                    Ok(response.into_response(error.error_response()).map_into_right_body())
                }
                (Ok(reply), Err(answer)) => {
                    let mut response = answer.error_response();
                    add_reply(response.headers_mut(), &reply);
                    Err(InternalError::from_response(answer, response).into())
                }
                (Err(error), Err(_)) => Err(error.into()),
            }
        })
    }
}

impl<S> SessionService<S> {
    fn begin(&self, request: &ServiceRequest) -> Exchange {
        let headers = request.headers();
        let fields = Fields(headers);
        // Scopes leave the path as the client asked for it. What `connection_info` says may come from a header that anybody
        // can send.
        let facts = RequestFacts::new(request.uri().path())
            .host(request.uri().host().or_else(|| text(headers, &HOST)))
            .tls(request.app_config().secure())
            .peer(request.peer_addr().map(|peer| peer.ip()))
            .headers(&fields);
        // HTTP/2 clients may split their cookies over several fields.
        let cookies = headers.get_all(COOKIE).map(HeaderValue::as_bytes);
        self.sessions.begin_inside(request.extensions().get().cloned(), &facts, cookies)
    }
}

/// The request's header fields, for the core to read.
struct Fields<'a>(&'a HeaderMap);

impl HeaderSource for Fields<'_> {
    fn values<'h>(&'h self, name: &str, each: &mut dyn FnMut(&'h [u8])) {
        self.0.get_all(name).for_each(|value| each(value.as_bytes()));
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
