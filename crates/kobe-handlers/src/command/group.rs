//! Process groups: signals to all of them, and proof that none is left.

use std::fs;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

/// How long the first look at a dying group waits for the next.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// The group that a started program leads.
#[derive(Debug)]
pub(super) struct Group(Pid);

impl Group {
    /// Returns the group of a child that was started as the leader of one.
    pub(super) fn led_by(child: &Child) -> Group {
        Group(Pid::from_child(child))
    }

    /// Returns the process that leads it.
    pub(super) fn leader(&self) -> Pid {
        self.0
    }

    /// Sends a signal to all of it. Only while its leader is not reaped: until then its number belongs to nobody else.
    pub(super) fn signal(&self, signal: Signal) {
        // A group that is gone needs no signal.
        let _ = kill_process_group(self.0, signal);
    }

    /// Waits until no process of it lives, at most so long. To be asked after its leader was reaped.
    pub(super) fn is_gone_within(&self, at_most: Duration) -> bool {
        let begun = Instant::now();
        loop {
            if test_kill_process_group(self.0).is_err() || !self.has_living() {
                return true;
            }
            if begun.elapsed() >= at_most {
                return false;
            }
            // The kernel tells nobody when the last process of a group is gone, so it has to be asked.
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// Looks through the process table. A process that is dead and not yet reaped by its parent still counts for signals, but it is proof of death.
    fn has_living(&self) -> bool {
        let Ok(table) = fs::read_dir("/proc") else { return true };
        let own = self.0.as_raw_nonzero().get().to_string();
        table.flatten().any(|entry| {
            let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            // pid (name) state ppid pgrp ...; the name may hold anything, so the fields are counted from its last parenthesis.
            let mut fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
            let state = fields.next().unwrap_or("X");
            fields.nth(1) == Some(own.as_str()) && !matches!(state, "Z" | "X")
        })
    }
}
