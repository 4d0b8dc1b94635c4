//! The layer without axum's router: a tower service on a plain hyper server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

mod common;

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::extract::ConnectInfo;
use axum::http::{Request, Response, StatusCode};
use common::{Server, Switched, policy};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use session_axum::policy::{Secure, TrustProxy};
use session_axum::{Exchange, Session, SessionError, SessionLayer, Sessions};
use tokio::net::TcpListener;
use tower_layer::Layer as _;
use tower_service::Service;

/// Counts visits at `/count`; knows nothing of axum.
#[derive(Clone)]
struct Counter;

async fn count(session: &Session) -> Result<String, SessionError> {
    Ok(session.update("n", |n: Option<u32>| n.unwrap_or(0) + 1)?.to_string())
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, SessionError> {
    let text = match request.uri().path() {
        "/count" => count(&Session::of(&request).await?).await?,
        "/account" => {
            let exchange = request.extensions().get::<Exchange>().unwrap();
            let (_, owner) = exchange.signed_in(request.method().as_str()).await?;
            owner.as_str().to_owned()
        }
        _ => {
            let mut missing = Response::new(Full::from("nothing here"));
            *missing.status_mut() = StatusCode::NOT_FOUND;
            return Ok(missing);
        }
    };
    Ok(Response::new(Full::from(text)))
}

impl Service<Request<Incoming>> for Counter {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        Box::pin(async move { Ok(answer(request).await.unwrap_or_else(Response::from)) })
    }
}

/// Tells the layer whom the server talks with, as axum's servers do.
#[derive(Clone)]
struct WithPeer<S>(S, std::net::SocketAddr);

impl<S: Service<Request<Incoming>>> Service<Request<Incoming>> for WithPeer<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(ConnectInfo(self.1));
        self.0.call(request)
    }
}

async fn serve(layer: SessionLayer) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = layer.layer(Counter);
    tokio::spawn(async move {
        loop {
            let (stream, peer) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(WithPeer(service.clone(), peer));
            let connection =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection);
        }
    });
    Server { address }
}

#[tokio::test]
async fn a_tower_service_on_plain_hyper_has_sessions() {
    let sessions = Sessions::new(policy().build().unwrap(), Switched::default());
    let server = serve(SessionLayer::new(sessions)).await;
    let first = server.get("/count", "").await;
    let cookie = first.cookie("");
    assert_eq!((first.status, first.body.as_str()), (200, "1"));
    assert_eq!(server.get("/count", &cookie).await.body, "2");
    let elsewhere = server.get("/elsewhere", &cookie).await;
    assert_eq!((elsewhere.status, elsewhere.all("vary")), (404, vec![]));
    let refused = server.get("/account", &cookie).await;
    assert_eq!((refused.status, refused.all("www-authenticate")), (401, vec!["Cookie"]));
}

#[tokio::test]
async fn an_outage_is_a_response_there_too() {
    let store = Switched::default();
    let server = serve(SessionLayer::new(Sessions::new(policy().build().unwrap(), store.clone()))).await;
    let cookie = server.get("/count", "").await.cookie("");
    store.set_failing_writes(true);
    let unsaved = server.get("/count", "").await;
    assert_eq!((unsaved.status, unsaved.all("set-cookie")), (503, vec![]));
    store.set_down(true);
    let unread = server.get("/count", &cookie).await;
    assert_eq!((unread.status, unread.all("retry-after")), (503, vec!["1"]));
}

#[tokio::test]
async fn the_servers_own_tls_and_a_trusted_proxy_allow_secure_cookies() {
    let sessions = |trust| {
        Sessions::new(
            policy().secure(Secure::Always).trust_proxy(trust).build().unwrap(),
            Switched::default(),
        )
    };
    let plain = serve(SessionLayer::new(sessions(TrustProxy::Nobody))).await;
    assert_eq!(plain.get("/count", "").await.named_cookie("__Host-sid"), None);
    let tls = serve(SessionLayer::new(sessions(TrustProxy::Nobody)).tls()).await;
    assert!(tls.get("/count", "").await.named_cookie("__Host-sid").is_some());
    let behind = serve(SessionLayer::new(sessions(TrustProxy::PrivateNetworks))).await;
    let response = behind.request("GET", "/count", "X-Forwarded-Proto: https\r\n").await;
    assert!(response.named_cookie("__Host-sid").is_some());
}
