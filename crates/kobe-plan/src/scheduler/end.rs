//! How runs end, and what follows.

use jiff::SignedDuration;

use super::{Ended, Scheduler, Timer};
use crate::judge::{Facts, Verdict, judge};
use crate::run::{Change, Outcome, Reason, Run, RunId, State};
use crate::slot::Occurrence;
use crate::task::{Task, TaskIx};

/// The longest wait between attempts.
const BACKOFF_MOST: SignedDuration = SignedDuration::from_hours(1);

impl Scheduler {
    pub(super) fn ended(&mut self, id: RunId, attempt: u32, outcome: Outcome) {
        if self.current(id, attempt).is_none() {
            return;
        }
        self.forget_attempt(id);
        self.settle(id, outcome);
    }

    /// Returns the task of a run whose attempt is on its way; any other is stale and counted.
    fn current(&mut self, id: RunId, attempt: u32) -> Option<TaskIx> {
        let live = self.live.get(&id);
        let live = live.filter(|l| l.run.state == State::Running && l.run.attempt == attempt && !l.armed);
        if live.is_none() {
            self.turn.stale += 1;
        }
        live.map(|l| l.run.task)
    }

    /// Frees the place of an attempt in its lane.
    fn forget_attempt(&mut self, id: RunId) {
        let task = self.desk.task(self.live[&id].run.task);
        self.queues.end(task.lane, task.heavy);
        // The deadline belongs to the attempt: it must not stop the next one.
        self.forget_deadline(id);
    }

    /// Takes back a start that was not performed: the attempt is not used. It is judged again where it may be repeated.
    pub(super) fn given_back(&mut self, id: RunId, attempt: u32) {
        let Some(ix) = self.current(id, attempt) else { return };
        let may_be_repeated = self.desk.task(ix).idempotent;
        self.forget_attempt(id);
        let live = self.live.get_mut(&id).expect("looked up above");
        live.run.attempt -= 1;
        live.run.outcome = Some(Outcome::Interrupted);
        live.run.reason = Some(live.stopped_for.unwrap_or(Reason::Interrupted));
        if live.stopped_for.is_some() || !may_be_repeated {
            live.run.state = State::Failed;
            return self.finish(id);
        }
        self.again(id, SignedDuration::ZERO);
    }

    /// Decides what a finished attempt means for its run.
    pub(super) fn settle(&mut self, id: RunId, outcome: Outcome) {
        let desk = std::sync::Arc::clone(&self.desk);
        let live = self.live.get_mut(&id).expect("the caller found it");
        let task = desk.task(live.run.task);
        let (state, reason) = match &outcome {
            // Stopped for the sake of a newer run, or by an operator: it must not come back.
            Outcome::TimedOut | Outcome::Interrupted | Outcome::Error(_) if live.stopped_for.is_some() => {
                (State::Failed, live.stopped_for)
            }
            Outcome::Ok(_) | Outcome::NoData(_) => (State::Completed, None),
            Outcome::Gated(_) => (State::Skipped, Some(Reason::Gate)),
            Outcome::Unavailable(_) => (State::Skipped, Some(Reason::Unavailable)),
            Outcome::NotBuilt => (State::Skipped, Some(Reason::NotBuilt)),
            // Told to stop by us. The attempt counts: what is interrupted again and again must come to an end.
            Outcome::Interrupted if task.idempotent && live.run.attempt <= task.retry.limit => {
                (State::Pending, Some(Reason::Interrupted))
            }
            Outcome::Interrupted => (State::Failed, Some(Reason::Interrupted)),
            // What may have sent an order is not repeated until a person has looked.
            Outcome::Lost if task.right.trades() => (State::Failed, Some(Reason::Held)),
            Outcome::Lost if !task.idempotent => (State::Failed, Some(Reason::Lost)),
            Outcome::Lost | Outcome::Error(_) | Outcome::TimedOut if live.run.attempt <= task.retry.limit => {
                (State::Pending, None)
            }
            Outcome::Lost => (State::Failed, Some(Reason::Lost)),
            Outcome::Error(_) | Outcome::TimedOut => (State::Failed, None),
        };
        let immediate = matches!(outcome, Outcome::Interrupted);
        live.run.outcome = Some(outcome);
        live.run.state = state;
        live.run.reason = reason;
        if state.is_terminal() {
            return self.finish(id);
        }
        let wait = if immediate { SignedDuration::ZERO } else { backoff(task, live.run.attempt, id) };
        self.again(id, wait);
    }

    /// Has a run tried again after a wait.
    fn again(&mut self, id: RunId, wait: SignedDuration) {
        let at = self.now + wait;
        let live = self.live.get_mut(&id).expect("the caller found it");
        live.run.state = State::Pending;
        live.run.retry_at = Some(at);
        self.store_run(id);
        self.set_timer(at, Timer::Retry, id);
    }

    /// Judges a run again at `now`: phase, mode, session and use may have passed since it was admitted.
    pub(super) fn judge_again(&mut self, id: RunId) -> Verdict {
        let run = self.live[&id].run.clone();
        let occurrence =
            Occurrence { task: run.task, firing: 0, slot: run.slot, due: run.due, dst_shifted: run.dst_shifted };
        let (Ok(day), Ok(day_at)) = (self.days.at(run.due), self.days.at(self.now)) else {
            return Verdict::Skip(Reason::Horizon);
        };
        let state = &self.tasks[run.task.at()];
        let others = state.live.iter().filter(|other| **other != id).count();
        let standing = self.standing(run.task);
        let facts = Facts { day: &day, at: self.now, day_at: &day_at, standing, live: others };
        judge(self.desk.task(run.task), &occurrence, &facts)
    }

    /// Brings a run back to its lane: after a failed attempt, or after a restart.
    pub(super) fn retry(&mut self, id: RunId) {
        let live = &self.live[&id];
        let (run, task) = (&live.run, self.desk.task(live.run.task));
        let (attempt, interrupted) = (run.attempt, run.reason == Some(Reason::Interrupted));
        // What never began is missed after its grace; what we interrupted ourselves, or what makes good for an absence, has none. What may trade always has one.
        let excused = (interrupted && !task.right.trades()) || run.catchup || live.in_time;
        let is_first = attempt == 0 || interrupted;
        let too_late = is_first && !excused && self.now.duration_since(run.due) > task.grace;
        let verdict = if too_late { Verdict::Skip(Reason::GraceExpired) } else { self.judge_again(id) };
        match verdict {
            // What never began may still have to wait for what must end first.
            Verdict::Admit if attempt == 0 => {
                self.live.get_mut(&id).expect("looked up above").run.reason = None;
                self.release_or_hold(id);
            }
            Verdict::Admit => {
                self.store_run(id);
                self.enqueue(id);
            }
            Verdict::Skip(reason) => {
                // What has failed, and may not be repeated any more, stays failed, with the reason why it was not repeated. What never began is skipped.
                let live = self.live.get_mut(&id).expect("looked up above");
                live.run.state = if attempt == 0 { State::Skipped } else { State::Failed };
                live.run.reason = Some(reason);
                self.finish(id);
            }
        }
    }

    pub(super) fn finish_skipped(&mut self, id: RunId, reason: Reason) {
        if !self.live[&id].held {
            self.dequeue(id);
        }
        let live = self.live.get_mut(&id).expect("the caller found it");
        live.run.state = State::Skipped;
        live.run.reason = Some(reason);
        self.finish(id);
    }

    pub(super) fn finish(&mut self, id: RunId) {
        let mut live = self.live.remove(&id).expect("the caller found it");
        live.run.ended_at = Some(self.now);
        live.run.retry_at = None;
        self.held.remove(&id);
        let ix = live.run.task;
        self.tasks[ix.at()].live.retain(|other| *other != id);
        self.remember_end(&live.run);
        // The row first, then what is told of it.
        let place = self.turn.changes.len();
        self.tell_end(&live.run);
        self.turn.changes.insert(place, Change::Run(live.run));
        if self.desk.task(ix).is_cooldown() {
            if self.tasks[ix.at()].last_turn.is_none() {
                self.tasks[ix.at()].last_turn = Some(self.now);
            }
            self.schedule(ix);
        }
        if !self.held.is_empty() {
            self.release_held();
        }
    }

    fn forget_deadline(&mut self, id: RunId) {
        if let Some(at) = self.live.get_mut(&id).and_then(|l| l.deadline.take()) {
            self.timers.remove(&(at, Timer::Deadline, id));
        }
    }

    /// Remembers how a function ended on its date, for those that wait for it.
    pub(super) fn remember_end(&mut self, run: &Run) {
        let task = self.desk.task(run.task);
        if task.is_cooldown() {
            return;
        }
        let date = run.slot.date(run.due, self.days.market());
        if let Some(entry) = self.upstream.get_mut(task.function())
            && entry.is_none_or(|e| e.due <= run.due)
        {
            *entry = Some(Ended { date, due: run.due, failed: run.state == State::Failed });
        }
    }
}

/// Returns the wait before the next attempt: doubling, capped, with up to a tenth more from a hash of the run, so that what failed together does not return together.
pub(crate) fn backoff(task: &Task, attempt: u32, id: RunId) -> SignedDuration {
    let doubled = task.retry.backoff.as_secs().saturating_mul(1 << (attempt.clamp(1, 20) - 1));
    let base = SignedDuration::from_secs(doubled).min(BACKOFF_MOST);
    let mixed = (id.0 ^ (u64::from(attempt) << 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    let tenth = base.as_millis() as u64 / 10;
    (base + SignedDuration::from_millis(((mixed * tenth) >> 32) as i64)).min(BACKOFF_MOST)
}
