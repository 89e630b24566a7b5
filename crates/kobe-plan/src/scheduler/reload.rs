//! Reload: another desk under the same machine, between two steps.
//!
//! Rule: all or nothing, and an edit never fires the past. A task that keeps its fire times keeps its cursor; one whose fire times change, or that is new, begins now. What
//! runs goes on under the new declaration; what waits is judged again by it. A desk that no longer has a task whose run is on its way is refused: its end would be nobody's.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::recover::RecoveredCursor;
use super::{Scheduler, Timer};
use crate::desk::Desk;
use crate::judge::Standing;
use crate::run::{Change, RunId, State};
use crate::slot::Slot;
use crate::task::{Task, TaskIx};

/// Why another desk cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReloadError {
    /// Tasks that the new desk does not have are on their way.
    #[error("{} running and not in the new desk; wait for the end, or cancel it", running(.0))]
    Running(Vec<String>),
}

fn running(tasks: &[String]) -> String {
    format!("{} {}", tasks.join(", "), if tasks.len() == 1 { "is" } else { "are" })
}

impl Scheduler {
    /// Builds the machine that goes on from this one under another desk; its first step returns what changed. This one is left as it is.
    ///
    /// The caller has taken a step at `now`, so nothing is due at or before it. `standing` says of the new desk's tasks why they do not run here as a whole; `stored` are the
    /// cursors of the store, for tasks that were there before and come back.
    ///
    /// # Errors
    /// [`ReloadError::Running`], and nothing changes.
    pub fn reload(
        &self,
        desk: Arc<Desk>,
        standing: &mut dyn FnMut(TaskIx) -> Option<Standing>,
        stored: &[RecoveredCursor],
        now: Timestamp,
    ) -> Result<Scheduler, ReloadError> {
        let now = self.now.max(now);
        let gone: Vec<String> = self
            .live
            .values()
            .filter(|l| l.run.state == State::Running && !l.armed)
            .map(|l| &self.desk.task(l.run.task).name)
            .filter(|name| desk.find(name).is_none())
            .cloned()
            .collect();
        if !gone.is_empty() {
            return Err(ReloadError::Running(gone));
        }
        let mut machine = Scheduler::bare(desk, Arc::clone(self.market()), self.settings, now, self.next_run);
        machine.draining = self.draining;
        machine.set_back = self.set_back;
        machine.shed = self.shed;
        machine.halted.clone_from(&self.halted);
        for (function, ended) in &self.upstream {
            if let Some(entry) = machine.upstream.get_mut(function) {
                *entry = *ended;
            }
        }
        for (ix, slot) in &self.taken {
            if let Some(ix) = machine.desk.find(&self.desk.task(*ix).name) {
                machine.taken.insert((ix, slot.clone()));
            }
        }
        let stored: BTreeMap<&str, &RecoveredCursor> = stored.iter().map(|c| (c.task.as_str(), c)).collect();
        for i in 0..machine.tasks.len() {
            let ix = TaskIx(i as u32);
            machine.tasks[i].standing = standing(ix);
            machine.carry_over(ix, self, &stored);
        }
        for live in self.live.values() {
            machine.carry_live(live.clone(), self);
        }
        for i in 0..machine.tasks.len() {
            machine.schedule(TaskIx(i as u32));
        }
        Ok(machine)
    }

    fn carry_over(&mut self, ix: TaskIx, old: &Scheduler, stored: &BTreeMap<&str, &RecoveredCursor>) {
        let desk = Arc::clone(&self.desk);
        let task = desk.task(ix);
        let now = self.now;
        let state = &mut self.tasks[ix.at()];
        match old.desk.find(&task.name) {
            Some(before) => {
                let known = &old.tasks[before.at()];
                state.turns = known.turns;
                state.last_turn = known.last_turn;
                state.paused.clone_from(&known.paused);
                state.told = known.told;
                if same_times(old.desk.task(before), task) {
                    state.planned_to = known.planned_to;
                    return;
                }
                // A slot stored ahead of its instant must not be named again.
                state.planned_to = known.planned_to.max(now);
            }
            None => {
                // It may have been here before: neither its turns nor a slot that was stored ahead may come twice.
                let known = stored.get(task.name.as_str());
                state.planned_to = known.map_or(now, |c| c.planned_to.max(now));
                state.turns = known.map_or(0, |c| c.turns);
                state.last_turn = known.and_then(|c| c.last_turn);
            }
        }
        self.store_cursor(ix);
    }

    fn carry_live(&mut self, mut live: super::Live, old: &Scheduler) {
        let id = live.run.id;
        let name = &old.desk.task(live.run.task).name;
        let Some(ix) = self.desk.find(name) else {
            self.turn.changes.push(Change::Orphan { id, at: self.now });
            return;
        };
        live.run.task = ix;
        live.held = false;
        live.in_time = true;
        let was_armed = std::mem::take(&mut live.armed);
        if was_armed {
            live.run.state = State::Pending;
            live.run.attempt -= 1;
            live.run.started_at = None;
        }
        if let Slot::Cooldown { n } = live.run.slot {
            self.tasks[ix.at()].turns = self.tasks[ix.at()].turns.max(n);
        }
        let (state, due, retry_at, deadline) = (live.run.state, live.run.due, live.run.retry_at, live.deadline);
        self.tasks[ix.at()].live.push(id);
        self.put_live(live);
        if was_armed {
            self.store_run(id);
        }
        self.carry_timers(id, old);
        match (state, deadline) {
            // The attempt keeps the time that it was given.
            (State::Running, Some(at)) => self.set_timer(at, Timer::Deadline, id),
            // What waits is judged again under the new declaration.
            (State::Pending, _) => self.set_timer(retry_at.unwrap_or(due).max(self.now), Timer::Retry, id),
            _ => {}
        }
    }

    /// Keeps the deadlines that a run was given, and until when it waits for what must end first.
    fn carry_timers(&mut self, id: RunId, old: &Scheduler) {
        let was_held = old.live[&id].held;
        let task = self.desk.task(self.live[&id].run.task);
        let still = |timer: Timer| match timer {
            Timer::StartBy => task.start_by.is_some(),
            Timer::FinishBy => task.finish_by.is_some(),
            Timer::GateTimeout => was_held,
            Timer::Armed | Timer::Retry | Timer::Deadline => false,
        };
        let own: Vec<_> = old.timers.iter().filter(|(_, timer, of)| *of == id && still(*timer)).copied().collect();
        self.timers.extend(own);
    }
}

/// Tells whether two declarations of a task name the same slots at the same instants.
fn same_times(a: &Task, b: &Task) -> bool {
    let times = |t: &Task| -> Vec<_> { t.firings.iter().map(|f| (f.trigger.clone(), f.on_half_day)).collect() };
    times(a) == times(b)
        && a.days == b.days
        && a.clock == b.clock
        && a.on_holiday == b.on_holiday
        && a.gap == b.gap
        && a.fold == b.fold
        && a.filter == b.filter
        && a.enabled == b.enabled
        && a.session_bound == b.session_bound
}
