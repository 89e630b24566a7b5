//! Ports: what the engine needs from outside.

use std::sync::Arc;

use jiff::Timestamp;
use kobe_plan::scheduler::Recovered;
use kobe_plan::{Alert, Change, Desk, Slot, Wish};

use crate::vitals::Vitals;

/// All changes of one turn; they are stored together or not at all.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// The desk, for the names and settings of its tasks.
    pub desk: &'a Desk,
    /// The instant of the turn.
    pub at: Timestamp,
    /// The changes, in order.
    pub changes: &'a [Change],
    /// What led to them, to be kept in the same transaction: turns that changed nothing and came before, then this one.
    pub journal: &'a [JournalRow],
}

/// One row of the journal: what went into the machine, and what came out of it in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRow {
    /// When.
    pub at: Timestamp,
    /// The machine as it stood begins here; otherwise it is one turn of it.
    pub begins: bool,
    /// The inputs, or the machine, as JSON.
    pub body: String,
    /// The first 16 hexadecimal digits of the SHA-256 of what came out.
    pub digest: String,
}

/// Keeps rows.
pub trait Store: Send {
    /// Returns what is known: cursors, runs that are not over, the next number, holds, and how runs of the last two days ended that others may wait for.
    ///
    /// # Errors
    /// [`StoreError`] when the rows cannot be read.
    fn recover(&mut self) -> Result<Recovered, StoreError>;

    /// Returns the slots that have a row although they are due after an instant: asked once at the start, for the clock may have been ahead when they were written.
    ///
    /// # Errors
    /// [`StoreError`] when the rows cannot be read.
    fn slots_after(&mut self, now: Timestamp) -> Result<Vec<(String, Slot)>, StoreError>;

    /// Stores all changes of a turn in one transaction. When it returns, they are durable.
    ///
    /// A run is written only over a row that is not terminal and has the same slot; a slot that exists under another number is [`StoreError::Conflict`].
    ///
    /// # Errors
    /// [`StoreError`], and nothing of the batch is stored.
    fn commit(&mut self, batch: &Batch<'_>) -> Result<(), StoreError>;

    /// Returns the wishes that are not done. Cheap when there are none.
    ///
    /// # Errors
    /// [`StoreError`] when the rows cannot be read.
    fn wishes(&mut self) -> Result<Vec<Wish>, StoreError>;
}

/// An alert that is stored and was not told yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsent {
    /// Its number; rises.
    pub id: u64,
    /// What it says.
    pub alert: Alert,
}

/// Keeps alerts until they are told. Alerts of a turn come with its changes ([`Change::Alert`]); all others are raised here.
pub trait Outbox: Send {
    /// Stores alerts in a transaction of their own. When it returns, they are durable.
    ///
    /// # Errors
    /// [`StoreError`], and none is stored.
    fn raise(&mut self, alerts: &[Alert]) -> Result<(), StoreError>;

    /// Returns alerts that were not told yet, with a number greater than `after`, oldest first, at most `limit`. Cheap when there are none.
    ///
    /// # Errors
    /// [`StoreError`] when the rows cannot be read.
    fn unsent(&mut self, after: u64, limit: usize) -> Result<Vec<Unsent>, StoreError>;

    /// Notes that alerts were told through a channel.
    ///
    /// # Errors
    /// [`StoreError`]; they are told again after a restart.
    fn told(&mut self, ids: &[u64], channel: &str, at: Timestamp) -> Result<(), StoreError>;
}

/// What became of a message that was given to a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// The other side has it.
    Sent,
    /// Not now; the other side may have named a wait.
    Later {
        /// How long to wait, if it said so.
        after: Option<std::time::Duration>,
        /// What happened; never holds a secret.
        why: String,
    },
    /// It will not work until a person mends the settings: a wrong token, an unknown chat.
    Refused {
        /// What was said; never holds a secret.
        why: String,
    },
}

/// A way to a person.
pub trait Channel: Send {
    /// Returns its name, as settings and rows have it.
    fn name(&self) -> &str;

    /// Gives it one message and waits for the answer, for as long as its own time limit.
    fn send(&mut self, text: &str, severity: kobe_plan::alert::Severity) -> Delivery;
}

/// Why rows could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No space is left.
    #[error("the disk is full: {0}")]
    Full(String),
    /// The device failed.
    #[error("the storage failed: {0}")]
    Io(String),
    /// Someone else held it for too long.
    #[error("the database is busy: {0}")]
    Busy(String),
    /// What is there cannot be what was written.
    #[error("the database is damaged: {0}")]
    Corrupt(String),
    /// It was written by a newer Kobe.
    #[error("the database has schema {found}, this build knows {known}")]
    Newer {
        /// The schema found.
        found: i64,
        /// The newest schema this build knows.
        known: i64,
    },
    /// The rows contradict the batch: someone else wrote, or a terminal row would change.
    #[error("the rows contradict the change: {0}")]
    Conflict(String),
}

/// Shows that the planning loop lives. Called by that loop only, once a turn.
pub trait Pulse: Send {
    /// Shows the state after a turn.
    fn beat(&mut self, vitals: &Vitals);

    /// Learns that another desk is in force, before its first turn.
    fn reloaded(&mut self, desk: &Arc<Desk>);
}

impl Pulse for () {
    fn beat(&mut self, _: &Vitals) {}

    fn reloaded(&mut self, _: &Arc<Desk>) {}
}
