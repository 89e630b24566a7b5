//! Showing: how the engine is, after every turn.

use jiff::{SignedDuration, Timestamp};
use kobe_plan::{Change, Desk, Lane, Outcome, Run, Start, State};

use super::Engine;
use crate::vitals::{LaneLoad, LastError, Upcoming, Vitals};

impl Engine {
    pub(super) fn show(&mut self, changes: &[Change], last: Option<&Start>) {
        let now = self.ports.clock.now();
        let vitals = &mut self.vitals;
        vitals.cycles += 1;
        vitals.beat_at = now;
        vitals.latest = self.scheduler.now();
        if let Some(start) = last {
            vitals.last_task.clone_from(&self.desk.task(start.task).name);
        }
        for change in changes {
            let Change::Run(run) = change else { continue };
            note_end(vitals, &self.desk, run, now);
        }
        vitals.lanes.clear();
        for lane in Lane::ALL {
            let ((waiting, running), spec) = (self.scheduler.load(*lane), self.desk.lane(*lane));
            vitals.lanes.push(LaneLoad { lane: *lane, waiting, running, workers: spec.workers, limit: spec.queue });
        }
        let hour = now + SignedDuration::from_hours(1);
        vitals.upcoming.clear();
        vitals.upcoming.extend(
            self.scheduler.upcoming().take(5).map(|(at, ix)| Upcoming { at, task: self.desk.task(ix).name.clone() }),
        );
        vitals.due_next_hour = self.scheduler.upcoming().take_while(|(at, _)| *at <= hour).take(10_000).count();
        self.board.write(vitals);
        self.ports.pulse.beat(vitals);
    }
}

fn note_end(vitals: &mut Vitals, desk: &Desk, run: &Run, now: Timestamp) {
    let failed_attempt = matches!(run.outcome, Some(Outcome::Error(_) | Outcome::TimedOut | Outcome::Lost))
        && run.state != State::Running;
    if failed_attempt {
        let outcome = run.outcome.as_ref().expect("matched above");
        let said = if outcome.note().is_empty() { outcome.word() } else { outcome.note() };
        let error = LastError {
            at: now,
            task: desk.task(run.task).name.clone(),
            slot: run.slot.to_string(),
            attempt: run.attempt,
            error: said.to_owned(),
        };
        vitals.remember(error);
    }
    if run.state.is_terminal() {
        let end = match run.state {
            State::Skipped => run.reason.map_or("skipped", |r| r.word()),
            state => state.word(),
        };
        *vitals.ends.entry(end.to_owned()).or_default() += run.covers;
    }
}
