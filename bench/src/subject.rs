//! What is measured: each framework alone, with our sessions, and with others'.

use crate::axum::Way;
use crate::measure::{Found, Plan};
use crate::scenario::Scenario;
use crate::{actix, axum, poem, rocket};

/// A framework with somebody's sessions, or with none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Axum,
    AxumOurs,
    AxumTowerSessions,
    AxumAxumSession,
    Served,
    ServedOurs,
    ServedTowerSessions,
    Actix,
    ActixOurs,
    ActixActixSession,
    Poem,
    PoemOurs,
    PoemServerSession,
    Rocket,
    RocketOurs,
}

impl Subject {
    /// A framework alone comes before those that are compared with it.
    pub(crate) const ALL: &[Self] = &[
        Self::Axum,
        Self::AxumOurs,
        Self::AxumTowerSessions,
        Self::AxumAxumSession,
        Self::Served,
        Self::ServedOurs,
        Self::ServedTowerSessions,
        Self::Actix,
        Self::ActixOurs,
        Self::ActixActixSession,
        Self::Poem,
        Self::PoemOurs,
        Self::PoemServerSession,
        Self::Rocket,
        Self::RocketOurs,
    ];

    /// The framework and whose sessions.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Axum => "axum/alone",
            Self::AxumOurs => "axum/session-axum",
            Self::AxumTowerSessions => "axum/tower-sessions",
            Self::AxumAxumSession => "axum/axum_session",
            Self::Served => "axum+hyper/alone",
            Self::ServedOurs => "axum+hyper/session-axum",
            Self::ServedTowerSessions => "axum+hyper/tower-sessions",
            Self::Actix => "actix-web/alone",
            Self::ActixOurs => "actix-web/session-actix",
            Self::ActixActixSession => "actix-web/actix-session",
            Self::Poem => "poem/alone",
            Self::PoemOurs => "poem/session-poem",
            Self::PoemServerSession => "poem/ServerSession",
            Self::Rocket => "rocket/alone",
            Self::RocketOurs => "rocket/session-rocket",
        }
    }

    pub(crate) fn has_sessions(self) -> bool {
        match self {
            Self::Axum | Self::Served | Self::Actix | Self::Poem | Self::Rocket => false,
            Self::AxumOurs
            | Self::AxumTowerSessions
            | Self::AxumAxumSession
            | Self::ServedOurs
            | Self::ServedTowerSessions
            | Self::ActixOurs
            | Self::ActixActixSession
            | Self::PoemOurs
            | Self::PoemServerSession
            | Self::RocketOurs => true,
        }
    }

    /// Whether the answer to such a request carries a cookie, with what each library does when nothing is configured.
    pub(crate) fn sets_cookie(self, scenario: Scenario) -> bool {
        match self {
            Self::Axum | Self::Served | Self::Actix | Self::Poem | Self::Rocket => false,
            // It begins a session for everybody, and sends its cookie each time.
            Self::AxumAxumSession => true,
            // Its cookies have the date of the login.
            Self::PoemServerSession => scenario == Scenario::Login,
            Self::AxumOurs
            | Self::AxumTowerSessions
            | Self::ServedOurs
            | Self::ServedTowerSessions
            | Self::ActixOurs
            | Self::ActixActixSession
            | Self::PoemOurs
            | Self::RocketOurs => matches!(scenario, Scenario::Write | Scenario::Login),
        }
    }

    /// Does what the plan says, on the runtime that the framework is at home on.
    pub(crate) fn run(self, plan: &Plan) -> Result<Vec<Found>, String> {
        match self {
            Self::Axum => on_tokio(axum::alone(plan, Way::Called)),
            Self::AxumOurs => on_tokio(axum::ours(plan, Way::Called)),
            Self::AxumTowerSessions => on_tokio(axum::tower_sessions(plan, Way::Called)),
            Self::AxumAxumSession => on_tokio(axum::axum_session(plan, Way::Called)),
            Self::Served => on_tokio(axum::alone(plan, Way::Served)),
            Self::ServedOurs => on_tokio(axum::ours(plan, Way::Served)),
            Self::ServedTowerSessions => on_tokio(axum::tower_sessions(plan, Way::Served)),
            Self::Actix => on_actix(actix::alone(plan)),
            Self::ActixOurs => on_actix(actix::ours(plan)),
            Self::ActixActixSession => on_actix(actix::actix_session(plan)),
            Self::Poem => on_tokio(poem::alone(plan)),
            Self::PoemOurs => on_tokio(poem::ours(plan)),
            Self::PoemServerSession => on_tokio(poem::server_session(plan)),
            Self::Rocket => on_tokio(rocket::alone(plan)),
            Self::RocketOurs => on_tokio(rocket::ours(plan)),
        }
    }
}

/// One thread, so that its time is all the time there is.
fn on_tokio<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| format!("tokio does not start: {error}"))?.block_on(work)
}

fn on_actix<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    actix_web::rt::System::new().block_on(work)
}
