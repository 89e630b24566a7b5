//! Differences: what changes when one desk takes the place of another.
//!
//! Rule: fire times first. Both desks are planned over the same days with the same triggers and verdicts as the machine has; then every setting is compared by its name.
//! A task is known by its name, so a task that was renamed is one that is gone and one that is new. Nothing here decides whether the change is wanted. Start at [`diff`];
//! [`Diff::summary`] says it in one line.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use kobe_calendar::{CalendarError, Market};

use crate::desk::Desk;
use crate::judge::{Standing, Verdict};
use crate::slot::Slot;
use crate::task::{Lane, Task, TaskClock, TaskIx, UselessAfter, Work, priority_word};
use crate::trigger::duration_text;
use crate::view::{Selection, plan};

/// One of the two desks, with what keeps its tasks from running in this build.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// The desk.
    pub desk: &'a Desk,
    /// Why a task as a whole does not run here; nothing if it may.
    pub standing: &'a dyn Fn(TaskIx) -> Option<Standing>,
}

/// One slot of one of the desks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firing {
    /// The slot.
    pub slot: Slot,
    /// When it is due.
    pub due: Timestamp,
    /// The trigger that names it, as desk files have it.
    pub trigger: String,
    /// The verdict on the facts that are known ahead.
    pub verdict: Verdict,
}

/// A slot that only one of the desks has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Single {
    /// Whose.
    pub task: String,
    /// The slot; nothing for a task that is driven by context and has none on the clock.
    pub firing: Option<Firing>,
}

/// A slot that both desks have, differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// Whose.
    pub task: String,
    /// In the first desk.
    pub before: Firing,
    /// In the second.
    pub after: Firing,
}

/// A setting that differs.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Setting {
    /// Its name, as desk files have it where they have one.
    pub field: String,
    /// Its value in the first desk; nothing where the first desk does not have it.
    pub before: Option<String>,
    /// Its value in the second.
    pub after: Option<String>,
}

/// A task whose settings differ.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Changed {
    /// Which.
    pub task: String,
    /// What differs, in the order of the reference.
    pub settings: Vec<Setting>,
}

/// All that changes from one desk to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diff {
    /// The first day that was compared.
    pub from: Date,
    /// The last.
    pub to: Date,
    /// Tasks that only the second desk has, in the order of its files.
    pub new_tasks: Vec<String>,
    /// Tasks that only the first desk has, in the order of its files.
    pub gone_tasks: Vec<String>,
    /// Slots that only the second desk has, by instant, then by task. Tasks without a clock stand at the end.
    pub added: Vec<Single>,
    /// Slots that only the first desk has.
    pub removed: Vec<Single>,
    /// Slots of days on which a task has as many slots as before, at other instants. They are paired in order.
    pub moved: Vec<Pair>,
    /// Slots at the same instant with another verdict.
    pub verdicts: Vec<Pair>,
    /// Tasks of both desks whose settings differ. Days and trigger are left out where moved slots already tell of them.
    pub changed: Vec<Changed>,
    /// Settings of the desk itself: name, zone, exchange, lanes, windows.
    pub desk: Vec<Setting>,
}

impl Diff {
    /// Tells whether nothing differs.
    pub fn is_empty(&self) -> bool {
        let Diff { from: _, to: _, new_tasks, gone_tasks, added, removed, moved, verdicts, changed, desk } = self;
        new_tasks.is_empty()
            && gone_tasks.is_empty()
            && added.is_empty()
            && removed.is_empty()
            && moved.is_empty()
            && verdicts.is_empty()
            && changed.is_empty()
            && desk.is_empty()
    }

    /// Says all of it in one line: `3 added, 1 removed, 2 moved until 2026-11-30; settings of 4 tasks`.
    pub fn summary(&self) -> String {
        let some = |n: usize, what: &str| (n > 0).then(|| format!("{n} {what}"));
        let times: Vec<String> = [
            some(self.added.len(), "added"),
            some(self.removed.len(), "removed"),
            some(self.moved.len(), "moved"),
            some(self.verdicts.len(), "with another verdict"),
        ]
        .into_iter()
        .flatten()
        .collect();
        let count = |n: usize, one: &str| if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") };
        let mut parts = vec![match times.as_slice() {
            [] => format!("no fire time changes until {}", self.to),
            some => format!("{} until {}", some.join(", "), self.to),
        }];
        let (new, gone) = (self.new_tasks.len(), self.gone_tasks.len());
        parts.extend((new > 0).then(|| format!("{} new", count(new, "task"))));
        parts.extend((gone > 0).then(|| format!("{} gone", count(gone, "task"))));
        parts.extend((!self.changed.is_empty()).then(|| format!("settings of {}", count(self.changed.len(), "task"))));
        parts.extend((!self.desk.is_empty()).then(|| format!("{} of the desk", count(self.desk.len(), "setting"))));
        parts.join("; ")
    }
}

/// Returns all that changes from one desk to another, fire times from the beginning of one date to the end of another.
///
/// # Errors
/// [`CalendarError`] when a date lies outside the calendar.
pub fn diff(
    before: Side<'_>,
    after: Side<'_>,
    market: &Arc<Market>,
    from: Date,
    to: Date,
) -> Result<Diff, CalendarError> {
    let mut found = Diff {
        from,
        to,
        new_tasks: names(&after).filter(|name| before.desk.find(name).is_none()).collect(),
        gone_tasks: names(&before).filter(|name| after.desk.find(name).is_none()).collect(),
        added: Vec::new(),
        removed: Vec::new(),
        moved: Vec::new(),
        verdicts: Vec::new(),
        changed: Vec::new(),
        desk: desk_settings(before.desk, after.desk),
    };
    let (old, new) = (firings(&before, market, from, to)?, firings(&after, market, from, to)?);
    let keys: BTreeSet<&(String, Date)> = old.keys().chain(new.keys()).collect();
    for key in keys {
        let none = Vec::new();
        day(&mut found, &key.0, old.get(key).unwrap_or(&none), new.get(key).unwrap_or(&none));
    }
    found.added.sort_by(|a, b| order(a).cmp(&order(b)));
    found.removed.sort_by(|a, b| order(a).cmp(&order(b)));
    for list in [&mut found.moved, &mut found.verdicts] {
        list.sort_by(|a, b| (a.after.due, &a.task).cmp(&(b.after.due, &b.task)));
    }
    for (list, side, other) in [(&mut found.added, &after, &before), (&mut found.removed, &before, &after)] {
        let clockless = |desk: &Desk, name: &str| desk.find(name).is_some_and(|ix| desk.task(ix).is_cooldown());
        let only = side.desk.tasks.iter().filter(|task| task.is_cooldown() && !clockless(other.desk, &task.name));
        list.extend(only.map(|task| Single { task: task.name.clone(), firing: None }));
    }
    let touched: BTreeSet<&str> = found
        .added
        .iter()
        .chain(&found.removed)
        .map(|single| single.task.as_str())
        .chain(found.moved.iter().map(|pair| pair.task.as_str()))
        .collect();
    let mut changed = Vec::new();
    for task in &after.desk.tasks {
        let Some(ix) = before.desk.find(&task.name) else { continue };
        let mut settings = differing(task_settings(before.desk.task(ix)), task_settings(task));
        if touched.contains(task.name.as_str()) {
            settings.retain(|setting| setting.field != "trigger" && setting.field != "days");
        }
        if !settings.is_empty() {
            changed.push(Changed { task: task.name.clone(), settings });
        }
    }
    found.changed = changed;
    Ok(found)
}

fn names<'a>(side: &Side<'a>) -> impl Iterator<Item = String> + use<'a> {
    side.desk.tasks.iter().map(|task| task.name.clone())
}

fn order(single: &Single) -> (Option<Timestamp>, &str) {
    (single.firing.as_ref().map(|firing| firing.due), &single.task)
}

/// Returns the slots of a desk by task and day, each list in order of time.
fn firings(
    side: &Side<'_>,
    market: &Arc<Market>,
    from: Date,
    to: Date,
) -> Result<BTreeMap<(String, Date), Vec<Firing>>, CalendarError> {
    let mut found: BTreeMap<(String, Date), Vec<Firing>> = BTreeMap::new();
    for planned in plan(side.desk, market, from, to, &Selection::default(), side.standing)? {
        let (Some(occurrence), Some(verdict)) = (planned.occurrence, planned.verdict) else { continue };
        let task = side.desk.task(planned.task);
        let trigger = task.firings[occurrence.firing as usize].trigger.to_string();
        let firing = Firing { slot: occurrence.slot, due: occurrence.due, trigger, verdict };
        found.entry((task.name.clone(), market.date_of(occurrence.due))).or_default().push(firing);
    }
    Ok(found)
}

/// Compares the slots of one task on one day: what is due at the same instant is the same slot, for an operator.
fn day(found: &mut Diff, task: &str, old: &[Firing], new: &[Firing]) {
    let (mut gone, mut come) = (Vec::new(), Vec::new());
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        match (old.get(i), new.get(j)) {
            (Some(before), Some(after)) if before.due == after.due => {
                if before.verdict != after.verdict {
                    found.verdicts.push(Pair { task: task.into(), before: before.clone(), after: after.clone() });
                }
                (i, j) = (i + 1, j + 1);
            }
            (Some(before), other) if other.is_none_or(|after| before.due < after.due) => {
                gone.push(before.clone());
                i += 1;
            }
            (_, Some(after)) => {
                come.push(after.clone());
                j += 1;
            }
            _ => break,
        }
    }
    if gone.len() == come.len() {
        let pairs = gone.into_iter().zip(come);
        found.moved.extend(pairs.map(|(before, after)| Pair { task: task.into(), before, after }));
        return;
    }
    let single = |firing| Single { task: task.into(), firing: Some(firing) };
    found.removed.extend(gone.into_iter().map(single));
    found.added.extend(come.into_iter().map(single));
}

type Settings = Vec<(String, String)>;

/// Returns what differs between two lists of settings, in the order of the second, what only the first has at the end.
fn differing(before: Settings, after: Settings) -> Vec<Setting> {
    let mut old: BTreeMap<String, String> = before.iter().cloned().collect();
    let mut found = Vec::new();
    for (field, value) in after {
        let was = old.remove(&field);
        if was.as_ref() != Some(&value) {
            found.push(Setting { field, before: was, after: Some(value) });
        }
    }
    for (field, _) in before {
        if let Some(was) = old.remove(&field) {
            found.push(Setting { field, before: Some(was), after: None });
        }
    }
    found
}

fn desk_settings(before: &Desk, after: &Desk) -> Vec<Setting> {
    let all = |desk: &Desk| {
        let mut list: Settings = vec![
            ("name".into(), desk.name.clone()),
            ("zone".into(), desk.zone.clone()),
            ("exchange".into(), desk.exchange.clone()),
        ];
        for lane in Lane::ALL {
            list.push((format!("lanes.{lane}.workers"), desk.lane(*lane).workers.to_string()));
            list.push((format!("lanes.{lane}.queue"), desk.lane(*lane).queue.to_string()));
        }
        for window in &desk.windows {
            let name = &window.name;
            list.push((format!("windows.{name}"), format!("{} to {}", window.from, window.to)));
            list.push((format!("windows.{name}.days"), window.days.to_string()));
            list.push((format!("windows.{name}.entries"), window.entries.to_string()));
            list.push((format!("windows.{name}.rule"), window.rule.clone()));
        }
        list
    };
    differing(all(before), all(after))
}

/// Returns every setting of a task as text. A field that joins [`Task`] has to be named here: this does not compile without it.
fn task_settings(task: &Task) -> Settings {
    let Task {
        name: _,
        does,
        group,
        work,
        firings,
        days,
        clock,
        filter,
        on_holiday,
        lane,
        stage,
        right,
        session_bound,
        heavy,
        timeout,
        retry,
        catch_up,
        grace,
        overlap,
        useless_after,
        gap,
        fold,
        idempotent,
        after,
        args,
        start_by,
        finish_by,
        enabled,
        owner,
        severity,
        runbook,
        place: _,
    } = task;
    let mut list = Settings::new();
    let mut say = |field: &str, value: String| list.push((field.to_owned(), value));
    match work {
        Work::Call(function) => say("call", function.clone()),
        Work::Command(words) => say("command", words.join(" ")),
    }
    say("trigger", each(firings, |firing| firing.trigger.to_string()));
    say("priority", same(firings, |firing| priority_word(firing.priority)));
    say("on_half_day", same(firings, |firing| firing.on_half_day.to_string()));
    say("days", days.to_string());
    say("on_holiday", on_holiday.to_string());
    say("phases", any(&filter.phases));
    say("modes", any(&filter.modes));
    let without = filter.without_tags.iter().map(|tag| format!("!{tag}"));
    let tags: Vec<String> = filter.tags.iter().map(ToString::to_string).chain(without).collect();
    say("tags", any(&tags));
    say("lane", lane.to_string());
    say("stage", stage.map_or("none".into(), |stage| stage.to_string()));
    say("right", right.to_string());
    say("timeout", duration_text(*timeout));
    say("retries", retry.limit.to_string());
    say("backoff", duration_text(retry.backoff));
    say("catch_up", catch_up.to_string());
    say("grace", duration_text(*grace));
    say("overlap", overlap.to_string());
    say(
        "useless_after",
        match useless_after {
            None => "never".into(),
            Some(UselessAfter::Later(length)) => format!("+{}", duration_text(*length)),
            Some(UselessAfter::Moment(moment)) => moment.to_string(),
        },
    );
    say("start_by", start_by.map_or("none".into(), duration_text));
    say("finish_by", finish_by.map_or("none".into(), duration_text));
    say("gap", gap.to_string());
    say("fold", fold.to_string());
    say("idempotent", idempotent.to_string());
    say("heavy", heavy.to_string());
    say("session_bound", session_bound.to_string());
    say("after", if after.is_empty() { "none".into() } else { after.join(", ") });
    say(
        "exchange",
        match clock {
            TaskClock::Market => "the desk's".into(),
            TaskClock::Always => "24x7".into(),
        },
    );
    say("args", args.to_string());
    say("enabled", enabled.to_string());
    say("owner", owner.clone());
    say("severity", severity.to_string());
    say("runbook", runbook.clone());
    say("group", group.clone());
    say("does", does.clone());
    list
}

fn any<T: std::fmt::Display>(words: &[T]) -> String {
    if words.is_empty() { "any".into() } else { words.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ") }
}

fn each<T>(items: &[T], word: impl Fn(&T) -> String) -> String {
    items.iter().map(word).collect::<Vec<_>>().join(", ")
}

/// Returns one word where all items have the same, else the word of each.
fn same<T>(items: &[T], word: impl Fn(&T) -> String) -> String {
    let mut words: Vec<String> = items.iter().map(word).collect();
    if words.windows(2).all(|two| two[0] == two[1]) {
        words.truncate(1);
    }
    words.join(", ")
}

#[cfg(test)]
mod tests;
