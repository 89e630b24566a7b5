//! Ports: what the engine needs from outside.

use jiff::Timestamp;
use kobe_plan::scheduler::Recovered;
use kobe_plan::{Change, Desk, Slot};

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
}

/// What an operator wishes; a row, so that every way of wishing is the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// A ULID: the wish's own number and the slot of a run that comes of it.
    pub id: u128,
    /// The task that is to run now.
    pub task: String,
    /// Why.
    pub reason: String,
}

/// Keeps rows.
pub trait Store: Send {
    /// Returns what is known: cursors, runs that are not over, the next number.
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
}

impl Pulse for () {
    fn beat(&mut self, _: &Vitals) {}
}
