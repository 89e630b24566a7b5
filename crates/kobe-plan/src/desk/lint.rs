//! Warnings: tasks that would never run, words that can never match, tasks that do the same at the same time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp, ToSpan};
use kobe_calendar::{Market, Phase, WorkMode};

use super::problem::{Problem, Severity};
use super::reader::Reader;
use super::{Desk, SourceFile};
use crate::days::Days;
use crate::judge::{Facts, Verdict, judge, phase_matches};
use crate::scheduler::next_occurrences;
use crate::task::{Task, TaskIx};
use crate::trigger::{Every, Steps, Trigger};

/// How many slots of a filtered task are tried before it is said never to run.
const SLOTS_TRIED: usize = 800;

pub(super) fn lint(desk: &Desk, files: &[SourceFile], market: &Arc<Market>, from: Timestamp) -> Vec<Problem> {
    let mut days = Days::new(Arc::clone(market));
    let context = contexts(&mut days, from);
    let mut warnings: Vec<(TaskIx, String, String)> = Vec::new();
    let mut seen: BTreeMap<(String, String, String), TaskIx> = BTreeMap::new();
    for (ix, task) in desk.iter() {
        if task.is_cooldown() {
            dead_words(task, &context).into_iter().for_each(|(message, hint)| warnings.push((ix, message, hint)));
        } else if let Some((message, hint)) = never_fires(task, ix, from, &mut days) {
            warnings.push((ix, message, hint));
        }
        for firing in &task.firings {
            if matches!(firing.trigger, Trigger::Cooldown(_)) {
                continue;
            }
            let key = (format!("{:?}", task.work), format!("{} {}", task.days, firing.trigger), task.args.to_string());
            if let Some(first) = seen.get(&key) {
                let first = desk.task(*first);
                warnings.push((
                    ix,
                    format!(
                        "task `{}` does the same at the same time as `{}` ({})",
                        task.name, first.name, first.place
                    ),
                    "give one of them another time or other args, or remove it".into(),
                ));
            } else {
                seen.insert(key, ix);
            }
        }
    }
    let mut readers: BTreeMap<&str, Reader<'_>> =
        files.iter().map(|f| (f.name.as_str(), Reader::new(&f.name, &f.text))).collect();
    for (ix, message, hint) in warnings {
        let place = &desk.task(ix).place;
        if let Some(reader) = readers.get_mut(place.file.as_str()) {
            let (start, width) = reader.span_at(place, desk.task(ix).name.len() + 2);
            reader.problem(Severity::Warning, start..start + width, message, Some(hint));
        }
    }
    let mut all: Vec<Problem> = readers.into_values().flat_map(|r| r.problems).collect();
    all.sort_by(|a, b| (&a.place.file, a.place.line).cmp(&(&b.place.file, b.place.line)));
    all
}

/// Every pair of phase and mode that occurs within a year and a half.
fn contexts(days: &mut Days, from: Timestamp) -> BTreeSet<(Phase, WorkMode)> {
    let mut found = BTreeSet::new();
    let mut date = days.market().date_of(from);
    for _ in 0..550 {
        if let Ok(day) = days.on(date) {
            found.extend(day.segments.iter().map(|s| (s.phase, s.mode)));
        }
        let Ok(next) = date.checked_add(1.day()) else { break };
        date = next;
    }
    found
}

fn dead_words(task: &Task, context: &BTreeSet<(Phase, WorkMode)>) -> Vec<(String, String)> {
    let mode_fits = |mode: WorkMode| task.filter.modes.is_empty() || task.filter.modes.contains(&mode);
    let mut found = Vec::new();
    if !context.iter().any(|(phase, mode)| phase_matches(task, *phase) && mode_fits(*mode)) {
        return vec![(
            format!("task `{}` never fires: its phases and modes never meet", task.name),
            "`kobe awareness --at T` shows phase and mode of any moment".into(),
        )];
    }
    for phase in &task.filter.phases {
        if !context.iter().any(|(p, m)| p == phase && mode_fits(*m)) {
            found.push((
                format!("phase `{phase}` of task `{}` never meets one of its modes", task.name),
                "remove the phase, or add a mode that occurs in it".into(),
            ));
        }
    }
    for mode in &task.filter.modes {
        if !context.iter().any(|(p, m)| m == mode && phase_matches(task, *p)) {
            found.push((
                format!("mode `{mode}` of task `{}` never meets one of its phases", task.name),
                "remove the mode, or add a phase in which it occurs".into(),
            ));
        }
    }
    found
}

fn never_fires(task: &Task, ix: TaskIx, from: Timestamp, days: &mut Days) -> Option<(String, String)> {
    if !task.enabled {
        return None;
    }
    let mut after = from;
    let mut last_reason = None;
    let filtered = !task.filter.phases.is_empty()
        || !task.filter.modes.is_empty()
        || !task.filter.tags.is_empty()
        || !task.filter.without_tags.is_empty()
        || task.right.trades()
        || task.useless_after.is_some();
    for _ in 0..SLOTS_TRIED {
        let next = next_occurrences(task, ix, after, days);
        let Some(due) = next.first().map(|o| o.due) else {
            return match last_reason {
                None => Some((
                    format!("task `{}` never fires: it names no instant after {from}", task.name),
                    hint_of(task).into(),
                )),
                Some(_) => None,
            };
        };
        if !filtered {
            return None;
        }
        for occurrence in &next {
            let (Ok(day), Ok(day_at)) = (days.at(due), days.at(due)) else { return None };
            match judge(task, occurrence, &Facts { day: &day, at: due, day_at: &day_at, standing: None, live: 0 }) {
                Verdict::Admit => return None,
                Verdict::Skip(reason) => last_reason = Some(reason),
            }
        }
        // A dense interval is sampled: the answer depends on the part of the day, not on the second.
        after = match task.firings.first().map(|f| &f.trigger) {
            Some(Trigger::Every(Every { period, .. }) | Trigger::Steps(Steps { period, .. }))
                if *period < SignedDuration::from_mins(15) =>
            {
                due + SignedDuration::from_mins(14)
            }
            _ => due,
        };
    }
    let reason = last_reason?;
    Some((
        format!("task `{}` never runs: its next {SLOTS_TRIED} slots are all skipped({reason})", task.name),
        "`kobe why TASK --on DATE` shows every condition of a slot".into(),
    ))
}

fn hint_of(task: &Task) -> &'static str {
    match task.firings.first().map(|f| &f.trigger) {
        Some(Trigger::Once(_)) => "its moment is past; remove the task or give it a later one",
        Some(Trigger::Every(_)) => "its window is empty, or never begins on its days",
        Some(Trigger::On(_) | Trigger::Steps(_)) => {
            "its venue has no such session, its steps all fall into a break, or its calendar ends before; see `kobe calendar sessions`"
        }
        Some(Trigger::Cron(_)) => "no date matches the expression; `30 2 30 2 *` is such a one",
        _ => "its days and times never meet",
    }
}
