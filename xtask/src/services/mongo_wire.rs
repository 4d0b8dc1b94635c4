//! Just enough of MongoDB's wire protocol to send one command and read the answer.
//!
//! A replica set must be told to form, and a server's programs need not include a shell that could tell it; a driver
//! would be a hundred more crates for this tool to build before it can do anything.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

const OP_MSG: i32 = 2013;
/// No reply to these commands comes near this; a larger length means that something else is listening.
const LARGEST_REPLY: usize = 1 << 20;

/// A BSON document being written.
#[derive(Debug, Default)]
pub(crate) struct Document {
    elements: Vec<u8>,
}

impl Document {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn int(self, name: &str, value: i32) -> Self {
        self.element(0x10, name, &value.to_le_bytes())
    }

    pub(crate) fn text(self, name: &str, value: &str) -> Self {
        let mut bytes = length(value.len() + 1).to_vec();
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(0);
        self.element(0x02, name, &bytes)
    }

    pub(crate) fn document(self, name: &str, value: &Document) -> Self {
        self.element(0x03, name, &value.bytes())
    }

    pub(crate) fn array(self, name: &str, values: Vec<Document>) -> Self {
        let mut array = Document::new();
        for (index, value) in values.into_iter().enumerate() {
            array = array.document(&index.to_string(), &value);
        }
        self.element(0x04, name, &array.bytes())
    }

    fn element(mut self, kind: u8, name: &str, value: &[u8]) -> Self {
        self.elements.push(kind);
        self.elements.extend_from_slice(name.as_bytes());
        self.elements.push(0);
        self.elements.extend_from_slice(value);
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = length(self.elements.len() + 5).to_vec();
        bytes.extend_from_slice(&self.elements);
        bytes.push(0);
        bytes
    }
}

/// The fields at the top of a reply, as far as anyone asks for them.
#[derive(Debug)]
pub(crate) struct Reply {
    fields: Vec<(String, Value)>,
}

#[derive(Debug)]
enum Value {
    Number(f64),
    Flag(bool),
    Text(String),
    Skipped,
}

impl Reply {
    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        self.fields.iter().find_map(|(field, value)| match value {
            Value::Number(number) if field == name => Some(*number),
            Value::Number(_) | Value::Flag(_) | Value::Text(_) | Value::Skipped => None,
        })
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.fields.iter().any(|(field, value)| field == name && matches!(value, Value::Flag(true)))
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.fields.iter().find_map(|(field, value)| match value {
            Value::Text(text) if field == name => Some(text.as_str()),
            Value::Number(_) | Value::Flag(_) | Value::Text(_) | Value::Skipped => None,
        })
    }
}

/// Sends one command to the `admin` database of the server on `port`.
pub(crate) fn command(port: u16, body: Document) -> Result<Reply, String> {
    let body = body.text("$db", "admin").bytes();
    let mut message = length(16 + 4 + 1 + body.len()).to_vec();
    for number in [1, 0, OP_MSG, 0] {
        message.extend_from_slice(&i32::to_le_bytes(number)); // request id, in reply to, operation, flags
    }
    message.push(0); // one section of kind 0: a single document
    message.extend_from_slice(&body);
    let reply = exchange(port, &message).map_err(|error| format!("mongod on port {port}: {error}"))?;
    // Header, flags and the kind of section come before the document.
    let document = reply.get(21..).ok_or("mongod sent a reply that is too short")?;
    read(document).ok_or_else(|| "mongod sent a reply that cannot be read".to_owned())
}

fn exchange(port: u16, message: &[u8]) -> std::io::Result<Vec<u8>> {
    let patience = Duration::from_secs(20);
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.write_all(message)?;
    let mut head = [0; 4];
    stream.read_exact(&mut head)?;
    let size = usize::try_from(i32::from_le_bytes(head)).unwrap_or(0);
    if !(16..=LARGEST_REPLY).contains(&size) {
        return Err(std::io::Error::other("the reply is not MongoDB's"));
    }
    let mut reply = vec![0; size];
    reply[..4].copy_from_slice(&head);
    stream.read_exact(&mut reply[4..])?;
    Ok(reply)
}

fn read(document: &[u8]) -> Option<Reply> {
    let mut rest = document.get(4..)?;
    let mut fields = Vec::new();
    loop {
        let (&kind, after) = rest.split_first()?;
        if kind == 0 {
            return Some(Reply { fields });
        }
        let end = after.iter().position(|&byte| byte == 0)?;
        let name = String::from_utf8_lossy(&after[..end]).into_owned();
        let value = after.get(end + 1..)?;
        let (read, size) = match kind {
            0x01 => (Value::Number(f64::from_le_bytes(value.get(..8)?.try_into().ok()?)), 8),
            0x10 => (Value::Number(f64::from(i32_at(value)?)), 4),
            0x08 => (Value::Flag(*value.first()? == 1), 1),
            0x02 => {
                let size = size_at(value)?;
                let text = value.get(4..(4 + size).checked_sub(1)?)?;
                (Value::Text(String::from_utf8_lossy(text).into_owned()), 4 + size)
            }
            0x03 | 0x04 => (Value::Skipped, size_at(value)?),
            0x05 => (Value::Skipped, 5 + size_at(value)?),
            0x07 => (Value::Skipped, 12),
            0x09 | 0x11 | 0x12 => (Value::Skipped, 8),
            0x0a => (Value::Skipped, 0),
            _ => return None,
        };
        fields.push((name, read));
        rest = value.get(size..)?;
    }
}

fn i32_at(bytes: &[u8]) -> Option<i32> {
    Some(i32::from_le_bytes(bytes.get(..4)?.try_into().ok()?))
}

fn size_at(bytes: &[u8]) -> Option<usize> {
    usize::try_from(i32_at(bytes)?).ok()
}

/// A length as BSON writes it. The documents here are small; one that is not would be refused by the server.
fn length(bytes: usize) -> [u8; 4] {
    i32::try_from(bytes).unwrap_or(i32::MAX).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_written_as_the_specification_shows() {
        let document = Document::new().text("hello", "world").bytes();
        assert_eq!(document, b"\x16\0\0\0\x02hello\0\x06\0\0\0world\0\0");
    }

    #[test]
    fn what_is_written_can_be_read_past_fields_of_other_kinds() {
        let inner = Document::new().int("a", 1);
        let document = Document::new()
            .document("inner", &inner)
            .array("list", vec![inner])
            .text("errmsg", "no")
            .int("ok", 1)
            .element(0x08, "isWritablePrimary", &[1]);
        let reply = read(&document.bytes()).unwrap();
        assert_eq!(reply.number("ok"), Some(1.0));
        assert_eq!(reply.text("errmsg"), Some("no"));
        assert!(reply.flag("isWritablePrimary") && !reply.flag("secondary"));
    }

    #[test]
    fn a_reply_cut_short_is_refused() {
        let whole = Document::new().text("errmsg", "no").bytes();
        for cut in 0..whole.len() {
            assert!(read(&whole[..cut]).is_none());
        }
    }
}
