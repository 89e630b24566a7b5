//! The machine: instants and outcomes go in, changes and effects come out.
//!
//! [`Scheduler::step`] is the only door. It reads no clock and performs nothing: the engine stores the changes of a [`Turn`] first and performs its effects after. What is
//! due comes from an ordered index of the tasks' next instants, so a turn costs what is due in it, not what is declared. If the engine cannot store a turn, the machine
//! is dropped and built again from the store: start-up is recovery.

mod alert;
mod due;
mod end;
mod hold;
mod queue;
mod recover;
mod reload;
mod snapshot;

pub(crate) use due::next_occurrences;
pub use hold::Order;
pub use recover::{Recovered, RecoveredCursor, RecoveredRun};
pub use reload::ReloadError;
pub use snapshot::{Snapshot, SnapshotError};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use kobe_calendar::Market;

use crate::days::Days;
use crate::desk::Desk;
use crate::judge::Standing;
use crate::run::{Change, Outcome, Reason, Run, RunId, State};
use crate::slot::{Occurrence, Slot};
use crate::task::{Lane, TaskIx};
use alert::{Missed, Passed};
use queue::Queues;

/// How the machine runs its desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Runs at the same time over all lanes; 1 gives one strict order.
    pub total: usize,
    /// How long before its instant the start of a run may be stored, so that no flush of a disk stands between them; zero for never.
    pub arm_ahead: SignedDuration,
    /// How long a run waits for what must have ended before it.
    pub gate_timeout: SignedDuration,
}

impl Settings {
    /// One thing after another, in one strict order: for a virtual clock.
    pub const SERIAL: Settings =
        Settings { total: 1, arm_ahead: SignedDuration::ZERO, gate_timeout: SignedDuration::from_secs(600) };
    /// Lanes side by side: for a real clock.
    pub const LIVE: Settings = Settings {
        total: usize::MAX,
        arm_ahead: SignedDuration::from_millis(500),
        gate_timeout: SignedDuration::from_secs(600),
    };
}

/// What happens to the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// An attempt came to its end.
    Ended {
        /// Whose.
        run: RunId,
        /// Which attempt; another one than the current is stale and changes nothing.
        attempt: u32,
        /// What it came to.
        outcome: Outcome,
    },
    /// A start was not performed: its moment had passed before its row was stored.
    GivenBack {
        /// Whose.
        run: RunId,
        /// Which attempt; another one than the current is stale and changes nothing.
        attempt: u32,
    },
    /// An operator wishes a task to run now.
    RunNow {
        /// The wish, a ULID.
        id: u128,
        /// Which task.
        task: TaskIx,
    },
    /// An operator wishes anything else.
    Asked {
        /// The wish, a ULID.
        id: u128,
        /// What is wished.
        order: Order,
        /// Why.
        reason: String,
        /// Who wishes it.
        operator: String,
    },
    /// From now on nothing starts.
    Drain,
}

/// An attempt to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// Its run.
    pub run: RunId,
    /// Its task.
    pub task: TaskIx,
    /// Its slot.
    pub slot: Slot,
    /// When the slot was due.
    pub due: Timestamp,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// It makes good for time in which nobody was there.
    pub catchup: bool,
    /// Its row was stored as running in an earlier turn, ahead of its instant: it need not wait for the changes of this one.
    pub stored: bool,
}

/// What one step asks for. Changes are stored, all of them, before any effect is performed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Turn {
    /// What to store.
    pub changes: Vec<Change>,
    /// What to start.
    pub starts: Vec<Start>,
    /// What to tell to stop: its time is over, or a newer run replaces it.
    pub stops: Vec<RunId>,
    /// When to step again if nothing happens before.
    pub wake: Option<Timestamp>,
    /// Results that came too late to count.
    pub stale: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// A stored start whose instant has come.
    Armed,
    /// The next attempt.
    Retry,
    /// Waited long enough for what must end first.
    GateTimeout,
    /// Should have begun by now.
    StartBy,
    /// Should be over by now.
    FinishBy,
    /// The attempt has used its time.
    Deadline,
}

/// A run that is not over.
#[derive(Debug, Clone)]
struct Live {
    run: Run,
    /// Slot's date, for dependencies.
    date: Date,
    /// Waits for what must end first.
    held: bool,
    /// Stored as started, but its instant has not come.
    armed: bool,
    /// When its attempt has used its time.
    deadline: Option<Timestamp>,
    /// Came in time and has only waited since: a reload has it judged again, but not missed.
    in_time: bool,
    /// Was told to stop: by a newer run of its task, or by an operator. It must not come back.
    stopped_for: Option<Reason>,
}

#[derive(Debug, Clone, Default)]
struct TaskState {
    /// Every slot due up to here has a row.
    planned_to: Timestamp,
    /// The occurrences at the next instant.
    next: Vec<Occurrence>,
    /// Its key in the due index.
    key: Option<Timestamp>,
    /// The next instant has been looked at ahead of time and left to its instant.
    looked_ahead: bool,
    /// Runs that are not over.
    live: Vec<RunId>,
    turns: u64,
    last_turn: Option<Timestamp>,
    standing: Option<Standing>,
    /// An operator keeps it from running.
    paused: Option<Standing>,
    /// Its failure was told, and that it is well again was not.
    told: bool,
}

/// How the latest scheduled run of a function ended.
#[derive(Debug, Clone, Copy)]
struct Ended {
    date: Date,
    due: Timestamp,
    failed: bool,
}

/// The pure machine.
#[derive(Debug)]
pub struct Scheduler {
    desk: Arc<Desk>,
    days: Days,
    settings: Settings,
    now: Timestamp,
    tasks: Vec<TaskState>,
    due: BTreeSet<(Timestamp, TaskIx)>,
    live: BTreeMap<RunId, Live>,
    held: BTreeSet<RunId>,
    queues: Queues,
    timers: BTreeSet<(Timestamp, Timer, RunId)>,
    /// Place of each function that something waits for, and how its latest scheduled run ended.
    upstream: BTreeMap<String, Option<Ended>>,
    next_run: u64,
    /// Slots ahead of now that have a row already, from a time when the clock was wrong: they are not named again.
    taken: BTreeSet<(TaskIx, String)>,
    /// Lanes that an operator keeps from starting anything.
    halted: [Option<Standing>; 5],
    /// Lanes whose shed runs were told; told again once they have emptied.
    shed: [bool; 5],
    /// The clock was set back, and that was told.
    set_back: bool,
    draining: bool,
    /// What was missed in this turn, told as one.
    missed: Missed,
    /// Deadlines that were found to have passed while nobody was there, told as one of each kind.
    passed: Passed,
    turn: Turn,
}

impl Scheduler {
    /// Takes one step: everything that happened, then everything that is due at `now`.
    ///
    /// A `now` before that of an earlier step (a clock set back) is taken as that earlier instant: nothing fires twice.
    pub fn step(&mut self, now: Timestamp, inputs: impl IntoIterator<Item = Input>) -> Turn {
        self.notice_clock(now);
        self.now = self.now.max(now);
        for input in inputs {
            match input {
                Input::Ended { run, attempt, outcome } => self.ended(run, attempt, outcome),
                Input::GivenBack { run, attempt } => self.given_back(run, attempt),
                Input::RunNow { id, task } => self.run_now(id, task),
                Input::Asked { id, order, reason, operator } => self.asked(id, &order, reason, operator),
                Input::Drain => self.drain(),
            }
        }
        if !self.draining {
            self.fire_timers();
            self.plan_due();
        }
        self.dispatch();
        self.tell_of_turn();
        let mut turn = std::mem::take(&mut self.turn);
        turn.wake = self.wake();
        turn
    }

    /// Returns the desk.
    pub fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }

    /// Returns how it runs its desk.
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// Returns how many runs wait although nothing keeps them from starting. After a step there are none, unless the machine is wrong: this looks at them by itself.
    pub fn startable(&self) -> usize {
        if self.draining {
            return 0;
        }
        let free = |run: &Run| {
            let task = self.desk.task(run.task);
            let own = self.tasks[run.task.at()].live.len();
            own == 1 && self.queues.has_room(task.lane, task.heavy)
        };
        self.live
            .values()
            .filter(|l| l.run.state == State::Pending && !l.held && l.run.retry_at.is_none() && free(&l.run))
            .count()
    }

    /// Returns the latest instant it has seen. A clock that was set back lies behind it.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Returns the market.
    pub fn market(&self) -> &Arc<Market> {
        self.days.market()
    }

    /// Returns the runs that are not over, by number.
    pub fn live_runs(&self) -> impl Iterator<Item = &Run> {
        self.live.values().map(|l| &l.run)
    }

    /// Returns how many runs wait in a lane, and how many are on their way.
    pub fn load(&self, lane: Lane) -> (usize, usize) {
        self.queues.load(lane)
    }

    /// Returns the next instants and tasks, soonest first.
    pub fn upcoming(&self) -> impl Iterator<Item = (Timestamp, TaskIx)> + '_ {
        self.due.iter().map(|(key, ix)| (self.tasks[ix.at()].next.first().map_or(*key, |o| o.due), *ix))
    }

    /// Returns how often a context-driven task has had its turn, and when it last had it.
    pub fn turns(&self, ix: TaskIx) -> (u64, Option<Timestamp>) {
        let state = &self.tasks[ix.at()];
        (state.turns, state.last_turn)
    }

    /// Tells whether nothing runs and nothing waits to run.
    pub fn is_idle(&self) -> bool {
        self.live.is_empty()
    }

    fn wake(&self) -> Option<Timestamp> {
        if self.draining {
            return None;
        }
        let due = self.due.first().map(|(at, _)| *at);
        let timer = self.timers.first().map(|(at, _, _)| *at);
        match (due, timer) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// From now on nothing starts. What was stored as started ahead of its instant has not begun: it waits again, so that a restart does not take it for lost.
    fn drain(&mut self) {
        self.draining = true;
        let armed: Vec<RunId> = self.live.iter().filter(|(_, l)| l.armed).map(|(id, _)| *id).collect();
        for id in armed {
            let live = self.live.get_mut(&id).expect("just found");
            live.armed = false;
            live.run.state = State::Pending;
            live.run.attempt -= 1;
            live.run.started_at = None;
            self.store_run(id);
        }
    }

    fn store_run(&mut self, id: RunId) {
        let run = self.live[&id].run.clone();
        self.turn.changes.push(Change::Run(run));
    }

    fn set_timer(&mut self, at: Timestamp, timer: Timer, run: RunId) {
        self.timers.insert((at, timer, run));
    }

    fn fire_timers(&mut self) {
        while let Some((_, timer, id)) = self.timers.first().copied().filter(|(at, _, _)| *at <= self.now) {
            self.timers.pop_first();
            let Some(live) = self.live.get_mut(&id) else { continue };
            match timer {
                Timer::Armed if live.armed => {
                    live.armed = false;
                    self.start_armed(id);
                }
                Timer::Retry if live.run.state == State::Pending => {
                    live.run.retry_at = None;
                    self.retry(id);
                }
                Timer::GateTimeout if live.held => self.finish_skipped(id, crate::run::Reason::GateTimeout),
                Timer::StartBy if live.run.attempt == 0 || live.armed => self.tell_start_late(id),
                Timer::FinishBy => self.tell_finish_late(id),
                Timer::Deadline if live.run.state == State::Running && !live.armed => self.turn.stops.push(id),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
