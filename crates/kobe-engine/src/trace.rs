//! The trace: one hash over everything that happened, in order.
//!
//! Two runs that did the same have the same hash. What differs between machines and moments of running (paths, process numbers, seconds on the wall) never enters.

use std::fmt::Write as _;

use kobe_plan::{Run, Task};
use sha2::{Digest, Sha256};

/// A running hash over rows.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    hash: Sha256,
    line: String,
    rows: u64,
}

impl Trace {
    /// Begins without a row.
    pub fn new() -> Trace {
        Trace::default()
    }

    /// Adds a run that has reached a terminal state.
    pub fn run(&mut self, task: &Task, run: &Run) {
        self.line.clear();
        let outcome = run.outcome.as_ref().map_or("", |o| o.word());
        let reason = run.reason.map_or("", |r| r.word());
        let _ = write!(
            self.line,
            "run|{}|{}|{}|{outcome}|{reason}|{}|{}",
            run.slot, task.name, run.state, run.attempt, run.covers
        );
        self.end_row();
    }

    /// Adds any other row: its kind and its content.
    pub fn row(&mut self, kind: &str, content: &str) {
        self.line.clear();
        self.line.push_str(kind);
        self.line.push('|');
        self.line.push_str(content);
        self.end_row();
    }

    fn end_row(&mut self) {
        // Length first: no content can imitate the border between two rows.
        self.hash.update((self.line.len() as u64).to_be_bytes());
        self.hash.update(self.line.as_bytes());
        self.rows += 1;
    }

    /// Returns how many rows there were.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Returns the hash so far, in hexadecimal.
    pub fn hash(&self) -> String {
        self.hash.clone().finalize().iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}
