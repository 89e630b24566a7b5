//! Wishes: what an operator asks of a running desk, and what stays in force of it.
//!
//! A wish is a row, so that every way of asking is the same: commands, the web, a script. Most become an input of the machine; what they set is a [`Hold`], which is stored
//! with the turn that obeyed it and outlives a restart. Nothing fires for the past when a hold ends.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use crate::task::{Lane, UnknownWord, words};

words! {
    /// What is asked for.
    Verb {
        /// Run a task now.
        Run = "run",
        /// Keep a task from running until it is resumed.
        Pause = "pause",
        /// Let a paused task run again.
        Resume = "resume",
        /// Leave out the next slot of a task.
        Skip = "skip",
        /// Keep a lane from starting anything.
        HaltLane = "halt_lane",
        /// Let a lane start again.
        ResumeLane = "resume_lane",
        /// Take a waiting run out, or tell a running one to stop.
        Cancel = "cancel",
        /// Take the kill switch back.
        Rearm = "rearm",
    }
}

/// One wish of an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// A ULID: the wish's own number, and the slot of a run that comes of it.
    pub id: u128,
    /// What is asked for.
    pub verb: Verb,
    /// Of what: the name of a task or lane, the number of a run; empty for the whole desk.
    pub name: String,
    /// Why.
    pub reason: String,
    /// Who.
    pub operator: String,
    /// When it was asked.
    pub asked_at: Timestamp,
}

/// What can be held.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Held {
    /// A task: its slots are skipped(paused).
    Task(String),
    /// A lane: its slots are skipped(halted), also those that wait.
    Lane(Lane),
}

impl Held {
    /// Returns the kind and the name, as columns have them.
    pub fn words(&self) -> (&'static str, &str) {
        match self {
            Held::Task(name) => ("task", name),
            Held::Lane(lane) => ("lane", lane.word()),
        }
    }

    /// Builds it back from its kind and name.
    ///
    /// # Errors
    /// [`UnknownWord`] when the kind is neither, or the lane is none.
    pub fn from_words(kind: &str, name: &str) -> Result<Held, UnknownWord> {
        match kind {
            "task" => Ok(Held::Task(name.to_owned())),
            "lane" => name.parse().map(Held::Lane),
            _ => Err(UnknownWord { word: kind.to_owned(), known: &["task", "lane"] }),
        }
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name) = self.words();
        write!(f, "{kind} {name}")
    }
}

/// A hold as it stands: set, or let go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// What.
    pub held: Held,
    /// Set; otherwise let go.
    pub on: bool,
    /// Why.
    pub reason: String,
    /// Who.
    pub operator: String,
    /// Since when.
    pub at: Timestamp,
}
