//! Desks: what an operator declared, read from TOML and fully resolved.
//!
//! Reading never stops at the first mistake: every file is read to its end and all [`Problem`]s come back at once, each with its place, its cause and what to do.
//! A desk exists only if there was no error. Start at [`Desk::parse`].

mod fields;
mod lint;
mod problem;
mod read;
mod reader;
mod schema;
mod venues;

pub use problem::{Problem, Severity};
pub use schema::schema;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use kobe_calendar::Market;

use crate::task::{Lane, Task, TaskIx, TradeRight};
use crate::trigger::Window;

/// The version of the format that this build reads.
pub const SCHEMA: i64 = 1;

/// A desk file: its name as shown to people, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Name, relative to the desk's directory.
    pub name: String,
    /// Content.
    pub text: String,
}

/// What a task inherits from the function it calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionSpec {
    /// Its lane.
    pub lane: Lane,
    /// What it may do to positions.
    pub right: TradeRight,
    /// It means something only on a session day.
    pub session_bound: bool,
    /// At most one heavy run at a time.
    pub heavy: bool,
    /// The time one attempt may take.
    pub timeout: SignedDuration,
    /// Its stage of the day's flow.
    pub stage: Option<u8>,
    /// Functions that must have ended first.
    pub after: Vec<String>,
}

/// The functions that tasks may call, by name.
pub type Catalog = BTreeMap<String, FunctionSpec>;

/// The size of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneSpec {
    /// Runs at the same time.
    pub workers: usize,
    /// Runs that may wait.
    pub queue: usize,
}

/// A group of tasks, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// The named window it belongs to.
    pub window: Option<String>,
}

/// A desk: all tasks, windows and lanes, resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct Desk {
    /// Its name.
    pub name: String,
    /// The time zone of its clock.
    pub zone: String,
    /// The exchange whose sessions it follows.
    pub exchange: String,
    /// Sizes, in the order of [`Lane::ALL`].
    pub lanes: [LaneSpec; 5],
    /// Named parts of the day.
    pub windows: Vec<Arc<Window>>,
    /// Groups, in the order of the files.
    pub groups: Vec<Group>,
    /// Tasks, in the order of the files.
    pub tasks: Vec<Task>,
    /// SHA-256 of the files, in hexadecimal: the identity of this configuration.
    pub hash: String,
    /// The files that it was read from, so that whatever ran under it can be understood, and lived again, later.
    pub files: Arc<[SourceFile]>,
    by_name: BTreeMap<String, TaskIx>,
}

impl Desk {
    /// Reads desk files, in order, against the functions that exist.
    ///
    /// # Errors
    /// Every mistake found, each with its place; at least one of them is an error.
    pub fn parse(files: &[SourceFile], catalog: &Catalog) -> Result<Desk, Vec<Problem>> {
        read::desk(files, catalog)
    }

    /// Looks for tasks that would never run, words that can never match and tasks that collide; nothing here keeps a desk from running.
    pub fn lint(&self, files: &[SourceFile], market: &Arc<Market>, from: jiff::Timestamp) -> Vec<Problem> {
        lint::lint(self, files, market, from)
    }

    /// Returns the task at a place.
    pub fn task(&self, ix: TaskIx) -> &Task {
        &self.tasks[ix.at()]
    }

    /// Returns the place of a task.
    pub fn find(&self, name: &str) -> Option<TaskIx> {
        self.by_name.get(name).copied()
    }

    /// Returns the name closest to one that does not exist.
    pub fn closest(&self, name: &str) -> Option<&str> {
        problem::closest(name, self.by_name.keys().map(String::as_str))
    }

    /// Returns places and tasks, in order.
    pub fn iter(&self) -> impl Iterator<Item = (TaskIx, &Task)> {
        self.tasks.iter().enumerate().map(|(i, t)| (TaskIx(i as u32), t))
    }

    /// Returns the size of a lane.
    pub fn lane(&self, lane: Lane) -> LaneSpec {
        self.lanes[lane as usize]
    }
}

#[cfg(test)]
mod tests;
