//! Handlers: what does the work of an attempt.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use kobe_plan::{Desk, Outcome, RunId, Slot, Task, TaskIx};

/// One attempt of one run, as its handler sees it.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The run.
    pub run: RunId,
    /// The desk, to find the task in.
    pub desk: Arc<Desk>,
    /// The task.
    pub task: TaskIx,
    /// The slot.
    pub slot: Slot,
    /// When the slot was due.
    pub due: Timestamp,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// It makes good for time in which nobody was there.
    pub catchup: bool,
    /// When the attempt began.
    pub now: Timestamp,
}

impl Attempt {
    /// Returns the declaration of the task.
    pub fn task(&self) -> &Task {
        self.desk.task(self.task)
    }
}

/// Does the work of attempts. Called on a worker thread; may take as long as the task's timeout, and looks at `stop` if it takes longer than a moment.
pub trait Handler: Send + Sync {
    /// Performs one attempt.
    fn run(&self, attempt: &Attempt, stop: &Stop) -> Outcome;
}

/// Why an attempt is told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopCause {
    /// Its time is over, or a newer run replaces it.
    Timeout,
    /// The engine shuts down.
    Shutdown,
}

#[derive(Debug, Default)]
struct Inner {
    cause: Mutex<Option<StopCause>>,
    told: Condvar,
}

/// The word to stop, shared by the engine that says it and the handler that hears it.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<Inner>);

impl Stop {
    fn cause_mut(&self) -> MutexGuard<'_, Option<StopCause>> {
        self.0.cause.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says the word; the first cause counts.
    pub fn tell(&self, cause: StopCause) {
        self.cause_mut().get_or_insert(cause);
        self.0.told.notify_all();
    }

    /// Returns the cause, if the word was said.
    pub fn told(&self) -> Option<StopCause> {
        *self.cause_mut()
    }

    /// Waits until the word is said, at most so long.
    pub fn wait(&self, at_most: Duration) -> Option<StopCause> {
        let guard = self.cause_mut();
        let (guard, _) = self
            .0
            .told
            .wait_timeout_while(guard, at_most, |cause| cause.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        *guard
    }
}
