//! Start-up, which is recovery: from stored rows to a machine.

use std::sync::Arc;

use jiff::Timestamp;
use kobe_calendar::Market;

use super::{Live, Scheduler, Settings, Timer};
use crate::desk::Desk;
use crate::judge::Standing;
use crate::run::{Change, Outcome, Run, RunId, State};
use crate::slot::Slot;
use crate::task::TaskIx;
use crate::wish::Hold;

/// What a store knows when a machine starts. Tasks are named, since places change with the files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// How far tasks were planned.
    pub cursors: Vec<RecoveredCursor>,
    /// Runs that are not over.
    pub live: Vec<RecoveredRun>,
    /// The number of the next run.
    pub next_run: u64,
    /// Slots that have a row although they lie after the present instant: the clock was ahead when they were written, or has been set back since.
    pub taken: Vec<(String, Slot)>,
    /// Holds that are in force.
    pub holds: Vec<Hold>,
    /// Runs of the last days that are over, of tasks that failed then: what waits for them must not start because of a restart.
    pub ended: Vec<RecoveredRun>,
}

/// The stored cursor of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveredCursor {
    /// Name of the task.
    pub task: String,
    /// Every slot due at or before this instant has a row.
    pub planned_to: Timestamp,
    /// Turns of a context-driven task so far.
    pub turns: u64,
    /// When its last turn started or was skipped.
    pub last_turn: Option<Timestamp>,
}

/// A stored run that is not over; its `task` place is set when its name is found in the desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveredRun {
    /// Name of the task.
    pub task: String,
    /// The row.
    pub run: Run,
}

/// Returns an instant at which the desk lived last, as its slots show it: whatever a deadline had to say until then was told. It may have lived on a little, quietly; so a deadline
/// may be told twice, but never not at all. What a person started by hand, or a wrong clock wrote ahead of the present, shows nothing.
fn lived_to(desk: &Desk, recovered: &Recovered, settings: Settings, now: Timestamp) -> Timestamp {
    let has_slots = |name: &str| desk.find(name).is_some_and(|ix| !desk.task(ix).is_cooldown());
    let cursors = recovered.cursors.iter().filter(|c| has_slots(&c.task)).map(|c| c.planned_to);
    let by_itself = recovered.live.iter().map(|r| &r.run).filter(|run| !matches!(run.slot, Slot::Manual { .. }));
    let runs = by_itself.flat_map(|run| [Some(run.planned_at), run.started_at]).flatten();
    let last = cursors.chain(runs).filter(|at| *at <= now).max();
    // A start may be stored that much ahead of its instant.
    last.and_then(|last| last.checked_sub(settings.arm_ahead).ok()).unwrap_or(Timestamp::MIN)
}

impl Scheduler {
    /// Builds a machine from what a store knows, at `now`. `standing` says of tasks why they do not run here as a whole.
    ///
    /// A run that was on its way has lost its process: its task's policy decides whether it is tried again. A task that is new begins now and owes nothing for the past.
    /// The first [`Scheduler::step`] returns these changes together with what is due.
    pub fn recover(
        desk: Arc<Desk>,
        market: Arc<Market>,
        settings: Settings,
        standing: &mut dyn FnMut(TaskIx) -> Option<Standing>,
        recovered: Recovered,
        now: Timestamp,
    ) -> Scheduler {
        let mut machine = Scheduler::bare(desk, market, settings, now, recovered.next_run);
        let lived_to = lived_to(&machine.desk, &recovered, settings, now);
        for (task, slot) in &recovered.taken {
            if let Some(ix) = machine.desk.find(task) {
                machine.taken.insert((ix, slot.to_string()));
            }
        }
        let mut known = vec![false; machine.tasks.len()];
        for cursor in recovered.cursors {
            let Some(ix) = machine.desk.find(&cursor.task) else { continue };
            known[ix.at()] = true;
            let state = &mut machine.tasks[ix.at()];
            state.planned_to = cursor.planned_to;
            state.turns = cursor.turns;
            // A stamp from the future (a clock that was wrong) would keep the task silent until then.
            state.last_turn = cursor.last_turn.map(|last| last.min(now));
        }
        for (i, known) in known.into_iter().enumerate() {
            let ix = TaskIx(i as u32);
            machine.tasks[i].standing = standing(ix);
            if !known || machine.tasks[i].planned_to > now + jiff::SignedDuration::from_mins(1) {
                machine.tasks[i].planned_to = now;
                machine.store_cursor(ix);
            }
        }
        for hold in &recovered.holds {
            machine.hold(hold);
        }
        for row in recovered.ended {
            machine.take_end(row);
        }
        let mut live = recovered.live;
        live.sort_by_key(|r| r.run.id);
        for row in live {
            machine.take_back(row, now, lived_to);
        }
        machine.tell_passed();
        for i in 0..machine.tasks.len() {
            machine.schedule(TaskIx(i as u32));
        }
        machine
    }

    fn take_back(&mut self, row: RecoveredRun, now: Timestamp, lived_to: Timestamp) {
        let mut run = row.run;
        let id = run.id;
        self.next_run = self.next_run.max(id.0 + 1);
        let Some(ix) = self.desk.find(&row.task) else {
            self.turn.changes.push(Change::Orphan { id, at: now });
            return;
        };
        run.task = ix;
        let date = run.slot.date(run.due, self.days.market());
        if let Slot::Cooldown { n } = run.slot {
            let state = &mut self.tasks[ix.at()];
            state.turns = state.turns.max(n);
        }
        // Stored ahead of its instant, and the present lies between the two: it has not begun. A present before both says that the clock is wrong, and then nobody knows.
        let never_started =
            run.state == State::Running && run.planned_at <= now && run.started_at.is_some_and(|at| at > now);
        let lost = run.state == State::Running && !never_started;
        if never_started {
            run.state = State::Pending;
            run.attempt = run.attempt.saturating_sub(1);
            run.started_at = None;
        }
        let (retry_at, due) = (run.retry_at, run.due);
        self.tasks[ix.at()].live.push(id);
        self.live.insert(
            id,
            Live { run, date, held: false, armed: false, deadline: None, in_time: false, stopped_for: None },
        );
        self.watch_deadlines(id);
        match (lost, retry_at) {
            (true, _) => self.settle(id, Outcome::Lost),
            (false, Some(at)) => self.set_timer(at.max(now), Timer::Retry, id),
            // Pending runs are judged against now like any slot that was missed.
            (false, None) => self.set_timer(due.max(now), Timer::Retry, id),
        }
        // What is over by now is told as lost or held.
        if self.live.contains_key(&id) {
            self.note_passed(id, lived_to);
        }
    }

    /// Learns how a run of the last days ended, for those that wait for its function.
    fn take_end(&mut self, row: RecoveredRun) {
        if let Some(ix) = self.desk.find(&row.task) {
            let run = Run { task: ix, ..row.run };
            self.remember_end(&run);
        }
    }

    /// Takes what recovery or a reload changed, to be stored before the first step; otherwise the first step returns it.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.turn.changes)
    }

    /// Returns the number the next run will have.
    pub fn next_run(&self) -> RunId {
        RunId(self.next_run)
    }
}
