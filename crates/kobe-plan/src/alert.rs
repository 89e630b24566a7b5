//! Alerts: what a person must be told.
//!
//! An [`Alert`] is a fact like a run: the machine says it in the turn in which it became true, it is stored with that turn's changes, and it is told from the stored row.
//! Which words reach which person, when, and how many at once is decided elsewhere ([`postman`]). Nothing here sends anything.

pub mod postman;
pub mod redact;

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use crate::task::{UnknownWord, words};

words! {
    /// How loud something is.
    Severity {
        /// Worth knowing.
        Info = "info",
        /// Look at it today.
        Warning = "warning",
        /// Look at it now.
        Error = "error",
        /// Money is at stake: a second channel is used if the first does not answer.
        Critical = "critical",
    }
}

words! {
    /// What kind of thing happened. A closed list: each kind has its paragraph in the operating book.
    AlertKind {
        /// A run failed for good: its last attempt is over.
        RunFailed = "run_failed",
        /// The end of a run that may trade is not known, and it is held until a person has looked.
        RunHeld = "run_held",
        /// A run did not begin by its deadline.
        StartLate = "start_late",
        /// A run was not over by its deadline.
        FinishLate = "finish_late",
        /// A lane was full and shed runs.
        QueueFull = "queue_full",
        /// Slots passed while nobody was there.
        Missed = "missed",
        /// The clock was set back.
        ClockSetBack = "clock_set_back",
        /// A changed desk was refused; the old one goes on.
        ReloadRefused = "reload_refused",
        /// A changed desk is in force.
        Reloaded = "reloaded",
        /// The planning loop does not answer.
        PlannerStuck = "planner_stuck",
        /// Runs wait, workers are free, and nothing starts.
        NothingStarts = "nothing_starts",
        /// Starts are later than they may be.
        StartLag = "start_lag",
        /// A slot was started more than once.
        FiredTwice = "fired_twice",
        /// Alerts are not getting out.
        OutboxStuck = "outbox_stuck",
        /// The heartbeat is old.
        HeartbeatStale = "heartbeat_stale",
        /// An open position whose stop was not looked at for too long while its market is open.
        StopUnchecked = "stop_unchecked",
        /// The desk does not answer from outside.
        DeskSilent = "desk_silent",
        /// Rows can no longer be written.
        StorageFailed = "storage_failed",
        /// No space is left: nothing starts until there is.
        DiskFull = "disk_full",
        /// The preflight says no: no entry today.
        PreflightBlocked = "preflight_blocked",
        /// Books and broker do not tie.
        NotReconciled = "not_reconciled",
        /// Something else closes entries: data that is old, a stop that is missing, a house that is not in order.
        EntriesClosed = "entries_closed",
        /// The kill switch was pulled.
        KillSwitch = "kill_switch",
        /// The state was restored or copied: what may trade is frozen.
        Restored = "restored",
        /// A backup could not be made or proved.
        BackupFailed = "backup_failed",
        /// An operator tries whether alerts arrive.
        Test = "test",
    }
}

/// Something that a person must be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// What kind of thing happened.
    pub kind: AlertKind,
    /// How loud it is.
    pub severity: Severity,
    /// What it is about, at its root: alerts of one cause are told together, and a recovery ends its cause. `task:NAME`, `lane:NAME`, `watch:planner`.
    pub cause: String,
    /// When it became true.
    pub at: Timestamp,
    /// One line.
    pub title: String,
    /// More, on lines of its own; empty where the title says it all.
    pub detail: String,
    /// The task, if it is about one.
    pub task: Option<String>,
    /// Who answers for it.
    pub owner: String,
    /// Where a person finds what to do: an address or a page of the operating book.
    pub runbook: String,
    /// The cause is over.
    pub recovery: bool,
}

impl Alert {
    /// Builds an alert that is not about a task.
    pub fn new(
        kind: AlertKind,
        severity: Severity,
        cause: impl Into<String>,
        at: Timestamp,
        title: impl Into<String>,
    ) -> Alert {
        Alert {
            kind,
            severity,
            cause: cause.into(),
            at,
            title: title.into(),
            detail: String::new(),
            task: None,
            owner: "desk".into(),
            runbook: String::new(),
            recovery: false,
        }
    }

    /// Adds what does not fit into the title.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Alert {
        self.detail = detail.into();
        self
    }

    /// Says that the cause is over.
    #[must_use]
    pub fn recovered(mut self) -> Alert {
        self.recovery = true;
        self
    }
}
