//! Vitals: how the engine is, as the planning loop last saw itself.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use kobe_plan::Lane;

/// How many errors are remembered.
pub const ERRORS_KEPT: usize = 10;

/// What waits and what runs in a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneLoad {
    /// The lane.
    pub lane: Lane,
    /// Runs that wait.
    pub waiting: usize,
    /// Runs on their way.
    pub running: usize,
    /// Runs that may be on their way.
    pub workers: usize,
    /// Runs that may wait.
    pub limit: usize,
}

/// A task and its next instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upcoming {
    /// When.
    pub at: Timestamp,
    /// Which task.
    pub task: String,
}

/// A failure that was seen lately.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastError {
    /// When.
    pub at: Timestamp,
    /// Which task.
    pub task: String,
    /// Which slot.
    pub slot: String,
    /// Which attempt.
    pub attempt: u32,
    /// What it said.
    pub error: String,
}

/// How the engine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vitals {
    /// When the process began.
    pub started_at: Timestamp,
    /// When the planning loop last completed a turn.
    pub beat_at: Timestamp,
    /// The latest instant that the machine has seen; it lies ahead while the clock, which was set back, has not caught up.
    pub latest: Timestamp,
    /// Turns of the planning loop.
    pub cycles: u64,
    /// Starts and ends are being accepted.
    pub ready: bool,
    /// Since when the disk is full and nothing can be stored.
    pub disk_full: Option<Timestamp>,
    /// The task that was started last.
    pub last_task: String,
    /// Identity of the configuration.
    pub config: String,
    /// Lanes, in order.
    pub lanes: Vec<LaneLoad>,
    /// The next instants, soonest first.
    pub upcoming: Vec<Upcoming>,
    /// Slots due within the hour.
    pub due_next_hour: usize,
    /// How many runs came to each end since the process began: `completed`, `failed`, or the reason of a skip.
    pub ends: BTreeMap<String, u64>,
    /// The latest failures, newest last.
    pub last_errors: VecDeque<LastError>,
    /// Results that came too late to count.
    pub stale_results: u64,
    /// Starts, and the sum and the greatest of their lateness in microseconds.
    pub starts: u64,
    /// Sum of the lateness of all starts, microseconds.
    pub lateness_sum_us: u64,
    /// The greatest lateness of a start that was not a catch-up, microseconds.
    pub lateness_max_us: u64,
}

impl Vitals {
    /// Begins at an instant.
    pub fn new(at: Timestamp, config: &str) -> Vitals {
        Vitals {
            started_at: at,
            beat_at: at,
            latest: at,
            cycles: 0,
            ready: false,
            disk_full: None,
            last_task: String::new(),
            config: config.to_owned(),
            lanes: Vec::new(),
            upcoming: Vec::new(),
            due_next_hour: 0,
            ends: BTreeMap::new(),
            last_errors: VecDeque::new(),
            stale_results: 0,
            starts: 0,
            lateness_sum_us: 0,
            lateness_max_us: 0,
        }
    }

    /// Returns how many runs wait over all lanes.
    pub fn waiting(&self) -> usize {
        self.lanes.iter().map(|l| l.waiting).sum()
    }

    /// Returns how many runs are on their way over all lanes.
    pub fn running(&self) -> usize {
        self.lanes.iter().map(|l| l.running).sum()
    }

    pub(crate) fn remember(&mut self, error: LastError) {
        if self.last_errors.len() == ERRORS_KEPT {
            self.last_errors.pop_front();
        }
        self.last_errors.push_back(error);
    }
}

/// Where the planning loop leaves its vitals for others to read. The loop never waits for a reader for longer than a copy takes.
#[derive(Debug, Clone)]
pub struct VitalsBoard(Arc<Mutex<Vitals>>);

impl VitalsBoard {
    /// Begins with the given vitals.
    pub fn new(vitals: Vitals) -> VitalsBoard {
        VitalsBoard(Arc::new(Mutex::new(vitals)))
    }

    /// Returns a copy of the latest vitals.
    pub fn read(&self) -> Vitals {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn write(&self, vitals: &Vitals) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone_from(vitals);
    }
}
