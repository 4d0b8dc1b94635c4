//! The suite's routes in Rocket.

use std::convert::Infallible;
use std::error::Error;
use std::io::Cursor;

use rocket::data::{Data, ToByteUnit as _};
use rocket::http::{Header, Status};
use rocket::request::{FromRequest, Outcome, Request};
use rocket::response::stream::ByteStream;
use rocket::response::{self, Responder, Response};
use rocket::{get, post, routes};
use session_conformance::Site;
use session_conformance::script::{self, Answer, Chunks, HEADER, LARGEST_BODY, Script};
use session_rocket::{
    LayerName, Named, Peek, Session, SessionError, SessionFairing, SessionOrAnonymous, SessionOrUnavailable,
    SignedIn,
};

/// The suite's second layer.
struct Second;

impl LayerName for Second {
    const COOKIE: &'static str = Site::SECOND;
}

/// Serves a site until it is stopped.
pub(crate) async fn mount(site: Site) -> Result<(), Box<dyn Error + Send + Sync>> {
    let address = site.address()?;
    let config = rocket::Config::figment()
        .merge(("address", address.ip().to_string()))
        .merge(("port", address.port()))
        .merge(("log_level", "off"))
        .merge(("shutdown.ctrlc", false))
        .merge(("shutdown.signals", Vec::<String>::new()))
        .merge(("shutdown.grace", 0))
        .merge(("shutdown.mercy", 0));
    let app = rocket::custom(config)
        .attach(SessionFairing::new(site.second()))
        .attach(SessionFairing::new(site.sessions()))
        .mount("/", routes![play, play_body, maybe, idle, fail, peek, stream, two, signed_in, signed_in_post])
        .mount("/", routes![or_anonymous, or_unavailable])
        .mount("/nested", routes![play, play_body])
        .ignite()
        .await
        .map_err(|error| error.to_string())?;
    let (shutdown, stopped) = (app.shutdown(), site.stopped());
    tokio::spawn(async move {
        stopped.await;
        shutdown.notify();
    });
    app.launch().await.map_err(|error| error.to_string())?;
    Ok(())
}

/// The script's header, if there is one.
struct Scripted(Option<Vec<u8>>);

impl Scripted {
    fn read(&self, body: &[u8]) -> Script {
        Script::read(self.0.as_deref(), body)
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Scripted {
    type Error = Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Infallible> {
        let header = request.headers().get_one(HEADER).map(|script| script.as_bytes().to_vec());
        Outcome::Success(Self(header))
    }
}

#[get("/play")]
async fn play(session: Session, script: Scripted) -> Result<Played, SessionError> {
    Ok(Played(script.read(&[]).play(&session).await?))
}

#[post("/play", data = "<data>")]
async fn play_body(session: Session, script: Scripted, data: Data<'_>) -> Result<Played, SessionError> {
    let body = data.open(LARGEST_BODY.bytes()).into_bytes().await.map(|body| body.into_inner());
    Ok(Played(script.read(&body.unwrap_or_default()).play(&session).await?))
}

#[get("/maybe")]
async fn maybe(session: Result<Session, SessionError>, script: Scripted) -> Result<Played, SessionError> {
    let session = match session {
        Ok(session) => Some(session),
        Err(error) if script::is_no_session(&error) => None,
        Err(error) => return Err(error),
    };
    Ok(Played(script.read(&[]).play_maybe(session.as_ref()).await?))
}

#[get("/or-anonymous")]
async fn or_anonymous(session: SessionOrAnonymous, script: Scripted) -> Result<Played, SessionError> {
    Ok(Played(script.read(&[]).play(&session).await?))
}

#[get("/or-unavailable")]
async fn or_unavailable(session: SessionOrUnavailable, script: Scripted) -> Result<Played, SessionError> {
    Ok(Played(script.read(&[]).play(&session).await?))
}

#[get("/idle")]
async fn idle(script: Scripted) -> Result<Played, SessionError> {
    Ok(Played(script.read(&[]).play_maybe(None).await?))
}

#[get("/fail")]
async fn fail(session: Session, script: Scripted) -> Result<Status, Result<Status, SessionError>> {
    let answer = script.read(&[]).play(&session).await.map_err(Err)?;
    Err(Ok(Status::new(answer.status)))
}

#[get("/peek")]
async fn peek(session: Peek, script: Scripted) -> Result<Played, SessionError> {
    Ok(Played(script.read(&[]).play(&session.0).await?))
}

#[get("/stream")]
async fn stream(session: Session, script: Scripted) -> Result<Streamed, SessionError> {
    let mut answer = script.read(&[]).play(&session).await?;
    let chunks = answer.chunks(&session);
    Ok(Streamed(answer, chunks))
}

#[get("/two/play")]
async fn two(session: Session, second: Named<Second>, script: Scripted) -> Result<Played, SessionError> {
    Ok(Played(script.read(&[]).play_two(&session, &second).await?))
}

#[get("/signed-in")]
async fn signed_in(user: SignedIn, script: Scripted) -> Result<Played, SessionError> {
    Ok(Played(script.read(&[]).play(&user.session).await?))
}

#[post("/signed-in")]
async fn signed_in_post(user: SignedIn, script: Scripted) -> Result<Played, SessionError> {
    Ok(Played(script.read(&[]).play(&user.session).await?))
}

/// An answer whose body comes piece by piece.
struct Streamed(Answer, Chunks);

impl<'r> Responder<'r, 'r> for Streamed {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'r> {
        let Self(answer, mut chunks) = self;
        let body = ByteStream! {
            while let Some(piece) = chunks.next().await {
                yield piece;
            }
        };
        let mut response = body.respond_to(request)?;
        response.set_status(Status::new(answer.status));
        Ok(response)
    }
}

/// An answer as a response.
struct Played(Answer);

impl<'r> Responder<'r, 'static> for Played {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        let mut response = Response::new();
        response.set_status(Status::new(self.0.status));
        for (name, value) in self.0.headers {
            response.adjoin_header(Header::new(name, value));
        }
        response.set_sized_body(self.0.body.len(), Cursor::new(self.0.body));
        Ok(response)
    }
}
