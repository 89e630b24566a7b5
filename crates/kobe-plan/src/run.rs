//! Runs: the durable life of one admitted occurrence.
//!
//! A run is born pending or skipped, is claimed (running), and ends completed, failed or skipped. Terminal states never change. A store keeps whole rows: each
//! [`Change::Run`] is the row as it stands after the move, to be written only over a row that is not terminal and belongs to the same slot.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use crate::alert::Alert;
use crate::slot::Slot;
use crate::task::{TaskIx, UnknownWord, words};
use crate::wish::Hold;

/// The number of a run; rises, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u64);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

words! {
    /// The five states of a run.
    State { Pending = "pending", Running = "running", Completed = "completed", Failed = "failed", Skipped = "skipped" }
}

impl State {
    /// Tells whether nothing can follow.
    pub const fn is_terminal(self) -> bool {
        matches!(self, State::Completed | State::Failed | State::Skipped)
    }
}

words! {
    /// Why something did not run or did not end well. A closed list: whatever does not run has one of these.
    Reason {
        Holiday = "holiday", EarlyClose = "early_close", LateOpen = "late_open", Phase = "phase", Mode = "mode", Day = "day", Overlap = "overlap", Paused = "paused",
        Disabled = "disabled", GraceExpired = "grace_expired", UselessAfter = "useless_after", QueueFull = "queue_full", UpstreamFailed = "upstream_failed", Gate = "gate",
        GateTimeout = "gate_timeout", Halted = "halted", DstGap = "dst_gap", Cooldown = "cooldown", Horizon = "horizon", Operator = "operator",
        Interrupted = "interrupted", Lost = "lost", Held = "held", Unavailable = "unavailable", Profile = "profile", NotBuilt = "not_built",
    }
}

/// A short text; most are fixed words, so cloning costs nothing.
pub type Note = Cow<'static, str>;

/// What one attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It did its work.
    Ok(Note),
    /// It did its work, and there was nothing to do it on.
    NoData(Note),
    /// Something it needs does not exist here; the note names it.
    Unavailable(Note),
    /// A rule of the desk kept it from acting.
    Gated(Note),
    /// The function is registered and not built.
    NotBuilt,
    /// It ran longer than it may.
    TimedOut,
    /// It failed.
    Error(Note),
    /// It was told to stop, and did.
    Interrupted,
    /// Its end is not known.
    Lost,
}

impl Outcome {
    /// Returns the word of this outcome, as columns and JSON have it.
    pub const fn word(&self) -> &'static str {
        match self {
            Outcome::Ok(_) => "ok",
            Outcome::NoData(_) => "no_data",
            Outcome::Unavailable(_) => "unavailable",
            Outcome::Gated(_) => "gated",
            Outcome::NotBuilt => "not_built",
            Outcome::TimedOut => "timed_out",
            Outcome::Error(_) => "error",
            Outcome::Interrupted => "interrupted",
            Outcome::Lost => "lost",
        }
    }

    /// Returns what the attempt said, if anything.
    pub fn note(&self) -> &str {
        match self {
            Outcome::Ok(n) | Outcome::NoData(n) | Outcome::Unavailable(n) | Outcome::Gated(n) | Outcome::Error(n) => n,
            Outcome::NotBuilt | Outcome::TimedOut | Outcome::Interrupted | Outcome::Lost => "",
        }
    }

    /// Builds an outcome back from its word and note.
    ///
    /// # Errors
    /// [`UnknownWord`] when the word is none of an outcome.
    pub fn from_word(word: &str, note: String) -> Result<Outcome, UnknownWord> {
        let note = Note::Owned(note);
        Ok(match word {
            "ok" => Outcome::Ok(note),
            "no_data" => Outcome::NoData(note),
            "unavailable" => Outcome::Unavailable(note),
            "gated" => Outcome::Gated(note),
            "not_built" => Outcome::NotBuilt,
            "timed_out" => Outcome::TimedOut,
            "error" => Outcome::Error(note),
            "interrupted" => Outcome::Interrupted,
            "lost" => Outcome::Lost,
            _ => {
                return Err(UnknownWord {
                    word: word.to_owned(),
                    known: &[
                        "ok",
                        "no_data",
                        "unavailable",
                        "gated",
                        "not_built",
                        "timed_out",
                        "error",
                        "interrupted",
                        "lost",
                    ],
                });
            }
        })
    }
}

/// One row of the table of runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its number.
    pub id: RunId,
    /// Whose run.
    pub task: TaskIx,
    /// Its slot; unique with the task.
    pub slot: Slot,
    /// When the slot is due.
    pub due: Timestamp,
    /// Priority of the firing, 1 to 10.
    pub priority: u8,
    /// Where it stands.
    pub state: State,
    /// Why it did not run, did not end well, or waits.
    pub reason: Option<Reason>,
    /// What the last attempt came to.
    pub outcome: Option<Outcome>,
    /// Attempts begun.
    pub attempt: u32,
    /// When the row was made.
    pub planned_at: Timestamp,
    /// When the last attempt begins or began. In the future only for a run that is armed ahead of its instant.
    pub started_at: Option<Timestamp>,
    /// When it reached a terminal state.
    pub ended_at: Option<Timestamp>,
    /// When the next attempt is due.
    pub retry_at: Option<Timestamp>,
    /// It makes good for time in which nobody was there.
    pub catchup: bool,
    /// The declared time did not exist that day.
    pub dst_shifted: bool,
    /// How many slots of the task this row stands for: more than one only for a range of missed slots that ends with this slot.
    pub covers: u64,
    /// The first slot of such a range.
    pub since: Option<Slot>,
}

/// How far a task has been planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CursorRow {
    /// Whose.
    pub task: TaskIx,
    /// Every slot due at or before this instant has a row.
    pub planned_to: Timestamp,
    /// Turns of a context-driven task so far.
    pub turns: u64,
    /// When its last turn started or was skipped.
    pub last_turn: Option<Timestamp>,
}

/// One fact to be stored. All changes of a turn are one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The row of a run as it stands now.
    Run(Run),
    /// How far a task has been planned.
    Cursor(CursorRow),
    /// An operator's wish has been carried out or refused.
    WishDone {
        /// The wish.
        id: u128,
        /// What came of it.
        note: Note,
    },
    /// A person must be told.
    Alert(Alert),
    /// A task or a lane is held, or let go; the store keeps who and why in its audit.
    Hold(Hold),
    /// A run of a task that the desk no longer has.
    Orphan {
        /// The run.
        id: RunId,
        /// When it was closed.
        at: Timestamp,
    },
}

impl FromStr for RunId {
    type Err = std::num::ParseIntError;

    fn from_str(s: &str) -> Result<RunId, Self::Err> {
        s.parse().map(RunId)
    }
}
