//! The fairing: hands the request's facts to the driver, and adds the session's headers to the response.
//!
//! Rocket writes the cookies of its jar before response fairings run, and forgets them when a catcher answers. So this one
//! appends the header itself.

use std::sync::{Arc, OnceLock};

use rocket::config::pretty_print_error;
use rocket::fairing::{self, Fairing, Info, Kind};
use rocket::figment::Figment;
use rocket::figment::error::{Error as Mistake, Kind as MistakeKind};
use rocket::figment::value::{Dict, Value};
use rocket::http::HeaderMap;
use rocket::{Build, Data, Request, Response, Rocket};
use session_driver::core::RequestFacts;
use session_driver::core::policy::Options;
use session_driver::core::request::HeaderSource;
use session_driver::core::store::Store;
use session_driver::rocket::{self as guards, Attached, add_fields, add_reply, error_response, status};
use session_driver::{Challenge, Error, Exchange, Field, Sessions};

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
        guards::innermost(request)?.named(name).cloned()
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
        let exchange = sessions.begin_inside(guards::innermost(request), &facts, cookies);
        guards::keep(request, exchange);
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        let refused = guards::take_refusal(request);
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
            Ok(reply) => add_reply(response, &reply),
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
