//! A websocket client, for as much of RFC 6455 as a text message to and fro takes.

use serde_json::Value;

use super::wire::Connection;
use super::{Browser, Request};
use crate::failure::{Failure, Outcome};
use crate::script::step::Step;

/// A text message, complete, from a client or a server.
const TEXT: u8 = 0x81;
const MASKED: u8 = 0x80;

/// An open websocket.
pub(crate) struct Socket(Connection);

impl Browser {
    /// Opens a websocket, with the browser's cookies. The steps are played before the connection is upgraded.
    pub(crate) async fn socket(&self, path: &str, steps: impl IntoIterator<Item = Step>) -> Outcome<Socket> {
        let request = Request::get(path)
            .steps(steps)
            .line("Connection", "Upgrade")
            .line("Upgrade", "websocket")
            .line("Sec-WebSocket-Version", "13")
            .line("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        let mut connection = self.server.connect().await?;
        connection.send(&self.message(request.clone()), Connection::MORE).await?;
        let page = connection.head().await?.ok_or_else(|| Failure::new("the server closed the websocket"))?;
        self.keep(&request, &page);
        page.expect(101)?;
        Ok(Socket(connection))
    }
}

impl Socket {
    /// Sends a script; answers what it saw.
    pub(crate) async fn play(&mut self, steps: impl IntoIterator<Item = Step>) -> Outcome<Value> {
        self.send(steps).await?;
        self.answer().await
    }

    /// Sends a script, whose answer is awaited later.
    pub(crate) async fn send(&mut self, steps: impl IntoIterator<Item = Step>) -> Outcome {
        let steps: Vec<Step> = steps.into_iter().collect();
        let text = serde_json::to_vec(&steps).map_err(|error| Failure::new(error.to_string()))?;
        let length = u16::try_from(text.len()).map_err(|_| Failure::new("the script is too long"))?;
        let mut frame = vec![TEXT];
        if length < 126 {
            frame.push(MASKED | u8::try_from(length).unwrap_or_default());
        } else {
            frame.push(MASKED | 126);
            frame.extend(length.to_be_bytes());
        }
        // A mask of zeros is a mask.
        frame.extend([0; 4]);
        frame.extend(text);
        self.0.write(&frame).await
    }

    pub(crate) async fn answer(&mut self) -> Outcome<Value> {
        let head = self.0.exactly(2).await?;
        if head[0] != TEXT {
            return Err(Failure::new("the server sent something else than a text message"));
        }
        let length = match head[1] {
            126 => {
                let length = self.0.exactly(2).await?;
                usize::from(u16::from_be_bytes([length[0], length[1]]))
            }
            length => usize::from(length),
        };
        let text = self.0.exactly(length).await?;
        serde_json::from_slice(&text)
            .map_err(|_| Failure::new("the server's message is not what a script answers"))
    }
}
