//! What the rows of runs say about each task, kept up to date by reading only what may have changed.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use kobe_calendar::Market;
use kobe_engine::StoreError;
use kobe_plan::trigger::Trigger;
use kobe_plan::{Desk, State};
use serde_json::{Map, Value, json};

use super::heartbeat::object;
use crate::{Reader, RunRow};

/// Rows read at a time.
const PAGE: usize = 4_096;

/// Dates of which runs are shown.
const DATES_SHOWN: usize = 2;

/// Runs that are shown, the newest: a day of the desk has as many, and a dense one must not grow the file and this process from hour to hour.
const RUNS_SHOWN: usize = 1_024;

/// All that is known of runs so far.
#[derive(Debug, Default)]
pub(super) struct Runs {
    /// Every run below this number is over and counted; nothing before the first reading.
    settled: Option<u64>,
    /// Runs from there on that are counted already.
    counted: BTreeSet<u64>,
    tasks: BTreeMap<String, TaskSeen>,
    /// What became of each run, by date.
    days: BTreeMap<Date, BTreeMap<String, String>>,
    last_started: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct TaskSeen {
    /// Number, state and attempts of the newest run.
    newest: Option<(u64, State, u32)>,
    last_started: Option<Timestamp>,
    /// Runs that were executed and came to an end.
    executed: u64,
    last_error: Option<String>,
    last_result: Option<(String, String)>,
}

impl Runs {
    /// Reads the runs that may have changed since the last time.
    pub(super) fn read(&mut self, reader: &Reader, market: &Market) -> Result<(), StoreError> {
        let mut from = match self.settled {
            Some(settled) => settled,
            None => self.begin(reader)?,
        };
        let mut settled = None;
        loop {
            let page = reader.runs_from(from, PAGE)?;
            let Some(last) = page.last().map(|run| run.id) else { break };
            for run in &page {
                if !run.state.is_terminal() && settled.is_none() {
                    settled = Some(run.id);
                }
                self.see(run, market);
            }
            from = last + 1;
        }
        let settled = settled.unwrap_or(from);
        self.settled = Some(settled);
        self.counted = self.counted.split_off(&settled);
        while self.days.len() > DATES_SHOWN {
            self.days.pop_first();
        }
        Ok(())
    }

    /// Learns of the long past in sums, and returns the number from which each run is read.
    fn begin(&mut self, reader: &Reader) -> Result<u64, StoreError> {
        *self = Runs::default();
        let from = reader.recent_from(DATES_SHOWN)?;
        for (task, executed, last_started) in reader.executed_below(from)? {
            let seen = self.tasks.entry(task).or_default();
            (seen.executed, seen.last_started) = (executed, last_started);
            self.last_started = self.last_started.max(last_started);
        }
        for run in reader.errors_below(from)? {
            self.tasks.entry(run.task.clone()).or_default().last_error = Some(said(&run).to_owned());
        }
        for (task, run) in reader.latest_runs()? {
            let seen = self.tasks.entry(task).or_default();
            seen.newest = Some((run.id, run.state, run.attempt));
            seen.last_result = run.outcome.map(|outcome| (outcome, run.note));
        }
        Ok(from)
    }

    fn see(&mut self, run: &RunRow, market: &Market) {
        let seen = self.tasks.entry(run.task.clone()).or_default();
        if seen.newest.is_none_or(|(id, ..)| id <= run.id) {
            seen.newest = Some((run.id, run.state, run.attempt));
        }
        let begun = run.started_at.filter(|_| run.attempt > 0);
        seen.last_started = seen.last_started.max(begun);
        self.last_started = self.last_started.max(begun);
        if run.state.is_terminal() && self.counted.insert(run.id) && run.attempt > 0 {
            seen.executed += 1;
        }
        if let Some(outcome) = &run.outcome {
            if matches!(outcome.as_str(), "error" | "timed_out" | "lost") {
                seen.last_error = Some(said(run).to_owned());
            }
            seen.last_result = Some((outcome.clone(), run.note.clone()));
        }
        let oldest_shown = self.days.keys().rev().nth(DATES_SHOWN - 1).copied();
        if oldest_shown.is_none_or(|date| date <= run.slot_date) {
            let time = market.local(run.due).strftime("%H:%M");
            let word = match (run.state, run.reason, &run.outcome) {
                (State::Completed, _, Some(outcome)) => outcome.clone(),
                (State::Skipped, Some(reason), _) => format!("skipped({reason})"),
                (state, ..) => state.to_string(),
            };
            let key = format!("{}|{time}|{}", run.slot_date, run.task);
            self.days.entry(run.slot_date).or_default().insert(key, word);
            self.forget_the_oldest();
        }
    }

    /// Keeps no more runs than are shown.
    fn forget_the_oldest(&mut self) {
        let shown: usize = self.days.values().map(BTreeMap::len).sum();
        for _ in RUNS_SHOWN..shown {
            let Some(mut oldest) = self.days.first_entry() else { return };
            oldest.get_mut().pop_first();
            if oldest.get().is_empty() {
                oldest.remove();
            }
        }
    }

    pub(super) fn last_started(&self) -> Option<Timestamp> {
        self.last_started
    }

    /// Returns what `scheduler_state.json` shows.
    pub(super) fn scheduler_state(
        &self,
        desk: &Desk,
        local: &dyn Fn(Timestamp) -> String,
        at: Timestamp,
    ) -> Map<String, Value> {
        let last: Map<String, Value> = self
            .tasks
            .iter()
            .filter_map(|(task, seen)| Some((task.clone(), Value::String(local(seen.last_started?)))))
            .collect();
        let runs: Map<String, Value> =
            self.days.values().flatten().map(|(key, word)| (key.clone(), Value::String(word.clone()))).collect();
        let recurring = desk.tasks.iter().filter(|task| task.is_cooldown()).count();
        object(json!({
            "last_execution": last,
            "total_tasks": desk.tasks.len() - recurring,
            "recurring_tasks": recurring,
            "runs": runs,
            "updated_at": local(at),
        }))
    }

    /// Returns what `task_queue.json` shows: the tasks that are driven by phase and mode.
    pub(super) fn task_queue(
        &self,
        desk: &Desk,
        local: &dyn Fn(Timestamp) -> String,
        at: Timestamp,
    ) -> Map<String, Value> {
        let none = TaskSeen::default();
        let tasks = desk.tasks.iter().filter_map(|task| {
            let cooldown = task.firings.iter().find_map(|firing| match &firing.trigger {
                Trigger::Cooldown(period) => Some(period.as_secs()),
                _ => None,
            })?;
            let seen = self.tasks.get(&task.name).unwrap_or(&none);
            let (status, attempt) = seen.newest.map_or((State::Pending, 0), |(_, state, attempt)| (state, attempt));
            let minutes = if cooldown % 60 == 0 { json!(cooldown / 60) } else { json!(cooldown as f64 / 60.0) };
            let words = |list: Vec<String>| Value::from(list);
            Some(json!({
                "id": task.name,
                "name": task.name,
                "category": task.lane,
                "priority": task.priority(),
                "description": task.does,
                "handler": task.function(),
                "params": task.args,
                "scheduled_time": null,
                "valid_phases": words(task.filter.phases.iter().map(ToString::to_string).collect()),
                "valid_modes": words(task.filter.modes.iter().map(ToString::to_string).collect()),
                "cooldown_minutes": minutes,
                "status": status,
                "last_run": seen.last_started.map(local),
                "run_count": seen.executed,
                "recurring": true,
                "retry_count": attempt.saturating_sub(1),
                "last_error": seen.last_error,
                "last_result": seen.last_result.as_ref().map(|(outcome, note)| json!({"outcome": outcome, "note": note})),
            }))
        });
        object(json!({ "updated_at": local(at), "tasks": tasks.collect::<Vec<_>>() }))
    }
}

/// Returns what the last attempt of a run said, at least its outcome.
fn said(run: &RunRow) -> &str {
    if run.note.is_empty() { run.outcome.as_deref().unwrap_or_default() } else { &run.note }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kobe_engine::{Batch, Store as _};
    use kobe_plan::run::CursorRow;
    use kobe_plan::{Catalog, Change, Outcome, Run, RunId, Slot, SourceFile, TaskIx};

    #[test]
    fn a_dense_day_shows_its_newest_runs_and_no_more() {
        let date: Date = "2026-11-23".parse().expect("a date");
        let mut runs = Runs::default();
        for n in 0..RUNS_SHOWN + 500 {
            runs.days
                .entry(date)
                .or_default()
                .insert(format!("{date}|{:02}:{:02}|t{n:05}", n / 600, n / 10 % 60), "ok".into());
            runs.forget_the_oldest();
        }
        let shown = &runs.days[&date];
        assert_eq!(shown.len(), RUNS_SHOWN);
        assert!(shown.keys().next().is_some_and(|first| first.ends_with("t00500")), "the oldest are gone");
        assert!(shown.keys().last().is_some_and(|last| last.ends_with(&format!("t{:05}", RUNS_SHOWN + 499))));
    }

    #[test]
    fn what_is_read_again_is_counted_once() {
        let text = "[[group]]\nname = \"g\"\n[[group.task]]\nname = \"often\"\ncommand = [\"x\"]\ncooldown = \"5m\"\n";
        let files = [SourceFile { name: "t.toml".into(), text: text.into() }];
        let desk = Desk::parse(&files, &Catalog::new()).unwrap_or_else(|p| panic!("{}", p[0]));
        let market = Market::bundled().expect("bundled rules are sound");
        let at: Timestamp = "2026-11-23T15:00:00Z".parse().expect("an instant");
        let dir = tempfile::tempdir().expect("a directory");
        let opening = crate::Opening { now: at, build: "test", calendar: "test", tzdb: "test" };
        let mut store = crate::SqliteStore::open(dir.path(), &opening).unwrap_or_else(|e| panic!("{e}"));
        let reader = Reader::open(dir.path()).unwrap_or_else(|e| panic!("{e}")).expect("a database");
        let mut runs = Runs::default();
        let mut put = |rows: &[(u64, State)]| {
            let change = |(id, state): &(u64, State)| {
                let over = state.is_terminal();
                Change::Run(Run {
                    id: RunId(*id),
                    task: TaskIx(0),
                    slot: Slot::Cooldown { n: *id },
                    due: at,
                    priority: 3,
                    state: *state,
                    reason: None,
                    outcome: over.then(|| Outcome::Ok("".into())),
                    attempt: 1,
                    planned_at: at,
                    started_at: Some(at),
                    ended_at: over.then_some(at),
                    retry_at: None,
                    catchup: false,
                    dst_shifted: false,
                    covers: 1,
                    since: None,
                })
            };
            let mut changes: Vec<Change> = rows.iter().map(change).collect();
            changes.push(Change::Cursor(CursorRow { task: TaskIx(0), planned_to: at, turns: 9, last_turn: None }));
            store.commit(&Batch { desk: &desk, at, changes: &changes, journal: &[] }).unwrap_or_else(|e| panic!("{e}"));
            runs.read(&reader, &market).unwrap_or_else(|e| panic!("{e}"));
            let seen = &runs.tasks["often"];
            (seen.executed, seen.newest.map(|(id, state, _)| (id, state)))
        };
        use State::{Completed, Running};
        /// Rows that are written, where the reading begins, what is found first.
        type Step<'a> = (&'a [(u64, State)], u64, (u64, State));
        let steps: [Step<'_>; 4] = [
            (&[(1, Completed), (2, Running), (3, Completed)], 2, (3, Completed)),
            (&[(4, Completed)], 3, (4, Completed)),
            (&[(2, Completed), (5, Running)], 4, (5, Running)),
            (&[(5, Completed)], 5, (5, Completed)),
        ];
        for (rows, executed, newest) in steps {
            assert_eq!(put(rows), (executed, Some(newest)), "{rows:?}");
        }
    }
}
