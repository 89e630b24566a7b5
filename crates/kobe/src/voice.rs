//! The voice of a running desk: events to stdout, a calm log to stderr, on a thread of its own.
//!
//! Whoever reads may be slow, or stop reading; the desk goes on. Lines wait in a bounded queue; what does not fit is dropped, counted and told as soon as there is room.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use kobe_calendar::Market;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::{Out, Paint};

/// Lines that may wait for a reader.
const WAITING: usize = 10_000;
/// How long the last lines may take at the end.
const GOODBYE: Duration = Duration::from_secs(2);

enum Line {
    Event(Value),
    Talk(String),
    Last(Sender<()>),
}

/// Tells events to whoever listens.
#[derive(Clone)]
pub struct Voice {
    out: Out,
    market: Arc<Market>,
    line: SyncSender<Line>,
    dropped: Arc<AtomicU64>,
}

impl Voice {
    /// Begins to speak through an output.
    ///
    /// # Errors
    /// [`Failure::Broke`] when the system refuses a thread.
    pub fn new(out: Out, market: Arc<Market>) -> Result<Voice, Failure> {
        let (line, lines) = sync_channel(WAITING);
        thread::Builder::new()
            .name("voice".into())
            .spawn(move || speak(out, &lines))
            .map_err(|e| Failure::Broke { what: format!("no thread could be started: {e}") })?;
        Ok(Voice { out, market, line, dropped: Arc::default() })
    }

    /// Tells whether what did not run is to be told too.
    pub fn is_verbose(&self) -> bool {
        self.out.is_verbose()
    }

    /// Returns the colours of words for people.
    pub fn paint(&self) -> Paint {
        self.out.paint_talk()
    }

    /// Returns the market on whose clock is told.
    pub fn market(&self) -> &Market {
        &self.market
    }

    /// Tells one event: `fields` for machines, `words` for people, if there are any.
    pub fn tell(&self, at: Timestamp, level: &str, event: &str, fields: Value, words: Option<&str>) {
        if self.out.is_json() {
            let dropped = self.dropped.swap(0, Ordering::Relaxed);
            if dropped > 0 {
                self.send(Line::Event(line(at, "WARN", "events_dropped", json!({ "count": dropped }))), dropped);
            }
            self.send(Line::Event(line(at, level, event, fields)), 1);
        } else if let Some(words) = words {
            let clock = self.market.local(at).strftime("%H:%M:%S").to_string();
            self.send(Line::Talk(format!("{}  {words}", self.paint().dim(clock))), 1);
        }
    }

    /// Says something that is no event of the desk.
    pub fn talk(&self, words: String) {
        self.send(Line::Talk(words), 1);
    }

    fn send(&self, line: Line, events: u64) {
        if let Err(TrySendError::Full(_)) = self.line.try_send(line) {
            self.dropped.fetch_add(events, Ordering::Relaxed);
        }
    }

    /// Waits until everything was said, but not for ever.
    pub fn finish(&self) {
        let (said, heard) = channel();
        if self.line.try_send(Line::Last(said)).is_ok() {
            // A reader that does not read any more is not waited for.
            let _ = heard.recv_timeout(GOODBYE);
        }
    }
}

fn line(at: Timestamp, level: &str, event: &str, fields: Value) -> Value {
    let mut line = json!({ "ts": at.to_string(), "level": level, "event": event });
    if let (Some(line), Value::Object(fields)) = (line.as_object_mut(), fields) {
        line.extend(fields);
    }
    line
}

fn speak(out: Out, lines: &Receiver<Line>) {
    for line in lines {
        match line {
            // With nobody left to listen the desk goes on.
            Line::Event(event) => drop(out.event(&event)),
            Line::Talk(words) => out.talk(&words),
            Line::Last(said) => drop(said.send(())),
        }
    }
}
