//! The operator's word to a running desk: what is wished of it and is no task.
//!
//! A wish is a row, so every command speaks to a running engine in the same way. A wish whose name begins with `@`, which no task's can, is carried out here, in front of the
//! engine: taking the kill switch back has to become a fact in the books that only the running process may write. Start at [`rearm`].

use std::sync::Arc;

use jiff::Timestamp;
use kobe_desk::kill::KillFile;
use kobe_engine::{Batch, Clock, Store, StoreError, Wish};
use kobe_plan::scheduler::Recovered;
use kobe_plan::{Change, Desk};
use kobe_trade::fact::{Fact, What};
use kobe_trade::kill::KillState;
use kobe_trade::ports::{Books, BooksError, KillSwitch};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::kill;
use crate::voice::Voice;

/// The wish to take the kill switch back.
pub const RESUME: &str = "@resume";

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
pub struct Attended<S> {
    /// The rows.
    pub inner: S,
    /// The desk, for the rows of wishes.
    pub desk: Arc<Desk>,
    /// The books.
    pub books: Arc<dyn Books>,
    /// The switch.
    pub switch: KillFile,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Says what happened to the switch.
    pub voice: Voice,
    /// Which day it is for the desk.
    pub day: Box<dyn Fn(Timestamp) -> jiff::civil::Date + Send>,
}

impl<S: Store> Store for Attended<S> {
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
        let (words, tasks): (Vec<Wish>, Vec<Wish>) =
            self.inner.wishes()?.into_iter().partition(|wish| wish.task.starts_with('@'));
        for word in words {
            let now = self.clock.now();
            let note = match self.carry_out(&word, now) {
                Ok(()) => "done".to_owned(),
                Err(why) => format!("refused: {why}"),
            };
            let done = [Change::WishDone { id: word.id, note: note.into() }];
            self.inner.commit(&Batch { desk: &self.desk, at: now, changes: &done })?;
        }
        Ok(tasks)
    }
}

impl<S> Attended<S> {
    fn carry_out(&self, wish: &Wish, now: Timestamp) -> Result<(), String> {
        if wish.task != RESUME {
            return Err(format!("this desk does not know the word {}", wish.task));
        }
        let word: Rearm = serde_json::from_str(&wish.reason).map_err(|e| format!("the wish cannot be read: {e}"))?;
        if now.duration_since(word.said_at).abs() > HOLDS {
            return Err("it was said too long ago; look at the switch and say it again".into());
        }
        rearm(&*self.books, &self.switch, now, (self.day)(now), &word)?;
        let said = format!("the kill switch was taken back by {}: for one hour only exits pass", word.operator);
        self.voice.tell(
            now,
            "WARN",
            "kill_switch_taken_back",
            json!({ "operator": word.operator, "reason": word.reason }),
            Some(&said),
        );
        Ok(())
    }

    /// Looks at the switch once a second, so that a trip is in the books before its file can vanish.
    fn watch(&self, now: Timestamp) -> Result<(), StoreError> {
        let noted = kobe_desk::kill::note(&*self.books, &self.switch.read(now), now, (self.day)(now));
        let (_, new) = noted.map_err(|e| StoreError::Io(format!("the kill switch could not be booked: {e}")))?;
        if let Some(record) = new {
            let said = format!("the kill switch was pulled by {}: {}", record.activated_by, record.reason);
            self.voice.tell(
                now,
                "WARN",
                "kill_switch_pulled",
                json!({ "reason": record.reason, "by": record.activated_by }),
                Some(&said),
            );
        }
        Ok(())
    }
}
