//! The scripted handler: what a request asks of its session, played the same in every framework.
//!
//! A mount's routes hand each request's script to [`Script::read`], play it on the session that the framework's own
//! extractor gave, and turn the [`Answer`] into the framework's response. What a script says is the suite's business.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use session_driver::core::SessionId;
use session_driver::{Error, Session, Sessions};
use tokio::sync::mpsc;

pub(crate) mod gate;
mod play;
pub(crate) mod step;

use play::Play;
use step::Step;

/// The request header that a script comes in, if it is short.
pub const HEADER: &str = "x-script";

/// The largest body that a mount must accept, in bytes. Some frameworks refuse it unless told otherwise.
pub const LARGEST_BODY: usize = 2 * 1024 * 1024;

/// What a request asks of its session.
#[derive(Debug, Clone)]
pub struct Script {
    steps: Vec<Step>,
    body_length: usize,
}

/// What the handler answers: to be turned into the framework's own response.
#[derive(Debug)]
#[must_use = "the answer is the response"]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Header fields, in their order; a name may stand here more than once, and each is to be sent.
    pub headers: Vec<(String, String)>,
    /// The body; empty where the status has none.
    pub body: Vec<u8>,
    streamed: Vec<Step>,
}

impl Script {
    /// The script of a request: the value of its [`HEADER`] if it has one, else its body.
    ///
    /// Routes whose handlers do not read the body pass an empty one.
    #[must_use]
    pub fn read(header: Option<&[u8]>, body: &[u8]) -> Self {
        let text = header.unwrap_or(body);
        // A script that cannot be read was sent by nobody: an answer of its own would hide the mistake in the mount.
        let steps = serde_json::from_slice(text).unwrap_or_else(|_| vec![Step::Status(400)]);
        Self { steps, body_length: body.len() }
    }

    /// Plays the script on a session.
    ///
    /// # Errors
    ///
    /// What the session answered to a step. The mount's handler passes it on, as an application's handler would with `?`.
    ///
    /// # Panics
    ///
    /// If the script says so.
    pub async fn play(&self, session: &Session) -> Result<Answer, Error> {
        self.play_on(Some(session), None).await
    }

    /// Plays the script where there may be no session: behind an optional extractor, or in a handler that never asks.
    ///
    /// # Errors
    ///
    /// As [`play`](Self::play), and [`Error::NoLayer`] if a step needs a session and there is none.
    ///
    /// # Panics
    ///
    /// If the script says so.
    pub async fn play_maybe(&self, session: Option<&Session>) -> Result<Answer, Error> {
        self.play_on(session, None).await
    }

    /// Plays the script on the sessions of two layers.
    ///
    /// # Errors
    ///
    /// As [`play`](Self::play).
    ///
    /// # Panics
    ///
    /// If the script says so.
    pub async fn play_two(&self, session: &Session, second: &Session) -> Result<Answer, Error> {
        self.play_on(Some(session), Some(second)).await
    }

    async fn play_on(&self, session: Option<&Session>, second: Option<&Session>) -> Result<Answer, Error> {
        let mut play = Play::new(session.cloned(), second.cloned(), self.body_length);
        for step in &self.steps {
            play.step(step).await?;
        }
        Ok(play.into_answer())
    }
}

/// Whether an extractor failed because there is no session here, and not because it could not be had: for the route of an
/// optional session, where the framework's own `Option` does not tell the two apart.
#[must_use]
pub fn is_no_session(error: &Error) -> bool {
    matches!(error, Error::NoLayer | Error::Session(session_driver::core::Error::OutsidePath))
}

/// Plays a script that came over a websocket, on the session with this id, and gives the text to send back.
///
/// There is no request and no response by then, so the session is opened by its id and saved only where the script says so.
pub async fn play_detached(sessions: &Sessions, id: &SessionId, script: &str) -> String {
    let script = Script::read(None, script.as_bytes());
    let answer = match sessions.open_detached(id.clone()).await {
        Ok(Some(session)) => script.play(&session).await,
        Ok(None) => Err(session_driver::core::Error::Gone.into()),
        Err(error) => Err(error),
    };
    match answer {
        Ok(answer) => String::from_utf8_lossy(&answer.body).into_owned(),
        Err(error) => serde_json::json!({ "error": play::kind(&error) }).to_string(),
    }
}

impl Answer {
    /// The body of a response that is sent piece by piece while the script goes on, in place of [`body`](Self::body).
    ///
    /// The session must be saved, and its cookie in the header, before the first piece is asked for.
    pub fn chunks(&mut self, session: &Session) -> Chunks {
        // One at a time: a piece is made when the one before is on its way.
        let (sender, receiver) = mpsc::channel(1);
        let mut play = Play::new(Some(session.clone()), None, 0);
        let steps = std::mem::take(&mut self.streamed);
        tokio::spawn(async move {
            for step in steps {
                let piece = match play.step(&step).await {
                    Ok(()) => play.take_seen(),
                    Err(error) => serde_json::json!([{ "error": play::kind(&error) }]),
                };
                if sender.send(Bytes::from(format!("{piece}\n"))).await.is_err() {
                    return;
                }
            }
        });
        Chunks(receiver)
    }
}

/// A body in pieces; a [`Stream`](futures_core::Stream) as most frameworks take them.
#[derive(Debug)]
pub struct Chunks(mpsc::Receiver<Bytes>);

impl Chunks {
    /// The next piece, for frameworks that want to be fed by hand.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no piece.
    pub async fn next(&mut self) -> Option<Bytes> {
        self.0.recv().await
    }
}

impl futures_core::Stream for Chunks {
    type Item = Result<Bytes, std::io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|piece| piece.map(Ok))
    }
}
