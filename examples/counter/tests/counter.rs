//! The counter counts, over a real socket: each visitor for themselves.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

struct Counter(Child);

impl Drop for Counter {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Visits the page; returns the text and the cookie that was set, if one was.
fn visit(address: &str, cookie: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nCookie: {cookie}\r\n\r\n")
        .unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")?.split(';').next());
    (body.to_owned(), cookie.unwrap_or_default().to_owned())
}

#[test]
fn each_visitor_is_counted() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_counter"));
    command
        .arg("127.0.0.1:0")
        .env("SESSION_SECRET", "r4nd0m-enough-for-a-test-of-the-counter")
        .stderr(Stdio::piped());
    let mut counter = Counter(command.spawn().unwrap());
    let lines = BufReader::new(counter.0.stderr.take().unwrap()).lines();
    let address = lines
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("Listening on http://").map(str::to_owned))
        .unwrap();

    let (text, cookie) = visit(&address, "");
    assert_eq!(text, "You have been here 1 times.\n");
    assert!(cookie.starts_with("sid="));
    for visits in 2..4 {
        assert_eq!(visit(&address, &cookie).0, format!("You have been here {visits} times.\n"));
    }
    assert_eq!(visit(&address, "").0, "You have been here 1 times.\n");
}

#[test]
fn without_a_secret_it_says_what_to_do() {
    let output = Command::new(env!("CARGO_BIN_EXE_counter")).env_remove("SESSION_SECRET").output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("set SESSION_SECRET"));
}
