//! The account of slots: every step of a task between its first and its last has exactly one row, or stands in one range.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use kobe_plan::State;
use kobe_store::{Reader, RunFilter, RunRow};
use serde_json::Value;

/// Every row of runs.
pub fn rows(state: &Path) -> Vec<RunRow> {
    let reader = Reader::open(state).unwrap_or_else(|e| panic!("{e}")).expect("there is a database");
    let all = RunFilter { task: None, state: None, reason: None, date: None, limit: usize::MAX };
    reader.runs(&all).unwrap_or_else(|e| panic!("{e}"))
}

/// Fails if a slot of a task that fires every second is lost, or has two rows. Returns how many slots there are.
///
/// What was asked for by hand has no place on the clock and is left out.
pub fn every_second_has_one_row(rows: &[RunRow]) -> u64 {
    let mut by_task: BTreeMap<&str, Vec<&RunRow>> = BTreeMap::new();
    for row in rows.iter().filter(|row| !row.slot.starts_with("manual:")) {
        by_task.entry(&row.task).or_default().push(row);
    }
    let mut all = 0;
    for (task, rows) in by_task {
        let (mut slots, mut covered) = (BTreeSet::new(), 0);
        let (mut first, mut last) = (i64::MAX, i64::MIN);
        for row in &rows {
            assert!(slots.insert(&row.slot), "{task} has two rows for {}", row.slot);
            covered += row.covers as i64;
            let instant = |slot: &str| slot.parse().unwrap_or_else(|e| panic!("{task}: slot {slot}: {e}"));
            let since: jiff::Timestamp = row.since_slot.as_deref().map_or(row.due, instant);
            first = first.min(since.as_second());
            last = last.max(row.due.as_second());
        }
        let expected = last - first + 1;
        assert_eq!(covered, expected, "{task}: every second from {first} to {last} has exactly one row or range");
        all += covered as u64;
    }
    all
}

/// Fails if a run that an event told of is not in the database, or is not as it was told when it was over.
pub fn what_was_told_is_there(events: &[Value], rows: &[RunRow]) {
    let rows: BTreeMap<u64, &RunRow> = rows.iter().map(|row| (row.id, row)).collect();
    for event in events {
        let Some(id) = event["run"].as_u64() else { continue };
        let row = rows.get(&id).unwrap_or_else(|| panic!("told, and not there: {event}"));
        assert_eq!(Value::from(row.task.as_str()), event["task"], "run {id}");
        assert_eq!(Value::from(row.slot.as_str()), event["slot"], "run {id}");
        let told: State = event["state"].as_str().and_then(|s| s.parse().ok()).expect("a state");
        if told.is_terminal() {
            assert_eq!(row.state, told, "what is over never changes: {event}");
        }
    }
}

/// Fails if an attempt was started twice, or one was started that has no row. `notes` are lines of task, slot and attempt, as the programs wrote them.
pub fn each_attempt_began_once(notes: &str, rows: &[RunRow]) {
    let rows: BTreeMap<(&str, &str), &RunRow> =
        rows.iter().map(|row| ((row.task.as_str(), row.slot.as_str()), row)).collect();
    let mut seen = BTreeSet::new();
    for line in notes.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [task, slot, attempt, ..] = words[..] else { panic!("no note: {line}") };
        assert!(seen.insert((task, slot, attempt)), "started twice: {line}");
        let row = rows.get(&(task, slot)).unwrap_or_else(|| panic!("no row for {line}"));
        assert!(attempt.parse::<u32>().is_ok_and(|n| n <= row.attempt), "{line}: the row has {} attempts", row.attempt);
    }
}
