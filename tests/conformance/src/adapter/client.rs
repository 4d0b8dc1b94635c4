//! A browser over a real socket, as far as sessions go: it keeps cookies, and asks for pages.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::task::JoinHandle;

pub(crate) mod jar;
pub(crate) mod page;
pub(crate) mod socket;
pub(crate) mod wire;

use super::subject::Server;
use crate::failure::{Failure, Outcome};
use crate::script;
use crate::script::step::Step;
use jar::{Jar, Origin};
pub(crate) use page::Page;
use wire::{Connection, Message};

/// The largest script that goes into a header; servers have limits for these.
const LONGEST_HEADER: usize = 3000;

/// One browser. Clones are the same, with the same cookies.
#[derive(Clone)]
pub(crate) struct Browser {
    server: Server,
    jar: Arc<Mutex<Jar>>,
}

/// A request in the making.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    method: &'static str,
    path: String,
    host: String,
    scheme: Scheme,
    lines: Vec<(String, Vec<u8>)>,
    steps: Vec<Step>,
    body: Vec<u8>,
    cookies: Cookies,
}

/// How the browser's connection looks; the server's own is always plain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    /// Behind a proxy that says so.
    Https,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cookies {
    FromJar,
    AsWritten,
}

/// The host that requests are for, unless they say otherwise.
pub(crate) const HOST: &str = "shop.example";

impl Request {
    pub(crate) fn new(method: &'static str, path: &str) -> Self {
        Self {
            method,
            path: path.to_owned(),
            host: HOST.to_owned(),
            scheme: Scheme::Http,
            lines: Vec::new(),
            steps: Vec::new(),
            body: Vec::new(),
            cookies: Cookies::FromJar,
        }
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    pub(crate) fn steps(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.steps.extend(steps);
        self
    }

    pub(crate) fn host(mut self, host: &str) -> Self {
        host.clone_into(&mut self.host);
        self
    }

    /// Over https, as far as the browser and the proxy are concerned.
    pub(crate) fn https(mut self) -> Self {
        self.scheme = Scheme::Https;
        self
    }

    /// A header field, as it is.
    pub(crate) fn line(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.lines.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// A `Cookie` field of the test's own; the browser's cookies stay at home.
    pub(crate) fn cookie(mut self, value: impl AsRef<[u8]>) -> Self {
        self.cookies = Cookies::AsWritten;
        self.line("Cookie", value)
    }

    pub(crate) fn body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    fn origin(&self) -> Origin<'_> {
        Origin { host: &self.host, path: &self.path, secure: self.scheme == Scheme::Https }
    }

    fn into_message(mut self, cookies: Option<String>) -> Message {
        if self.scheme == Scheme::Https {
            self = self.line("X-Forwarded-Proto", "https");
        }
        if let Some(cookies) = cookies {
            self = self.line("Cookie", cookies);
        }
        let script = ascii(&serde_json::to_string(&self.steps).unwrap_or_default());
        if script.len() <= LONGEST_HEADER {
            self = self.line(script::HEADER, script);
        } else {
            // Only a method that has a body can carry it.
            self.method = "POST";
            self.body = script.into_bytes();
        }
        Message {
            method: self.method,
            target: self.path,
            host: self.host,
            lines: self.lines,
            body: self.body,
        }
    }
}

/// JSON with everything escaped that a header does not take, which is only found in its strings.
fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if matches!(c, ' '..='~') {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

impl Browser {
    pub(super) fn new(server: Server) -> Self {
        Self { server, jar: Arc::default() }
    }

    pub(crate) fn jar(&self) -> MutexGuard<'_, Jar> {
        self.jar.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Plays steps on the route for that, and expects a 200.
    pub(crate) async fn play(&self, steps: impl IntoIterator<Item = Step>) -> Outcome<Page> {
        self.visit("/play", steps).await?.expect(200)
    }

    /// Plays steps on a route.
    pub(crate) async fn visit(&self, path: &str, steps: impl IntoIterator<Item = Step>) -> Outcome<Page> {
        self.send(Request::get(path).steps(steps)).await
    }

    /// Sends a request, with the cookies that a browser would send, and keeps those that it gets.
    pub(crate) async fn send(&self, request: Request) -> Outcome<Page> {
        let mut connection = self.server.connect().await?;
        self.send_over(&mut connection, request, Connection::LAST).await
    }

    /// Sends a request over a connection that is open already.
    pub(crate) async fn send_over(
        &self,
        connection: &mut Connection,
        request: Request,
        more: bool,
    ) -> Outcome<Page> {
        let origin = request.clone();
        let method = request.method;
        connection.send(&self.message(request), more).await?;
        let page = connection.page(method).await?;
        self.keep(&origin, &page);
        Ok(page)
    }

    /// A request with the cookies that a browser would send.
    pub(crate) fn message(&self, request: Request) -> Message {
        let cookies = match request.cookies {
            Cookies::FromJar => self.jar().header(&request.origin(), self.server.now()),
            Cookies::AsWritten => None,
        };
        request.into_message(cookies)
    }

    /// Keeps the cookies of a response.
    pub(crate) fn keep(&self, request: &Request, page: &Page) {
        let now = self.server.now();
        for line in page.set_cookies() {
            self.jar().store(line, &request.origin(), now);
        }
    }

    /// Sends a request and goes on; it is awaited later.
    pub(crate) fn start(&self, path: &str, steps: impl IntoIterator<Item = Step>) -> Pending {
        let (browser, request) = (self.clone(), Request::get(path).steps(steps));
        Pending(tokio::spawn(async move { browser.send(request).await }))
    }

    /// The value of the session's cookie that the browser holds for its host.
    pub(crate) fn session_cookie(&self) -> Option<String> {
        self.jar().value(self.server.cookie_name())
    }
}

/// A request on its way.
pub(crate) struct Pending(JoinHandle<Outcome<Page>>);

impl Pending {
    pub(crate) async fn page(self) -> Outcome<Page> {
        self.0.await.map_err(|error| Failure::new(format!("the client broke: {error}")))?
    }

    /// Closes the browser after this time, whether the answer is there or not.
    pub(crate) async fn leave_after(self, time: std::time::Duration) {
        tokio::time::sleep(time).await;
        self.0.abort();
        // Comes back when the connection is closed.
        let _gone = self.0.await;
    }

    /// What its handler saw, after a 200.
    pub(crate) async fn seen(self) -> Outcome<Vec<Value>> {
        Ok(self.page().await?.expect(200)?.seen)
    }
}
