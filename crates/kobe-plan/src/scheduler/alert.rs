//! What a person must be told of a turn.
//!
//! Rule: a failure is told when the last attempt is over, at its root and once, with what waits behind it; what was missed in a turn is told as one; deadlines are timers, and
//! those that passed while nobody was there are told by whoever finds the run, as one.
//! The alert is a change of the turn, so it is stored with what it tells of, or not at all.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::alert::{Alert, AlertKind, Severity};
use crate::run::{Change, Outcome, Reason, Run, RunId, State};
use crate::slot::Slot;
use crate::task::{Lane, TaskIx};

use super::{Scheduler, Timer};

/// A clock that goes back by less is being trimmed, not set.
const SET_BACK: SignedDuration = SignedDuration::from_secs(1);

/// So many names are written out; the rest is a number.
const NAMED: usize = 5;

/// What was missed in a turn.
#[derive(Debug, Clone, Default)]
pub(super) struct Missed {
    slots: u64,
    tasks: BTreeSet<TaskIx>,
    /// Tasks among them that may trade.
    trading: BTreeSet<TaskIx>,
    first: Option<Timestamp>,
}

impl Missed {
    pub(super) fn note(&mut self, run: &Run, trades: bool) {
        self.slots += run.covers;
        self.tasks.insert(run.task);
        if trades {
            self.trading.insert(run.task);
        }
        self.first = Some(self.first.map_or(run.due, |first| first.min(run.due)));
    }
}

/// Deadlines that passed while nobody was there: the task, the slot, and how long after it.
#[derive(Debug, Clone, Default)]
pub(super) struct Passed {
    start: Vec<(TaskIx, Slot, SignedDuration)>,
    finish: Vec<(TaskIx, Slot, SignedDuration)>,
}

impl Scheduler {
    fn tell(&mut self, alert: Alert) {
        self.turn.changes.push(Change::Alert(alert));
    }

    /// Builds an alert about a task, with who answers for it and where to look.
    fn about(&self, ix: TaskIx, kind: AlertKind, severity: Severity, title: String) -> Alert {
        let task = self.desk.task(ix);
        let runbook =
            if task.runbook.is_empty() { format!("docs/operate/alerts.md#{kind}") } else { task.runbook.clone() };
        Alert {
            task: Some(task.name.clone()),
            owner: task.owner.clone(),
            runbook,
            ..Alert::new(kind, severity, format!("task:{}", task.name), self.now, title)
        }
    }

    /// Tells that a run failed for good, or that its task is well again.
    pub(super) fn tell_end(&mut self, run: &Run) {
        let ix = run.task;
        match run.state {
            // An operator ended it, or a newer run took its place: whoever did that knows.
            State::Failed
                if matches!(run.reason, Some(Reason::Operator | Reason::Overlap | Reason::Paused | Reason::Halted)) => {
            }
            State::Failed => {
                let held = run.reason == Some(Reason::Held);
                let (task, outcome) = (self.desk.task(ix), run.outcome.as_ref());
                let (kind, severity) =
                    if held { (AlertKind::RunHeld, Severity::Critical) } else { (AlertKind::RunFailed, task.severity) };
                let attempts = if run.attempt == 1 { "1 attempt".into() } else { format!("{} attempts", run.attempt) };
                let title = match (held, run.reason) {
                    (true, _) => format!("{} may have traded when it was lost; it is held", task.name),
                    (false, Some(reason)) => format!("{} failed after {attempts} ({reason})", task.name),
                    (false, None) => format!("{} failed after {attempts}", task.name),
                };
                let mut detail = format!("slot {}", run.slot);
                if let Some(outcome) = outcome {
                    let said = if outcome.note().is_empty() { outcome.word() } else { outcome.note() };
                    detail.push_str(&format!("\nerror: {said}"));
                }
                let behind = self.waiting_for(ix);
                if !behind.is_empty() {
                    detail.push_str(&format!("\nwaits for it: {behind}"));
                }
                let alert = self.about(ix, kind, severity, title).with_detail(detail);
                self.tasks[ix.at()].told = true;
                self.tell(alert);
            }
            State::Completed if self.tasks[ix.at()].told => {
                self.tasks[ix.at()].told = false;
                let title = format!("{} is well again", self.desk.task(ix).name);
                let alert = self.about(ix, AlertKind::RunFailed, Severity::Info, title).recovered();
                self.tell(alert);
            }
            _ => {}
        }
    }

    /// Names the tasks that wait for a function, each waiting for the next, in the order of the files.
    fn waiting_for(&self, ix: TaskIx) -> String {
        let mut reached: BTreeSet<TaskIx> = BTreeSet::new();
        let mut functions: Vec<&str> = vec![self.desk.task(ix).function()];
        while let Some(function) = functions.pop() {
            for (other, task) in self.desk.iter() {
                if other != ix && task.after.iter().any(|f| f == function) && reached.insert(other) {
                    functions.push(task.function());
                }
            }
        }
        self.names(&reached)
    }

    fn names(&self, tasks: &BTreeSet<TaskIx>) -> String {
        let mut text =
            tasks.iter().take(NAMED).map(|ix| self.desk.task(*ix).name.as_str()).collect::<Vec<_>>().join(", ");
        if tasks.len() > NAMED {
            text.push_str(&format!(" and {} more", tasks.len() - NAMED));
        }
        text
    }

    /// Sets the timers of a task's deadlines. One that has passed is not forgotten: [`Scheduler::note_passed`].
    pub(super) fn watch_deadlines(&mut self, id: RunId) {
        let run = &self.live[&id].run;
        let (task, due) = (self.desk.task(run.task), run.due);
        let (start_by, finish_by) = (task.start_by, task.finish_by);
        for (after, timer) in [(start_by, Timer::StartBy), (finish_by, Timer::FinishBy)] {
            if let Some(at) = after.map(|after| due + after).filter(|at| *at > self.now) {
                self.set_timer(at, timer, id);
            }
        }
    }

    /// Notes deadlines of a run that passed after an instant and up to now, while nobody was there to tell them. Until that instant somebody was, and has told them.
    pub(super) fn note_passed(&mut self, id: RunId, after: Timestamp) {
        let run = &self.live[&id].run;
        let (task, due, now) = (self.desk.task(run.task), run.due, self.now);
        let passed = |by: Option<SignedDuration>| by.filter(|by| due + *by > after && due + *by <= now);
        let (start, finish) = (passed(task.start_by).filter(|_| run.attempt == 0), passed(task.finish_by));
        let entry = |by| (run.task, run.slot, by);
        self.passed.start.extend(start.map(entry));
        self.passed.finish.extend(finish.map(entry));
    }

    /// Tells the deadlines that passed while nobody was there: one alert for those by which something should have begun, one for those by which it should have been over.
    pub(super) fn tell_passed(&mut self) {
        let Passed { start, finish } = std::mem::take(&mut self.passed);
        for (kind, what, passed) in
            [(AlertKind::StartLate, "had not begun", start), (AlertKind::FinishLate, "was not over", finish)]
        {
            let Some(&(first, ..)) = passed.first() else { continue };
            let lines = passed
                .iter()
                .take(NAMED)
                .map(|(ix, slot, by)| format!("{} {what} {by:#} after its slot {slot}", self.desk.task(*ix).name));
            let mut detail = lines.collect::<Vec<_>>().join("\n");
            if passed.len() > NAMED {
                detail.push_str(&format!("\nand {} more", passed.len() - NAMED));
            }
            let severity = passed.iter().map(|(ix, ..)| self.desk.task(*ix).severity).max();
            let severity = severity.expect("there is a first");
            let alert = if passed.len() == 1 {
                let title = format!("{}: a deadline passed while nobody was there", self.desk.task(first).name);
                self.tasks[first.at()].told = true;
                self.about(first, kind, severity, title)
            } else {
                let title = format!("{} deadlines passed while nobody was there", passed.len());
                with_page(Alert::new(kind, severity, "passed", self.now, title))
            };
            self.tell(alert.with_detail(detail));
        }
    }

    pub(super) fn tell_start_late(&mut self, id: RunId) {
        let run = self.live[&id].run.clone();
        let task = self.desk.task(run.task);
        let after = task.start_by.expect("the timer was set for it");
        let why = match run.reason {
            Some(Reason::Gate) => format!("it waits for {}", task.after.join(", ")),
            Some(reason) => format!("it waits: {reason}"),
            None => format!("it waits for room in the lane {}", task.lane),
        };
        let title = format!("{} has not begun {after:#} after its slot", task.name);
        let alert = self
            .about(run.task, AlertKind::StartLate, task.severity, title)
            .with_detail(format!("slot {}\n{why}", run.slot));
        self.tasks[run.task.at()].told = true;
        self.tell(alert);
    }

    pub(super) fn tell_finish_late(&mut self, id: RunId) {
        let run = self.live[&id].run.clone();
        let task = self.desk.task(run.task);
        let after = task.finish_by.expect("the timer was set for it");
        let title = format!("{} is not over {after:#} after its slot", task.name);
        let mut detail = format!("slot {}\nit is {}, attempt {}", run.slot, run.state, run.attempt);
        if let Some(outcome) = run.outcome.as_ref().filter(|o| matches!(o, Outcome::Error(_))) {
            detail.push_str(&format!("\nerror: {}", outcome.note()));
        }
        let alert = self.about(run.task, AlertKind::FinishLate, task.severity, title).with_detail(detail);
        self.tasks[run.task.at()].told = true;
        self.tell(alert);
    }

    /// Notes that a lane has shed a run; told once until the lane has emptied.
    pub(super) fn shed(&mut self, lane: Lane) {
        if !std::mem::replace(&mut self.shed[lane as usize], true) {
            let limit = self.desk.lane(lane).queue;
            let title = format!("the lane {lane} is full: {limit} runs wait, and more are being skipped");
            let alert = Alert::new(AlertKind::QueueFull, Severity::Error, format!("lane:{lane}"), self.now, title);
            self.tell(with_page(alert));
        }
    }

    /// Tells what is true of the whole turn: what was missed, deadlines that have passed, and lanes that have emptied.
    pub(super) fn tell_of_turn(&mut self) {
        self.tell_passed();
        let missed = std::mem::take(&mut self.missed);
        if missed.slots > 0 {
            let trading = self.names(&missed.trading);
            let severity = if missed.trading.is_empty() { Severity::Warning } else { Severity::Critical };
            let title =
                format!("{} slots of {} tasks were missed while nobody was there", missed.slots, missed.tasks.len());
            let mut detail = missed.first.map_or(String::new(), |first| format!("the first was due {first}"));
            if !trading.is_empty() {
                detail.push_str(&format!("\nmay trade: {trading}"));
            }
            let alert = Alert::new(AlertKind::Missed, severity, "missed", self.now, title).with_detail(detail);
            self.tell(with_page(alert));
        }
        for lane in Lane::ALL {
            let (waiting, _) = self.queues.load(*lane);
            if self.shed[*lane as usize] && waiting * 2 <= self.desk.lane(*lane).queue {
                self.shed[*lane as usize] = false;
                let title = format!("the lane {lane} has room again");
                let cause = format!("lane:{lane}");
                let alert = Alert::new(AlertKind::QueueFull, Severity::Info, cause, self.now, title).recovered();
                self.tell(alert);
            }
        }
    }

    /// Tells once that the clock was set back; everything waits until it has caught up.
    pub(super) fn notice_clock(&mut self, now: Timestamp) {
        let back = self.now.duration_since(now);
        if back <= SignedDuration::ZERO {
            self.set_back = false;
        } else if back > SET_BACK && !std::mem::replace(&mut self.set_back, true) {
            let title = format!(
                "the clock was set back by {} s; nothing fires twice, and nothing new is due until then",
                back.as_secs()
            );
            let alert = Alert::new(AlertKind::ClockSetBack, Severity::Error, "clock", self.now, title);
            self.tell(with_page(alert));
        }
    }
}

/// Adds the page of the operating book to an alert that is not about a task.
fn with_page(alert: Alert) -> Alert {
    Alert { runbook: format!("docs/operate/alerts.md#{}", alert.kind), ..alert }
}
