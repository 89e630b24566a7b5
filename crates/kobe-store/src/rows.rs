//! Rows: what stands in the tables, typed.
//!
//! A field has the name of its column; an instant is a [`Timestamp`] here (RFC 3339 in JSON) and an integer of microseconds there, where its column ends in `_us`. What cannot be
//! read is damage, never skipped. Start at [`RunRow`].

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use kobe_plan::run::Note;
use kobe_plan::scheduler::RecoveredRun;
use kobe_plan::{Outcome, Reason, Run, RunId, Slot, State, TaskIx, Verb};
use rusqlite::Row;
use rusqlite::types::Type;
use serde::Serialize;

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunRow {
    /// Its number.
    pub id: u64,
    /// Whose run.
    pub task: String,
    /// Its slot; unique with the task.
    pub slot: String,
    /// The date the slot belongs to, on the desk's clock.
    pub slot_date: Date,
    /// When the slot was due.
    pub due: Timestamp,
    /// 1 (critical) to 10.
    pub priority: u8,
    /// Where it stands.
    pub state: State,
    /// Why it did not run, did not end well, or waits.
    pub reason: Option<Reason>,
    /// The word of what the last attempt came to.
    pub outcome: Option<String>,
    /// What the last attempt said.
    pub note: String,
    /// Attempts begun.
    pub attempt: u32,
    /// When the row was made.
    pub planned_at: Timestamp,
    /// When the last attempt began.
    pub started_at: Option<Timestamp>,
    /// When it came to its end.
    pub ended_at: Option<Timestamp>,
    /// When the next attempt is due.
    pub retry_at: Option<Timestamp>,
    /// It makes good for time in which nobody was there.
    pub catchup: bool,
    /// The declared time did not exist that day.
    pub dst_shifted: bool,
    /// How many slots the row stands for.
    pub covers: u64,
    /// The first of them, when they are more than one.
    pub since_slot: Option<String>,
    /// Identity of the configuration in force when it was last written.
    pub config: String,
}

impl RunRow {
    /// Returns how long its last attempt took, if it is over.
    pub fn took(&self) -> Option<jiff::SignedDuration> {
        Some(self.ended_at?.duration_since(self.started_at?))
    }

    /// Returns the row as the machine knows it. The place of the task in its desk is not known here.
    pub(crate) fn recovered(self) -> Result<RecoveredRun, String> {
        let slot = |text: &str| Slot::from_str(text).map_err(|e| format!("run {}: {e}", self.id));
        let outcome = match &self.outcome {
            None => None,
            Some(word) => {
                Some(Outcome::from_word(word, self.note.clone()).map_err(|e| format!("run {}: {e}", self.id))?)
            }
        };
        let run = Run {
            id: RunId(self.id),
            task: TaskIx(u32::MAX),
            slot: slot(&self.slot)?,
            due: self.due,
            priority: self.priority,
            state: self.state,
            reason: self.reason,
            outcome,
            attempt: self.attempt,
            planned_at: self.planned_at,
            started_at: self.started_at,
            ended_at: self.ended_at,
            retry_at: self.retry_at,
            catchup: self.catchup,
            dst_shifted: self.dst_shifted,
            covers: self.covers,
            since: self.since_slot.as_deref().map(slot).transpose()?,
        };
        Ok(RecoveredRun { task: self.task, run })
    }
}

/// How far a task has been planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CursorRow {
    /// Whose.
    pub task: String,
    /// Every slot due at or before this instant has a row.
    pub planned_to: Timestamp,
    /// Turns of a context-driven task so far.
    pub turns: u64,
    /// When its last turn started or was skipped.
    pub last_turn: Option<Timestamp>,
}

/// What an operator wished, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WishRow {
    /// Its ULID: the run that came of it has the slot `manual:` and this.
    pub id: String,
    /// What is asked for.
    pub verb: Verb,
    /// Of what: the name of a task or lane, the number of a run; empty for the whole desk.
    pub name: String,
    /// Why.
    pub reason: String,
    /// Who; empty in rows of the time before wishes had a name.
    pub operator: String,
    /// When it was wished.
    pub asked_at: Timestamp,
    /// When it was carried out or refused.
    pub done_at: Option<Timestamp>,
    /// What came of it: `run 17`, `skipped(overlap)`, or why it was refused.
    pub note: Option<String>,
}

/// A task or a lane that is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HoldRow {
    /// `task` or `lane`.
    pub kind: String,
    /// Which.
    pub name: String,
    /// Why.
    pub reason: String,
    /// Who.
    pub operator: String,
    /// Since when.
    pub since: Timestamp,
}

/// How many runs of a date came to one end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CountRow {
    /// The state.
    pub state: State,
    /// The reason, if there is one.
    pub reason: Option<Reason>,
    /// Rows.
    pub runs: u64,
    /// Slots: a row of missed slots stands for several.
    pub slots: u64,
}

/// One intent and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrderRow {
    /// The decision; carried out once, ever.
    pub decision_id: String,
    /// The id under which it goes to the broker.
    pub idempotency_key: String,
    /// When the intent was made.
    pub created_at: Timestamp,
    /// Where it stands.
    pub state: String,
    /// The broker's own id.
    pub broker_order_id: Option<String>,
    /// SHA-256 of the ticket.
    pub payload_hash: String,
}

/// Where a decision packet is found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PacketRow {
    /// Its name.
    pub packet_id: String,
    /// The decision.
    pub decision_id: String,
    /// The number of its fact, from 0.
    pub seq: u64,
    /// When it was decided.
    pub created_at: Timestamp,
    /// The date it belongs to.
    pub day: Date,
    /// `BUY`, `SELL`, `HOLD` or `SKIP`.
    pub decision: String,
    /// The refusal, or what decided the size.
    pub reason: String,
    /// Hash of its content.
    pub packet_hash: String,
}

/// What a function left, without its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ArtifactRow {
    /// Its name.
    pub name: String,
    /// The function that made it.
    pub function: String,
    /// The task that called the function.
    pub task: String,
    /// The desk's date.
    pub date: Date,
    /// When.
    pub at: Timestamp,
    /// Length of its content as JSON text, bytes.
    pub size: u64,
}

/// What the database says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct About {
    /// Its schema.
    pub schema: i64,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// When an instance last opened it to write.
    pub opened_at: Option<Timestamp>,
    /// The build of that instance.
    pub build: String,
    /// The configuration that was last written under.
    pub config: String,
    /// Rows of runs.
    pub runs: u64,
    /// Facts in the books.
    pub facts: u64,
}

/// Columns of a run, in the order that [`run_row`] reads; `c` is the table of configurations.
pub(crate) const RUN_COLUMNS: &str = "r.id, r.task, r.slot, r.slot_date, r.due_us, r.priority, r.state, r.reason, r.outcome, r.note, r.attempt, r.planned_us, \
     r.started_us, r.ended_us, r.retry_us, r.catchup, r.dst_shifted, r.covers, r.since_slot, c.hash";

/// Reads a run.
pub(crate) fn run_row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    Ok(RunRow {
        id: unsigned(row, 0)?,
        task: row.get(1)?,
        slot: row.get(2)?,
        slot_date: word(row, 3)?,
        due: instant(row, 4)?,
        priority: row.get(5)?,
        state: word(row, 6)?,
        reason: maybe_word(row, 7)?,
        outcome: row.get(8)?,
        note: row.get::<_, Option<String>>(9)?.unwrap_or_default(),
        attempt: row.get(10)?,
        planned_at: instant(row, 11)?,
        started_at: maybe_instant(row, 12)?,
        ended_at: maybe_instant(row, 13)?,
        retry_at: maybe_instant(row, 14)?,
        catchup: row.get(15)?,
        dst_shifted: row.get(16)?,
        covers: unsigned(row, 17)?,
        since_slot: row.get(18)?,
        config: row.get(19)?,
    })
}

/// Returns the date before a date.
pub(crate) fn day_before(date: Date) -> Option<Date> {
    date.yesterday().ok()
}

fn bad(column: usize, kind: Type, why: impl std::fmt::Display) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, kind, why.to_string().into())
}

/// Reads a whole number that cannot be negative.
pub(crate) fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|e| bad(column, Type::Integer, e))
}

/// Reads an instant.
pub(crate) fn instant(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    Timestamp::from_microsecond(row.get(column)?).map_err(|e| bad(column, Type::Integer, e))
}

/// Reads an instant that may be missing.
pub(crate) fn maybe_instant(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    let value: Option<i64> = row.get(column)?;
    value.map(Timestamp::from_microsecond).transpose().map_err(|e| bad(column, Type::Integer, e))
}

/// Reads something that is written as a word: a state, a reason, a date.
pub(crate) fn word<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    let text = row.get_ref(column)?.as_str().map_err(|e| bad(column, Type::Text, e))?;
    text.parse().map_err(|e| bad(column, Type::Text, e))
}

/// Reads a word that may be missing.
pub(crate) fn maybe_word<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    match row.get_ref(column)? {
        rusqlite::types::ValueRef::Null => Ok(None),
        _ => word(row, column).map(Some),
    }
}

/// A run on its way to the writer.
#[derive(Debug)]
pub(crate) struct RunWrite {
    pub id: u64,
    pub task: std::sync::Arc<str>,
    pub slot: String,
    pub slot_date: String,
    pub due_us: i64,
    pub priority: u8,
    pub state: State,
    pub reason: Option<Reason>,
    pub outcome: Option<&'static str>,
    pub note: Option<Note>,
    pub attempt: u32,
    pub planned_us: i64,
    pub started_us: Option<i64>,
    pub ended_us: Option<i64>,
    pub retry_us: Option<i64>,
    pub catchup: bool,
    pub dst_shifted: bool,
    pub covers: u64,
    pub since_slot: Option<String>,
}

impl RunWrite {
    pub(crate) fn new(run: &Run, task: std::sync::Arc<str>, slot_date: String) -> RunWrite {
        let us = |at: Timestamp| at.as_microsecond();
        RunWrite {
            id: run.id.0,
            task,
            slot: run.slot.to_string(),
            slot_date,
            due_us: us(run.due),
            priority: run.priority,
            state: run.state,
            reason: run.reason,
            outcome: run.outcome.as_ref().map(Outcome::word),
            note: run.outcome.as_ref().and_then(note_of),
            attempt: run.attempt,
            planned_us: us(run.planned_at),
            started_us: run.started_at.map(us),
            ended_us: run.ended_at.map(us),
            retry_us: run.retry_at.map(us),
            catchup: run.catchup,
            dst_shifted: run.dst_shifted,
            covers: run.covers,
            since_slot: run.since.map(|s| s.to_string()),
        }
    }
}

/// Returns what an outcome says, without copying fixed words.
pub(crate) fn note_of(outcome: &Outcome) -> Option<Note> {
    match outcome {
        Outcome::Ok(n) | Outcome::NoData(n) | Outcome::Unavailable(n) | Outcome::Gated(n) | Outcome::Error(n) => {
            (!n.is_empty()).then(|| n.clone())
        }
        Outcome::NotBuilt | Outcome::TimedOut | Outcome::Interrupted | Outcome::Lost => None,
    }
}
