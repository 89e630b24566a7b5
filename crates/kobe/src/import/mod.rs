//! Import: what a predecessor left, read and judged.
//!
//! Rule: text goes in, findings come out; what was taken and what was not is told entry by entry, with its place and its reason. Nothing is guessed: what cannot be read, names
//! no task of this desk or lies in the future is left where it is. Reads no file and writes none: the command does. Start at [`kobe_state::KNOWN`] for the files, at
//! [`read`] for one of them.

pub mod kobe_state;
mod stamp;

use jiff::Timestamp;
use kobe_calendar::Market;
use kobe_plan::Desk;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// A larger file than this was not written by the predecessor.
pub const READ_MOST: u64 = 16 << 20;

/// What entries are judged by.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The desk that takes over.
    pub desk: &'a Desk,
    /// The market, for local times.
    pub market: &'a Market,
    /// The present instant.
    pub now: Timestamp,
}

/// One thing that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// Where it stands: the path of keys, or the line.
    pub place: String,
    /// What it says.
    pub what: String,
}

/// One thing that was not taken, or was taken otherwise than it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Left {
    /// Where it stands.
    pub place: String,
    /// Why.
    pub why: String,
    /// What can be done about it.
    pub hint: Option<String>,
}

/// What was found in one file.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Findings {
    /// What was taken.
    pub taken: Vec<Taken>,
    /// What was not.
    pub left: Vec<Left>,
    /// What was taken, but not as it is written.
    pub notes: Vec<Left>,
    /// What a person has to do something about.
    pub attention: Vec<String>,
    /// The file cannot be read as a whole.
    pub damaged: bool,
    /// What is stored; nothing where nothing was taken.
    #[serde(skip)]
    pub body: Option<Value>,
}

impl Findings {
    fn take(&mut self, place: impl Into<String>, what: impl Into<String>) {
        self.taken.push(Taken { place: place.into(), what: what.into() });
    }

    fn leave(&mut self, place: impl Into<String>, why: impl Into<String>, hint: Option<&str>) {
        self.left.push(Left { place: place.into(), why: why.into(), hint: hint.map(str::to_owned) });
    }

    fn note(&mut self, place: impl Into<String>, why: impl Into<String>) {
        self.notes.push(Left { place: place.into(), why: why.into(), hint: None });
    }

    /// Says that the file as a whole is not what it should be.
    pub fn damage(place: impl Into<String>, why: impl Into<String>, hint: &str) -> Findings {
        let mut found = Findings { damaged: true, ..Findings::default() };
        found.leave(place, why, Some(hint));
        found
    }
}

/// How the content of a file is read.
#[derive(Debug, Clone, Copy)]
pub enum Reading {
    /// As one JSON value.
    Json(fn(&Value, &Context<'_>) -> Findings),
    /// As text, line by line.
    Text(fn(&str, &Context<'_>) -> Findings),
}

/// Reads the content of one file.
pub fn read(reading: Reading, bytes: &[u8], context: &Context<'_>) -> Findings {
    const COPY: &str = "restore the file from a copy, or leave it out";
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(e) => {
            let line = bytes[..e.valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
            return Findings::damage(format!("line {line}"), "it is not UTF-8 text", COPY);
        }
    };
    let (text, marked) = match text.strip_prefix('\u{feff}') {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    if text.contains('\0') {
        let line = text[..text.find('\0').unwrap_or(0)].matches('\n').count() + 1;
        return Findings::damage(format!("line {line}"), "it holds NUL bytes, as a file does after a crash", COPY);
    }
    let mut found = match reading {
        Reading::Text(parse) => parse(text, context),
        Reading::Json(_) if text.trim().is_empty() => return Findings::damage("line 1", "it is empty", COPY),
        Reading::Json(parse) => match serde_json::from_str(text) {
            Ok(value) => parse(&value, context),
            Err(e) => return no_json(text, &e),
        },
    };
    if marked {
        found.note("line 1", "it begins with a byte order mark, which says nothing");
    }
    found
}

fn no_json(text: &str, error: &serde_json::Error) -> Findings {
    let place = format!("line {}, column {}", error.line(), error.column());
    if error.is_eof() {
        let why = "it ends in the middle: it was cut while it was written";
        return Findings::damage(place, why, "restore the file from a copy, or leave it out");
    }
    let line = text.lines().nth(error.line().saturating_sub(1)).unwrap_or_default();
    let near: String = line.chars().skip(error.column().saturating_sub(2)).take(2).collect();
    if near.contains('N') || near.contains('I') {
        return Findings::damage(
            place,
            "NaN and Infinity, which Python writes, are no JSON",
            "write null in their place, in a copy of the file",
        );
    }
    let message = error.to_string();
    let why = message.split(" at line ").next().unwrap_or(&message).to_owned();
    Findings::damage(place, format!("it is no JSON: {why}"), "mend it in a copy of the file, or leave it out")
}

/// Names the kind of a value, with its article.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a yes or no",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Returns the object that a file should be.
fn object<'v>(value: &'v Value, found: &mut Findings) -> Option<&'v Map<String, Value>> {
    let map = value.as_object();
    if map.is_none() {
        found.damaged = true;
        found.leave("line 1", format!("it is {}, expected an object", kind(value)), Some("this is another file"));
    }
    map
}

/// Reads a stamp under a key into `body`, as UTC; what is none is told.
fn stamp_into(
    body: &mut Map<String, Value>,
    found: &mut Findings,
    place: &str,
    key: &str,
    value: Option<&Value>,
    context: &Context<'_>,
) -> Option<Timestamp> {
    let value = value.filter(|value| !value.is_null())?;
    match stamp::read(value, context) {
        Ok(stamp) => {
            if let Some(how) = stamp.note {
                found.note(place, how);
            }
            body.insert(key.to_owned(), json!(stamp.at.to_string()));
            Some(stamp.at)
        }
        Err((why, hint)) => {
            found.leave(place, why, Some(hint));
            None
        }
    }
}

/// Shortens what a stranger wrote, so that it can be shown on one line.
fn short(text: &str) -> String {
    let mut shown: String = text.chars().take(80).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().count() > 80 {
        shown.push_str(" ...");
    }
    shown
}

#[cfg(test)]
mod tests;
