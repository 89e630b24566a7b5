//! What is due: from instants to rows.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use kobe_calendar::MarketDay;

use super::{Live, Scheduler, Timer};
use crate::judge::{Facts, Verdict, judge, phase_matches};
use crate::run::{Change, CursorRow, Note, Reason, Run, RunId, State};
use crate::slot::{Occurrence, Slot};
use crate::task::{CatchUp, Overlap, TaskIx};
use crate::trigger::Trigger;

/// A slot that is found no later than this after its instant is on time; later it is made good, and judged against now.
pub(super) const ON_TIME: SignedDuration = SignedDuration::from_secs(2);

/// So many missed slots of one task are looked at one by one; of a longer absence only the newest.
const MISSED_MOST: usize = 100_000;

/// How many days ahead the next fitting phase and mode is looked for.
const CONTEXT_DAYS: usize = 400;

impl Scheduler {
    pub(super) fn plan_due(&mut self) {
        let mut admitted = Vec::new();
        while let Some((key, ix)) = self.due.first().copied().filter(|(key, _)| *key <= self.now) {
            self.due.remove(&(key, ix));
            self.tasks[ix.at()].key = None;
            if self.desk.task(ix).is_cooldown() {
                self.cooldown_due(ix, &mut admitted);
            } else if self.tasks[ix.at()].next.first().is_some_and(|o| o.due > self.now) {
                self.arm(ix);
            } else {
                self.clock_due(ix, &mut admitted);
            }
        }
        // All runs of this instant exist before any of them is checked against what must end first.
        for id in admitted {
            self.release_or_hold(id);
        }
    }

    /// Finds the next instant of a task and notes it in the index.
    pub(super) fn schedule(&mut self, ix: TaskIx) {
        let desk = Arc::clone(&self.desk);
        let task = desk.task(ix);
        let state = &self.tasks[ix.at()];
        if let Some(Trigger::Cooldown(period)) = task.firings.first().map(|f| &f.trigger) {
            // While a turn is not over the next one is not known.
            let due = if state.live.is_empty() {
                let from = state.last_turn.map_or(self.now, |last| last + *period);
                self.context_entry(ix, from)
            } else {
                None
            };
            self.index(ix, due);
            return;
        }
        let after = state.planned_to;
        let next = self.next_free(task, ix, after);
        let due = next.first().map(|o| o.due);
        let ahead = self.settings.arm_ahead > SignedDuration::ZERO
            && !task.right.trades()
            && task.after.is_empty()
            && !task.heavy;
        let state = &mut self.tasks[ix.at()];
        state.next = next;
        state.looked_ahead = !ahead;
        let key = due.map(|d| if ahead { d - self.settings.arm_ahead } else { d });
        self.index(ix, key);
    }

    /// Returns the next occurrences that have no row yet.
    pub(super) fn next_free(&mut self, task: &crate::task::Task, ix: TaskIx, after: Timestamp) -> Vec<Occurrence> {
        let mut after = after;
        loop {
            let mut next = next_occurrences(task, ix, after, &mut self.days);
            let Some(due) = next.first().map(|o| o.due) else { return next };
            if !self.taken.is_empty() {
                next.retain(|o| !self.taken.contains(&(ix, o.slot.to_string())));
            }
            if !next.is_empty() {
                return next;
            }
            after = due;
        }
    }

    pub(super) fn index(&mut self, ix: TaskIx, key: Option<Timestamp>) {
        let state = &mut self.tasks[ix.at()];
        if let Some(old) = state.key.take() {
            self.due.remove(&(old, ix));
        }
        if let Some(key) = key {
            state.key = Some(key);
            self.due.insert((key, ix));
        }
    }

    pub(super) fn store_cursor(&mut self, ix: TaskIx) {
        let state = &self.tasks[ix.at()];
        self.turn.changes.push(Change::Cursor(CursorRow {
            task: ix,
            planned_to: state.planned_to,
            turns: state.turns,
            last_turn: state.last_turn,
        }));
    }

    /// Stores the start of a run ahead of its instant, if nothing speaks against it now; otherwise leaves it to its instant.
    fn arm(&mut self, ix: TaskIx) {
        let state = &self.tasks[ix.at()];
        let (single, due) = (state.next.len() == 1 && state.live.is_empty(), state.next[0].due);
        if !state.looked_ahead && single {
            let occurrence = state.next[0];
            if let (Verdict::Admit, Some(_)) = self.verdict(&occurrence, due) {
                let id = self.admit(&occurrence, false);
                let live = self.live.get_mut(&id).expect("just admitted");
                live.armed = true;
                live.run.state = State::Running;
                live.run.attempt = 1;
                live.run.started_at = Some(due);
                self.store_run(id);
                self.set_timer(due, Timer::Armed, id);
                self.tasks[ix.at()].planned_to = due;
                self.store_cursor(ix);
                self.schedule(ix);
                return;
            }
        }
        self.tasks[ix.at()].looked_ahead = true;
        self.index(ix, Some(due));
    }

    /// Judges an occurrence at an instant; past the calendar nothing is admitted.
    fn verdict(&mut self, occurrence: &Occurrence, at: Timestamp) -> (Verdict, Option<Arc<MarketDay>>) {
        let (Ok(day), Ok(day_at)) = (self.day_of(occurrence), self.days.at(at)) else {
            return (Verdict::Skip(Reason::Horizon), None);
        };
        let (standing, live) = (self.standing(occurrence.task), self.tasks[occurrence.task.at()].live.len());
        let facts = Facts { day: &day, at, day_at: &day_at, standing, live };
        (judge(self.desk.task(occurrence.task), occurrence, &facts), Some(day))
    }

    fn day_of(&mut self, occurrence: &Occurrence) -> Result<Arc<MarketDay>, kobe_calendar::CalendarError> {
        self.days.at(occurrence.due)
    }

    fn clock_due(&mut self, ix: TaskIx, admitted: &mut Vec<RunId>) {
        let desk = Arc::clone(&self.desk);
        let task = desk.task(ix);
        let mut passed = std::mem::take(&mut self.tasks[ix.at()].next);
        let mut last = passed.last().map_or(self.now, |o| o.due);
        let mut dropped: u64 = 0;
        loop {
            let more = self.next_free(task, ix, last);
            let Some(due) = more.first().map(|o| o.due).filter(|d| *d <= self.now) else { break };
            last = due;
            passed.extend(more);
            if passed.len() > MISSED_MOST {
                dropped += (passed.len() - 1000) as u64;
                passed.drain(1..passed.len() - 999);
            }
        }
        // On-time slots of one instant all stand; of older ones the task's policy chooses.
        let on_time = passed.iter().filter(|o| self.now.duration_since(o.due) <= ON_TIME).count();
        let late = passed.len() - on_time;
        let made_good: Vec<usize> = match task.catch_up {
            _ if late == 0 => Vec::new(),
            CatchUp::Skip => Vec::new(),
            CatchUp::Latest if on_time > 0 => Vec::new(),
            CatchUp::Latest => {
                (late - 1..late).filter(|i| self.now.duration_since(passed[*i].due) <= task.grace).collect()
            }
            CatchUp::All(n) => (late.saturating_sub(n as usize)..late).collect(),
        };
        let mut missed: Vec<Occurrence> = Vec::new();
        for (i, occurrence) in passed.iter().enumerate() {
            let is_late = i < late;
            if is_late && !made_good.contains(&i) {
                missed.push(*occurrence);
                continue;
            }
            self.note_missed(&mut missed, std::mem::take(&mut dropped));
            let at = if is_late { self.now } else { occurrence.due };
            let (verdict, _) = self.verdict(occurrence, at);
            match verdict {
                Verdict::Admit => {
                    let id = self.admit(occurrence, is_late);
                    if is_late {
                        // Nobody was there when its deadlines passed.
                        self.note_passed(id, Timestamp::MIN);
                    }
                    admitted.push(id);
                }
                Verdict::Skip(reason) => self.skip(occurrence, reason, is_late),
            }
        }
        self.note_missed(&mut missed, dropped);
        self.tasks[ix.at()].planned_to = last;
        self.store_cursor(ix);
        self.schedule(ix);
    }

    /// Writes one row for a range of missed slots of one task.
    fn note_missed(&mut self, missed: &mut Vec<Occurrence>, dropped: u64) {
        let (Some(first), Some(last)) = (missed.first().copied(), missed.last().copied()) else { return };
        let covers = missed.len() as u64 + dropped;
        missed.clear();
        let mut run = self.new_run(&last, State::Skipped, true);
        run.reason = Some(Reason::GraceExpired);
        run.covers = covers;
        run.since = (covers > 1).then_some(first.slot);
        run.ended_at = Some(self.now);
        self.missed.note(&run, self.desk.task(run.task).right.trades());
        self.turn.changes.push(Change::Run(run));
    }

    fn cooldown_due(&mut self, ix: TaskIx, admitted: &mut Vec<RunId>) {
        let desk = Arc::clone(&self.desk);
        let task = desk.task(ix);
        let now = self.now;
        let fits = self.days.at(now).is_ok_and(|day| {
            let segment = day.at(now);
            phase_matches(task, segment.phase)
                && (task.filter.modes.is_empty() || task.filter.modes.contains(&segment.mode))
        });
        if !fits {
            // The moment passed while nobody was there.
            let due = self.context_entry(ix, now);
            self.index(ix, due);
            return;
        }
        let state = &mut self.tasks[ix.at()];
        state.turns += 1;
        let occurrence =
            Occurrence { task: ix, firing: 0, slot: Slot::Cooldown { n: state.turns }, due: now, dst_shifted: false };
        match self.verdict(&occurrence, now).0 {
            Verdict::Admit => {
                admitted.push(self.admit(&occurrence, false));
                self.store_cursor(ix);
            }
            Verdict::Skip(reason) => {
                self.skip(&occurrence, reason, false);
                self.tasks[ix.at()].last_turn = Some(now);
                self.store_cursor(ix);
                self.schedule(ix);
            }
        }
    }

    /// Returns the first instant from which phase and mode fit a task.
    fn context_entry(&mut self, ix: TaskIx, from: Timestamp) -> Option<Timestamp> {
        let desk = Arc::clone(&self.desk);
        let task = desk.task(ix);
        let from = from.max(self.now);
        if task.filter.phases.is_empty() && task.filter.modes.is_empty() {
            return Some(from);
        }
        let mut day = self.days.at(from).ok()?;
        for _ in 0..CONTEXT_DAYS {
            for segment in day.segments.iter().filter(|s| s.to > from) {
                if phase_matches(task, segment.phase)
                    && (task.filter.modes.is_empty() || task.filter.modes.contains(&segment.mode))
                {
                    return Some(segment.from.max(from));
                }
            }
            day = self.days.on(day.date.tomorrow().ok()?).ok()?;
        }
        None
    }

    pub(super) fn run_now(&mut self, id: u128, ix: TaskIx) {
        let occurrence =
            Occurrence { task: ix, firing: 0, slot: Slot::Manual { id }, due: self.now, dst_shifted: false };
        let note: Note = match self.verdict(&occurrence, self.now).0 {
            Verdict::Admit => {
                let run = self.admit(&occurrence, false);
                self.release_or_hold(run);
                format!("run {run}").into()
            }
            Verdict::Skip(reason) => {
                self.skip(&occurrence, reason, false);
                format!("skipped({reason})").into()
            }
        };
        self.turn.changes.push(Change::WishDone { id, note });
    }

    fn new_run(&mut self, o: &Occurrence, state: State, catchup: bool) -> Run {
        let id = RunId(self.next_run);
        self.next_run += 1;
        Run {
            id,
            task: o.task,
            slot: o.slot,
            due: o.due,
            priority: self.desk.task(o.task).firings.get(o.firing as usize).map_or(3, |f| f.priority),
            state,
            reason: None,
            outcome: None,
            attempt: 0,
            planned_at: self.now,
            started_at: None,
            ended_at: None,
            retry_at: None,
            catchup,
            dst_shifted: o.dst_shifted,
            covers: 1,
            since: None,
        }
    }

    pub(super) fn skip(&mut self, o: &Occurrence, reason: Reason, catchup: bool) {
        let mut run = self.new_run(o, State::Skipped, catchup);
        run.reason = Some(reason);
        run.ended_at = Some(self.now);
        self.remember_end(&run);
        self.turn.changes.push(Change::Run(run));
    }

    fn admit(&mut self, o: &Occurrence, catchup: bool) -> RunId {
        let run = self.new_run(o, State::Pending, catchup);
        let id = run.id;
        let date = o.slot.date(o.due, self.days.market());
        if self.desk.task(o.task).overlap == Overlap::Replace {
            let older: Vec<RunId> = self.tasks[o.task.at()].live.clone();
            for old in older {
                let live = self.live.get_mut(&old).expect("a task knows its live runs");
                if live.run.state == State::Running && !live.armed {
                    live.stopped_for = Some(Reason::Overlap);
                    self.turn.stops.push(old);
                } else {
                    self.withdraw(old, Reason::Overlap);
                }
            }
        }
        self.tasks[o.task.at()].live.push(id);
        self.live.insert(
            id,
            Live { run, date, held: false, armed: false, deadline: None, in_time: false, stopped_for: None },
        );
        self.watch_deadlines(id);
        id
    }

    /// Queues an admitted run, or holds it while something that must end first is not over.
    pub(super) fn release_or_hold(&mut self, id: RunId) {
        let Some(live) = self.live.get(&id) else { return };
        let due = live.run.due;
        match self.upstream_of(id) {
            Upstream::Ended => {
                self.store_run(id);
                self.enqueue(id);
            }
            Upstream::Failed => self.finish_skipped(id, Reason::UpstreamFailed),
            Upstream::Waiting => {
                let live = self.live.get_mut(&id).expect("looked up above");
                live.held = true;
                live.run.reason = Some(Reason::Gate);
                self.held.insert(id);
                self.store_run(id);
                // A reload has it judged again, and carries over how long it may still wait.
                if !self.timers.iter().any(|(_, timer, of)| *timer == Timer::GateTimeout && *of == id) {
                    self.set_timer(due.max(self.now) + self.settings.gate_timeout, Timer::GateTimeout, id);
                }
            }
        }
    }

    /// Looks again at runs that wait for something; called when a run has ended.
    pub(super) fn release_held(&mut self) {
        let held: Vec<RunId> = self.held.iter().copied().collect();
        for id in held {
            match self.upstream_of(id) {
                Upstream::Waiting => continue,
                Upstream::Failed => self.finish_skipped(id, Reason::UpstreamFailed),
                Upstream::Ended => {
                    self.held.remove(&id);
                    let live = self.live.get_mut(&id).expect("a held run is live");
                    live.held = false;
                    live.run.reason = None;
                    self.store_run(id);
                    self.enqueue(id);
                }
            }
        }
    }

    /// Asks of everything that must end before a run: is it over, and did it fail? Bound to the run's date; what has no slot that day, or only a later one, does not count.
    fn upstream_of(&self, id: RunId) -> Upstream {
        let live = &self.live[&id];
        let task = self.desk.task(live.run.task);
        if task.after.is_empty() || task.is_cooldown() || matches!(live.run.slot, Slot::Manual { .. }) {
            return Upstream::Ended;
        }
        let mut answer = Upstream::Ended;
        for other in self.live.values() {
            let up = self.desk.task(other.run.task);
            let before = other.date == live.date && other.run.due <= live.run.due && other.run.task != live.run.task;
            if before && !up.is_cooldown() && task.after.iter().any(|f| f == up.function()) {
                answer = Upstream::Waiting;
            }
        }
        let failed = |f: &String| {
            self.upstream
                .get(f)
                .copied()
                .flatten()
                .is_some_and(|e| e.failed && e.date == live.date && e.due <= live.run.due)
        };
        if answer == Upstream::Ended && task.after.iter().any(failed) { Upstream::Failed } else { answer }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Upstream {
    Ended,
    Failed,
    Waiting,
}

/// Returns the occurrences of a task at its earliest instant after another.
pub(crate) fn next_occurrences(
    task: &crate::task::Task,
    ix: TaskIx,
    after: Timestamp,
    days: &mut crate::days::Days,
) -> Vec<Occurrence> {
    let mut best: Vec<Occurrence> = Vec::new();
    for (i, firing) in task.firings.iter().enumerate() {
        let found = firing.next_after(ix, i as u16, task, after, days);
        let Some(due) = found.first().map(|o| o.due) else { continue };
        match best.first().map(|o| o.due) {
            Some(first) if first < due => {}
            Some(first) if first == due => best.extend(found),
            _ => best = found,
        }
    }
    best
}
