//! The other side of a channel on loopback: does with each request what the test says, and tells what it was asked.
#![allow(dead_code, reason = "each test binary uses a part of this")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::{Value, json};

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub head: String,
    pub body: Value,
}

/// What is done with a request.
#[derive(Debug, Clone)]
pub enum Act {
    /// Answers with a status, lines of the head and a body.
    Say(u16, &'static str, String),
    /// Never answers, and keeps the connection.
    Hang,
    /// Closes the connection without a word.
    Close,
    /// Begins a body and does not go on.
    Stall,
    /// Answers with what is no HTTP.
    Garbage,
    /// Answers 200 with more than anybody wants to read.
    Huge,
}

/// What the Bot API says when it has a message.
pub fn taken() -> Act {
    Act::Say(200, "", json!({ "ok": true, "result": { "message_id": 7 } }).to_string())
}

/// What the Bot API says when it has not.
pub fn error(code: u16, description: &str) -> Act {
    Act::Say(code, "", json!({ "ok": false, "error_code": code, "description": description }).to_string())
}

/// What the Bot API says when it had too many.
pub fn too_many(retry_after: u64) -> Act {
    let body = json!({
        "ok": false, "error_code": 429, "description": format!("Too Many Requests: retry after {retry_after}"),
        "parameters": { "retry_after": retry_after },
    });
    Act::Say(429, "", body.to_string())
}

/// A server; it ends with its process.
pub struct Api {
    pub address: String,
    pub asked: Receiver<Asked>,
}

impl Api {
    /// Begins to listen.
    pub fn start(mut does: impl FnMut(usize, &Asked) -> Act + Send + 'static) -> Api {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback is there");
        let address = format!("http://{}", listener.local_addr().expect("it is bound"));
        let (told, asked) = channel();
        thread::spawn(move || {
            let mut kept: Vec<TcpStream> = Vec::new();
            for (n, stream) in listener.incoming().map_while(Result::ok).enumerate() {
                let Some(asked) = read(&stream) else { continue };
                let act = does(n, &asked);
                let _ = told.send(asked);
                kept.extend(perform(stream, act));
            }
        });
        Api { address, asked }
    }

    /// Always does the same.
    pub fn that(act: Act) -> Api {
        Api::start(move |_, _| act.clone())
    }
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let field = |name: &str| {
        let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")))?;
        line.split_once(':').map(|(_, value)| value.trim().to_owned())
    };
    let length = field("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut words = head.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    Some(Asked { method, path, head, body: serde_json::from_slice(&body).unwrap_or(Value::Null) })
}

/// Performs an act; returns the connection if it is to stay open. A client that is gone is no fault of the test.
fn perform(mut stream: TcpStream, act: Act) -> Option<TcpStream> {
    let head = |status: u16, more: &str, length: usize| {
        format!("HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{more}\r\n")
    };
    match act {
        Act::Say(status, more, body) => {
            let _ = stream.write_all((head(status, more, body.len()) + &body).as_bytes());
            None
        }
        Act::Hang => Some(stream),
        Act::Close => None,
        Act::Stall => {
            let _ = stream.write_all((head(200, "", 1000) + "{\"ok\":").as_bytes());
            Some(stream)
        }
        Act::Garbage => {
            let _ = stream.write_all(b"\x00\xff\x00\xff this is no answer\r\n\r\n");
            None
        }
        Act::Huge => {
            let _ = stream.write_all(head(200, "", 8 << 20).as_bytes());
            let page = [b'x'; 4096];
            while stream.write_all(&page).is_ok() {}
            None
        }
    }
}
