//! The fairing: hands the request's facts to the driver, and adds the session's headers to the response.
//!
//! Rocket writes the cookies of its jar before response fairings run, and forgets them when a catcher answers. So this one
//! appends the header itself.

use std::io::Cursor;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rocket::config::pretty_print_error;
use rocket::fairing::{self, Fairing, Info, Kind};
use rocket::figment::Figment;
use rocket::figment::error::{Error as Mistake, Kind as MistakeKind};
use rocket::figment::value::{Dict, Value};
use rocket::http::{ContentType, Header, HeaderMap, Status};
use rocket::{Build, Data, Request, Response, Rocket};
use session_driver::core::RequestFacts;
use session_driver::core::policy::Options;
use session_driver::core::request::HeaderSource;
use session_driver::core::store::Store;
use session_driver::{Challenge, Error, Exchange, Field, Others, Sessions};

/// Gives the requests of an application sessions: [`Rocket::attach`].
#[derive(Debug)]
pub struct SessionFairing {
    source: Source,
    /// There from the launch on.
    sessions: OnceLock<Sessions>,
}

enum Source {
    Given(Sessions),
    Figment(Arc<dyn Store>),
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Given(_) => "Given",
            Self::Figment(_) => "Figment",
        })
    }
}

impl SessionFairing {
    /// A fairing for these sessions.
    #[must_use]
    pub fn new(sessions: Sessions) -> Self {
        Self { source: Source::Given(sessions), sessions: OnceLock::new() }
    }

    /// A fairing for sessions in this store, as the table `session` of the application's configuration describes them: all
    /// [`Options`] under their names, and `login_page`.
    ///
    /// ```toml
    /// # Rocket.toml
    /// [default.session]
    /// secrets = ["a long random text, 32 bytes or more"]
    /// max_age_seconds = 1800
    /// login_page = "/login"
    ///
    /// [release.session]
    /// secure = "always"
    /// trust_proxy = "private-networks"
    /// ```
    ///
    /// In the environment: `ROCKET_SESSION='{secrets=["…"]}'`. A configuration that makes no sense does not launch, and
    /// the log says why. The application finds its [`Sessions`] in [`rocket::State`].
    #[must_use]
    pub fn from_figment(store: impl Store) -> Self {
        Self { source: Source::Figment(Arc::new(store)), sessions: OnceLock::new() }
    }

    /// The exchange of this very fairing.
    fn exchange(&self, request: &Request<'_>) -> Option<Exchange> {
        let name = self.sessions.get()?.policy().cookie_name();
        Kept::of(request).innermost.as_ref()?.named(name).cloned()
    }
}

#[rocket::async_trait]
impl Fairing for SessionFairing {
    fn info(&self) -> Info {
        Info { name: "sessions", kind: Kind::Ignite | Kind::Request | Kind::Response }
    }

    async fn on_ignite(&self, mut rocket: Rocket<Build>) -> fairing::Result {
        let sessions = match &self.source {
            Source::Given(sessions) => sessions.clone(),
            Source::Figment(store) => match configured(rocket.figment(), store.clone()) {
                Ok(sessions) => {
                    rocket = rocket.manage(sessions.clone());
                    sessions
                }
                Err(mistake) => {
                    pretty_print_error(mistake.into());
                    return Err(rocket);
                }
            },
        };
        if rocket.state::<Attached>().is_none() {
            rocket = rocket.manage(Attached::default());
        }
        let name = sessions.policy().cookie_name();
        if !rocket.state().is_some_and(|attached: &Attached| attached.add(name)) {
            let mistake =
                format!("two session fairings have the cookie name `{name}`; give one another name");
            pretty_print_error(mistake.into());
            return Err(rocket);
        }
        let _ = self.sessions.set(sessions);
        Ok(rocket)
    }

    async fn on_request(&self, request: &mut Request<'_>, _: &mut Data<'_>) {
        let Some(sessions) = self.sessions.get() else { return };
        let headers = request.headers();
        let fields = Fields(headers);
        // Mounting leaves the path as the client asked for it. `client_ip` may come from a header that anybody can send.
        let facts = RequestFacts::new(request.uri().path().as_str())
            .host(request.host().map(|host| host.domain().as_str()))
            .tls(request.rocket().config().tls_enabled())
            .peer(request.remote().map(|remote| remote.ip()))
            .headers(&fields);
        // HTTP/2 clients may split their cookies over several fields.
        let cookies = headers.get("cookie").map(str::as_bytes);
        let mut kept = Kept::of(request);
        kept.innermost = Some(sessions.begin_inside(kept.innermost.take(), &facts, cookies));
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        let refused = Kept::of(request).refused.take();
        // Another route or a catcher may have found another answer.
        if let Some(error) = refused.filter(|error| status(error) == response.status()) {
            match error {
                Error::NotSignedIn(Challenge::LoginPage(_)) => *response = error_response(&error),
                _ => {
                    error.report();
                    add_fields(response, Field::of_error(&error));
                }
            }
        }
        let Some(exchange) = self.exchange(request).filter(|exchange| !exchange.is_idle()) else { return };
        match exchange.finish().await {
            Ok(reply) => {
                let fields = Field::of_reply(&reply, response.headers().get_one("cache-control"));
                add_fields(response, fields);
            }
            Err(error) => *response = error_response(&error),
        }
    }
}

/// The request's header fields, for the core to read.
struct Fields<'a>(&'a HeaderMap<'a>);

impl HeaderSource for Fields<'_> {
    fn values<'h>(&'h self, name: &str, each: &mut dyn FnMut(&'h [u8])) {
        self.0.get(name).for_each(|value| each(value.as_bytes()));
    }
}

/// The names of the cookies of all fairings.
#[derive(Debug, Default)]
pub(crate) struct Attached(Mutex<Vec<String>>);

impl Attached {
    fn names(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.names().iter().any(|other| other == name)
    }

    /// Adds a name; answers whether it is a new one.
    fn add(&self, name: &str) -> bool {
        let is_new = !self.has(name);
        self.names().push(name.to_owned());
        is_new
    }
}

/// What is kept with a request for its guards.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) innermost: Option<Exchange>,
    /// What a guard or a handler failed with, for the headers that no catcher knows of.
    pub(crate) refused: Option<Error>,
}

impl Kept {
    pub(crate) fn of<'r>(request: &'r Request<'_>) -> MutexGuard<'r, Self> {
        request.local_cache(Mutex::<Self>::default).lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The sessions that the configuration describes, or what is wrong with it.
fn configured(figment: &Figment, store: Arc<dyn Store>) -> Result<Sessions, String> {
    let mut table: Dict = figment.extract_inner("session").map_err(without_values)?;
    let login_page = table.remove("login_page");
    let options: Options = Value::from(table).deserialize().map_err(without_values)?;
    let policy = options.into_policy().map_err(|error| format!("`session`: {error}"))?;
    let mut sessions = Sessions::builder(policy, store);
    if let Some(page) = login_page {
        let page: String =
            page.deserialize().map_err(|mistake| without_values(mistake.with_path("login_page")))?;
        sessions = sessions.login_page(&page);
    }
    Ok(sessions.build())
}

/// What is wrong, but not the value that is: it may be a secret.
fn without_values(mistake: Mistake) -> String {
    let place = mistake.path.join(".");
    match mistake.kind {
        MistakeKind::InvalidType(_, expected) | MistakeKind::InvalidValue(_, expected) => {
            format!("`session`: {place} must be {expected}")
        }
        kind => format!("`session`: {kind}"),
    }
}

pub(crate) fn status(error: &Error) -> Status {
    Status::from_code(error.status()).unwrap_or(Status::InternalServerError)
}

fn add_fields<'a>(response: &mut Response<'_>, fields: impl IntoIterator<Item = Field<'a>>) {
    for Field { name, value, others } in fields {
        let header = Header::new(name, value.into_owned());
        match others {
            Others::Stay => response.adjoin_header(header),
            Others::Go => drop(response.set_header(header)),
        }
    }
}

/// What the client gets when its session could not be saved, or when it is sent to the login page.
fn error_response(error: &Error) -> Response<'static> {
    error.report();
    let body = error.public_message();
    let mut response = Response::build()
        .status(status(error))
        .header(ContentType::Plain)
        .sized_body(body.len(), Cursor::new(body))
        .finalize();
    add_fields(&mut response, Field::of_error(error));
    response
}

#[cfg(test)]
mod tests {
    use rocket::figment::providers::{Format as _, Toml};
    use session_store_memory::MemoryStore;

    use super::*;

    fn mistake(toml: &str) -> String {
        let figment = Figment::from(Toml::string(toml));
        configured(&figment, Arc::new(MemoryStore::new())).map(drop).unwrap_err()
    }

    #[test]
    fn a_mistake_in_the_configuration_is_named_and_shows_no_secret() {
        for (toml, named) in [
            ("", "session"),
            ("[session]\nsecrets = []", "openssl rand"),
            ("[session]\nsecrets = 'oh so secret'", "secrets must be a sequence"),
            ("[session]\nsecrets = [1234567]", "secrets"),
            ("[session]\nsecrets = ['oh so secret']", "random bytes"),
            ("[session]\nmax_agee = 1", "max_agee"),
            ("[session]\nsecrets = ['oh so secret, and long enough as well']\nlogin_page = 1", "login_page"),
        ] {
            let mistake = mistake(toml);
            assert!(mistake.contains(named) && mistake.starts_with("`session"), "{toml}: {mistake}");
            assert!(!mistake.contains("oh so secret") && !mistake.contains("1234"), "{toml}: {mistake}");
        }
    }
}
