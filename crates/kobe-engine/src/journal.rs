//! The journal: everything that went into the machine, so that a day can be lived again.
//!
//! Rule: a row is stored in the transaction of what came of it, so whatever is acknowledged can be explained. A segment begins with the machine as it stood (at a start, at
//! midnight of the desk, after a reload) and goes on turn by turn; each turn carries a digest of what came out. Living a segment again gives the same digests, or names the
//! first turn that differs. Start at [`Replay`].

use std::fmt::Write as _;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use kobe_calendar::Market;
use kobe_plan::scheduler::{Order, Settings, Snapshot, SnapshotError};
use kobe_plan::wish::Verb;
use kobe_plan::{Change, Desk, Input, Lane, Outcome, RunId, Scheduler, Slot, Turn};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::ports::JournalRow;

/// Why a segment begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The process started.
    Start,
    /// A new day of the desk; the machine is the one of the day before.
    Day,
    /// Another desk is in force.
    Reload,
}

/// The first row of a segment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Begin {
    /// Why it begins.
    pub why: Why,
    /// Name and version of the build that wrote it.
    pub build: String,
    /// Identity of the desk.
    pub desk: String,
    /// Version of the market calendar.
    pub calendar: String,
    /// Version of the time zone data.
    pub tzdb: String,
    /// Runs at the same time over all lanes; nothing for no limit.
    pub total: Option<usize>,
    /// How long before its instant a start may be stored, milliseconds.
    pub arm_ahead_ms: i64,
    /// How long a run waits for what must have ended before it, milliseconds.
    pub gate_timeout_ms: i64,
    /// The machine.
    pub machine: Snapshot,
}

impl Begin {
    pub(crate) fn new(why: Why, build: &str, scheduler: &Scheduler) -> Begin {
        let (settings, market) = (scheduler.settings(), scheduler.market());
        Begin {
            why,
            build: build.to_owned(),
            desk: scheduler.desk().hash.clone(),
            calendar: market.version().to_owned(),
            tzdb: market.tzdb_version().to_owned(),
            total: (settings.total != usize::MAX).then_some(settings.total),
            arm_ahead_ms: settings.arm_ahead.as_millis() as i64,
            gate_timeout_ms: settings.gate_timeout.as_millis() as i64,
            machine: scheduler.snapshot(),
        }
    }

    pub(crate) fn row(&self, at: Timestamp) -> JournalRow {
        let body = serde_json::to_string(self).expect("a machine is plain JSON");
        JournalRow { at, begins: true, digest: short(&body), body }
    }

    fn settings(&self) -> Settings {
        Settings {
            total: self.total.unwrap_or(usize::MAX),
            arm_ahead: SignedDuration::from_millis(self.arm_ahead_ms),
            gate_timeout: SignedDuration::from_millis(self.gate_timeout_ms),
        }
    }
}

/// Writes inputs, in order, as one compact line.
pub(crate) fn write_inputs(desk: &Desk, inputs: &[Input]) -> String {
    if inputs.is_empty() {
        return "[]".to_owned();
    }
    let name = |ix| desk.task(ix).name.as_str();
    let rows: Vec<Value> = inputs
        .iter()
        .map(|input| match input {
            Input::Ended { run, attempt, outcome } => json!(["end", run.0, attempt, outcome.word(), outcome.note()]),
            Input::RunNow { id, task } => json!(["run", Slot::Manual { id: *id }.to_string(), name(*task)]),
            Input::Asked { id, order, reason, operator } => {
                let (verb, of) = match order {
                    Order::Pause(ix) => (Verb::Pause, name(*ix).to_owned()),
                    Order::Resume(ix) => (Verb::Resume, name(*ix).to_owned()),
                    Order::Skip(ix) => (Verb::Skip, name(*ix).to_owned()),
                    Order::HaltLane(lane) => (Verb::HaltLane, lane.to_string()),
                    Order::ResumeLane(lane) => (Verb::ResumeLane, lane.to_string()),
                    Order::Cancel(run) => (Verb::Cancel, run.to_string()),
                };
                json!(["ask", Slot::Manual { id: *id }.to_string(), verb, of, reason, operator])
            }
            Input::GivenBack { run, attempt } => json!(["back", run.0, attempt]),
            Input::Drain => json!(["drain"]),
        })
        .collect();
    Value::Array(rows).to_string()
}

fn read_inputs(desk: &Desk, body: &str) -> Result<Vec<Input>, String> {
    let rows: Vec<Value> = serde_json::from_str(body).map_err(|e| e.to_string())?;
    rows.iter().map(|row| read_input(desk, row).ok_or_else(|| format!("no input: {row}"))).collect()
}

fn read_input(desk: &Desk, row: &Value) -> Option<Input> {
    let text = |i: usize| row.get(i)?.as_str();
    let number = |i: usize| row.get(i)?.as_u64();
    let id = |i: usize| match text(i)?.parse().ok()? {
        Slot::Manual { id } => Some(id),
        _ => None,
    };
    Some(match text(0)? {
        "end" => Input::Ended {
            run: RunId(number(1)?),
            attempt: number(2)?.try_into().ok()?,
            outcome: Outcome::from_word(text(3)?, text(4)?.to_owned()).ok()?,
        },
        "run" => Input::RunNow { id: id(1)?, task: desk.find(text(2)?)? },
        "ask" => {
            let of = text(3)?;
            let order = order_of(desk, text(2)?.parse().ok()?, of).ok()?;
            Input::Asked { id: id(1)?, order, reason: text(4)?.to_owned(), operator: text(5)?.to_owned() }
        }
        "back" => Input::GivenBack { run: RunId(number(1)?), attempt: number(2)?.try_into().ok()? },
        "drain" => Input::Drain,
        _ => return None,
    })
}

/// Returns the order of a wish.
///
/// # Errors
/// A sentence, when the desk has no such task, lane or run, or the verb is none of the machine's.
pub(crate) fn order_of(desk: &Desk, verb: Verb, of: &str) -> Result<Order, String> {
    let task = || {
        desk.find(of).ok_or_else(|| match desk.closest(of) {
            Some(near) => format!("the desk has no task {of}; did you mean {near}?"),
            None => format!("the desk has no task {of}"),
        })
    };
    let lane = || of.parse::<Lane>().map_err(|e| e.to_string());
    Ok(match verb {
        Verb::Pause => Order::Pause(task()?),
        Verb::Resume => Order::Resume(task()?),
        Verb::Skip => Order::Skip(task()?),
        Verb::HaltLane => Order::HaltLane(lane()?),
        Verb::ResumeLane => Order::ResumeLane(lane()?),
        Verb::Cancel => Order::Cancel(of.parse().map_err(|_| format!("`{of}` is no number of a run"))?),
        Verb::Run | Verb::Rearm => return Err(format!("`{verb}` is no order to the machine")),
    })
}

/// Returns the digest of what came out of a turn, over fixed fields in a fixed order: the words for people are not part of it, so they may be written better.
pub(crate) fn digest(desk: &Desk, turn: &Turn) -> String {
    let mut text = String::with_capacity(64 * (turn.changes.len() + turn.starts.len()));
    let name = |ix| desk.task(ix).name.as_str();
    let us = |at: Option<Timestamp>| at.map_or(-1, |t| t.as_microsecond());
    for change in &turn.changes {
        let _ = match change {
            Change::Run(r) => writeln!(
                text,
                "run|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}",
                r.id,
                name(r.task),
                r.slot,
                r.due.as_microsecond(),
                r.state,
                r.reason.map_or("", |r| r.word()),
                r.outcome.as_ref().map_or("", Outcome::word),
                r.attempt,
                us(r.started_at),
                us(r.ended_at),
                us(r.retry_at),
                r.covers
            ),
            Change::Cursor(c) => writeln!(
                text,
                "cursor|{}|{}|{}|{}",
                name(c.task),
                c.planned_to.as_microsecond(),
                c.turns,
                us(c.last_turn)
            ),
            Change::WishDone { id, .. } => writeln!(text, "wish|{}", Slot::Manual { id: *id }),
            Change::Alert(a) => writeln!(text, "alert|{}|{}|{}|{}", a.kind, a.severity, a.cause, a.recovery),
            Change::Hold(h) => writeln!(text, "hold|{}|{}", h.held, h.on),
            Change::Orphan { id, .. } => writeln!(text, "orphan|{id}"),
        };
    }
    for s in &turn.starts {
        let _ = writeln!(text, "start|{}|{}", s.run, s.attempt);
    }
    for stop in &turn.stops {
        let _ = writeln!(text, "stop|{stop}");
    }
    short(&text)
}

fn short(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    hash.iter().take(8).fold(String::with_capacity(16), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Returns one hash over the recorded digests of rows, in order: what [`Replayed::recorded`] is when they were lived again, without living them.
pub fn recorded_hash(rows: &[JournalRow]) -> String {
    let mut hash = Sha256::new();
    for row in rows.iter().filter(|row| !row.begins) {
        take(&mut hash, row.at, &row.digest);
    }
    hex(hash)
}

fn take(hash: &mut Sha256, at: Timestamp, digest: &str) {
    hash.update(at.as_microsecond().to_be_bytes());
    hash.update(digest.as_bytes());
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// What living a journal again gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// Segments.
    pub segments: usize,
    /// Turns.
    pub turns: u64,
    /// Inputs.
    pub inputs: u64,
    /// One hash over the recorded digests, in order.
    pub recorded: String,
    /// One hash over the digests of this life; the same, if nothing differs.
    pub replayed: String,
    /// The first turn that differs.
    pub differs: Option<Difference>,
}

/// A turn that came out otherwise than it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its instant.
    pub at: Timestamp,
    /// Which turn of the journal, from 1.
    pub turn: u64,
    /// Its inputs.
    pub inputs: String,
    /// What was recorded.
    pub recorded: String,
    /// What came out now; empty for a machine that was not the recorded one at the beginning of a day.
    pub replayed: String,
}

/// Why a journal cannot be lived again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// Its first row is no beginning.
    #[error("the journal has no beginning: its first row is a turn of {0}")]
    NoBeginning(Timestamp),
    /// A row cannot be read.
    #[error("the row of {at} cannot be read: {why}")]
    Row {
        /// Its instant.
        at: Timestamp,
        /// What is wrong.
        why: String,
    },
    /// The desk of a segment is not known.
    #[error("the desk {0} is not known: its files were not kept")]
    Desk(String),
    /// A segment is of another calendar than this build's.
    #[error("the segment of {at} was lived with {then}, this build has {now}")]
    Versions {
        /// Its beginning.
        at: Timestamp,
        /// Calendar and time zone data then.
        then: String,
        /// And now.
        now: String,
    },
    /// The machine of a segment cannot be built.
    #[error(transparent)]
    Machine(#[from] SnapshotError),
}

/// Shows a turn with what came out of it.
pub type See<'a> = dyn FnMut(Timestamp, &Desk, &Turn) + 'a;

/// Lives a journal again, row by row.
pub struct Replay<'a> {
    desk_of: &'a dyn Fn(&str) -> Option<Arc<Desk>>,
    market: &'a Arc<Market>,
    see: &'a mut See<'a>,
    machine: Option<Scheduler>,
    recorded: Sha256,
    replayed: Sha256,
    told: Replayed,
}

impl<'a> Replay<'a> {
    /// Begins; every turn is shown to `see`.
    pub fn new(
        desk_of: &'a dyn Fn(&str) -> Option<Arc<Desk>>,
        market: &'a Arc<Market>,
        see: &'a mut See<'a>,
    ) -> Replay<'a> {
        let (recorded, replayed) = (String::new(), String::new());
        let told = Replayed { segments: 0, turns: 0, inputs: 0, recorded, replayed, differs: None };
        Replay { desk_of, market, see, machine: None, recorded: Sha256::new(), replayed: Sha256::new(), told }
    }

    /// Lives the next row.
    ///
    /// # Errors
    /// [`ReplayError`], when it cannot be lived at all; that it came out otherwise is an answer, not an error.
    pub fn feed(&mut self, row: &JournalRow) -> Result<(), ReplayError> {
        if row.begins { self.begin(row) } else { self.turn(row) }
    }

    fn begin(&mut self, row: &JournalRow) -> Result<(), ReplayError> {
        let begin: Begin =
            serde_json::from_str(&row.body).map_err(|e| ReplayError::Row { at: row.at, why: e.to_string() })?;
        let then = format!("calendar {}, time zones {}", begin.calendar, begin.tzdb);
        let now = format!("calendar {}, time zones {}", self.market.version(), self.market.tzdb_version());
        if then != now {
            return Err(ReplayError::Versions { at: row.at, then, now });
        }
        let is_another = self.machine.as_ref().is_some_and(|m| m.snapshot() != begin.machine);
        if begin.why == Why::Day && is_another && self.told.differs.is_none() {
            self.told.differs = Some(Difference {
                at: row.at,
                turn: self.told.turns,
                inputs: "(the machine at the beginning of the day)".to_owned(),
                recorded: row.digest.clone(),
                replayed: String::new(),
            });
        }
        let desk = (self.desk_of)(&begin.desk).ok_or_else(|| ReplayError::Desk(begin.desk.clone()))?;
        let settings = begin.settings();
        self.machine = Some(Scheduler::restore(desk, Arc::clone(self.market), settings, begin.machine)?);
        self.told.segments += 1;
        Ok(())
    }

    fn turn(&mut self, row: &JournalRow) -> Result<(), ReplayError> {
        let machine = self.machine.as_mut().ok_or(ReplayError::NoBeginning(row.at))?;
        let desk = Arc::clone(machine.desk());
        let inputs = read_inputs(&desk, &row.body).map_err(|why| ReplayError::Row { at: row.at, why })?;
        self.told.turns += 1;
        self.told.inputs += inputs.len() as u64;
        let turn = machine.step(row.at, inputs);
        (self.see)(row.at, &desk, &turn);
        let came = digest(&desk, &turn);
        take(&mut self.recorded, row.at, &row.digest);
        take(&mut self.replayed, row.at, &came);
        if came != row.digest && self.told.differs.is_none() {
            self.told.differs = Some(Difference {
                at: row.at,
                turn: self.told.turns,
                inputs: row.body.clone(),
                recorded: row.digest.clone(),
                replayed: came,
            });
        }
        Ok(())
    }

    /// Returns what came of it.
    pub fn end(mut self) -> Replayed {
        self.told.recorded = hex(self.recorded);
        self.told.replayed = hex(self.replayed);
        self.told
    }
}

/// Lives rows again, in order.
///
/// # Errors
/// As [`Replay::feed`].
pub fn replay(
    rows: &[JournalRow],
    desk_of: &dyn Fn(&str) -> Option<Arc<Desk>>,
    market: &Arc<Market>,
    see: &mut See<'_>,
) -> Result<Replayed, ReplayError> {
    let mut again = |at: Timestamp, desk: &Desk, turn: &Turn| see(at, desk, turn);
    let mut replay = Replay::new(desk_of, market, &mut again);
    for row in rows {
        replay.feed(row)?;
    }
    Ok(replay.end())
}
