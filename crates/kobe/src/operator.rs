//! The operator's word to a running desk: what is wished of it and is no task.
//!
//! A wish is a row, so every command speaks to a running engine in the same way. Taking the kill switch back is carried out here, in front of the engine: it has to become a
//! fact in the books that only the running process may write. Every other wish is the machine's. Start at [`rearm`].

use std::sync::Arc;

use jiff::Timestamp;
use kobe_desk::kill::KillFile;
use kobe_engine::{Alarm, Batch, Clock, Store, StoreError};
use kobe_plan::alert::Severity;
use kobe_plan::scheduler::Recovered;
use kobe_plan::{Alert, AlertKind, Verb, Wish};
use kobe_store::SqliteStore;
use kobe_trade::fact::{Fact, What};
use kobe_trade::kill::KillState;
use kobe_trade::ports::{Books, BooksError, KillSwitch};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::kill;
use crate::voice::Voice;

/// What an operator says when taking the kill switch back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rearm {
    /// What had happened.
    pub cause: String,
    /// What was done about it.
    pub fix: String,
    /// Who takes it back.
    pub operator: String,
    /// Why now.
    pub reason: String,
    /// When it was said: a word that was not heard at once is not carried out later, on another trip.
    pub said_at: Timestamp,
}

/// How long the word to take the switch back holds.
const HOLDS: jiff::SignedDuration = jiff::SignedDuration::from_secs(20);

/// Takes the kill switch back: books first, then the audit, then the file.
///
/// # Errors
/// A sentence; the switch is still pulled then.
pub fn rearm(
    books: &dyn Books,
    switch: &KillFile,
    now: Timestamp,
    day: jiff::civil::Date,
    word: &Rearm,
) -> Result<(), String> {
    remember(books, &switch.read(now), now, day, word)?;
    let state = switch.path().parent().ok_or("the kill switch lies nowhere")?;
    let more = [("cause", word.cause.as_str()), ("fix", word.fix.as_str())];
    for action in ["signoff", "deactivate"] {
        kill::audit(state, now, action, &word.reason, &word.operator, &more).map_err(|e| e.to_string())?;
    }
    switch.clear()
}

fn remember(
    books: &dyn Books,
    file: &KillState,
    now: Timestamp,
    day: jiff::civil::Date,
    word: &Rearm,
) -> Result<(), String> {
    // Someone else may append between the look and the word; then it is looked again.
    for _ in 0..20 {
        let book = books.book();
        if !book.is_open() {
            // Books without an account have no switch to remember.
            return Ok(());
        }
        let mut facts = Vec::new();
        if book.kill().active.is_none()
            && let KillState::Present(record) = file
        {
            facts.push(Fact::new(now, day, What::KillTripped { record: record.clone() }));
        }
        let Rearm { cause, fix, operator, reason, said_at: _ } = word.clone();
        facts.push(Fact::new(now, day, What::KillCleared { cause, fix, operator, reason }));
        match books.append(book.version(), facts) {
            Ok(_) => return Ok(()),
            Err(BooksError::Conflict { .. }) => {}
            Err(e) => return Err(e.to_string()),
        }
    }
    Err("the books are too busy; try again".into())
}

/// A store in front of which the operator's word is carried out.
pub struct Attended {
    /// The rows.
    pub inner: SqliteStore,
    /// The books.
    pub books: Arc<dyn Books>,
    /// The switch.
    pub switch: KillFile,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Says what happened to the switch.
    pub voice: Voice,
    /// Tells a person of a trip.
    pub alarm: Alarm,
    /// Which day it is for the desk.
    pub day: Box<dyn Fn(Timestamp) -> jiff::civil::Date + Send>,
}

impl Store for Attended {
    fn recover(&mut self) -> Result<Recovered, StoreError> {
        self.inner.recover()
    }

    fn slots_after(&mut self, now: Timestamp) -> Result<Vec<(String, kobe_plan::Slot)>, StoreError> {
        self.inner.slots_after(now)
    }

    fn commit(&mut self, batch: &Batch<'_>) -> Result<(), StoreError> {
        self.inner.commit(batch)
    }

    fn wishes(&mut self) -> Result<Vec<Wish>, StoreError> {
        self.watch(self.clock.now())?;
        let (words, others): (Vec<Wish>, Vec<Wish>) =
            self.inner.wishes()?.into_iter().partition(|wish| wish.verb == Verb::Rearm);
        for word in words {
            let now = self.clock.now();
            let note = match self.carry_out(&word, now) {
                Ok(()) => "done".to_owned(),
                Err(why) => format!("refused: {why}"),
            };
            match self.inner.answer(word.id, note, now) {
                // It stays open, and is answered when there is room.
                Ok(()) | Err(StoreError::Full(_)) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(others)
    }
}

impl Attended {
    fn carry_out(&self, wish: &Wish, now: Timestamp) -> Result<(), String> {
        let word: Rearm = serde_json::from_str(&wish.reason).map_err(|e| format!("the wish cannot be read: {e}"))?;
        if now.duration_since(word.said_at).abs() > HOLDS {
            return Err("it was said too long ago; look at the switch and say it again".into());
        }
        rearm(&*self.books, &self.switch, now, (self.day)(now), &word)?;
        let said = format!("the kill switch was taken back by {}: for one hour only exits pass", word.operator);
        let fields = json!({ "operator": word.operator, "reason": word.reason });
        self.voice.tell(now, "WARN", "kill_switch_taken_back", fields, Some(&said));
        let alert = switch_alert(Severity::Info, now, &said);
        (self.alarm)(
            alert.with_detail(format!("cause: {}\nfix: {}\nreason: {}", word.cause, word.fix, word.reason)).recovered(),
        );
        Ok(())
    }

    /// Looks at the switch once a second, so that a trip is in the books before its file can vanish.
    fn watch(&self, now: Timestamp) -> Result<(), StoreError> {
        let (_, new) = match kobe_desk::kill::note(&*self.books, &self.switch.read(now), now, (self.day)(now)) {
            Ok(noted) => noted,
            // The file itself is the trip, and every order reads it; it is booked when there is room.
            Err(BooksError::Full(_)) => return Ok(()),
            Err(e) => return Err(StoreError::Io(format!("the kill switch could not be booked: {e}"))),
        };
        if let Some(record) = new {
            let said = format!("the kill switch was pulled by {}: {}", record.activated_by, record.reason);
            self.voice.tell(
                now,
                "WARN",
                "kill_switch_pulled",
                json!({ "reason": record.reason, "by": record.activated_by }),
                Some(&said),
            );
            (self.alarm)(switch_alert(Severity::Critical, now, &said));
        }
        Ok(())
    }
}

fn switch_alert(severity: Severity, at: Timestamp, title: &str) -> Alert {
    let alert = Alert::new(AlertKind::KillSwitch, severity, "kill_switch", at, title);
    Alert { runbook: format!("docs/operate/alerts.md#{}", AlertKind::KillSwitch), ..alert }
}
