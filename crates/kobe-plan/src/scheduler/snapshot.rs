//! Snapshots: the machine as it stands between two steps, as a value that can be kept.
//!
//! Rule: a machine built from a snapshot takes the same steps as the one it was taken of, for ever. What follows from the desk (the next occurrences, the size of lanes) is
//! found again; what came from the past is written down. Tasks are named, since places change with the files. Start at [`Scheduler::snapshot`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use kobe_calendar::Market;
use serde::{Deserialize, Serialize};

use super::alert::{Missed, Passed};
use super::queue::Queues;
use super::{Ended, Live, Scheduler, Settings, TaskState, Timer, Turn};
use crate::days::Days;
use crate::desk::Desk;
use crate::judge::Standing;
use crate::run::{Outcome, Reason, Run, RunId, State};
use crate::slot::Slot;
use crate::task::{Lane, TaskIx};

/// The machine between two steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    pub(super) now: Timestamp,
    pub(super) next_run: u64,
    pub(super) draining: bool,
    pub(super) set_back: bool,
    pub(super) shed: [bool; 5],
    pub(super) halted: [Option<StandingSnap>; 5],
    pub(super) tasks: Vec<TaskSnap>,
    pub(super) live: Vec<LiveSnap>,
    /// Runs that wait in lanes, with the last start of their task when they began to wait: it is part of their place.
    pub(super) waiting: Vec<(Lane, u64, Option<Timestamp>)>,
    pub(super) timers: Vec<(Timestamp, u8, u64)>,
    pub(super) upstream: Vec<(String, Date, Timestamp, bool)>,
    pub(super) taken: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StandingSnap {
    pub(super) reason: Reason,
    pub(super) note: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TaskSnap {
    pub(super) name: String,
    pub(super) to: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) looked_ahead: bool,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) turns: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) last_turn: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) standing: Option<StandingSnap>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) paused: Option<StandingSnap>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) told: bool,
    /// Runs that are not over, in the order in which the task knows them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) live: Vec<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LiveSnap {
    pub(super) id: u64,
    pub(super) task: String,
    pub(super) slot: String,
    pub(super) due: Timestamp,
    pub(super) priority: u8,
    pub(super) state: State,
    pub(super) reason: Option<Reason>,
    pub(super) outcome: Option<(String, String)>,
    pub(super) attempt: u32,
    pub(super) planned_at: Timestamp,
    pub(super) started_at: Option<Timestamp>,
    pub(super) retry_at: Option<Timestamp>,
    pub(super) catchup: bool,
    pub(super) dst_shifted: bool,
    pub(super) covers: u64,
    pub(super) since: Option<String>,
    pub(super) date: Date,
    pub(super) held: bool,
    pub(super) armed: bool,
    pub(super) deadline: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) in_time: bool,
    pub(super) stopped_for: Option<Reason>,
}

/// Why a snapshot is none of a desk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// It names a task that the desk does not have.
    #[error("the snapshot is of another desk: it knows the task {0}, which this desk does not have")]
    UnknownTask(String),
    /// It does not name a task of the desk.
    #[error("the snapshot is of another desk: it does not know the task {0}")]
    MissingTask(String),
    /// A word in it cannot be read.
    #[error("the snapshot cannot be read: {0}")]
    Unreadable(String),
}

fn is_false(b: &bool) -> bool {
    !*b
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl From<&Standing> for StandingSnap {
    fn from(s: &Standing) -> StandingSnap {
        StandingSnap { reason: s.reason, note: s.note.to_string() }
    }
}

impl From<StandingSnap> for Standing {
    fn from(s: StandingSnap) -> Standing {
        Standing { reason: s.reason, note: s.note.into() }
    }
}

impl LiveSnap {
    fn of(live: &Live, task: &str) -> LiveSnap {
        let run = &live.run;
        LiveSnap {
            id: run.id.0,
            task: task.to_owned(),
            slot: run.slot.to_string(),
            due: run.due,
            priority: run.priority,
            state: run.state,
            reason: run.reason,
            outcome: run.outcome.as_ref().map(|o| (o.word().to_owned(), o.note().to_owned())),
            attempt: run.attempt,
            planned_at: run.planned_at,
            started_at: run.started_at,
            retry_at: run.retry_at,
            catchup: run.catchup,
            dst_shifted: run.dst_shifted,
            covers: run.covers,
            since: run.since.map(|s| s.to_string()),
            date: live.date,
            held: live.held,
            armed: live.armed,
            deadline: live.deadline,
            in_time: live.in_time,
            stopped_for: live.stopped_for,
        }
    }

    pub(super) fn live(self, task: TaskIx) -> Result<Live, SnapshotError> {
        let unreadable = |e: &dyn std::fmt::Display| SnapshotError::Unreadable(e.to_string());
        let slot = |text: &str| text.parse::<Slot>().map_err(|e| unreadable(&e));
        let outcome = match self.outcome {
            Some((word, note)) => Some(Outcome::from_word(&word, note).map_err(|e| unreadable(&e))?),
            None => None,
        };
        let run = Run {
            id: RunId(self.id),
            task,
            slot: slot(&self.slot)?,
            due: self.due,
            priority: self.priority,
            state: self.state,
            reason: self.reason,
            outcome,
            attempt: self.attempt,
            planned_at: self.planned_at,
            started_at: self.started_at,
            ended_at: None,
            retry_at: self.retry_at,
            catchup: self.catchup,
            dst_shifted: self.dst_shifted,
            covers: self.covers,
            since: self.since.as_deref().map(slot).transpose()?,
        };
        Ok(Live {
            run,
            date: self.date,
            held: self.held,
            armed: self.armed,
            deadline: self.deadline,
            in_time: self.in_time,
            stopped_for: self.stopped_for,
        })
    }
}

impl Scheduler {
    /// Returns the machine as it stands; changes that were not returned by a step yet are not part of it.
    pub fn snapshot(&self) -> Snapshot {
        let name = |ix: TaskIx| self.desk.task(ix).name.clone();
        let tasks = self.desk.iter().map(|(ix, task)| {
            let state = &self.tasks[ix.at()];
            TaskSnap {
                name: task.name.clone(),
                to: state.planned_to,
                key: state.key,
                looked_ahead: state.looked_ahead,
                turns: state.turns,
                last_turn: state.last_turn,
                standing: state.standing.as_ref().map(StandingSnap::from),
                paused: state.paused.as_ref().map(StandingSnap::from),
                told: state.told,
                live: state.live.iter().map(|id| id.0).collect(),
            }
        });
        let ended = |(f, e): (&String, &Option<Ended>)| e.map(|e| (f.clone(), e.date, e.due, e.failed));
        Snapshot {
            now: self.now,
            next_run: self.next_run,
            draining: self.draining,
            set_back: self.set_back,
            shed: self.shed,
            halted: std::array::from_fn(|i| self.halted[i].as_ref().map(StandingSnap::from)),
            tasks: tasks.collect(),
            live: self.live.values().map(|l| LiveSnap::of(l, &name(l.run.task))).collect(),
            waiting: self.queues.waiting().map(|(lane, key)| (lane, key.4.0, key.2)).collect(),
            timers: self.timers.iter().map(|(at, timer, id)| (*at, *timer as u8, id.0)).collect(),
            upstream: self.upstream.iter().filter_map(ended).collect(),
            taken: self.taken.iter().map(|(ix, slot)| (name(*ix), slot.clone())).collect(),
        }
    }

    /// Builds the machine that a snapshot was taken of, over the same desk.
    ///
    /// # Errors
    /// [`SnapshotError`] when it was taken over another desk.
    pub fn restore(
        desk: Arc<Desk>,
        market: Arc<Market>,
        settings: Settings,
        snapshot: Snapshot,
    ) -> Result<Scheduler, SnapshotError> {
        let known: BTreeSet<&str> = snapshot.tasks.iter().map(|t| t.name.as_str()).collect();
        if let Some(task) = desk.tasks.iter().find(|t| !known.contains(t.name.as_str())) {
            return Err(SnapshotError::MissingTask(task.name.clone()));
        }
        let mut machine = Scheduler::bare(desk, market, settings, snapshot.now, snapshot.next_run);
        machine.draining = snapshot.draining;
        machine.set_back = snapshot.set_back;
        machine.shed = snapshot.shed;
        machine.halted = snapshot.halted.map(|s| s.map(Standing::from));
        for (name, slot) in snapshot.taken {
            let ix = machine.place(&name)?;
            machine.taken.insert((ix, slot));
        }
        for (function, date, due, failed) in snapshot.upstream {
            machine.upstream.insert(function, Some(Ended { date, due, failed }));
        }
        for task in snapshot.tasks {
            let ix = machine.place(&task.name)?;
            let desk = Arc::clone(&machine.desk);
            let next =
                if desk.task(ix).is_cooldown() { Vec::new() } else { machine.next_free(desk.task(ix), ix, task.to) };
            machine.tasks[ix.at()] = TaskState {
                planned_to: task.to,
                next,
                key: None,
                looked_ahead: task.looked_ahead,
                live: task.live.into_iter().map(RunId).collect(),
                turns: task.turns,
                last_turn: task.last_turn,
                standing: task.standing.map(Standing::from),
                paused: task.paused.map(Standing::from),
                told: task.told,
            };
            machine.index(ix, task.key);
        }
        for live in snapshot.live {
            let ix = machine.place(&live.task)?;
            machine.put_live(live.live(ix)?);
        }
        for (lane, id, last) in snapshot.waiting {
            let live = machine.live.get(&RunId(id)).ok_or_else(|| unknown_run(id))?;
            let run = &live.run;
            machine.queues.wait(lane, (run.priority, run.due, last, run.task, run.id));
        }
        for (at, timer, id) in snapshot.timers {
            let timer = Timer::from_number(timer).ok_or_else(|| SnapshotError::Unreadable(format!("timer {timer}")))?;
            machine.timers.insert((at, timer, RunId(id)));
        }
        Ok(machine)
    }

    /// Builds a machine that knows a desk and nothing else.
    pub(super) fn bare(
        desk: Arc<Desk>,
        market: Arc<Market>,
        settings: Settings,
        now: Timestamp,
        next_run: u64,
    ) -> Scheduler {
        let upstream: BTreeMap<String, _> =
            desk.tasks.iter().flat_map(|t| t.after.iter().cloned()).map(|f| (f, None)).collect();
        Scheduler {
            tasks: vec![TaskState::default(); desk.tasks.len()],
            days: Days::new(market),
            settings,
            now,
            due: BTreeSet::new(),
            live: BTreeMap::new(),
            held: BTreeSet::new(),
            queues: Queues::new(&desk, settings.total),
            timers: BTreeSet::new(),
            upstream,
            next_run: next_run.max(1),
            taken: BTreeSet::new(),
            halted: Default::default(),
            shed: [false; 5],
            set_back: false,
            draining: false,
            missed: Missed::default(),
            passed: Passed::default(),
            turn: Turn::default(),
            desk,
        }
    }

    fn place(&self, name: &str) -> Result<TaskIx, SnapshotError> {
        self.desk.find(name).ok_or_else(|| SnapshotError::UnknownTask(name.to_owned()))
    }

    /// Takes in a run that is not over, and counts it where it is on its way.
    pub(super) fn put_live(&mut self, live: Live) {
        let (id, held) = (live.run.id, live.held);
        if live.run.state == State::Running && !live.armed {
            let task = self.desk.task(live.run.task);
            self.queues.begin(task.lane, task.heavy);
        }
        if held {
            self.held.insert(id);
        }
        self.live.insert(id, live);
    }
}

fn unknown_run(id: u64) -> SnapshotError {
    SnapshotError::Unreadable(format!("run {id} waits and is not there"))
}

impl Timer {
    const ALL: [Timer; 6] =
        [Timer::Armed, Timer::Retry, Timer::GateTimeout, Timer::StartBy, Timer::FinishBy, Timer::Deadline];

    fn from_number(n: u8) -> Option<Timer> {
        Timer::ALL.get(usize::from(n)).copied()
    }
}
