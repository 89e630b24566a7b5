//! Orders of an operator: pause, resume, leave out, halt a lane, cancel.
//!
//! Rule: a hold keeps new slots from running and takes out what waits; what runs goes on. Letting go never makes good for the time of the hold, because every slot of it has
//! its row. Each order is answered in the turn that obeyed or refused it.

use crate::judge::Standing;
use crate::run::{Change, Note, Reason, RunId, State};
use crate::task::{Lane, TaskIx};
use crate::wish::{Held, Hold};

use super::{Live, Scheduler};

/// What an operator orders, beside running a task now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Keep a task from running.
    Pause(TaskIx),
    /// Let it run again.
    Resume(TaskIx),
    /// Leave out its next slot.
    Skip(TaskIx),
    /// Keep a lane from starting anything.
    HaltLane(Lane),
    /// Let it start again.
    ResumeLane(Lane),
    /// Take a run out, or tell it to stop.
    Cancel(RunId),
}

impl Scheduler {
    /// Returns why a task as a whole does not run: held by an operator, or not part of this installation.
    pub(super) fn standing(&self, ix: TaskIx) -> Option<&Standing> {
        let state = &self.tasks[ix.at()];
        let lane = self.desk.task(ix).lane;
        state.paused.as_ref().or(self.halted[lane as usize].as_ref()).or(state.standing.as_ref())
    }

    /// Returns what an operator holds: tasks by name, lanes by word, each with its note.
    pub fn holds(&self) -> impl Iterator<Item = (Held, &Standing)> {
        let tasks = self.desk.iter().filter_map(|(ix, task)| {
            self.tasks[ix.at()].paused.as_ref().map(|standing| (Held::Task(task.name.clone()), standing))
        });
        let lanes = Lane::ALL
            .iter()
            .filter_map(|lane| self.halted[*lane as usize].as_ref().map(|standing| (Held::Lane(*lane), standing)));
        tasks.chain(lanes)
    }

    pub(super) fn asked(&mut self, id: u128, order: &Order, reason: String, operator: String) {
        let note: Note = match *order {
            Order::Pause(ix) => self.set_hold(Held::Task(self.desk.task(ix).name.clone()), true, reason, operator),
            Order::Resume(ix) => self.set_hold(Held::Task(self.desk.task(ix).name.clone()), false, reason, operator),
            Order::HaltLane(lane) => self.set_hold(Held::Lane(lane), true, reason, operator),
            Order::ResumeLane(lane) => self.set_hold(Held::Lane(lane), false, reason, operator),
            Order::Skip(ix) => self.skip_next(ix),
            Order::Cancel(run) => self.cancel(run),
        };
        self.turn.changes.push(Change::WishDone { id, note });
    }

    fn set_hold(&mut self, held: Held, on: bool, reason: String, operator: String) -> Note {
        let was = match &held {
            Held::Task(name) => self.desk.find(name).is_some_and(|ix| self.tasks[ix.at()].paused.is_some()),
            Held::Lane(lane) => self.halted[*lane as usize].is_some(),
        };
        if was == on {
            return if on { "refused: it is held already" } else { "refused: it is not held" }.into();
        }
        let hold = Hold { held, on, reason, operator, at: self.now };
        self.hold(&hold);
        let taken_out = if on { self.withdraw_held(&hold.held) } else { 0 };
        self.turn.changes.push(Change::Hold(hold));
        match taken_out {
            0 => "done".into(),
            1 => "done; 1 run that waited was taken out".into(),
            n => format!("done; {n} runs that waited were taken out").into(),
        }
    }

    /// Puts a hold in force, or lets it go.
    pub(super) fn hold(&mut self, hold: &Hold) {
        let standing = |reason| Standing { reason, note: format!("by {}: {}", hold.operator, hold.reason).into() };
        match &hold.held {
            Held::Task(name) => {
                if let Some(ix) = self.desk.find(name) {
                    self.tasks[ix.at()].paused = hold.on.then(|| standing(Reason::Paused));
                }
            }
            Held::Lane(lane) => self.halted[*lane as usize] = hold.on.then(|| standing(Reason::Halted)),
        }
    }

    /// Takes out what waits under a hold; what runs goes on.
    fn withdraw_held(&mut self, held: &Held) -> usize {
        let (reason, of) = match held {
            Held::Task(name) => (Reason::Paused, self.desk.find(name)),
            Held::Lane(_) => (Reason::Halted, None),
        };
        let desk = std::sync::Arc::clone(&self.desk);
        let fits = |ix: TaskIx| match held {
            Held::Task(_) => of == Some(ix),
            Held::Lane(lane) => desk.task(ix).lane == *lane,
        };
        let waits = |live: &Live| fits(live.run.task) && (live.run.state == State::Pending || live.armed);
        let waiting: Vec<RunId> = self.live.iter().filter(|(_, l)| waits(l)).map(|(id, _)| *id).collect();
        let mut taken_out = 0;
        for id in waiting {
            // The end of one may have ended another that waited for it.
            if self.live.contains_key(&id) {
                self.withdraw(id, reason);
                taken_out += 1;
            }
        }
        taken_out
    }

    /// Ends a run that has not begun, or waits for its next attempt.
    pub(super) fn withdraw(&mut self, id: RunId, reason: Reason) {
        let live = self.live.get_mut(&id).expect("the caller found it");
        if live.armed {
            // Stored as started ahead of its instant; it never began.
            live.armed = false;
            live.run.attempt -= 1;
            live.run.started_at = None;
        }
        if live.run.attempt == 0 {
            return self.finish_skipped(id, reason);
        }
        if !live.held {
            self.dequeue(id);
        }
        let live = self.live.get_mut(&id).expect("looked up above");
        live.run.state = State::Failed;
        live.run.reason = Some(reason);
        self.finish(id);
    }

    fn skip_next(&mut self, ix: TaskIx) -> Note {
        if self.desk.task(ix).is_cooldown() {
            return "refused: the task has no next slot, it is driven by phase and mode; pause it instead".into();
        }
        let armed: Option<RunId> = self.tasks[ix.at()].live.iter().copied().find(|id| self.live[id].armed);
        if let Some(id) = armed {
            let slot = self.live[&id].run.slot;
            self.withdraw(id, Reason::Operator);
            return format!("done: {slot}").into();
        }
        let Some(next) = self.tasks[ix.at()].next.first().copied() else {
            return "refused: the task has no next slot".into();
        };
        // All slots of that instant go: they are one moment of the task.
        let slots = std::mem::take(&mut self.tasks[ix.at()].next);
        for occurrence in &slots {
            self.skip(occurrence, Reason::Operator, false);
        }
        self.tasks[ix.at()].planned_to = next.due;
        self.store_cursor(ix);
        self.schedule(ix);
        format!("done: {}", next.slot).into()
    }

    fn cancel(&mut self, id: RunId) -> Note {
        let Some(live) = self.live.get_mut(&id) else {
            return "refused: no such run is waiting or running".into();
        };
        if live.run.state == State::Running && !live.armed {
            live.stopped_for = Some(Reason::Operator);
            self.turn.stops.push(id);
            return "done: it was told to stop".into();
        }
        self.withdraw(id, Reason::Operator);
        "done: it will not run".into()
    }
}
